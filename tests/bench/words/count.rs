//! How many instructions the words take: runs each case once, after some runs to warm up, in a function that callgrind
//! looks for. `tests/bench/instructions` starts it, and reads what callgrind counted.

mod cases;

/// Runs before the one that is counted: what is made once at the first use has then been made.
const WARM_UP: usize = 3;

fn main() {
    for case in cases::all() {
        for _ in 0..WARM_UP {
            (case.prepare)()();
        }
        let run = (case.prepare)();
        counted(run);
        println!("{}", case.name);
    }
}

/// What callgrind counts: from here to its end, and one part of its output for each call.
#[inline(never)]
fn counted(run: Box<dyn FnOnce()>) {
    run();
}

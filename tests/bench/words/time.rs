//! How long the words take: `tests/bench/words/run`.

mod cases;

use cases::{Case, all};

fn main() {
    divan::main();
}

fn names() -> Vec<String> {
    all().into_iter().map(|case| case.name).collect()
}

#[divan::bench(args = names())]
fn words(bencher: divan::Bencher<'_, '_>, name: &str) {
    let Case { prepare, .. } = all().into_iter().find(|case| case.name == name).expect("one of the names");
    bencher.with_inputs(prepare).bench_local_values(|run| run());
}

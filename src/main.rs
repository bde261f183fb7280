//! The program: a command line that ends in an exit code.

use std::process::ExitCode;

/// Also for SQLite's own allocations. docs/bench/http.md has the figures: beside mimalloc and the system's allocator it
/// took the least time of a core for each delivery, and of memory no more than a little above the system's.
#[global_allocator]
static ALLOCATOR: tikv_jemallocator::Jemalloc = tikv_jemallocator::Jemalloc;

fn main() -> ExitCode {
    countersign::cli::main()
}

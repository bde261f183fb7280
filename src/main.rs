//! The program: a command line that ends in an exit code.

use std::process::ExitCode;

/// docs/bench/http.md has the figures: it takes less of a core for each delivery than mimalloc or the system's allocator, and
/// little more memory than the system's. For Rust alone: in place of C's `malloc` as well, it waits for itself for ever as
/// soon as a library that is loaded before it allocates while it reads the clock (libfaketime does).
#[global_allocator]
static ALLOCATOR: tikv_jemallocator::Jemalloc = tikv_jemallocator::Jemalloc;

fn main() -> ExitCode {
    countersign::cli::main()
}

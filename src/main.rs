//! The program: a command line that ends in an exit code.

use std::process::ExitCode;

/// For many small allocations on many threads. Not measured against the system's allocator yet.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    countersign::cli::main()
}

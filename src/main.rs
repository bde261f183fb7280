//! The program: a command line that ends in an exit code.

use std::process::ExitCode;

/// Many small allocations on many threads: measurably cheaper than the system's allocator.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    countersign::cli::main()
}

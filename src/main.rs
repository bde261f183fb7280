//! The program: a command line that ends in an exit code.

use std::process::ExitCode;

// The system's allocator, by measurement: docs/bench/http.md.
fn main() -> ExitCode {
    countersign::cli::main()
}

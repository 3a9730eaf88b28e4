//! Arguments → logging → one command; prints the error chain; chooses the exit code.

use std::process::ExitCode;

fn main() -> ExitCode {
    sculler::cli::main()
}

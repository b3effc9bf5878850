//! Nothing but the way in: see `phagen_server::cli`.

use std::process::ExitCode;

fn main() -> ExitCode {
    phagen_server::cli::main()
}

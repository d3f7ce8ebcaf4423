//! The command line of the load test.
//!
//! What it does is in the library of the same package.
#![forbid(unsafe_code)]

use clap::Parser;
use loadtest::options::Options;
use std::process::ExitCode;

/// For what was asked and cannot be: as the switch's own commands have it.
const UNUSABLE: u8 = 2;

fn main() -> ExitCode {
    let options = Options::parse();
    let shown = loadtest::options::Plan::try_from(options).and_then(|plan| loadtest::run::run(&plan));
    match shown {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("tandem-loadtest: {error}");
            ExitCode::from(UNUSABLE)
        }
    }
}

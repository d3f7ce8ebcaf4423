//! `tandem check-config`: the settings as they take effect. Reading and checking them is `config`'s.

use std::process::ExitCode;

/// Prints the settings. They were checked when they were read; what is left are the files that they name.
pub(crate) fn run(settings: config::Settings) -> ExitCode {
    crate::print_all(&settings.effective());
    match settings.read_secrets() {
        Ok(_) => ExitCode::SUCCESS,
        Err(faults) => {
            eprintln!("{}", faults.report());
            ExitCode::from(crate::UNUSABLE_SETTINGS)
        }
    }
}

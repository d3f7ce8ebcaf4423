//! What can go wrong with telemetry, which is only at the start.
//!
//! While the switch runs nothing here fails: what cannot be written is counted and dropped.

/// Why telemetry could not begin.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The code and the catalogue differ; a bug of ours.
    #[error("metric {name}: {problem}")]
    Catalogue {
        /// Which metric.
        name: &'static str,
        /// How they differ.
        problem: String,
    },
    /// The log level cannot be read.
    #[error(
        "\"{level}\" is not a log level: expected error, warn, info, debug or trace, or a list such as info,tandem::sip=debug ({problem})"
    )]
    Level {
        /// What was given.
        level: String,
        /// What is wrong.
        problem: String,
    },
    /// Logs were begun before.
    #[error("logs were begun before in this process: begin them once, in main")]
    LogsBegun,
    /// The thread that writes the lines could not be started.
    #[error("the log writer could not be started: {0}")]
    Thread(#[from] std::io::Error),
}

//! Where the log goes when nobody has said.

use tracing_subscriber::{filter::LevelFilter, fmt};

/// Writes warnings and errors to standard error, unless the program has set a `tracing` subscriber of
/// its own already. Serving an agent, and exporting one from a component, does this by itself.
pub fn log_to_stderr() {
    if !tracing::dispatcher::has_been_set() {
        let log = fmt().with_max_level(LevelFilter::WARN).with_writer(std::io::stderr).with_ansi(false);
        // Somebody else may have been quicker; then theirs is used.
        let _ = log.try_init();
    }
}

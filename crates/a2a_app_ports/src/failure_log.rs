//! What the log is told of calls that fail.

use a2a_protocol_core::Error;

/// Tells the log the cause of an error with which a call is answered, which its caller is not told.
/// If the agent has failed ([`ErrorKind::is_failure`](a2a_protocol_core::ErrorKind::is_failure)), that
/// is an error; what only the caller did wrong is of interest to whoever debugs. Adapters call this
/// once for each error that they send.
pub fn log_cause(error: &Error) {
    match error.cause() {
        Some(cause) if error.kind().is_failure() => tracing::error!(%error, cause, "a call failed"),
        Some(cause) => tracing::debug!(%error, cause, "a call was refused"),
        None => {}
    }
}

#[cfg(test)]
mod tests {
    use std::{
        io::Write,
        sync::{Arc, Mutex},
    };

    use a2a_protocol_core::ErrorKind;
    use tracing_subscriber::{filter::LevelFilter, fmt};

    use super::*;

    #[derive(Clone, Default)]
    struct Written(Arc<Mutex<Vec<u8>>>);

    impl Write for Written {
        fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
            self.0.lock().unwrap().write(bytes)
        }

        fn flush(&mut self) -> std::io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn only_failures_of_the_agent_are_errors_in_the_log() {
        let written = Written::default();
        let writer = written.clone();
        let log = fmt().with_max_level(LevelFilter::TRACE).with_ansi(false).with_writer(move || writer.clone());
        tracing::subscriber::with_default(log.finish(), || {
            log_cause(&Error::internal("the disk is full"));
            log_cause(&Error::new(ErrorKind::Unavailable, "not now").caused_by("connection refused"));
            log_cause(&Error::new(ErrorKind::TaskNotFound, "no such task").caused_by("code -32001"));
            log_cause(&Error::invalid("url", "must not be empty"));
        });
        let text = String::from_utf8(written.0.lock().unwrap().clone()).unwrap();
        let told: Vec<_> = text.lines().map(|line| line.split_whitespace().nth(1).unwrap()).collect();
        assert_eq!(told, ["ERROR", "ERROR", "DEBUG"], "{text}");
        assert!(text.contains("the disk is full") && text.contains("code -32001"), "{text}");
    }
}

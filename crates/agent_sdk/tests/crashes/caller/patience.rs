//! How callers wait for answers: never for ever.

use agent_sdk::protocol::{Error, ErrorKind};
use tokio::time::{Instant, sleep, timeout, timeout_at};

use super::{Caller, Gone, Outcome};
use crate::ledger::PATIENCE;

impl Caller {
    /// Calls until there is an answer.
    pub(super) async fn insist<T, F>(&self, about: &str, what: &str, call: impl Fn() -> F) -> Outcome<T>
    where
        F: Future<Output = Result<T, Error>>,
    {
        let until = Instant::now() + PATIENCE;
        loop {
            match timeout_at(until, call()).await {
                Ok(Ok(answer)) => return Ok(answer),
                Ok(Err(error)) if is_trouble(&error) && Instant::now() < until => {
                    sleep(self.dice.millis(10, 100)).await;
                }
                Ok(Err(error)) if !is_trouble(&error) => return Err(self.see(about, what, &error)),
                _ => return Err(self.in_vain(about, what)),
            }
        }
    }

    /// The output of something that is not to take for ever.
    pub(super) async fn within<T>(&self, about: &str, what: &str, output: impl Future<Output = T>) -> Outcome<T> {
        timeout(PATIENCE, output).await.map_err(|_| self.in_vain(about, what))
    }

    /// Notes that it has waited for too long.
    pub(super) fn in_vain(&self, about: &str, what: &str) -> Gone {
        self.ledger.fault(about, format!("{} waits for {what} {}", self.name, self.calls.tell()));
        Gone
    }

    /// Notes an error that no trouble explains.
    pub(super) fn see(&self, about: &str, what: &str, error: &Error) -> Gone {
        // The task has ended, which the one who said more or cancelled it could not know.
        let late = matches!(error.kind(), ErrorKind::UnsupportedOperation | ErrorKind::TaskNotCancelable)
            && error.message().starts_with("the task has ended");
        if !late && !is_trouble(error) {
            self.ledger.fault(about, format!("{what}: {error:?}"));
        }
        Gone
    }
}

/// Whether it is the lot of those whose agent is killed, halted and cut off.
fn is_trouble(error: &Error) -> bool {
    matches!(error.kind(), ErrorKind::Unavailable | ErrorKind::Internal)
}

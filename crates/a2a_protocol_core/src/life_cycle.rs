//! The life cycle of a task (section 4.1.3): which state may follow which.
//!
//! ```text
//!            ┌────────────► rejected
//! submitted ─┼► working ──► completed | failed | canceled | rejected
//!            │    ▲ │
//!            │    │ ▼
//!            └► input-required | auth-required ──► any end
//! ```
//! Ends absorb: whoever sends it, a later status is refused.

use std::fmt;

use crate::TaskState;

impl TaskState {
    /// Whether the task has ended. Unknown states have not.
    pub fn is_terminal(&self) -> bool {
        matches!(self, Self::Completed | Self::Failed | Self::Canceled | Self::Rejected)
    }

    /// Whether the task waits for its caller.
    pub fn is_interrupted(&self) -> bool {
        matches!(self, Self::InputRequired | Self::AuthRequired)
    }
}

/// A task in state `from` cannot take the state `to`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TransitionRefused {
    /// The state the task has.
    pub from: TaskState,
    /// The state that was refused.
    pub to: TaskState,
}

impl fmt::Display for TransitionRefused {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "a task in state {} cannot become {}", self.from, self.to)
    }
}

impl std::error::Error for TransitionRefused {}

/// Decides whether a task in state `from` may take the state `to`.
///
/// # Errors
/// Names both states when it may not.
pub fn transition(from: &TaskState, to: &TaskState) -> Result<(), TransitionRefused> {
    let allowed = match (from, to) {
        (from, _) if from.is_terminal() => false,
        (_, TaskState::Unspecified | TaskState::Submitted | TaskState::Number(_) | TaskState::Name(_)) => false,
        _ => true,
    };
    if allowed { Ok(()) } else { Err(TransitionRefused { from: from.clone(), to: to.clone() }) }
}

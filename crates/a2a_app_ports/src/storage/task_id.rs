//! The ids of tasks.

use std::{fmt, str::FromStr, sync::Arc};

use uuid::Uuid;

/// The id of a task: a UUID, written in the hyphenated lower-case form and read in no other, so
/// that a task has one name only.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TaskId(u128);

impl TaskId {
    /// A random (version 4) UUID of these bits.
    pub fn from_random(bits: u128) -> Self {
        Self(uuid::Builder::from_random_bytes(bits.to_be_bytes()).into_uuid().as_u128())
    }

    /// The bits of the UUID.
    pub fn as_u128(self) -> u128 {
        self.0
    }

    /// The UUID of these bits.
    pub fn from_u128(bits: u128) -> Self {
        Self(bits)
    }
}

impl fmt::Display for TaskId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(Uuid::from_u128(self.0).as_hyphenated().encode_lower(&mut Uuid::encode_buffer()))
    }
}

impl fmt::Debug for TaskId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl From<TaskId> for Arc<str> {
    fn from(id: TaskId) -> Self {
        Self::from(&*Uuid::from_u128(id.0).as_hyphenated().encode_lower(&mut Uuid::encode_buffer()))
    }
}

/// The text is not the name of a task.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NotATaskId;

impl fmt::Display for NotATaskId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("not a task id")
    }
}

impl std::error::Error for NotATaskId {}

impl FromStr for TaskId {
    type Err = NotATaskId;

    fn from_str(text: &str) -> Result<Self, NotATaskId> {
        if text.len() != 36 || text.bytes().any(|byte| byte.is_ascii_uppercase()) {
            return Err(NotATaskId);
        }
        Uuid::try_parse(text).map(|uuid| Self(uuid.as_u128())).map_err(|_| NotATaskId)
    }
}

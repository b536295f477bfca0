//! Push configurations as they are kept.

use std::time::Duration;

use a2a_protocol_core::{ProtocolVersion, TaskPushNotificationConfig, Timestamp};

use crate::{Revision, Scope, TaskId};

/// A push configuration: a stored cursor over the log of its task. It is a row and not an event,
/// because it holds secrets, which have to be gone when it is deleted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PushConfigRow {
    /// What was configured. Its `id` is set and its own within the task.
    pub config: TaskPushNotificationConfig,
    /// The version in which it was created, and so in which its webhook is told.
    pub version: ProtocolVersion,
    /// When it was created or last replaced. A replaced one is newer than what it replaces.
    pub created: Timestamp,
    /// The last event it has been told.
    pub cursor: Revision,
    /// Why it is told no more, if it was given up.
    pub failure: Option<PushFailure>,
}

impl PushConfigRow {
    /// The id, which a stored configuration always has.
    pub fn id(&self) -> &str {
        self.config.id.as_deref().unwrap_or_default()
    }

    /// As it is stored in place of the one that has its id: it is told what that one has not been
    /// told, and is newer, so that one is known from the other.
    #[must_use]
    pub fn in_place_of(mut self, known: &Self) -> Self {
        self.cursor = known.cursor;
        self.created = self.created.max(known.created.plus(Duration::from_millis(1)));
        self
    }
}

/// Why delivery to a webhook was given up. It holds no secrets.
///
/// No operation of the protocol tells it. The engine writes it to the log, as a warning with the task
/// and the configuration; later it can be read here, in the rows that
/// [`push_configs`](crate::TaskStorage::push_configs) lists. A configuration that is created anew
/// under its id is told what it has missed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PushFailure {
    /// When.
    pub time: Timestamp,
    /// What the last try came to.
    pub reason: String,
}

/// Which push configuration, among those of all scopes.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct PushConfigKey {
    /// To whom its task belongs.
    pub scope: Scope,
    /// The task.
    pub task: TaskId,
    /// Its id within the task.
    pub id: Box<str>,
}

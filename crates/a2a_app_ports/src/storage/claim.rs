//! Claims of message ids.

use std::sync::Arc;

use a2a_protocol_core::{Message, Timestamp};

use super::{ReplicaId, Revision, TaskId};

/// A claim of a message id under the idempotent-send extension.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Claim {
    /// The id that the caller chose.
    pub message_id: Box<str>,
    /// A digest of what the request says; a repeat says the same.
    pub digest: [u8; 32],
    /// The task that the message is to create, or is for.
    pub task: TaskId,
    /// Who claims it.
    pub replica: ReplicaId,
    /// Now.
    pub now: Timestamp,
    /// When the claim may be forgotten.
    pub expires: Timestamp,
}

/// How a claim went.
#[derive(Clone, Debug, PartialEq)]
pub enum Claimed {
    /// It is the first of its id.
    New,
    /// The id is claimed for a task, which may be yet to come.
    Task {
        /// The task.
        id: TaskId,
        /// The place of the message in the log of the task, once it is stored there: then the claim
        /// is used.
        place: Option<Revision>,
        /// Who has claimed it, unless that replica is lost by now.
        by: Option<ReplicaId>,
    },
    /// The id was answered by this message.
    Message(Arc<Message>),
    /// The id is claimed for a request that says something else.
    OtherContent,
}

//! What is written, and on whose word.

use a2a_protocol_core::Event;

use super::{Lease, PushConfigRow, ReplicaId};

/// What a new task begins with.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Creation {
    /// Its first events: the very first is its creation.
    pub events: Vec<Event>,
    /// The push configuration that came with the message, if one did.
    pub push: Option<Box<PushConfigRow>>,
    /// Who runs it, under [`Lease::first`].
    pub replica: ReplicaId,
    /// Whether its message is claimed for it. Then it is stored only while it is, and the claim is
    /// used with that.
    pub claimed: bool,
}

impl Creation {
    /// A task that begins with these events, run by this replica.
    pub fn new(events: Vec<Event>, replica: ReplicaId) -> Self {
        Self { events, push: None, replica, claimed: false }
    }
}

/// On whose word events are appended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Author {
    /// A run's, which has this lease.
    Run(Lease),
    /// A caller's.
    Caller,
    /// A caller's whose message, the first of the events, is claimed for the task. It is stored only
    /// while it is, and the claim is used with that.
    Claimant,
}

impl Author {
    /// The lease of a run.
    pub const fn lease(self) -> Option<Lease> {
        match self {
            Self::Run(lease) => Some(lease),
            Self::Caller | Self::Claimant => None,
        }
    }
}

//! Leases: which replica runs a task.

use std::fmt;

/// A replica's time among the others: from when it [joins](super::FleetStorage::join) to when it
/// leaves, or has not been heard of for longer than it promised. One that is lost comes back as
/// another.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ReplicaId(u128);

impl ReplicaId {
    /// From 128 random bits.
    pub const fn from_u128(bits: u128) -> Self {
        Self(bits)
    }

    /// The bits.
    pub const fn as_u128(self) -> u128 {
        self.0
    }
}

impl fmt::Debug for ReplicaId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl fmt::Display for ReplicaId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:032x}", self.0)
    }
}

/// The right to run a task. It holds while its replica is among the others and nobody has taken the
/// task over; it ends when the task ends or the lease is given back.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Lease {
    /// Who runs the task.
    pub replica: ReplicaId,
    /// The how-manieth lease of the task it is: the fencing token, greater than those of all before.
    pub fence: u64,
}

impl Lease {
    /// The lease with which a task is created.
    pub const fn first(replica: ReplicaId) -> Self {
        Self { replica, fence: 1 }
    }
}

/// Who has the lease of a task.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Holder {
    /// Nobody: the task has ended, or waits for its caller.
    #[default]
    Nobody,
    /// A replica that has been heard of.
    Present(ReplicaId),
    /// A replica that was lost, or left the task as it was.
    Lost,
}

/// How taking a lease went.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Taken {
    /// The task is the taker's to run.
    Lease {
        /// The right to it.
        lease: Lease,
        /// Whether a replica ran it that was lost, or left it as it was.
        orphaned: bool,
    },
    /// It is run under this lease, by a replica that has been heard of; the taker itself among them,
    /// should it not know.
    By(Lease),
    /// It has ended, or is not there.
    Over,
}

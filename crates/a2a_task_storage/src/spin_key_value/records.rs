//! What is kept of a task besides its events and snapshots.

use std::{collections::BTreeMap, sync::Arc};

use a2a_app_ports::{Lease, PushConfigRow, ReplicaId, Revision, Scope, TaskId};
use a2a_protocol_core::{Task, TaskState, Timestamp};
use serde::{Deserialize, Serialize};

use super::pairs;
use crate::{
    ClaimRecord,
    archive::lines::{Hex, PushLine, ScopeLine},
    size::Size,
};

/// A task as its newest event has left it. This one value says what its log is: what it does not name
/// was never stored.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(super) struct Head {
    scope: ScopeLine,
    pub(super) skill: Arc<str>,
    /// The digest of its context.
    context: String,
    pub(super) state: TaskState,
    pub(super) time: Timestamp,
    pub(super) revision: Revision,
    /// By whose hand events are stored, from which one on.
    pub(super) hands: Vec<(Revision, String)>,
    /// Where there are snapshots.
    pub(super) snapshots: Vec<Revision>,
    pub(super) size: Size,
    /// Up to where the log is gone.
    pub(super) dropped: Revision,
    /// Up to where its events are gone, too.
    pub(super) deleted: Revision,
    /// The claim that was used last. It may not know yet.
    pub(super) uses: Option<Use>,
}

/// That a claimed message is stored.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(super) struct Use {
    /// The key of the claim.
    pub(super) claim: String,
    /// When it expires: later, the same message can be claimed anew.
    pub(super) expires: Timestamp,
    /// The place of the message in the log.
    pub(super) place: Revision,
}

impl Use {
    /// Whether it is of this claim, which has this key.
    pub(super) fn is_of(&self, key: &str, claim: &ClaimRecord) -> bool {
        self.claim == key && self.expires == claim.expires && claim.answer.is_none()
    }
}

impl Head {
    pub(super) fn new(scope: &Scope, skill: Arc<str>, context_id: &str) -> Self {
        Self {
            scope: ScopeLine::new(scope),
            skill,
            context: pairs::digest(context_id),
            state: TaskState::Submitted,
            time: Timestamp::UNIX_EPOCH,
            revision: 0,
            hands: Vec::new(),
            snapshots: Vec::new(),
            size: Size { snapshot: 0, snapshot_bytes: 0, tail_bytes: 0 },
            dropped: 0,
            deleted: 0,
            uses: None,
        }
    }

    pub(super) fn is_of(&self, scope: &Scope) -> bool {
        self.scope == ScopeLine::new(scope)
    }

    pub(super) fn scope(&self) -> Scope {
        self.scope.clone().scope()
    }

    pub(super) fn has_ended(&self) -> bool {
        self.state.is_terminal()
    }

    /// By whose hand an event is stored.
    pub(super) fn hand_at(&self, revision: Revision) -> &str {
        let until = self.hands.partition_point(|(from, _)| *from <= revision);
        until.checked_sub(1).map_or("", |last| &self.hands[last].1)
    }

    /// Whether its log has all events of another one.
    pub(super) fn goes_on_from(&self, other: &Self) -> bool {
        self.revision >= other.revision && self.hand_at(other.revision) == other.hand_at(other.revision)
    }

    pub(super) fn event(&self, id: TaskId, revision: Revision) -> String {
        pairs::event(id, self.hand_at(revision), revision)
    }

    pub(super) fn snapshot(&self, id: TaskId, revision: Revision) -> String {
        pairs::snapshot(id, self.hand_at(revision), revision)
    }

    /// The newest snapshot that is not of a later revision.
    pub(super) fn snapshot_before(&self, revision: Revision) -> Option<Revision> {
        self.snapshots.iter().rfind(|snapshot| **snapshot <= revision).copied()
    }

    /// Takes over the status of the task, which is where it is listed.
    pub(super) fn set_status(&mut self, task: &Task) {
        self.state = task.status.state.clone();
        // A folded task has a status time.
        self.time = task.status.timestamp.unwrap_or(Timestamp::UNIX_EPOCH);
    }

    /// The row of the task; `tells` is whether webhooks may be still to be told.
    pub(super) fn row(&self, tells: bool) -> Row {
        let scope = self.scope();
        Row {
            agent: pairs::digest(&scope.agent),
            scope: pairs::scope(&scope),
            context: self.context.clone(),
            state: self.state.clone(),
            time: self.time,
            tells,
            log: self.deleted < self.revision,
        }
    }
}

/// What lists and sweeps need to know of a task.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(super) struct Row {
    #[serde(rename = "a")]
    pub(super) agent: String,
    #[serde(rename = "s")]
    pub(super) scope: String,
    #[serde(rename = "c")]
    pub(super) context: String,
    #[serde(rename = "st")]
    pub(super) state: TaskState,
    #[serde(rename = "t")]
    pub(super) time: Timestamp,
    /// Whether webhooks may be still to be told.
    #[serde(rename = "p")]
    pub(super) tells: bool,
    /// Whether any of its log is left.
    #[serde(rename = "l")]
    pub(super) log: bool,
}

/// Who has the lease of a task.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub(super) struct Held {
    fence: u64,
    holder: Option<Hex<16>>,
    /// How long the log was when the lease was given back.
    pub(super) seen: Revision,
}

impl Held {
    pub(super) fn by(Lease { replica, fence }: Lease) -> Self {
        Self { fence, holder: Some(replica.into()), seen: 0 }
    }

    pub(super) fn given_back(self, seen: Revision) -> Self {
        Self { holder: None, seen, ..self }
    }

    pub(super) fn lease(self) -> Option<Lease> {
        self.holder.map(|holder| Lease { replica: holder.into(), fence: self.fence })
    }

    pub(super) fn next(self, replica: ReplicaId) -> Lease {
        Lease { replica, fence: self.fence + 1 }
    }
}

/// The push configurations of a task, and who tells them.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Pushes {
    pub(super) rows: BTreeMap<Box<str>, PushConfigRow>,
    pub(super) teller: Option<ReplicaId>,
}

/// The same as it is stored.
#[derive(Serialize, Deserialize)]
pub(super) struct PushesLine {
    rows: Vec<PushLine>,
    teller: Option<Hex<16>>,
}

impl Pushes {
    pub(super) fn put(&mut self, row: PushConfigRow) {
        self.rows.insert(row.id().into(), row);
    }

    pub(super) fn line(&self, task: TaskId) -> PushesLine {
        let rows = self.rows.values().map(|row| PushLine::new(task, row)).collect();
        PushesLine { rows, teller: self.teller.map(Into::into) }
    }

    /// Whether a webhook is to be told of events up to this one, or of later ones if there may be any.
    pub(super) fn tell(&self, head: &Head) -> bool {
        self.rows.values().any(|row| row.failure.is_none() && (!head.has_ended() || row.cursor < head.revision))
    }
}

impl PushesLine {
    pub(super) fn pushes(self) -> Pushes {
        let mut pushes = Pushes { rows: BTreeMap::new(), teller: self.teller.map(Into::into) };
        self.rows.into_iter().for_each(|row| pushes.put(row.row()));
        pushes
    }
}

//! What listing needs to know of a task.

use std::cmp::Ordering;

use a2a_app_ports::{Position, TaskId};
use a2a_protocol_core::{TaskState, TaskStatus, Timestamp};

/// A task in an index. Rows compare by place alone: time of the status, then id.
#[derive(Clone, Copy, Debug)]
pub(super) struct Row {
    /// The status time. In these two parts a row takes 40 bytes.
    seconds: i64,
    nanos: i32,
    pub(super) state: u8,
    id: [u64; 2],
    /// A keyed hash of the context id. Two contexts of one hash would be listed as one: with a
    /// million contexts that has a chance of one in 30 million.
    pub(super) context: u64,
}

impl Row {
    pub(super) const FIRST: Self = Self { seconds: i64::MIN, nanos: i32::MIN, state: 0, id: [0; 2], context: 0 };
    pub(super) const LAST: Self = Self { seconds: i64::MAX, nanos: i32::MAX, id: [u64::MAX; 2], ..Self::FIRST };

    pub(super) fn new(id: TaskId, status: &TaskStatus, context: u64) -> Self {
        // A folded task has a status time.
        let time = status.timestamp.unwrap_or(Timestamp::UNIX_EPOCH);
        Self { state: number(&status.state).unwrap_or_default(), context, ..Self::at(Position { time, id }) }
    }

    /// A row that only compares.
    pub(super) fn at(Position { time, id }: Position) -> Self {
        let (seconds, nanos) = time.parts();
        let bits = id.as_u128();
        Self { seconds, nanos, state: 0, id: [(bits >> 64) as u64, bits as u64], context: 0 }
    }

    /// A row before all that have this time.
    pub(super) fn from_time(time: Timestamp) -> Self {
        Self::at(Position { time, id: TaskId::from_u128(0) })
    }

    pub(super) fn id(&self) -> TaskId {
        TaskId::from_u128(u128::from(self.id[0]) << 64 | u128::from(self.id[1]))
    }

    pub(super) fn position(&self) -> Position {
        let time = Timestamp::from_parts(self.seconds, self.nanos).unwrap_or(Timestamp::UNIX_EPOCH);
        Position { time, id: self.id() }
    }

    /// Whether the task is still at its place and in its state.
    pub(super) fn is_current(&self, status: &TaskStatus) -> bool {
        Some(self.position().time) == status.timestamp && Some(self.state) == number(&status.state)
    }

    #[must_use]
    pub(super) fn in_context_of(self, other: Self) -> Self {
        Self { context: other.context, ..self }
    }

    fn place(&self) -> (i64, i32, [u64; 2]) {
        (self.seconds, self.nanos, self.id)
    }
}

impl Ord for Row {
    fn cmp(&self, other: &Self) -> Ordering {
        self.place().cmp(&other.place())
    }
}

impl PartialOrd for Row {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl PartialEq for Row {
    fn eq(&self, other: &Self) -> bool {
        self.place() == other.place()
    }
}

impl Eq for Row {}

/// The number of a state that the protocol knows; stored tasks have no others.
pub(super) fn number(state: &TaskState) -> Option<u8> {
    state.number().filter(|_| state.is_known()).and_then(|number| u8::try_from(number).ok())
}

//! Rows filed by state, by context or by both: what serves a filter. Filings are made when they are
//! first asked for and given up when nobody asks any more.

use super::{chunks::SortedChunks, row::Row};

/// The filters besides the time.
#[derive(Clone, Copy, Debug)]
pub(super) enum Filter {
    State = 0,
    Context = 1,
    Both = 2,
}

impl Filter {
    /// What a row is filed under.
    pub(super) fn key(self, state: u8, context: u64) -> u64 {
        match self {
            Self::State => u64::from(state),
            Self::Context => context,
            // An odd factor keeps the states of a context apart and mixes them over all contexts.
            Self::Both => context ^ (u64::from(state) + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15),
        }
    }

    fn file(self, row: Row) -> (u64, Row) {
        (self.key(row.state, row.context), row)
    }
}

/// What happens to a task in an index: the row it had, and the row it has.
pub(super) type Change = (Option<Row>, Option<Row>);

/// Rows by key and place.
#[derive(Debug)]
pub(super) struct Filed {
    filter: Filter,
    rows: SortedChunks<(u64, Row)>,
}

impl Filed {
    pub(super) fn new(filter: Filter, rows: &SortedChunks<Row>) -> Self {
        let mut filed: Vec<(u64, Row)> = rows.iter().map(|row| filter.file(*row)).collect();
        // They are sorted by place already: a stable sort by key is enough.
        filed.sort_by_key(|(key, _)| *key);
        Self { filter, rows: SortedChunks::from_sorted(&filed) }
    }

    pub(super) fn change(&mut self, (from, to): Change) {
        if let Some(from) = from {
            self.rows.remove(&self.filter.file(from));
        }
        if let Some(to) = to {
            self.rows.insert(self.filter.file(to));
        }
    }

    pub(super) fn rows(&self) -> &SortedChunks<(u64, Row)> {
        &self.rows
    }
}

/// A filing that is there, or not.
#[derive(Debug, Default)]
pub(super) enum Filing {
    /// Nobody has asked for it, or not for long.
    #[default]
    Absent,
    /// It is being made; these are the changes since that began.
    Pending(Vec<Change>),
    /// It is kept up to date.
    Ready {
        filed: Filed,
        /// How many changes were made since it was last asked for.
        idle: usize,
    },
}

impl Filing {
    /// Keeps it up to date. One that has taken more than `patience` changes unasked is given up.
    pub(super) fn change(&mut self, change: Change, patience: usize) {
        match self {
            Self::Absent => {}
            Self::Pending(changes) => changes.push(change),
            Self::Ready { idle, .. } if *idle >= patience => *self = Self::Absent,
            Self::Ready { filed, idle } => {
                filed.change(change);
                *idle += 1;
            }
        }
    }
}

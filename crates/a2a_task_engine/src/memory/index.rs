//! The ordered index of one scope: which tasks it has, in the order in which they are listed.

use std::sync::{Mutex, MutexGuard};

use a2a_app_ports::ListQuery;

use super::{
    chunks::SortedChunks,
    filing::{Change, Filed, Filing, Filter},
    lock,
    row::{Row, number},
};

/// So few changes are caught up with under the lock of the index.
const FEW: usize = 256;
/// So often the changes that came meanwhile are caught up with outside of it.
const ROUNDS: usize = 8;

/// What is found under a query.
#[derive(Debug, Default)]
pub(super) struct Rows {
    pub(super) rows: Vec<Row>,
    /// Whether there are more after these.
    pub(super) more: bool,
    /// How many there are on all pages.
    pub(super) total: usize,
}

/// An index that many use at once.
#[derive(Debug, Default)]
pub(super) struct Index {
    rows: Mutex<Indexed>,
    /// Held while a filing is made, by whoever asks for one: who stores goes on.
    filing: Mutex<()>,
}

impl Index {
    /// Adds a row.
    pub(super) fn insert(&self, row: Row) {
        self.lock().insert(row);
    }

    /// Takes the row out that is at the place of this one.
    pub(super) fn remove(&self, place: &Row) {
        self.lock().remove(place);
    }

    /// Moves a row to another place or state; the context stays.
    pub(super) fn replace(&self, place: &Row, to: Row) {
        self.lock().replace(place, to);
    }

    /// The rows that a query asks for; `context` is the hash of its context id.
    pub(super) fn query(&self, query: &ListQuery, context: Option<u64>) -> Rows {
        let state = query.state.as_ref().map(number);
        let (filter, key) = match (state, context) {
            // A state that no task can have.
            (Some(None), _) => return Rows::default(),
            (None, None) => return page(&self.lock().all, query, |row| row, |row| *row),
            (Some(Some(state)), None) => (Filter::State, Filter::State.key(state, 0)),
            (None, Some(context)) => (Filter::Context, Filter::Context.key(0, context)),
            (Some(Some(state)), Some(context)) => (Filter::Both, Filter::Both.key(state, context)),
        };
        loop {
            if let Some(filed) = self.lock().filed(filter) {
                return page(filed.rows(), query, |row| (key, row), |(_, row)| *row);
            }
            self.file(filter);
        }
    }

    /// Makes a filing of a copy of the index, and catches up with what changes meanwhile.
    fn file(&self, filter: Filter) {
        let _one_at_a_time = lock(&self.filing);
        let Some(rows) = self.lock().begin_filing(filter) else { return };
        let mut filed = Filed::new(filter, &rows);
        drop(rows);
        for round in 0.. {
            let mut index = self.lock();
            let changes = index.changes(filter);
            if changes.len() <= FEW || round == ROUNDS {
                changes.into_iter().for_each(|change| filed.change(change));
                index.end_filing(filter, filed);
                return;
            }
            drop(index);
            changes.into_iter().for_each(|change| filed.change(change));
        }
    }

    fn lock(&self) -> MutexGuard<'_, Indexed> {
        lock(&self.rows)
    }
}

/// All rows by place, and, for each combination of filters that is asked for, once more filed by it.
#[derive(Debug, Default)]
struct Indexed {
    all: SortedChunks<Row>,
    filings: [Filing; 3],
}

impl Indexed {
    fn insert(&mut self, row: Row) {
        self.all.insert(row);
        self.refile(None, Some(row));
    }

    fn remove(&mut self, place: &Row) {
        let row = self.all.remove(place);
        self.refile(row, None);
    }

    fn replace(&mut self, place: &Row, to: Row) {
        let from = self.all.remove(place);
        let to = from.map_or(to, |from| to.in_context_of(from));
        self.all.insert(to);
        self.refile(from, Some(to));
    }

    fn refile(&mut self, from: Option<Row>, to: Option<Row>) {
        // A filing that costs more than making it again would is not worth keeping.
        let patience = 4096.max(4 * self.all.len());
        for filing in &mut self.filings {
            filing.change((from, to), patience);
        }
    }

    /// A filing, if it is there, which has been asked for now.
    fn filed(&mut self, filter: Filter) -> Option<&Filed> {
        match &mut self.filings[filter as usize] {
            Filing::Ready { filed, idle } => {
                *idle = 0;
                Some(filed)
            }
            _ => None,
        }
    }

    /// What to make a filing of, unless it is there. From now on changes are noted for it.
    fn begin_filing(&mut self, filter: Filter) -> Option<SortedChunks<Row>> {
        let filing = &mut self.filings[filter as usize];
        if matches!(filing, Filing::Ready { .. }) {
            return None;
        }
        *filing = Filing::Pending(Vec::new());
        Some(self.all.clone())
    }

    /// The changes that a filing has to catch up with.
    fn changes(&mut self, filter: Filter) -> Vec<Change> {
        match &mut self.filings[filter as usize] {
            Filing::Pending(changes) => std::mem::take(changes),
            _ => Vec::new(),
        }
    }

    fn end_filing(&mut self, filter: Filter, filed: Filed) {
        self.filings[filter as usize] = Filing::Ready { filed, idle: 0 };
    }
}

/// A page of the entries that `entry` makes of rows.
fn page<T: Ord + Copy>(
    entries: &SortedChunks<T>,
    query: &ListQuery,
    entry: impl Fn(Row) -> T,
    row: impl Fn(&T) -> Row,
) -> Rows {
    let first = entry(query.status_after.map_or(Row::FIRST, Row::from_time));
    let last = entry(Row::LAST);
    let low = entries.gap(|other| *other < first);
    let high = entries.gap(|other| *other <= last);
    let start = query.after.map_or(high, |after| {
        let after = entry(Row::at(after));
        entries.gap(|other| *other < after)
    });
    let left = entries.count(low, start);
    let rows = entries.descending(start).take(left.min(query.limit)).map(row).collect();
    Rows { rows, more: left > query.limit, total: entries.count(low, high) }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use a2a_app_ports::{Position, TaskId};
    use a2a_protocol_core::{TaskState, TaskStatus, Timestamp};
    use proptest::prelude::*;

    use super::*;

    const STATES: [TaskState; 3] = [TaskState::Submitted, TaskState::Working, TaskState::Completed];

    /// Tasks by id: status time, state and context, all by number.
    #[derive(Clone, Debug, Default)]
    struct Model(BTreeMap<u16, (u8, u8, u8)>);

    fn row(id: u16, (time, state, context): (u8, u8, u8)) -> Row {
        let mut status = TaskStatus::new(STATES[usize::from(state)].clone());
        status.timestamp = Some(at(time));
        Row::new(task(id), &status, u64::from(context))
    }

    fn at(time: u8) -> Timestamp {
        Timestamp::from_millis(i64::from(time) - 100).unwrap()
    }

    fn task(id: u16) -> TaskId {
        TaskId::from_u128(u128::from(id) << 60)
    }

    /// A status for each of a run of tasks, which are made where they are not there, or removed.
    #[derive(Clone, Debug)]
    struct Step {
        from: u16,
        count: u16,
        status: Option<(u8, u8, u8)>,
    }

    fn step() -> impl Strategy<Value = Step> {
        let status = prop::option::weighted(0.8, (any::<u8>(), 0..3u8, 0..5u8));
        (0..4000u16, 1..1500u16, status).prop_map(|(from, count, status)| Step { from, count, status })
    }

    impl Model {
        fn take(&mut self, step: &Step, index: &mut Indexed) {
            for id in step.from..step.from + step.count {
                match (self.0.get(&id).copied(), step.status) {
                    (None, None) => {}
                    (None, Some(status)) => {
                        self.0.insert(id, status);
                        index.insert(row(id, status));
                    }
                    (Some(known), None) => {
                        self.0.remove(&id);
                        index.remove(&row(id, known));
                    }
                    (Some(known), Some((time, state, _))) => {
                        // Times differ within a run, contexts never change.
                        let status = (time.wrapping_add(id as u8 % 16), state, known.2);
                        self.0.insert(id, status);
                        index.replace(&row(id, known), row(id, (status.0, state, 0)));
                    }
                }
            }
        }

        fn check(&self, index: &Index, query: &ListQuery, context: Option<u8>) -> Result<(), TestCaseError> {
            let mut all: Vec<Row> = self
                .0
                .iter()
                .filter(|(_, known)| context.is_none_or(|context| context == known.2))
                .filter(|(_, known)| query.state.as_ref().is_none_or(|state| *state == STATES[usize::from(known.1)]))
                .filter(|(_, known)| query.status_after.is_none_or(|after| at(known.0) >= after))
                .map(|(id, known)| row(*id, *known))
                .collect();
            all.sort_by(|one, other| other.cmp(one));
            let rest: Vec<Row> =
                all.iter().filter(|row| query.after.is_none_or(|after| row.position() < after)).copied().collect();
            let found = index.query(query, context.map(u64::from));
            prop_assert_eq!(found.total, all.len());
            prop_assert_eq!(found.more, rest.len() > query.limit);
            prop_assert_eq!(&found.rows, &rest[..rest.len().min(query.limit)]);
            Ok(())
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]

        #[test]
        fn finds_what_a_scan_finds(
            steps in prop::collection::vec(step(), 1..8),
            meanwhile in prop::collection::vec(step(), 0..3),
            later in prop::collection::vec(step(), 0..3),
            queries in prop::collection::vec((
                prop::option::of(0..3usize),
                prop::option::of(0..6u8),
                prop::option::of(any::<u8>()),
                prop::option::of((any::<u8>(), 0..6000u16)),
                0..2000usize,
            ), 1..10),
        ) {
            let (index, mut model) = (Index::default(), Model::default());
            steps.iter().for_each(|step| model.take(step, &mut index.lock()));
            // One filing is made while tasks change, the others when they are asked for.
            let rows = index.lock().begin_filing(Filter::Both).unwrap();
            meanwhile.iter().for_each(|step| model.take(step, &mut index.lock()));
            let mut filed = Filed::new(Filter::Both, &rows);
            let changes = index.lock().changes(Filter::Both);
            changes.into_iter().for_each(|change| filed.change(change));
            index.lock().end_filing(Filter::Both, filed);
            for again in [&[][..], &later] {
                again.iter().for_each(|step| model.take(step, &mut index.lock()));
                for (state, context, time, after, limit) in &queries {
                    let query = ListQuery {
                        state: state.map(|state| STATES[state].clone()),
                        status_after: time.map(at),
                        after: after.map(|(time, id)| Position { time: at(time), id: task(id) }),
                        limit: *limit,
                        ..ListQuery::default()
                    };
                    model.check(&index, &query, *context)?;
                }
            }
        }
    }

    #[test]
    fn a_filing_that_nobody_asks_for_is_given_up() {
        let (index, mut model) = (Index::default(), Model::default());
        let mut step = Step { from: 0, count: 100, status: Some((0, 1, 0)) };
        model.take(&step, &mut index.lock());
        let query = ListQuery { state: Some(TaskState::Working), limit: 10, ..ListQuery::default() };
        let is_filed = || matches!(index.lock().filings[Filter::State as usize], Filing::Ready { .. });
        assert!(!is_filed());
        for time in 0..100 {
            step.status = Some((time, 1, 0));
            model.take(&step, &mut index.lock());
            model.check(&index, &query, None).unwrap();
            assert!(is_filed(), "it is in use");
        }
        for time in 0..50 {
            step.status = Some((time, 2, 0));
            model.take(&step, &mut index.lock());
        }
        assert!(!is_filed());
        model.check(&index, &query, None).unwrap();
        assert!(is_filed());
    }
}

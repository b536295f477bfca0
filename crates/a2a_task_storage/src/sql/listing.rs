//! Lists: a page is one statement, its total another.

use std::sync::Arc;

use a2a_app_ports::{ListQuery, Position, Revision, Scope, StorageError, TaskPage};

use super::{
    counts, names, scopes,
    tasks::Folding,
    transaction::{Connection, Operation, Tx},
    values::{Row, Value, count, time},
};
use crate::SqlFailure;

/// The tasks of a scope that a filter leaves, between a time and a place, newest first, each with its
/// newest snapshot and the events after it.
macro_rules! page {
    ($filter:literal) => {
        concat!(
            "WITH page AS MATERIALIZED (SELECT t.n, t.id, t.status_time, t.revision, t.snapshot FROM tasks t ",
            "WHERE t.scope = (SELECT s.n FROM scopes s WHERE s.key = ?1) ",
            $filter,
            " AND t.status_time >= ?2 AND (t.status_time, t.id) < (?3, ?4) ",
            "ORDER BY t.status_time DESC, t.id DESC LIMIT ?5) ",
            "SELECT page.status_time, page.id, page.revision, page.snapshot, CAST(0 AS BIGINT) AS seq, x.body ",
            "FROM page LEFT JOIN snapshots x ON x.task = page.n AND x.revision = page.snapshot ",
            "UNION ALL SELECT page.status_time, page.id, page.revision, page.snapshot, e.seq, e.body ",
            "FROM page JOIN events e ON e.task = page.n AND e.seq > page.snapshot ORDER BY 1 DESC, 2 DESC, 5"
        )
    };
}

/// How many a filter leaves from a time on.
macro_rules! matches {
    ($filter:literal) => {
        concat!(
            "SELECT count(*) FROM tasks t WHERE t.scope = (SELECT s.n FROM scopes s WHERE s.key = ?1) ",
            $filter,
            " AND t.status_time >= ?2"
        )
    };
}

/// The statements for a filter by context, by state, by both, and by none. In both, the context
/// leads: conversations are smaller than states.
const PAGE: [&str; 4] = [
    page!(""),
    page!("AND t.context = ?6"),
    page!("AND t.state = ?6"),
    page!("AND t.context = ?6 AND t.state + 0 = ?7"),
];
const MATCHES: [&str; 4] = [
    matches!(""),
    matches!("AND t.context = ?3"),
    matches!("AND t.state = ?3"),
    matches!("AND t.context = ?3 AND t.state + 0 = ?4"),
];

/// Reads a page.
pub(super) struct List {
    scope: String,
    query: ListQuery,
    /// The key of the context that is asked for.
    context: Option<String>,
}

impl List {
    pub(super) fn new(scope: &Scope, query: &ListQuery) -> Self {
        let context = query.context_id.as_deref().map(|context| names::key(context).into_owned());
        Self { scope: scopes::key(scope), query: query.clone(), context }
    }

    /// The values of the filter, and which statement takes them.
    fn filter(&self) -> (usize, Vec<Value<'_>>) {
        let context = self.context.as_deref().map(Value::Text);
        let state = self.query.state.as_ref().and_then(a2a_protocol_core::TaskState::number);
        let state = state.map(|state| Value::Int(state.into()));
        let statement = usize::from(context.is_some()) + 2 * usize::from(state.is_some());
        (statement, context.into_iter().chain(state).collect())
    }

    fn earliest(&self) -> Value<'static> {
        self.query.status_after.map_or(Value::Int(i64::MIN), time)
    }

    async fn page<C: Connection>(&self, tx: &Tx<'_, C>) -> Result<TaskPage, StorageError> {
        let mut page = Page { query: &self.query, found: TaskPage::default(), seen: 0, last: None, open: None };
        if self.query.limit == 0 {
            return Ok(page.found);
        }
        // One more tells whether there are more. It is compared with a place, not with an id of 16
        // bytes: where there is no place, with one behind all others.
        let limit = self.query.limit.saturating_add(1);
        let (upto, id) = match self.query.after {
            Some(Position { time: at, id }) => (time(at), id.as_u128().to_be_bytes().to_vec()),
            None => (Value::Int(i64::MAX), vec![u8::MAX; 17]),
        };
        let (statement, filter) = self.filter();
        let mut values = vec![Value::Text(&self.scope), self.earliest(), upto, Value::Bytes(&id), count(limit)];
        values.extend(filter);
        tx.db.each(PAGE[statement], &values, |row| page.add(&row)).await?;
        page.close();
        Ok(page.found)
    }

    async fn total<C: Connection>(&self, tx: &Tx<'_, C>) -> Result<u64, StorageError> {
        if self.query.status_after.is_none() {
            return counts::total(tx, &self.scope, self.context.as_deref(), self.query.state.as_ref()).await;
        }
        let (statement, filter) = self.filter();
        let mut values = vec![Value::Text(&self.scope), self.earliest()];
        values.extend(filter);
        tx.db.query(MATCHES[statement], &values).await?.first().map_or(Ok(0), |row| row.number(0))
    }
}

impl Operation for List {
    type Output = TaskPage;

    async fn run<C: Connection>(&self, tx: &Tx<'_, C>) -> Result<TaskPage, StorageError> {
        if self.query.state.as_ref().is_some_and(|state| !state.is_known()) {
            return Ok(TaskPage::default());
        }
        let (page, total) = futures::try_join!(self.page(tx), self.total(tx))?;
        Ok(TaskPage { total, ..page })
    }
}

/// A page that is made of its rows as they come, so that of all that is not shown it holds one task's.
struct Page<'a> {
    query: &'a ListQuery,
    found: TaskPage,
    /// How many tasks have come, and where the last of them is.
    seen: usize,
    last: Option<Position>,
    /// The last of them, as far as it has come, and its revision.
    open: Option<(Result<Folding, StorageError>, Revision)>,
}

impl Page<'_> {
    fn add(&mut self, row: &Row) -> Result<(), StorageError> {
        if self.found.next.is_some() {
            return Ok(());
        }
        let id = row.task_id(1)?;
        if self.last.is_none_or(|last| last.id != id) {
            self.close();
            if self.seen == self.query.limit {
                self.found.next = self.last;
                return Ok(());
            }
            self.seen += 1;
            self.last = Some(Position { time: row.time(0)?, id });
            self.open = Some((Ok(Folding::new(id, row.number(3)?)), row.number(2)?));
        }
        if let Some((folding, _)) = &mut self.open
            && let Ok(folded) = folding
            && !row.is_null(5)
            && let Err(error) = row.number(4).and_then(|seq| folded.add(seq, row, 5))
        {
            *folding = Err(error);
        }
        Ok(())
    }

    /// No more comes of the last task. One that is damaged is left out: it is not to cost the others.
    fn close(&mut self) {
        let Some((folding, revision)) = self.open.take() else { return };
        match folding.and_then(|folding| folding.task(revision)) {
            Ok(mut task) => {
                if self.query.without_artifacts {
                    task.artifacts = Vec::new();
                }
                self.found.tasks.push(Arc::new(task));
            }
            Err(error) => tracing::error!(error = SqlFailure::text_of(&error), "a task is left out of a list"),
        }
    }
}

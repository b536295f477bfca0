//! Lists: a page is one statement, its total another.

use std::sync::Arc;

use a2a_app_ports::{ListQuery, Position, Scope, StorageError, TaskId, TaskPage};

use super::{
    counts, names, scopes,
    tasks::Folding,
    transaction::{Connection, Operation, Tx},
    values::{Row, Value, count, time},
};

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

    async fn page<C: Connection>(&self, tx: &Tx<'_, C>) -> Result<(Vec<Row>, usize), StorageError> {
        if self.query.limit == 0 {
            return Ok((Vec::new(), 0));
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
        Ok((tx.db.query(PAGE[statement], &values).await?, limit))
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
        let ((rows, limit), total) = futures::try_join!(self.page(tx), self.total(tx))?;
        let mut page = TaskPage { tasks: Vec::new(), next: None, total };
        let mut last = None;
        for rows in rows.chunk_by(|one, next| one.0.get(1) == next.0.get(1)) {
            let Some(row) = rows.first() else { continue };
            if page.tasks.len() + 1 == limit {
                page.next = last;
                break;
            }
            let id: TaskId = row.task_id(1)?;
            let mut folding = Folding::new(id, row.number(3)?);
            let bodies = rows.iter().filter(|row| !row.is_null(5));
            bodies.into_iter().try_for_each(|row| folding.add(row.number(4)?, row, 5))?;
            page.tasks.push(Arc::new(folding.task(row.number(2)?)?));
            last = Some(Position { time: row.time(0)?, id });
        }
        Ok(page)
    }
}

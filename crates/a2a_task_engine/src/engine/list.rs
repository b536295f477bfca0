//! ListTasks: pages, and the tokens that lead from one to the next.

use std::sync::Arc;

use a2a_app_ports::{CallContext, ListQuery, Position, Reply, Scope, TaskId};
use a2a_protocol_core::{DEFAULT_PAGE_SIZE, Error, ListTasksRequest, ListTasksResponse, Task, TaskState, Timestamp};

use super::{Shared, failed, tokens};

impl Shared {
    pub(super) async fn list(
        self: &Arc<Self>,
        context: &CallContext,
        request: ListTasksRequest,
    ) -> Result<Reply, Error> {
        let scope = self.scope(context, request.tenant.as_deref());
        let page_size = request.page_size.unwrap_or(DEFAULT_PAGE_SIZE);
        let mut query = ListQuery {
            context_id: request.context_id.as_deref().map(Arc::from),
            state: (request.status != TaskState::Unspecified).then(|| request.status.clone()),
            status_after: request.status_timestamp_after,
            after: None,
            limit: usize::try_from(page_size).unwrap_or_default(),
            without_artifacts: request.include_artifacts != Some(true),
        };
        let key = self.page_key().await?;
        let texts =
            [query.state.as_ref().map(ToString::to_string), query.status_after.as_ref().map(ToString::to_string)];
        if let Some(token) = &request.page_token {
            let place = tokens::open(&key, &sealed_for(&scope, &query, &texts), token);
            query.after = Some(place.and_then(|place| read(&place)).ok_or_else(foreign_token)?);
        }
        self.settle_all().await;
        let page = self.storage.list(&scope, &query).await.map_err(failed)?;
        let mut response = ListTasksResponse::default();
        response.tasks = page.tasks.into_iter().map(|task| shown(task, &request)).collect();
        let list = sealed_for(&scope, &query, &texts);
        response.next_page_token = page.next.map(|next| tokens::seal(&key, &list, &write(next))).unwrap_or_default();
        response.page_size = page_size;
        response.total_size = i32::try_from(page.total).unwrap_or(i32::MAX);
        Ok(Reply::Tasks(response))
    }

    pub(super) async fn page_key(&self) -> Result<[u8; 32], Error> {
        if let Some(key) = self.page_key.get() {
            return Ok(*key);
        }
        let mut candidate = [0; 32];
        for half in candidate.chunks_exact_mut(16) {
            half.copy_from_slice(&self.host.random.random().to_be_bytes());
        }
        let key = self.storage.page_token_key(candidate).await.map_err(failed)?;
        Ok(*self.page_key.get_or_init(|| key))
    }
}

pub(super) fn foreign_token() -> Error {
    Error::invalid("pageToken", "is not a token of this agent for this list and these filters")
}

/// A listed task: without artifacts unless asked for, and with as much history as asked for.
fn shown(mut task: Arc<Task>, request: &ListTasksRequest) -> Arc<Task> {
    if request.include_artifacts != Some(true) && !task.artifacts.is_empty() {
        Arc::make_mut(&mut task).artifacts = Vec::new();
    }
    super::with_history(task, request.history_length)
}

/// What page tokens of this list are good for.
fn sealed_for<'a>(scope: &'a Scope, query: &'a ListQuery, texts: &'a [Option<String>; 2]) -> [Option<&'a str>; 7] {
    [
        Some("tasks"),
        Some(&*scope.agent),
        scope.tenant.as_deref(),
        scope.owner.as_deref(),
        query.context_id.as_deref(),
        texts[0].as_deref(),
        texts[1].as_deref(),
    ]
}

fn write(place: Position) -> Vec<u8> {
    let (seconds, nanos) = place.time.parts();
    [&seconds.to_be_bytes()[..], &nanos.to_be_bytes(), &place.id.as_u128().to_be_bytes()].concat()
}

fn read(place: &[u8]) -> Option<Position> {
    let (seconds, rest) = place.split_first_chunk()?;
    let (nanos, id) = rest.split_first_chunk()?;
    let time = Timestamp::from_parts(i64::from_be_bytes(*seconds), i32::from_be_bytes(*nanos))?;
    Some(Position { time, id: TaskId::from_u128(u128::from_be_bytes(id.try_into().ok()?)) })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_place_is_read_back() {
        let time = Timestamp::from_parts(1_767_225_600, 123_000_000).unwrap();
        let place = Position { time, id: TaskId::from_u128(0x0123_4567_89ab_cdef) };
        let written = write(place);
        assert_eq!(read(&written), Some(place));
        assert_eq!(read(&written[1..]), None);
        assert_eq!(read(&[written, vec![0]].concat()), None);
    }
}

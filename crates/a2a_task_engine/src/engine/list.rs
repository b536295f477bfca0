//! ListTasks: pages, and the tokens that lead from one to the next.

use std::sync::Arc;

use a2a_app_ports::{CallContext, ListQuery, Position, Reply, Scope, TaskId};
use a2a_protocol_core::{DEFAULT_PAGE_SIZE, Error, ListTasksRequest, ListTasksResponse, Task, TaskState, Timestamp};
use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use hmac::{Hmac, Mac};
use sha2::Sha256;

use super::{Shared, failed};

const POSITION_BYTES: usize = 28;
const TAG_BYTES: usize = 16;

impl Shared {
    pub(super) async fn list(&self, context: &CallContext, request: ListTasksRequest) -> Result<Reply, Error> {
        let scope = self.scope(context, request.tenant.as_deref());
        let page_size = request.page_size.unwrap_or(DEFAULT_PAGE_SIZE);
        let mut query = ListQuery {
            context_id: request.context_id.as_deref().map(Arc::from),
            state: (request.status != TaskState::Unspecified).then(|| request.status.clone()),
            status_after: request.status_timestamp_after,
            after: None,
            limit: usize::try_from(page_size).unwrap_or_default(),
        };
        let key = self.page_key().await?;
        if let Some(token) = &request.page_token {
            query.after = Some(open(&key, &scope, &query, token).ok_or_else(|| {
                Error::invalid("pageToken", "is not a token of this agent for this list and these filters")
            })?);
        }
        let page = self.storage.list(&scope, &query).await.map_err(failed)?;
        let artifacts = request.include_artifacts == Some(true);
        let mut response = ListTasksResponse::default();
        response.tasks = page.tasks.into_iter().map(|task| shown(task, artifacts, request.history_length)).collect();
        response.next_page_token = page.next.map(|next| seal(&key, &scope, &query, next)).unwrap_or_default();
        response.page_size = page_size;
        response.total_size = i32::try_from(page.total).unwrap_or(i32::MAX);
        Ok(Reply::Tasks(response))
    }

    async fn page_key(&self) -> Result<[u8; 32], Error> {
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

/// A listed task: without artifacts unless asked for, and with as much history as asked for.
fn shown(mut task: Arc<Task>, artifacts: bool, history: Option<i32>) -> Arc<Task> {
    if !artifacts && !task.artifacts.is_empty() {
        Arc::make_mut(&mut task).artifacts = Vec::new();
    }
    super::with_history(task, history)
}

/// A token holds the place in the list, and a tag by which the agent knows its own: for this scope
/// and these filters.
fn seal(key: &[u8; 32], scope: &Scope, query: &ListQuery, place: Position) -> String {
    let (seconds, nanos) = place.time.parts();
    let mut token = Vec::with_capacity(POSITION_BYTES + TAG_BYTES);
    token.extend(seconds.to_be_bytes());
    token.extend(nanos.to_be_bytes());
    token.extend(place.id.as_u128().to_be_bytes());
    let tag = mac(key, scope, query, &token).finalize().into_bytes();
    token.extend(&tag[..TAG_BYTES]);
    URL_SAFE_NO_PAD.encode(token)
}

fn open(key: &[u8; 32], scope: &Scope, query: &ListQuery, token: &str) -> Option<Position> {
    let token = URL_SAFE_NO_PAD.decode(token).ok().filter(|token| token.len() == POSITION_BYTES + TAG_BYTES)?;
    let (place, tag) = token.split_at(POSITION_BYTES);
    mac(key, scope, query, place).verify_truncated_left(tag).ok()?;
    let seconds = i64::from_be_bytes(place[..8].try_into().ok()?);
    let nanos = i32::from_be_bytes(place[8..12].try_into().ok()?);
    let id = u128::from_be_bytes(place[12..].try_into().ok()?);
    Some(Position { time: Timestamp::from_parts(seconds, nanos)?, id: TaskId::from_u128(id) })
}

fn mac(key: &[u8; 32], scope: &Scope, query: &ListQuery, place: &[u8]) -> Hmac<Sha256> {
    // A key shorter than a block is padded with zeros; doing so here leaves nothing that could fail.
    let mut block = [0; 64];
    block[..key.len()].copy_from_slice(key);
    let mut mac = Hmac::<Sha256>::new(&block.into());
    mac.update(place);
    let filters = [
        Some(scope.agent.to_string()),
        scope.tenant.as_deref().map(str::to_owned),
        scope.owner.as_deref().map(str::to_owned),
        query.context_id.as_deref().map(str::to_owned),
        query.state.as_ref().map(ToString::to_string),
        query.status_after.map(|time| time.to_string()),
    ];
    for filter in filters {
        // Length and presence are part of what is sealed, so that no two lists look the same.
        let length = filter.as_ref().map_or(u64::MAX, |text| text.len() as u64);
        mac.update(&length.to_be_bytes());
        mac.update(filter.unwrap_or_default().as_bytes());
    }
    mac
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn no_text_but_a_token_opens(text in ".{0,80}", bytes in proptest::collection::vec(any::<u8>(), 0..60)) {
            let (scope, query) = (Scope::default(), ListQuery::default());
            prop_assert_eq!(open(&[7; 32], &scope, &query, &text), None);
            prop_assert_eq!(open(&[7; 32], &scope, &query, &URL_SAFE_NO_PAD.encode(bytes)), None);
        }
    }

    #[test]
    fn a_token_opens_only_for_its_own_list_and_unchanged() {
        let (key, scope, query) = ([7; 32], Scope::default(), ListQuery::default());
        let place = Position {
            time: Timestamp::from_parts(1_767_225_600, 123_000_000).unwrap(),
            id: TaskId::from_u128(0x0123_4567_89ab_cdef),
        };
        let token = seal(&key, &scope, &query, place);
        assert_eq!(open(&key, &scope, &query, &token), Some(place));

        let other = ListQuery { state: Some(TaskState::Working), ..ListQuery::default() };
        assert_eq!(open(&key, &scope, &other, &token), None);
        let stranger = Scope { owner: Some("eve".into()), ..Scope::default() };
        assert_eq!(open(&key, &stranger, &query, &token), None);
        assert_eq!(open(&[8; 32], &scope, &query, &token), None);
        for index in 0..token.len() {
            let mut changed = token.clone().into_bytes();
            changed[index] = if changed[index] == b'A' { b'B' } else { b'A' };
            let changed = String::from_utf8(changed).unwrap();
            // The last character of base64 carries unused bits.
            assert!(open(&key, &scope, &query, &changed).is_none(), "{index}");
        }
        for broken in ["", "ten", "====", "\u{1F600}", &token[1..]] {
            assert_eq!(open(&key, &scope, &query, broken), None, "{broken:?}");
        }
    }
}

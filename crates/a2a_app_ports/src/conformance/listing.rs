//! Lists, against a model that scans.

use std::{
    collections::{BTreeMap, HashSet},
    sync::Arc,
};

use a2a_protocol_core::{Event, Task, TaskState, Timestamp};

use super::tasks::{Random, at, chunk, create, created, good, id, scope, status};
use crate::{Author, ListQuery, Position, Revision, Scope, Storage, TaskId, TaskPage};

const CONTEXTS: [&str; 3] = ["context-a", "context-b", "context-c"];
const STATES: [TaskState; 7] = [
    TaskState::Working,
    TaskState::InputRequired,
    TaskState::AuthRequired,
    TaskState::Completed,
    TaskState::Failed,
    TaskState::Canceled,
    TaskState::Rejected,
];

/// A storage, and what should be in it.
struct Listed<'a, S> {
    storage: &'a S,
    scope: Scope,
    tasks: BTreeMap<TaskId, (Revision, Task)>,
}

impl<'a, S: Storage> Listed<'a, S> {
    fn new(storage: &'a S) -> Self {
        Self { storage, scope: scope("agent"), tasks: BTreeMap::new() }
    }

    async fn create(&mut self, id: TaskId, events: Vec<Event>) {
        let task = super::tasks::fold(id, &events);
        let revision = good(create(self.storage, &self.scope, id, events).await);
        self.tasks.insert(id, (revision, task));
    }

    async fn append(&mut self, id: TaskId, event: Event) {
        let Some((revision, task)) = self.tasks.get_mut(&id) else { panic!("no task {id}") };
        good(a2a_protocol_core::log::apply(task, &event));
        *revision = good(self.storage.append(&self.scope, id, *revision, vec![event], Author::Caller).await);
    }

    /// Tasks of all contexts and states, many of one status time.
    async fn fill(&mut self, random: &mut Random, count: u64) {
        for number in 0..count {
            let context = CONTEXTS[random.below(3) as usize];
            let mut events = vec![created(random.below(50), context)];
            if random.below(8) > 0 {
                events.push(status(random.below(50), STATES[random.below(7) as usize].clone()));
            }
            self.create(id(number), events).await;
        }
    }

    /// Changes a task: its status, or something that does not move it.
    async fn change(&mut self, random: &mut Random) -> TaskId {
        let running: Vec<TaskId> =
            self.tasks.iter().filter(|(_, (_, task))| !task.status.state.is_terminal()).map(|(id, _)| *id).collect();
        let id = match running.get(random.below(running.len().max(1) as u64) as usize) {
            Some(id) if random.below(4) > 0 => *id,
            _ => {
                let id = id(1000 + self.tasks.len() as u64);
                self.create(id, vec![created(50 + random.below(50), CONTEXTS[random.below(3) as usize])]).await;
                id
            }
        };
        let event = match random.below(4) {
            0 => chunk(random.below(100), "report", "text", false),
            _ => status(random.below(100), STATES[random.below(7) as usize].clone()),
        };
        self.append(id, event).await;
        id
    }

    /// The list without paging, newest first.
    fn scan(&self, query: &ListQuery) -> Vec<(Position, Arc<Task>)> {
        let mut found: Vec<(Position, Arc<Task>)> = self
            .tasks
            .iter()
            .map(|(id, (_, task))| (Position { time: time(task), id: *id }, Arc::new(task.clone())))
            .filter(|(_, task)| query.context_id.as_ref().is_none_or(|context| *context == task.context_id))
            .filter(|(_, task)| query.state.as_ref().is_none_or(|state| *state == task.status.state))
            .filter(|(position, _)| query.status_after.is_none_or(|after| position.time >= after))
            .collect();
        found.sort_by_key(|(position, _)| std::cmp::Reverse(*position));
        found
    }

    async fn list(&self, query: &ListQuery) -> TaskPage {
        good(self.storage.list(&self.scope, query).await)
    }

    /// Checks a page against the scan.
    async fn check(&self, query: &ListQuery) {
        let all = self.scan(query);
        let rest: Vec<_> = all.iter().filter(|(place, _)| query.after.is_none_or(|after| *place < after)).collect();
        let page = self.list(query).await;
        let expected: Vec<_> = rest.iter().take(query.limit).map(|(_, task)| task.clone()).collect();
        assert_eq!(page.tasks, expected, "{query:?}");
        assert_eq!(page.total, all.len() as u64, "the total of {query:?}");
        let next = rest.get(query.limit).and(query.limit.checked_sub(1)).map(|last| rest[last].0);
        assert_eq!(page.next, next, "the next place of {query:?}");
    }
}

fn time(task: &Task) -> Timestamp {
    task.status.timestamp.unwrap_or(Timestamp::UNIX_EPOCH)
}

fn without_artifacts(mut task: Arc<Task>) -> Arc<Task> {
    Arc::make_mut(&mut task).artifacts.clear();
    task
}

/// Every combination of filters, with values that are there and values that are not.
fn filters() -> Vec<ListQuery> {
    let contexts = CONTEXTS.into_iter().chain(["context", ""]).map(|context| Some(Arc::from(context)));
    let contexts: Vec<_> = contexts.chain([None]).collect();
    let states = STATES.into_iter().chain([
        TaskState::Submitted,
        TaskState::Unspecified,
        TaskState::Number(99),
        TaskState::Name("TASK_STATE_PAUSED".into()),
    ]);
    let states: Vec<_> = states.map(Some).chain([None]).collect();
    let times =
        [None, Some(at(0)), Some(at(25)), Some(at(49)), Some(at(60)), Some(at(1000)), Some(Timestamp::UNIX_EPOCH)];
    let mut queries = Vec::new();
    for context_id in &contexts {
        for state in &states {
            for status_after in times {
                let (context_id, state) = (context_id.clone(), state.clone());
                queries.push(ListQuery { context_id, state, status_after, limit: 1000, ..ListQuery::default() });
            }
        }
    }
    queries
}

pub(super) async fn an_empty_scope_lists_nothing(storage: &impl Storage) {
    let listed = Listed::new(storage);
    for query in filters() {
        listed.check(&query).await;
    }
}

pub(super) async fn tasks_are_listed_newest_status_first(storage: &impl Storage) {
    let mut listed = Listed::new(storage);
    for number in 0..5 {
        listed.create(id(number), vec![created(number, "context-a")]).await;
    }
    // Two of one time, decided by the greater id.
    listed.create(id(5), vec![created(3, "context-a")]).await;
    let all = ListQuery { limit: 100, ..ListQuery::default() };
    listed.check(&all).await;
    let newest = |page: TaskPage| page.tasks.first().map(|task| task.id.clone());
    assert_eq!(newest(listed.list(&all).await), Some(id(4).into()));
    // A status moves its task to the front, an artifact leaves it where it is.
    listed.append(id(0), status(10, TaskState::Working)).await;
    listed.append(id(1), chunk(11, "report", "text", false)).await;
    assert_eq!(newest(listed.list(&all).await), Some(id(0).into()));
    listed.check(&all).await;
    // A status of the same state and a later time moves it too.
    listed.append(id(2), status(12, TaskState::Working)).await;
    listed.append(id(0), status(13, TaskState::Working)).await;
    assert_eq!(newest(listed.list(&all).await), Some(id(0).into()));
    listed.check(&all).await;
}

pub(super) async fn every_filter_finds_what_a_scan_finds(storage: &impl Storage) {
    let mut random = Random(1);
    let mut listed = Listed::new(storage);
    listed.fill(&mut random, 200).await;
    for query in filters() {
        listed.check(&query).await;
    }
    // Once more after changes, of which what finds them must have learned.
    for _ in 0..100 {
        listed.change(&mut random).await;
    }
    for query in filters() {
        listed.check(&query).await;
    }
    let all = ListQuery { limit: 1000, ..ListQuery::default() };
    let bare = |page: TaskPage| page.tasks.into_iter().map(without_artifacts).collect::<Vec<_>>();
    let light = listed.list(&ListQuery { without_artifacts: true, ..all.clone() }).await;
    assert_eq!(bare(light), bare(listed.list(&all).await));
    for limit in [0, 1, 7] {
        for query in filters() {
            listed.check(&ListQuery { limit, ..query }).await;
        }
    }
}

pub(super) async fn pages_join_to_the_whole_list(storage: &impl Storage) {
    let mut listed = Listed::new(storage);
    listed.fill(&mut Random(2), 120).await;
    let queries = [
        ListQuery::default(),
        ListQuery { state: Some(TaskState::Completed), ..ListQuery::default() },
        ListQuery { context_id: Some(CONTEXTS[0].into()), ..ListQuery::default() },
        ListQuery { status_after: Some(at(20)), ..ListQuery::default() },
        ListQuery {
            context_id: Some(CONTEXTS[1].into()),
            state: Some(TaskState::Working),
            status_after: Some(at(10)),
            ..ListQuery::default()
        },
    ];
    for query in queries {
        for limit in [1, 3, 50, 119, 120, 121] {
            let mut query = ListQuery { limit, ..query.clone() };
            let mut walked = Vec::new();
            loop {
                listed.check(&query).await;
                let page = listed.list(&query).await;
                walked.extend(page.tasks);
                query.after = page.next;
                if page.next.is_none() {
                    break;
                }
            }
            query.after = None;
            let whole: Vec<_> = listed.scan(&query).into_iter().map(|(_, task)| task).collect();
            assert_eq!(walked, whole, "{query:?}");
        }
    }
}

pub(super) async fn a_walk_finds_every_task_that_does_not_move(storage: &impl Storage) {
    let mut random = Random(3);
    let mut listed = Listed::new(storage);
    listed.fill(&mut random, 200).await;
    for context_id in [None, Some(Arc::from(CONTEXTS[2]))] {
        let mut query = ListQuery { context_id, limit: 9, ..ListQuery::default() };
        let mut expected: HashSet<TaskId> = listed.scan(&query).into_iter().map(|(place, _)| place.id).collect();
        let mut walked = HashSet::new();
        loop {
            let page = listed.list(&query).await;
            listed.check(&query).await;
            for task in &page.tasks {
                assert!(walked.insert(task.id.clone()), "{} twice", task.id);
            }
            query.after = page.next;
            if page.next.is_none() {
                break;
            }
            // Changes to the front: as time goes, no task moves back.
            for step in 0..3 {
                let Some(moved) = listed.tasks.iter().find(|(_, (_, task))| !task.status.state.is_terminal()) else {
                    break;
                };
                let moved = *moved.0;
                expected.remove(&moved);
                let now = 1000 + listed.tasks[&moved].0 * 10 + step;
                listed.append(moved, status(now, STATES[random.below(7) as usize].clone())).await;
            }
        }
        let lost: Vec<_> = expected.iter().filter(|id| !walked.contains(&Arc::<str>::from(**id))).collect();
        assert!(lost.is_empty(), "lost {lost:?}");
    }
}

pub(super) async fn a_place_outlives_its_task(storage: &impl Storage) {
    let mut listed = Listed::new(storage);
    for number in 0..20 {
        listed.create(id(number), vec![created(number / 2, CONTEXTS[0])]).await;
    }
    let all = ListQuery { limit: 1000, ..ListQuery::default() };
    let places: Vec<Position> = listed.scan(&all).into_iter().map(|(place, _)| place).collect();
    // The task that gave the place is elsewhere now, and places need never have been a task's.
    listed.append(places[5].id, status(100, TaskState::Working)).await;
    let elsewhere = [
        places[5],
        Position { time: at(3), id: TaskId::from_u128(0) },
        Position { time: at(3), id: TaskId::from_u128(u128::MAX) },
        Position { time: at(10_000), id: id(3) },
        Position { time: Timestamp::UNIX_EPOCH, id: id(3) },
    ];
    for after in elsewhere {
        for filter in [all.clone(), ListQuery { context_id: Some(CONTEXTS[0].into()), ..all.clone() }] {
            listed.check(&ListQuery { after: Some(after), ..filter.clone() }).await;
            listed.check(&ListQuery { after: Some(after), limit: 3, ..filter.clone() }).await;
            listed.check(&ListQuery { after: Some(after), status_after: Some(at(4)), ..filter }).await;
        }
    }
}

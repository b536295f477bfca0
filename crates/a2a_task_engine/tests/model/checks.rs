//! What must hold whatever has happened.

use std::{collections::BTreeMap, sync::Arc};

use a2a_app_ports::{Holder, ListQuery, Scope, Snapshot, TaskId, TaskStorage};
use a2a_protocol_core::{Event, EventKind, StreamResponse, Task, TaskState, log};
use futures::FutureExt;

use super::{
    support::{AGENT, TestStorage},
    world::World,
};

/// A task as it is stored.
pub struct Stored {
    pub name: Arc<str>,
    pub snapshot: Snapshot,
    pub log: Vec<Event>,
}

impl Stored {
    pub fn state(&self) -> &TaskState {
        &self.snapshot.task.status.state
    }

    /// What watchers are told of each event.
    fn told(&self, place: usize) -> Option<StreamResponse> {
        self.log[place].response(&self.name, &self.snapshot.task.context_id)
    }

    /// The task as of a place in its log.
    fn then(&self, place: u64) -> Option<Task> {
        let (first, rest) = self.log.get(..usize::try_from(place).ok()?)?.split_first()?;
        let mut task = log::begin(self.name.clone(), first).ok()?;
        rest.iter().try_for_each(|event| log::apply(&mut task, event)).ok()?;
        Some(task)
    }

    fn messages(&self) -> impl Iterator<Item = &str> {
        self.log.iter().filter_map(|event| match &event.kind {
            EventKind::Created { message, .. } | EventKind::Message(message) => Some(&*message.message_id),
            _ => None,
        })
    }
}

fn scope() -> Scope {
    Scope { agent: AGENT.into(), tenant: None, owner: None }
}

fn at_once<T>(future: impl Future<Output = T>) -> T {
    future.now_or_never().expect("memory answers at once")
}

fn id(name: &str) -> TaskId {
    name.parse().unwrap()
}

/// All tasks.
pub fn stored(storage: &TestStorage) -> Vec<Stored> {
    let query = ListQuery { limit: 1000, ..ListQuery::default() };
    let page = at_once(storage.list(&scope(), &query)).unwrap();
    let read = |name: Arc<str>| {
        let snapshot = at_once(storage.snapshot(&scope(), id(&name))).unwrap().unwrap();
        Stored { log: storage.log(&name), snapshot, name }
    };
    page.tasks.iter().map(|task| read(task.id.clone())).collect()
}

impl World {
    /// Whenever time goes on: no task has two handlers, of those that could know.
    pub fn check_handlers(&self) {
        let mut notes = self.notes();
        let awake = |working: &Vec<(u64, Arc<super::executor::Process>)>| {
            working.iter().filter(|(_, process)| !process.is_dead() && !process.is_stalled()).count()
        };
        let twice: Vec<_> =
            notes.working.iter().filter(|(_, at)| awake(at) > 1).map(|(task, _)| task.clone()).collect();
        notes.faults.extend(twice.iter().map(|task| format!("{task} has two handlers at once")));
    }

    pub fn note_faults(&self, faults: impl FnOnce(&Self) -> Vec<String>) {
        let faults = faults(self);
        self.notes().faults.extend(faults);
    }

    /// The logs of the tasks that have not ended.
    pub fn logs(&self) -> Vec<Vec<Event>> {
        let open = stored(&self.storage).into_iter().filter(|task| !task.state().is_terminal());
        open.map(|task| task.log).collect()
    }

    /// Who is forgotten: a task that has neither ended nor waits for its caller, or a caller who was
    /// given no answer.
    pub fn unsettled(&self) -> Vec<String> {
        let mut faults = Vec::new();
        for task in stored(&self.storage) {
            let (name, state, holder) = (&task.name, task.state(), task.snapshot.holder);
            if state.is_terminal() {
                continue;
            }
            if !state.is_interrupted() || holder != Holder::Nobody {
                faults.push(format!("{name} is {state}, held by {holder:?}: {:#?}", task.log));
            }
            let notes = self.notes();
            let unanswered: Vec<_> = task.messages().filter(|message| !notes.given.contains_key(*message)).collect();
            if !unanswered.is_empty() {
                faults.push(format!("{name}: nobody was given {unanswered:?}: {:#?}", task.log));
            }
        }
        faults
    }

    /// All of it, once every task has ended.
    pub fn all_faults(&self) -> Vec<String> {
        let tasks: BTreeMap<Arc<str>, Stored> =
            stored(&self.storage).into_iter().map(|task| (task.name.clone(), task)).collect();
        let mut faults = self.storage.witness.faults();
        let mut said = BTreeMap::<&str, u32>::new();
        for task in tasks.values() {
            let is_end = |event: &Event| matches!(&event.kind, EventKind::Status { state, .. } if state.is_terminal());
            let ends = task.log.iter().filter(|event| is_end(event)).count();
            if ends != 1 || !task.log.last().is_some_and(is_end) {
                faults.push(format!("{} has {ends} ends, or goes on after: {:#?}", task.name, task.log));
            }
            task.messages().for_each(|message| *said.entry(message).or_default() += 1);
        }
        let twice = said.iter().filter(|(_, times)| **times > 1);
        faults.extend(twice.map(|(message, times)| format!("{message} is in logs {times} times")));
        let notes = self.notes();
        for (task, message) in &notes.said {
            if !tasks.get(task).is_some_and(|task| task.messages().any(|said| said == message)) {
                faults.push(format!("{message} was taken for {task}, and is not in its log"));
            }
        }
        for (task, recorded) in &notes.recorded {
            if !tasks.get(task).is_some_and(|task| task.log.iter().any(|event| is(event, recorded))) {
                faults.push(format!("{recorded} was stored for {task}, and is not in its log"));
            }
        }
        for (message, answers) in &notes.answered {
            if answers.len() > 1 {
                faults.push(format!("{message} was answered by {answers:?}"));
            }
        }
        // A repeat of what was not stored is given to a handler once more.
        let once = |message: &String| !notes.given_again.contains(message);
        for (message, attempts) in notes.given.iter().filter(|(message, _)| once(message)) {
            let most = if self.rerunnable { 3 } else { 1 };
            if attempts.len() > most {
                faults.push(format!("{message} was given to handlers at the attempts {attempts:?}"));
            }
        }
        for watch in &notes.watches {
            let Some(name) = watch.events.first().and_then(|first| first.response.task_id()) else { continue };
            if let Some(fault) = self.watch_fault(&tasks[name], watch) {
                let seen: Vec<_> = watch.events.iter().map(|event| event.sequence).collect();
                faults.push(format!("a watcher of {name} saw {seen:?}, {fault}: {:#?}", tasks[name].log));
            }
        }
        faults
    }

    /// What is wrong with what a watcher has seen.
    fn watch_fault(&self, task: &Stored, watch: &super::world::Watch) -> Option<String> {
        let (first, rest) = watch.events.split_first()?;
        let (Some(from), StreamResponse::Task(begin)) = (first.sequence, &first.response) else {
            return Some("which does not begin with the task".to_owned());
        };
        let then = task.then(from);
        if then.is_none_or(|then| then.status != begin.status || then.artifacts != begin.artifacts) {
            return Some(format!("beginning with what never was: {begin:#?}"));
        }
        let mut folded = (**begin).clone();
        let mut after = usize::try_from(from).unwrap();
        for event in rest {
            if matches!(&event.response, StreamResponse::Task(ended) if **ended == *task.snapshot.task) {
                // It lagged too far behind.
                after = task.log.len();
                folded.clone_from(&task.snapshot.task);
                continue;
            }
            let next = (after..task.log.len()).find_map(|place| Some((place, task.told(place)?)));
            let Some((place, response)) = next else { return Some("more than there is".to_owned()) };
            if event.sequence != Some(place as u64 + 1) || event.response != response {
                return Some(format!("{event:?} in place of {}", place + 1));
            }
            after = place + 1;
            if log::absorb(&mut folded, &event.response).is_err() {
                return Some(format!("{event:?}, which does not fit"));
            }
        }
        let state = &folded.status.state;
        match &watch.ended {
            None if !watch.gone => Some("and still waits".to_owned()),
            Some(Ok(())) if !state.is_terminal() && (watch.to_the_end || !state.is_interrupted()) => {
                Some(format!("and was left at {state}"))
            }
            _ => None,
        }
    }

    /// The first webhook that does not know all it should.
    pub fn untold(&self) -> Option<String> {
        let tasks = stored(&self.storage);
        let notes = self.notes();
        notes.hooks.iter().find_map(|(url, name, after)| {
            let task = tasks.iter().find(|task| task.name == *name)?;
            let happened = (usize::try_from(*after).unwrap()..task.log.len()).filter_map(|place| task.told(place));
            let told = self.webhooks.tries(url);
            let mut told = told.iter().map(super::support::Told::event);
            // At least once, in order.
            let missed = happened.into_iter().find(|event| !told.any(|told| told == *event))?;
            Some(format!("{url} was not told {missed:?} of {:#?}", task.log))
        })
    }
}

/// Whether it is what a handler has recorded.
fn is(event: &Event, recorded: &str) -> bool {
    match &event.kind {
        EventKind::Artifact { artifact, .. } => artifact.artifact_id == *recorded,
        EventKind::Checkpoint(value) => format!("checkpoint {value}") == recorded,
        _ => false,
    }
}

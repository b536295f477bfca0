//! The life cycle of a task, and the fold of its log.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::{collections::BTreeSet, sync::Arc};

use a2a_protocol_core::{
    Artifact, Event, EventKind, FoldError, Message, Part, Role, SendDetails, StreamResponse, Struct, Task,
    TaskArtifactUpdateEvent, TaskState, TaskStatus, TaskStatusUpdateEvent, Timestamp, TransitionRefused, life_cycle,
    log,
};
use serde_json::json;

use TaskState::*;

fn states() -> Vec<TaskState> {
    let mut states = TaskState::KNOWN.to_vec();
    states.extend([Number(99), Name("TASK_STATE_PAUSED".into())]);
    states
}

/// Section 4.1.3: from each state, those that may follow.
const NEXT: &[(TaskState, &[TaskState])] = &[
    (Unspecified, &[Working, Completed, Failed, Canceled, InputRequired, Rejected, AuthRequired]),
    (Submitted, &[Working, Completed, Failed, Canceled, InputRequired, Rejected, AuthRequired]),
    (Working, &[Working, Completed, Failed, Canceled, InputRequired, Rejected, AuthRequired]),
    (InputRequired, &[Working, Completed, Failed, Canceled, InputRequired, Rejected, AuthRequired]),
    (AuthRequired, &[Working, Completed, Failed, Canceled, InputRequired, Rejected, AuthRequired]),
    (Number(99), &[Working, Completed, Failed, Canceled, InputRequired, Rejected, AuthRequired]),
    (Completed, &[]),
    (Failed, &[]),
    (Canceled, &[]),
    (Rejected, &[]),
];

#[test]
fn every_state_is_followed_by_those_of_the_table_only() {
    for (from, next) in NEXT {
        for to in states() {
            let refused = TransitionRefused { from: from.clone(), to: to.clone() };
            let expected = if next.contains(&to) { Ok(()) } else { Err(refused) };
            assert_eq!(life_cycle::transition(from, &to), expected, "{from} -> {to}");
        }
        assert_eq!(from.is_terminal(), next.is_empty(), "{from}");
        assert_eq!(from.is_interrupted(), [InputRequired, AuthRequired].contains(from), "{from}");
    }
    let unknown = Name("TASK_STATE_PAUSED".into());
    assert!(!unknown.is_terminal() && life_cycle::transition(&unknown, &Completed).is_ok());
    let refused = life_cycle::transition(&Completed, &Working).unwrap_err();
    assert_eq!(refused.to_string(), "a task in state TASK_STATE_COMPLETED cannot become TASK_STATE_WORKING");
}

fn at(millis: i64, kind: EventKind) -> Event {
    Event { time: Timestamp::from_millis(millis).unwrap(), kind }
}

fn message(id: &str) -> Arc<Message> {
    Arc::new(Message::new(id, Role::Agent, vec![Part::text(id)]))
}

fn created() -> Event {
    at(1, EventKind::Created { context_id: "c".into(), skill: "s".into(), message: message("first") })
}

fn status(state: TaskState, said: Option<&str>) -> EventKind {
    EventKind::Status { state, message: said.map(message), metadata: None }
}

fn artifact(id: &str, parts: &[&str], append: bool) -> EventKind {
    let artifact = Arc::new(Artifact::new(id, parts.iter().map(|part| Part::text(*part)).collect()));
    EventKind::Artifact { artifact, append, last_chunk: false }
}

fn members(members: serde_json::Value) -> Struct {
    members.as_object().unwrap().clone()
}

fn folded(kinds: impl IntoIterator<Item = EventKind>) -> Task {
    let mut task = log::begin("t".into(), &created()).unwrap();
    for (index, kind) in kinds.into_iter().enumerate() {
        log::apply(&mut task, &at(i64::try_from(index).unwrap() + 2, kind)).unwrap();
    }
    task
}

fn history(task: &Task) -> Vec<&str> {
    task.history.iter().map(|message| &*message.message_id).collect()
}

#[test]
fn a_log_begins_with_its_creation() {
    let task = log::begin("t".into(), &created()).unwrap();
    let mut expected = Task::new("t", "c", TaskStatus::new(Submitted));
    expected.status.timestamp = Timestamp::from_millis(1);
    expected.history.push(message("first"));
    assert_eq!(task, expected);
    for kind in [status(Working, None), EventKind::CancelRequested, EventKind::Message(message("m"))] {
        assert_eq!(log::begin("t".into(), &at(1, kind)), Err(FoldError::Misplaced));
    }
    let mut task = task;
    assert_eq!(log::apply(&mut task, &created()), Err(FoldError::Misplaced));
    assert_eq!(task, expected);
}

#[test]
fn a_status_replaces_the_one_before_and_its_message_goes_to_the_history() {
    let task = folded([status(Working, Some("a")), status(Working, None), status(InputRequired, Some("b"))]);
    assert_eq!(history(&task), ["first", "a"]);
    assert_eq!(task.status.state, InputRequired);
    assert_eq!(task.status.message, Some(message("b")));
    assert_eq!(task.status.timestamp, Timestamp::from_millis(4));
}

#[test]
fn a_callers_message_answers_the_status_before_it() {
    for (before, after, time) in [(InputRequired, Working, 3), (AuthRequired, AuthRequired, 2), (Working, Working, 2)] {
        let task = folded([status(before, Some("b")), EventKind::Message(message("answer"))]);
        assert_eq!(history(&task), ["first", "b", "answer"]);
        assert_eq!((task.status.state, task.status.message), (after, None));
        assert_eq!(task.status.timestamp, Timestamp::from_millis(time));
    }
}

#[test]
fn artifacts_are_added_replaced_and_appended_to() {
    let task = folded([
        artifact("a", &["1"], false),
        artifact("b", &["x"], false),
        artifact("a", &["2", "3"], true),
        artifact("b", &["y"], false),
    ]);
    let texts: Vec<_> = task.artifacts.iter().map(|artifact| (&*artifact.artifact_id, artifact.text())).collect();
    assert_eq!(texts, [("a", "123".to_owned()), ("b", "y".to_owned())]);
    assert_eq!(task.artifact("b").unwrap().text(), "y");
    assert!(task.artifact("c").is_none());

    let mut chunk = Artifact::new("a", vec![]);
    chunk.metadata = Some(Box::new(members(json!({"n": 2}))));
    let chunk = EventKind::Artifact { artifact: Arc::new(chunk), append: true, last_chunk: true };
    let task = folded([artifact("a", &["1"], false), chunk]);
    assert_eq!(*task.artifacts[0].metadata.as_deref().unwrap(), members(json!({"n": 2})));
}

#[test]
fn metadata_is_set_member_by_member() {
    let set = |value| EventKind::Metadata(Box::new(members(value)));
    let task = folded([set(json!({"a": 1, "b": {"x": 1}})), set(json!({"b": null, "c": []}))]);
    assert_eq!(*task.metadata.unwrap(), members(json!({"a": 1, "b": null, "c": []})));
    let before = folded([]);
    let after = folded([EventKind::CancelRequested]);
    assert_eq!(before, after);
}

#[test]
fn a_refused_event_leaves_the_task_unchanged() {
    let all = || {
        let mut kinds = vec![
            created().kind,
            EventKind::Message(message("late")),
            artifact("a", &["late"], false),
            artifact("a", &["late"], true),
            EventKind::Metadata(Box::new(members(json!({"late": 1})))),
            EventKind::CancelRequested,
        ];
        kinds.extend(states().into_iter().map(|state| status(state, Some("late"))));
        kinds
    };
    for end in [Completed, Failed, Canceled, Rejected] {
        let task = folded([artifact("a", &["1"], false), status(end.clone(), Some("end"))]);
        for kind in all() {
            let expected = match &kind {
                EventKind::Created { .. } => FoldError::Misplaced,
                EventKind::Status { state, .. } => {
                    FoldError::Transition(TransitionRefused { from: end.clone(), to: state.clone() })
                }
                _ => FoldError::Ended(end.clone()),
            };
            let mut after = task.clone();
            assert_eq!(log::apply(&mut after, &at(9, kind)), Err(expected));
            assert_eq!(after, task);
        }
    }
    let mut task = folded([status(Working, Some("w"))]);
    let before = task.clone();
    for (kind, told) in [
        (artifact("none", &["x"], true), "nothing to append to: no artifact \"none\""),
        (status(Submitted, Some("m")), "a task in state TASK_STATE_WORKING cannot become TASK_STATE_SUBMITTED"),
        (status(Number(99), Some("m")), "a task in state TASK_STATE_WORKING cannot become 99"),
        (created().kind, "a log begins with its one creation"),
    ] {
        assert_eq!(log::apply(&mut task, &at(9, kind)).unwrap_err().to_string(), told);
        assert_eq!(task, before);
    }
}

/// Where the parts of an artifact are in memory.
fn address(task: &Task) -> *const Part {
    task.artifacts[0].parts.as_ptr()
}

#[test]
fn an_append_costs_the_chunk_and_not_the_artifact() {
    let mut task = folded([artifact("a", &["0"], false)]);
    let (mut moves, mut last) = (0, address(&task));
    for _ in 0..4096 {
        log::apply(&mut task, &at(3, artifact("a", &["x"], true))).unwrap();
        moves += usize::from(address(&task) != last);
        last = address(&task);
    }
    // Copied only when the list grows, by doubling, or is still shared with the event before.
    assert!(moves <= 14, "{moves}");
    assert_eq!(task.artifacts[0].parts.len(), 4097);
    // What somebody else holds is theirs: it is copied once, and not changed.
    let snapshot = task.clone();
    log::apply(&mut task, &at(4, artifact("a", &["y"], true))).unwrap();
    assert_eq!((snapshot.artifacts[0].parts.len(), task.artifacts[0].parts.len()), (4097, 4098));
}

#[test]
fn watchers_are_told_of_statuses_and_artifacts() {
    let (task_id, context_id): (Arc<str>, Arc<str>) = ("t".into(), "c".into());
    let told = |kind| at(5, kind).response(&task_id, &context_id).map(|told| serde_json::to_value(told).unwrap());
    let metadata = Some(Box::new(members(json!({"progress": 0.5}))));
    assert_eq!(
        told(EventKind::Status { state: Working, message: Some(message("m")), metadata }),
        Some(json!({"statusUpdate": {
            "taskId": "t", "contextId": "c", "metadata": {"progress": 0.5},
            "status": {
                "state": "TASK_STATE_WORKING", "timestamp": "1970-01-01T00:00:00.005Z",
                "message": {"messageId": "m", "role": "ROLE_AGENT", "parts": [{"text": "m"}]},
            },
        }}))
    );
    assert_eq!(
        told(artifact("a", &["1"], true)),
        Some(json!({"artifactUpdate": {
            "taskId": "t", "contextId": "c", "append": true, "artifact": {"artifactId": "a", "parts": [{"text": "1"}]},
        }}))
    );
    let silent = [
        created().kind,
        EventKind::Message(message("m")),
        EventKind::Metadata(Box::default()),
        EventKind::CancelRequested,
    ];
    for kind in silent {
        assert_eq!(told(kind), None);
    }
}

#[test]
fn a_watcher_that_absorbs_what_it_is_told_has_the_agents_task() {
    let kinds = [
        status(Working, Some("a")),
        artifact("x", &["1"], false),
        artifact("x", &["2"], true),
        artifact("y", &["3"], false),
        status(Completed, Some("b")),
    ];
    let mut agents = folded([]);
    let mut watchers = Task::default();
    log::absorb(&mut watchers, &StreamResponse::Task(Arc::new(agents.clone()))).unwrap();
    for (index, kind) in kinds.into_iter().enumerate() {
        let event = at(i64::try_from(index).unwrap(), kind);
        log::apply(&mut agents, &event).unwrap();
        log::absorb(&mut watchers, &event.response(&agents.id, &agents.context_id).unwrap()).unwrap();
    }
    assert_eq!(watchers, agents);
}

#[test]
fn what_a_watcher_cannot_absorb_leaves_its_copy_unchanged() {
    let update =
        |id: &str, state| StreamResponse::StatusUpdate(TaskStatusUpdateEvent::new(id, "c", TaskStatus::new(state)));
    let chunk = |id: &str, append| {
        let mut event = TaskArtifactUpdateEvent::new(id, "c", Arc::new(Artifact::new("late", vec![])));
        event.append = append;
        StreamResponse::ArtifactUpdate(event)
    };
    let ended = folded([status(Completed, Some("end"))]);
    let other = Arc::new(Task::new("other", "c", TaskStatus::default()));
    for (response, error) in [
        (update("t", Working), FoldError::Ended(Completed)),
        (update("", Completed), FoldError::Ended(Completed)),
        (chunk("t", true), FoldError::UnknownArtifact("late".to_owned())),
        (chunk("other", false), FoldError::OtherTask("other".into())),
        (update("other", Working), FoldError::OtherTask("other".into())),
        (StreamResponse::Task(other), FoldError::OtherTask("other".into())),
        (StreamResponse::Message(message("m")), FoldError::Misplaced),
    ] {
        let mut task = ended.clone();
        assert_eq!(log::absorb(&mut task, &response), Err(error));
        assert_eq!(task, ended);
    }
    // The content is what the caller is after, so what comes too late is still taken.
    let mut task = ended.clone();
    log::absorb(&mut task, &chunk("t", false)).unwrap();
    assert_eq!(task.artifacts.len(), 1);
    // A peer may know states that we do not.
    let mut task = folded([]);
    log::absorb(&mut task, &update("t", Name("TASK_STATE_PAUSED".into()))).unwrap();
    log::absorb(&mut task, &update("t", Completed)).unwrap();
    assert_eq!(task.status.state, Completed);
}

#[test]
fn the_newest_messages_of_a_history_are_kept() {
    let task = folded(["a", "b", "c"].map(|id| EventKind::Message(message(id))));
    for (length, expected) in [
        (None, &["first", "a", "b", "c"][..]),
        (Some(9), &["first", "a", "b", "c"]),
        (Some(4), &["first", "a", "b", "c"]),
        (Some(2), &["b", "c"]),
        (Some(0), &[]),
    ] {
        let mut task = task.clone();
        task.limit_history(length);
        assert_eq!(history(&task), expected);
        assert_eq!(serde_json::to_value(&task).unwrap().get("history").is_none(), length == Some(0));
    }
}

#[test]
fn every_kind_of_stream_event_says_which_task_and_status_it_brings() {
    let task = Arc::new(folded([]));
    let update = TaskStatusUpdateEvent::new("t", "c", TaskStatus::new(Working));
    let artifact = TaskArtifactUpdateEvent::new("t", "c", Arc::new(Artifact::default()));
    let mut told = BTreeSet::new();
    for response in [
        StreamResponse::Task(task),
        StreamResponse::StatusUpdate(update),
        StreamResponse::ArtifactUpdate(artifact),
        StreamResponse::Message(message("m")),
    ] {
        let id = response.task_id().map(|id| id.to_string()).unwrap_or_default();
        let state = response.status().map(|status| status.state.to_string()).unwrap_or_default();
        told.insert((id, state));
    }
    let expected = [("t", "TASK_STATE_SUBMITTED"), ("t", "TASK_STATE_WORKING"), ("t", ""), ("", "")];
    assert_eq!(told, expected.map(|(id, state)| (id.to_owned(), state.to_owned())).into());
}

/// What is stored is read by every later version: this table only grows.
#[test]
fn events_are_stored_as_this_json() {
    let message = Arc::new(Message::new("m", Role::User, vec![Part::text("hi")]));
    let members = || Some(Box::new(Struct::from_iter([("a".to_owned(), json!(1))])));
    let said = json!({"messageId": "m", "role": "ROLE_USER", "parts": [{"text": "hi"}]});
    let chunk = Arc::new(Artifact::new("a", vec![Part::text("x")]));
    let table = [
        (
            EventKind::Created { context_id: "c".into(), skill: "s".into(), message: message.clone() },
            json!({"created": {"contextId": "c", "skill": "s", "message": said}}),
        ),
        (EventKind::Message(message.clone()), json!({"message": said})),
        (
            EventKind::Details(Arc::new(SendDetails {
                metadata: members(),
                accepted_output_modes: vec!["text/plain".to_owned()],
            })),
            json!({"details": {"metadata": {"a": 1}, "acceptedOutputModes": ["text/plain"]}}),
        ),
        (EventKind::status(Working), json!({"status": {"state": "TASK_STATE_WORKING"}})),
        (
            EventKind::Status { state: Failed, message: Some(message), metadata: members() },
            json!({"status": {"state": "TASK_STATE_FAILED", "message": said, "metadata": {"a": 1}}}),
        ),
        (
            EventKind::Artifact { artifact: chunk.clone(), append: false, last_chunk: false },
            json!({"artifact": {"artifact": {"artifactId": "a", "parts": [{"text": "x"}]}}}),
        ),
        (
            EventKind::Artifact { artifact: chunk, append: true, last_chunk: true },
            json!({"artifact": {"artifact": {"artifactId": "a", "parts": [{"text": "x"}]}, "append": true, "lastChunk": true}}),
        ),
        (EventKind::Metadata(members().unwrap()), json!({"metadata": {"a": 1}})),
        (EventKind::CancelRequested, json!("cancelRequested")),
        (EventKind::Taken(7), json!({"taken": 7})),
        (EventKind::Attempt(2), json!({"attempt": 2})),
        (EventKind::Checkpoint(Arc::new(json!([1, "b"]))), json!({"checkpoint": [1, "b"]})),
    ];
    let time = Timestamp::from_parts(1, 500_000_000).unwrap();
    for (kind, stored) in table {
        let event = Event { time, kind };
        let stored = json!({"time": "1970-01-01T00:00:01.500Z", "kind": stored});
        assert_eq!(serde_json::to_value(&event).unwrap(), stored);
        assert_eq!(serde_json::from_value::<Event>(stored).unwrap(), event);
    }
}

//! Streams: what they carry, when they end, and how they are taken up again.

use agent_sdk::{
    prelude::*,
    protocol::{ErrorKind, StreamResponse, log},
};
use futures::future::join_all;

use crate::{
    bindings::Binding,
    world::{World, all, brief, briefs, next, refusal},
};

async fn a_stream_begins_with_the_task_and_ends_with_it(binding: Binding) {
    let world = World::new(binding).await;
    let events = all(world.stream(world.message("task a")).await.unwrap()).await;
    assert_eq!(briefs(&events), ["task submitted", "status working", "artifact answer last", "status completed"]);
    let sequences: Vec<Option<u64>> = events.iter().map(|event| event.sequence).collect();
    let numbered = [Some(1), Some(2), Some(3), Some(4)];
    assert_eq!(sequences, if binding.has_ids() { numbered } else { [None; 4] });
    let StreamResponse::Task(first) = &events[0].response else { unreachable!() };
    let mut folded = (**first).clone();
    events[1..].iter().for_each(|event| log::absorb(&mut folded, &event.response).unwrap());
    assert_eq!(folded, *world.get(first).await, "what a stream brings is the task");
    world.end().await;
}

async fn a_direct_message_is_the_only_event(binding: Binding) {
    let world = World::new(binding).await;
    let events = all(world.stream(world.to_skill("say", "hi")).await.unwrap()).await;
    assert_eq!(briefs(&events), ["message echo: hi"]);
    world.end().await;
}

async fn chunks_say_whether_they_append_and_which_is_last(binding: Binding) {
    let world = World::new(binding).await;
    let events = all(world.stream(world.message("chunks 3")).await.unwrap()).await;
    let expected = [
        "task submitted",
        "artifact chunks",
        "artifact chunks append",
        "artifact chunks append last",
        "status completed",
    ];
    assert_eq!(briefs(&events), expected);
    let StreamResponse::ArtifactUpdate(first) = &events[1].response else { unreachable!() };
    assert_eq!(first.artifact.name.as_deref(), Some("Chunks"));
    assert_eq!(first.artifact.description.as_deref(), Some("in pieces"));
    world.end().await;
}

async fn an_artifact_may_be_finished_after_its_last_chunk(binding: Binding) {
    let world = World::new(binding).await;
    let events = all(world.stream(world.message("finish")).await.unwrap()).await;
    let expected = ["task submitted", "artifact report", "artifact report append last", "status completed"];
    assert_eq!(briefs(&events), expected);
    world.end().await;
}

async fn a_long_burst_streams_whole_and_in_order(binding: Binding) {
    let world = World::new(binding).await;
    let events = all(world.stream(world.message("chunks 3000")).await.unwrap()).await;
    assert_eq!(events.len(), 3002);
    let text: String = events
        .iter()
        .filter_map(|event| match &event.response {
            StreamResponse::ArtifactUpdate(update) => Some(update.artifact.text()),
            _ => None,
        })
        .collect();
    assert_eq!(text, (1..=3000).map(|index| format!("{index} ")).collect::<String>());
    assert!(!binding.has_ids() || events.windows(2).all(|pair| pair[0].sequence < pair[1].sequence));
    world.end().await;
}

async fn progress_is_metadata_of_a_status_from_0_to_1(binding: Binding) {
    let world = World::new(binding).await;
    let events = all(world.stream(world.message("progress")).await.unwrap()).await;
    let progress: Vec<f64> = events
        .iter()
        .filter_map(|event| match &event.response {
            StreamResponse::StatusUpdate(update) => update.metadata.as_deref()?.get("progress")?.as_f64(),
            _ => None,
        })
        .collect();
    assert_eq!(progress, [0.5, 1.0]);
    world.end().await;
}

async fn events_arrive_while_the_handler_works(binding: Binding) {
    let world = World::new(binding).await;
    let mut stream = world.stream(world.message("gate a")).await.unwrap();
    assert_eq!(brief(&*next(&mut stream).await), "task submitted");
    assert_eq!(brief(&*next(&mut stream).await), "status working");
    world.gates.wait("a", |gate| gate.entered && !gate.open).await;
    world.gates.open("a");
    assert_eq!(briefs(&all(stream).await), ["artifact answer last", "status completed"]);
    world.end().await;
}

async fn a_stream_of_a_send_closes_when_input_is_required(binding: Binding) {
    let world = World::new(binding).await;
    let events = all(world.stream(world.message("ask")).await.unwrap()).await;
    assert_eq!(briefs(&events), ["task submitted", "status input_required"]);
    let StreamResponse::Task(task) = &events[0].response else { unreachable!() };
    let events = all(world.stream(world.to_task(task, "again")).await.unwrap()).await;
    assert_eq!(briefs(&events), ["task working", "artifact answer last", "status input_required"]);
    let events = all(world.stream(world.to_task(task, "done")).await.unwrap()).await;
    assert_eq!(briefs(&events), ["task working", "artifact answer last", "status completed"]);
    world.end().await;
}

async fn a_stream_stays_open_while_the_handler_waits_for_a_credential(binding: Binding) {
    let world = World::new(binding).await;
    let mut stream = world.stream(world.message("auth b")).await.unwrap();
    assert_eq!(brief(&*next(&mut stream).await), "task submitted");
    assert_eq!(brief(&*next(&mut stream).await), "status auth_required");
    world.gates.wait("b", |gate| gate.entered).await;
    world.gates.open("b");
    assert_eq!(briefs(&all(stream).await), ["status completed"]);
    let events = all(world.stream(world.message("auth-and-return")).await.unwrap()).await;
    assert_eq!(briefs(&events), ["task submitted", "status auth_required"]);
    world.end().await;
}

async fn all_watchers_see_the_same_events_in_the_same_order(binding: Binding) {
    let world = World::new(binding).await;
    let task = world.start(world.message("gate c")).await;
    world.gates.wait("c", |gate| gate.entered).await;
    let mut streams = Vec::new();
    for _ in 0..4 {
        let mut stream = world.subscribe(&task, None).await.unwrap();
        assert_eq!(brief(&*next(&mut stream).await), "task working");
        streams.push(stream);
    }
    drop(streams.pop());
    world.gates.open("c");
    let seen = join_all(streams.into_iter().map(all)).await;
    for events in &seen {
        assert_eq!(briefs(events), ["artifact answer last", "status completed"]);
        let responses = |events: &[std::sync::Arc<_>]| {
            events
                .iter()
                .map(|event: &std::sync::Arc<agent_sdk::protocol::StreamEvent>| event.response.clone())
                .collect::<Vec<_>>()
        };
        assert_eq!(responses(events), responses(&seen[0]));
    }
    world.end().await;
}

async fn a_watcher_of_a_paused_task_stays_through_the_next_turn(binding: Binding) {
    let world = World::new(binding).await;
    let task = world.task(world.message("ask")).await;
    let mut one = world.subscribe(&task, None).await.unwrap();
    let mut other = world.subscribe(&task, None).await.unwrap();
    assert_eq!(brief(&*next(&mut one).await), "task input_required");
    assert_eq!(brief(&*next(&mut other).await), "task input_required");
    world.task(world.to_task(&task, "again")).await;
    world.task(world.to_task(&task, "done")).await;
    let both = ["artifact answer last", "status input_required", "artifact answer last", "status completed"];
    let expected = if binding.ends_streams_at_questions() { &both[..2] } else { &both };
    assert_eq!(briefs(&all(one).await), expected);
    assert_eq!(briefs(&all(other).await), expected);
    world.end().await;
}

async fn a_vanished_watcher_does_not_stop_the_work(binding: Binding) {
    let world = World::new(binding).await;
    let mut stream = world.stream(world.message("gate d")).await.unwrap();
    let StreamResponse::Task(task) = &next(&mut stream).await.response.clone() else { panic!("not a task") };
    world.gates.wait("d", |gate| gate.entered).await;
    drop(stream);
    let watcher = world.subscribe(task, None).await.unwrap();
    world.gates.open("d");
    all(watcher).await;
    assert_eq!(world.get(task).await.status.state, TaskState::Completed);
    world.end().await;
}

async fn an_ended_task_is_not_subscribed_to(binding: Binding) {
    let world = World::new(binding).await;
    let task = world.task(world.message("complete")).await;
    let (kind, _) = refusal(world.subscribe(&task, None).await.map(|_| ()));
    assert_eq!(kind, ErrorKind::UnsupportedOperation);
    let (kind, _) = refusal(world.subscribe(&task, Some(99)).await.map(|_| ()));
    assert_eq!(kind, ErrorKind::UnsupportedOperation, "an unknown event is as none");
    world.end().await;
}

async fn a_subscription_goes_on_after_the_last_event_seen(binding: Binding) {
    let world = World::new(binding).await;
    let task = world.task(world.message("task b")).await;
    let whole = world.get(&task).await;
    if !binding.has_ids() {
        let (kind, _) = refusal(world.subscribe(&task, Some(1)).await.map(|_| ()));
        assert_eq!(kind, ErrorKind::UnsupportedOperation, "there is no place to name an event");
        return world.end().await;
    }
    for seen in 1..=4 {
        let events = all(world.subscribe(&task, Some(seen)).await.unwrap()).await;
        assert_eq!(events[0].sequence, Some(seen), "the task as of the event seen");
        assert_eq!(events.len() as u64, 5 - seen, "and every event after it");
        let StreamResponse::Task(first) = &events[0].response else { panic!("not a task") };
        let mut folded = (**first).clone();
        events[1..].iter().for_each(|event| log::absorb(&mut folded, &event.response).unwrap());
        assert_eq!(folded, *whole, "nothing is applied twice and nothing is missing");
    }
    world.end().await;
}

crate::over_all_bindings!(
    a_stream_begins_with_the_task_and_ends_with_it,
    a_direct_message_is_the_only_event,
    chunks_say_whether_they_append_and_which_is_last,
    an_artifact_may_be_finished_after_its_last_chunk,
    a_long_burst_streams_whole_and_in_order,
    progress_is_metadata_of_a_status_from_0_to_1,
    events_arrive_while_the_handler_works,
    a_stream_of_a_send_closes_when_input_is_required,
    a_stream_stays_open_while_the_handler_waits_for_a_credential,
    all_watchers_see_the_same_events_in_the_same_order,
    a_watcher_of_a_paused_task_stays_through_the_next_turn,
    a_vanished_watcher_does_not_stop_the_work,
    an_ended_task_is_not_subscribed_to,
    a_subscription_goes_on_after_the_last_event_seen,
);

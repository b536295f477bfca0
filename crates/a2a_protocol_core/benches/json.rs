//! What a request costs in this crate: reading it, folding its events, writing its reply.
//!
//! `cargo bench -p nuncio-a2a-protocol-core`

use std::{hint::black_box, sync::Arc};

use a2a_protocol_core::{
    Artifact, Call, Event, EventKind, Message, Method, Part, Role, StreamResponse, Task, TaskState, TaskStatus,
    TaskStatusUpdateEvent, Timestamp, http_json, log,
};
use divan::{AllocProfiler, Bencher};
use serde::Serialize;
use serde_json::value::RawValue;

#[global_allocator]
static ALLOCATOR: AllocProfiler = AllocProfiler::system();

fn main() {
    divan::main();
}

/// As the official clients send it.
const SEND: &str = r#"{"message":{"messageId":"7f1f6a3e-2f8b-4a53-9a0e-5a3a4a1f6b7c","role":"ROLE_USER","parts":[{"text":"What is the answer?"}]},"configuration":{"acceptedOutputModes":["text/plain"],"historyLength":5}}"#;

const TASK_ID: &str = "0190f3a1-7c5e-7d3a-8a3e-2f8b4a539a0e";
const CONTEXT_ID: &str = "0190f3a1-7c5e-7d3a-8a3e-2f8b4a539a0f";

fn time() -> Timestamp {
    Timestamp::from_millis(1_767_323_045_678).expect("in range")
}

fn status(state: TaskState) -> TaskStatus {
    let mut status = TaskStatus::new(state);
    status.timestamp = Some(time());
    status
}

fn message() -> Arc<Message> {
    let mut message = Message::new("7f1f6a3e-2f8b-4a53-9a0e-5a3a4a1f6b7c", Role::User, vec![Part::text("What is it?")]);
    message.task_id = Some(TASK_ID.into());
    message.context_id = Some(CONTEXT_ID.into());
    Arc::new(message)
}

/// A message, an artifact and a status: what a short send answers.
fn task() -> Task {
    let mut task = Task::new(TASK_ID, CONTEXT_ID, status(TaskState::Completed));
    task.history.push(message());
    task.artifacts.push(Arc::new(Artifact::new("answer", vec![Part::text("42, as everybody knows")])));
    task
}

fn write(value: &impl Serialize) -> Vec<u8> {
    let mut body = Vec::with_capacity(1024);
    serde_json::to_writer(&mut body, value).expect("writable");
    body
}

#[divan::bench]
fn send_message_in(bencher: Bencher<'_, '_>) {
    let params: Box<RawValue> = serde_json::from_str(SEND).expect("JSON");
    bencher.bench(|| Call::from_json_rpc(black_box("SendMessage"), Some(black_box(&params))));
}

#[divan::bench]
fn send_message_checked(bencher: Bencher<'_, '_>) {
    let call = Call::from_json(Method::SendMessage, SEND).expect("a request");
    bencher.bench(|| black_box(&call).validate());
}

#[divan::bench]
fn task_out(bencher: Bencher<'_, '_>) {
    let task = task();
    bencher.bench(|| write(black_box(&task)));
}

#[divan::bench]
fn status_update_out(bencher: Bencher<'_, '_>) {
    let update = TaskStatusUpdateEvent::new(TASK_ID, CONTEXT_ID, status(TaskState::Working));
    let update = StreamResponse::StatusUpdate(update);
    bencher.bench(|| write(black_box(&update)));
}

#[divan::bench]
fn task_in(bencher: Bencher<'_, '_>) {
    let body = write(&task());
    bencher.bench(|| a2a_protocol_core::read_response::<Task>(black_box(&body)));
}

/// One chunk to an artifact that has so many already.
#[divan::bench(args = [1, 1_000, 100_000])]
fn chunk_folded(bencher: Bencher<'_, '_>, chunks: usize) {
    let artifact = |parts| Arc::new(Artifact::new("report", parts));
    let mut task = task();
    // Appending is done in place, so the task grows while it is measured; it must not matter.
    task.artifacts = vec![artifact(vec![Part::text("chunk"); chunks])];
    let kind = EventKind::Artifact { artifact: artifact(vec![Part::text("chunk")]), append: true, last_chunk: false };
    task.status = status(TaskState::Working);
    let event = Event { time: time(), kind };
    bencher.bench_local(|| log::apply(black_box(&mut task), black_box(&event)));
}

#[divan::bench(args = ["POST /message:send", "GET /tasks/0190f3a1-7c5e-7d3a-8a3e-2f8b4a539a0e", "GET /acme/tasks/a/pushNotificationConfigs/b", "GET /nothing/at/all"])]
fn path_routed(bencher: Bencher<'_, '_>, request: &str) {
    let (verb, path) = request.split_once(' ').expect("a verb and a path");
    bencher.bench(|| http_json::route(black_box(verb), black_box(path)).is_ok());
}

#[divan::bench]
fn time_out(bencher: Bencher<'_, '_>) {
    bencher.bench(|| write(black_box(&time())));
}

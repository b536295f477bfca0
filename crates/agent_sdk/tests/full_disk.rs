//! An agent whose disk gets full.

#![allow(clippy::unwrap_used, reason = "a panic is how a test fails")]

#[path = "../../a2a_task_storage/tests/common/small_disk.rs"]
mod small_disk;

use std::{
    sync::{Arc, Mutex},
    time::Duration,
};

use a2a_task_storage::SqliteStorage;
use agent_sdk::{
    EngineOptions,
    prelude::*,
    protocol::{
        Error, ErrorKind, GetTaskRequest, ListTasksRequest, SendMessageRequest, SendMessageResponse,
        SubscribeToTaskRequest,
    },
};
use futures::StreamExt;
use small_disk::SmallDisk;

/// Writes so much as it is told.
fn agent() -> Agent {
    Agent::new("Writer", "Writes much").skill(
        Skill::new("write", "Write").tag("test").rerunnable(),
        |turn: Turn, task: TaskUpdater| async move {
            task.artifact("text").write("x".repeat(turn.text().parse()?)).await?;
            task.complete().await
        },
    )
}

async fn write(agent: &Arc<dyn AgentService>, bytes: usize) -> Result<Arc<Task>, Error> {
    let message = Message::user("m", bytes.to_string());
    match agent.send_message(CallContext::new(), SendMessageRequest::new(message)).await? {
        SendMessageResponse::Task(task) => Ok(task),
        SendMessageResponse::Message(message) => panic!("a message, not a task: {message:?}"),
    }
}

/// What is logged.
#[derive(Clone, Default)]
struct Logged(Arc<Mutex<Vec<u8>>>);

impl std::io::Write for Logged {
    fn write(&mut self, text: &[u8]) -> std::io::Result<usize> {
        self.0.lock().unwrap().write(text)
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_full_disk_fails_the_request_and_with_more_room_all_goes_on() {
    let Some(disk) = SmallDisk::new(8, 4 << 20) else { return };
    let logged = Logged::default();
    let writer = logged.clone();
    tracing_subscriber::fmt().with_writer(move || writer.clone()).init();
    let mut engine = EngineOptions::default();
    engine.lease_time = Duration::from_secs(6);
    let storage = SqliteStorage::open(disk.path().join("tasks.db")).unwrap();
    let host = agent_sdk::host();
    let (agent, _) = agent().engine(engine).storage(storage).in_process(host).unwrap();
    let done = write(&agent, 10).await.unwrap();
    let refused = loop {
        match write(&agent, 100_000).await {
            Ok(task) => assert_eq!(task.status.state, TaskState::Completed),
            Err(error) => break error,
        }
    };
    assert_eq!(
        (refused.kind(), refused.message()),
        (ErrorKind::Internal, "the agent failed to answer; its log says why")
    );
    let log = String::from_utf8(logged.0.lock().unwrap().clone()).unwrap();
    assert!(log.contains("tasks.db cannot grow") && log.contains("Free some space"), "{log}");
    let read = agent.get_task(CallContext::new(), GetTaskRequest::new(&*done.id)).await.unwrap();
    assert_eq!(read, done);
    let page = agent.list_tasks(CallContext::new(), ListTasksRequest::default()).await.unwrap();
    assert!(page.tasks.iter().any(|task| task.id == done.id));

    disk.make_room();
    assert_eq!(write(&agent, 100_000).await.unwrap().status.state, TaskState::Completed);
    // What was begun and could not be ended is begun again.
    for left in page.tasks.iter().filter(|task| !task.status.state.is_terminal()) {
        let subscribe = SubscribeToTaskRequest::new(&*left.id);
        if let Ok(mut events) = agent.subscribe_to_task(CallContext::new(), subscribe).await {
            while let Some(event) = events.next().await {
                event.unwrap();
            }
        }
        let ended = agent.get_task(CallContext::new(), GetTaskRequest::new(&*left.id)).await.unwrap();
        assert_eq!(ended.status.state, TaskState::Completed);
    }
}

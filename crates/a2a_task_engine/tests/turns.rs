//! Turn after turn of one task: messages that queue up, pauses, and handlers that outstay their turn.

#![allow(clippy::unwrap_used, reason = "a panic is how a test fails")]

mod support;

use std::sync::{Arc, Mutex};

use a2a_app_ports::{AgentOperations, HandlerError, TaskUpdater};
use a2a_protocol_core::{EventKind, SubscribeToTaskRequest, TaskState};
use a2a_task_engine::{Engine, Skill};
use futures::future::{join_all, try_join3};
use support::{
    Dice, Gate, TestStorage, collect, engine, engine_on, follow_up, get, idle, immediately, let_others_run, plain,
    request, said, skill, state, task, within,
};

/// A handler that answers "first" with a pause and whatever else by completing the task; in between
/// it waits at the gate of its turn.
struct TwoTurns {
    engine: Engine,
    first: Arc<Gate>,
    second: Arc<Gate>,
}

impl TwoTurns {
    fn pausing_at(pause: TaskState) -> Self {
        let (first, second) = (Gate::new(), Gate::new());
        let gates = (first.clone(), second.clone());
        let handler = skill(move |turn, task| {
            let (first, second) = gates.clone();
            let pause = pause.clone();
            async move {
                if turn.text() == "first" {
                    task.working(()).await?;
                    first.pass().await;
                    return match pause {
                        TaskState::AuthRequired => task.auth_required("who?").await,
                        _ => task.input_required("what?").await,
                    };
                }
                task.artifact("begun").write("yes").await?;
                second.pass().await;
                task.artifact("done").write("yes").await?;
                task.complete().await
            }
        });
        Self { engine: engine(handler), first, second }
    }

    /// The id of the task, whose handler is at its first gate.
    async fn begun(&self) -> Arc<str> {
        let begun = task(self.engine.send_message(plain(), immediately(request("m1", "first"))).await);
        self.first.reached().await;
        begun.id.clone()
    }

    /// Sends the second message and waits until it is in the log.
    async fn send_second(&self, id: &Arc<str>) -> tokio::task::JoinHandle<Arc<a2a_protocol_core::Task>> {
        let (engine, second) = (self.engine.clone(), follow_up(id, "m2", "second"));
        let sending = tokio::spawn(async move { task(engine.send_message(plain(), second).await) });
        said(&self.engine, id, "m2").await;
        sending
    }
}

#[tokio::test(start_paused = true)]
async fn a_message_that_queued_up_is_answered_by_its_own_turn() {
    for pause in [TaskState::InputRequired, TaskState::AuthRequired] {
        let turns = TwoTurns::pausing_at(pause);
        let id = turns.begun().await;
        let second = turns.send_second(&id).await;
        turns.first.open();
        turns.second.reached().await;
        let_others_run().await;
        assert!(!second.is_finished(), "the pause is not an answer to the second message");
        turns.second.open();
        assert_eq!(within("the second answer", second).await.unwrap().status.state, TaskState::Completed);
    }
}

#[tokio::test(start_paused = true)]
async fn a_stream_of_a_message_that_queued_up_goes_on_to_the_end_of_its_turn() {
    let turns = TwoTurns::pausing_at(TaskState::InputRequired);
    let id = turns.begun().await;
    let stream = turns.engine.send_streaming_message(plain(), follow_up(&id, "m2", "second")).await.unwrap();
    turns.first.open();
    turns.second.open();
    let events = collect(stream).await;
    let states: Vec<_> = events.iter().filter_map(|event| Some(event.response.status()?.state.clone())).collect();
    assert!(states.contains(&TaskState::InputRequired), "the pause before its turn is shown: {states:?}");
    assert_eq!(states.last(), Some(&TaskState::Completed));
}

#[tokio::test(start_paused = true)]
async fn a_task_is_working_while_a_message_that_queued_up_is_answered() {
    for pause in [TaskState::InputRequired, TaskState::AuthRequired] {
        let turns = TwoTurns::pausing_at(pause);
        let id = turns.begun().await;
        let second = turns.send_second(&id).await;
        turns.first.open();
        turns.second.reached().await;
        assert_eq!(state(&turns.engine, &id).await, TaskState::Working);
        turns.second.open();
        within("the second answer", second).await.unwrap();
    }
}

#[tokio::test(start_paused = true)]
async fn those_who_look_on_do_not_end_the_wait_for_an_answer() {
    let turns = TwoTurns::pausing_at(TaskState::AuthRequired);
    turns.first.open();
    let id = turns.begun().await;
    idle(&turns.engine).await;
    let second = turns.send_second(&id).await;
    turns.second.reached().await;
    let watcher = turns.engine.subscribe_to_task(plain(), SubscribeToTaskRequest::new(&*id)).await.unwrap();
    turns.engine.send_message(plain(), immediately(follow_up(&id, "m3", "third"))).await.unwrap();
    let_others_run().await;
    assert!(!second.is_finished(), "its turn is not over");
    turns.second.open();
    let answered = within("the second answer", second).await.unwrap();
    assert_eq!(answered.status.state, TaskState::Completed);
    collect(watcher).await;
}

#[tokio::test(start_paused = true)]
async fn a_credential_that_the_handler_waits_for_goes_on_with_the_task() {
    let engine = engine(skill(|turn, task| async move {
        task.auth_required("sign in").await?;
        task.artifact("heard").write(turn.next().await.text()).await
    }));
    let asked = task(within("the question", engine.send_message(plain(), request("m1", "go"))).await);
    assert_eq!(asked.status.state, TaskState::AuthRequired);
    let token = engine.send_message(plain(), follow_up(&asked.id, "m2", "token"));
    let done = task(within("the answer", token).await);
    assert_eq!(done.status.state, TaskState::Completed);
    assert_eq!(done.artifact("heard").unwrap().text(), "token");
}

#[tokio::test(start_paused = true)]
async fn an_updater_that_outlives_its_turn_records_nothing() {
    let kept: Arc<Mutex<Option<TaskUpdater>>> = Arc::default();
    let keeper = kept.clone();
    let engine = engine(skill(move |_turn, task| {
        *keeper.lock().unwrap() = Some(task.clone());
        async move { task.input_required("what?").await }
    }));
    let asked = task(engine.send_message(plain(), request("m1", "go")).await);
    idle(&engine).await;
    let late = kept.lock().unwrap().take().unwrap();
    late.working("late").await.unwrap_err();
    assert_eq!(get(&engine, &asked.id).await.status, asked.status);
}

#[tokio::test(start_paused = true)]
async fn whoever_waits_for_a_message_after_its_turn_gets_none() {
    for seed in 0..50 {
        let engine = engine(skill(move |turn, task| async move {
            if turn.text() != "first" {
                return task.complete().await;
            }
            let dice = Dice::new(seed);
            let late = turn.clone();
            tokio::spawn(async move {
                dice.dawdle(8).await;
                late.next().await
            });
            Dice::new(seed + 1).dawdle(4).await;
            task.input_required("what?").await
        }));
        let asked = task(engine.send_message(plain(), request("m1", "first")).await);
        idle(&engine).await;
        let second = engine.send_message(plain(), follow_up(&asked.id, "m2", "second"));
        let done = task(within(&format!("the second answer, seed {seed}"), second).await);
        assert_eq!(done.status.state, TaskState::Completed, "seed {seed}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_message_that_queued_up_is_told_what_was_said_before_its_turn() {
    let (gate, histories) = (Gate::new(), Arc::new(Mutex::new(Vec::new())));
    let (handler_gate, heard) = (gate.clone(), histories.clone());
    let engine = engine(skill(move |turn, task| {
        let (gate, heard) = (handler_gate.clone(), heard.clone());
        async move {
            let history: Vec<_> = turn.history.iter().map(|message| message.text()).collect();
            heard.lock().unwrap().push((turn.text(), history));
            if turn.text() == "third" {
                return task.complete().await;
            }
            gate.pass().await;
            task.input_required(format!("after {}?", turn.text())).await
        }
    }));
    let begun = task(engine.send_message(plain(), immediately(request("m1", "first"))).await);
    gate.reached().await;
    for (id, text) in [("m2", "second"), ("m3", "third")] {
        engine.send_message(plain(), immediately(follow_up(&begun.id, id, text))).await.unwrap();
    }
    gate.open();
    gate.reached().await;
    gate.open();
    idle(&engine).await;
    let histories = histories.lock().unwrap();
    let told = |turn: &str| &histories.iter().find(|(text, _)| text == turn).unwrap().1;
    assert!(told("first").is_empty());
    assert!(told("second").contains(&"after first?".to_owned()), "{histories:?}");
    assert!(!told("second").contains(&"third".to_owned()), "it has yet to be its turn: {histories:?}");
    assert!(told("third").contains(&"second".to_owned()), "{histories:?}");
    assert!(told("third").contains(&"after second?".to_owned()), "{histories:?}");
}

/// Records from many tasks at once, then many at once from one task.
fn recording() -> Skill {
    async fn several(task: TaskUpdater) -> Result<(), HandlerError> {
        for _ in 0..10 {
            task.progress(0.5).await?;
        }
        Ok(())
    }
    skill(|_turn, task| async move {
        for spawned in join_all((0..4).map(|_| tokio::spawn(several(task.clone())))).await {
            spawned.unwrap()?;
        }
        try_join3(several(task.clone()), several(task.clone()), several(task.clone())).await?;
        Ok(())
    })
}

async fn records_all(seed: u64) {
    let storage = Arc::new(TestStorage::slow(seed));
    let engine = engine_on(storage.clone(), recording());
    let done =
        task(within(&format!("the answer, seed {seed}"), engine.send_message(plain(), request("m", "go"))).await);
    assert_eq!(done.status.state, TaskState::Completed, "seed {seed}");
    let log = storage.log(&done.id);
    let records = log
        .iter()
        .filter(|event| matches!(&event.kind, EventKind::Status { state: TaskState::Working, metadata: Some(_), .. }));
    assert_eq!(records.count(), 70, "seed {seed}");
}

#[tokio::test(start_paused = true)]
async fn records_at_the_same_time_are_all_stored() {
    for seed in 0..20 {
        records_all(seed).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn records_of_several_threads_are_all_stored() {
    for seed in 0..20 {
        records_all(seed).await;
    }
    let engine = engine(recording());
    for round in 0..100 {
        let answer = within(&format!("round {round}"), engine.send_message(plain(), request("m", "go"))).await;
        assert_eq!(task(answer).status.state, TaskState::Completed, "round {round}");
    }
}

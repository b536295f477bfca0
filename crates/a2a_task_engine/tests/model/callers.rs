//! Callers: they send, watch, cancel, repeat themselves and go away.

use std::sync::Arc;

use a2a_app_ports::{AgentOperations, EventStream};
use a2a_protocol_core::{
    CancelTaskRequest, SendMessageRequest, SendMessageResponse, SubscribeToTaskRequest, TaskPushNotificationConfig,
    TaskState,
};
use futures::{StreamExt, future::select};

use super::{
    support::{follow_up, immediately, once, plain, request},
    world::{Replica, Watch, World},
};

/// One caller, from its first call to its last.
pub async fn caller(world: Arc<World>, number: u32) {
    let dice = &world.sim.dice;
    for call in 0..1 + dice.roll(4) {
        world.sim.pause(if dice.one_in(2) { 200 } else { 8000 }).await;
        let message = format!("m{number}.{call}");
        let repeats = if dice.one_in(3) { 1 + dice.roll(3) } else { 0 };
        let said = say(&world, &message);
        if repeats > 0 {
            world.notes().given_again.insert(message.clone());
        }
        match said {
            Some(said) if repeats > 0 => {
                let sends = (0..=repeats).map(|_| async {
                    world.sim.pause(if dice.one_in(2) { 100 } else { 30_000 }).await;
                    on_any(&world, |world, replica| send(world, replica, said.clone(), true)).await;
                });
                futures::future::join_all(sends).await;
            }
            Some(said) => on_any(&world, |world, replica| send(world, replica, said, false)).await,
            None => on_any(&world, |world, replica| other(world, replica, message)).await,
        }
    }
}

/// A call to some replica; the caller hears of its crash by the connection, or goes away itself.
async fn on_any<F: Future<Output = ()> + Send + 'static>(
    world: &Arc<World>,
    call: impl FnOnce(Arc<World>, Arc<Replica>) -> F,
) {
    let replica = world.any();
    let call = call(world.clone(), replica.clone());
    let patience = world.sim.dice.one_in(8).then(|| world.sim.pause(3000));
    let done = replica.process.run(async move {
        match patience {
            Some(patience) => drop(select(Box::pin(call), patience).await),
            None => call.await,
        }
    });
    let _ = done.await;
}

fn known(world: &Arc<World>) -> Option<Arc<str>> {
    let notes = world.notes();
    let count = u32::try_from(notes.known.len()).unwrap();
    (count > 0).then(|| notes.known.iter().nth(world.sim.dice.roll(count) as usize).unwrap().clone())
}

/// Something to send, or nothing.
fn say(world: &Arc<World>, message: &str) -> Option<SendMessageRequest> {
    let dice = &world.sim.dice;
    let known = known(world);
    let mut said = match known {
        Some(task) if !dice.one_in(3) => {
            if dice.one_in(2) {
                return None;
            }
            follow_up(&task, message, "more")
        }
        _ => request(message, "go"),
    };
    if said.message.task_id.is_none() && dice.one_in(2) {
        said.configuration.get_or_insert_default().task_push_notification_config =
            Some(webhook(&format!("https://hook.example/with/{message}")));
    }
    Some(if dice.one_in(3) { immediately(said) } else { said })
}

fn webhook(url: &str) -> TaskPushNotificationConfig {
    let mut config = TaskPushNotificationConfig::default();
    config.url = url.to_owned();
    config
}

async fn send(world: Arc<World>, replica: Arc<Replica>, said: SendMessageRequest, repeated: bool) {
    let engine = &replica.engine;
    let (message, to) = (said.message.message_id.clone(), said.message.task_id.clone());
    let hook = said.configuration.as_ref().and_then(|with| with.task_push_notification_config.clone());
    let context = || if repeated { once() } else { plain() };
    let noted = |task: Option<&Arc<str>>| {
        let mut notes = world.notes();
        if let Some(task) = task {
            notes.known.insert(task.clone());
            notes.said.push((task.clone(), message.clone()));
            if let Some(hook) = &hook
                && !notes.hooks.iter().any(|(url, ..)| *url == hook.url)
            {
                notes.hooks.push((hook.url.clone(), task.clone(), 0));
            }
        }
        if repeated {
            let answer = task.map_or("a message".to_owned(), |task| (**task).to_owned());
            notes.answered.entry(message.clone()).or_default().insert(answer);
        }
        if let Some(to) = &to
            && task != Some(to)
        {
            notes.faults.push(format!("{message} for {to} was answered by {task:?}"));
        }
    };
    if world.sim.dice.one_in(3) {
        let Ok(mut stream) = engine.send_streaming_message(context(), said).await else { return };
        // An event of its stream is the word that the message was taken.
        let Some(Ok(first)) = stream.next().await else { return };
        noted(first.response.task_id().filter(|_| first.sequence.is_some()));
        if first.sequence.is_some() {
            let stream = futures::stream::iter([Ok(first)]).chain(stream);
            watch(&world, Box::pin(stream), false).await;
        }
        return;
    }
    match engine.send_message(context(), said).await {
        Ok(SendMessageResponse::Task(task)) => noted(Some(&task.id)),
        Ok(SendMessageResponse::Message(_)) => noted(None),
        Err(_) => {}
    }
}

async fn other(world: Arc<World>, replica: Arc<Replica>, name: String) {
    let (engine, dice) = (&replica.engine, &world.sim.dice);
    let Some(task) = known(&world) else { return };
    match dice.roll(6) {
        0 => {
            if let Ok(canceled) = engine.cancel_task(plain(), CancelTaskRequest::new(&*task)).await
                && canceled.status.state != TaskState::Canceled
            {
                world.fault(format!("a cancelled task is {:?}", canceled.status));
            }
        }
        1 | 2 => {
            let mut config = webhook(&format!("https://hook.example/{name}"));
            config.task_id = Some((&*task).into());
            let url = config.url.clone();
            if engine.create_task_push_notification_config(plain(), config).await.is_ok() {
                let length = world.storage.log(&task).len() as u64;
                world.notes().hooks.push((url, task, length));
            }
        }
        _ => {
            let mut context = plain();
            context.last_event_id = dice.one_in(2).then(|| u64::from(1 + dice.roll(6)));
            let Ok(stream) = engine.subscribe_to_task(context, SubscribeToTaskRequest::new(&*task)).await else {
                return;
            };
            // Whoever watches to the end does other things meanwhile.
            let (of, process) = (world.clone(), replica.process.clone());
            drop(process.run(async move { watch(&of, stream, true).await }));
        }
    }
}

/// Notes that a watcher goes away, or its process does.
struct Leaving(Arc<World>, usize);

impl Drop for Leaving {
    fn drop(&mut self) {
        self.0.notes().watches[self.1].gone = true;
    }
}

/// Watches, in no hurry.
async fn watch(world: &Arc<World>, mut stream: EventStream, to_the_end: bool) {
    let hurries = world.sim.dice.one_in(2);
    let index = {
        let mut notes = world.notes();
        notes.watches.push(Watch { to_the_end, ..Watch::default() });
        notes.watches.len() - 1
    };
    let _leaving = Leaving(world.clone(), index);
    let mut ended = Ok(());
    while let Some(event) = stream.next().await {
        match event {
            Ok(event) => world.notes().watches[index].events.push(event),
            Err(error) => ended = Err(error),
        }
        if !hurries {
            world.sim.pause(300).await;
        }
    }
    world.notes().watches[index].ended = Some(ended);
}

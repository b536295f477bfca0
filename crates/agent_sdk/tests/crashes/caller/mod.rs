//! Callers: they send, stream, follow up, cancel and set webhooks, and note what they are told.

mod patience;
mod watching;

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use a2a_http_client::{Backoff, Timeouts};
use agent_sdk::{
    client_builder,
    prelude::*,
    protocol::{
        CancelTaskRequest, GetTaskRequest, ListTasksRequest, SendMessageRequest, SendMessageResponse,
        TaskPushNotificationConfig,
    },
};
use futures::future::join;
use tokio::time::sleep;

use crate::{
    calls::Calls,
    dice::Dice,
    hooks::Hooks,
    ledger::{Answer, Hook, Ledger, Send},
    witness::now,
};

/// The skills, the usual ones more often.
const SKILLS: [&str; 8] = ["stream", "stream", "steps", "steps", "ask", "ask", "fragile", "answer"];

pub(crate) struct Caller {
    name: String,
    dice: Dice,
    /// Whose messages are recognised when they come again.
    once: Client,
    /// Whose are not.
    plain: Client,
    calls: Arc<Calls>,
    hooks: Arc<Hooks>,
    ledger: Arc<Ledger>,
}

/// What a call came to in the end.
pub(crate) type Outcome<T> = Result<T, Gone>;

/// A call that is given up: it is noted why, or that may happen to it.
pub(crate) struct Gone;

impl Caller {
    pub(crate) async fn new(
        name: &str,
        binding: &str,
        url: &str,
        dice: Dice,
        hooks: &Arc<Hooks>,
        ledger: &Arc<Ledger>,
    ) -> Self {
        let backoff =
            Backoff { first: Duration::from_millis(50), factor: 2, max: Duration::from_millis(400), attempts: 300 };
        // Hyper may forget a request to a peer that goes away at that moment; then it is made again.
        let timeouts = Timeouts { first_byte: Duration::from_secs(10), ..Timeouts::default() };
        let calls = Arc::new(Calls::new(ledger));
        let builder = client_builder().prefer([binding]).backoff(backoff).timeouts(timeouts).observer(calls.clone());
        let once = builder.clone().connect(url).await.unwrap();
        let plain = builder.idempotent_sends(false).connect(url).await.unwrap();
        Self { name: name.to_owned(), dice, once, plain, calls, hooks: hooks.clone(), ledger: ledger.clone() }
    }

    /// Calls until there has been enough of it; what was begun then is brought to its end.
    pub(crate) async fn call(self, enough: Arc<AtomicBool>) {
        let (mut number, scenes) = (0, self.dice.of());
        while !enough.load(Ordering::SeqCst) {
            number += 1;
            // What it gave up is noted.
            let _ = self.scene(&format!("{}-{number}", self.name), &scenes.of()).await;
        }
    }

    /// One message, and what follows from it.
    async fn scene(&self, name: &str, dice: &Dice) -> Outcome<()> {
        let skill = SKILLS[dice.roll(SKILLS.len())];
        let count = if skill == "ask" { 1 + dice.roll(2) } else { 1 + dice.roll(25) };
        let mut request = SendMessageRequest::new(message(name, count, dice.roll(60)));
        request.message.metadata.get_or_insert_default().insert("skillId".to_owned(), skill.into());
        let hook = (skill != "answer" && dice.one_in(3)).then(|| format!("{name}-along"));
        if let Some(hook) = &hook {
            request.configuration.get_or_insert_default().task_push_notification_config = Some(self.config(hook));
        }
        let (task, rests) = match dice.roll(5) {
            0 | 1 => self.stream(&request).await?,
            2 => self.twins(&request).await?,
            3 => {
                request.configuration.get_or_insert_default().return_immediately = true;
                self.send(&request, !dice.one_in(3)).await?
            }
            _ => self.send(&request, !dice.one_in(3)).await?,
        };
        let Some(task) = task else { return Ok(()) };
        if let Some(name) = hook {
            self.ledger.facts().hooks.push(Hook { name, task: task.clone(), since: 0 });
        }
        let mut state = rests;
        if !state.is_terminal() && !state.is_interrupted() {
            let watch = self.watch(&task);
            state = match dice.roll(4) {
                0 => join(watch, self.cancel(&task, dice.millis(0, 300))).await.0?,
                1 => join(watch, self.add_hook(name, &task)).await.0?,
                2 => {
                    // It is said while the agent is at work, and so answered afterwards.
                    let _ = join(watch, self.say(&format!("{name}-beside"), &task, 1, dice)).await;
                    self.watch(&task).await?
                }
                _ => watch.await?,
            };
        }
        for more in 0..3 {
            match state {
                TaskState::InputRequired if dice.one_in(6) => return self.cancel(&task, dice.millis(0, 300)).await,
                TaskState::InputRequired if dice.one_in(6) => return Ok(()),
                TaskState::InputRequired => {
                    state = self.say(&format!("{name}-more-{more}"), &task, more % 2, dice).await?
                }
                _ => return Ok(()),
            }
        }
        Ok(())
    }

    /// Sends a message; the task that it is for, if it is not answered directly, and its state.
    async fn send(&self, request: &SendMessageRequest, once: bool) -> Outcome<(Option<Arc<str>>, TaskState)> {
        let id = &request.message.message_id;
        let sent = match once {
            true => {
                let send = || self.once.send_message(CallContext::new(), request.clone());
                self.insist(id, "its answer", send).await?
            }
            false => {
                let send = self.plain.send_message(CallContext::new(), request.clone());
                let what = "its answer, for which it is sent once";
                self.within(id, what, send).await?.map_err(|error| self.see(id, what, &error))?
            }
        };
        let (answer, task, state) = match sent {
            SendMessageResponse::Message(answer) => (Answer::Message(answer), None, TaskState::Completed),
            SendMessageResponse::Task(task) => {
                self.ledger.facts().tasks.push(task.clone());
                (Answer::Task(task.id.clone()), Some(task.id.clone()), task.status.state.clone())
            }
        };
        self.ledger.facts().sends.push(Send { message: id.clone(), answer });
        Ok((task, state))
    }

    /// Sends the same message twice at once.
    async fn twins(&self, request: &SendMessageRequest) -> Outcome<(Option<Arc<str>>, TaskState)> {
        let (one, other) = join(self.send(request, true), self.send(request, true)).await;
        one.or(other)
    }

    /// Says more to a task; the state in which it rests.
    async fn say(&self, name: &str, task: &Arc<str>, more: usize, dice: &Dice) -> Outcome<TaskState> {
        let mut request = SendMessageRequest::new(message(name, more, dice.roll(60)));
        request.message.task_id = Some(task.clone());
        let (answered, state) = match dice.roll(3) {
            0 => self.stream(&request).await?,
            1 => self.send(&request, true).await?,
            _ => self.send(&request, false).await?,
        };
        if answered.as_ref() != Some(task) {
            self.ledger.fault(task, format!("{name} was answered by {answered:?}"));
        }
        Ok(state)
    }

    pub(crate) async fn cancel(&self, task: &Arc<str>, after: Duration) -> Outcome<()> {
        sleep(after).await;
        let cancel = || self.once.cancel_task(CallContext::new(), CancelTaskRequest::new(&**task));
        let canceled = self.insist(task, "its cancellation", cancel).await?;
        if canceled.status.state == TaskState::Canceled {
            self.ledger.facts().canceled.push(task.clone());
        } else {
            self.ledger.fault(task, format!("its cancellation was answered by {:?}", canceled.status.state));
        }
        Ok(())
    }

    async fn add_hook(&self, name: &str, task: &Arc<str>) -> Outcome<()> {
        let name = format!("{name}-later");
        let mut config = self.config(&name);
        (config.task_id, config.id) = (Some(task.to_string()), Some(name.clone()));
        let create = || self.once.create_task_push_notification_config(CallContext::new(), config.clone());
        self.insist(task, &format!("its webhook {name}"), create).await?;
        self.ledger.facts().hooks.push(Hook { name, task: task.clone(), since: now() });
        Ok(())
    }

    fn config(&self, name: &str) -> TaskPushNotificationConfig {
        let mut config = TaskPushNotificationConfig::default();
        config.url = self.hooks.url(name);
        config
    }

    pub(crate) async fn get(&self, task: &Arc<str>) -> Outcome<Arc<Task>> {
        let get = || self.once.get_task(CallContext::new(), GetTaskRequest::new(&**task));
        let task = self.insist(task, "itself", get).await?;
        self.ledger.facts().tasks.push(task.clone());
        Ok(task)
    }

    /// All tasks, without their artifacts.
    pub(crate) async fn list(&self) -> Outcome<Vec<Arc<Task>>> {
        let (mut request, mut tasks) = (ListTasksRequest::default(), Vec::new());
        loop {
            let list = || self.once.list_tasks(CallContext::new(), request.clone());
            let page = self.insist("", "the list of tasks", list).await?;
            tasks.extend(page.tasks);
            if page.next_page_token.is_empty() {
                return Ok(tasks);
            }
            request.page_token = Some(page.next_page_token);
        }
    }
}

fn message(id: &str, count: usize, pause: usize) -> Message {
    Message::user(id, format!("{count} {pause}"))
}

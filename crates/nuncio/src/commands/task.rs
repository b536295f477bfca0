//! `task cancel`, `task get`, `task list` and `task subscribe`

use std::sync::Arc;

use a2a_app_ports::{AgentOperations as _, CallContext};
use a2a_protocol_core::{
    CancelTaskRequest, ErrorKind, GetTaskRequest, ListTasksRequest, StreamResponse, SubscribeToTaskRequest, Task,
    TaskState,
};

use crate::{
    agent,
    app::{App, written},
    args::{TaskArgs, TaskGetArgs, TaskListArgs},
    config::Source,
    error::Failure,
    follow::{Follower, Outcome},
    output::{Fields, text},
    resume,
};

/// The task that is meant: the argument, else `--task-id`.
pub(super) fn id<'a>(app: &'a App, args: &'a TaskArgs) -> Result<&'a str, Failure> {
    let (argument, option) = (args.id.as_deref(), app.settings.task_id.as_deref());
    if let (Some(argument), Some(option)) = (argument, option)
        && argument != option
        && app.resolved.source("task-id") == Source::Flag
    {
        return Err(Failure::usage("the argument and --task-id name different tasks"));
    }
    match argument.or(option) {
        Some(id) if !id.is_empty() => Ok(id),
        _ => Err(Failure::usage("no task is named: give its id")),
    }
}

/// Cancels a task. One that is cancelled already is fine: that is what was asked for.
pub(crate) async fn cancel(app: &App, args: &TaskArgs) -> Result<(), Failure> {
    let id = id(app, args)?;
    let client = agent::connect(app, false).await?;
    let mut request = CancelTaskRequest::new(id);
    request.metadata.clone_from(&app.settings.metadata);
    let task = match client.cancel_task(CallContext::new(), request).await {
        Ok(task) => task,
        Err(error) if error.kind() == ErrorKind::TaskNotCancelable => {
            let known = client.get_task(CallContext::new(), GetTaskRequest::new(id)).await;
            match known {
                Ok(task) if task.status.state == TaskState::Canceled => task,
                Ok(task) => {
                    let hint = format!("the task has ended as {}", task.status.state);
                    let failure = app.failed(&error);
                    return Err(Failure { hint: Some(hint), ..failure });
                }
                Err(_) => return Err(app.failed(&error)),
            }
        }
        Err(error) => return Err(app.failed(&error)),
    };
    app.saw(&task);
    app.print_task(&task)
}

/// Reads a task, with `--wait` until it has ended or needs its caller.
pub(crate) async fn get(app: &App, args: &TaskGetArgs) -> Result<(), Failure> {
    let id = id(app, &args.task)?;
    let client = agent::connect(app, false).await?;
    if app.settings.wait == Some(true) {
        let announcer = Announcer::new(app);
        let mut follower = Follower::new(app, &client, |_, task| announcer.announce(task));
        follower.history = args.history;
        let outcome = follower.poll(id).await?;
        return announcer.finish(&outcome);
    }
    let mut request = GetTaskRequest::new(id);
    request.history_length = args.history;
    let task = client.get_task(CallContext::new(), request).await.map_err(|error| app.failed(&error))?;
    app.saw(&task);
    app.print_task(&task)?;
    app.warn_of(&task.status.state);
    Ok(())
}

/// Lists a page of tasks.
pub(crate) async fn list(app: &App, args: &TaskListArgs) -> Result<(), Failure> {
    let client = agent::connect(app, false).await?;
    let mut request = ListTasksRequest::default();
    request.context_id.clone_from(&app.settings.context_id);
    request.status = args.status.clone().unwrap_or_default();
    request.page_size = args.page_size;
    request.page_token.clone_from(&args.page_token);
    request.history_length = args.history;
    request.include_artifacts = args.include_artifacts.then_some(true);
    let page = client.list_tasks(CallContext::new(), request).await.map_err(|error| app.failed(&error))?;
    if !app.console.is_json() {
        let mut fields = Fields::new();
        text::tasks(&mut fields, &page, app.settings.verbose);
        return written(app.console.text(&fields));
    }
    if !app.console.stream {
        return written(app.console.json(&page));
    }
    page.tasks.iter().try_for_each(|task| written(app.console.json(task)))?;
    if !page.next_page_token.is_empty() {
        app.console.note(&format!("note: more tasks with --page-token {}", resume::quoted(&page.next_page_token)));
    }
    Ok(())
}

/// Follows the events of a task.
pub(crate) async fn subscribe(app: &App, args: &TaskArgs) -> Result<(), Failure> {
    let id = id(app, args)?;
    let client = agent::connect(app, false).await?;
    let announcer = Announcer::new(app);
    let mut follower = Follower::new(app, &client, |event, task| {
        if app.settings.stream { print_event(app, event, task) } else { announcer.announce(task) }
    });
    let mut outcome = if agent::streams(client.card()) {
        let events = client.subscribe_to_task(CallContext::new(), SubscribeToTaskRequest::new(id)).await;
        let events = events.map_err(|error| {
            let failure = app.failed(&error);
            let ended = error.kind() == ErrorKind::UnsupportedOperation;
            let carried = resume::carried(&app.resolved);
            let hint = format!("a task that has ended has no events; nuncio task get{carried} {}", resume::quoted(id));
            if ended { Failure { hint: Some(hint), ..failure } } else { failure }
        })?;
        follower.events(events).await?
    } else {
        app.console.note("note: the agent does not stream, following by polling");
        follower.poll(id).await?
    };
    if app.settings.stream {
        drop(follower);
        return conclude_stream(app, &outcome);
    }
    if let Outcome::Task(task) = outcome {
        outcome = Outcome::Task(follower.as_the_agent_has_it(task).await);
    }
    announcer.finish(&outcome)
}

/// Prints an event of a stream.
pub(crate) fn print_event(app: &App, event: &StreamResponse, task: Option<&Task>) -> Result<(), Failure> {
    if app.console.is_json() {
        return written(app.console.json(event));
    }
    app.announced.set(task.is_some());
    let mut fields = Fields::new();
    text::event(&mut fields, event, task, app.settings.verbose);
    written(app.console.text(&fields))
}

/// What follows the last event: how to go on, and a warning unless all went well.
pub(crate) fn conclude_stream(app: &App, outcome: &Outcome) -> Result<(), Failure> {
    let mut fields = Fields::new();
    let carried = resume::carried(&app.resolved);
    match outcome {
        Outcome::Task(task) => app.conclude(&mut fields, task),
        Outcome::Message(message) => {
            let context = message.context_id.as_deref().unwrap_or_default();
            fields.optional("Resume", resume::context(&carried, context).as_deref());
        }
    }
    if !app.console.is_json() {
        written(app.console.text(&fields))?;
    }
    if let Outcome::Task(task) = outcome {
        app.warn_of(&task.status.state);
    }
    Ok(())
}

/// Prints the identifiers of a task as soon as they are known, and the rest when it is settled: a
/// wait that is cut short has told them.
pub(crate) struct Announcer<'a> {
    app: &'a App,
}

impl<'a> Announcer<'a> {
    pub(crate) fn new(app: &'a App) -> Self {
        Self { app }
    }

    pub(crate) fn announce(&self, task: Option<&Task>) -> Result<(), Failure> {
        let Some(task) = task.filter(|_| !self.app.console.is_json() && !self.app.announced.get()) else {
            return Ok(());
        };
        self.app.announced.set(true);
        let mut fields = Fields::new();
        text::identifiers(&mut fields, &task.id, &task.context_id);
        written(self.app.console.text(&fields))
    }

    /// Prints the task, in JSON as it is and in text what is still missing.
    pub(crate) fn finish_task(&self, task: &Arc<Task>) -> Result<(), Failure> {
        self.app.saw(task);
        if self.app.console.is_json() {
            self.app.print_task(task)?;
        } else {
            self.announce(Some(task))?;
            let mut fields = Fields::new();
            text::task_body(&mut fields, task, self.app.settings.verbose);
            self.app.conclude(&mut fields, task);
            written(self.app.console.text(&fields))?;
        }
        self.app.warn_of(&task.status.state);
        Ok(())
    }

    fn finish(&self, outcome: &Outcome) -> Result<(), Failure> {
        match outcome {
            Outcome::Task(task) => self.finish_task(task),
            // A task answers by itself; a message instead of it is shown as what it is.
            Outcome::Message(message) => print_event(self.app, &StreamResponse::Message(message.clone()), None),
        }
    }
}

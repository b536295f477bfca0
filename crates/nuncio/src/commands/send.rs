//! `send`

use a2a_app_ports::{AgentOperations as _, CallContext};
use a2a_http_client::Client;
use a2a_protocol_core::{
    Error, ErrorKind, Message, Role, SendMessageConfiguration, SendMessageRequest, SendMessageResponse, StreamResponse,
};

use super::task::{Announcer, print_event};
use crate::{
    agent,
    app::{App, written},
    args::SendArgs,
    config::Source,
    error::Failure,
    follow::{Follower, Outcome},
    output::{Fields, text},
    resume,
};

/// How the answer is waited for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Mode {
    /// Until the task has ended or needs its caller.
    Wait,
    /// Not at all.
    Async,
    /// By its events.
    Stream,
}

/// Sends a message.
pub(crate) async fn run(app: &App, args: &SendArgs) -> Result<(), Failure> {
    let mode = mode(app)?;
    let mut message = Message::new(uuid::Uuid::new_v4().to_string(), Role::User, args.parts.read()?);
    message.context_id = app.settings.context_id.as_deref().map(Into::into);
    message.task_id = app.settings.task_id.as_deref().map(Into::into);
    let mut request = SendMessageRequest::new(message);
    request.metadata.clone_from(&app.settings.metadata);

    let client = agent::connect(app, mode == Mode::Wait).await?;
    if app.settings.verbose && !app.console.is_json() {
        let mut fields = Fields::new();
        text::sent(&mut fields, &request.message, request.metadata.as_deref());
        fields.gap();
        written(app.console.text(&fields))?;
    }
    match mode {
        Mode::Wait => wait(app, &client, request).await,
        Mode::Async => {
            return_immediately(&mut request);
            let response = client.send_message(CallContext::new(), request).await;
            print(&Announcer::new(app), app, response.map_err(|error| app.failed(&error))?)
        }
        Mode::Stream => stream(app, &client, request).await,
    }
}

fn mode(app: &App) -> Result<Mode, Failure> {
    let asynchronous = app.settings.wait == Some(false);
    if app.settings.stream {
        if asynchronous && app.resolved.source("async") == Source::Flag {
            return Err(Failure::usage("--async does not wait, --stream does: give one of them"));
        }
        return Ok(Mode::Stream);
    }
    Ok(if asynchronous { Mode::Async } else { Mode::Wait })
}

fn return_immediately(request: &mut SendMessageRequest) {
    let mut configuration = SendMessageConfiguration::default();
    configuration.return_immediately = true;
    request.configuration = Some(configuration);
}

/// Waits by the events where the agent streams: the identifiers are known at once, and so is the
/// progress. Else the call itself is answered when the work is done.
async fn wait(app: &App, client: &Client, request: SendMessageRequest) -> Result<(), Failure> {
    let announcer = Announcer::new(app);
    let mut follower = Follower::new(app, client, |_, task| announcer.announce(task));
    follower.answers = request.message.task_id.is_some();
    let mut streamed = false;
    let outcome = match events(client, &request).await {
        Some(events) => {
            streamed = true;
            follower.events(events.map_err(|error| app.failed(&error))?).await?
        }
        None => {
            let response = client.send_message(CallContext::new(), request).await;
            let response = StreamResponse::from(response.map_err(|error| app.failed(&error))?);
            match follower.event(&response)? {
                Some(outcome) => outcome,
                None => follower.rest().await?,
            }
        }
    };
    let response = match outcome {
        Outcome::Task(task) if streamed => SendMessageResponse::Task(follower.as_the_agent_has_it(task).await),
        Outcome::Task(task) => SendMessageResponse::Task(task),
        Outcome::Message(message) => SendMessageResponse::Message(message),
    };
    drop(follower);
    print(&announcer, app, response)
}

/// The events of a streaming send. None where the agent does not stream: it does not say so, or
/// says so and refuses.
async fn events(client: &Client, request: &SendMessageRequest) -> Option<Result<a2a_app_ports::EventStream, Error>> {
    if !agent::streams(client.card()) {
        return None;
    }
    let events = client.send_streaming_message(CallContext::new(), request.clone()).await;
    let refused = |error: &Error| matches!(error.kind(), ErrorKind::UnsupportedOperation | ErrorKind::MethodNotFound);
    Some(events).filter(|events| !events.as_ref().is_err_and(refused))
}

/// Prints every event; without a stream, the states that polling finds.
async fn stream(app: &App, client: &Client, mut request: SendMessageRequest) -> Result<(), Failure> {
    let mut follower = Follower::new(app, client, |event, task| print_event(app, event, task));
    follower.answers = request.message.task_id.is_some();
    let outcome = match events(client, &request).await {
        Some(events) => follower.events(events.map_err(|error| app.failed(&error))?).await?,
        None => {
            app.console.note("note: the agent does not stream, following by polling");
            return_immediately(&mut request);
            let response = client.send_message(CallContext::new(), request).await;
            let response = StreamResponse::from(response.map_err(|error| app.failed(&error))?);
            match follower.event(&response)? {
                Some(outcome) => outcome,
                None => follower.rest().await?,
            }
        }
    };
    drop(follower);
    super::task::conclude_stream(app, &outcome)
}

/// Prints what came of the message, less what was announced already.
fn print(announcer: &Announcer<'_>, app: &App, response: SendMessageResponse) -> Result<(), Failure> {
    match &response {
        SendMessageResponse::Task(task) if app.console.is_json() => {
            app.saw(task);
            written(app.console.json(&response))?;
            app.warn_of(&task.status.state);
            Ok(())
        }
        SendMessageResponse::Task(task) => announcer.finish_task(task),
        SendMessageResponse::Message(_) if app.console.is_json() => written(app.console.json(&response)),
        SendMessageResponse::Message(message) => {
            let mut fields = Fields::new();
            text::message(&mut fields, message, app.settings.verbose);
            let context = message.context_id.as_deref().unwrap_or_default();
            fields.optional("Resume", resume::context(&resume::carried(&app.resolved), context).as_deref());
            written(app.console.text(&fields))
        }
    }
}

//! The instructions of the ITK: a protobuf message that says what to answer and which agents to
//! call, with instructions of their own.

use std::time::Duration;

use agent_sdk::{
    ports::BoxFuture,
    prelude::*,
    protocol::{SendMessageConfiguration, SendMessageRequest, StreamResponse, TaskPushNotificationConfig},
    sleep,
};
use futures::StreamExt;
use prost::Message as _;

/// The media type of a part that holds an instruction.
pub(crate) const MEDIA_TYPE: &str = "application/x-protobuf";
const FILE_NAME: &str = "instruction.bin";

/// Ends the text of a task that is held: whoever watches it has seen enough.
const FINISHED: &str = "task-finished";
/// A task is held for so many updates, with this pause after each.
const UPDATES: usize = 5;
const PAUSE: Duration = Duration::from_secs(2);

#[derive(Clone, PartialEq, prost::Message)]
pub(crate) struct Instruction {
    #[prost(oneof = "Step", tags = "1, 2, 3")]
    step: Option<Step>,
}

#[derive(Clone, PartialEq, prost::Oneof)]
enum Step {
    #[prost(message, tag = "1")]
    Call(Box<CallAgent>),
    #[prost(message, tag = "2")]
    Return(ReturnResponse),
    #[prost(message, tag = "3")]
    Series(Series),
}

#[derive(Clone, PartialEq, prost::Message)]
struct CallAgent {
    #[prost(string, tag = "1")]
    transport: String,
    #[prost(string, tag = "2")]
    agent_card_uri: String,
    #[prost(message, optional, boxed, tag = "3")]
    instruction: Option<Box<Instruction>>,
    #[prost(bool, tag = "4")]
    streaming: bool,
    #[prost(oneof = "Behaviour", tags = "5, 6, 7")]
    behaviour: Option<Behaviour>,
}

#[derive(Clone, PartialEq, prost::Oneof)]
enum Behaviour {
    #[prost(message, tag = "5")]
    Send(()),
    #[prost(message, tag = "6")]
    Push(Push),
    #[prost(message, tag = "7")]
    Resubscribe(()),
}

#[derive(Clone, PartialEq, prost::Message)]
struct Push {
    #[prost(string, tag = "1")]
    url: String,
}

#[derive(Clone, PartialEq, prost::Message)]
struct ReturnResponse {
    #[prost(string, tag = "1")]
    response: String,
    #[prost(bool, tag = "2")]
    hold_task: bool,
}

#[derive(Clone, PartialEq, prost::Message)]
struct Series {
    #[prost(message, repeated, tag = "1")]
    instructions: Vec<Instruction>,
}

/// The instruction that a message holds, if it holds one.
pub(crate) fn of(message: &Message) -> Option<Result<Instruction, HandlerError>> {
    let is_instruction =
        |part: &&Part| part.media_type.as_deref() == Some(MEDIA_TYPE) || part.filename.as_deref() == Some(FILE_NAME);
    let part = message.parts.iter().find(is_instruction)?;
    Some(match &part.content {
        Content::Raw(bytes) => Instruction::decode(&**bytes)
            .map_err(|error| HandlerError::new("the part is no instruction").caused_by(error)),
        _ => Err(HandlerError::new("an instruction has to be in a raw part")),
    })
}

/// Carries out an instruction. What came of it is the message with which the task completes.
pub(crate) async fn execute(instruction: Instruction, task: &TaskUpdater) -> Result<(), HandlerError> {
    task.working(()).await?;
    let hold = instruction.is_held();
    let mut text = carry_out(instruction).await?.join("\n");
    if hold {
        text = format!("{text}\n{FINISHED}");
        task.working(text.as_str()).await?;
        for _ in 0..UPDATES {
            task.working(()).await?;
            sleep(PAUSE).await;
        }
    }
    task.reply(text).await
}

impl Instruction {
    /// Whether the task is to be held. What another agent is told to do does not count.
    fn is_held(&self) -> bool {
        match &self.step {
            Some(Step::Return(answer)) => answer.hold_task,
            Some(Step::Series(series)) => series.instructions.iter().any(Self::is_held),
            Some(Step::Call(_)) | None => false,
        }
    }
}

fn carry_out(instruction: Instruction) -> BoxFuture<'static, Result<Vec<String>, HandlerError>> {
    Box::pin(async move {
        match instruction.step {
            Some(Step::Return(answer)) => Ok(vec![answer.response]),
            Some(Step::Call(call)) => call.make().await,
            Some(Step::Series(series)) => {
                let mut texts = Vec::new();
                for instruction in series.instructions {
                    texts.extend(carry_out(instruction).await?);
                }
                Ok(texts)
            }
            None => Err(HandlerError::new("the instruction has no step")),
        }
    })
}

impl CallAgent {
    /// A client over this binding: in version 1.0 where the agent offers that, else in 0.3.
    async fn client(&self, binding: &str) -> Result<Client, HandlerError> {
        let mut failed = HandlerError::new(format!("{} does not offer {binding}", self.agent_card_uri));
        for version in ["1.0", "0.3"] {
            let builder = agent_sdk::client_builder().prefer([binding]).protocol_version(version);
            match builder.connect(&self.agent_card_uri).await {
                Ok(client) if client.interface().protocol_binding == binding => return Ok(client),
                Ok(_) => {}
                Err(error) => failed = error.into(),
            }
        }
        Err(failed)
    }

    /// Calls the agent; what it says is the result.
    async fn make(self) -> Result<Vec<String>, HandlerError> {
        let binding = match &*self.transport.to_uppercase() {
            "GRPC" => "GRPC",
            "HTTP_JSON" | "HTTP+JSON" | "REST" => "HTTP+JSON",
            _ => "JSONRPC",
        };
        let client = self.client(binding).await?;
        let instruction = self.instruction.map(|instruction| instruction.encode_to_vec()).unwrap_or_default();
        let part = Part::raw(instruction).media_type(MEDIA_TYPE).filename(FILE_NAME);
        let mut request = SendMessageRequest::new(client.message(part));
        match &self.behaviour {
            Some(Behaviour::Resubscribe(())) => resubscribe(&client, request).await,
            behaviour => {
                if let Some(Behaviour::Push(push)) = behaviour {
                    request.configuration = Some(push.configuration());
                }
                if self.streaming { stream(&client, request).await } else { send(&client, request).await }
            }
        }
    }
}

impl Push {
    fn configuration(&self) -> SendMessageConfiguration {
        let scheme = if self.url.contains("://") { "" } else { "http://" };
        let mut push = TaskPushNotificationConfig::default();
        push.url = format!("{scheme}{}/notifications", self.url);
        push.token = Some("itk-token".to_owned());
        let mut configuration = SendMessageConfiguration::default();
        configuration.task_push_notification_config = Some(push);
        configuration
    }
}

async fn send(client: &Client, request: SendMessageRequest) -> Result<Vec<String>, HandlerError> {
    let sent = client.send_message(CallContext::new(), request).await?;
    Ok(texts(&sent.into()))
}

async fn stream(client: &Client, request: SendMessageRequest) -> Result<Vec<String>, HandlerError> {
    let mut events = client.send_streaming_message(CallContext::new(), request).await?;
    let mut said = Vec::new();
    while let Some(event) = events.next().await {
        said.extend(texts(&event?.response));
    }
    Ok(said)
}

/// Leaves the stream after its first event, watches the task anew until it says that it has
/// finished, and cancels it.
async fn resubscribe(client: &Client, request: SendMessageRequest) -> Result<Vec<String>, HandlerError> {
    let mut events = client.send_streaming_message(CallContext::new(), request).await?;
    let first = events.next().await.ok_or_else(|| HandlerError::new("the stream is empty"))??;
    let id = first.response.task_id().ok_or_else(|| HandlerError::new("the stream is about no task"))?;
    let task = client.task(id.clone()).cancel_on_drop();
    drop(events);
    let mut events = task.watch().await?;
    while let Some(event) = events.next().await {
        let said = said_so_far(&event?.response);
        if said.iter().any(|text| text.contains(FINISHED)) {
            return Ok(said.into_iter().map(|text| text.replace(FINISHED, "")).collect());
        }
    }
    Err(HandlerError::new("the task ended before it had finished"))
}

/// What the agent says in a message or a status.
fn texts(response: &StreamResponse) -> Vec<String> {
    let message = match response {
        StreamResponse::Message(message) => Some(message),
        other => other.status().and_then(|status| status.message.as_ref()),
    };
    message.map(|message| message.text()).into_iter().collect()
}

/// The same and, of a task, what the agent has said before.
fn said_so_far(response: &StreamResponse) -> Vec<String> {
    let mut said = texts(response);
    if let StreamResponse::Task(task) = response {
        said.extend(task.history.iter().filter(|message| message.role == Role::Agent).map(|message| message.text()));
    }
    said
}

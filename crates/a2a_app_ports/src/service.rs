//! An agent is one function: `handle(context, Call) -> Reply`. The engine answers it, a remote agent
//! answers it, and whatever wraps an agent wraps this.

use std::{collections::BTreeSet, sync::Arc};

use a2a_protocol_core::{
    AgentCard, Call, CancelTaskRequest, CustomCall, DeleteTaskPushNotificationConfigRequest, Error, ErrorKind,
    GetExtendedAgentCardRequest, GetTaskPushNotificationConfigRequest, GetTaskRequest,
    ListTaskPushNotificationConfigsRequest, ListTaskPushNotificationConfigsResponse, ListTasksRequest,
    ListTasksResponse, ProtocolVersion, SendMessageRequest, SendMessageResponse, StreamEvent, SubscribeToTaskRequest,
    Task, TaskPushNotificationConfig, read_response,
};
use futures::{Stream, StreamExt};
use http::HeaderMap;
use serde::{Serialize, de::DeserializeOwned};
use serde_json::value::{RawValue, to_raw_value};

use crate::{BoxFuture, BoxStream, MaybeSend};

/// What is known of a call besides its request.
#[derive(Clone, Debug, Default)]
#[non_exhaustive]
pub struct CallContext {
    /// The version of the protocol the caller speaks.
    pub version: ProtocolVersion,
    /// The extensions that are active for this call (section 4.6).
    pub extensions: Vec<String>,
    /// Who calls, as authentication found; also the owner of the tasks the call creates.
    pub principal: Option<Arc<str>>,
    /// The scopes that the caller's credentials carry.
    pub scopes: BTreeSet<String>,
    /// The skills whose requirements the caller's credentials do not meet. Which skill a message is
    /// for is only known where the task is: there it is refused.
    pub barred_skills: Vec<String>,
    /// Headers that the configuration lets through to the handler.
    pub headers: HeaderMap,
    /// The event after which a subscription is resumed (`Last-Event-ID`).
    pub last_event_id: Option<u64>,
    /// Whether the reply has to be one value, as in a batch of JSON-RPC.
    pub no_stream: bool,
    /// What the request says of who calls, for authentication to look at, which takes it out; only
    /// there if the card has security schemes or tells of an extended card.
    pub presented: Option<Arc<Presented>>,
}

/// Where a caller may have put its credentials: unverified, and never shown.
#[derive(Clone, Default)]
pub struct Presented {
    /// The headers of the request; over gRPC its metadata.
    pub headers: HeaderMap,
    /// The query of the request's URL; over gRPC empty.
    pub query: String,
}

impl std::fmt::Debug for Presented {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Presented")
    }
}

impl CallContext {
    /// The context of a call in process by nobody in particular.
    pub fn new() -> Self {
        Self::default()
    }

    /// Sees that there is room for the stream by which a method is answered, before it is run.
    ///
    /// # Errors
    /// InvalidRequest that names the method.
    pub fn room_for_stream(&self, method: &str) -> Result<(), Error> {
        match self.no_stream {
            true => {
                let message = format!("{method} streams its reply, which a batch cannot hold");
                Err(Error::new(ErrorKind::InvalidRequest, message))
            }
            false => Ok(()),
        }
    }

    /// Whether an extension is active.
    pub fn has_extension(&self, uri: &str) -> bool {
        self.extensions.iter().any(|active| active == uri)
    }
}

/// The events of a stream in order. It ends after the event with which the caller's interest ends;
/// dropping it ends nothing but the watching.
pub type EventStream = BoxStream<'static, Result<Arc<StreamEvent>, Error>>;

/// What an agent answers: one value or a stream.
#[non_exhaustive]
pub enum Reply {
    /// To SendMessage.
    Sent(SendMessageResponse),
    /// To SendStreamingMessage and SubscribeToTask.
    Stream(EventStream),
    /// To GetTask and CancelTask.
    Task(Arc<Task>),
    /// To ListTasks.
    Tasks(ListTasksResponse),
    /// To CreateTaskPushNotificationConfig and GetTaskPushNotificationConfig.
    PushConfig(TaskPushNotificationConfig),
    /// To ListTaskPushNotificationConfigs.
    PushConfigs(ListTaskPushNotificationConfigsResponse),
    /// To DeleteTaskPushNotificationConfig.
    Deleted,
    /// To GetExtendedAgentCard.
    Card(Arc<AgentCard>),
    /// To an agent's own method.
    Custom(Box<RawValue>),
    /// To an agent's own method that streams its results.
    CustomStream(BoxStream<'static, Result<Box<RawValue>, Error>>),
}

impl Reply {
    /// The result of an agent's own method.
    ///
    /// # Errors
    /// Internal when it cannot be written as JSON.
    pub fn custom<R: Serialize>(result: &R) -> Result<Self, Error> {
        written(result).map(Self::Custom)
    }

    /// The results of an agent's own method that streams them; one that cannot be written as JSON is
    /// an Internal error.
    pub fn custom_stream<R: Serialize>(results: impl Stream<Item = Result<R, Error>> + MaybeSend + 'static) -> Self {
        Self::CustomStream(Box::pin(results.map(|result| written(&result?))))
    }

    /// InvalidAgentResponse: a call of this method was answered by this kind of reply.
    pub fn unfit(&self, method: &str) -> Error {
        Error::new(ErrorKind::InvalidAgentResponse, format!("{method} was answered by a reply of kind {self:?}"))
    }
}

fn written(result: &impl Serialize) -> Result<Box<RawValue>, Error> {
    to_raw_value(result).map_err(Error::internal)
}

impl std::fmt::Debug for Reply {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Sent(_) => "Sent",
            Self::Stream(_) => "Stream",
            Self::Task(_) => "Task",
            Self::Tasks(_) => "Tasks",
            Self::PushConfig(_) => "PushConfig",
            Self::PushConfigs(_) => "PushConfigs",
            Self::Deleted => "Deleted",
            Self::Card(_) => "Card",
            Self::Custom(_) => "Custom",
            Self::CustomStream(_) => "CustomStream",
        })
    }
}

/// Anything that answers calls: the engine, a remote agent, a wrapper around either.
pub trait AgentService: Send + Sync {
    /// Answers one call. Dropping the future abandons the wait, not the work.
    fn handle(&self, context: CallContext, call: Call) -> BoxFuture<'_, Result<Reply, Error>>;
}

impl<S: AgentService + ?Sized> AgentService for Arc<S> {
    fn handle(&self, context: CallContext, call: Call) -> BoxFuture<'_, Result<Reply, Error>> {
        (**self).handle(context, call)
    }
}

macro_rules! operations {
    ($($(#[$doc:meta])* $name:ident: $call:ident($request:ty) -> $reply:ident($answer:ty);)*) => {
        /// A method for every operation, over [`AgentService::handle`].
        ///
        /// A reply of another kind than the operation's is InvalidAgentResponse.
        pub trait AgentOperations: AgentService {
            $(
                $(#[$doc])*
                fn $name(&self, context: CallContext, request: $request) -> impl Future<Output = Result<$answer, Error>> + crate::MaybeSend {
                    async move {
                        match self.handle(context, Call::$call(request)).await? {
                            Reply::$reply(answer) => Ok(answer),
                            other => Err(other.unfit(stringify!($call))),
                        }
                    }
                }
            )*

            /// Stop notifying a webhook (section 3.1.10).
            fn delete_task_push_notification_config(
                &self,
                context: CallContext,
                request: DeleteTaskPushNotificationConfigRequest,
            ) -> impl Future<Output = Result<(), Error>> + crate::MaybeSend {
                async move {
                    match self.handle(context, Call::DeleteTaskPushNotificationConfig(request)).await? {
                        Reply::Deleted => Ok(()),
                        other => Err(other.unfit("DeleteTaskPushNotificationConfig")),
                    }
                }
            }

            /// Call a method of the agent's own.
            fn call_method<P: Serialize + ?Sized, R: DeserializeOwned>(
                &self,
                context: CallContext,
                method: &str,
                params: &P,
            ) -> impl Future<Output = Result<R, Error>> + crate::MaybeSend {
                let call = CustomCall::with(method, params);
                async move {
                    let call = call?;
                    let name = call.method.clone();
                    match self.handle(context, Call::Custom(call)).await? {
                        Reply::Custom(result) => read_response(result.get().as_bytes()),
                        other => Err(other.unfit(&name)),
                    }
                }
            }

            /// Call a method of the agent's own that streams its results.
            fn stream_method<P: Serialize + ?Sized, R: DeserializeOwned>(
                &self,
                context: CallContext,
                method: &str,
                params: &P,
            ) -> impl Future<Output = Result<BoxStream<'static, Result<R, Error>>, Error>> + crate::MaybeSend {
                let call = CustomCall::with(method, params);
                async move {
                    let call = call?;
                    let name = call.method.clone();
                    match self.handle(context, Call::Custom(call)).await? {
                        Reply::CustomStream(results) => {
                            let read = |result: Result<Box<RawValue>, Error>| read_response(result?.get().as_bytes());
                            Ok(Box::pin(results.map(read)) as BoxStream<'static, Result<R, Error>>)
                        }
                        other => Err(other.unfit(&name)),
                    }
                }
            }
        }
    };
}

operations! {
    /// Send a message and wait for the outcome (section 3.1.1).
    send_message: SendMessage(SendMessageRequest) -> Sent(SendMessageResponse);
    /// Send a message and watch what happens (section 3.1.2).
    send_streaming_message: SendStreamingMessage(SendMessageRequest) -> Stream(EventStream);
    /// Read a task (section 3.1.3).
    get_task: GetTask(GetTaskRequest) -> Task(Arc<Task>);
    /// Read many tasks (section 3.1.4).
    list_tasks: ListTasks(ListTasksRequest) -> Tasks(ListTasksResponse);
    /// Stop a task (section 3.1.5).
    cancel_task: CancelTask(CancelTaskRequest) -> Task(Arc<Task>);
    /// Watch a task (section 3.1.6).
    subscribe_to_task: SubscribeToTask(SubscribeToTaskRequest) -> Stream(EventStream);
    /// Have a webhook notified (section 3.1.7).
    create_task_push_notification_config: CreateTaskPushNotificationConfig(TaskPushNotificationConfig) -> PushConfig(TaskPushNotificationConfig);
    /// Read a webhook's configuration (section 3.1.8).
    get_task_push_notification_config: GetTaskPushNotificationConfig(GetTaskPushNotificationConfigRequest) -> PushConfig(TaskPushNotificationConfig);
    /// Read all webhooks' configurations (section 3.1.9).
    list_task_push_notification_configs: ListTaskPushNotificationConfigs(ListTaskPushNotificationConfigsRequest) -> PushConfigs(ListTaskPushNotificationConfigsResponse);
    /// Read the card for authenticated callers (section 3.1.11).
    get_extended_agent_card: GetExtendedAgentCard(GetExtendedAgentCardRequest) -> Card(Arc<AgentCard>);
}

impl<S: AgentService + ?Sized> AgentOperations for S {}

//! An agent that answers as told, its server, and a client that is not ours.

use std::sync::{Arc, Mutex};

use a2a_app_ports::{AgentService, BoxFuture, CallContext, ConnectOptions, Connector, EventStream, Lifecycle, Reply};
use a2a_grpc::{Grpc, GrpcOptions, GrpcServer};
use a2a_http_server::native::{self, ConnectionOptions};
use a2a_protocol_core::{
    AgentCard, AgentInterface, Call, Error, ErrorKind, ListTaskPushNotificationConfigsResponse, ListTasksResponse,
    Message, Part, Role, SendMessageResponse, StreamEvent, StreamResponse, Task, TaskPushNotificationConfig, TaskState,
    TaskStatus,
};
use futures::{StreamExt, stream};
use tokio::{net::TcpListener, sync::oneshot, task::JoinHandle};
use tonic::transport::{Channel, Endpoint};

/// The messages as any other client has them.
#[allow(clippy::all, dead_code, missing_docs, unreachable_pub, reason = "generated")]
pub(crate) mod v1 {
    tonic::include_proto!("lf.a2a.v1");
}

pub(crate) use v1::a2a_service_client::A2aServiceClient as TheirClient;

type Answer = dyn Fn(CallContext, Call) -> BoxFuture<'static, Result<Reply, Error>> + Send + Sync;

/// Answers as told, and remembers what it was asked.
pub(crate) struct Agent {
    answer: Box<Answer>,
    asked: Mutex<Vec<(CallContext, Call)>>,
}

impl Agent {
    pub(crate) fn fitting() -> Arc<Self> {
        Self::answering(|_, call| Ok(fitting_reply(&call)))
    }

    pub(crate) fn failing(kind: ErrorKind) -> Arc<Self> {
        Self::answering(move |_, _| Err(Error::new(kind, "no").with_metadata("taskId", "t")))
    }

    pub(crate) fn answering(
        answer: impl Fn(CallContext, Call) -> Result<Reply, Error> + Send + Sync + 'static,
    ) -> Arc<Self> {
        Self::waiting(move |context, call| {
            let reply = answer(context, call);
            Box::pin(async { reply })
        })
    }

    pub(crate) fn streaming(stream: impl Fn() -> EventStream + Send + Sync + 'static) -> Arc<Self> {
        Self::answering(move |_, _| Ok(Reply::Stream(stream())))
    }

    pub(crate) fn waiting(
        answer: impl Fn(CallContext, Call) -> BoxFuture<'static, Result<Reply, Error>> + Send + Sync + 'static,
    ) -> Arc<Self> {
        Arc::new(Self { answer: Box::new(answer), asked: Mutex::default() })
    }

    pub(crate) fn asked(&self) -> Vec<(CallContext, Call)> {
        std::mem::take(&mut self.asked.lock().unwrap())
    }
}

impl AgentService for Agent {
    fn handle(&self, context: CallContext, call: Call) -> BoxFuture<'_, Result<Reply, Error>> {
        self.asked.lock().unwrap().push((context.clone(), call.clone()));
        (self.answer)(context, call)
    }
}

pub(crate) fn task() -> Arc<Task> {
    Arc::new(Task::new("t1", "c1", TaskStatus::new(TaskState::Completed)))
}

fn message(text: &str) -> Arc<Message> {
    Arc::new(Message::new("m1", Role::Agent, vec![Part::text(text)]))
}

/// A reply of the right kind.
pub(crate) fn fitting_reply(call: &Call) -> Reply {
    let config = || {
        let mut config = TaskPushNotificationConfig::default();
        config.url = "https://hook.example".to_owned();
        config
    };
    match call {
        Call::SendMessage(request) => Reply::Sent(SendMessageResponse::Message(message(&request.message.text()))),
        Call::SendStreamingMessage(_) | Call::SubscribeToTask(_) => Reply::Stream(events(["one", "two"])),
        Call::GetTask(_) | Call::CancelTask(_) => Reply::Task(task()),
        Call::ListTasks(_) => Reply::Tasks(ListTasksResponse::default()),
        Call::CreateTaskPushNotificationConfig(_) | Call::GetTaskPushNotificationConfig(_) => {
            Reply::PushConfig(config())
        }
        Call::ListTaskPushNotificationConfigs(_) => {
            Reply::PushConfigs(ListTaskPushNotificationConfigsResponse::default())
        }
        Call::DeleteTaskPushNotificationConfig(_) => Reply::Deleted,
        Call::GetExtendedAgentCard(_) => Reply::Card(Arc::new(card())),
        other => panic!("unexpected {other:?}"),
    }
}

pub(crate) fn event(text: &str) -> Arc<StreamEvent> {
    Arc::new(StreamEvent::new(Some(1), StreamResponse::Message(message(text))))
}

/// A stream of messages that ends.
pub(crate) fn events<const N: usize>(texts: [&str; N]) -> EventStream {
    stream::iter(texts.map(|text| Ok(event(text)))).boxed()
}

pub(crate) fn card() -> AgentCard {
    let mut card = AgentCard::default();
    card.name = "Fake".to_owned();
    card.version = "1".to_owned();
    card.capabilities.extended_agent_card = Some(true);
    card
}

/// A server on a port of its own, which goes down when told, or with the test.
pub(crate) struct Server {
    pub(crate) address: String,
    pub(crate) lifecycle: Lifecycle,
    stop: Option<oneshot::Sender<()>>,
    serving: JoinHandle<()>,
}

impl Server {
    pub(crate) async fn of(agent: Arc<Agent>) -> Self {
        Self::with(agent, card(), |_| {}).await
    }

    pub(crate) async fn with(agent: Arc<Agent>, card: AgentCard, change: impl FnOnce(&mut GrpcOptions)) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap().to_string();
        let mut options = GrpcOptions::default();
        change(&mut options);
        let lifecycle = Lifecycle::new();
        let server = GrpcServer::new(agent, Arc::new(card), &a2a_http_server::host(), lifecycle.clone(), options);
        let (stop, stopped) = oneshot::channel();
        let serving = tokio::spawn({
            let lifecycle = lifecycle.clone();
            async move {
                let mut connections = ConnectionOptions::default();
                connections.drain_time = std::time::Duration::ZERO;
                let stopped = async move { stopped.await.unwrap_or_default() };
                native::serve_app(listener, server, &lifecycle, &connections, stopped).await;
            }
        });
        Self { address, lifecycle, stop: Some(stop), serving }
    }

    /// Our client.
    pub(crate) fn ours(&self) -> Arc<dyn AgentService> {
        connect(&self.address)
    }

    pub(crate) fn channel(&self) -> Channel {
        Endpoint::from_shared(format!("http://{}", self.address)).unwrap().connect_lazy()
    }

    /// A client that is not ours.
    pub(crate) fn theirs(&self) -> TheirClient<Channel> {
        TheirClient::new(self.channel())
    }

    pub(crate) async fn stop(mut self) {
        self.stop.take().unwrap().send(()).unwrap();
        self.serving.await.unwrap();
    }
}

pub(crate) fn connect(address: &str) -> Arc<dyn AgentService> {
    Grpc.connect(&AgentInterface::new(address, "GRPC", "1.0"), &ConnectOptions::default()).unwrap()
}

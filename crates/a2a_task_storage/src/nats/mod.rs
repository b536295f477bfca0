//! The bus between replicas, by NATS.

mod target;

use std::{
    fmt,
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, Ordering::Relaxed},
    },
};

use a2a_app_ports::{BoxStream, EventBus, Revision, StorageError, TaskId, Wake};
use async_nats::{Client, Event, Subscriber, client::RequestErrorKind};
use futures::StreamExt;
use tokio::task::JoinHandle;

pub use self::target::NatsOptions;
use self::target::Target;
use crate::{
    SqlFailureKind,
    sql::lock,
    wakes::{self, Exchange},
};

/// Wakes the replicas that name the same subject on the same NATS servers.
///
/// It has one connection. When that is lost it is made anew, and everyone looks at everything.
pub struct NatsBus {
    shared: Arc<Shared>,
    task: JoinHandle<()>,
}

struct Shared {
    target: Target,
    exchange: Exchange,
    /// The connection was lost, and nobody has been told yet.
    lost: AtomicBool,
    /// What the server last refused.
    refused: Mutex<Option<String>>,
}

impl NatsBus {
    /// Connects. A server that is lost later is connected to again, for as long as it takes.
    ///
    /// # Errors
    /// [`StorageError::Failed`] with a [`SqlFailure`](crate::SqlFailure), which names the server: the
    /// options are wrong, the server cannot be reached, or it does not let this user in or use the
    /// subject.
    pub async fn open(options: &NatsOptions) -> Result<Self, StorageError> {
        let (target, connect) = Target::new(options)?;
        let shared = Arc::new(Shared {
            target,
            exchange: Exchange::default(),
            lost: AtomicBool::new(false),
            refused: Mutex::default(),
        });
        let target = &shared.target;
        let hears = shared.clone();
        let connect = connect.event_callback(move |event| {
            hears.hear(event);
            std::future::ready(())
        });
        let client = connect.connect(&target.servers[..]).await.map_err(|error| target.unconnected(error))?;
        let subscribed = client.subscribe(target.wakes.clone()).await;
        let messages = subscribed.map_err(|error| target.failure(SqlFailureKind::Other, error.to_string()))?;
        if !shared.round_trip(&client).await {
            let refused = lock(&shared.refused).take();
            return Err(match refused {
                Some(what) => target.failure(SqlFailureKind::Other, what),
                None => target.failure(SqlFailureKind::Unreachable, "it does not answer".to_owned()),
            });
        }
        let task = tokio::spawn(shared.clone().run(client, messages));
        Ok(Self { shared, task })
    }
}

impl Drop for NatsBus {
    fn drop(&mut self) {
        self.task.abort();
        self.shared.exchange.subscribers.end();
    }
}

impl fmt::Debug for NatsBus {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("NatsBus").field("target", &self.shared.target).finish_non_exhaustive()
    }
}

impl EventBus for NatsBus {
    fn publish(&self, task: TaskId, revision: Revision) {
        self.shared.exchange.publish(task, revision);
    }

    fn subscribe(&self) -> BoxStream<'static, Wake> {
        Box::pin(self.shared.exchange.subscribers.subscribe())
    }
}

impl Shared {
    /// What the library says of the connection.
    fn hear(&self, event: Event) {
        match event {
            Event::Disconnected => {
                tracing::warn!(target = ?self.target, "the connection of the bus is lost");
                self.lost.store(true, Relaxed);
            }
            Event::Connected => self.exchange.look(),
            Event::SlowConsumer(_) => self.exchange.subscribers.tell([Wake::All]),
            Event::ServerError(error) => {
                tracing::warn!(target = ?self.target, %error, "the server of the bus refuses something");
                *lock(&self.refused) = Some(error.to_string());
            }
            _ => {}
        }
    }

    /// Whether the server has done what this connection told it until now: it answers, in turn, that
    /// nobody listens to a subject that is for nothing else.
    async fn round_trip(&self, client: &Client) -> bool {
        match client.request(self.target.nobody.clone(), Default::default()).await {
            Ok(_) => true,
            Err(error) => error.kind() == RequestErrorKind::NoResponders,
        }
    }

    async fn run(self: Arc<Self>, client: Client, messages: Subscriber) {
        tokio::select! {
            () = self.receive(messages) => {}
            () = self.send(&client) => {}
        }
        self.exchange.subscribers.end();
    }

    async fn receive(&self, mut messages: Subscriber) {
        while let Some(message) = messages.next().await {
            // What is not even text is of a later version.
            self.exchange.subscribers.tell(wakes::read(std::str::from_utf8(&message.payload).unwrap_or("?")));
        }
    }

    async fn send(&self, client: &Client) {
        loop {
            self.exchange.came().await;
            if self.lost.swap(false, Relaxed) {
                // Only whoever is subscribed again may look: what comes after is heard.
                self.round_trip(client).await;
                self.exchange.is_back();
            }
            while let Some(payload) = self.exchange.next() {
                // While it is under way, or there is no connection, what comes is gathered.
                let sent = client.publish(self.target.wakes.clone(), payload.into()).await.is_ok();
                if !sent || client.flush().await.is_err() {
                    return;
                }
            }
        }
    }
}

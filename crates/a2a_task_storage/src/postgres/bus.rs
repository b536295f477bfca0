//! The bus between replicas, by `LISTEN` and `NOTIFY`.

use std::{
    fmt,
    sync::{Arc, Mutex},
    time::Duration,
};

use a2a_app_ports::{BoxStream, EventBus, Revision, StorageError, TaskId, Wake};
use tokio::{
    sync::Notify,
    task::JoinHandle,
    time::{Instant, sleep, sleep_until, timeout},
};
use tokio_postgres::{AsyncMessage, Client};

use super::{
    PostgresOptions,
    pool::is_lost,
    target::{Messages, Target, failure, quoted},
};
use crate::{
    sql::lock,
    wakes::{self, Latest, Subscribers},
};

/// So often wake-ups are sent at most: each is a transaction of the database, which lets those that
/// notify through one by one.
const PERIOD: Duration = Duration::from_millis(2);
const FIRST_PAUSE: Duration = Duration::from_millis(20);
const LONGEST_PAUSE: Duration = Duration::from_secs(2);
/// How long a notification may take before the connection counts as lost.
const PATIENCE: Duration = Duration::from_secs(5);

/// Wakes the replicas that use the same schema of the same database.
///
/// It has one connection, and never a transaction of a storage: `NOTIFY` would have all commits
/// wait for each other. When the connection is lost it is made anew, and everyone looks at
/// everything.
pub struct PostgresBus {
    shared: Arc<Shared>,
    task: JoinHandle<()>,
}

struct Shared {
    target: Target,
    channel: String,
    subscribers: Subscribers,
    /// What is to be sent.
    waiting: Mutex<Latest>,
    came: Notify,
}

impl PostgresBus {
    /// Connects. The schema need not be there yet.
    ///
    /// # Errors
    /// As [`PostgresStorage::open`](super::PostgresStorage::open).
    pub async fn open(options: &PostgresOptions) -> Result<Self, StorageError> {
        let target = Target::new(options)?;
        let shared = Arc::new(Shared {
            channel: channel(&options.schema),
            target,
            subscribers: Subscribers::default(),
            waiting: Mutex::default(),
            came: Notify::new(),
        });
        let connection = shared.connect_until(Some(Instant::now() + options.patience)).await?;
        let task = tokio::spawn(shared.clone().run(connection));
        Ok(Self { shared, task })
    }
}

impl Drop for PostgresBus {
    fn drop(&mut self) {
        self.task.abort();
        self.shared.subscribers.end();
    }
}

impl fmt::Debug for PostgresBus {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PostgresBus").field("target", &self.shared.target).finish_non_exhaustive()
    }
}

impl EventBus for PostgresBus {
    fn publish(&self, task: TaskId, revision: Revision) {
        lock(&self.shared.waiting).add(Wake::Task(task, revision));
        self.shared.came.notify_one();
    }

    fn subscribe(&self) -> BoxStream<'static, Wake> {
        Box::pin(self.shared.subscribers.subscribe())
    }
}

/// A channel is of the whole database; the schema tells who belongs together. Its name may have 63
/// bytes.
fn channel(schema: &str) -> String {
    let mut name = format!("nuncio {schema}");
    while name.len() > 63 {
        name.pop();
    }
    name
}

/// A connection that listens, and the task that drives it.
struct Listening {
    client: Client,
    driver: JoinHandle<()>,
}

impl Drop for Listening {
    fn drop(&mut self) {
        self.driver.abort();
    }
}

impl Shared {
    async fn connect(self: &Arc<Self>) -> Result<Listening, StorageError> {
        let (client, connection) = self.target.connect().await?;
        let own = Arc::new(Mutex::new(None));
        let driver = tokio::spawn(self.clone().listen(connection, own.clone()));
        let listening = Listening { client, driver };
        let failed = |error| failure(&self.target.place(), error);
        let row = listening.client.query_one("SELECT pg_backend_pid()", &[]).await.map_err(failed)?;
        *lock(&own) = row.try_get::<_, i32>(0).ok();
        listening.client.batch_execute(&format!("LISTEN {}", quoted(&self.channel))).await.map_err(failed)?;
        Ok(listening)
    }

    /// Drives a connection and tells what comes of the others, by what process they are known.
    async fn listen(self: Arc<Self>, mut connection: impl Messages, own: Arc<Mutex<Option<i32>>>) {
        while let Some(Ok(message)) = std::future::poll_fn(|context| connection.poll_message(context)).await {
            if let AsyncMessage::Notification(notification) = message
                && Some(notification.process_id()) != *lock(&own)
            {
                self.subscribers.tell(wakes::read(notification.payload()));
            }
        }
        // Whoever waits to send hears of it too.
        self.came.notify_one();
    }

    async fn run(self: Arc<Self>, mut connection: Listening) {
        loop {
            self.send_while_connected(&connection).await;
            tracing::warn!(target = ?self.target, "the connection of the bus is lost");
            let Ok(again) = self.connect_until(None).await else { continue };
            connection = again;
            self.subscribers.tell([Wake::All]);
            // What was under way may be lost.
            lock(&self.waiting).add(Wake::All);
            self.came.notify_one();
        }
    }

    /// Connects, trying until then, or for ever.
    async fn connect_until(self: &Arc<Self>, until: Option<Instant>) -> Result<Listening, StorageError> {
        let mut pause = FIRST_PAUSE;
        loop {
            let is_late = until.is_some_and(|until| Instant::now() + pause > until);
            match self.connect().await {
                Err(error) if until.is_some() && (is_late || !is_lost(&error)) => return Err(error),
                Err(_) => sleep(pause).await,
                Ok(connection) => return Ok(connection),
            }
            pause = (pause * 2).min(LONGEST_PAUSE);
        }
    }

    async fn send_while_connected(&self, connection: &Listening) {
        let mut next = Instant::now();
        loop {
            self.came.notified().await;
            loop {
                sleep_until(next).await;
                let payload = lock(&self.waiting).write();
                let Some(payload) = payload else { break };
                next = Instant::now() + PERIOD;
                let values: [&(dyn tokio_postgres::types::ToSql + Sync); 2] = [&self.channel, &payload];
                let sent = connection.client.execute("SELECT pg_notify($1, $2)", &values);
                if !matches!(timeout(PATIENCE, sent).await, Ok(Ok(_))) {
                    return;
                }
            }
            if connection.client.is_closed() {
                return;
            }
        }
    }
}

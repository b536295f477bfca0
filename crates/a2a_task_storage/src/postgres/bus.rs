//! The bus between replicas, by `LISTEN` and `NOTIFY`.

use std::{
    fmt,
    sync::{Arc, Mutex},
    time::Duration,
};

use a2a_app_ports::{BoxStream, EventBus, Revision, StorageError, TaskId, Wake};
use tokio::{
    task::JoinHandle,
    time::{Instant, sleep, sleep_until, timeout},
};
use tokio_postgres::{AsyncMessage, Client};

use super::{
    PostgresOptions,
    pool::is_lost,
    target::{Messages, Target, failure, in_time, quoted},
};
use crate::{
    sql::lock,
    wakes::{self, Exchange},
};

/// So often wake-ups are sent at most: each is a transaction of the database, which lets those that
/// notify through one by one.
const PERIOD: Duration = Duration::from_millis(2);
const FIRST_PAUSE: Duration = Duration::from_millis(20);
const LONGEST_PAUSE: Duration = Duration::from_secs(2);
/// How long connecting and a notification may take before the connection counts as lost.
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
    exchange: Exchange,
}

impl PostgresBus {
    /// Connects. The schema need not be there yet.
    ///
    /// # Errors
    /// As [`PostgresStorage::open`](super::PostgresStorage::open).
    pub async fn open(options: &PostgresOptions) -> Result<Self, StorageError> {
        let target = Target::new(options)?;
        let shared = Arc::new(Shared { channel: channel(&options.schema), target, exchange: Exchange::default() });
        let connection = shared.connect_until(Some(shared.target.until())).await?;
        let task = tokio::spawn(shared.clone().run(connection));
        Ok(Self { shared, task })
    }
}

impl Drop for PostgresBus {
    fn drop(&mut self) {
        self.task.abort();
        self.shared.exchange.subscribers.end();
    }
}

impl fmt::Debug for PostgresBus {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PostgresBus").field("target", &self.shared.target).finish_non_exhaustive()
    }
}

impl EventBus for PostgresBus {
    fn publish(&self, task: TaskId, revision: Revision) {
        self.shared.exchange.publish(task, revision);
    }

    fn subscribe(&self) -> BoxStream<'static, Wake> {
        Box::pin(self.shared.exchange.subscribers.subscribe())
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
    async fn connect(self: &Arc<Self>, until: Instant) -> Result<Listening, StorageError> {
        let (client, connection) = self.target.connect(until).await?;
        let own = Arc::new(Mutex::new(None));
        let driver = tokio::spawn(self.clone().listen(connection, own.clone()));
        let listening = Listening { client, driver };
        let place = self.target.place();
        let listens = async {
            let failed = |error| failure(&place, error);
            let row = listening.client.query_one("SELECT pg_backend_pid()", &[]).await.map_err(failed)?;
            *lock(&own) = row.try_get::<_, i32>(0).ok();
            listening.client.batch_execute(&format!("LISTEN {}", quoted(&self.channel))).await.map_err(failed)
        };
        in_time(&place, until, listens).await?;
        Ok(listening)
    }

    /// Drives a connection and tells what comes of the others, by what process they are known.
    async fn listen(self: Arc<Self>, mut connection: impl Messages, own: Arc<Mutex<Option<i32>>>) {
        while let Some(Ok(message)) = std::future::poll_fn(|context| connection.poll_message(context)).await {
            if let AsyncMessage::Notification(notification) = message
                && Some(notification.process_id()) != *lock(&own)
            {
                self.exchange.subscribers.tell(wakes::read(notification.payload()));
            }
        }
        // Whoever waits to send hears of it too.
        self.exchange.look();
    }

    async fn run(self: Arc<Self>, mut connection: Listening) {
        loop {
            self.send_while_connected(&connection).await;
            tracing::warn!(target = ?self.target, "the connection of the bus is lost");
            let Ok(again) = self.connect_until(None).await else { continue };
            connection = again;
            self.exchange.is_back();
        }
    }

    /// Connects, trying until then, or for ever.
    async fn connect_until(self: &Arc<Self>, until: Option<Instant>) -> Result<Listening, StorageError> {
        let mut pause = FIRST_PAUSE;
        loop {
            let is_late = until.is_some_and(|until| Instant::now() + pause > until);
            let each = Instant::now() + PATIENCE;
            match self.connect(until.map_or(each, |until| until.min(each))).await {
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
            self.exchange.came().await;
            loop {
                sleep_until(next).await;
                let Some(payload) = self.exchange.next() else { break };
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

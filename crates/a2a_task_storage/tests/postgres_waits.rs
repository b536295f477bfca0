//! A server that is there and says nothing: whoever asks it hears of that in time.

#![expect(clippy::unwrap_used, reason = "what fails here fails the test")]

mod common;
#[path = "common/postgres.rs"]
mod postgres;

use std::{
    fmt::Debug,
    sync::{
        Arc, Mutex,
        atomic::{AtomicU64, Ordering::Relaxed},
    },
    time::Duration,
};

use a2a_app_ports::{Author, FleetStorage, Lease, ListQuery, ReplicaId, StorageError, Taken, TaskStorage};
use a2a_task_storage::{PostgresBus, PostgresOptions, PostgresStorage, SqlFailure, SqlFailureKind, StoreAdmin};
use common::{LONG, REPLICA, chunk, create, created, id, scope};
use futures::future::{FutureExt as _, join_all};
use postgres::{PASSWORD, Server};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
    time::timeout,
};
use tokio_postgres::{Client, NoTls};

/// What ends at all ends long before.
const OVER: Duration = Duration::from_secs(60);

const LITTLE: Duration = Duration::from_millis(500);

/// What a proxy does with what a client says.
#[derive(Clone, Copy, PartialEq)]
enum Carries {
    All,
    Nothing,
    /// Nothing more, from where a client says this; not this either.
    Before(&'static [u8]),
    /// Nothing more, after a client has said this: not even the answer.
    Upto(&'static [u8]),
    /// Nothing more, from where a client says this, where it loses its connection.
    CutAt(&'static [u8]),
    /// All, but this, which makes no sense when it arrives.
    Spoils(&'static [u8]),
}
use Carries::{All, Before, CutAt, Nothing, Spoils, Upto};

/// Stands between the storage and the server: takes connections and bytes at any time, and carries
/// them while it is told to.
struct Proxy(Mutex<Carries>);

impl Proxy {
    async fn start(server: &Server) -> (Arc<Self>, PostgresOptions) {
        static NUMBER: AtomicU64 = AtomicU64::new(0);
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let proxy = Arc::new(Self(Mutex::new(All)));
        let (through, to) = (proxy.clone(), server.port());
        tokio::spawn(async move {
            loop {
                let (client, _) = listener.accept().await.unwrap();
                let server = TcpStream::connect(("127.0.0.1", to)).await.unwrap();
                tokio::spawn(through.clone().carry(client, server));
            }
        });
        let mut options = PostgresOptions::new(server.url().replace(&format!(":{to}/"), &format!(":{port}/")));
        options.schema = format!("waits {}", NUMBER.fetch_add(1, Relaxed));
        options.connections = 2;
        (proxy, options)
    }

    fn set(&self, carries: Carries) {
        *self.0.lock().unwrap() = carries;
    }

    fn get(&self) -> Carries {
        *self.0.lock().unwrap()
    }

    async fn carry(self: Arc<Self>, client: TcpStream, server: TcpStream) {
        let (mut from_client, mut to_client) = client.into_split();
        let (mut from_server, mut to_server) = server.into_split();
        let asked = async {
            let mut bytes = vec![0; 1 << 16];
            loop {
                let read = from_client.read(&mut bytes).await.unwrap_or(0);
                let place = |text: &[u8]| bytes[..read].windows(text.len()).position(|bytes| bytes == text);
                let says = |text: &[u8]| place(text).is_some();
                let carries = self.get();
                let (goes, next) = match carries {
                    All => (true, All),
                    Nothing => (false, Nothing),
                    Before(text) if says(text) => (false, Nothing),
                    Upto(text) if says(text) => (true, Nothing),
                    CutAt(text) if says(text) => (false, Nothing),
                    Spoils(text) if says(text) => (true, All),
                    other => (true, other),
                };
                self.set(next);
                if let Spoils(text) = carries
                    && let Some(place) = place(text)
                {
                    bytes[place] = b'?';
                }
                let cut = matches!(carries, CutAt(_)) && next == Nothing;
                if read == 0 || cut || goes && to_server.write_all(&bytes[..read]).await.is_err() {
                    return;
                }
            }
        };
        let answered = async {
            let mut bytes = vec![0; 1 << 16];
            loop {
                let read = from_server.read(&mut bytes).await.unwrap_or(0);
                let goes = self.get() != Nothing;
                if read == 0 || goes && to_client.write_all(&bytes[..read]).await.is_err() {
                    return;
                }
            }
        };
        // Whoever ends first, the other one hears of it.
        tokio::select! { () = asked => {}, () = answered => {} }
    }
}

/// Makes the schema and a task in peace; what does that has all patience, what is opened then little.
async fn open(options: &PostgresOptions) -> (PostgresStorage, PostgresStorage) {
    let mut options = options.clone();
    options.patience = OVER;
    let patient = PostgresStorage::open(options.clone()).await.unwrap();
    patient.join(REPLICA, LONG).await.unwrap();
    create(&patient, &scope(), id(1), vec![created(0)]).await.unwrap();
    options.patience = LITTLE;
    // On a busy machine that is little.
    let impatient = at_last(async || PostgresStorage::open(options.clone()).await).await;
    (patient, impatient)
}

#[track_caller]
fn assert_is<T: Debug>(result: Result<T, StorageError>, kind: SqlFailureKind) {
    let error = result.unwrap_err();
    assert_eq!(SqlFailure::kind_of(&error), Some(kind), "{error:?}");
    assert!(!format!("{error:?}").contains(PASSWORD));
}

async fn ends<T: Debug>(call: impl Future<Output = Result<T, StorageError>>, kind: SqlFailureKind) {
    assert_is(timeout(OVER, call).await.unwrap(), kind);
}

/// Has the proxy fall silent in the middle of a call.
async fn ends_at<T: Debug>(
    proxy: &Proxy,
    carries: Carries,
    kind: SqlFailureKind,
    call: impl AsyncFn() -> Result<T, StorageError>,
) {
    loop {
        proxy.set(carries);
        let result = timeout(OVER, call()).await.unwrap();
        if proxy.get() == Nothing {
            return assert_is(result, kind);
        }
        // On a busy machine it may not come that far.
        assert_is(result, SqlFailureKind::Unreachable);
    }
}

/// Repeats what may be too slow for little patience once.
async fn at_last<T>(mut call: impl AsyncFnMut() -> Result<T, StorageError>) -> T {
    let tried = async {
        loop {
            match call().await {
                Ok(value) => return value,
                Err(error) => assert!(matches!(error, StorageError::Failed(_)), "{error:?}"),
            }
        }
    };
    timeout(OVER, tried).await.unwrap()
}

async fn revision(storage: &PostgresStorage) -> u64 {
    at_last(async || storage.snapshot(&scope(), id(1)).await).await.unwrap().revision
}

async fn append(storage: &PostgresStorage, expected: u64) -> Result<u64, StorageError> {
    storage.append(&scope(), id(1), expected, vec![chunk(1, "x", false)], Author::Caller).await
}

#[tokio::test(flavor = "multi_thread")]
async fn every_call_ends_when_nothing_is_answered_and_works_again_after() {
    let server = Server::get();
    let (proxy, options) = Proxy::start(&server).await;
    let (patient, storage) = open(&options).await;
    proxy.set(Nothing);
    let (of, query) = (scope(), ListQuery { limit: 9, ..ListQuery::default() });
    // More of them than connections: the others wait for one in vain.
    futures::join!(
        ends(append(&storage, 1), SqlFailureKind::Unreachable),
        ends(create(&storage, &of, id(2), vec![created(0)]), SqlFailureKind::Unreachable),
        ends(storage.snapshot(&of, id(1)), SqlFailureKind::Unreachable),
        ends(storage.list(&of, &query), SqlFailureKind::Unreachable),
        ends(storage.take(&of, id(1), REPLICA), SqlFailureKind::Unreachable),
        ends(storage.join(REPLICA, LONG), SqlFailureKind::Unreachable),
        ends(storage.renew(REPLICA, LONG), SqlFailureKind::Unreachable),
        ends(storage.leave(REPLICA), SqlFailureKind::Unreachable),
    );
    proxy.set(All);
    assert_eq!(revision(&storage).await, 1);
    assert_eq!(append(&patient, 1).await.unwrap(), 2);
    assert!(at_last(async || storage.renew(REPLICA, LONG).await).await);
}

#[tokio::test(flavor = "multi_thread")]
async fn connecting_ends_however_far_it_came() {
    let server = Server::get();
    let (proxy, mut options) = Proxy::start(&server).await;
    drop(open(&options).await);
    options.patience = LITTLE;
    let (tls, plain) = (options.url.clone(), options.url.clone() + "?sslmode=disable");
    let cases = [
        // Whether there is TLS.
        (&tls, Nothing),
        (&plain, Before(b"user\0")),
        (&plain, Upto(b"user\0")),
        // The password.
        (&plain, Before(b"c=biws,")),
        (&plain, Upto(b"c=biws,")),
        // What a storage says first.
        (&plain, Before(b"SET search_path")),
        (&plain, Upto(b"SET search_path")),
    ];
    for (url, carries) in cases {
        options.url = url.clone();
        let (unreachable, of) = (SqlFailureKind::Unreachable, || options.clone());
        ends_at(&proxy, carries, unreachable, async || PostgresStorage::open(of()).await).await;
        ends_at(&proxy, carries, unreachable, async || PostgresStorage::open_to_read(of()).await).await;
        ends(PostgresBus::open(&options), unreachable).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_speaks_of_tls_and_then_nothing_is_left() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let mut options = PostgresOptions::new(format!("postgres://me@{}/tasks", listener.local_addr().unwrap()));
    options.patience = LITTLE;
    let serves = async {
        let mut connections = Vec::new();
        loop {
            let (mut client, _) = listener.accept().await.unwrap();
            client.write_all(b"S").await.unwrap();
            connections.push(client);
        }
    };
    tokio::select! {
        () = ends(PostgresStorage::open(options), SqlFailureKind::Unreachable) => {}
        () = serves => {}
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_statement_that_is_not_answered_stores_nothing() {
    let server = Server::get();
    for carries in [Before(b"INSERT INTO events"), Upto(b"INSERT INTO events")] {
        let (proxy, options) = Proxy::start(&server).await;
        let (patient, storage) = open(&options).await;
        ends_at(&proxy, carries, SqlFailureKind::Unreachable, async || append(&storage, 1).await).await;
        proxy.set(All);
        assert_eq!(revision(&storage).await, 1);
        // Its locks are gone with its connection.
        assert_eq!(append(&patient, 1).await.unwrap(), 2);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn of_a_commit_that_is_not_answered_nobody_knows_what_came() {
    let server = Server::get();
    // Where the connection is lost, the question what came of it is not answered.
    for (carries, stored) in [(Before(b"COMMIT\0"), 1), (Upto(b"COMMIT\0"), 2), (CutAt(b"COMMIT\0"), 1)] {
        let (proxy, options) = Proxy::start(&server).await;
        let (patient, storage) = open(&options).await;
        ends_at(&proxy, carries, SqlFailureKind::Unknown, async || append(&storage, 1).await).await;
        proxy.set(All);
        assert_eq!(revision(&storage).await, stored);
        assert_eq!(append(&patient, stored).await.unwrap(), stored + 1);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_transaction_that_does_not_begin_stores_nothing() {
    let server = Server::get();
    let (proxy, options) = Proxy::start(&server).await;
    let (storage, _) = open(&options).await;
    for _ in 0..20 {
        proxy.set(Spoils(b"BEGIN\0"));
        assert_is(append(&storage, 1).await, SqlFailureKind::Other);
        assert!(proxy.get() == All);
    }
    assert_eq!(revision(&storage).await, 1);
    assert_eq!(storage.check_tasks(0, 9).await.unwrap().findings, []);
    // What is a single statement is done without.
    proxy.set(Spoils(b"BEGIN\0"));
    assert!(storage.renew(REPLICA, LONG).await.unwrap());
    assert!(proxy.get() == All);
    assert_eq!(append(&storage, 1).await.unwrap(), 2);
}

/// Past the proxy.
async fn connect(server: &Server) -> Client {
    let (client, connection) = tokio_postgres::connect(&server.url(), NoTls).await.unwrap();
    tokio::spawn(connection);
    client
}

/// Resolves when so many connections of storages are in such a state.
async fn wait_for(admin: &Client, state: &str, number: i64) {
    let sql = format!("SELECT count(*) FROM pg_stat_activity WHERE application_name = 'nuncio' AND {state}");
    let come = async {
        while admin.query_one(&sql, &[]).await.unwrap().get::<_, i64>(0) != number {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    timeout(OVER, come).await.unwrap();
}

/// Resolves when so many statements wait for the lock of a table.
async fn wait_for_locks(admin: &Client, number: i64) {
    wait_for(admin, "wait_event_type = 'Lock' AND query LIKE '%tasks%'", number).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_waits_for_a_lock_gives_up_here_and_at_the_server() {
    let server = Server::new();
    let (_proxy, options) = Proxy::start(&server).await;
    let (patient, storage) = open(&options).await;
    let (admin, locks) = (connect(&server).await, connect(&server).await);
    locks.batch_execute(&format!("BEGIN; LOCK TABLE \"{}\".tasks", options.schema)).await.unwrap();
    for _ in 0..3 {
        let calls = [append(&storage, 1), append(&storage, 1)];
        join_all(calls.map(|call| ends(call, SqlFailureKind::Unreachable))).await;
    }
    wait_for_locks(&admin, 0).await;
    locks.batch_execute("COMMIT").await.unwrap();
    assert_eq!(append(&patient, 1).await.unwrap(), 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_schema_is_waited_for_while_the_server_is_there() {
    const LOCK: &str = "SELECT pg_advisory_lock(hashtextextended('nuncio schema ' || $1, 0))";
    const UNLOCK: &str = "SELECT pg_advisory_unlock_all()";
    let server = Server::get();
    let (proxy, mut options) = Proxy::start(&server).await;
    options.patience = Duration::from_secs(2);
    let admin = connect(&server).await;
    admin.execute(LOCK, &[&options.schema]).await.unwrap();
    let opens = PostgresStorage::open(options.clone());
    tokio::pin!(opens);
    timeout(2 * options.patience, &mut opens).await.expect_err("another replica is at it");
    proxy.set(Nothing);
    ends(&mut opens, SqlFailureKind::Unreachable).await;
    proxy.set(All);
    admin.execute(UNLOCK, &[]).await.unwrap();
    at_last(async || PostgresStorage::open(options.clone()).await).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_replica_says_that_it_is_there_whatever_its_connections_wait_for() {
    let server = Server::new();
    let (_proxy, options) = Proxy::start(&server).await;
    let (storage, _) = open(&options).await;
    let (admin, locks) = (connect(&server).await, connect(&server).await);
    locks.batch_execute(&format!("BEGIN; LOCK TABLE \"{}\".tasks", options.schema)).await.unwrap();
    let (of, other) = (scope(), ReplicaId::from_u128(2));
    // All connections that there are.
    let work = async { futures::join!(append(&storage, 1), storage.take(&of, id(1), REPLICA)) };
    let heartbeats = async {
        wait_for_locks(&admin, 2).await;
        for _ in 0..3 {
            assert!(storage.renew(REPLICA, LONG).await.unwrap());
            storage.join(other, LONG).await.unwrap();
            storage.leave(other).await.unwrap();
        }
        wait_for_locks(&admin, 2).await;
        locks.batch_execute("COMMIT").await.unwrap();
    };
    let ((appended, taken), ()) = timeout(OVER, async { futures::join!(work, heartbeats) }).await.unwrap();
    assert_eq!(appended.unwrap(), 2);
    assert_eq!(taken.unwrap(), Taken::By(Lease::first(REPLICA)));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_replica_says_that_it_is_there_while_another_that_asked_for_its_tasks_stands_still() {
    let server = Server::new();
    let (proxy, mut options) = Proxy::start(&server).await;
    let (asks, _) = open(&options).await;
    options.url = server.url();
    let holds = PostgresStorage::open(options.clone()).await.unwrap();
    let (admin, of, other) = (connect(&server).await, scope(), ReplicaId::from_u128(2));
    holds.join(other, LONG).await.unwrap();
    assert!(holds.take_pushes(&of, id(1), REPLICA).await.unwrap());
    let taken = async { asks.take(&of, id(1), other).await.map(|taken| taken == Taken::By(Lease::first(REPLICA))) };
    let told = async { asks.take_pushes(&of, id(1), other).await.map(|tells| !tells) };
    for asked in [taken.boxed(), told.boxed()] {
        // Its transaction is open for a few seconds.
        proxy.set(Before(b"COMMIT\0"));
        let renews = async {
            while proxy.get() != Nothing {
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
            assert!(holds.renew(REPLICA, LONG).await.unwrap());
            wait_for(&admin, "state = 'idle in transaction'", 1).await;
            proxy.set(All);
        };
        let (asked, ()) = timeout(OVER, async { futures::join!(asked, renews) }).await.unwrap();
        assert!(asked.unwrap());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_renewal_that_is_under_way_is_waited_for() {
    let server = Server::new();
    let (_proxy, options) = Proxy::start(&server).await;
    let (storage, _) = open(&options).await;
    let (admin, renews, of, other) = (connect(&server).await, connect(&server).await, scope(), ReplicaId::from_u128(2));
    storage.join(other, LONG).await.unwrap();
    let set = |sql: &str| {
        format!("UPDATE \"{}\".replicas SET expires = {sql} WHERE id = decode('{:032x}', 'hex')", options.schema, 1)
    };
    // It has begun in time, and is late.
    renews.batch_execute(&set("0")).await.unwrap();
    renews.batch_execute(&format!("BEGIN; {}", set("4102444800000"))).await.unwrap();
    let renewal = async {
        wait_for(&admin, "wait_event_type = 'Lock' AND query LIKE '%replicas%'", 1).await;
        renews.batch_execute("COMMIT").await.unwrap();
    };
    let taken = async { futures::join!(storage.take(&of, id(1), other), renewal) };
    let (taken, ()) = timeout(OVER, taken).await.unwrap();
    assert_eq!(taken.unwrap(), Taken::By(Lease::first(REPLICA)));
}

#[tokio::test(flavor = "multi_thread")]
async fn what_looks_at_everything_takes_its_time_while_the_server_is_there() {
    let server = Server::get();
    let (proxy, mut options) = Proxy::start(&server).await;
    drop(open(&options).await);
    options.patience = Duration::from_secs(2);
    options.connections = 1;
    let storage = at_last(async || PostgresStorage::open_to_read(options.clone()).await).await;
    let locks = connect(&server).await;
    let lock = format!("BEGIN; LOCK TABLE \"{}\".scopes", options.schema);
    locks.batch_execute(&lock).await.unwrap();
    let mut check = storage.check_rest();
    timeout(2 * options.patience, &mut check).await.expect_err("the table is locked");
    locks.batch_execute("COMMIT").await.unwrap();
    assert_eq!(timeout(OVER, check).await.unwrap().unwrap(), []);
    // The connection is for others again, who do not wait for so long.
    locks.batch_execute(&lock).await.unwrap();
    ends(storage.snapshot(&scope(), id(1)), SqlFailureKind::Unreachable).await;
    let mut check = storage.check_rest();
    timeout(2 * options.patience, &mut check).await.expect_err("the table is locked");
    proxy.set(Nothing);
    ends(check, SqlFailureKind::Unreachable).await;
}

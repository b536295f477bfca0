//! What becomes of a commit whose answer is lost.

#![expect(clippy::unwrap_used, reason = "what fails here fails the test")]

mod common;
#[path = "common/postgres.rs"]
mod postgres;

use std::{
    sync::{
        Arc,
        atomic::{AtomicU8, AtomicUsize, Ordering::SeqCst},
    },
    time::Duration,
};

use a2a_app_ports::{Author, Claim, Claimed, Creation, FleetStorage, ReplicaId, Taken, TaskStorage};
use a2a_task_storage::{PostgresOptions, PostgresStorage};
use common::{LONG, REPLICA, at, chunk, create, created, fold, id, said, scope};
use postgres::Server;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
    sync::Notify,
};
use tokio_postgres::{Client, NoTls};

const PASS: u8 = 0;
/// The next commit reaches the server, its answer reaches nobody.
const LOSE_ANSWER: u8 = 1;
/// The next commit does not reach the server.
const LOSE_COMMIT: u8 = 2;
/// As [`LOSE_ANSWER`], once that is said.
const LOSE_ANSWER_THEN: u8 = 3;

/// Stands between the storage and the server.
struct Proxy {
    mode: AtomicU8,
    cuts: AtomicUsize,
    then: Notify,
}

impl Proxy {
    async fn start(server: &Server) -> (Arc<Self>, String) {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let proxy = Arc::new(Self { mode: AtomicU8::new(PASS), cuts: AtomicUsize::new(0), then: Notify::new() });
        let (through, to) = (proxy.clone(), server.port());
        tokio::spawn(async move {
            loop {
                let (client, _) = listener.accept().await.unwrap();
                let server = TcpStream::connect(("127.0.0.1", to)).await.unwrap();
                tokio::spawn(through.clone().carry(client, server));
            }
        });
        (proxy, server.url().replace(&format!(":{to}/"), &format!(":{port}/")))
    }

    async fn carry(self: Arc<Self>, client: TcpStream, server: TcpStream) {
        let (mut from_client, mut to_client) = client.into_split();
        let (mut from_server, mut to_server) = server.into_split();
        let asked = async {
            let mut bytes = vec![0; 1 << 16];
            loop {
                let read = from_client.read(&mut bytes).await.unwrap_or(0);
                let is_commit = bytes[..read].windows(7).any(|bytes| bytes == b"COMMIT\0");
                let mode = if is_commit { self.mode.swap(PASS, SeqCst) } else { PASS };
                if read == 0 || mode == LOSE_COMMIT || to_server.write_all(&bytes[..read]).await.is_err() {
                    self.cuts.fetch_add(usize::from(mode != PASS), SeqCst);
                    return;
                }
                if mode == LOSE_ANSWER_THEN {
                    self.then.notified().await;
                }
                if mode == LOSE_ANSWER || mode == LOSE_ANSWER_THEN {
                    self.cuts.fetch_add(1, SeqCst);
                    return;
                }
            }
        };
        let answered = tokio::io::copy(&mut from_server, &mut to_client);
        // The server is left alone by whoever ends first.
        tokio::select! { biased; () = asked => {}, _ = answered => {} }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_is_stored_twice_or_lost() {
    let server = Server::get();
    let (proxy, url) = Proxy::start(&server).await;
    let storage = PostgresStorage::open(PostgresOptions::new(url)).await.unwrap();
    let scope = scope();
    storage.join(REPLICA, LONG).await.unwrap();
    for (round, mode) in [LOSE_ANSWER, LOSE_COMMIT, LOSE_ANSWER, LOSE_COMMIT].into_iter().enumerate() {
        let number = round as u64;
        let (cut, task) = (|| proxy.mode.store(mode, SeqCst), id(number));
        cut();
        assert_eq!(storage.create(&scope, task, Creation::new(vec![created(0)], REPLICA)).await.unwrap(), 1);
        let mut log = vec![created(0)];
        for revision in 1..10 {
            cut();
            let next = chunk(revision, "text", revision > 1);
            log.push(next.clone());
            assert_eq!(storage.append(&scope, task, revision, vec![next], Author::Caller).await.unwrap(), revision + 1);
        }
        assert_eq!(storage.events(&scope, task, 0, 99).await.unwrap().as_ref(), Some(&log));
        assert_eq!(*storage.snapshot(&scope, task).await.unwrap().unwrap().task, fold(task, &log));

        let message_id = number.to_string().into();
        let claim = Claim { message_id, digest: [1; 32], task, replica: REPLICA, now: at(0), expires: at(9) };
        cut();
        assert_eq!(storage.claim(&scope, claim.clone()).await.unwrap(), Claimed::New);
        assert_eq!(
            storage.claim(&scope, Claim { task: id(99), ..claim.clone() }).await.unwrap(),
            Claimed::Task { id: task, place: None, by: Some(REPLICA) }
        );

        // What is claimed is stored once, and told where.
        let mut claimed = Creation::new(vec![created(0)], REPLICA);
        claimed.claimed = true;
        let of = |name: &str, task| Claim { message_id: name.into(), task, ..claim.clone() };
        let next = id(50 + number);
        assert_eq!(storage.claim(&scope, of("message", next)).await.unwrap(), Claimed::New);
        cut();
        assert_eq!(storage.create(&scope, next, claimed).await.unwrap(), 1);
        assert_eq!(storage.claim(&scope, of("more", next)).await.unwrap(), Claimed::New);
        cut();
        let more = vec![said(1, "more")];
        assert_eq!(storage.append(&scope, next, 1, more, Author::Claimant).await.unwrap(), 2);
        for (name, place) in [("message", 1), ("more", 2)] {
            let told = storage.claim(&scope, of(name, id(98))).await.unwrap();
            assert_eq!(told, Claimed::Task { id: next, place: Some(place), by: Some(REPLICA) });
            // The next round claims it anew.
            let later = Claim { now: at(9), expires: at(18), ..of(name, id(98)) };
            storage.claim(&scope, later).await.unwrap();
            storage.settle(&scope, name, id(98), None).await.unwrap();
        }

        let other = ReplicaId::from_u128(10 + u128::from(number));
        storage.join(other, LONG).await.unwrap();
        storage.release(&scope, task, a2a_app_ports::Lease::first(REPLICA), 99).await.unwrap();
        cut();
        let taken = storage.take(&scope, task, other).await.unwrap();
        let Taken::Lease { lease, orphaned: false } = taken else { panic!("{taken:?}") };
        assert_eq!(
            storage.append(&scope, task, 10, vec![chunk(9, "more", true)], Author::Run(lease)).await.unwrap(),
            11
        );
    }
    assert_eq!(proxy.cuts.load(SeqCst), 4 * 14);
}

async fn connect(server: &Server) -> Client {
    let (client, connection) = tokio_postgres::connect(&server.url(), NoTls).await.unwrap();
    tokio::spawn(connection);
    client
}

/// Resolves when a statement of the storage waits for a lock.
async fn wait_for(admin: &Client, which: &str) {
    let sql = format!(
        "SELECT 1 FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND application_name = 'nuncio' AND {which}"
    );
    while admin.query(&sql, &[]).await.unwrap().is_empty() {
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_creation_whose_commit_takes_long_is_waited_for_and_holds_up_no_renewal() {
    const SLOW: &str = "CREATE FUNCTION waits() RETURNS trigger LANGUAGE plpgsql \
            AS 'BEGIN PERFORM pg_advisory_xact_lock(1); RETURN NULL; END'; \
        CREATE CONSTRAINT TRIGGER waits AFTER INSERT ON nuncio.tasks DEFERRABLE INITIALLY DEFERRED \
            FOR EACH ROW EXECUTE FUNCTION waits(); \
        SELECT pg_advisory_lock(1)";
    let server = Server::new();
    let (proxy, url) = Proxy::start(&server).await;
    let mut options = PostgresOptions::new(url);
    options.patience = LONG;
    let storage = PostgresStorage::open(options).await.unwrap();
    create(&storage, &scope(), id(1), vec![created(0)]).await.unwrap();
    let (admin, busy) = (connect(&server).await, connect(&server).await);
    admin.batch_execute(SLOW).await.unwrap();
    // The replica is creating another one all the time.
    busy.batch_execute("BEGIN; SELECT 1 FROM nuncio.replicas FOR KEY SHARE").await.unwrap();
    proxy.mode.store(LOSE_ANSWER_THEN, SeqCst);
    let (of, creation) = (scope(), Creation::new(vec![created(0)], REPLICA));
    let meanwhile = async {
        wait_for(&admin, "query LIKE 'COMMIT%'").await;
        // Now a second attempt would be refused, whatever comes of the first.
        admin.batch_execute("UPDATE nuncio.replicas SET expires = 0").await.unwrap();
        proxy.then.notify_one();
        wait_for(&admin, "query NOT LIKE 'COMMIT%'").await;
        storage.join(REPLICA, LONG).await.unwrap();
        assert!(storage.renew(REPLICA, LONG).await.unwrap());
        admin.batch_execute("SELECT pg_advisory_unlock(1)").await.unwrap();
    };
    let created_at_last = async { futures::join!(storage.create(&of, id(2), creation), meanwhile) };
    let (stored, ()) = tokio::time::timeout(Duration::from_secs(60), created_at_last).await.unwrap();
    assert_eq!(stored.unwrap(), 1);
    assert_eq!(storage.events(&of, id(2), 0, 9).await.unwrap(), Some(vec![created(0)]));
}

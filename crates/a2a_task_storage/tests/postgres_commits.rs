//! What becomes of a commit whose answer is lost.

#![expect(clippy::unwrap_used, reason = "what fails here fails the test")]

mod common;
#[path = "common/postgres.rs"]
mod postgres;

use std::sync::{
    Arc,
    atomic::{AtomicU8, AtomicUsize, Ordering::SeqCst},
};

use a2a_app_ports::{Author, Claim, Claimed, Creation, FleetStorage, ReplicaId, Taken, TaskStorage};
use a2a_task_storage::{PostgresOptions, PostgresStorage};
use common::{LONG, REPLICA, at, chunk, created, fold, id, said, scope};
use postgres::Server;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
};

const PASS: u8 = 0;
/// The next commit reaches the server, its answer reaches nobody.
const LOSE_ANSWER: u8 = 1;
/// The next commit does not reach the server.
const LOSE_COMMIT: u8 = 2;

/// Stands between the storage and the server.
struct Proxy {
    mode: AtomicU8,
    cuts: AtomicUsize,
}

impl Proxy {
    async fn start(server: &Server) -> (Arc<Self>, String) {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let proxy = Arc::new(Self { mode: AtomicU8::new(PASS), cuts: AtomicUsize::new(0) });
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
                if mode == LOSE_ANSWER {
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

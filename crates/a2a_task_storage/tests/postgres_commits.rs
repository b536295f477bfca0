//! What becomes of a commit whose answer is lost.

#![expect(clippy::unwrap_used, reason = "what fails here fails the test")]

mod common;
#[path = "common/postgres.rs"]
mod postgres;

use std::sync::{
    Arc,
    atomic::{AtomicU8, AtomicUsize, Ordering::SeqCst},
};

use a2a_app_ports::{Claim, Claimed, FleetStorage, ReplicaId, Taken, TaskStorage};
use a2a_task_storage::{PostgresOptions, PostgresStorage};
use common::{LONG, REPLICA, at, chunk, created, fold, id, scope};
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
        assert_eq!(storage.create(&scope, task, vec![created(0)], None, REPLICA).await.unwrap(), 1);
        let mut log = vec![created(0)];
        for revision in 1..10 {
            cut();
            let next = chunk(revision, "text", revision > 1);
            log.push(next.clone());
            assert_eq!(storage.append(&scope, task, revision, vec![next], None).await.unwrap(), revision + 1);
        }
        assert_eq!(storage.events(&scope, task, 0, 99).await.unwrap().as_ref(), Some(&log));
        assert_eq!(*storage.snapshot(&scope, task).await.unwrap().unwrap().task, fold(task, &log));

        let message_id = number.to_string().into();
        let claim = Claim { message_id, digest: [1; 32], task, replica: REPLICA, now: at(0), expires: at(9) };
        cut();
        assert_eq!(storage.claim(&scope, claim.clone()).await.unwrap(), Claimed::New);
        assert_eq!(
            storage.claim(&scope, Claim { task: id(99), ..claim }).await.unwrap(),
            Claimed::Task { id: task, by: Some(REPLICA) }
        );

        let other = ReplicaId::from_u128(10 + u128::from(number));
        storage.join(other, LONG).await.unwrap();
        storage.release(&scope, task, a2a_app_ports::Lease::first(REPLICA), 99).await.unwrap();
        cut();
        let taken = storage.take(&scope, task, other).await.unwrap();
        let Taken::Lease { lease, orphaned: false } = taken else { panic!("{taken:?}") };
        assert_eq!(storage.append(&scope, task, 10, vec![chunk(9, "more", true)], Some(lease)).await.unwrap(), 11);
    }
    assert_eq!(proxy.cuts.load(SeqCst), 4 * 12);
}

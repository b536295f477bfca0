//! Going down on real sockets.

use std::{sync::Mutex, time::Duration};

use a2a_app_ports::Reply;
use futures::{StreamExt, stream};
use tokio::{net::TcpStream, sync::oneshot, time::Instant};

use crate::support::*;

/// An agent whose answer waits until it is let go.
fn held_agent() -> (oneshot::Receiver<()>, oneshot::Sender<()>, std::sync::Arc<Agent>) {
    let (begun, has_begun) = oneshot::channel();
    let (go, let_go) = oneshot::channel();
    let held = Mutex::new(Some((begun, let_go)));
    let agent = Agent::waiting(move |_, _| {
        let (begun, let_go): (oneshot::Sender<()>, oneshot::Receiver<()>) = held.lock().unwrap().take().unwrap();
        begun.send(()).unwrap();
        Box::pin(async move {
            let _ = let_go.await;
            Ok(Reply::Task(std::sync::Arc::new(task())))
        })
    });
    (has_begun, go, agent)
}

#[tokio::test(start_paused = true)]
async fn a_server_at_rest_goes_down_at_once() {
    let server = server(Agent::fitting());
    let lifecycle = server.lifecycle().clone();
    let running = Running::start(server, |_| {}).await;
    let address = running.address;
    let mut idle = running.connect().await;
    idle.get("/health").await;
    assert_eq!(idle.reply().await.0, 200);
    let unused = running.connect().await;
    let asked = Instant::now();
    running.stop().await.unwrap();
    assert_eq!(asked.elapsed(), Duration::ZERO);
    assert!(lifecycle.is_draining());
    assert_eq!(idle.rest().await, "");
    drop(unused);
    assert_eq!(TcpStream::connect(address).await.unwrap_err().kind(), std::io::ErrorKind::ConnectionRefused);
}

#[tokio::test]
async fn a_call_in_flight_is_answered() {
    let (has_begun, go, agent) = held_agent();
    let running = Running::start(server(agent), |_| {}).await;
    let mut client = running.connect().await;
    client.post("/", &rpc("GetTask", r#"{"id":"t"}"#)).await;
    has_begun.await.unwrap();
    let served = running.stop();
    go.send(()).unwrap();
    let (status, body) = client.reply().await;
    assert!(status == 200 && body.contains("\"result\""), "{status} {body}");
    assert_eq!(client.rest().await, "");
    served.await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn a_call_that_takes_too_long_is_told_so() {
    let (has_begun, _go, agent) = held_agent();
    let running = Running::start(server(agent), |_| {}).await;
    let mut client = running.connect().await;
    client.post("/", &rpc("GetTask", r#"{"id":"t"}"#)).await;
    has_begun.await.unwrap();
    let asked = Instant::now();
    let served = running.stop();
    let (status, body) = client.reply().await;
    assert!(status == 200 && body.contains("UNAVAILABLE"), "{status} {body}");
    served.await.unwrap();
    assert_eq!(asked.elapsed().as_secs(), 10);
}

#[tokio::test(start_paused = true)]
async fn an_open_stream_ends_properly_after_the_drain_time() {
    let agent = Agent::streaming(|| stream::iter([Ok(event(1, "one"))]).chain(stream::pending()).boxed());
    let running = Running::start(server(agent), |options| options.drain_time = Duration::from_secs(3)).await;
    let mut client = running.connect().await;
    client.post("/message:stream", SEND).await;
    client.read_until("id: 1\n").await;
    let asked = Instant::now();
    let served = running.stop();
    let rest = client.rest().await;
    // The last chunk is there: the body has ended, and was not cut.
    assert!(rest.ends_with(": the server is going down\n\n\r\n0\r\n\r\n"), "{rest:?}");
    served.await.unwrap();
    assert_eq!(asked.elapsed().as_secs(), 3);
}

#[tokio::test(start_paused = true)]
async fn a_stream_that_ends_in_the_drain_time_is_sent_whole() {
    let agent = Agent::streaming(|| {
        let later = stream::once(async {
            tokio::time::sleep(Duration::from_secs(2)).await;
            Ok(event(2, "two"))
        });
        stream::iter([Ok(event(1, "one"))]).chain(later).boxed()
    });
    let running = Running::start(server(agent), |_| {}).await;
    let mut client = running.connect().await;
    client.post("/message:stream", SEND).await;
    client.read_until("id: 1\n").await;
    let asked = Instant::now();
    let served = running.stop();
    assert!(client.rest().await.contains("id: 2\n"));
    served.await.unwrap();
    assert_eq!(asked.elapsed().as_secs(), 2);
}

#[tokio::test(start_paused = true)]
async fn a_caller_that_reads_nothing_is_cut_in_the_end() {
    let agent = Agent::streaming(|| stream::repeat_with(|| Ok(event(1, &"x".repeat(64 << 10)))).boxed());
    let running = Running::start(server(agent), |_| {}).await;
    let mut client = running.connect().await;
    client.post("/message:stream", SEND).await;
    client.read_until("id: 1\n").await;
    let asked = Instant::now();
    running.stop().await.unwrap();
    assert_eq!(asked.elapsed().as_secs(), 11);
}

//! Connections on real sockets: limits, time limits, and callers that go away.

use std::{
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use a2a_http_server::{HttpServer, native};
use futures::{StreamExt, stream};
use http::Request;
use http_body_util::{BodyExt, Full};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpSocket},
    sync::oneshot,
    time::Instant,
};

use crate::support::*;

#[tokio::test]
async fn one_connection_carries_many_calls() {
    let running = Running::start(server(Agent::fitting()), |_| {}).await;
    let mut client = running.connect().await;
    for _ in 0..3 {
        client.post("/", &rpc("GetTask", r#"{"id":"t"}"#)).await;
        let (status, body) = client.reply().await;
        assert_eq!(status, 200);
        assert!(body.contains(r#""result":{"id":"t1""#), "{body}");
    }
}

#[tokio::test]
async fn http2_is_spoken_without_upgrade() {
    let running = Running::start(server(Agent::fitting()), |_| {}).await;
    let socket = running.connect().await.socket;
    let io = hyper_util::rt::TokioIo::new(socket);
    let executor = hyper_util::rt::TokioExecutor::new();
    let (mut client, connection) = hyper::client::conn::http2::handshake(executor, io).await.unwrap();
    tokio::spawn(connection);
    for _ in 0..2 {
        let uri = format!("http://{}/tasks/t", running.address);
        let request = Request::get(uri).body(Full::<bytes::Bytes>::default()).unwrap();
        let response = client.send_request(request).await.unwrap();
        assert_eq!((response.status().as_u16(), response.version()), (200, http::Version::HTTP_2));
        assert!(response.into_body().collect().await.unwrap().to_bytes().starts_with(b"{\"id\":\"t1\""));
    }
}

#[tokio::test]
async fn a_card_without_interfaces_names_the_address_that_is_listened_on() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let (stop, stopped) = oneshot::channel::<()>();
    let served = tokio::spawn(native::serve(listener, server(Agent::fitting()), async {
        let _ = stopped.await;
    }));
    let mut socket = tokio::net::TcpStream::connect(address).await.unwrap();
    socket
        .write_all(b"GET /.well-known/agent-card.json HTTP/1.1\r\nhost: evil.example\r\nconnection: close\r\n\r\n")
        .await
        .unwrap();
    let mut reply = String::new();
    socket.read_to_string(&mut reply).await.unwrap();
    assert!(reply.contains(&format!(r#""url":"http://{address}/","protocolBinding":"JSONRPC""#)), "{reply}");
    stop.send(()).unwrap();
    served.await.unwrap().unwrap();
}

#[tokio::test]
async fn the_server_can_be_mounted_in_an_axum_application() {
    let server = server(Agent::fitting());
    let lifecycle = server.lifecycle().clone();
    let app = axum::Router::new()
        .route("/own", axum::routing::get(async || "mine"))
        .nest_service("/agent", server.clone())
        .merge(native::router(server));
    let running = Running::start_app(app, lifecycle, |_| {}).await;
    let mut client = running.connect().await;
    client.get("/own").await;
    assert_eq!(client.reply().await, (200, "mine".to_owned()));
    for path in ["/agent", "/agent/", "/"] {
        client.post(path, &rpc("GetTask", r#"{"id":"t"}"#)).await;
        let (status, body) = client.reply().await;
        assert!(status == 200 && body.contains("\"result\""), "{path}: {status} {body}");
    }
    for path in ["/agent/tasks/t", "/tasks/t", "/agent/.well-known/agent-card.json", "/health"] {
        client.get(path).await;
        assert_eq!(client.reply().await.0, 200, "{path}");
    }
}

/// The reply must arrive although the caller sends far more than is read. Paused time moves on
/// only when nothing else can: however slow the machine, the transfer takes none.
#[tokio::test(start_paused = true)]
async fn a_body_over_the_limit_is_answered_and_the_reply_arrives() {
    let running = Running::start(server(Agent::fitting()), |_| {}).await;
    let mut client = running.connect().await;
    let body = "x".repeat(10 << 20);
    client.post("/", &body).await;
    let (status, body) = client.reply().await;
    assert_eq!(status, 413);
    assert!(body.contains("4194304"), "{body}");
    client.rest().await;
}

#[tokio::test]
async fn a_body_that_was_announced_too_large_is_not_waited_for() {
    let running = Running::start(server(Agent::fitting()), |_| {}).await;
    let mut client = running.connect().await;
    let head = "POST / HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\n";
    client.send(format!("{head}content-length: 10485760\r\nexpect: 100-continue\r\n\r\n")).await;
    assert_eq!(client.reply().await.0, 413);
}

#[tokio::test]
async fn heads_are_bounded_in_size_and_number() {
    let running = Running::start(server(Agent::fitting()), |_| {}).await;
    let many: String = (0..200).map(|number| format!("x-{number}: 1\r\n")).collect();
    let large = format!("x-large: {}\r\n", "a".repeat(70 << 10));
    for headers in [many, large] {
        let mut client = running.connect().await;
        client.send(format!("GET /health HTTP/1.1\r\nhost: x\r\n{headers}\r\n")).await;
        assert_eq!(client.reply().await.0, 431, "{} bytes", headers.len());
    }
}

#[tokio::test(start_paused = true)]
async fn a_head_that_does_not_arrive_is_given_up() {
    let running = Running::start(server(Agent::fitting()), |_| {}).await;
    for start in ["", "GET /health HTTP/1.1\r\nhost: x\r\nx-slow:"] {
        let mut client = running.connect().await;
        let opened = Instant::now();
        client.send(start).await;
        assert_eq!(client.rest().await, "");
        assert_eq!(opened.elapsed().as_secs(), 10, "{start:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_head_that_arrives_drop_by_drop_is_given_up_all_the_same() {
    let running = Running::start(server(Agent::fitting()), |_| {}).await;
    let mut client = running.connect().await;
    client.get("/health").await;
    assert_eq!(client.reply().await.0, 200);
    // Within the idle time of a connection that has been used.
    tokio::time::sleep(Duration::from_secs(30)).await;
    client.send("GET /health HTTP/1.1\r\n").await;
    let started = Instant::now();
    let mut byte = [0];
    loop {
        tokio::select! {
            read = client.socket.read(&mut byte) => {
                assert!(matches!(read, Ok(0) | Err(_)), "{read:?}");
                break;
            }
            () = tokio::time::sleep(Duration::from_millis(700)) => {
                let _ = client.socket.write_all(b"x").await;
            }
        }
    }
    assert!((10..12).contains(&started.elapsed().as_secs()), "{:?}", started.elapsed());
}

#[tokio::test(start_paused = true)]
async fn an_idle_connection_is_kept_for_its_time_and_then_closed() {
    let running = Running::start(server(Agent::fitting()), |_| {}).await;
    let mut client = running.connect().await;
    for _ in 0..3 {
        client.get("/health").await;
        assert_eq!(client.reply().await.0, 200);
        tokio::time::sleep(Duration::from_secs(60)).await;
    }
    let waited = Instant::now();
    assert_eq!(client.rest().await, "");
    assert_eq!(waited.elapsed().as_secs(), 15);
}

#[tokio::test(start_paused = true)]
async fn an_open_stream_is_not_idle() {
    let running = Running::start(server(Agent::streaming(|| stream::pending().boxed())), |_| {}).await;
    let mut client = running.connect().await;
    client.post("/message:stream", SEND).await;
    let opened = Instant::now();
    for _ in 0..60 {
        client.read_until(": keep-alive\n\n").await;
    }
    assert_eq!(opened.elapsed().as_secs(), 240);
}

#[tokio::test]
async fn connections_over_the_cap_wait_for_their_turn() {
    let running = Running::start(server(Agent::fitting()), |options| options.max_connections = 1).await;
    let mut first = running.connect().await;
    first.get("/health").await;
    assert_eq!(first.reply().await.0, 200);
    let mut second = running.connect().await;
    second.get("/health").await;
    for _ in 0..10 {
        first.get("/health").await;
        assert_eq!(first.reply().await.0, 200);
    }
    assert_eq!(second.socket.try_read(&mut [0]).unwrap_err().kind(), std::io::ErrorKind::WouldBlock);
    drop(first);
    assert_eq!(second.reply().await.0, 200);
}

fn watched_agent() -> (oneshot::Receiver<()>, HttpServer) {
    let (dropped, was_dropped) = oneshot::channel();
    let dropped = Mutex::new(Some(dropped));
    let agent = Agent::streaming(move || {
        let stream = stream::iter([Ok(event(1, "one"))]).chain(stream::pending());
        Watched { stream, dropped: dropped.lock().unwrap().take() }.boxed()
    });
    (was_dropped, server(agent))
}

#[tokio::test]
async fn a_caller_that_vanishes_frees_its_stream_at_once() {
    let (was_dropped, server) = watched_agent();
    let running = Running::start(server, |_| {}).await;
    let mut client = running.connect().await;
    client.post("/message:stream", SEND).await;
    client.read_until("id: 1\n").await;
    drop(client);
    assert_eq!(was_dropped.await, Ok(()));
}

#[tokio::test]
async fn a_caller_that_vanishes_frees_its_call_at_once() {
    let (dropped, was_dropped) = oneshot::channel();
    let (begun, has_begun) = oneshot::channel();
    let held = Mutex::new(Some((begun, dropped)));
    let agent = Agent::waiting(move |_, _| {
        let (begun, dropped) = held.lock().unwrap().take().unwrap();
        begun.send(()).unwrap();
        let mut never = Watched { stream: stream::pending::<()>(), dropped: Some(dropped) };
        Box::pin(async move {
            never.next().await;
            panic!("never ends")
        })
    });
    let running = Running::start(server(agent), |_| {}).await;
    let mut client = running.connect().await;
    client.post("/", &rpc("SendMessage", SEND)).await;
    has_begun.await.unwrap();
    drop(client);
    assert_eq!(was_dropped.await, Ok(()));
}

/// Here too time moves on only when nothing else can: after a sleep all that can be sent is sent.
#[tokio::test(start_paused = true)]
async fn a_slow_reader_is_sent_no_more_than_the_sockets_hold() {
    const SIZE: usize = 16 << 10;
    let read = Arc::new(AtomicUsize::new(0));
    let counted = read.clone();
    let agent = Agent::streaming(move || {
        let counted = counted.clone();
        stream::repeat_with(move || Ok(event(counted.fetch_add(1, Ordering::Relaxed) as u64, &"x".repeat(SIZE))))
            .boxed()
    });
    let running = Running::start(server(agent), |_| {}).await;
    let socket = TcpSocket::new_v4().unwrap();
    socket.set_recv_buffer_size(64 << 10).unwrap();
    let mut socket = socket.connect(running.address).await.unwrap();
    let length = SEND.len();
    let head = "POST /message:stream HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\ncontent-length: ";
    socket.write_all(format!("{head}{length}\r\n\r\n{SEND}").as_bytes()).await.unwrap();
    tokio::time::sleep(Duration::from_secs(1)).await;
    let before = read.load(Ordering::Relaxed);
    assert!((1..1024).contains(&before), "{before} events of 16 KiB");
    tokio::time::sleep(Duration::from_secs(30)).await;
    assert_eq!(read.load(Ordering::Relaxed), before);

    let mut taken = vec![0; 8 << 20];
    socket.read_exact(&mut taken).await.unwrap();
    assert!(read.load(Ordering::Relaxed) > before);
}

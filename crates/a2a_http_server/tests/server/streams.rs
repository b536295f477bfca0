//! Streams, in process.

use std::{sync::Arc, task::Poll, time::Duration};

use a2a_http_server::Body;
use a2a_protocol_core::{Error, ErrorKind};
use futures::{StreamExt, stream};
use http::Response;
use http_body_util::BodyExt;
use protocol_transport_core::sse::{Decoder, Event};
use serde_json::{Value, json};
use tokio::{sync::mpsc, time::Instant};

use crate::support::*;

async fn open(server: &a2a_http_server::HttpServer, uri: &str) -> Response<Body> {
    let body = if uri == "/" { rpc("SendStreamingMessage", SEND) } else { SEND.to_owned() };
    server.respond(request("POST", uri, &[JSON], body)).await
}

fn decode(text: &[u8]) -> Vec<Event> {
    let mut decoder = Decoder::new(1 << 20);
    decoder.push(text);
    std::iter::from_fn(|| decoder.next_event().unwrap()).collect()
}

async fn frame(response: &mut Response<Body>) -> Option<String> {
    let frame = response.body_mut().frame().await?;
    Some(String::from_utf8(frame.unwrap().into_data().unwrap().to_vec()).unwrap())
}

fn data(event: &Event) -> Value {
    serde_json::from_str(&event.data).unwrap()
}

#[tokio::test]
async fn events_are_numbered_and_in_their_envelope() {
    let server = server(Agent::streaming(|| events(["one", "two"])));
    for uri in ["/", "/message:stream"] {
        let answered = read(open(&server, uri).await).await;
        assert_eq!(answered.status, 200);
        assert_eq!(answered.header("content-type"), Some("text/event-stream"));
        assert_eq!(answered.header("cache-control"), Some("no-store"));
        assert_eq!(answered.header("x-accel-buffering"), Some("no"));
        let events = decode(&answered.body);
        assert_eq!(events.len(), 2);
        for (event, (id, text)) in events.iter().zip([("1", "one"), ("2", "two")]) {
            assert_eq!((event.id.as_deref(), event.event.as_deref()), (Some(id), None));
            let message = json!({"message": {"messageId": "m1", "role": "ROLE_AGENT", "parts": [{"text": text}]}});
            let expected = if uri == "/" { json!({"jsonrpc": "2.0", "id": 1, "result": message}) } else { message };
            assert_eq!(data(event), expected);
        }
    }
}

#[tokio::test]
async fn an_event_without_a_number_has_no_id() {
    let unnumbered = || {
        let event = a2a_protocol_core::StreamEvent::new(None, a2a_protocol_core::StreamResponse::Message(message("a")));
        stream::iter([Ok(Arc::new(event))]).boxed()
    };
    let answered = read(open(&server(Agent::streaming(unnumbered)), "/message:stream").await).await;
    assert!(answered.text().starts_with("data: "), "{}", answered.text());
}

#[tokio::test]
async fn an_error_before_the_stream_is_a_plain_reply() {
    let server = server(Agent::failing(ErrorKind::UnsupportedOperation));
    let answered = read(open(&server, "/").await).await;
    assert_eq!((answered.header("content-type"), answered.code()), (Some("application/json"), -32004));
    let answered = read(open(&server, "/message:stream").await).await;
    assert_eq!((answered.status.as_u16(), answered.header("content-type")), (400, Some("application/json")));
}

#[tokio::test]
async fn an_error_in_a_stream_ends_it_in_the_form_of_the_binding() {
    let broken = || {
        let error = Error::new(ErrorKind::TaskNotFound, "gone");
        stream::iter([Ok(event(1, "one")), Err(error), Ok(event(2, "never"))]).boxed()
    };
    let server = server(Agent::streaming(broken));
    let answered = read(open(&server, "/").await).await;
    let events = decode(&answered.body);
    assert_eq!(events.len(), 2);
    assert_eq!(events[1].event, None);
    assert_eq!((&data(&events[1])["id"], &data(&events[1])["error"]["code"]), (&json!(1), &json!(-32001)));
    let answered = read(open(&server, "/message:stream").await).await;
    let events = decode(&answered.body);
    assert_eq!(events.len(), 2);
    assert_eq!(events[1].event.as_deref(), Some("error"));
    assert_eq!(data(&events[1])["error"]["details"][0]["reason"], "TASK_NOT_FOUND");
}

#[tokio::test]
async fn events_that_are_there_go_out_together_within_bounds() {
    let many = || stream::iter((1..=300).map(|sequence| Ok(event(sequence, "x")))).boxed();
    let mut response = open(&server(Agent::streaming(many)), "/message:stream").await;
    let mut counts = Vec::new();
    while let Some(frame) = frame(&mut response).await {
        counts.push(decode(frame.as_bytes()).len());
    }
    assert_eq!(counts, [256, 44]);

    let large = || stream::iter((1..=4).map(|sequence| Ok(event(sequence, &"x".repeat(40 << 10))))).boxed();
    let mut response = open(&server(Agent::streaming(large)), "/").await;
    let mut counts = Vec::new();
    while let Some(frame) = frame(&mut response).await {
        counts.push(decode(frame.as_bytes()).len());
    }
    assert_eq!(counts, [2, 2]);
}

/// A stream of what is sent to it.
fn fed() -> (mpsc::UnboundedSender<u64>, Arc<Agent>) {
    let (sender, receiver) = mpsc::unbounded_channel();
    let receiver = std::sync::Mutex::new(Some(receiver));
    let agent = Agent::streaming(move || {
        let receiver = receiver.lock().unwrap().take().unwrap();
        stream::unfold(receiver, |mut receiver: mpsc::UnboundedReceiver<u64>| async {
            let sequence = receiver.recv().await?;
            Some((Ok(event(sequence, "x")), receiver))
        })
        .boxed()
    });
    (sender, agent)
}

#[tokio::test(start_paused = true)]
async fn no_silence_is_longer_than_the_keep_alive() {
    let (sender, agent) = fed();
    let mut response = open(&server(agent), "/message:stream").await;
    let start = Instant::now();
    for second in [4, 8] {
        assert_eq!(frame(&mut response).await.unwrap(), ": keep-alive\n\n");
        assert_eq!(start.elapsed().as_secs(), second);
    }
    tokio::spawn(async move {
        tokio::time::sleep(Duration::from_secs(3)).await;
        sender.send(1).unwrap();
        tokio::time::sleep(Duration::from_secs(3)).await;
        drop(sender);
    });
    assert!(frame(&mut response).await.unwrap().starts_with("id: 1\n"));
    assert_eq!(start.elapsed().as_secs(), 11);
    assert_eq!(frame(&mut response).await.unwrap(), ": keep-alive\n\n");
    assert_eq!(start.elapsed().as_secs(), 12);
    assert_eq!(frame(&mut response).await, None);
    assert_eq!(start.elapsed().as_secs(), 14);
}

#[tokio::test]
async fn closing_sends_what_is_there_and_ends_the_stream() {
    let (sender, agent) = fed();
    let server = server(agent);
    let mut response = open(&server, "/").await;
    sender.send(1).unwrap();
    server.lifecycle().close();
    let sent = frame(&mut response).await.unwrap();
    assert_eq!(decode(sent.as_bytes()).len(), 1);
    assert!(sent.ends_with("\n\n: the server is going down\n\n"), "{sent}");
    assert_eq!(frame(&mut response).await, None);
}

#[tokio::test]
async fn closing_ends_a_stream_that_always_has_events() {
    let endless = || stream::iter((1..).map(|sequence| Ok(event(sequence, "x")))).boxed();
    let server = server(Agent::streaming(endless));
    let mut response = open(&server, "/").await;
    assert!(!frame(&mut response).await.unwrap().contains("going down"));
    server.lifecycle().close();
    assert!(frame(&mut response).await.unwrap().ends_with("\n\n: the server is going down\n\n"));
    assert_eq!(frame(&mut response).await, None);
}

/// Ready at every other poll, when it has woken itself: a handler that gives way after each event.
fn giving_way(count: u64) -> a2a_app_ports::EventStream {
    let (mut sequence, mut ready) = (0, true);
    let events = stream::poll_fn(move |cx| {
        ready = !ready;
        if ready {
            cx.waker().wake_by_ref();
            return Poll::Pending;
        }
        sequence += 1;
        Poll::Ready((sequence <= count).then(|| Ok(event(sequence, "x"))))
    });
    events.boxed()
}

#[tokio::test]
async fn events_of_a_handler_that_gives_way_are_written_together() {
    let mut response = open(&server(Agent::streaming(|| giving_way(100))), "/message:stream").await;
    let (mut frames, mut ids) = (0, Vec::new());
    while let Some(frame) = frame(&mut response).await {
        frames += 1;
        ids.extend(decode(frame.as_bytes()).into_iter().map(|event| event.id.unwrap().parse::<u64>().unwrap()));
    }
    assert_eq!(ids, (1..=100).collect::<Vec<_>>());
    assert!(frames <= 7, "{frames} frames for 100 events");
}

#[tokio::test(start_paused = true)]
async fn an_event_before_a_silence_goes_out_at_once() {
    let one = || stream::iter([Ok(event(1, "one"))]).chain(stream::pending()).boxed();
    let mut response = open(&server(Agent::streaming(one)), "/message:stream").await;
    let start = Instant::now();
    assert_eq!(decode(frame(&mut response).await.unwrap().as_bytes()).len(), 1);
    assert_eq!(start.elapsed(), Duration::ZERO);
}

#[tokio::test]
async fn closing_wakes_a_stream_that_waits() {
    let (_sender, agent) = fed();
    let server = server(agent);
    let mut response = open(&server, "/").await;
    let read = frame(&mut response);
    let lifecycle = server.lifecycle().clone();
    let (read, ()) = tokio::join!(read, async move {
        tokio::task::yield_now().await;
        lifecycle.close();
    });
    assert_eq!(read.unwrap(), ": the server is going down\n\n");
}

#[tokio::test]
async fn dropping_the_body_drops_the_stream() {
    let (dropped, was_dropped) = tokio::sync::oneshot::channel();
    let dropped = std::sync::Mutex::new(Some(dropped));
    let watched = move || {
        let stream = stream::iter([Ok(event(1, "one"))]).chain(stream::pending());
        Watched { stream, dropped: dropped.lock().unwrap().take() }.boxed()
    };
    let mut response = open(&server(Agent::streaming(watched)), "/").await;
    assert!(frame(&mut response).await.is_some());
    drop(response);
    assert_eq!(was_dropped.await, Ok(()));
}

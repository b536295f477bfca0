//! When instances start and end.

mod support;

use std::time::Duration;

use component_host::{Host, Instances};
use http::{Method, StatusCode};
use support::{Client, Server, exchange, get, piece, serve, soon, until, whole};

const NEVER: Duration = Duration::MAX;

#[tokio::test]
async fn an_instance_keeps_its_memory_from_request_to_request() {
    let serving = serve(Host::new().idle(NEVER)).await;
    for count in ["0", "1", "2"] {
        assert_eq!(get(&serving, "/count").await, count);
    }
    assert_eq!(*serving.instances().borrow(), Instances { started: 1, ended: 0 });
}

#[tokio::test]
async fn an_instance_that_is_idle_for_too_long_takes_its_memory_with_it() {
    let serving = serve(Host::new().idle(Duration::from_millis(10))).await;
    assert_eq!(get(&serving, "/count").await, "0");
    until(&mut serving.instances(), |instances| instances.running() == 0).await;
    assert_eq!(get(&serving, "/count").await, "0");
}

#[tokio::test]
async fn an_instance_takes_several_requests_at_once_but_not_more_than_it_may() {
    let mut server = Server::start().await;
    let serving = serve(Host::new().allow(&server.url).idle(NEVER).concurrent_requests(2)).await;
    let mut instances = serving.instances();
    let mut open = Vec::new();
    // A request counts until its response begins: streams that go on for long leave room for others.
    for _ in 0..3 {
        let mut client = Client::connect(&serving).await;
        let mut response = client.get(&format!("/waits?{}", server.url)).await;
        assert_eq!(piece(response.body_mut()).await.unwrap().unwrap(), "begun");
        open.push((client, response, server.received().await));
    }
    assert_eq!(instances.borrow_and_update().started, 1);

    let mut held = Vec::new();
    for started in [1, 1, 2] {
        let mut client = Client::connect(&serving).await;
        let path = format!("/forward?{}", server.url);
        let answer = tokio::spawn(async move { client.get(&path).await });
        held.push((answer, server.received().await));
        assert_eq!(instances.borrow_and_update().started, started);
    }
}

#[tokio::test]
async fn every_request_can_have_an_instance_of_its_own() {
    let serving = serve(Host::new().requests_per_instance(1).idle(NEVER)).await;
    let mut instances = serving.instances();
    for started in 1..=3 {
        assert_eq!(get(&serving, "/count").await, "0");
        assert_eq!(instances.borrow().started, started);
    }
    until(&mut instances, |instances| *instances == Instances { started: 3, ended: 3 }).await;
}

#[tokio::test]
async fn what_a_request_has_spawned_goes_on_after_the_response_and_without_the_client() {
    let mut server = Server::start().await;
    // Nothing but the work keeps the instance alive.
    let serving = serve(Host::new().allow(&server.url).idle(Duration::ZERO)).await;
    let mut instances = serving.instances();
    let mut client = Client::connect(&serving).await;
    let response = client.get(&format!("/background?{}", server.url)).await;
    assert_eq!(support::text(response.into_body()).await, "started");
    client.close().await;

    let asked = server.received().await;
    assert_eq!(*instances.borrow(), Instances { started: 1, ended: 0 });
    asked.answer(whole("done"));

    soon(serving.stderr().wait_for(|text| text.contains("background: done"))).await.unwrap();
    until(&mut instances, |instances| *instances == Instances { started: 1, ended: 1 }).await;
}

#[tokio::test]
async fn a_request_goes_on_when_its_client_has_gone() {
    let mut server = Server::start().await;
    let serving = serve(Host::new().allow(&server.url).idle(Duration::ZERO)).await;
    let mut instances = serving.instances();
    let mut client = Client::connect(&serving).await;
    let path = format!("/ask?{}", server.url);
    let asked = {
        let response = client.get(&path);
        tokio::select! { asked = server.received() => asked, _ = response => panic!("nothing to respond with yet") }
    };
    client.close().await;

    asked.answer(whole("all the same"));

    soon(serving.stderr().wait_for(|text| text.contains("asked: all the same"))).await.unwrap();
    until(&mut instances, |instances| *instances == Instances { started: 1, ended: 1 }).await;
}

#[tokio::test]
async fn a_body_that_waits_keeps_its_instance() {
    let mut server = Server::start().await;
    let serving = serve(Host::new().allow(&server.url).idle(Duration::ZERO)).await;
    let mut instances = serving.instances();
    let mut client = Client::connect(&serving).await;
    let mut response = client.get(&format!("/waits?{}", server.url)).await;
    assert_eq!(piece(response.body_mut()).await.unwrap().unwrap(), "begun");
    let waiting = server.received().await;
    assert_eq!(instances.borrow().running(), 1);

    waiting.answer(whole("more"));

    assert_eq!(piece(response.body_mut()).await.unwrap().unwrap(), "more");
    assert!(piece(response.body_mut()).await.is_none());
    until(&mut instances, |instances| *instances == Instances { started: 1, ended: 1 }).await;
}

#[tokio::test]
async fn a_trap_ends_all_requests_of_its_instance_and_the_next_gets_a_new_one() {
    let mut server = Server::start().await;
    let serving = serve(Host::new().allow(&server.url).idle(NEVER)).await;
    let mut instances = serving.instances();
    let mut client = Client::connect(&serving).await;
    let mut response = client.get(&format!("/waits?{}", server.url)).await;
    assert_eq!(piece(response.body_mut()).await.unwrap().unwrap(), "begun");
    assert_eq!(get(&serving, "/count").await, "0");

    let (status, body) = exchange(&serving, Method::GET, "/panic", "").await;

    assert_eq!((status, body.as_str()), (StatusCode::INTERNAL_SERVER_ERROR, ""));
    let end = piece(response.body_mut()).await;
    assert!(end.is_none(), "{end:?}");
    until(&mut instances, |instances| *instances == Instances { started: 1, ended: 1 }).await;
    assert!(serving.stderr().borrow().contains("as asked"));
    assert_eq!(get(&serving, "/count").await, "0");
    drop(server.received().await);
}

#[tokio::test]
async fn a_host_that_stops_ends_everything_at_once() {
    let mut server = Server::start().await;
    let serving = serve(Host::new().allow(&server.url).idle(NEVER)).await;
    let mut client = Client::connect(&serving).await;
    let mut response = client.get(&format!("/waits?{}", server.url)).await;
    assert_eq!(piece(response.body_mut()).await.unwrap().unwrap(), "begun");
    let waiting = server.received().await;
    let instances = serving.instances();
    let address = serving.address();

    soon(serving.stop()).await;

    assert_eq!(*instances.borrow(), Instances { started: 1, ended: 1 });
    assert!(piece(response.body_mut()).await.is_none_or(|end| end.is_err()));
    assert!(tokio::net::TcpStream::connect(address).await.is_err());
    drop(waiting);
}

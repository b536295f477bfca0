//! Requests in and out.

mod support;

use component_host::Host;
use http::{Method, StatusCode};
use support::{Client, Server, exchange, get, piece, pieces, post, push, request, serve, text, whole};

#[tokio::test]
async fn a_request_has_an_authority_and_the_headers_of_spin() {
    let serving = serve(Host::new().env("GREETING", "hello")).await;

    let seen = get(&serving, "/request?a=b").await;

    let (line, headers) = seen.split_once('\n').unwrap();
    assert_eq!(line, "GET http://guest.example/request?a=b");
    assert!(headers.contains("spin-full-url: http://guest.example/request?a=b\n"), "{headers}");
    assert!(headers.contains("spin-path-info: /request\n"), "{headers}");
    assert!(headers.contains("spin-client-addr: 127.0.0.1:"), "{headers}");
    assert!(!headers.contains("\nhost:"), "{headers}");
    assert_eq!(get(&serving, "/env?GREETING").await, "hello");
}

#[tokio::test]
async fn bodies_stream_in_and_out_at_the_same_time() {
    let serving = serve(Host::new()).await;
    let mut client = Client::connect(&serving).await;
    let (mut sent, body) = pieces();

    let mut response = client.send(request(Method::POST, "/echo", body)).await;

    for number in ["one", "two", "three"] {
        push(&mut sent, number).await;
        assert_eq!(piece(response.body_mut()).await.unwrap().unwrap(), number);
    }
    drop(sent);
    assert!(piece(response.body_mut()).await.is_none());
}

#[tokio::test]
async fn what_the_component_sends_and_gets_streams_too() {
    let mut server = Server::start().await;
    let serving = serve(Host::new().allow(&server.url)).await;
    let mut client = Client::connect(&serving).await;
    let (mut sent, body) = pieces();
    let forwarded = request(Method::POST, &format!("/forward?{}/there", server.url), body);
    let ask = tokio::spawn(async move { client.send(forwarded).await });

    let received = server.received().await;
    let (mut answered, body) = pieces();
    let mut received = received.answer(body);
    assert_eq!(received.uri().path(), "/there");
    let mut response = ask.await.unwrap();

    for number in ["one", "two", "three"] {
        push(&mut sent, number).await;
        assert_eq!(piece(received.body_mut()).await.unwrap().unwrap(), number);
        push(&mut answered, number).await;
        assert_eq!(piece(response.body_mut()).await.unwrap().unwrap(), number);
    }
    drop((sent, answered));
    assert!(piece(received.body_mut()).await.is_none());
    assert!(piece(response.body_mut()).await.is_none());
}

#[tokio::test]
async fn a_host_that_is_not_allowed_is_not_called() {
    let server = Server::start().await;
    let serving = serve(Host::new().allow("http://127.0.0.1:1").allow("https://127.0.0.1:*")).await;

    let (status, error) = exchange(&serving, Method::POST, &format!("/forward?{}", server.url), "").await;

    assert_eq!((status, error.contains("HttpRequestDenied")), (StatusCode::BAD_GATEWAY, true), "{error}");
}

#[tokio::test]
async fn an_entry_of_the_allowed_hosts_that_means_nothing_is_named() {
    let component = tokio::task::spawn_blocking(support::guest).await.unwrap();
    let Err(error) = Host::new().allow("example.com").serve(&component).await else { panic!("it serves") };
    assert!(error.to_string().contains("\"example.com\""), "{error}");
}

#[tokio::test]
async fn a_client_that_goes_away_ends_a_body_at_its_next_write() {
    let mut server = Server::start().await;
    let serving = serve(Host::new().allow(&server.url)).await;
    let mut client = Client::connect(&serving).await;
    let mut response = client.get(&format!("/waits?{}", server.url)).await;
    assert_eq!(piece(response.body_mut()).await.unwrap().unwrap(), "begun");
    let (mut answered, body) = pieces();
    server.received().await.answer(body);

    client.close().await;
    drop(response);

    let mut output = serving.stderr();
    let heard = output.wait_for(|text| text.contains("nobody reads"));
    let writing = async {
        loop {
            push(&mut answered, "more").await;
            tokio::task::yield_now().await;
        }
    };
    support::soon(async {
        tokio::select! { heard = heard => drop(heard.unwrap()), () = writing => {} }
    })
    .await;
}

#[tokio::test]
async fn connections_are_reused_and_many_hosts_run_one_component() {
    let first = serve(Host::new().env("NAME", "first")).await;
    let second = serve(Host::new().env("NAME", "second")).await;
    assert_eq!(get(&first, "/env?NAME").await, "first");
    assert_eq!(get(&second, "/env?NAME").await, "second");

    let mut client = Client::connect(&first).await;
    assert_eq!(text(client.send(request(Method::POST, "/echo", whole("a"))).await.into_body()).await, "a");
    assert_eq!(text(client.send(request(Method::POST, "/echo", whole("b"))).await.into_body()).await, "b");
    assert_eq!(post(&second, "/echo", "c").await, "c");
}

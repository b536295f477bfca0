//! What the server makes of calls, seen by a client that is not ours.

use std::{sync::Arc, time::Duration};

use a2a_app_ports::Reply;
use a2a_protocol_core::{AgentExtension, Call, ErrorKind, SecurityScheme};
use futures::{StreamExt, stream};
use protocol_transport_core::headers::ForwardPolicy;
use tokio::sync::oneshot;
use tonic::{Code, Request, Status, codec::CompressionEncoding};
use tonic_types::StatusExt;

use crate::support::{Agent, Server, card, event, events, fitting_reply, v1};

fn get(id: &str) -> Request<v1::GetTaskRequest> {
    Request::new(v1::GetTaskRequest { id: id.to_owned(), ..Default::default() })
}

fn with<T>(mut request: Request<T>, metadata: &[(&'static str, &'static str)]) -> Request<T> {
    for (name, value) in metadata {
        request.metadata_mut().append(*name, value.parse().unwrap());
    }
    request
}

fn send(text: &str) -> Request<v1::SendMessageRequest> {
    let part = v1::Part { content: Some(v1::part::Content::Text(text.to_owned())), ..Default::default() };
    let message = v1::Message { message_id: "m".to_owned(), role: 1, parts: vec![part], ..Default::default() };
    Request::new(v1::SendMessageRequest { message: Some(message), ..Default::default() })
}

fn reason(status: &Status) -> String {
    let info = status.get_details_error_info().expect("an ErrorInfo");
    assert_eq!(info.domain, "a2a-protocol.org");
    info.reason
}

#[tokio::test]
async fn the_version_is_1_0_or_left_out() {
    let server = Server::of(Agent::fitting()).await;
    let mut client = server.theirs();
    for versions in [&[][..], &["1.0"], &["1.0.3"], &["1.0", "1.0"], &[""]] {
        let mut request = get("t");
        for version in versions {
            request.metadata_mut().append("a2a-version", version.parse().unwrap());
        }
        client.get_task(request).await.unwrap();
    }
    for (versions, code, refusal) in [
        (&["99.0"][..], Code::FailedPrecondition, "VERSION_NOT_SUPPORTED"),
        (&["0.3"], Code::FailedPrecondition, "VERSION_NOT_SUPPORTED"),
        (&["one"], Code::FailedPrecondition, "VERSION_NOT_SUPPORTED"),
        (&["1.0", "0.3"], Code::InvalidArgument, "INVALID_PARAMS"),
    ] {
        let mut request = get("t");
        for version in versions {
            request.metadata_mut().append("a2a-version", version.parse().unwrap());
        }
        let status = client.get_task(request).await.unwrap_err();
        assert_eq!((status.code(), reason(&status).as_str()), (code, refusal), "{versions:?}");
    }
}

#[tokio::test]
async fn errors_have_their_code_and_details() {
    for kind in [ErrorKind::TaskNotFound, ErrorKind::TaskNotCancelable, ErrorKind::Internal, ErrorKind::Unauthenticated]
    {
        let server = Server::of(Agent::failing(kind)).await;
        let status = server.theirs().get_task(get("t")).await.unwrap_err();
        assert_eq!(i32::from(status.code()), i32::from(kind.grpc_code()));
        assert_eq!((status.message(), reason(&status).as_str()), ("no", kind.reason()));
        assert_eq!(status.get_details_error_info().unwrap().metadata["taskId"], "t");
    }
}

#[tokio::test]
async fn fields_at_fault_are_named_as_in_json() {
    let agent = Agent::fitting();
    let server = Server::of(agent.clone()).await;
    let mut client = server.theirs();
    let mut no_content = send("x");
    no_content.get_mut().message.as_mut().unwrap().parts.push(v1::Part::default());
    let mut no_number = send("x");
    let kind = Some(prost_types::value::Kind::NumberValue(f64::NAN));
    let data = v1::part::Content::Data(prost_types::Value { kind });
    no_number.get_mut().message.as_mut().unwrap().parts[0].content = Some(data);
    let empty = Request::new(v1::SendMessageRequest::default());
    for (request, field) in [(no_content, "message.parts[1]"), (no_number, "message.parts[0].data"), (empty, "message")]
    {
        let status = client.send_message(request).await.unwrap_err();
        assert_eq!((status.code(), reason(&status).as_str()), (Code::InvalidArgument, "INVALID_PARAMS"));
        assert_eq!(status.get_details_bad_request().unwrap().field_violations[0].field, field);
    }
    assert!(agent.asked().is_empty());
}

#[tokio::test]
async fn required_extensions_are_enforced_and_active_ones_named() {
    let mut card = card();
    let mut required = AgentExtension::new("urn:a");
    required.required = true;
    card.capabilities.extensions = vec![required, AgentExtension::new("urn:b")];
    let agent = Agent::fitting();
    let server = Server::with(agent.clone(), card, |_| {}).await;
    let mut client = server.theirs();
    let status = client.get_task(with(get("t"), &[("a2a-extensions", "urn:b")])).await.unwrap_err();
    assert_eq!(reason(&status), "EXTENSION_SUPPORT_REQUIRED");
    let asked = &[("a2a-extensions", "urn:a, urn:c"), ("a2a-extensions", "urn:b")];
    let answered = client.get_task(with(get("t"), asked)).await.unwrap();
    assert_eq!(answered.metadata().get("a2a-extensions").unwrap(), "urn:a, urn:b");
    let answered = client.send_streaming_message(with(send("x"), asked)).await.unwrap();
    assert_eq!(answered.metadata().get("a2a-extensions").unwrap(), "urn:a, urn:b");
    let (context, _) = &agent.asked()[0];
    assert_eq!(context.extensions, ["urn:a", "urn:b"]);
}

#[tokio::test]
async fn only_named_metadata_reaches_the_handler() {
    let agent = Agent::fitting();
    let forward = ForwardPolicy::allowing(["x-trace".parse().unwrap()]).unwrap();
    let mut card = card();
    card.capabilities.extended_agent_card = None;
    let server = Server::with(agent.clone(), card, |options| options.forward = forward).await;
    server.theirs().get_task(with(get("t"), &[("x-trace", "1"), ("authorization", "Bearer s")])).await.unwrap();
    let (context, _) = agent.asked().remove(0);
    assert_eq!(context.headers.len(), 1);
    assert_eq!(context.headers["x-trace"], "1");
    assert!(context.presented.is_none(), "the card asks for no credentials");
}

#[tokio::test]
async fn credentials_are_presented_where_the_card_asks_for_them() {
    let mut card = card();
    card.security_schemes.insert("key".to_owned(), SecurityScheme::ApiKey(Default::default()));
    let agent = Agent::fitting();
    let server = Server::with(agent.clone(), card, |_| {}).await;
    server.theirs().get_task(with(get("t"), &[("authorization", "Bearer s")])).await.unwrap();
    let (context, _) = agent.asked().remove(0);
    assert_eq!(context.presented.unwrap().headers["authorization"], "Bearer s");
}

#[tokio::test]
async fn a_deadline_ends_the_wait_and_not_the_work() {
    let (done, finished) = oneshot::channel();
    let done = Arc::new(std::sync::Mutex::new(Some(done)));
    let agent = Agent::waiting(move |_, call| {
        let done = done.lock().unwrap().take().unwrap();
        let work = tokio::spawn(async move {
            tokio::task::yield_now().await;
            done.send(()).unwrap();
        });
        Box::pin(async move {
            work.await.unwrap();
            std::future::pending::<()>().await;
            Ok(fitting_reply(&call))
        })
    });
    let server = Server::of(agent).await;
    let mut request = get("t");
    request.set_timeout(Duration::from_millis(20));
    let status = server.theirs().get_task(request).await.unwrap_err();
    assert!(matches!(status.code(), Code::DeadlineExceeded | Code::Cancelled), "{status:?}");
    finished.await.unwrap();
}

#[tokio::test]
async fn a_deadline_ends_a_stream() {
    let agent = Agent::streaming(|| stream::iter([Ok(event("one"))]).chain(stream::pending()).boxed());
    let server = Server::of(agent).await;
    let request = with(send("x"), &[("grpc-timeout", "50m")]);
    let mut stream = server.theirs().send_streaming_message(request).await.unwrap().into_inner();
    assert!(stream.message().await.unwrap().is_some());
    assert_eq!(stream.message().await.unwrap_err().code(), Code::DeadlineExceeded);
    let status = server.theirs().get_task(with(get("t"), &[("grpc-timeout", "soon")])).await.unwrap_err();
    assert_eq!(status.get_details_bad_request().unwrap().field_violations[0].field, "grpc-timeout");
}

#[tokio::test]
async fn a_message_over_the_limit_is_refused() {
    let agent = Agent::fitting();
    let server = Server::with(agent.clone(), card(), |options| options.max_message_bytes = 1000).await;
    let status = server.theirs().send_message(send(&"x".repeat(1000))).await.unwrap_err();
    assert_eq!((status.code(), reason(&status).as_str()), (Code::ResourceExhausted, "PAYLOAD_TOO_LARGE"));
    assert!(agent.asked().is_empty());
    server.theirs().send_message(send(&"x".repeat(900))).await.unwrap();
}

#[tokio::test]
async fn gzip_is_understood_and_answered_where_it_is_accepted() {
    let agent = Agent::fitting();
    let server = Server::with(agent.clone(), card(), |options| options.max_message_bytes = 1000).await;
    let mut client = server.theirs().send_compressed(CompressionEncoding::Gzip);
    let plain = client.send_message(send(&"x".repeat(900))).await.unwrap();
    assert!(plain.metadata().get("grpc-encoding").is_none());
    let mut accepting = client.clone().accept_compressed(CompressionEncoding::Gzip);
    let compressed = accepting.send_message(send("x")).await.unwrap();
    assert_eq!(compressed.metadata().get("grpc-encoding").unwrap(), "gzip");
    assert_eq!(compressed.into_inner().payload, client.send_message(send("x")).await.unwrap().into_inner().payload);
    agent.asked();
    // Small as it is sent, and too large as it is meant.
    let status = client.send_message(send(&"x".repeat(100_000))).await.unwrap_err();
    assert_eq!((status.code(), reason(&status).as_str()), (Code::ResourceExhausted, "PAYLOAD_TOO_LARGE"));
    assert!(agent.asked().is_empty());
}

#[tokio::test]
async fn a_reply_of_another_kind_is_the_agents_fault() {
    let server = Server::of(Agent::answering(|_, _| Ok(Reply::Deleted))).await;
    let status = server.theirs().get_task(get("t")).await.unwrap_err();
    assert_eq!((status.code(), reason(&status).as_str()), (Code::Internal, "INVALID_AGENT_RESPONSE"));
}

#[tokio::test]
async fn the_tenant_is_the_messages() {
    let agent = Agent::fitting();
    let server = Server::of(agent.clone()).await;
    let mut request = get("t");
    request.get_mut().tenant = "blue".to_owned();
    server.theirs().get_task(request).await.unwrap();
    let (_, call) = agent.asked().remove(0);
    assert!(matches!(&call, Call::GetTask(_)));
    assert_eq!(call.tenant(), Some("blue"));

    let mut request = get("t");
    request.get_mut().tenant = "tasks".to_owned();
    let status = server.theirs().get_task(request).await.unwrap_err();
    assert_eq!((status.code(), reason(&status).as_str()), (Code::InvalidArgument, "INVALID_PARAMS"));
    assert!(status.message().contains("tenant"), "{}", status.message());
    assert!(agent.asked().is_empty());
}

#[tokio::test]
async fn going_down_ends_streams_and_waits() {
    let agent = Agent::answering(|_, call| match call {
        Call::SendStreamingMessage(_) => Ok(Reply::Stream(events(["one"]).chain(stream::pending()).boxed())),
        call => Ok(fitting_reply(&call)),
    });
    let server = Server::of(agent).await;
    let mut stream = server.theirs().send_streaming_message(send("x")).await.unwrap().into_inner();
    assert!(stream.message().await.unwrap().is_some());
    server.stop().await;
    let status = stream.message().await.unwrap_err();
    assert_eq!((status.code(), reason(&status).as_str()), (Code::Unavailable, "UNAVAILABLE"));
}

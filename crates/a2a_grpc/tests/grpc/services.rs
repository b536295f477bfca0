//! Health, reflection, and services that nobody has.

use std::time::Duration;

use futures::{StreamExt, stream};
use prost::Message;
use tonic::Code;
use tonic_health::pb::{HealthCheckRequest, health_check_response::ServingStatus, health_client::HealthClient};
use tonic_reflection::pb::v1::{
    ServerReflectionRequest, server_reflection_client::ServerReflectionClient,
    server_reflection_request::MessageRequest, server_reflection_response::MessageResponse,
};

use crate::support::{Agent, Server, card};

#[tokio::test]
async fn health_is_serving_until_the_server_drains() {
    let server = Server::of(Agent::fitting()).await;
    let mut client = HealthClient::new(server.channel());
    let check = |service: &str| HealthCheckRequest { service: service.to_owned() };
    let mut watched = client.watch(check("")).await.unwrap().into_inner();
    assert_eq!(watched.next().await.unwrap().unwrap().status(), ServingStatus::Serving);
    for service in ["", "lf.a2a.v1.A2AService", "a2a.v1.A2AService"] {
        let status = client.check(check(service)).await.unwrap().into_inner().status();
        assert_eq!(status, ServingStatus::Serving, "{service:?}");
    }
    assert_eq!(client.check(check("else")).await.unwrap_err().code(), Code::NotFound);
    let mut unknown = client.watch(check("else")).await.unwrap().into_inner();
    assert_eq!(unknown.next().await.unwrap().unwrap().status(), ServingStatus::ServiceUnknown);
    server.lifecycle.drain();
    assert_eq!(watched.next().await.unwrap().unwrap().status(), ServingStatus::NotServing);
    assert_eq!(client.check(check("")).await.unwrap().into_inner().status(), ServingStatus::NotServing);
    server.lifecycle.close();
    assert!(watched.next().await.is_none() && unknown.next().await.is_none());
}

async fn reflect(server: &Server, asked: MessageRequest) -> Result<MessageResponse, tonic::Status> {
    let request = ServerReflectionRequest { host: String::new(), message_request: Some(asked) };
    let mut client = ServerReflectionClient::new(server.channel());
    let mut answers = client.server_reflection_info(stream::iter([request])).await?.into_inner();
    Ok(answers.next().await.unwrap()?.message_response.unwrap())
}

#[tokio::test]
async fn reflection_names_the_services_and_their_messages() {
    let server = Server::of(Agent::fitting()).await;
    let MessageResponse::ListServicesResponse(list) =
        reflect(&server, MessageRequest::ListServices(String::new())).await.unwrap()
    else {
        panic!("no list")
    };
    let names: Vec<_> = list.service.into_iter().map(|service| service.name).collect();
    for name in
        ["lf.a2a.v1.A2AService", "a2a.v1.A2AService", "grpc.health.v1.Health", "grpc.reflection.v1.ServerReflection"]
    {
        assert!(names.contains(&name.to_owned()), "{name} in {names:?}");
    }
    let MessageResponse::FileDescriptorResponse(found) =
        reflect(&server, MessageRequest::FileContainingSymbol("lf.a2a.v1.Task".to_owned())).await.unwrap()
    else {
        panic!("no file")
    };
    let file = prost_types::FileDescriptorProto::decode(&*found.file_descriptor_proto[0]).unwrap();
    assert_eq!(file.package(), "lf.a2a.v1");

    let silent = Server::with(Agent::fitting(), card(), |options| options.reflection = false).await;
    let refused = reflect(&silent, MessageRequest::ListServices(String::new())).await.unwrap_err();
    assert_eq!(refused.code(), Code::Unimplemented);
}

#[tokio::test]
async fn a_request_that_does_not_arrive_is_given_up() {
    let server =
        Server::with(Agent::fitting(), card(), |options| options.body_timeout = Duration::from_millis(20)).await;
    let mut client = tonic::client::Grpc::new(server.channel());
    client.ready().await.unwrap();
    let codec = tonic_prost::ProstCodec::<(), ()>::default();
    let never = tonic::Request::new(stream::pending::<()>());
    let path = http::uri::PathAndQuery::from_static("/lf.a2a.v1.A2AService/GetTask");
    let status = client.client_streaming(never, path, codec).await.unwrap_err();
    assert_eq!(status.code(), Code::DeadlineExceeded, "{status:?}");
}

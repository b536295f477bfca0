//! A gRPC request as it is on the wire, with its metadata.

use std::{
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use a2a_app_ports::{AgentService, BoxFuture, CallContext, Clock, Host, Lifecycle, Random, Reply, Spawner};
use a2a_grpc::{GrpcOptions, GrpcServer};
use a2a_protocol_core::{AgentCard, AgentExtension, Call, Error, ErrorKind, ProtocolVersion, Timestamp};
use bytes::Bytes;
use http::Request;
use http_body_util::{BodyExt as _, Full};
use tower_service::Service as _;

use crate::{head_and_body, headers, ready};

pub(crate) fn grpc_server(data: &[u8]) {
    let (head, body) = head_and_body(data);
    let mut lines = head.split(|byte| *byte == b'\n');
    let path = lines.next().unwrap_or_default();
    let Ok(mut request) = Request::post(path).body(Full::new(Bytes::copy_from_slice(body))) else { return };
    let service = match request.uri().path().split('/').nth(1) {
        Some("lf.a2a.v1.A2AService") => Some(ProtocolVersion::V1_0),
        Some("a2a.v1.A2AService") => Some(ProtocolVersion::V0_3),
        _ => None,
    };
    *request.headers_mut() = headers(lines);
    let agent = Arc::new(Agent::default());
    let response = ready(server(agent.clone()).call(request)).unwrap_or_else(|never| match never {});
    let asked = std::mem::take(&mut *agent.0.lock().unwrap_or_else(PoisonError::into_inner));
    let Some(service) = service else { return assert!(asked.is_none()) };
    if response.status() == http::StatusCode::UNSUPPORTED_MEDIA_TYPE {
        return assert!(asked.is_none(), "what is not gRPC is not heard");
    }
    let in_headers = response.headers().get("grpc-status").cloned();
    let collected = ready(response.into_body().collect()).expect("a body in memory");
    let status = in_headers.or_else(|| collected.trailers()?.get("grpc-status").cloned()).expect("there is a status");
    assert_ne!(status, "0", "the agent refuses everything");
    if let Some((context, call)) = asked {
        assert_eq!(context.version, service);
        call.validate().expect("the agent hears what is valid");
        assert!(context.extensions.iter().all(|uri| uri == EXTENSION), "{:?}", context.extensions);
        assert_eq!(status, "5", "the agent's own error");
    }
}

const EXTENSION: &str = "https://extensions.example/e";

/// Knows no task, and remembers what it was asked.
#[derive(Default)]
struct Agent(Mutex<Option<(CallContext, Call)>>);

impl AgentService for Agent {
    fn handle(&self, context: CallContext, call: Call) -> BoxFuture<'_, Result<Reply, Error>> {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Some((context, call));
        Box::pin(async { Err(Error::new(ErrorKind::TaskNotFound, "no task")) })
    }
}

fn server(agent: Arc<Agent>) -> GrpcServer {
    let mut card = AgentCard::default();
    let mut extension = AgentExtension::default();
    extension.uri = EXTENSION.to_owned();
    card.capabilities.extensions.push(extension);
    let host = Host { clock: Arc::new(Still), spawner: Arc::new(Still), random: Arc::new(Still) };
    GrpcServer::new(agent, card, &host, Lifecycle::new(), GrpcOptions::default())
}

/// Where no time passes.
struct Still;

impl Clock for Still {
    fn now(&self) -> Timestamp {
        Timestamp::UNIX_EPOCH
    }

    fn sleep(&self, _duration: Duration) -> BoxFuture<'static, ()> {
        Box::pin(std::future::pending())
    }
}

impl Spawner for Still {
    fn spawn(&self, future: BoxFuture<'static, ()>) {
        drop(future);
    }
}

impl Random for Still {
    fn random(&self) -> u128 {
        0
    }
}

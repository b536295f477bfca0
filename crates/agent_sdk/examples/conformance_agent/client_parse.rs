//! `tck-client-parse` of ACTS: our own client reads a reply that the message holds, and what it has
//! read is the result.

use std::sync::Arc;

use agent_sdk::{
    client::{Body, HttpTransport, TransportError},
    ports::BoxFuture,
    prelude::*,
    protocol::{AgentCard, AgentInterface, Error, GetExtendedAgentCardRequest, GetTaskRequest, SendMessageRequest},
};
use bytes::Bytes;
use futures::stream;
use serde::Serialize;
use serde_json::{Value, json};

/// An address that nobody is at; nobody is asked.
const NOWHERE: &str = "http://agent.invalid";

/// Reads the reply of the message's data part: `operation` is what it answers, `wire_payload` its
/// body.
pub(crate) async fn answer(turn: &Turn, task: &TaskUpdater) -> Result<(), HandlerError> {
    let asked = turn.message.parts.iter().find_map(|part| match &part.content {
        Content::Data(data) => Some(data),
        _ => None,
    });
    let asked = asked.ok_or_else(|| HandlerError::new("a data part with operation and wire_payload is needed"))?;
    let (operation, payload) = (asked["operation"].as_str().unwrap_or_default(), &asked["wire_payload"]);
    let read = read(operation, payload).await?;
    task.artifact("parsed").write(read).await
}

async fn read(operation: &str, payload: &Value) -> Result<Value, HandlerError> {
    let builder = Client::builder().transport(Arc::new(Scripted(payload.clone())));
    if operation == "get_agent_card" {
        return Ok(serde_json::to_value(builder.resolve(NOWHERE).await?)?);
    }
    let binding = if payload["jsonrpc"].is_null() { "HTTP+JSON" } else { "JSONRPC" };
    let mut card = AgentCard::default();
    card.supported_interfaces = vec![AgentInterface::new(NOWHERE, binding, "1.0")];
    card.capabilities.extended_agent_card = Some(true);
    let client = builder.with_card(card, None)?;
    let context = CallContext::new;
    match operation {
        "send_message" => {
            let message = Message::new("asked", Role::User, vec![Part::text("asked")]);
            value(client.send_message(context(), SendMessageRequest::new(message)).await)
        }
        "get_task" => value(client.get_task(context(), GetTaskRequest::new("asked")).await),
        "get_extended_agent_card" => {
            value(client.get_extended_agent_card(context(), GetExtendedAgentCardRequest::default()).await)
        }
        other => Err(HandlerError::new(format!("no reply to {other:?} can be read"))),
    }
}

/// What was read, in JSON; an error as JSON-RPC has it.
fn value(read: Result<impl Serialize, Error>) -> Result<Value, HandlerError> {
    match read {
        Ok(read) => Ok(serde_json::to_value(read)?),
        Err(error) => Ok(json!({"error": {"code": error.json_rpc_code(), "message": error.message()}})),
    }
}

/// Answers every request with the same body. In a JSON-RPC body the id becomes the request's.
struct Scripted(Value);

impl HttpTransport for Scripted {
    fn send(&self, request: http::Request<Bytes>) -> BoxFuture<'static, Result<http::Response<Body>, TransportError>> {
        let mut reply = self.0.clone();
        if reply.get("jsonrpc").is_some() {
            let request: Value = serde_json::from_slice(request.body()).unwrap_or_default();
            reply["id"] = request["id"].clone();
        }
        Box::pin(async move {
            let body: Body = Box::pin(stream::iter([Ok(Bytes::from(reply.to_string()))]));
            let mut response = http::Response::new(body);
            response.headers_mut().insert("content-type", http::HeaderValue::from_static("application/json"));
            Ok(response)
        })
    }
}

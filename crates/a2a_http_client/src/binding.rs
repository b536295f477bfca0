//! The two JSON bindings, each in the JSON of a version: a call to an HTTP request, and a reply back to
//! what it says.

use a2a_app_ports::{AnsweredCode, Reply};
use a2a_protocol_core::{
    CHALLENGE_METADATA, Call, Error, ErrorKind, JsonDialect, ListTasksResponse, Method, ProtocolVersion, Spoken,
    StreamResponse, http_json, v03,
};
use bytes::Bytes;
use http::{HeaderMap, StatusCode, header};
use protocol_transport_core::jsonrpc::{self, Id};
use serde::{Deserialize, de::IgnoredAny};
use serde_json::value::RawValue;
use url::Url;

use crate::{card, quirks::has_no_result};

/// A binding that this client speaks, in a version of the protocol.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Binding {
    style: Style,
    dialect: JsonDialect,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Style {
    JsonRpc,
    HttpJson,
}

impl Binding {
    /// The binding of a name in an agent card.
    pub(crate) fn from_name(name: &str, version: ProtocolVersion) -> Option<Self> {
        match name {
            "JSONRPC" => Some(Self { style: Style::JsonRpc, dialect: JsonDialect::of_json_rpc(version) }),
            "HTTP+JSON" => Some(Self { style: Style::HttpJson, dialect: JsonDialect::of_http_json(version) }),
            _ => None,
        }
    }

    pub(crate) fn version(self) -> ProtocolVersion {
        self.dialect.version()
    }

    /// The official agents of 0.3 read nothing but `application/json`.
    fn media_type(self) -> &'static str {
        match (self.style, self.version()) {
            (Style::HttpJson, ProtocolVersion::V1_0) => "application/a2a+json",
            _ => "application/json",
        }
    }

    /// What a call is answered in.
    pub(crate) fn accept(self, call: &Call) -> &'static str {
        match (self.style, call.method()) {
            (_, Some(method)) if method.is_streaming() => "text/event-stream",
            // Whether a method of the agent's own streams, the agent knows.
            (_, None) => "application/json, text/event-stream",
            (Style::JsonRpc, _) => "application/json",
            (Style::HttpJson, _) => "application/a2a+json, application/json",
        }
    }

    /// A call as a request to the interface at this address.
    pub(crate) fn request(self, endpoint: &Url, call: &Call, id: u64) -> Result<http::Request<Bytes>, Error> {
        let (verb, url, body) = match self.style {
            Style::JsonRpc => {
                let mut body = Vec::new();
                let (name, params) = (self.dialect.method_name(call), self.dialect.params(call)?);
                jsonrpc::write_request(&mut body, Some(&Id::from(id)), &name, &params)
                    .map_err(|error| Error::invalid("params", error.to_string()))?;
                ("POST", endpoint.clone(), Some(body))
            }
            Style::HttpJson => {
                let call = http_json::write_in(self.dialect, call)?;
                (call.verb, below(endpoint, &call.target), call.body)
            }
        };
        let mut request = http::Request::builder().method(verb).uri(url.as_str());
        if body.is_some() {
            request = request.header(header::CONTENT_TYPE, self.media_type());
        }
        request.body(body.unwrap_or_default().into()).map_err(Error::internal)
    }
}

/// An address below an interface's; the interface may have a query of its own.
fn below(endpoint: &Url, target: &str) -> Url {
    let (path, query) = target.split_once('?').map_or((target, None), |(path, query)| (path, Some(query)));
    let mut url = endpoint.clone();
    url.set_path(&format!("{}{path}", endpoint.path().trim_end_matches('/')));
    match (endpoint.query(), query) {
        (Some(own), Some(query)) => url.set_query(Some(&format!("{own}&{query}"))),
        (None, Some(query)) => url.set_query(Some(query)),
        (_, None) => {}
    }
    url
}

/// How the reply to one request is read.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Reading {
    pub(crate) binding: Binding,
    /// The id of the JSON-RPC request.
    pub(crate) id: u64,
}

impl Reading {
    /// What a reply, or an event of a stream, says: the JSON without its envelope.
    pub(crate) fn payload(self, body: &[u8]) -> Result<&str, Error> {
        match self.binding.style {
            Style::HttpJson => std::str::from_utf8(body).map_err(|error| invalid(format!("not UTF-8: {error}"))),
            Style::JsonRpc => {
                let reply = match jsonrpc::parse_response(body) {
                    Ok(reply) => reply,
                    Err(_) if self.binding.version() == ProtocolVersion::V0_3 && has_no_result(body, self.id) => {
                        return Ok("null");
                    }
                    Err(error) => {
                        return Err(invalid(format!("{error}{}", found(&String::from_utf8_lossy(body)))));
                    }
                };
                let id = Id::from(self.id);
                match reply.outcome {
                    // An agent that could not read the request does not know its id.
                    Err(error) if reply.id == id || reply.id == Id::NULL => Err(answered(Error::from_json_rpc(error))),
                    Ok(result) if reply.id == id => Ok(result.get()),
                    _ => Err(invalid(format!("a reply to request {id} has the id {}", reply.id))),
                }
            }
        }
    }

    /// A reply that is no success.
    pub(crate) fn failure(self, status: StatusCode, headers: &HeaderMap, body: &[u8]) -> Error {
        if status.is_redirection() || !(status.is_client_error() || status.is_server_error()) {
            let target = headers.get(header::LOCATION).and_then(|target| target.to_str().ok());
            let target = target.map(|target| format!(" to {target}")).unwrap_or_default();
            return invalid(format!("HTTP status {}{target}; calls do not follow redirects", status.as_u16()));
        }
        let by_status = self.by_status(status.as_u16(), body);
        let mut error = match (self.binding.style, jsonrpc::parse_response(body)) {
            (Style::JsonRpc, Ok(jsonrpc::Response { outcome: Err(error), .. })) => {
                let error = answered(Error::from_json_rpc(error));
                let says_nothing = error.json_rpc_code() == ErrorKind::Internal.json_rpc_code();
                // What JSON-RPC has no code of its own for, such as a missing credential.
                let is_transports = by_status.kind().json_rpc_code() == ErrorKind::Unavailable.json_rpc_code();
                if error.kind() == ErrorKind::Internal
                    && by_status.kind() != ErrorKind::Internal
                    && (says_nothing || is_transports)
                {
                    Error::new(by_status.kind(), error.message().to_owned())
                } else {
                    error
                }
            }
            _ => by_status,
        };
        if let Some(challenge) = headers.get(header::WWW_AUTHENTICATE).and_then(|value| value.to_str().ok()) {
            error = error.with_metadata(CHALLENGE_METADATA, challenge);
        }
        error
    }
}

fn answered(error: Error) -> Error {
    let code = AnsweredCode(error.json_rpc_code());
    error.caused_by(code)
}

impl Reading {
    /// The error of a reply with this HTTP status.
    pub(crate) fn by_status(self, status: u16, body: &[u8]) -> Error {
        let at = |status| match self.binding {
            Binding { style: Style::HttpJson, dialect: JsonDialect::V0_3Proto } => v03::from_http(status, body),
            _ => Error::from_http(status, body),
        };
        let error = at(status);
        // Where the body names the error, the status changes nothing.
        if at(401).kind() == at(500).kind() { answered(error) } else { error }
    }

    /// Reads what a call was answered with.
    pub(crate) fn reply(self, call: &Call, json: &str) -> Result<Reply, Error> {
        let Some(method) = call.method() else {
            return raw(json).map(Reply::Custom);
        };
        let what = format!("the reply to {}", method.name());
        Ok(match method {
            Method::SendMessage => Reply::Sent(self.read(&what, json)?),
            Method::GetTask | Method::CancelTask => Reply::Task(self.read(&what, json)?),
            Method::ListTasks => Reply::Tasks(self.tasks(&what, json)?),
            Method::CreateTaskPushNotificationConfig | Method::GetTaskPushNotificationConfig => {
                Reply::PushConfig(self.read(&what, json)?)
            }
            Method::ListTaskPushNotificationConfigs => Reply::PushConfigs(self.read(&what, json)?),
            Method::DeleteTaskPushNotificationConfig => Reply::Deleted,
            Method::GetExtendedAgentCard => {
                Reply::Card(card::read(json).map_err(|error| invalid(format!("{what}: {error}")))?.into())
            }
            Method::SendStreamingMessage | Method::SubscribeToTask => {
                return Err(invalid(format!("{what} is not a stream")));
            }
        })
    }

    /// Reads an event of a stream.
    pub(crate) fn stream_response(self, json: &str) -> Result<StreamResponse, Error> {
        self.read("an event of the stream", json)
    }

    /// Reads a page of tasks; over HTTP+JSON, version 0.3 has a list of all of them in its place.
    fn tasks(self, what: &str, json: &str) -> Result<ListTasksResponse, Error> {
        if self.binding.dialect != JsonDialect::V0_3Proto || !json.trim_start().starts_with('[') {
            return self.read(what, json);
        }
        let mut all: ListTasksResponse = self.read(what, &format!("{{\"tasks\":{json}}}"))?;
        let count = i32::try_from(all.tasks.len()).unwrap_or(i32::MAX);
        (all.page_size, all.total_size) = (count, count);
        Ok(all)
    }

    fn read<T: Spoken>(self, what: &str, json: &str) -> Result<T, Error> {
        T::read_in(self.binding.dialect, json.as_bytes())
            .map_err(|error| invalid(format!("{what}: {}{}", error.message(), found(json))))
    }
}

/// Reads what an agent's own method has answered.
pub(crate) fn raw(json: &str) -> Result<Box<RawValue>, Error> {
    RawValue::from_string(json.to_owned()).map_err(|error| invalid(format!("the result is not JSON: {error}")))
}

/// What there is instead of what was expected.
fn found(json: &str) -> String {
    struct Names(Vec<String>);
    impl<'de> Deserialize<'de> for Names {
        fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
            let members = std::collections::BTreeMap::<String, IgnoredAny>::deserialize(deserializer)?;
            Ok(Self(members.into_keys().collect()))
        }
    }
    match serde_json::from_str::<Names>(json) {
        Ok(Names(names)) if names.is_empty() => "; found an empty object".to_owned(),
        Ok(Names(names)) => {
            let some: Vec<String> = names.iter().take(8).map(|name| shortened(name)).collect();
            format!("; found the members {}", some.join(", "))
        }
        Err(_) => format!("; found {:?}", shortened(json)),
    }
}

fn shortened(text: &str) -> String {
    const LENGTH: usize = 60;
    let mut short: String = text.chars().take(LENGTH).collect();
    if short.len() < text.len() {
        short.push('…');
    }
    short
}

pub(crate) fn invalid(message: String) -> Error {
    Error::new(ErrorKind::InvalidAgentResponse, message)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn targets_are_joined_below_the_interface() {
        for (endpoint, target, joined) in [
            ("https://h", "/tasks", "https://h/tasks"),
            ("https://h/", "/tasks?a=1", "https://h/tasks?a=1"),
            ("https://h/a/b/", "/tasks/x%2Fy:cancel", "https://h/a/b/tasks/x%2Fy:cancel"),
            ("https://h/a?k=v", "/tasks", "https://h/a/tasks?k=v"),
            ("https://h/a?k=v", "/tasks?a=1", "https://h/a/tasks?k=v&a=1"),
        ] {
            assert_eq!(below(&Url::parse(endpoint).unwrap(), target).as_str(), joined);
        }
    }

    #[test]
    fn what_was_found_is_described() {
        for (json, text) in [
            ("{}", "; found an empty object"),
            (r#"{"b":1,"a":{}}"#, "; found the members a, b"),
            ("<html>", "; found \"<html>\""),
            ("[1]", "; found \"[1]\""),
        ] {
            assert_eq!(found(json), text);
        }
    }
}

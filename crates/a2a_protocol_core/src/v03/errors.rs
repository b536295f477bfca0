//! Errors of 0.3. In JSON-RPC they are those of 1.0; in HTTP+JSON the same object is the body.

use protocol_transport_core::jsonrpc;
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use super::Form;
use crate::{Call, Error, ErrorKind, FieldViolation, Method};

/// The body of an HTTP+JSON error: the JSON-RPC error object.
pub fn http_body(error: &Error) -> Vec<u8> {
    #[derive(Serialize)]
    struct Body {
        code: i64,
        message: std::borrow::Cow<'static, str>,
        #[serde(skip_serializing_if = "Option::is_none")]
        data: Option<Box<RawValue>>,
    }
    let jsonrpc::Error { code, message, data } = error.to_json_rpc();
    // A number and texts: there is nothing in it that JSON can not hold.
    serde_json::to_vec(&Body { code, message, data }).unwrap_or_default()
}

/// What an HTTP status means where the body does not say it, as the official Python SDK maps them.
const BY_STATUS: [(u16, ErrorKind); 6] = [
    (404, ErrorKind::TaskNotFound),
    (409, ErrorKind::TaskNotCancelable),
    (415, ErrorKind::ContentTypeNotSupported),
    (422, ErrorKind::InvalidParams),
    (501, ErrorKind::UnsupportedOperation),
    (502, ErrorKind::InvalidAgentResponse),
];

/// Reads the body of an HTTP reply with an error status: a JSON-RPC error object, one without its
/// code, or what [`Error::from_http`] reads.
pub fn from_http(status: u16, body: &[u8]) -> Error {
    #[derive(Deserialize)]
    struct Body {
        code: Option<i64>,
        message: String,
        data: Option<Box<RawValue>>,
    }
    let Ok(body) = serde_json::from_slice::<Body>(body) else { return Error::from_http(status, body) };
    if let Some(code) = body.code {
        return Error::from_json_rpc(jsonrpc::Error { code, message: body.message.into(), data: body.data });
    }
    match BY_STATUS.iter().find(|(known, _)| *known == status) {
        Some((_, kind)) => Error::new(*kind, body.message),
        None => Error::new(Error::from_http(status, b"").kind(), body.message),
    }
}

/// An error with the fields that 1.0 names by those of 0.3.
pub(super) fn in_their_words(error: Error, method: Method, form: Form) -> Error {
    let renamed = |violation: &FieldViolation| {
        let (field, description) = (violation.field.as_str(), violation.description.as_str());
        FieldViolation { field: field_of(field, method, form), description: description_of(description, form) }
    };
    Error::violations(error.field_violations().iter().map(renamed).collect())
}

fn field_of(field: &str, method: Method, form: Form) -> String {
    let is_config = matches!(
        method,
        Method::GetTaskPushNotificationConfig
            | Method::DeleteTaskPushNotificationConfig
            | Method::ListTaskPushNotificationConfigs
    );
    let field = match (method, field) {
        (Method::CreateTaskPushNotificationConfig, "taskId" | "tenant") => field.to_owned(),
        (Method::CreateTaskPushNotificationConfig, field) => match form {
            Form::JsonRpc => format!("pushNotificationConfig.{field}"),
            Form::Proto => format!("config.pushNotificationConfig.{field}"),
        },
        (_, "id") if is_config => "pushNotificationConfigId".to_owned(),
        (_, "taskId") if is_config => "id".to_owned(),
        (_, field) => field.to_owned(),
    };
    let config = if form == Form::JsonRpc { "pushNotificationConfig" } else { "pushNotification" };
    let field =
        field.replace("authentication.scheme", "authentication.schemes").replace("taskPushNotificationConfig", config);
    match form {
        Form::JsonRpc => field.replace("].url", "].file.uri"),
        Form::Proto => field.replace("].url", "].file.fileWithUri").replace("message.parts", "message.content"),
    }
}

fn description_of(description: &str, form: Form) -> String {
    match (description, form) {
        ("must have one of text, raw, url and data", Form::JsonRpc) => {
            "kind must be text, file or data, with what it names".to_owned()
        }
        ("must have one of text, raw, url and data", Form::Proto) => "must have one of text, file and data".to_owned(),
        ("must be ROLE_USER or ROLE_AGENT", Form::JsonRpc) => "must be user or agent".to_owned(),
        (other, _) => other.to_owned(),
    }
}

/// Checks a request that came in 0.3, and fills in what 0.3 takes as said.
///
/// # Errors
/// InvalidParams with a violation for every field at fault, as 0.3 names them.
pub(crate) fn accept(call: &mut Call, method: Method, form: Form) -> Result<(), Error> {
    super::requests::complete(call);
    call.validate().map_err(|error| in_their_words(error, method, form))
}

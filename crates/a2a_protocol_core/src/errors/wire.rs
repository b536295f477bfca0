//! How an error looks in the JSON bindings (sections 9.5, 11.6).

use std::{borrow::Cow, collections::BTreeMap};

use protocol_transport_core::jsonrpc;
use serde::Serialize;
use serde_json::value::{RawValue, to_raw_value};

use super::{Error, ErrorKind, FieldViolation};

/// The `domain` of every `google.rpc.ErrorInfo` of the protocol.
pub const ERROR_DOMAIN: &str = "a2a-protocol.org";

impl Error {
    /// The error object of a JSON-RPC response (section 9.5). One that a peer made up is passed on as
    /// it was, with its code and data.
    pub fn to_json_rpc(&self) -> jsonrpc::Error {
        jsonrpc::Error {
            code: self.json_rpc_code(),
            message: self.0.message.clone(),
            data: self.0.data.clone().or_else(|| to_raw_value(&self.details()).ok()),
        }
    }

    /// The body of an HTTP+JSON error, a `google.rpc.Status` (section 11.6).
    pub fn to_http_body(&self) -> Vec<u8> {
        self.to_http_body_as(self.0.kind.http_status())
    }

    /// The same body for a reply whose HTTP status is not that of the table: `code` has to be the
    /// status that is sent.
    pub fn to_http_body_as(&self, http_status: u16) -> Vec<u8> {
        #[derive(Serialize)]
        struct Body<'a> {
            error: Status<'a>,
        }
        #[derive(Serialize)]
        struct Status<'a> {
            code: u16,
            status: &'static str,
            message: &'a str,
            details: Vec<Detail<'a>>,
        }
        let error = Status {
            code: http_status,
            status: self.0.kind.grpc_status(),
            message: &self.0.message,
            details: self.details(),
        };
        // Texts, a number and a map of texts: there is nothing in it that JSON can not hold.
        serde_json::to_vec(&Body { error }).unwrap_or_default()
    }

    /// `ErrorInfo`, and `BadRequest` where fields are at fault.
    fn details(&self) -> Vec<Detail<'_>> {
        let mut details =
            vec![Detail::ErrorInfo { reason: self.0.kind.reason(), domain: ERROR_DOMAIN, metadata: &self.0.metadata }];
        if !self.0.violations.is_empty() {
            details.push(Detail::BadRequest { field_violations: &self.0.violations });
        }
        details
    }

    /// Reads the error object of a JSON-RPC response. A code that the table does not have is kept
    /// as [`json_rpc_code`](Self::json_rpc_code) of an `Internal` error, with its [`data`](Self::data).
    pub fn from_json_rpc(error: jsonrpc::Error) -> Self {
        let details = error.data.as_deref().map(Details::read).unwrap_or_default();
        let kind = details.kind.or_else(|| ErrorKind::from_json_rpc_code(error.code));
        let mut read = details.into_error(kind.unwrap_or(ErrorKind::Internal), error.message);
        if kind.is_none_or(|kind| kind.json_rpc_code() != error.code) {
            read.0.code = Some(error.code);
        }
        if kind.is_none() {
            read.0.data = error.data.filter(|data| data.get() != "null");
        }
        read
    }

    /// Reads the body of an HTTP reply with an error status: a `google.rpc.Status`, or a problem
    /// document (RFC 9457). The kind is that of the `ErrorInfo`, else of the gRPC status, else of
    /// the HTTP status, which is all there is where a gateway has answered with a page of HTML.
    pub fn from_http(status: u16, body: &[u8]) -> Self {
        let body = members(std::str::from_utf8(body).unwrap_or_default());
        let error = body.get("error").map(|raw| members(raw.get())).unwrap_or_default();
        let details = error.get("details").map(|raw| Details::read(raw)).unwrap_or_default();
        let kind = details.kind.or_else(|| ErrorKind::from_grpc_status(&text(&error, "status")));
        let kind = kind.unwrap_or_else(|| kind_of_http_status(status));
        let message = [text(&error, "message"), text(&body, "detail")].into_iter().find(|text| !text.is_empty());
        match message {
            Some(message) => details.into_error(kind, message.into()),
            None => details
                .into_error(kind, format!("HTTP status {status}").into())
                .with_metadata("httpStatus", status.to_string()),
        }
    }
}

impl From<jsonrpc::Error> for Error {
    fn from(error: jsonrpc::Error) -> Self {
        Self::from_json_rpc(error)
    }
}

fn kind_of_http_status(status: u16) -> ErrorKind {
    match status {
        401 => ErrorKind::Unauthenticated,
        403 => ErrorKind::PermissionDenied,
        404 | 405 => ErrorKind::MethodNotFound,
        413 => ErrorKind::PayloadTooLarge,
        415 => ErrorKind::ContentTypeNotSupported,
        429 => ErrorKind::ResourceExhausted,
        502..=504 => ErrorKind::Unavailable,
        400..=499 => ErrorKind::InvalidRequest,
        _ => ErrorKind::Internal,
    }
}

#[derive(Serialize)]
#[serde(tag = "@type")]
enum Detail<'a> {
    #[serde(rename = "type.googleapis.com/google.rpc.ErrorInfo")]
    ErrorInfo {
        reason: &'static str,
        domain: &'static str,
        #[serde(skip_serializing_if = "BTreeMap::is_empty")]
        metadata: &'a BTreeMap<String, String>,
    },
    #[serde(rename = "type.googleapis.com/google.rpc.BadRequest", rename_all = "camelCase")]
    BadRequest { field_violations: &'a [FieldViolation] },
}

/// The members of an object, unread, so that a strange one cannot hide the others.
type Members<'a> = BTreeMap<String, &'a RawValue>;

/// What is not an object has no members.
fn members(json: &str) -> Members<'_> {
    serde_json::from_str(json).unwrap_or_default()
}

/// A member that is a text; anything else is an empty one.
fn text(members: &Members<'_>, name: &str) -> String {
    members.get(name).and_then(|raw| serde_json::from_str(raw.get()).ok()).unwrap_or_default()
}

/// What is understood of the details that a peer sent.
#[derive(Default)]
struct Details {
    kind: Option<ErrorKind>,
    metadata: BTreeMap<String, String>,
    violations: Vec<FieldViolation>,
}

impl Details {
    /// Reads what it can: details are extra, a strange one must not hide the error itself.
    fn read(raw: &RawValue) -> Self {
        let mut details = Self::default();
        for item in list(raw) {
            let item = members(item.get());
            match text(&item, "@type").rsplit('/').next() {
                Some("google.rpc.ErrorInfo") => details.info(&item),
                Some("google.rpc.BadRequest") => {
                    let violations = item.get("fieldViolations").map(|raw| list(raw)).unwrap_or_default();
                    details.violations.extend(violations.into_iter().map(|raw| {
                        let violation = members(raw.get());
                        FieldViolation {
                            field: text(&violation, "field"),
                            description: text(&violation, "description"),
                        }
                    }));
                }
                _ => {}
            }
        }
        details
    }

    /// Reasons mean something only within their domain.
    fn info(&mut self, info: &Members<'_>) {
        if !["", ERROR_DOMAIN].contains(&&*text(info, "domain")) {
            return;
        }
        self.kind = self.kind.or_else(|| ErrorKind::from_reason(&text(info, "reason")));
        let metadata = info.get("metadata").map(|raw| members(raw.get())).unwrap_or_default();
        self.metadata.extend(metadata.into_iter().map(|(name, raw)| {
            // Values are texts, but one official server sends others.
            let value = serde_json::from_str(raw.get()).unwrap_or_else(|_| raw.get().to_owned());
            (name, value)
        }));
    }

    fn into_error(self, kind: ErrorKind, message: Cow<'static, str>) -> Error {
        let mut error = Error::new(kind, message);
        error.0.metadata = self.metadata;
        error.0.violations = self.violations;
        error
    }
}

fn list(raw: &RawValue) -> Vec<&RawValue> {
    serde_json::from_str(raw.get()).unwrap_or_default()
}

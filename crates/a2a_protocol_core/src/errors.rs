//! The error table (section 5.4) and how an error looks in the JSON bindings (sections 9.5, 11.6).

use std::{borrow::Cow, collections::BTreeMap, fmt, sync::Arc};

use protocol_transport_core::jsonrpc;
use serde::{Deserialize, Serialize};
use serde_json::value::{RawValue, to_raw_value};

/// The `domain` of every `google.rpc.ErrorInfo` of the protocol.
pub const ERROR_DOMAIN: &str = "a2a-protocol.org";

macro_rules! errors {
    ($($(#[$doc:meta])* $kind:ident = $json_rpc:literal, $grpc:ident = $grpc_code:literal, $http:literal, $reason:literal, $name:literal;)*) => {
        /// What went wrong; one row of the error table each.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        #[non_exhaustive]
        pub enum ErrorKind {
            $($(#[$doc])* $kind,)*
        }

        impl ErrorKind {
            /// Every row of the table.
            pub const ALL: &'static [ErrorKind] = &[$(ErrorKind::$kind,)*];

            /// The JSON-RPC error code.
            pub const fn json_rpc_code(self) -> i64 {
                match self { $(Self::$kind => $json_rpc,)* }
            }

            /// The HTTP status of the HTTP+JSON binding.
            pub const fn http_status(self) -> u16 {
                match self { $(Self::$kind => $http,)* }
            }

            /// The gRPC status code.
            pub const fn grpc_code(self) -> u8 {
                match self { $(Self::$kind => $grpc_code,)* }
            }

            /// The name of the gRPC status code.
            pub const fn grpc_status(self) -> &'static str {
                match self { $(Self::$kind => stringify!($grpc),)* }
            }

            /// The `reason` of `google.rpc.ErrorInfo`.
            pub const fn reason(self) -> &'static str {
                match self { $(Self::$kind => $reason,)* }
            }

            /// The specification's name, such as `TaskNotFoundError`.
            pub const fn name(self) -> &'static str {
                match self { $(Self::$kind => $name,)* }
            }
        }
    };
}

errors! {
    /// No such task, or not the caller's.
    TaskNotFound = -32001, NOT_FOUND = 5, 404, "TASK_NOT_FOUND", "TaskNotFoundError";
    /// The task has ended.
    TaskNotCancelable = -32002, FAILED_PRECONDITION = 9, 400, "TASK_NOT_CANCELABLE", "TaskNotCancelableError";
    /// The agent sends no push notifications.
    PushNotificationNotSupported = -32003, FAILED_PRECONDITION = 9, 400, "PUSH_NOTIFICATION_NOT_SUPPORTED", "PushNotificationNotSupportedError";
    /// The operation, or this use of it, is not supported.
    UnsupportedOperation = -32004, FAILED_PRECONDITION = 9, 400, "UNSUPPORTED_OPERATION", "UnsupportedOperationError";
    /// A media type is not supported.
    ContentTypeNotSupported = -32005, INVALID_ARGUMENT = 3, 400, "CONTENT_TYPE_NOT_SUPPORTED", "ContentTypeNotSupportedError";
    /// The agent answered something that the protocol does not allow.
    InvalidAgentResponse = -32006, INTERNAL = 13, 500, "INVALID_AGENT_RESPONSE", "InvalidAgentResponseError";
    /// The agent declares an extended card and has none.
    ExtendedAgentCardNotConfigured = -32007, FAILED_PRECONDITION = 9, 400, "EXTENDED_AGENT_CARD_NOT_CONFIGURED", "ExtendedAgentCardNotConfiguredError";
    /// The caller lacks an extension that the agent requires.
    ExtensionSupportRequired = -32008, FAILED_PRECONDITION = 9, 400, "EXTENSION_SUPPORT_REQUIRED", "ExtensionSupportRequiredError";
    /// The agent does not speak this version of the protocol.
    VersionNotSupported = -32009, FAILED_PRECONDITION = 9, 400, "VERSION_NOT_SUPPORTED", "VersionNotSupportedError";
    /// Not JSON.
    ParseError = -32700, INVALID_ARGUMENT = 3, 400, "PARSE_ERROR", "JSONParseError";
    /// Not a request.
    InvalidRequest = -32600, INVALID_ARGUMENT = 3, 400, "INVALID_REQUEST", "InvalidRequestError";
    /// No such method or path.
    MethodNotFound = -32601, UNIMPLEMENTED = 12, 404, "METHOD_NOT_FOUND", "MethodNotFoundError";
    /// A parameter is wrong.
    InvalidParams = -32602, INVALID_ARGUMENT = 3, 400, "INVALID_PARAMS", "InvalidParamsError";
    /// The agent failed.
    Internal = -32603, INTERNAL = 13, 500, "INTERNAL_ERROR", "InternalError";
    /// No credential, or a wrong one.
    Unauthenticated = -32000, UNAUTHENTICATED = 16, 401, "UNAUTHENTICATED", "UnauthenticatedError";
    /// The caller may not do this.
    PermissionDenied = -32000, PERMISSION_DENIED = 7, 403, "PERMISSION_DENIED", "PermissionDeniedError";
    /// Too many requests.
    ResourceExhausted = -32000, RESOURCE_EXHAUSTED = 8, 429, "RESOURCE_EXHAUSTED", "ResourceExhaustedError";
    /// The request is larger than the server takes.
    PayloadTooLarge = -32000, RESOURCE_EXHAUSTED = 8, 413, "PAYLOAD_TOO_LARGE", "PayloadTooLargeError";
    /// The agent cannot be reached, or is going down; a later try may succeed.
    Unavailable = -32000, UNAVAILABLE = 14, 503, "UNAVAILABLE", "UnavailableError";
}

impl ErrorKind {
    /// The kind of an `ErrorInfo` reason.
    pub fn from_reason(reason: &str) -> Option<Self> {
        Self::ALL.iter().copied().find(|kind| kind.reason() == reason)
    }

    /// The kind of a JSON-RPC code; codes that several rows share need the reason.
    pub fn from_json_rpc_code(code: i64) -> Option<Self> {
        let mut rows = Self::ALL.iter().copied().filter(|kind| kind.json_rpc_code() == code);
        rows.next().filter(|_| rows.next().is_none())
    }
}

/// A field of the request and what is wrong with it (`google.rpc.BadRequest.FieldViolation`).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct FieldViolation {
    /// The path of the field, such as `message.parts[0]`.
    #[serde(default)]
    pub field: String,
    /// What is wrong with it.
    #[serde(default)]
    pub description: String,
}

/// An error of the protocol: what the peer is told, and apart from it the cause for the log.
#[derive(Clone)]
pub struct Error(Box<Inner>);

#[derive(Clone)]
struct Inner {
    kind: ErrorKind,
    message: Cow<'static, str>,
    violations: Vec<FieldViolation>,
    metadata: BTreeMap<String, String>,
    code: Option<i64>,
    cause: Option<Arc<dyn std::error::Error + Send + Sync>>,
}

impl Error {
    /// An error with the message for the peer.
    pub fn new(kind: ErrorKind, message: impl Into<Cow<'static, str>>) -> Self {
        Self(Box::new(Inner {
            kind,
            message: message.into(),
            violations: Vec::new(),
            metadata: BTreeMap::new(),
            code: None,
            cause: None,
        }))
    }

    /// InvalidParams for one field.
    pub fn invalid(field: impl Into<String>, description: impl Into<String>) -> Self {
        Self::violations(vec![FieldViolation { field: field.into(), description: description.into() }])
    }

    /// InvalidParams for these fields, at least one.
    pub fn violations(violations: Vec<FieldViolation>) -> Self {
        let mut message = String::new();
        for violation in &violations {
            let separator = if message.is_empty() { "" } else { "; " };
            let colon = if violation.field.is_empty() { "" } else { ": " };
            message.push_str(&format!("{separator}{}{colon}{}", violation.field, violation.description));
        }
        let mut error = Self::new(ErrorKind::InvalidParams, message);
        error.0.violations = violations;
        error
    }

    /// TaskNotFound for this id.
    pub fn task_not_found(id: &str) -> Self {
        Self::new(ErrorKind::TaskNotFound, format!("no task {id:?}")).with_metadata("taskId", id)
    }

    /// Internal, the cause being for the log only.
    pub fn internal(cause: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> Self {
        Self::new(ErrorKind::Internal, "the agent failed to answer; its log says why").caused_by(cause)
    }

    /// With a cause for the log; peers do not see it.
    #[must_use]
    pub fn caused_by(mut self, cause: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> Self {
        self.0.cause = Some(Arc::from(cause.into()));
        self
    }

    /// With a member of the `metadata` of `ErrorInfo`.
    #[must_use]
    pub fn with_metadata(mut self, key: impl Into<String>, value: impl Into<String>) -> Self {
        self.0.metadata.insert(key.into(), value.into());
        self
    }

    /// What went wrong.
    pub fn kind(&self) -> ErrorKind {
        self.0.kind
    }

    /// The message for the peer.
    pub fn message(&self) -> &str {
        &self.0.message
    }

    /// The fields at fault.
    pub fn field_violations(&self) -> &[FieldViolation] {
        &self.0.violations
    }

    /// The `metadata` of `ErrorInfo`.
    pub fn metadata(&self) -> &BTreeMap<String, String> {
        &self.0.metadata
    }

    /// The cause for the log.
    pub fn cause(&self) -> Option<&(dyn std::error::Error + Send + Sync + 'static)> {
        self.0.cause.as_deref()
    }

    /// The JSON-RPC code: the table's, or what the peer sent if the table does not have it.
    pub fn json_rpc_code(&self) -> i64 {
        self.0.code.unwrap_or(self.0.kind.json_rpc_code())
    }

    /// The `google.rpc` details: `ErrorInfo`, and `BadRequest` where fields are at fault.
    fn details(&self) -> Vec<Detail<'_>> {
        let mut details = vec![Detail::ErrorInfo {
            reason: self.0.kind.reason().into(),
            domain: ERROR_DOMAIN.into(),
            metadata: Cow::Borrowed(&self.0.metadata),
        }];
        if !self.0.violations.is_empty() {
            details.push(Detail::BadRequest { field_violations: Cow::Borrowed(&self.0.violations) });
        }
        details
    }

    /// The error object of a JSON-RPC response (section 9.5).
    pub fn to_json_rpc(&self) -> jsonrpc::Error {
        jsonrpc::Error {
            code: self.json_rpc_code(),
            message: self.0.message.clone(),
            data: to_raw_value(&self.details()).ok(),
        }
    }

    /// The body of an HTTP+JSON error, a `google.rpc.Status` (section 11.6).
    pub fn to_http_body(&self) -> Vec<u8> {
        let status = HttpStatusBody {
            error: HttpStatus {
                code: self.0.kind.http_status(),
                status: self.0.kind.grpc_status().into(),
                message: (&*self.0.message).into(),
                details: Some(to_raw_value(&self.details()).unwrap_or_default()),
            },
        };
        serde_json::to_vec(&status).unwrap_or_default()
    }

    /// Reads the error object of a JSON-RPC response.
    pub fn from_json_rpc(error: jsonrpc::Error) -> Self {
        let details = error.data.as_deref().map(Details::read).unwrap_or_default();
        let kind = details.kind.or_else(|| ErrorKind::from_json_rpc_code(error.code));
        let mut read = details.into_error(kind.unwrap_or(ErrorKind::Internal), error.message);
        if kind.is_none_or(|kind| kind.json_rpc_code() != error.code) {
            read.0.code = Some(error.code);
        }
        read
    }

    /// Reads the body of an HTTP reply with an error status. A body that is no `google.rpc.Status`
    /// gives the kind of the status alone.
    pub fn from_http(status: u16, body: &[u8]) -> Self {
        let by_status = match status {
            401 => ErrorKind::Unauthenticated,
            403 => ErrorKind::PermissionDenied,
            404 => ErrorKind::MethodNotFound,
            413 => ErrorKind::PayloadTooLarge,
            429 => ErrorKind::ResourceExhausted,
            502..=504 => ErrorKind::Unavailable,
            400..=499 => ErrorKind::InvalidRequest,
            _ => ErrorKind::Internal,
        };
        match serde_json::from_slice::<HttpStatusBody<'_>>(body) {
            Ok(HttpStatusBody { error }) => {
                let details = error.details.as_deref().map(Details::read).unwrap_or_default();
                let kind = details.kind.unwrap_or(by_status);
                details.into_error(kind, error.message.into_owned().into())
            }
            Err(_) => {
                Self::new(by_status, format!("HTTP status {status}")).with_metadata("httpStatus", status.to_string())
            }
        }
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.0.kind.name(), self.0.message)
    }
}

impl fmt::Debug for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut debug = f.debug_struct("Error");
        debug.field("kind", &self.0.kind).field("message", &self.0.message);
        if let Some(cause) = &self.0.cause {
            debug.field("cause", cause);
        }
        debug.finish_non_exhaustive()
    }
}

impl std::error::Error for Error {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        self.0.cause.as_deref().map(|cause| cause as _)
    }
}

impl From<jsonrpc::Error> for Error {
    fn from(error: jsonrpc::Error) -> Self {
        Self::from_json_rpc(error)
    }
}

#[derive(Serialize, Deserialize)]
#[serde(tag = "@type")]
enum Detail<'a> {
    #[serde(rename = "type.googleapis.com/google.rpc.ErrorInfo")]
    ErrorInfo {
        #[serde(default)]
        reason: Cow<'a, str>,
        #[serde(default)]
        domain: Cow<'a, str>,
        #[serde(default)]
        metadata: Cow<'a, BTreeMap<String, String>>,
    },
    #[serde(rename = "type.googleapis.com/google.rpc.BadRequest", rename_all = "camelCase")]
    BadRequest {
        #[serde(default)]
        field_violations: Cow<'a, [FieldViolation]>,
    },
    #[serde(other)]
    Other,
}

#[derive(Serialize, Deserialize)]
struct HttpStatusBody<'a> {
    #[serde(borrow)]
    error: HttpStatus<'a>,
}

#[derive(Serialize, Deserialize)]
struct HttpStatus<'a> {
    #[serde(default)]
    code: u16,
    #[serde(default)]
    status: Cow<'a, str>,
    #[serde(default)]
    message: Cow<'a, str>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    details: Option<Box<RawValue>>,
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
        let items = serde_json::from_str::<Vec<Box<RawValue>>>(raw.get()).unwrap_or_default();
        for item in &items {
            match serde_json::from_str::<Detail<'_>>(item.get()) {
                Ok(Detail::ErrorInfo { reason, metadata, .. }) => {
                    details.kind = ErrorKind::from_reason(&reason);
                    details.metadata = metadata.into_owned();
                }
                Ok(Detail::BadRequest { field_violations }) => details.violations = field_violations.into_owned(),
                Ok(Detail::Other) | Err(_) => {}
            }
        }
        details
    }

    fn into_error(self, kind: ErrorKind, message: Cow<'static, str>) -> Error {
        let mut error = Error::new(kind, message);
        error.0.metadata = self.metadata;
        error.0.violations = self.violations;
        error
    }
}

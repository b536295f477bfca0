//! The protocol's errors: the table of kinds, and an error with what a peer is told of it.

mod kind;
mod wire;

use std::{borrow::Cow, collections::BTreeMap, fmt, sync::Arc};

use serde::Serialize;
use serde_json::value::RawValue;

pub use self::{kind::ErrorKind, wire::ERROR_DOMAIN};

/// The member of an error's metadata that says how to authenticate, as `WWW-Authenticate` does.
pub const CHALLENGE_METADATA: &str = "wwwAuthenticate";

/// A description of a fault may quote what was received, but not all of it.
const MAX_QUOTED_BYTES: usize = 500;

/// How many fields at fault an error tells.
const MAX_VIOLATIONS: usize = 17;

/// A field of the request and what is wrong with it (`google.rpc.BadRequest.FieldViolation`).
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct FieldViolation {
    /// The path of the field, such as `message.parts[0]`.
    pub field: String,
    /// What is wrong with it.
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
    data: Option<Box<RawValue>>,
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
            data: None,
            cause: None,
        }))
    }

    /// InvalidParams for one field.
    pub fn invalid(field: impl Into<String>, description: impl Into<String>) -> Self {
        Self::violations(vec![FieldViolation { field: field.into(), description: description.into() }])
    }

    /// InvalidParams for these fields, at least one. Fields and descriptions of more than 500 bytes
    /// are cut short: they quote what was received. Of more than 17 fields, the last that is told
    /// says how many there are: over gRPC all of it has to fit into headers.
    pub fn violations(mut violations: Vec<FieldViolation>) -> Self {
        if violations.len() > MAX_VIOLATIONS {
            let more = violations.len() - MAX_VIOLATIONS + 1;
            violations.truncate(MAX_VIOLATIONS);
            if let Some(last) = violations.last_mut() {
                last.description = format!("is the first of {more} more fields at fault");
            }
        }
        let mut message = String::new();
        for violation in &mut violations {
            shorten(&mut violation.field);
            shorten(&mut violation.description);
            let separator = if message.is_empty() { "" } else { "; " };
            let colon = if violation.field.is_empty() { "" } else { ": " };
            message.push_str(&format!("{separator}{}{colon}{}", violation.field, violation.description));
        }
        let mut error = Self::new(ErrorKind::InvalidParams, message);
        error.0.violations = violations;
        error
    }

    /// TaskNotFound for this id, which is told at most 500 bytes of.
    pub fn task_not_found(id: &str) -> Self {
        let id = shortened(id);
        Self::new(ErrorKind::TaskNotFound, format!("task {id:?} not found")).with_metadata("taskId", id)
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

    /// With the fields at fault, as a peer has named them.
    #[must_use]
    pub fn with_field_violations(mut self, violations: Vec<FieldViolation>) -> Self {
        self.0.violations = violations;
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

    /// The JSON-RPC `data` that a peer sent with a code that the table does not have. Errors of the
    /// table have metadata and fields instead.
    pub fn data(&self) -> Option<&RawValue> {
        self.0.data.as_deref()
    }
}

/// What was received, to be quoted in an error: cut short where it is longer than 500 bytes.
pub fn shortened(text: &str) -> String {
    let mut text = text.to_owned();
    shorten(&mut text);
    text
}

fn shorten(text: &mut String) {
    if text.len() > MAX_QUOTED_BYTES {
        text.truncate(text.floor_char_boundary(MAX_QUOTED_BYTES));
        text.push('…');
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

//! Errors as gRPC statuses (section 10.6): the code of the error table, and `ErrorInfo` and
//! `BadRequest` in `grpc-status-details-bin`.

use std::collections::HashMap;

use a2a_app_ports::{AnsweredCode, TransportError, log_cause};
use a2a_protocol_core::{CHALLENGE_METADATA, ERROR_DOMAIN, Error, ErrorKind, FieldViolation};
use tonic::{Code, ConnectError, Status, metadata::MetadataValue};
use tonic_types::{BadRequest, ErrorDetail, ErrorInfo, StatusExt};

use crate::convert::Fault;

/// Where the challenge of an `Unauthenticated` error is sent, as over HTTP.
const CHALLENGE: &str = "www-authenticate";

/// What a caller is told of an error.
pub(crate) fn of_error(error: &Error) -> Status {
    log_cause(error);
    let kind = error.kind();
    let metadata = error.metadata().iter().map(|(name, value)| (name.clone(), value.clone()));
    let mut details = vec![ErrorInfo::new(kind.reason(), ERROR_DOMAIN, metadata.collect::<HashMap<_, _>>()).into()];
    if !error.field_violations().is_empty() {
        let violation = |of: &FieldViolation| tonic_types::FieldViolation {
            field: of.field.clone(),
            description: of.description.clone(),
            ..Default::default()
        };
        let violations: Vec<_> = error.field_violations().iter().map(violation).collect();
        details.push(BadRequest::new(violations).into());
    }
    let code = Code::from_i32(i32::from(kind.grpc_code()));
    let mut status = Status::with_error_details_vec(code, error.message(), details);
    if let Some(challenge) =
        error.metadata().get(CHALLENGE_METADATA).and_then(|text| MetadataValue::try_from(text).ok())
    {
        status.metadata_mut().insert(CHALLENGE, challenge);
    }
    status
}

/// The error of a request that protobuf can hold and the protocol does not allow.
pub(crate) fn of_fault(fault: Fault) -> Error {
    Error::invalid(fault.field, fault.description)
}

/// What a status says, whether the agent has sent it or a connection failed.
pub(crate) fn to_error(status: &Status) -> Error {
    if let Some(error) = failure(status) {
        return Error::new(ErrorKind::Unavailable, error.to_string()).caused_by(error);
    }
    let (mut kind, mut metadata, mut violations) = (None, Default::default(), Vec::new());
    for detail in status.get_error_details_vec() {
        match detail {
            // Reasons mean something only within their domain.
            ErrorDetail::ErrorInfo(info) if ["", ERROR_DOMAIN].contains(&&*info.domain) => {
                kind = kind.or_else(|| ErrorKind::from_reason(&info.reason));
                metadata = info.metadata;
            }
            ErrorDetail::BadRequest(request) => {
                violations.extend(
                    request
                        .field_violations
                        .into_iter()
                        .map(|violation| FieldViolation { field: violation.field, description: violation.description }),
                );
            }
            _ => {}
        }
    }
    let mut error = Error::new(kind.unwrap_or_else(|| kind_of(status.code())), status.message().to_owned())
        .with_field_violations(violations);
    for (name, value) in metadata {
        error = error.with_metadata(name, value);
    }
    if let Some(challenge) = status.metadata().get(CHALLENGE).and_then(|value| value.to_str().ok()) {
        error = error.with_metadata(CHALLENGE_METADATA, challenge);
    }
    match kind {
        Some(kind) => error.caused_by(AnsweredCode(kind.json_rpc_code())),
        None => error,
    }
}

/// The error of a stream that had begun: one that the server, or something before it, had to cut is
/// a failure of the connection, after which it can be resumed.
pub(crate) fn to_stream_error(status: &Status) -> Error {
    if status.code() == Code::Unavailable {
        let cut = failure(status).unwrap_or_else(|| TransportError::broken(status.message()));
        return Error::new(ErrorKind::Unavailable, cut.to_string()).caused_by(cut);
    }
    to_error(status)
}

/// What is below the protocol, if that is what the status tells of.
fn failure(status: &Status) -> Option<TransportError> {
    let mut causes = std::iter::successors(std::error::Error::source(status), |cause| cause.source()).peekable();
    if causes.peek().is_none() {
        return match status.code() {
            Code::DeadlineExceeded => Some(TransportError::timeout(said(status, "the deadline passed"))),
            Code::Cancelled => Some(TransportError::broken(said(status, "the call was cancelled"))),
            _ => None,
        };
    }
    let (mut connecting, mut tls, mut innermost) = (false, false, String::new());
    for cause in causes {
        connecting |= cause.is::<ConnectError>();
        let within = cause.downcast_ref::<std::io::Error>().and_then(std::io::Error::get_ref);
        tls |= within.is_some_and(|within| within.is::<rustls::Error>());
        innermost = within.map_or_else(|| cause.to_string(), ToString::to_string);
    }
    let message = format!("the connection failed: {innermost}");
    Some(match (connecting, tls) {
        (true, true) => TransportError::tls(message),
        (true, false) => TransportError::connect(message),
        (false, _) => TransportError::broken(message),
    })
}

fn said(status: &Status, otherwise: &str) -> String {
    if status.message().is_empty() { otherwise.to_owned() } else { status.message().to_owned() }
}

/// The kind of a status without a reason.
fn kind_of(code: Code) -> ErrorKind {
    let number = u8::try_from(i32::from(code)).unwrap_or_default();
    ErrorKind::from_grpc_code(number).unwrap_or(match code {
        Code::FailedPrecondition => ErrorKind::UnsupportedOperation,
        Code::ResourceExhausted => ErrorKind::ResourceExhausted,
        Code::OutOfRange => ErrorKind::InvalidParams,
        _ => ErrorKind::Internal,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn errors_come_back() {
        for kind in ErrorKind::ALL {
            let error = Error::new(*kind, "it is so").with_metadata("taskId", "t");
            let status = of_error(&error);
            assert_eq!(i32::from(status.code()), i32::from(kind.grpc_code()));
            let back = to_error(&status);
            assert_eq!((back.kind(), back.message(), back.metadata()), (*kind, "it is so", error.metadata()));
            let code = back.cause().and_then(|cause| cause.downcast_ref::<AnsweredCode>());
            assert_eq!(code, Some(&AnsweredCode(kind.json_rpc_code())));
        }
        let error = Error::invalid("message.parts", "must not be empty");
        assert_eq!(to_error(&of_error(&error)).field_violations(), error.field_violations());
    }

    #[test]
    fn a_challenge_travels_in_its_header() {
        let error = Error::new(ErrorKind::Unauthenticated, "who?").with_metadata("wwwAuthenticate", "Bearer");
        let status = of_error(&error);
        assert_eq!(status.metadata().get("www-authenticate").unwrap(), "Bearer");
        let bare = Status::with_metadata(Code::Unauthenticated, "who?", status.metadata().clone());
        assert_eq!(to_error(&bare).metadata()["wwwAuthenticate"], "Bearer");
    }

    #[test]
    fn a_status_without_details_is_read_by_its_code() {
        for (code, kind) in [
            (Code::InvalidArgument, ErrorKind::InvalidParams),
            (Code::NotFound, ErrorKind::TaskNotFound),
            (Code::FailedPrecondition, ErrorKind::UnsupportedOperation),
            (Code::Unimplemented, ErrorKind::MethodNotFound),
            (Code::Unauthenticated, ErrorKind::Unauthenticated),
            (Code::Unavailable, ErrorKind::Unavailable),
            (Code::ResourceExhausted, ErrorKind::ResourceExhausted),
            (Code::Unknown, ErrorKind::Internal),
            (Code::DeadlineExceeded, ErrorKind::Unavailable),
        ] {
            let error = to_error(&Status::new(code, "x"));
            assert_eq!(error.kind(), kind, "{code:?}");
            assert!(error.cause().is_none_or(|cause| !cause.is::<AnsweredCode>()), "{code:?}");
        }
    }
}

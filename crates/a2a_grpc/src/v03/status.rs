//! Errors of 0.3 as gRPC statuses: the status of 1.0, with the error's name before the message, by
//! which the official clients tell errors apart. Servers of 0.3 send nothing else, and codes that
//! say less.

use a2a_app_ports::AnsweredCode;
use a2a_protocol_core::{Error, ErrorKind};
use tonic::Status;

use crate::status;

/// What 0.3 calls this error; the rest has one name in both versions.
const CARD_NOT_CONFIGURED: &str = "AuthenticatedExtendedCardNotConfiguredError";

/// What a caller is told of an error.
pub(crate) fn of_error(error: &Error) -> Status {
    let status = status::of_error(error);
    with_message(&status, format!("{}: {}", error.kind().name(), error.message()))
}

/// What a status says.
pub(crate) fn to_error(status: &Status) -> Error {
    read(status, status::to_error)
}

/// The error of a stream that had begun.
pub(crate) fn to_stream_error(status: &Status) -> Error {
    read(status, status::to_stream_error)
}

fn read(status: &Status, as_in_1_0: fn(&Status) -> Error) -> Error {
    let Some((kind, message)) = named(status.message()) else { return as_in_1_0(status) };
    let error = as_in_1_0(&with_message(status, message.to_owned()));
    if error.kind() == kind {
        return error;
    }
    Error::new(kind, message.to_owned()).caused_by(AnsweredCode(kind.json_rpc_code()))
}

fn named(message: &str) -> Option<(ErrorKind, &str)> {
    let (name, message) = message.split_once(": ")?;
    let kind = ErrorKind::ALL.iter().copied().find(|kind| kind.name() == name);
    let kind = kind.or((name == CARD_NOT_CONFIGURED).then_some(ErrorKind::ExtendedAgentCardNotConfigured))?;
    Some((kind, message))
}

fn with_message(status: &Status, message: String) -> Status {
    let details = status.details().to_vec().into();
    Status::with_details_and_metadata(status.code(), message, details, status.metadata().clone())
}

#[cfg(test)]
mod tests {
    use tonic::Code;

    use super::*;

    #[test]
    fn errors_come_back() {
        for kind in ErrorKind::ALL {
            let error = Error::new(*kind, "so: it is").with_metadata("taskId", "t");
            let status = of_error(&error);
            assert_eq!(status.message(), format!("{}: so: it is", kind.name()));
            for back in [to_error(&status), to_stream_error(&status)] {
                assert_eq!((back.kind(), back.message()), (*kind, "so: it is"));
                // A stream that became unavailable was cut; it is the connection's failure then.
                assert!(back.metadata() == error.metadata() || *kind == ErrorKind::Unavailable);
            }
        }
    }

    #[test]
    fn the_name_says_more_than_the_code() {
        for (code, message, kind) in [
            (Code::Unimplemented, "TaskNotCancelableError: it has ended", ErrorKind::TaskNotCancelable),
            (Code::Unimplemented, "UnsupportedOperationError: no", ErrorKind::UnsupportedOperation),
            (Code::Internal, "JSONParseError: no", ErrorKind::ParseError),
            (Code::NotFound, "MethodNotFoundError: no", ErrorKind::MethodNotFound),
            (
                Code::Unknown,
                "AuthenticatedExtendedCardNotConfiguredError: none",
                ErrorKind::ExtendedAgentCardNotConfigured,
            ),
        ] {
            let error = to_error(&Status::new(code, message));
            assert_eq!(error.kind(), kind, "{message}");
            assert!(message.ends_with(error.message()) && !error.message().contains("Error"), "{error}");
            assert!(error.cause().is_some_and(|cause| cause.is::<AnsweredCode>()));
        }
        for message in ["it: is so", "NoSuchError: x", ""] {
            assert_eq!(to_error(&Status::not_found(message)).kind(), ErrorKind::TaskNotFound);
            assert_eq!(to_error(&Status::not_found(message)).message(), message);
        }
    }
}

//! Errors of 0.3 as gRPC statuses: those of 1.0, with what the official clients of 0.3 tell errors
//! apart by. In Python that is the error's name before the message, in JavaScript the code alone.

use a2a_app_ports::AnsweredCode;
use a2a_protocol_core::{Error, ErrorKind, Method};
use tonic::{Code, Status};

use crate::status;

/// What 0.3 calls this error; the rest has one name in both versions.
const CARD_NOT_CONFIGURED: &str = "AuthenticatedExtendedCardNotConfiguredError";

/// What a caller is told of an error.
pub(crate) fn of_error(error: &Error) -> Status {
    let status = status::of_error(error);
    let code = match error.kind() {
        ErrorKind::PushNotificationNotSupported | ErrorKind::UnsupportedOperation => Code::Unimplemented,
        _ => status.code(),
    };
    with(&status, code, format!("{}: {}", error.kind().name(), error.message()))
}

/// What a status says that a method was answered with.
pub(crate) fn to_error(status: &Status, method: Method) -> Error {
    read(status, method, status::to_error)
}

/// The error of a stream that had begun.
pub(crate) fn to_stream_error(status: &Status, method: Method) -> Error {
    read(status, method, status::to_stream_error)
}

fn read(status: &Status, method: Method, as_in_1_0: fn(&Status) -> Error) -> Error {
    let Some((kind, message)) = named(status.message()) else {
        let error = as_in_1_0(status);
        return match by_code(status.code(), method) {
            Some(kind) if error.cause().is_none() => Error::new(kind, error.message().to_owned()),
            _ => error,
        };
    };
    let error = as_in_1_0(&with(status, status.code(), message.to_owned()));
    if error.kind() == kind && error.cause().is_some() {
        return error;
    }
    Error::new(kind, message.to_owned()).caused_by(AnsweredCode(kind.json_rpc_code()))
}

/// What the official servers of 0.3 mean by a code alone.
fn by_code(code: Code, method: Method) -> Option<ErrorKind> {
    match (code, method) {
        (Code::FailedPrecondition, Method::CancelTask) => Some(ErrorKind::TaskNotCancelable),
        (Code::FailedPrecondition, Method::GetExtendedAgentCard) => Some(ErrorKind::ExtendedAgentCardNotConfigured),
        (
            Code::Unimplemented,
            Method::CreateTaskPushNotificationConfig
            | Method::GetTaskPushNotificationConfig
            | Method::ListTaskPushNotificationConfigs
            | Method::DeleteTaskPushNotificationConfig,
        ) => Some(ErrorKind::PushNotificationNotSupported),
        (
            Code::Unimplemented,
            Method::GetExtendedAgentCard | Method::SendStreamingMessage | Method::SubscribeToTask,
        ) => Some(ErrorKind::UnsupportedOperation),
        _ => None,
    }
}

fn named(message: &str) -> Option<(ErrorKind, &str)> {
    let (name, message) = message.split_once(": ")?;
    let kind = ErrorKind::ALL.iter().copied().find(|kind| kind.name() == name);
    let kind = kind.or((name == CARD_NOT_CONFIGURED).then_some(ErrorKind::ExtendedAgentCardNotConfigured))?;
    Some((kind, message))
}

fn with(status: &Status, code: Code, message: String) -> Status {
    let details = status.details().to_vec().into();
    Status::with_details_and_metadata(code, message, details, status.metadata().clone())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn errors_come_back() {
        for kind in ErrorKind::ALL {
            let error = Error::new(*kind, "so: it is").with_metadata("taskId", "t");
            let status = of_error(&error);
            assert_eq!(status.message(), format!("{}: so: it is", kind.name()));
            for back in [to_error(&status, Method::GetTask), to_stream_error(&status, Method::SubscribeToTask)] {
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
            (Code::NotFound, "TaskNotFoundError: no", ErrorKind::TaskNotFound),
            (
                Code::Unknown,
                "AuthenticatedExtendedCardNotConfiguredError: none",
                ErrorKind::ExtendedAgentCardNotConfigured,
            ),
        ] {
            let error = to_error(&Status::new(code, message), Method::CreateTaskPushNotificationConfig);
            assert_eq!(error.kind(), kind, "{message}");
            assert!(message.ends_with(error.message()) && !error.message().contains("Error"), "{error}");
            assert!(error.cause().is_some_and(|cause| cause.is::<AnsweredCode>()));
        }
    }

    #[test]
    fn without_a_name_the_method_says_what_a_code_means() {
        for (code, method, kind) in [
            (Code::NotFound, Method::GetTask, ErrorKind::TaskNotFound),
            (Code::FailedPrecondition, Method::CancelTask, ErrorKind::TaskNotCancelable),
            (Code::FailedPrecondition, Method::GetExtendedAgentCard, ErrorKind::ExtendedAgentCardNotConfigured),
            (Code::Unimplemented, Method::GetTaskPushNotificationConfig, ErrorKind::PushNotificationNotSupported),
            (Code::Unimplemented, Method::SubscribeToTask, ErrorKind::UnsupportedOperation),
            (Code::Unimplemented, Method::GetTask, ErrorKind::MethodNotFound),
            (Code::InvalidArgument, Method::SendMessage, ErrorKind::InvalidParams),
        ] {
            for message in ["it: is so", "NoSuchError: x", ""] {
                let error = to_error(&Status::new(code, message), method);
                assert_eq!((error.kind(), error.message()), (kind, message), "{code:?} {method:?}");
            }
        }
        let status = status::of_error(&Error::new(ErrorKind::VersionNotSupported, "no"));
        assert_eq!(to_error(&status, Method::CancelTask).kind(), ErrorKind::VersionNotSupported, "it has details");
    }
}

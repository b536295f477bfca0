//! The error table (section 5.4).

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
    /// Whether the agent has failed, or what it depends on, rather than that the caller asked for
    /// what cannot be: the rows with an HTTP status of 500 and above.
    pub const fn is_failure(self) -> bool {
        self.http_status() >= 500
    }

    /// The kind of an `ErrorInfo` reason.
    pub fn from_reason(reason: &str) -> Option<Self> {
        Self::ALL.iter().copied().find(|kind| kind.reason() == reason)
    }

    /// The kind of a JSON-RPC code; codes that several rows share need the reason.
    pub fn from_json_rpc_code(code: i64) -> Option<Self> {
        Self::only(|kind| kind.json_rpc_code() == code)
    }

    /// The kind of the name of a gRPC status that comes without a reason. Names that several rows
    /// share need the reason, but an argument is only ever invalid for being wrong.
    pub fn from_grpc_status(name: &str) -> Option<Self> {
        match name {
            "INVALID_ARGUMENT" => Some(Self::InvalidParams),
            "INTERNAL" => Some(Self::Internal),
            _ => Self::only(|kind| kind.grpc_status() == name),
        }
    }

    /// The kind of the number of a gRPC status that comes without a reason, as
    /// [`from_grpc_status`](Self::from_grpc_status).
    pub fn from_grpc_code(code: u8) -> Option<Self> {
        let name = Self::ALL.iter().find(|kind| kind.grpc_code() == code)?.grpc_status();
        Self::from_grpc_status(name)
    }

    /// The row of which this is true, if it is only one.
    fn only(is: impl Fn(Self) -> bool) -> Option<Self> {
        let mut rows = Self::ALL.iter().copied().filter(|kind| is(*kind));
        rows.next().filter(|_| rows.next().is_none())
    }
}

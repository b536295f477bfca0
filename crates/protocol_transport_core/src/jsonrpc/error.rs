use std::borrow::Cow;
use std::fmt;

use serde_json::value::RawValue;

/// The error object of a reply.
#[derive(Clone, Debug)]
pub struct Error {
    /// What went wrong, as a number; -32768 to -32000 are reserved by JSON-RPC.
    pub code: i64,
    /// What went wrong, in one sentence.
    pub message: Cow<'static, str>,
    /// Details in a form that the method defines.
    pub data: Option<Box<RawValue>>,
}

impl Error {
    /// The body is not JSON.
    pub const PARSE_ERROR: i64 = -32700;
    /// The body is JSON, but not a request.
    pub const INVALID_REQUEST: i64 = -32600;
    /// There is no such method.
    pub const METHOD_NOT_FOUND: i64 = -32601;
    /// The parameters do not fit the method.
    pub const INVALID_PARAMS: i64 = -32602;
    /// The fault lies with the server.
    pub const INTERNAL_ERROR: i64 = -32603;

    /// An error without data.
    pub fn new(code: i64, message: impl Into<Cow<'static, str>>) -> Self {
        Self { code, message: message.into(), data: None }
    }

    /// An error with [`Self::PARSE_ERROR`].
    pub fn parse_error(message: impl Into<Cow<'static, str>>) -> Self {
        Self::new(Self::PARSE_ERROR, message)
    }

    /// An error with [`Self::INVALID_REQUEST`].
    pub fn invalid_request(message: impl Into<Cow<'static, str>>) -> Self {
        Self::new(Self::INVALID_REQUEST, message)
    }

    /// An error with [`Self::METHOD_NOT_FOUND`].
    pub fn method_not_found(message: impl Into<Cow<'static, str>>) -> Self {
        Self::new(Self::METHOD_NOT_FOUND, message)
    }

    /// An error with [`Self::INVALID_PARAMS`].
    pub fn invalid_params(message: impl Into<Cow<'static, str>>) -> Self {
        Self::new(Self::INVALID_PARAMS, message)
    }

    /// An error with [`Self::INTERNAL_ERROR`].
    pub fn internal_error(message: impl Into<Cow<'static, str>>) -> Self {
        Self::new(Self::INTERNAL_ERROR, message)
    }

    /// The same error with `data`.
    #[must_use]
    pub fn with_data(mut self, data: Box<RawValue>) -> Self {
        self.data = Some(data);
        self
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} (JSON-RPC error {})", self.message, self.code)
    }
}

impl std::error::Error for Error {}

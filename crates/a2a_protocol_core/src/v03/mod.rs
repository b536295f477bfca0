//! Version 0.3 of the protocol in JSON, both ways: its types are read into those of 1.0 and written
//! from them. It has two forms: that of JSON-RPC, with `kind` and lower-case names, and that of
//! HTTP+JSON, the ProtoJSON of the 0.3 proto. Only [`JsonDialect`](crate::JsonDialect) is public of
//! them. What the versions cannot say of each other is listed in docs/versions.md.
//!
//! What is written is exactly one form. What is read may be either, since agents of 0.3 mix them.

pub mod bytes;
mod card;
mod carried;
mod errors;
mod message;
mod names;
mod part;
mod push;
mod quirks;
mod requests;
mod security;
mod task;

use serde::{Serialize, Serializer, de::DeserializeOwned};
use std::sync::Arc;

use crate::{Error, ErrorKind, custom::starts_with};

pub use card::{beside, with_interfaces};
pub(crate) use errors::accept;
pub use errors::{from_http, http_body};
pub(crate) use names::state as state_name;
pub use quirks::ANY_CONFIG;
pub(crate) use requests::{fault_in, read, read_json, sayable};
pub use task::is_final;

/// The header by which 0.3 names extensions.
pub const EXTENSIONS_HEADER: &str = "x-a2a-extensions";

/// Whether a JSON-RPC method is named like those of 0.3, be it one of them or not: `message/...`,
/// `tasks/...`, `agent/...`.
pub const fn is_method_name(name: &str) -> bool {
    starts_with(name, "message/") || starts_with(name, "tasks/") || starts_with(name, "agent/")
}

/// The error for an answer that 0.3 has no word for.
pub fn unsayable(fault: impl std::fmt::Display) -> Error {
    Error::new(ErrorKind::InvalidAgentResponse, format!("version 0.3 cannot say it: {fault}"))
}

/// A form of 0.3.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Form {
    /// `kind` discriminators.
    JsonRpc,
    /// ProtoJSON of the 0.3 proto.
    Proto,
}

/// What is written in 0.3.
pub(crate) trait Say {
    fn say<S: Serializer>(&self, form: Form, serializer: S) -> Result<S::Ok, S::Error>;
}

/// What is read from 0.3.
pub(crate) trait Hear: Sized {
    /// The JSON that it is read from.
    type Json: DeserializeOwned;
    fn hear(json: Self::Json, form: Form) -> Self;
}

/// A value to be written in 0.3.
pub(crate) struct In<'a, T: ?Sized>(pub(crate) &'a T, pub(crate) Form);

impl<T: Say + ?Sized> Serialize for In<'_, T> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.0.say(self.1, serializer)
    }
}

impl<T: Say> Say for [T] {
    fn say<S: Serializer>(&self, form: Form, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(self.iter().map(|item| In(item, form)))
    }
}

impl<T: Say> Say for Arc<T> {
    fn say<S: Serializer>(&self, form: Form, serializer: S) -> Result<S::Ok, S::Error> {
        T::say(self, form, serializer)
    }
}

impl<T: Hear> Hear for Arc<T> {
    type Json = T::Json;
    fn hear(json: Self::Json, form: Form) -> Self {
        Self::new(T::hear(json, form))
    }
}

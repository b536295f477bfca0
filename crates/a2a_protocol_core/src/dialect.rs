//! In which JSON a value is said: that of 1.0, or one of the two forms of 0.3.

use serde::{Serialize, Serializer, de::DeserializeOwned};
use serde_json::value::RawValue;

use crate::{
    Call, CustomCall, Error, Method, ProtocolVersion, read_response,
    v03::{self, Form, Hear, Say},
};

/// The JSON of a version and binding.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum JsonDialect {
    /// Version 1.0, the same in both bindings.
    #[default]
    V1_0,
    /// Version 0.3 in JSON-RPC and in agent cards: `kind` discriminators and lower-case names.
    V0_3,
    /// Version 0.3 in HTTP+JSON: ProtoJSON of the 0.3 proto.
    V0_3Proto,
}

/// What JSON replies, events and cards hold, in any [`JsonDialect`].
pub trait Spoken: Sized {
    /// Writes it.
    ///
    /// # Errors
    /// The serializer's, and where the dialect has no word for it.
    fn write_in<S: Serializer>(&self, dialect: JsonDialect, serializer: S) -> Result<S::Ok, S::Error>;

    /// Reads it, leniently.
    ///
    /// # Errors
    /// InvalidAgentResponse that names the field.
    fn read_in(dialect: JsonDialect, json: &[u8]) -> Result<Self, Error>;
}

impl<T: Say + Hear + Serialize + DeserializeOwned> Spoken for T {
    fn write_in<S: Serializer>(&self, dialect: JsonDialect, serializer: S) -> Result<S::Ok, S::Error> {
        match dialect.form() {
            None => self.serialize(serializer),
            Some(form) => self.say(form, serializer),
        }
    }

    fn read_in(dialect: JsonDialect, json: &[u8]) -> Result<Self, Error> {
        match dialect.form() {
            None => read_response(json),
            Some(form) => Ok(T::hear(read_response(json)?, form)),
        }
    }
}

/// A value that is written in a dialect.
#[derive(Clone, Copy, Debug)]
pub struct InDialect<'a, T>(pub JsonDialect, pub &'a T);

impl<T: Spoken> Serialize for InDialect<'_, T> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.1.write_in(self.0, serializer)
    }
}

/// The `params` of a call in a dialect.
#[derive(Clone, Copy, Debug)]
pub struct Params<'a>(JsonDialect, &'a Call);

impl Serialize for Params<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self.0.form() {
            None => self.1.serialize(serializer),
            Some(form) => self.1.say(form, serializer),
        }
    }
}

impl JsonDialect {
    /// The dialect of a version in the JSON-RPC binding, and in agent cards.
    pub const fn of_json_rpc(version: ProtocolVersion) -> Self {
        match version {
            ProtocolVersion::V1_0 => Self::V1_0,
            ProtocolVersion::V0_3 => Self::V0_3,
        }
    }

    /// The dialect of a version in the HTTP+JSON binding.
    pub const fn of_http_json(version: ProtocolVersion) -> Self {
        match version {
            ProtocolVersion::V1_0 => Self::V1_0,
            ProtocolVersion::V0_3 => Self::V0_3Proto,
        }
    }

    /// The version it belongs to.
    pub const fn version(self) -> ProtocolVersion {
        match self {
            Self::V1_0 => ProtocolVersion::V1_0,
            Self::V0_3 | Self::V0_3Proto => ProtocolVersion::V0_3,
        }
    }

    pub(crate) const fn form(self) -> Option<Form> {
        match self {
            Self::V1_0 => None,
            Self::V0_3 => Some(Form::JsonRpc),
            Self::V0_3Proto => Some(Form::Proto),
        }
    }

    /// The JSON-RPC name of a call.
    pub fn method_name(self, call: &Call) -> std::borrow::Cow<'static, str> {
        match call.method() {
            Some(method) if self.form().is_some() => method.v03_names()[0].into(),
            _ => call.name(),
        }
    }

    /// Reads the call of a JSON-RPC request; a method name that no version has is a custom call.
    ///
    /// A request of 0.3 for a configuration without its id is read as one for
    /// [any](crate::v03::ANY_CONFIG).
    ///
    /// # Errors
    /// InvalidParams that names the field in this dialect.
    pub fn read_json_rpc(self, method: &str, params: Option<&RawValue>) -> Result<Call, Error> {
        let Some(form) = self.form() else { return Call::from_json_rpc(method, params) };
        match Method::from_v03_name(method) {
            Some(method) => {
                let mut call = v03::read_json(method, form, params.map_or("{}", RawValue::get), "params")?;
                self.accept(method, &mut call)?;
                Ok(call)
            }
            None => Ok(Call::Custom(CustomCall::new(method, params.map(ToOwned::to_owned)))),
        }
    }

    /// Reads a request that is a message of its own, as in gRPC.
    ///
    /// # Errors
    /// InvalidParams that names the field in this dialect.
    pub fn read_request(self, method: Method, json: &str) -> Result<Call, Error> {
        let mut call = self.read_body(method, json)?;
        self.accept(method, &mut call)?;
        Ok(call)
    }

    /// Reads the body of an HTTP+JSON request.
    pub(crate) fn read_body(self, method: Method, json: &str) -> Result<Call, Error> {
        match self.form() {
            None => Call::from_json(method, json),
            Some(form) => v03::read_json(method, form, json, "body"),
        }
    }

    /// Completes and checks a request of 0.3, whose faults have to be told in its own names. One of
    /// 1.0 is left as it is.
    pub(crate) fn accept(self, method: Method, call: &mut Call) -> Result<(), Error> {
        match self.form() {
            None => Ok(()),
            Some(form) => v03::accept(call, method, form),
        }
    }

    /// The `params` of a call, to be written.
    ///
    /// # Errors
    /// InvalidParams for what the dialect has no word for.
    pub fn params(self, call: &Call) -> Result<Params<'_>, Error> {
        if let Some(form) = self.form() {
            v03::sayable(call, form)?;
        }
        Ok(Params(self, call))
    }
}

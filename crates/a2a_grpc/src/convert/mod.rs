//! Between protobuf and the domain.
//!
//! Each message is one line: the fields that both sides have by the same name. What protobuf cannot
//! hold is written as what its JSON form would read: an enum's unknown name as `UNSPECIFIED`, the
//! members of an unknown oneof as none. Read, a oneof without a known member is kept as unknown
//! where the domain has a place for that.

mod card;
mod fields;
mod requests;
mod security;
mod tasks;
mod values;

/// The generators of the domain's own property tests.
#[cfg(test)]
#[path = "../../../a2a_protocol_core/tests/properties/any.rs"]
#[allow(dead_code, reason = "not all of them are needed here")]
pub(crate) mod any;
#[cfg(test)]
mod properties;

use std::fmt;

/// What a protobuf message says, as a domain value.
pub(crate) trait Read<T> {
    /// # Errors
    /// Where a value is outside what the protocol allows.
    fn read(self) -> Result<T, Fault>;
}

/// A domain value as a protobuf message.
pub(crate) trait Write<P> {
    fn write(&self) -> P;
}

/// A value that the protocol does not allow, and where it is, as `message.parts[0].data`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Fault {
    pub(crate) field: String,
    pub(crate) description: &'static str,
}

impl Fault {
    pub(crate) fn new(description: &'static str) -> Self {
        Self { field: String::new(), description }
    }

    /// The same, seen from the message that has this field; named as in JSON, as by all bindings.
    fn within(self, field: &str) -> Self {
        let mut path = String::new();
        let mut upper = false;
        for letter in field.chars() {
            match letter {
                '_' => upper = true,
                letter if std::mem::take(&mut upper) => path.push(letter.to_ascii_uppercase()),
                letter => path.push(letter),
            }
        }
        self.below(&path)
    }

    /// The same, seen from the object that has this member.
    fn below(self, member: &str) -> Self {
        let dot = if self.field.is_empty() || self.field.starts_with('[') { "" } else { "." };
        Self { field: format!("{member}{dot}{}", self.field), ..self }
    }

    fn at_index(self, index: impl fmt::Display) -> Self {
        self.below(&format!("[{index}]"))
    }
}

/// Both directions of a message whose fields have the same names on both sides.
macro_rules! messages {
    ($($domain:ty = $proto:path { $($field:ident),* $(,)? })*) => {$(
        impl $crate::convert::Write<$proto> for $domain {
            fn write(&self) -> $proto {
                $proto { $($field: $crate::convert::Write::write(&self.$field)),* }
            }
        }
        impl $crate::convert::Read<$domain> for $proto {
            fn read(self) -> Result<$domain, $crate::convert::Fault> {
                let mut value = <$domain>::default();
                $(value.$field = $crate::convert::Read::read(self.$field)
                    .map_err(|fault: $crate::convert::Fault| fault.within(stringify!($field)))?;)*
                Ok(value)
            }
        }
    )*};
}

/// Messages that a field of a message always has: one that is not set is empty.
macro_rules! required {
    ($($domain:ty = $proto:ty),* $(,)?) => {$(
        impl $crate::convert::Write<Option<$proto>> for $domain {
            fn write(&self) -> Option<$proto> {
                Some($crate::convert::Write::<$proto>::write(self))
            }
        }
        impl $crate::convert::Read<$domain> for Option<$proto> {
            fn read(self) -> Result<$domain, $crate::convert::Fault> {
                self.map_or_else(|| Ok(Default::default()), $crate::convert::Read::read)
            }
        }
    )*};
}

pub(crate) use {messages, required};

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_fault_is_named_as_in_json() {
        let fault = Fault::new("x").within("data").at_index(1).within("parts").within("status_message");
        assert_eq!(fault.field, "statusMessage.parts[1].data");
        assert_eq!(Fault::new("x").at_index(0).within("history").field, "history[0]");
    }
}

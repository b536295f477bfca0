//! The protocol's enums. A name or number that this version does not know is kept as received:
//! a newer peer may have it. Requests with an unknown name are refused by validation.

use std::{fmt, sync::Arc};

use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

use crate::json::number_of;

macro_rules! proto_enum {
    ($(#[$doc:meta])* $name:ident { $($(#[$vdoc:meta])* $variant:ident = $number:literal $wire:literal,)* }) => {
        $(#[$doc])*
        #[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
        #[non_exhaustive]
        pub enum $name {
            $($(#[$vdoc])* $variant,)*
            /// A number that this version of the protocol does not know, kept as received.
            Number(i32),
            /// A name that this version of the protocol does not know, kept as received.
            Name(Arc<str>),
        }

        impl $name {
            /// The values this version knows.
            pub const KNOWN: &'static [$name] = &[$($name::$variant,)*];

            /// The protobuf number; `None` for an unknown name.
            pub fn number(&self) -> Option<i32> {
                match self {
                    $($name::$variant => Some($number),)*
                    $name::Number(number) => Some(*number),
                    $name::Name(_) => None,
                }
            }

            /// The value of a protobuf number.
            pub fn from_number(number: i32) -> Self {
                match number {
                    $($number => $name::$variant,)*
                    other => $name::Number(other),
                }
            }

            /// The value of a ProtoJSON name.
            pub fn from_name(name: &str) -> Self {
                match name {
                    $($wire => $name::$variant,)*
                    other => $name::Name(other.into()),
                }
            }

            /// Whether this version of the protocol has the value.
            pub fn is_known(&self) -> bool {
                !matches!(self, $name::Number(_) | $name::Name(_))
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                match self {
                    $($name::$variant => f.write_str($wire),)*
                    $name::Number(number) => write!(f, "{number}"),
                    $name::Name(name) => f.write_str(name),
                }
            }
        }

        impl Serialize for $name {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                match self {
                    $($name::$variant => serializer.serialize_str($wire),)*
                    $name::Number(number) => serializer.serialize_i32(*number),
                    $name::Name(name) => serializer.serialize_str(name),
                }
            }
        }

        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                struct Visitor;
                impl de::Visitor<'_> for Visitor {
                    type Value = $name;
                    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                        f.write_str(concat!("a ", stringify!($name), " name or number"))
                    }
                    fn visit_str<E: de::Error>(self, name: &str) -> Result<$name, E> {
                        // In a query the number of a value can only be text.
                        Ok(name.parse().map_or_else(|_| $name::from_name(name), $name::from_number))
                    }
                    fn visit_i64<E: de::Error>(self, number: i64) -> Result<$name, E> {
                        i32::try_from(number)
                            .map($name::from_number)
                            .map_err(|_| E::invalid_value(de::Unexpected::Signed(number), &self))
                    }
                    fn visit_u64<E: de::Error>(self, number: u64) -> Result<$name, E> {
                        i32::try_from(number)
                            .map($name::from_number)
                            .map_err(|_| E::invalid_value(de::Unexpected::Unsigned(number), &self))
                    }
                    fn visit_f64<E: de::Error>(self, number: f64) -> Result<$name, E> {
                        number_of(number)
                            .map($name::from_number)
                            .ok_or_else(|| E::invalid_value(de::Unexpected::Float(number), &self))
                    }
                }
                deserializer.deserialize_any(Visitor)
            }
        }
    };
}

proto_enum! {
    /// Where a task is in its life cycle (section 4.1.3).
    TaskState {
        /// Not set, or not known to the sender.
        #[default]
        Unspecified = 0 "TASK_STATE_UNSPECIFIED",
        /// Accepted, not yet begun.
        Submitted = 1 "TASK_STATE_SUBMITTED",
        /// Being worked on.
        Working = 2 "TASK_STATE_WORKING",
        /// Ended well.
        Completed = 3 "TASK_STATE_COMPLETED",
        /// Ended by an error.
        Failed = 4 "TASK_STATE_FAILED",
        /// Ended by request.
        Canceled = 5 "TASK_STATE_CANCELED",
        /// Waits for a message of the caller.
        InputRequired = 6 "TASK_STATE_INPUT_REQUIRED",
        /// The agent will not do it.
        Rejected = 7 "TASK_STATE_REJECTED",
        /// Waits for a credential.
        AuthRequired = 8 "TASK_STATE_AUTH_REQUIRED",
    }
}

proto_enum! {
    /// Who wrote a message (section 4.1.5).
    Role {
        /// Not set.
        #[default]
        Unspecified = 0 "ROLE_UNSPECIFIED",
        /// The caller.
        User = 1 "ROLE_USER",
        /// The agent.
        Agent = 2 "ROLE_AGENT",
    }
}

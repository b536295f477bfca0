//! A protobuf `oneof` that is a message of its own: a JSON object with exactly one known member.

/// Without a known member the object is refused, or with `or Unknown` kept as received: that is
/// for what stands in documents that have to be readable although a newer peer wrote them.
macro_rules! oneof {
    (
        $(#[$doc:meta])*
        $name:ident { $($(#[$vdoc:meta])* $variant:ident($payload:ty) = $camel:literal $(| $snake:literal)?,)* }
        $(or $(#[$udoc:meta])* $unknown:ident)?
    ) => {
        $(#[$doc])*
        #[derive(Clone, Debug, PartialEq)]
        pub enum $name {
            $($(#[$vdoc])* $variant($payload),)*
            $($(#[$udoc])* $unknown(crate::Struct),)?
        }

        impl serde::Serialize for $name {
            fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                match self {
                    $($name::$variant(payload) => serializer.collect_map([($camel, payload)]),)*
                    $($name::$unknown(members) => members.serialize(serializer),)?
                }
            }
        }

        impl<'de> serde::Deserialize<'de> for $name {
            fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                struct OneofVisitor;
                impl<'de> serde::de::Visitor<'de> for OneofVisitor {
                    type Value = $name;
                    fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                        f.write_str(concat!("an object that is a ", stringify!($name)))
                    }
                    fn visit_map<A: serde::de::MapAccess<'de>>(self, mut map: A) -> Result<$name, A::Error> {
                        let mut found: Option<(&'static str, $name)> = None;
                        let mut others = crate::oneof::Others::<{ crate::oneof::none(&[$(stringify!($unknown))?]) }>::default();
                        while let Some(key) = map.next_key::<crate::json::Key<'de>>()? {
                            let member = match key.as_str() {
                                $($camel $(| $snake)? => {
                                    crate::json::member(&mut map)?.map(|payload| ($camel, $name::$variant(payload)))
                                })*
                                _ => {
                                    others.take(key, &mut map)?;
                                    None
                                }
                            };
                            if let Some((name, payload)) = member {
                                if let Some((first, _)) = &found {
                                    return Err(crate::json::two_members(first, name));
                                }
                                found = Some((name, payload));
                            }
                        }
                        let found = found.map(|(_, payload)| payload);
                        $(let found = found.or(Some($name::$unknown(others.members)));)?
                        found.ok_or_else(|| serde::de::Error::custom(concat!("no member of ", stringify!($name), " is set")))
                    }
                }
                deserializer.deserialize_map(OneofVisitor)
            }
        }
    };
}

use serde::de::{IgnoredAny, MapAccess};

use crate::{Struct, json::Key};

/// Whether the macro was given no name for what is not known.
pub(crate) const fn none(names: &[&str]) -> bool {
    names.is_empty()
}

/// The members that are not known, kept unless `IGNORED`.
#[derive(Default)]
pub(crate) struct Others<const IGNORED: bool> {
    pub(crate) members: Struct,
}

impl<const IGNORED: bool> Others<IGNORED> {
    pub(crate) fn take<'de, A: MapAccess<'de>>(&mut self, key: Key<'de>, map: &mut A) -> Result<(), A::Error> {
        if IGNORED {
            map.next_value::<IgnoredAny>()?;
        } else {
            self.members.insert(key.into_owned(), map.next_value()?);
        }
        Ok(())
    }
}

pub(crate) use oneof;

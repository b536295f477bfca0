//! A protobuf `oneof` that is a message of its own: a JSON object with exactly one known member.

macro_rules! oneof {
    ($(#[$doc:meta])* $name:ident { $($(#[$vdoc:meta])* $variant:ident($payload:ty) = $camel:literal $(| $snake:literal)?,)* }) => {
        $(#[$doc])*
        #[derive(Clone, Debug, PartialEq)]
        pub enum $name {
            $($(#[$vdoc])* $variant($payload),)*
        }

        impl serde::Serialize for $name {
            fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                match self {
                    $($name::$variant(payload) => serializer.collect_map([($camel, payload)]),)*
                }
            }
        }

        impl<'de> serde::Deserialize<'de> for $name {
            fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                struct OneofVisitor;
                impl<'de> serde::de::Visitor<'de> for OneofVisitor {
                    type Value = $name;
                    fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                        f.write_str(stringify!($name))
                    }
                    fn visit_map<A: serde::de::MapAccess<'de>>(self, mut map: A) -> Result<$name, A::Error> {
                        let mut found: Option<(&'static str, $name)> = None;
                        while let Some(key) = map.next_key::<crate::json::Key<'de>>()? {
                            let member = match key.as_str() {
                                $($camel $(| $snake)? => crate::json::member(&mut map)?.map(|payload| ($camel, $name::$variant(payload))),)*
                                _ => {
                                    map.next_value::<serde::de::IgnoredAny>()?;
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
                        found.map(|(_, payload)| payload).ok_or_else(|| serde::de::Error::custom(concat!("no member of ", stringify!($name), " is set")))
                    }
                }
                deserializer.deserialize_map(OneofVisitor)
            }
        }
    };
}

pub(crate) use oneof;

//! ProtoJSON rules shared by every type: `null` means unset, numbers may be strings, bytes are
//! base64, the numbers inside a `Struct` or `Value` are doubles, and a message is an object.

mod base64;
mod doubles;
mod numbers;
mod strict;

use std::{borrow::Cow, collections::BTreeMap, fmt, marker::PhantomData};

use serde::{
    Deserialize, Deserializer,
    de::{self, MapAccess, SeqAccess, Visitor},
};

pub use self::doubles::{Struct, number_from_double};
pub(crate) use self::{
    base64::Base64,
    doubles::{Doubles, Object, object},
    numbers::{int32, number_of, plain_int32},
    strict::{MapOnly, Strict},
};

/// Reads `null` as unset.
pub(crate) fn optional<'de, D, T>(deserializer: D) -> Result<Option<T>, D::Error>
where
    D: Deserializer<'de>,
    T: Deserialize<'de>,
{
    Ok(Option::<Strict<T>>::deserialize(deserializer)?.map(|value| value.0))
}

/// Reads `null` as the default value, as ProtoJSON wants for every field.
pub(crate) fn nullable<'de, D, T>(deserializer: D) -> Result<T, D::Error>
where
    D: Deserializer<'de>,
    T: Deserialize<'de> + Default,
{
    Ok(optional(deserializer)?.unwrap_or_default())
}

/// Reads a list without spare capacity: lists are kept for as long as their task, and most of them
/// have one item.
pub(crate) fn list<'de, D, T>(deserializer: D) -> Result<Vec<T>, D::Error>
where
    D: Deserializer<'de>,
    T: Deserialize<'de>,
{
    Ok(Option::<List<T>>::deserialize(deserializer)?.map(|list| list.0).unwrap_or_default())
}

struct List<T>(Vec<T>);

impl<'de, T: Deserialize<'de>> Deserialize<'de> for List<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct ListVisitor<T>(PhantomData<T>);
        impl<'de, T: Deserialize<'de>> Visitor<'de> for ListVisitor<T> {
            type Value = List<T>;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a list")
            }
            fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<List<T>, A::Error> {
                let Some(Strict(first)) = seq.next_element()? else { return Ok(List(Vec::new())) };
                let mut list = vec![first];
                while let Some(Strict(item)) = seq.next_element()? {
                    list.push(item);
                }
                list.shrink_to_fit();
                Ok(List(list))
            }
        }
        deserializer.deserialize_seq(ListVisitor(PhantomData))
    }
}

/// Reads an optional text, empty meaning unset (proto3 cannot tell the two apart).
pub(crate) fn text<'de, D, T>(deserializer: D) -> Result<Option<T>, D::Error>
where
    D: Deserializer<'de>,
    T: Deserialize<'de> + AsRef<str>,
{
    Ok(Option::<T>::deserialize(deserializer)?.filter(|text| !text.as_ref().is_empty()))
}

/// A map that tolerates `null`, in key order so that what is sent is the same every time.
pub(crate) fn map<'de, D, T>(deserializer: D) -> Result<BTreeMap<String, T>, D::Error>
where
    D: Deserializer<'de>,
    T: Deserialize<'de>,
{
    let map = Option::<BTreeMap<String, Strict<T>>>::deserialize(deserializer)?.unwrap_or_default();
    Ok(map.into_iter().map(|(name, value)| (name, value.0)).collect())
}

/// `null` or a value, for the members of a oneof: `null` leaves the member unset.
pub(crate) fn member<'de, A, T>(map: &mut A) -> Result<Option<T>, A::Error>
where
    A: MapAccess<'de>,
    T: Deserialize<'de>,
{
    Ok(map.next_value::<Option<Strict<T>>>()?.map(|value| value.0))
}

/// The error for a oneof of which two members are set, or one of them twice.
pub(crate) fn two_members<E: de::Error>(first: &'static str, second: &'static str) -> E {
    if first == second {
        E::duplicate_field(first)
    } else {
        E::custom(format_args!("`{first}` and `{second}` are both set, only one of them may be"))
    }
}

/// A member name, borrowed from the input where it has no escapes.
pub(crate) struct Key<'a>(Cow<'a, str>);

impl Key<'_> {
    pub(crate) fn as_str(&self) -> &str {
        &self.0
    }

    pub(crate) fn into_owned(self) -> String {
        self.0.into_owned()
    }
}

impl<'de> Deserialize<'de> for Key<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct KeyVisitor;
        impl<'de> Visitor<'de> for KeyVisitor {
            type Value = Key<'de>;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a member name")
            }
            fn visit_borrowed_str<E: de::Error>(self, name: &'de str) -> Result<Key<'de>, E> {
                Ok(Key(name.into()))
            }
            fn visit_str<E: de::Error>(self, name: &str) -> Result<Key<'de>, E> {
                Ok(Key(name.to_owned().into()))
            }
        }
        deserializer.deserialize_identifier(KeyVisitor)
    }
}

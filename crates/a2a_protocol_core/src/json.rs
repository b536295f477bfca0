//! ProtoJSON rules shared by every type: `null` means unset, numbers may be strings, bytes are
//! base64, and the numbers inside a `Struct` or `Value` are doubles.

use std::{collections::BTreeMap, fmt};

use base64::{
    Engine as _, alphabet,
    engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig, general_purpose::STANDARD},
};
use serde::{
    Deserialize, Deserializer, Serialize, Serializer,
    de::{self, MapAccess, Unexpected, Visitor},
    ser::{SerializeMap, SerializeSeq},
};
use serde_json::{Map, Number, Value};

/// `google.protobuf.Struct`: a JSON object.
pub type Struct = Map<String, Value>;

/// The largest integer up to which every integer is a double.
const EXACT: f64 = 9_007_199_254_740_992.0;

/// Reads `null` as the default value, as ProtoJSON wants for every field.
pub(crate) fn nullable<'de, D, T>(deserializer: D) -> Result<T, D::Error>
where
    D: Deserializer<'de>,
    T: Deserialize<'de> + Default,
{
    Ok(Option::<T>::deserialize(deserializer)?.unwrap_or_default())
}

/// Reads a list and gives back the spare capacity that growing it left over: lists are kept for
/// as long as their task.
pub(crate) fn list<'de, D, T>(deserializer: D) -> Result<Vec<T>, D::Error>
where
    D: Deserializer<'de>,
    T: Deserialize<'de>,
{
    let mut list = Option::<Vec<T>>::deserialize(deserializer)?.unwrap_or_default();
    list.shrink_to_fit();
    Ok(list)
}

/// Reads an optional text, empty meaning unset (proto3 cannot tell the two apart).
pub(crate) fn text<'de, D, T>(deserializer: D) -> Result<Option<T>, D::Error>
where
    D: Deserializer<'de>,
    T: Deserialize<'de> + AsRef<str>,
{
    Ok(Option::<T>::deserialize(deserializer)?.filter(|text| !text.as_ref().is_empty()))
}

/// `int32`: a number without fraction, or the same as a string.
pub(crate) fn int32<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<i32>, D::Error> {
    Ok(Option::<Int32>::deserialize(deserializer)?.map(|number| number.0))
}

/// Like [`int32`], with `null` and absence meaning 0.
pub(crate) fn plain_int32<'de, D: Deserializer<'de>>(deserializer: D) -> Result<i32, D::Error> {
    Ok(int32(deserializer)?.unwrap_or_default())
}

struct Int32(i32);

impl<'de> Deserialize<'de> for Int32 {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct IntVisitor;
        impl Visitor<'_> for IntVisitor {
            type Value = Int32;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a 32-bit integer")
            }
            fn visit_i64<E: de::Error>(self, v: i64) -> Result<Int32, E> {
                i32::try_from(v).map(Int32).map_err(|_| E::invalid_value(Unexpected::Signed(v), &self))
            }
            fn visit_u64<E: de::Error>(self, v: u64) -> Result<Int32, E> {
                i32::try_from(v).map(Int32).map_err(|_| E::invalid_value(Unexpected::Unsigned(v), &self))
            }
            #[expect(clippy::cast_possible_truncation, reason = "the range is checked")]
            fn visit_f64<E: de::Error>(self, v: f64) -> Result<Int32, E> {
                if v.fract() == 0.0 && v >= f64::from(i32::MIN) && v <= f64::from(i32::MAX) {
                    Ok(Int32(v as i32))
                } else {
                    Err(E::invalid_value(Unexpected::Float(v), &self))
                }
            }
            fn visit_str<E: de::Error>(self, v: &str) -> Result<Int32, E> {
                v.parse().map(Int32).map_err(|_| E::invalid_value(Unexpected::Str(v), &self))
            }
        }
        deserializer.deserialize_any(IntVisitor)
    }
}

/// `bytes`: written as standard base64, read in the standard or URL-safe alphabet, padded or not.
pub(crate) mod bytes {
    use super::*;

    const EITHER_PADDING: GeneralPurposeConfig =
        GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent);
    const STANDARD_IN: GeneralPurpose = GeneralPurpose::new(&alphabet::STANDARD, EITHER_PADDING);
    const URL_SAFE_IN: GeneralPurpose = GeneralPurpose::new(&alphabet::URL_SAFE, EITHER_PADDING);

    pub(crate) fn decode(text: &str) -> Result<Vec<u8>, base64::DecodeError> {
        let engine = if text.contains(['-', '_']) { &URL_SAFE_IN } else { &STANDARD_IN };
        engine.decode(text)
    }

    pub(crate) fn encode(bytes: &[u8]) -> String {
        STANDARD.encode(bytes)
    }
}

/// A JSON value whose numbers are doubles: `42`, `42.0` and `4.2e1` are the same and written `42`.
pub(crate) struct Doubles<T>(pub(crate) T);

impl Serialize for Doubles<&Value> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self.0 {
            Value::Number(number) => double(number).serialize(serializer),
            Value::Array(items) => {
                let mut seq = serializer.serialize_seq(Some(items.len()))?;
                for item in items {
                    seq.serialize_element(&Doubles(item))?;
                }
                seq.end()
            }
            Value::Object(members) => Doubles(members).serialize(serializer),
            other => other.serialize(serializer),
        }
    }
}

impl Serialize for Doubles<&Struct> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(Some(self.0.len()))?;
        for (name, value) in self.0 {
            map.serialize_entry(name, &Doubles(value))?;
        }
        map.end()
    }
}

impl<'de> Deserialize<'de> for Doubles<Value> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let mut value = Value::deserialize(deserializer)?;
        normalise(&mut value);
        Ok(Doubles(value))
    }
}

fn normalise(value: &mut Value) {
    match value {
        Value::Number(number) => *number = double(number),
        Value::Array(items) => items.iter_mut().for_each(normalise),
        Value::Object(members) => members.values_mut().for_each(normalise),
        _ => {}
    }
}

/// The number as a double; integral ones of exact size print without a fraction.
#[expect(clippy::cast_possible_truncation, reason = "only where the double is an exact integer")]
fn double(number: &Number) -> Number {
    match number.as_f64() {
        Some(double) if double.fract() == 0.0 && double.abs() <= EXACT => Number::from(double as i64),
        Some(double) => Number::from_f64(double).unwrap_or_else(|| number.clone()),
        None => number.clone(),
    }
}

/// A `Struct` whose numbers are doubles.
pub(crate) struct Object(pub(crate) Box<Struct>);

impl<'de> Deserialize<'de> for Object {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let mut object = Box::<Struct>::deserialize(deserializer)?;
        object.values_mut().for_each(normalise);
        Ok(Object(object))
    }
}

/// Serde glue for an optional `Struct`.
pub(crate) mod object {
    use super::*;

    #[expect(clippy::ref_option, reason = "serde's signature")]
    pub(crate) fn serialize<S: Serializer>(object: &Option<Box<Struct>>, serializer: S) -> Result<S::Ok, S::Error> {
        match object {
            Some(object) => Doubles(&**object).serialize(serializer),
            None => serializer.serialize_none(),
        }
    }

    pub(crate) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Box<Struct>>, D::Error> {
        Ok(Option::<Object>::deserialize(deserializer)?.map(|object| object.0))
    }
}

/// A map that tolerates `null`, in key order so that what is sent is the same every time.
pub(crate) fn map<'de, D, T>(deserializer: D) -> Result<BTreeMap<String, T>, D::Error>
where
    D: Deserializer<'de>,
    T: Deserialize<'de>,
{
    nullable(deserializer)
}

/// `null` or a value, for the members of a oneof: `null` leaves the member unset.
pub(crate) fn member<'de, A, T>(map: &mut A) -> Result<Option<T>, A::Error>
where
    A: MapAccess<'de>,
    T: Deserialize<'de>,
{
    map.next_value::<Option<T>>()
}

/// The error for a oneof of which two members are set.
pub(crate) fn two_members<E: de::Error>(first: &str, second: &str) -> E {
    E::custom(format_args!("`{first}` and `{second}` are both set, only one of them may be"))
}

/// A member name, borrowed from the input where it has no escapes.
pub(crate) struct Key<'a>(std::borrow::Cow<'a, str>);

impl Key<'_> {
    pub(crate) fn as_str(&self) -> &str {
        &self.0
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

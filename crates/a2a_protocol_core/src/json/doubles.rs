//! `google.protobuf.Struct` and `Value`, whose numbers are doubles.

use serde::{
    Deserialize, Deserializer, Serialize, Serializer,
    ser::{SerializeMap, SerializeSeq},
};
use serde_json::{Map, Number, Value};

/// `google.protobuf.Struct`: a JSON object.
pub type Struct = Map<String, Value>;

/// The largest integer up to which every integer is a double.
const EXACT: f64 = 9_007_199_254_740_992.0;

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

/// The number as a double.
fn double(number: &Number) -> Number {
    number.as_f64().and_then(number_from_double).unwrap_or_else(|| number.clone())
}

/// A double as a number of JSON, as all of the protocol's free values have them: integral ones of
/// exact size print without a fraction. `None` if it is not finite.
#[expect(clippy::cast_possible_truncation, reason = "only where the double is an exact integer")]
pub fn number_from_double(double: f64) -> Option<Number> {
    if double.fract() == 0.0 && double.abs() <= EXACT {
        return Some(Number::from(double as i64));
    }
    Number::from_f64(double)
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
    use super::{Deserialize, Deserializer, Doubles, Object, Serialize, Serializer, Struct};

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

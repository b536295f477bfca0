//! `google.protobuf.Struct`, `Value` and `Timestamp`.

use a2a_protocol_core::{Struct, Timestamp, number_from_double};
use prost_types::value::Kind;
use serde_json::Value;

use super::{Fault, Read, Write};

impl Write<prost_types::Struct> for Box<Struct> {
    fn write(&self) -> prost_types::Struct {
        Struct::write(self)
    }
}

impl Read<Box<Struct>> for prost_types::Struct {
    fn read(self) -> Result<Box<Struct>, Fault> {
        Ok(Box::new(self.read()?))
    }
}

impl Write<prost_types::Struct> for Struct {
    fn write(&self) -> prost_types::Struct {
        let fields = self.iter().map(|(name, value)| (name.clone(), value.write()));
        prost_types::Struct { fields: fields.collect() }
    }
}

impl Read<Struct> for prost_types::Struct {
    fn read(self) -> Result<Struct, Fault> {
        let members = self.fields.into_iter();
        members
            .map(|(name, value)| match value.read() {
                Ok(value) => Ok((name, value)),
                Err(fault) => Err(fault.below(&name)),
            })
            .collect()
    }
}

impl Write<prost_types::Value> for Value {
    fn write(&self) -> prost_types::Value {
        let kind = match self {
            Self::Null => Kind::NullValue(0),
            Self::Bool(value) => Kind::BoolValue(*value),
            // Every number of serde_json is one, to the precision that protobuf has.
            Self::Number(number) => Kind::NumberValue(number.as_f64().unwrap_or_default()),
            Self::String(text) => Kind::StringValue(text.clone()),
            Self::Array(items) => Kind::ListValue(prost_types::ListValue { values: items.write() }),
            Self::Object(members) => Kind::StructValue(members.write()),
        };
        prost_types::Value { kind: Some(kind) }
    }
}

impl Read<Value> for prost_types::Value {
    fn read(self) -> Result<Value, Fault> {
        Ok(match self.kind {
            Some(Kind::NullValue(_)) => Value::Null,
            Some(Kind::BoolValue(value)) => value.into(),
            Some(Kind::NumberValue(number)) => {
                number_from_double(number).ok_or_else(|| Fault::new("must be a finite number"))?.into()
            }
            Some(Kind::StringValue(text)) => text.into(),
            Some(Kind::ListValue(list)) => Value::Array(list.values.read()?),
            Some(Kind::StructValue(members)) => Value::Object(members.read()?),
            None => return Err(Fault::new("must hold a value")),
        })
    }
}

impl Write<prost_types::Timestamp> for Timestamp {
    fn write(&self) -> prost_types::Timestamp {
        let (seconds, nanos) = self.parts();
        prost_types::Timestamp { seconds, nanos }
    }
}

impl Read<Timestamp> for prost_types::Timestamp {
    fn read(self) -> Result<Timestamp, Fault> {
        Timestamp::from_parts(self.seconds, self.nanos)
            .ok_or_else(|| Fault::new("must be a time of the years 0001 to 9999, with 0 to 999999999 nanoseconds"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_json_cannot_hold_is_refused() {
        for kind in [None, Some(Kind::NumberValue(f64::NAN)), Some(Kind::NumberValue(f64::NEG_INFINITY))] {
            let list = prost_types::ListValue { values: vec![prost_types::Value { kind }] };
            let value = prost_types::Value { kind: Some(Kind::ListValue(list)) };
            let fields = [("some_key".to_owned(), value)].into_iter().collect();
            let read: Result<Struct, Fault> = prost_types::Struct { fields }.read();
            assert_eq!(read.unwrap_err().field, "some_key[0]");
        }
    }

    #[test]
    fn times_out_of_range_are_refused() {
        for (seconds, nanos) in [(i64::MAX, 0), (0, -1), (0, 1_000_000_000), (-62_135_596_801, 0)] {
            let read: Result<Timestamp, Fault> = prost_types::Timestamp { seconds, nanos }.read();
            assert!(read.is_err(), "{seconds} {nanos}");
        }
    }
}

//! `int32`, and the numbers of enums.

use std::fmt;

use serde::{
    Deserialize, Deserializer,
    de::{self, Unexpected, Visitor},
};

/// `int32`: a number without fraction, or the same as a string; `null` is unset.
pub(crate) fn int32<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<i32>, D::Error> {
    Ok(Option::<Int32>::deserialize(deserializer)?.map(|number| number.0))
}

/// Like [`int32`], with `null` and absence meaning 0.
pub(crate) fn plain_int32<'de, D: Deserializer<'de>>(deserializer: D) -> Result<i32, D::Error> {
    Ok(int32(deserializer)?.unwrap_or_default())
}

/// The 32-bit integer that a double is, if it is one.
#[expect(clippy::cast_possible_truncation, reason = "the range is checked")]
pub(crate) fn number_of(double: f64) -> Option<i32> {
    let fits = double.fract() == 0.0 && (f64::from(i32::MIN)..=f64::from(i32::MAX)).contains(&double);
    fits.then_some(double as i32)
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
            fn visit_f64<E: de::Error>(self, v: f64) -> Result<Int32, E> {
                number_of(v).map(Int32).ok_or_else(|| E::invalid_value(Unexpected::Float(v), &self))
            }
            fn visit_str<E: de::Error>(self, v: &str) -> Result<Int32, E> {
                let exponent = || v.parse().ok().and_then(number_of);
                let number = v.parse().ok().or_else(exponent);
                number.map(Int32).ok_or_else(|| E::invalid_value(Unexpected::Str(v), &self))
            }
        }
        deserializer.deserialize_any(IntVisitor)
    }
}

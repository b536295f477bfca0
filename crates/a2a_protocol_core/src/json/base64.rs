//! `bytes`: written as standard base64, read in the standard or URL-safe alphabet, padded or not.

use std::fmt;

use base64::{
    DecodeError, Engine as _, alphabet,
    engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig, general_purpose::STANDARD},
};
use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

const EITHER_PADDING: GeneralPurposeConfig = GeneralPurposeConfig::new()
    .with_decode_padding_mode(DecodePaddingMode::Indifferent)
    .with_decode_allow_trailing_bits(true);
const STANDARD_IN: GeneralPurpose = GeneralPurpose::new(&alphabet::STANDARD, EITHER_PADDING);
const URL_SAFE_IN: GeneralPurpose = GeneralPurpose::new(&alphabet::URL_SAFE, EITHER_PADDING);

/// Bytes, or a reference to them.
pub(crate) struct Base64<T>(pub(crate) T);

impl Serialize for Base64<&[u8]> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&STANDARD.encode(self.0))
    }
}

impl<'de> Deserialize<'de> for Base64<Vec<u8>> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Visitor;
        impl de::Visitor<'_> for Visitor {
            type Value = Base64<Vec<u8>>;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("base64")
            }
            fn visit_str<E: de::Error>(self, text: &str) -> Result<Base64<Vec<u8>>, E> {
                // The text itself may be megabytes and stays out of the error.
                decode(text).map(Base64).map_err(|error| E::custom(format_args!("not base64: {error}")))
            }
        }
        deserializer.deserialize_str(Visitor)
    }
}

fn decode(text: &str) -> Result<Vec<u8>, DecodeError> {
    STANDARD_IN.decode(text).or_else(|error| match error {
        DecodeError::InvalidByte(_, b'-' | b'_') => URL_SAFE_IN.decode(text),
        other => Err(other),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn either_alphabet_is_read_padded_or_not() {
        for text in ["+/8AfiE=", "+/8AfiE", "-_8AfiE=", "-_8AfiE"] {
            assert_eq!(decode(text), Ok(b"\xfb\xff\0~!".to_vec()), "{text}");
        }
        assert_eq!(decode(""), Ok(vec![]));
        assert_eq!(decode("YR=="), Ok(b"a".to_vec()));
        for text in ["a", "+_8AfiE=", "a b=", "YQ==\n", "=", "YQ=Q", "ä"] {
            assert!(decode(text).is_err(), "{text:?}");
        }
    }
}

//! The bytes of a file in the 0.3 proto. The official Python SDK, in its 0.3 as in the 0.3 layer of
//! its 1.x, puts the base64 of a file into the field where the proto wants the file itself, so that
//! ProtoJSON has it encoded twice, and fails on anything else. What is sent is therefore encoded
//! twice; what is received may be either.

use base64::{Engine as _, engine::general_purpose::STANDARD};

/// The content of a file as the field `file_with_bytes` holds it.
pub fn pack(content: &[u8]) -> Vec<u8> {
    STANDARD.encode(content).into_bytes()
}

/// The content of a file, from the field `file_with_bytes`: decoded if it is base64, in the standard
/// alphabet and padded, and as it is otherwise.
pub fn unpack(field: Vec<u8>) -> Vec<u8> {
    STANDARD.decode(&field).unwrap_or(field)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_packed_once_or_not_at_all_is_the_same() {
        for content in [&b""[..], b"hello", b"\xfb\xff\0", b"two words, and a comma"] {
            assert_eq!(unpack(pack(content)), content);
            assert_eq!(unpack(content.to_vec()), content);
        }
    }
}

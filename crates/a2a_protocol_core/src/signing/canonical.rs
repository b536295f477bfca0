//! The canonical form of JSON (RFC 8785).

use serde::Serialize;

use crate::Error;

/// The canonical form of a value by RFC 8785, in which two equal values are the same bytes. Numbers
/// are doubles.
///
/// # Errors
/// Internal, for what has no form in JSON, such as a map whose keys are no strings.
pub fn canonical<T: Serialize>(value: &T) -> Result<Vec<u8>, Error> {
    serde_json_canonicalizer::to_vec(value).map_err(Error::internal)
}

//! What is wrong with JSON that does not fit its type, said so that the sender finds the place.

use serde::{
    Deserializer,
    de::{DeserializeOwned, IgnoredAny},
};

use crate::{
    Error, ErrorKind, FieldViolation,
    json::{MapOnly, Strict},
};

/// The error for a text that is not JSON. `None` if it is JSON, whatever else is wrong with it:
/// nesting, numbers and characters beyond what is read are the fault of a field.
pub(crate) fn not_json(text: &str) -> Option<Error> {
    let error = serde_json::from_str::<IgnoredAny>(text).err()?;
    Some(Error::new(ErrorKind::ParseError, format!("not JSON: {error}")))
}

/// Reads once more what could not be read, now keeping track of where. That costs, so it is only
/// done on failure.
pub(crate) fn locate<'de, D, T>(
    source: D,
    read: impl FnOnce(serde_path_to_error::Deserializer<'_, '_, D>) -> Result<T, D::Error>,
) -> FieldViolation
where
    D: Deserializer<'de>,
{
    let mut track = serde_path_to_error::Track::new();
    let Err(error) = read(serde_path_to_error::Deserializer::new(source, &mut track)) else {
        // The first reading failed, so this is text after the value.
        return FieldViolation { field: String::new(), description: "more than one JSON value".to_owned() };
    };
    let path = track.path().to_string();
    let mut field = if path == "." { String::new() } else { path };
    let error = error.to_string();
    // The position counts from the start of the parameters, which is not what the sender sees.
    let mut description = without_position(&error).to_owned();
    if description == "recursion limit exceeded" {
        "nested too deeply, at most 127 levels are read".clone_into(&mut description);
    }
    // The name of a type here says nothing to the sender.
    if let Some((found, _)) = description.split_once(", expected struct ") {
        description = format!("{found}, expected an object");
    }
    if let Some(member) = description.strip_prefix("duplicate field `").and_then(|rest| rest.strip_suffix('`')) {
        // Found before the member's value is read, so the track ends at its parent.
        if !field.ends_with(member) {
            field = if field.is_empty() { member.to_owned() } else { format!("{field}.{member}") };
        }
        "is set more than once".clone_into(&mut description);
    }
    FieldViolation { field, description }
}

/// serde_json ends its errors with ` at line 1 column 2`.
fn without_position(error: &str) -> &str {
    let is_number = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
    match error.rsplit_once(" at line ") {
        Some((text, position))
            if position.split_once(" column ").is_some_and(|(l, c)| is_number(l) && is_number(c)) =>
        {
            text
        }
        _ => error,
    }
}

/// Reads what an agent answered: the result of a JSON-RPC response, the body of an HTTP+JSON one,
/// an agent card. Answers are read leniently, but have to be of the type.
///
/// # Errors
/// InvalidAgentResponse that names the field.
pub fn read_response<T: DeserializeOwned>(json: &[u8]) -> Result<T, Error> {
    let response = |text: String| Error::new(ErrorKind::InvalidAgentResponse, text);
    let text = std::str::from_utf8(json).map_err(|_| response("the response is not UTF-8".to_owned()))?;
    if let Ok(Strict(value)) = serde_json::from_str(text) {
        return Ok(value);
    }
    if let Some(error) = not_json(text) {
        return Err(response(format!("the response is {}", error.message())));
    }
    let fault = locate(&mut serde_json::Deserializer::from_str(text), |source| T::deserialize(MapOnly(source)));
    Err(response(Error::violations(vec![fault]).message().to_owned()))
}

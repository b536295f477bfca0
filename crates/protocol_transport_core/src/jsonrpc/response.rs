use std::borrow::Cow;
use std::fmt;

use serde::Deserialize;
use serde_json::value::RawValue;

use super::members::{self, Names};
use super::{Error, Id};

/// A reply, borrowed from the body it came in.
#[derive(Clone, Debug)]
pub struct Response<'a> {
    /// The id of the request; null if the server could not read it.
    pub id: Id<'a>,
    /// The result as it was sent (it may be null), or the error.
    pub outcome: Result<&'a RawValue, Error>,
}

/// A reply that is not JSON-RPC 2.0; the text names the member at fault.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MalformedResponse(Cow<'static, str>);

impl fmt::Display for MalformedResponse {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "malformed JSON-RPC response: {}", self.0)
    }
}

impl std::error::Error for MalformedResponse {}

impl<T: Into<Cow<'static, str>>> From<T> for MalformedResponse {
    fn from(fault: T) -> Self {
        Self(fault.into())
    }
}

/// Reads the reply to a single request.
///
/// One deviation is forgiven, because JSON-RPC 1.0 asked for it and serialisers still produce it:
/// of `result` and `error`, the one that does not apply may be present as null.
///
/// # Errors
///
/// If the body is not a JSON object with `jsonrpc`, `id` and exactly one of `result` and `error`.
pub fn parse_response(body: &[u8]) -> Result<Response<'_>, MalformedResponse> {
    let text =
        std::str::from_utf8(body).map_err(|error| format!("not valid UTF-8 at byte offset {}", error.valid_up_to()))?;
    let members = members::read(text, &MEMBERS).map_err(|error| error.to_string())?;
    if let Some(name) = members.repeated {
        return Err(format!("{name} appears more than once").into());
    }
    let [version, id, result, error] = members.values;
    members::check_version(version)?;
    let id = id.ok_or("id is missing")?;
    let id = Id::from_raw(id).ok_or("id must be a string, a number or null")?;
    let outcome = match (result, members::unless_null(error)) {
        (Some(result), None) => Ok(result),
        (None, Some(error)) => Err(read_error(error)?),
        (Some(result), Some(error)) if result.get() == "null" => Err(read_error(error)?),
        (Some(_), Some(_)) => return Err("both result and error are present".into()),
        (None, None) => return Err("neither result nor error is present".into()),
    };
    Ok(Response { id, outcome })
}

const MEMBERS: Names = ["jsonrpc", "id", "result", "error"];

#[derive(Deserialize)]
struct ErrorObject {
    code: i64,
    message: String,
    data: Option<Box<RawValue>>,
}

fn read_error(raw: &RawValue) -> Result<Error, MalformedResponse> {
    // A derived struct also reads an array, as its fields in order.
    if !raw.get().starts_with('{') {
        return Err("error must be an object".into());
    }
    let object: ErrorObject = serde_json::from_str(raw.get()).map_err(|error| format!("error: {error}"))?;
    Ok(Error { code: object.code, message: object.message.into(), data: object.data })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn results_and_errors_are_told_apart() {
        let reply = parse_response(br#"{"jsonrpc":"2.0","id":"a","result": {"x":1} }"#).unwrap();
        assert_eq!(reply.id, Id::string("a"));
        assert_eq!(reply.outcome.unwrap().get(), r#"{"x":1}"#);

        let reply =
            parse_response(br#"{"jsonrpc":"2.0","id":null,"error":{"code":-32601,"message":"no","data":[1],"x":0}}"#)
                .unwrap();
        let error = reply.outcome.unwrap_err();
        assert_eq!(error.to_string(), "no (JSON-RPC error -32601)");
        assert_eq!(error.data.unwrap().get(), "[1]");
    }

    #[test]
    fn a_null_result_is_a_result() {
        let reply = parse_response(br#"{"jsonrpc":"2.0","id":1,"result":null}"#).unwrap();
        assert_eq!(reply.outcome.unwrap().get(), "null");
    }

    #[test]
    fn a_null_beside_the_member_that_applies_is_forgiven() {
        let reply = parse_response(br#"{"jsonrpc":"2.0","id":1,"result":2,"error":null}"#).unwrap();
        assert_eq!(reply.outcome.unwrap().get(), "2");
        let body = br#"{"jsonrpc":"2.0","id":1,"result":null,"error":{"code":1,"message":"m"}}"#;
        assert_eq!(parse_response(body).unwrap().outcome.unwrap_err().code, 1);
    }

    #[test]
    fn malformed_replies_are_described() {
        for (body, text) in [
            (r#"{"id":1,"result":1}"#, "jsonrpc is missing, it must be \"2.0\""),
            (r#"{"jsonrpc":"2.0","result":1}"#, "id is missing"),
            (r#"{"jsonrpc":"2.0","id":false,"result":1}"#, "id must be a string, a number or null"),
            (r#"{"jsonrpc":"2.0","id":1}"#, "neither result nor error is present"),
            (r#"{"jsonrpc":"2.0","id":1,"error":null}"#, "neither result nor error is present"),
            (r#"{"jsonrpc":"2.0","id":1,"result":1,"error":{}}"#, "both result and error are present"),
            (r#"{"jsonrpc":"2.0","id":1,"result":1,"result":1}"#, "result appears more than once"),
            (r#"{"jsonrpc":"2.0","id":1,"error":[1,"m"]}"#, "error must be an object"),
            (r#"{"jsonrpc":"2.0","id":1,"error":{"code":1}}"#, "error: missing field `message` at line 1 column 10"),
            ("[]", "invalid type: sequence, expected a JSON object at line 1 column 0"),
            ("<html>", "expected value at line 1 column 1"),
        ] {
            assert_eq!(parse_response(body.as_bytes()).unwrap_err(), text.into(), "{body}");
        }
    }
}

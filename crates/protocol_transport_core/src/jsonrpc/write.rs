use serde::Serialize;
use serde::ser::Error as _;

use super::id::json_string;
use super::{Error, Id};

/// Appends the reply with a result.
///
/// # Errors
///
/// If `result` cannot be written as JSON; `out` is then as it was.
pub fn write_result(
    out: &mut Vec<u8>,
    id: &Id<'_>,
    result: &(impl Serialize + ?Sized),
) -> Result<(), serde_json::Error> {
    or_undo(out, |out| {
        reply_head(out, id, "result");
        serde_json::to_writer(&mut *out, result)?;
        out.push(b'}');
        Ok(())
    })
}

/// Appends the reply with a result that is JSON already, so that an event which many streams
/// receive is serialised once.
pub fn write_raw_result(out: &mut Vec<u8>, id: &Id<'_>, json: &[u8]) {
    out.reserve(id.as_json().len() + json.len() + 40);
    reply_head(out, id, "result");
    out.extend_from_slice(json);
    out.push(b'}');
}

/// Appends the reply with an error.
pub fn write_error(out: &mut Vec<u8>, id: &Id<'_>, error: &Error) {
    reply_head(out, id, "error");
    put(out, "{\"code\":");
    put(out, &error.code.to_string());
    put(out, ",\"message\":");
    put(out, &json_string(&error.message));
    if let Some(data) = &error.data {
        put(out, ",\"data\":");
        put(out, data.get());
    }
    put(out, "}}");
}

/// Appends a request, or a notification if there is no id. Params that serialise to null are left
/// out.
///
/// # Errors
///
/// If `params` cannot be written as JSON, or are neither an object nor an array; `out` is then as
/// it was.
pub fn write_request(
    out: &mut Vec<u8>,
    id: Option<&Id<'_>>,
    method: &str,
    params: &(impl Serialize + ?Sized),
) -> Result<(), serde_json::Error> {
    or_undo(out, |out| {
        put(out, "{\"jsonrpc\":\"2.0\"");
        if let Some(id) = id {
            put(out, ",\"id\":");
            put(out, id.as_json());
        }
        put(out, ",\"method\":");
        serde_json::to_writer(&mut *out, method)?;
        let before_params = out.len();
        put(out, ",\"params\":");
        let params_start = out.len();
        serde_json::to_writer(&mut *out, params)?;
        match out.get(params_start) {
            Some(b'{' | b'[') => {}
            Some(b'n') => out.truncate(before_params),
            _ => return Err(serde_json::Error::custom(NOT_STRUCTURED)),
        }
        out.push(b'}');
        Ok(())
    })
}

const NOT_STRUCTURED: &str = "params must be an object or an array";

/// Joins the replies to a batch.
#[derive(Debug, Default)]
pub struct BatchWriter {
    out: Vec<u8>,
}

impl BatchWriter {
    /// A batch without replies.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds one reply. An empty one stands for a notification and adds nothing.
    pub fn push(&mut self, reply: &[u8]) {
        if !reply.is_empty() {
            self.out.push(if self.out.is_empty() { b'[' } else { b',' });
            self.out.extend_from_slice(reply);
        }
    }

    /// The replies as a JSON array; None if there are none, because a batch of notifications is
    /// not answered.
    #[must_use]
    pub fn finish(mut self) -> Option<Vec<u8>> {
        if self.out.is_empty() {
            return None;
        }
        self.out.push(b']');
        Some(self.out)
    }
}

fn put(out: &mut Vec<u8>, text: &str) {
    out.extend_from_slice(text.as_bytes());
}

fn reply_head(out: &mut Vec<u8>, id: &Id<'_>, member: &str) {
    put(out, "{\"jsonrpc\":\"2.0\",\"id\":");
    put(out, id.as_json());
    put(out, ",\"");
    put(out, member);
    put(out, "\":");
}

fn or_undo(
    out: &mut Vec<u8>,
    write: impl FnOnce(&mut Vec<u8>) -> Result<(), serde_json::Error>,
) -> Result<(), serde_json::Error> {
    let start = out.len();
    let written = write(out);
    if written.is_err() {
        out.truncate(start);
    }
    written
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use serde_json::value::to_raw_value;

    use super::*;

    fn written(write: impl FnOnce(&mut Vec<u8>)) -> String {
        let mut out = Vec::new();
        write(&mut out);
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn replies_have_the_exact_form() {
        let id = Id::string("é\"");
        assert_eq!(
            written(|out| write_result(out, &id, &[1, 2]).unwrap()),
            r#"{"jsonrpc":"2.0","id":"é\"","result":[1,2]}"#
        );
        assert_eq!(
            written(|out| write_raw_result(out, &Id::NULL, b"{}")),
            r#"{"jsonrpc":"2.0","id":null,"result":{}}"#
        );
        let error = Error::invalid_params("no \"a\"");
        assert_eq!(
            written(|out| write_error(out, &Id::from(3), &error)),
            r#"{"jsonrpc":"2.0","id":3,"error":{"code":-32602,"message":"no \"a\""}}"#
        );
        let error = error.with_data(to_raw_value(&[true]).unwrap());
        assert_eq!(
            written(|out| write_error(out, &Id::from(3), &error)),
            r#"{"jsonrpc":"2.0","id":3,"error":{"code":-32602,"message":"no \"a\"","data":[true]}}"#
        );
    }

    #[test]
    fn requests_have_the_exact_form() {
        let id = Id::from(1);
        assert_eq!(
            written(|out| write_request(out, Some(&id), "a/b", &[1]).unwrap()),
            r#"{"jsonrpc":"2.0","id":1,"method":"a/b","params":[1]}"#
        );
        assert_eq!(written(|out| write_request(out, None, "\"", &()).unwrap()), r#"{"jsonrpc":"2.0","method":"\""}"#);
    }

    #[test]
    fn a_failed_write_leaves_nothing_behind() {
        let unwritable = BTreeMap::from([((1, 2), 3)]);
        let mut out = b"x".to_vec();
        assert!(write_result(&mut out, &Id::NULL, &unwritable).is_err());
        assert!(write_request(&mut out, None, "m", &unwritable).is_err());
        assert!(write_request(&mut out, None, "m", "scalar").is_err());
        assert_eq!(out, b"x");
    }

    #[test]
    fn a_batch_of_notifications_has_no_reply() {
        let mut batch = BatchWriter::new();
        batch.push(b"");
        assert_eq!(batch.finish(), None);

        let mut batch = BatchWriter::new();
        for reply in ["1", "", "2"] {
            batch.push(reply.as_bytes());
        }
        assert_eq!(batch.finish().unwrap(), b"[1,2]");
    }
}

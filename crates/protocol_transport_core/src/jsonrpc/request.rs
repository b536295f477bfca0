use std::borrow::Cow;
use std::fmt;

use serde::de::{Deserializer, IgnoredAny, SeqAccess, Visitor};
use serde_json::value::RawValue;

use super::members::{self, Members, Names};
use super::{Error, Id};
use crate::depth;

/// One call, borrowed from the body it came in.
#[derive(Clone, Debug)]
pub struct Request<'a> {
    /// None for a notification, which gets no reply. `"id": null` is an id.
    pub id: Option<Id<'a>>,
    /// The name of the method.
    pub method: Cow<'a, str>,
    /// An object or an array as it was sent; None if absent or null.
    pub params: Option<&'a RawValue>,
}

/// What a body holds.
#[derive(Debug)]
pub enum Incoming<'a> {
    /// One request, to be answered with one reply.
    Single(Entry<'a>),
    /// Requests in an array, to be answered with an array; never empty.
    Batch(Vec<Entry<'a>>),
}

/// A request, or why it is none.
pub type Entry<'a> = Result<Request<'a>, Rejected<'a>>;

/// A JSON value that is not a valid request, with what its reply must say.
#[derive(Clone, Debug)]
pub struct Rejected<'a> {
    /// The id as far as it could be read, else null.
    pub id: Id<'a>,
    /// The error to reply with; its message names the member at fault.
    pub error: Error,
}

/// Reads a request body.
///
/// # Errors
///
/// The error that answers the body as a whole, with a null id: it is not UTF-8 or not JSON (the
/// message says where), it is neither an object nor an array, or it is a batch that is empty or
/// has more than `max_batch` entries. An invalid entry in a batch is not such an error: the other
/// entries still run.
pub fn parse(body: &[u8], max_batch: usize) -> Result<Incoming<'_>, Error> {
    let text = std::str::from_utf8(body).map_err(|error| {
        let offset = error.valid_up_to();
        Error::parse_error(format!("body is not valid UTF-8 at byte offset {offset}"))
    })?;
    match first_byte(text) {
        Some(b'{') => single(text).map(Incoming::Single).map_err(not_json),
        Some(b'[') => batch(text, max_batch).map(Incoming::Batch),
        None => Err(Error::parse_error("body is empty")),
        Some(_) => {
            serde_json::from_str::<IgnoredAny>(text).map_err(not_json)?;
            Err(Error::invalid_request(NOT_AN_OBJECT))
        }
    }
}

const MEMBERS: Names = ["jsonrpc", "id", "method", "params"];
const NOT_AN_OBJECT: &str = "a request must be an object";

fn first_byte(text: &str) -> Option<u8> {
    text.bytes().find(|byte| !matches!(byte, b' ' | b'\t' | b'\n' | b'\r'))
}

/// The text of a `serde_json` error ends with the line and the column.
fn not_json(error: serde_json::Error) -> Error {
    Error::parse_error(format!("body is not valid JSON: {error}"))
}

fn single(text: &str) -> serde_json::Result<Entry<'_>> {
    let members = members::read(text, &MEMBERS)?;
    let id = members.values[1];
    let readable_id = id.filter(|_| members.repeated != Some("id")).and_then(Id::from_raw);
    Ok(match check(&members) {
        Err(fault) => Err(rejected(readable_id, fault)),
        Ok(_) if id.is_some() && readable_id.is_none() => Err(rejected(None, "id must be a string, a number or null")),
        // Read without a stack, but whoever reads the parameters may have none to spare.
        Ok(_) if depth::exceeds(text, depth::MAX_LEVELS) => {
            let error = Error::invalid_params(format!("the request is {}", depth::TOO_DEEP));
            Err(Rejected { id: readable_id.unwrap_or(Id::NULL), error })
        }
        Ok((method, params)) => Ok(Request { id: readable_id, method, params }),
    })
}

fn rejected(id: Option<Id<'_>>, fault: impl Into<Cow<'static, str>>) -> Rejected<'_> {
    Rejected { id: id.unwrap_or(Id::NULL), error: Error::invalid_request(fault) }
}

/// Everything but the id.
fn check<'a>(members: &Members<'a>) -> Result<(Cow<'a, str>, Option<&'a RawValue>), Cow<'static, str>> {
    let [version, _, method, params] = members.values;
    if let Some(name) = members.repeated {
        return Err(format!("{name} appears more than once").into());
    }
    members::check_version(version)?;
    let method = method.ok_or("method is missing")?;
    let method = members::string(method).ok_or("method must be a string")?;
    let params = members::unless_null(params);
    if params.is_some_and(|raw| !raw.get().starts_with(['{', '['])) {
        return Err("params must be an object or an array".into());
    }
    Ok((method, params))
}

fn batch(text: &str, max: usize) -> Result<Vec<Entry<'_>>, Error> {
    let mut deserializer = serde_json::Deserializer::from_str(text);
    let (entries, count) = deserializer
        .deserialize_seq(BatchVisitor { max })
        .and_then(|batch| deserializer.end().map(|()| batch))
        .map_err(not_json)?;
    if count == 0 {
        return Err(Error::invalid_request("the batch is empty"));
    }
    if count > max {
        return Err(Error::invalid_request(format!("the batch has {count} entries, at most {max} are accepted")));
    }
    Ok(entries)
}

/// Gives the entries up to the limit, and how many there are in all.
struct BatchVisitor {
    max: usize,
}

impl<'de> Visitor<'de> for BatchVisitor {
    type Value = (Vec<Entry<'de>>, usize);

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a JSON array")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Self::Value, A::Error> {
        let mut entries = Vec::new();
        let mut count = 0_usize;
        // Each entry is first skipped as raw text and then read by itself, so that whatever is
        // wrong within one cannot be mistaken for a fault of the whole body.
        while let Some(raw) = seq.next_element::<&RawValue>()? {
            count = count.saturating_add(1);
            if count <= self.max {
                entries.push(batch_entry(raw));
            }
        }
        Ok((entries, count))
    }
}

fn batch_entry(raw: &RawValue) -> Entry<'_> {
    if !raw.get().starts_with('{') {
        return Err(rejected(None, NOT_AN_OBJECT));
    }
    single(raw.get()).unwrap_or_else(|error| Err(rejected(None, format!("request is not valid JSON: {error}"))))
}

//! Properties of the JSON-RPC reader and writers, over generated bodies.

use proptest::prelude::*;
use protocol_transport_core::jsonrpc::{self, BatchWriter, Error, Id, Incoming, parse, parse_response};
use serde_json::Value;

/// Ids as JSON text, in forms that a number or string type would change.
fn id_text() -> impl Strategy<Value = String> {
    prop_oneof![
        "-?(0|[1-9][0-9]{0,40})(\\.[0-9]{1,30})?([eE][+-]?[0-9]{1,5})?",
        any::<String>().prop_map(|text| Id::string(&text).as_json().to_owned()),
        "\"(\\\\u[0-9a-f]{4}|\\\\[/bfnrt\"]|[a-z])*\"",
        Just("null".to_owned()),
    ]
}

/// One entry of a batch, and the id and error code of its reply.
fn batch_entry() -> impl Strategy<Value = (String, Option<(String, Option<i64>)>)> {
    const INVALID: Option<i64> = Some(Error::INVALID_REQUEST);
    let null = || "null".to_owned();
    prop_oneof![
        id_text().prop_map(|id| { (format!(r#"{{"jsonrpc":"2.0","method":"m","id":{id}}}"#), Some((id, None)),) }),
        Just((r#"{"jsonrpc":"2.0","method":"m"}"#.to_owned(), None)),
        id_text().prop_map(|id| (format!(r#"{{"id":{id},"method":1}}"#), Some((id, INVALID)))),
        "[0-9]|true|null|\"x\"|\\[\\]|\\{\\}".prop_map(move |json| (json, Some((null(), INVALID)))),
    ]
}

/// Bytes that look enough like an envelope to get past the first few checks.
fn json_like() -> impl Strategy<Value = Vec<u8>> {
    const TOKENS: &[&str] = &[
        "{",
        "}",
        "[",
        "]",
        ",",
        ":",
        "\"",
        "\"jsonrpc\":\"2.0\"",
        "\"id\":",
        "\"method\":\"m\"",
        "\"params\":",
        "\"result\":",
        "\"error\":",
        "null",
        "1",
        "\\u12",
        "\u{e9}",
        " ",
        "{\"code\":1,\"message\":\"\"}",
    ];
    let token = prop::sample::select(TOKENS);
    prop::collection::vec(token, 0..12).prop_map(|tokens| tokens.concat().into_bytes())
}

fn look_at(body: &[u8]) {
    if let Ok(Incoming::Single(Ok(request))) = parse(body, 4) {
        let Some(params) = request.params else { return };
        assert!(params.get().starts_with(['{', '[']));
    }
    let _ = parse_response(body).map_err(|error| error.to_string());
}

proptest! {
    #[test]
    fn an_id_comes_back_as_it_was_sent(id in id_text(), result in any::<i32>()) {
        let body = format!(r#"{{"method":"m","id" : {id} ,"jsonrpc":"2.0"}}"#);
        let Ok(Incoming::Single(Ok(request))) = parse(body.as_bytes(), 1) else {
            return Err(TestCaseError::fail(body));
        };
        let mut reply = Vec::new();
        jsonrpc::write_result(&mut reply, &request.id.unwrap(), &result).unwrap();
        let expected = format!(r#"{{"jsonrpc":"2.0","id":{id},"result":{result}}}"#);
        prop_assert_eq!(std::str::from_utf8(&reply).unwrap(), &expected);
        let response = parse_response(&reply).unwrap();
        prop_assert_eq!(response.id.as_json(), id);
        prop_assert_eq!(response.outcome.unwrap().get(), result.to_string());
    }

    #[test]
    fn a_request_that_is_written_is_read_back(
        id in prop::option::of(any::<u64>()),
        method in any::<String>(),
        params in prop::collection::vec(any::<String>(), 0..4),
    ) {
        let id = id.map(Id::from);
        let mut body = Vec::new();
        jsonrpc::write_request(&mut body, id.as_ref(), &method, &params).unwrap();
        let Ok(Incoming::Single(Ok(request))) = parse(&body, 1) else {
            return Err(TestCaseError::fail("not a request"));
        };
        prop_assert_eq!(request.id, id);
        prop_assert_eq!(request.method, method);
        let read: Vec<String> = serde_json::from_str(request.params.unwrap().get()).unwrap();
        prop_assert_eq!(read, params);
    }

    #[test]
    fn an_error_that_is_written_is_read_back(
        code in any::<i64>(), message in any::<String>(), data in prop::option::of(any::<String>()),
    ) {
        let mut error = Error::new(code, message.clone());
        error.data = data.map(|data| serde_json::value::to_raw_value(&data).unwrap());
        let mut reply = Vec::new();
        jsonrpc::write_error(&mut reply, &Id::NULL, &error);
        let read = parse_response(&reply).unwrap().outcome.unwrap_err();
        prop_assert_eq!(read.code, code);
        prop_assert_eq!(read.message, message);
        let text = |data: &Option<Box<serde_json::value::RawValue>>| {
            data.as_ref().map(|raw| raw.get().to_owned())
        };
        prop_assert_eq!(text(&read.data), text(&error.data));
    }

    #[test]
    fn each_entry_of_a_batch_gets_its_own_reply(
        entries in prop::collection::vec(batch_entry(), 1..8),
    ) {
        let bodies: Vec<_> = entries.iter().map(|(body, _)| body.as_str()).collect();
        let body = format!("[{}]", bodies.join(" , "));
        let Ok(Incoming::Batch(parsed)) = parse(body.as_bytes(), 8) else {
            return Err(TestCaseError::fail(body));
        };
        prop_assert_eq!(parsed.len(), entries.len());

        let mut replies = BatchWriter::new();
        for (entry, (_, expected)) in parsed.into_iter().zip(&entries) {
            let (id, code) = match &entry {
                Ok(request) => (request.id.clone(), None),
                Err(rejected) => (Some(rejected.id.clone()), Some(rejected.error.code)),
            };
            let got = id.map(|id| (id.as_json().to_owned(), code));
            prop_assert_eq!(&got, expected);

            let mut reply = Vec::new();
            match entry {
                Ok(request) => if let Some(id) = request.id {
                    jsonrpc::write_raw_result(&mut reply, &id, b"{}");
                },
                Err(rejected) => jsonrpc::write_error(&mut reply, &rejected.id, &rejected.error),
            }
            replies.push(&reply);
        }
        let expected = entries.iter().filter(|(_, reply)| reply.is_some()).count();
        let replies = replies.finish();
        prop_assert_eq!(replies.is_some(), expected > 0);
        if let Some(replies) = replies {
            let replies: Vec<&serde_json::value::RawValue> =
                serde_json::from_slice(&replies).unwrap();
            prop_assert_eq!(replies.len(), expected);
        }
    }

    #[test]
    fn what_is_accepted_is_json(body in json_like()) {
        look_at(&body);
        if parse(&body, 4).is_ok() {
            prop_assert!(serde_json::from_slice::<Value>(&body).is_ok());
        }
    }

    #[test]
    fn arbitrary_bytes_never_panic(body in prop::collection::vec(any::<u8>(), 0..64)) {
        look_at(&body);
    }
}

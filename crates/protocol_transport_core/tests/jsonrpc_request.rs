//! What a request body may hold, case by case.

use std::borrow::Cow;

use protocol_transport_core::jsonrpc::{Entry, Error, Id, Incoming, parse};

fn entry(json: &str) -> Entry<'_> {
    match parse(json.as_bytes(), 4) {
        Ok(Incoming::Single(entry)) => entry,
        other => panic!("{json}: {other:?}"),
    }
}

#[test]
fn a_request_is_borrowed_from_the_body() {
    let request = entry(r#" {"params": {"a": [1]}, "method":"m","x":{},"id":7,"jsonrpc":"2.0"} "#).unwrap();
    assert!(matches!(request.method, Cow::Borrowed("m")));
    assert_eq!(request.id, Some(Id::from(7)));
    assert_eq!(request.params.unwrap().get(), r#"{"a": [1]}"#);
}

#[test]
fn escaped_names_and_values_mean_what_they_say() {
    let request = entry(r#"{"jsonrpc":"2\u002e0","id":1,"m\u0065thod":"a\u002fb\n"}"#).unwrap();
    assert_eq!(request.method, "a/b\n");
    assert!(request.params.is_none());
}

#[test]
fn no_id_is_a_notification_and_null_is_an_id() {
    assert_eq!(entry(r#"{"jsonrpc":"2.0","method":"m"}"#).unwrap().id, None);
    let null = entry(r#"{"jsonrpc":"2.0","method":"m","id":null}"#).unwrap();
    assert_eq!(null.id, Some(Id::NULL));
}

#[test]
fn null_params_are_absent() {
    let request = entry(r#"{"jsonrpc":"2.0","method":"m","params":null}"#).unwrap();
    assert!(request.params.is_none());
}

#[test]
fn ids_are_kept_as_sent() {
    for id in
        ["0", "-1", "1.0", "1e3", "1E+400", "123456789012345678901234567890", r#""""#, r#""\u0041\/\ud800""#, "null"]
    {
        let json = format!(r#"{{"jsonrpc":"2.0","id": {id} ,"method":"m"}}"#);
        assert_eq!(entry(&json).unwrap().id.unwrap().as_json(), id);
    }
}

#[test]
fn invalid_requests_name_the_member_and_keep_a_readable_id() {
    for (json, id, message) in [
        (r#"{"id":1,"method":"m"}"#, "1", "jsonrpc is missing, it must be \"2.0\""),
        (r#"{"jsonrpc":"1.0","id":1,"method":"m"}"#, "1", "jsonrpc must be \"2.0\""),
        (r#"{"jsonrpc":2.0,"id":1,"method":"m"}"#, "1", "jsonrpc must be \"2.0\""),
        (r#"{"jsonrpc":"2.0","id":"x"}"#, "\"x\"", "method is missing"),
        (r#"{"jsonrpc":"2.0"}"#, "null", "method is missing"),
        (r#"{"method":5,"jsonrpc":"2.0","id":1}"#, "1", "method must be a string"),
        (r#"{"method":null,"jsonrpc":"2.0","id":1}"#, "1", "method must be a string"),
        (r#"{"method":"\ud800","jsonrpc":"2.0","id":1}"#, "1", "method must be a string"),
        (r#"{"params":"p","jsonrpc":"2.0","method":"m","id":1}"#, "1", "params must be an object or an array"),
        (r#"{"params":0,"jsonrpc":"2.0","method":"m"}"#, "null", "params must be an object or an array"),
        (r#"{"id":{},"jsonrpc":"2.0","method":"m"}"#, "null", "id must be a string, a number or null"),
        (r#"{"id":[1],"jsonrpc":"2.0","method":"m"}"#, "null", "id must be a string, a number or null"),
        (r#"{"id":true,"jsonrpc":"2.0","method":"m"}"#, "null", "id must be a string, a number or null"),
        (r#"{"id":1,"id":1,"jsonrpc":"2.0","method":"m"}"#, "null", "id appears more than once"),
        (r#"{"id":1,"method":"m","jsonrpc":"2.0","method":"m"}"#, "1", "method appears more than once"),
        (
            r#"{"id":1,"params":null,"jsonrpc":"2.0","method":"m","p\u0061rams":[]}"#,
            "1",
            "params appears more than once",
        ),
    ] {
        let rejected = entry(json).unwrap_err();
        assert_eq!(rejected.id.as_json(), id, "{json}");
        assert_eq!(rejected.error.code, Error::INVALID_REQUEST, "{json}");
        assert_eq!(rejected.error.message, message, "{json}");
    }
}

#[test]
fn unusable_bodies_are_refused_as_a_whole() {
    for (body, code, message) in [
        (&b""[..], Error::PARSE_ERROR, "body is empty"),
        (b" \n", Error::PARSE_ERROR, "body is empty"),
        (b"{\"a\xff\"", Error::PARSE_ERROR, "body is not valid UTF-8 at byte offset 3"),
        (b"{\n\"id\":1,}", Error::PARSE_ERROR, "body is not valid JSON: trailing comma at line 2 column 8"),
        (b"{\"id\":", Error::PARSE_ERROR, "body is not valid JSON: EOF while parsing a value at line 1 column 6"),
        (b"[{},", Error::PARSE_ERROR, "body is not valid JSON: EOF while parsing a value at line 1 column 4"),
        (b"{} {}", Error::PARSE_ERROR, "body is not valid JSON: trailing characters at line 1 column 4"),
        (b"[{}]]", Error::PARSE_ERROR, "body is not valid JSON: trailing characters at line 1 column 5"),
        (b"nul", Error::PARSE_ERROR, "body is not valid JSON: EOF while parsing a value at line 1 column 3"),
        (b"1", Error::INVALID_REQUEST, "a request must be an object"),
        (b"[]", Error::INVALID_REQUEST, "the batch is empty"),
        (b"[1,1,1,1,1]", Error::INVALID_REQUEST, "the batch has 5 entries, at most 4 are accepted"),
    ] {
        let error = parse(body, 4).unwrap_err();
        assert_eq!((error.code, &*error.message), (code, message));
    }
}

#[test]
fn one_bad_entry_leaves_the_rest_of_a_batch_alone() {
    let body =
        br#"[{"jsonrpc":"2.0","id":1,"method":"a"}, 1e999, {"\ud800":0,"id":2}, {"jsonrpc":"2.0","method":"b"}]"#;
    let Ok(Incoming::Batch(entries)) = parse(body, 4) else {
        panic!();
    };
    let valid: Vec<_> = entries.iter().map(Result::is_ok).collect();
    assert_eq!(valid, [true, false, false, true]);
    assert_eq!(entries[1].as_ref().unwrap_err().id, Id::NULL);
}

#[test]
fn deep_nesting_needs_no_stack() {
    const DEPTH: usize = 1_000_000;
    let open = "[".repeat(DEPTH);
    assert_eq!(parse(open.as_bytes(), 1).unwrap_err().code, Error::PARSE_ERROR);

    let nested = open + &"]".repeat(DEPTH);
    let Ok(Incoming::Batch(entries)) = parse(nested.as_bytes(), 1) else {
        panic!();
    };
    assert!(entries[0].is_err());

    for member in ["params", "id", "method", "other"] {
        let json = format!(r#"{{"jsonrpc":"2.0","{member}":{nested}}}"#);
        assert!(matches!(parse(json.as_bytes(), 1), Ok(Incoming::Single(_))));
    }
    let objects = r#"{"a":"#.repeat(DEPTH);
    assert!(parse(objects.as_bytes(), 1).is_err());
}

#[test]
fn a_request_nested_too_deeply_is_rejected_with_its_id() {
    for (levels, accepted) in [(127, true), (128, false), (100_000, false)] {
        let nested = "[".repeat(levels) + &"]".repeat(levels);
        for member in ["params", "other"] {
            let single = format!(r#"{{"jsonrpc":"2.0","id":7,"method":"m","{member}":{nested}}}"#);
            for body in [single.clone(), format!("[{single}]")] {
                let entry = match parse(body.as_bytes(), 1).unwrap() {
                    Incoming::Single(entry) => entry,
                    Incoming::Batch(mut entries) => entries.remove(0),
                };
                assert_eq!(entry.is_ok(), accepted, "{levels} {member}");
                if let Err(rejected) = entry {
                    assert_eq!((rejected.id.to_string().as_str(), rejected.error.code), ("7", Error::INVALID_PARAMS));
                }
            }
        }
    }
}

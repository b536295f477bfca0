//! The error table, and errors on the wire.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use a2a_protocol_core::{Error, ErrorKind, FieldViolation};
use protocol_transport_core::jsonrpc;
use serde_json::{Value, json, value::to_raw_value};

use ErrorKind::*;

/// Section 5.4 of the specification, and the rows that it leaves to the bindings.
const TABLE: &[(ErrorKind, i64, &str, u8, u16, &str, &str)] = &[
    (TaskNotFound, -32001, "NOT_FOUND", 5, 404, "TASK_NOT_FOUND", "TaskNotFoundError"),
    (TaskNotCancelable, -32002, "FAILED_PRECONDITION", 9, 400, "TASK_NOT_CANCELABLE", "TaskNotCancelableError"),
    (
        PushNotificationNotSupported,
        -32003,
        "FAILED_PRECONDITION",
        9,
        400,
        "PUSH_NOTIFICATION_NOT_SUPPORTED",
        "PushNotificationNotSupportedError",
    ),
    (UnsupportedOperation, -32004, "FAILED_PRECONDITION", 9, 400, "UNSUPPORTED_OPERATION", "UnsupportedOperationError"),
    (
        ContentTypeNotSupported,
        -32005,
        "INVALID_ARGUMENT",
        3,
        400,
        "CONTENT_TYPE_NOT_SUPPORTED",
        "ContentTypeNotSupportedError",
    ),
    (InvalidAgentResponse, -32006, "INTERNAL", 13, 500, "INVALID_AGENT_RESPONSE", "InvalidAgentResponseError"),
    (
        ExtendedAgentCardNotConfigured,
        -32007,
        "FAILED_PRECONDITION",
        9,
        400,
        "EXTENDED_AGENT_CARD_NOT_CONFIGURED",
        "ExtendedAgentCardNotConfiguredError",
    ),
    (
        ExtensionSupportRequired,
        -32008,
        "FAILED_PRECONDITION",
        9,
        400,
        "EXTENSION_SUPPORT_REQUIRED",
        "ExtensionSupportRequiredError",
    ),
    (VersionNotSupported, -32009, "FAILED_PRECONDITION", 9, 400, "VERSION_NOT_SUPPORTED", "VersionNotSupportedError"),
    (ParseError, -32700, "INVALID_ARGUMENT", 3, 400, "PARSE_ERROR", "JSONParseError"),
    (InvalidRequest, -32600, "INVALID_ARGUMENT", 3, 400, "INVALID_REQUEST", "InvalidRequestError"),
    (MethodNotFound, -32601, "UNIMPLEMENTED", 12, 404, "METHOD_NOT_FOUND", "MethodNotFoundError"),
    (InvalidParams, -32602, "INVALID_ARGUMENT", 3, 400, "INVALID_PARAMS", "InvalidParamsError"),
    (Internal, -32603, "INTERNAL", 13, 500, "INTERNAL_ERROR", "InternalError"),
    (Unauthenticated, -32000, "UNAUTHENTICATED", 16, 401, "UNAUTHENTICATED", "UnauthenticatedError"),
    (PermissionDenied, -32000, "PERMISSION_DENIED", 7, 403, "PERMISSION_DENIED", "PermissionDeniedError"),
    (ResourceExhausted, -32000, "RESOURCE_EXHAUSTED", 8, 429, "RESOURCE_EXHAUSTED", "ResourceExhaustedError"),
    (PayloadTooLarge, -32000, "RESOURCE_EXHAUSTED", 8, 413, "PAYLOAD_TOO_LARGE", "PayloadTooLargeError"),
    (Unavailable, -32000, "UNAVAILABLE", 14, 503, "UNAVAILABLE", "UnavailableError"),
];

#[test]
fn the_table_is_the_specifications() {
    let rows: Vec<ErrorKind> = TABLE.iter().map(|row| row.0).collect();
    assert_eq!(rows, ErrorKind::ALL);
    for &(kind, code, status, grpc, http, reason, name) in TABLE {
        assert_eq!(kind.json_rpc_code(), code, "{kind:?}");
        assert_eq!((kind.grpc_status(), kind.grpc_code()), (status, grpc), "{kind:?}");
        assert_eq!(kind.http_status(), http, "{kind:?}");
        assert_eq!((kind.reason(), kind.name()), (reason, name));
        assert_eq!(ErrorKind::from_reason(reason), Some(kind));
        let by_code = (code != -32000).then_some(kind);
        assert_eq!(ErrorKind::from_json_rpc_code(code), by_code, "{kind:?}");
    }
    for code in [0, 1, -1, -32099, i64::MIN] {
        assert_eq!(ErrorKind::from_json_rpc_code(code), None);
    }
    assert_eq!(ErrorKind::from_reason("task_not_found"), None);
    let failures: Vec<_> = ErrorKind::ALL.iter().copied().filter(|kind| kind.is_failure()).collect();
    assert_eq!(failures, [InvalidAgentResponse, Internal, Unavailable]);
}

#[test]
fn a_grpc_status_without_a_reason_is_a_kind_where_it_can_only_be_one() {
    for (status, kind) in [
        ("NOT_FOUND", Some(TaskNotFound)),
        ("UNIMPLEMENTED", Some(MethodNotFound)),
        ("UNAUTHENTICATED", Some(Unauthenticated)),
        ("PERMISSION_DENIED", Some(PermissionDenied)),
        ("UNAVAILABLE", Some(Unavailable)),
        ("INVALID_ARGUMENT", Some(InvalidParams)),
        ("INTERNAL", Some(Internal)),
        ("FAILED_PRECONDITION", None),
        ("RESOURCE_EXHAUSTED", None),
        ("ABORTED", None),
        ("", None),
    ] {
        assert_eq!(ErrorKind::from_grpc_status(status), kind, "{status}");
    }
}

fn json_rpc(error: &Error) -> Value {
    let error = error.to_json_rpc();
    let data: Value = serde_json::from_str(error.data.as_ref().map_or("null", |data| data.get())).unwrap();
    json!({"code": error.code, "message": error.message, "data": data})
}

#[test]
fn an_error_has_the_form_of_its_binding() {
    let error = Error::task_not_found("t-1").caused_by("row 7 is gone");
    let info = json!({
        "@type": "type.googleapis.com/google.rpc.ErrorInfo",
        "reason": "TASK_NOT_FOUND", "domain": "a2a-protocol.org", "metadata": {"taskId": "t-1"}
    });
    assert_eq!(json_rpc(&error), json!({"code": -32001, "message": "task \"t-1\" not found", "data": [info]}));
    let body: Value = serde_json::from_slice(&error.to_http_body()).unwrap();
    let status = json!({"code": 404, "status": "NOT_FOUND", "message": "task \"t-1\" not found", "details": [info]});
    assert_eq!(body, json!({"error": status}));
}

#[test]
fn of_many_faulty_fields_the_first_are_listed_and_the_others_counted() {
    let faults = |count: usize| {
        let fault = |index| FieldViolation { field: format!("parts[{index}]"), description: "is empty".to_owned() };
        Error::violations((0..count).map(fault).collect())
    };
    assert!(faults(17).field_violations().iter().all(|violation| violation.description == "is empty"));
    let error = faults(100_000);
    let [told @ .., last] = error.field_violations() else { panic!("{error}") };
    assert_eq!(told, faults(16).field_violations());
    assert_eq!((&*last.field, &*last.description), ("parts[16]", "is the first of 99984 more fields at fault"));
    assert!(error.message().ends_with("; parts[16]: is the first of 99984 more fields at fault"));
}

#[test]
fn faulty_fields_are_listed() {
    let violation = |field: &str, description: &str| FieldViolation {
        field: field.to_owned(),
        description: description.to_owned(),
    };
    let error = Error::violations(vec![violation("a.b", "is bad"), violation("", "is worse")]);
    assert_eq!(
        json_rpc(&error),
        json!({"code": -32602, "message": "a.b: is bad; is worse", "data": [
            {"@type": "type.googleapis.com/google.rpc.ErrorInfo", "reason": "INVALID_PARAMS", "domain": "a2a-protocol.org"},
            {"@type": "type.googleapis.com/google.rpc.BadRequest", "fieldViolations": [
                {"field": "a.b", "description": "is bad"}, {"field": "", "description": "is worse"}]},
        ]})
    );
}

#[test]
fn what_was_received_is_quoted_in_part_only() {
    let error = Error::invalid("ä".repeat(1000), "x".repeat(1000));
    let [violation] = error.field_violations() else { panic!() };
    assert_eq!((violation.field.len(), violation.description.len()), (503, 503));
    assert!(error.message().len() < 1100);
}

#[test]
fn every_error_survives_both_bindings() {
    for kind in ErrorKind::ALL {
        let mut error = Error::new(*kind, "what \"happened\"").with_metadata("a", "1").with_metadata("b", "");
        if *kind == InvalidParams {
            error = Error::invalid("x[0]", "bad").with_metadata("a", "1");
        }
        for read in [
            Error::from_json_rpc(error.to_json_rpc()),
            Error::from(error.to_json_rpc()),
            Error::from_http(kind.http_status(), &error.to_http_body()),
        ] {
            assert_eq!(read.kind(), *kind);
            assert_eq!(read.message(), error.message());
            assert_eq!(read.metadata(), error.metadata());
            assert_eq!(read.field_violations(), error.field_violations());
            assert_eq!(read.json_rpc_code(), kind.json_rpc_code());
        }
    }
}

#[test]
fn json_rpc_errors_of_others_are_understood() {
    let info = |reason: &str, domain: &str| json!([{"@type": "type.googleapis.com/google.rpc.ErrorInfo", "reason": reason, "domain": domain}]);
    let ours = "a2a-protocol.org";
    for (code, data, kind, read_code) in [
        (-32001, Value::Null, TaskNotFound, -32001),
        (-32001, json!("details"), TaskNotFound, -32001),
        (-32001, json!([1, {"@type": 5}]), TaskNotFound, -32001),
        // A newer reason is no reason to lose the code.
        (-32001, info("TASK_EVAPORATED", ours), TaskNotFound, -32001),
        // A reason means something in its domain only.
        (-32001, info("INTERNAL_ERROR", "example.com"), TaskNotFound, -32001),
        (-32602, info("TASK_NOT_FOUND", ours), TaskNotFound, -32602),
        (-32000, info("UNAUTHENTICATED", ours), Unauthenticated, -32000),
        (-32000, info("UNAUTHENTICATED", ""), Unauthenticated, -32000),
        (-32000, Value::Null, Internal, -32000),
        (-32050, Value::Null, Internal, -32050),
        (1234, Value::Null, Internal, 1234),
    ] {
        let error = jsonrpc::Error { code, message: "m".into(), data: to_raw_value(&data).ok() };
        let read = Error::from_json_rpc(error);
        assert_eq!((read.kind(), read.json_rpc_code(), read.message()), (kind, read_code, "m"), "{code} {data}");
        assert_eq!(read.to_json_rpc().code, read_code);
    }
}

#[test]
fn what_an_agent_says_of_an_error_of_its_own_is_kept() {
    for data in [json!({"left": [1, 2.50]}), json!("why"), json!([{"@type": "type.example.com/Quota"}])] {
        let error = jsonrpc::Error { code: -32050, message: "m".into(), data: to_raw_value(&data).ok() };
        let read = Error::from_json_rpc(error);
        assert_eq!(json_rpc(&read), json!({"code": -32050, "message": "m", "data": data}));
        assert_eq!(read.data().map(|raw| raw.get().to_owned()), Some(data.to_string()));
    }
    // Those of the table say what the table says.
    for (code, data) in [(-32001, json!("details")), (-32603, json!({"a": 1})), (-32050, Value::Null)] {
        let error = jsonrpc::Error { code, message: "m".into(), data: to_raw_value(&data).ok() };
        let read = Error::from_json_rpc(error);
        assert!(read.data().is_none());
        assert_eq!(json_rpc(&read)["data"][0]["reason"], read.kind().reason());
    }
}

#[test]
fn http_errors_of_others_are_understood() {
    let status = |status: &str| json!({"error": {"code": 1, "status": status, "message": "m"}}).to_string();
    let details = |details: Value| json!({"error": {"message": "m", "details": details}}).to_string();
    let reason = json!({"@type": "type.googleapis.com/google.rpc.ErrorInfo", "reason": "TASK_NOT_CANCELABLE", "metadata": {
        "text": "t", "number": 1.50, "list": [{"field": "f"}], "none": null}});
    for (code, body, kind, message) in [
        (404, String::new(), MethodNotFound, "HTTP status 404"),
        (404, "<html>".to_owned(), MethodNotFound, "HTTP status 404"),
        (404, "[]".to_owned(), MethodNotFound, "HTTP status 404"),
        (404, r#"{"error":"gone"}"#.to_owned(), MethodNotFound, "HTTP status 404"),
        (404, r#"{"status":404,"detail":"no such page"}"#.to_owned(), MethodNotFound, "no such page"),
        (404, status("NOT_FOUND"), TaskNotFound, "m"),
        (404, status(""), MethodNotFound, "m"),
        (400, status("INVALID_ARGUMENT"), InvalidParams, "m"),
        (400, status("FAILED_PRECONDITION"), InvalidRequest, "m"),
        (400, r#"{"error":{"code":"four","status":7,"message":"m","details":{}}}"#.to_owned(), InvalidRequest, "m"),
        (400, details(json!([reason])), TaskNotCancelable, "m"),
        (400, details(json!([7, "x", {"@type": []}, reason])), TaskNotCancelable, "m"),
        (401, String::new(), Unauthenticated, "HTTP status 401"),
        (403, String::new(), PermissionDenied, "HTTP status 403"),
        (405, String::new(), MethodNotFound, "HTTP status 405"),
        (413, String::new(), PayloadTooLarge, "HTTP status 413"),
        (415, String::new(), ContentTypeNotSupported, "HTTP status 415"),
        (418, String::new(), InvalidRequest, "HTTP status 418"),
        (429, String::new(), ResourceExhausted, "HTTP status 429"),
        (500, String::new(), Internal, "HTTP status 500"),
        (503, String::new(), Unavailable, "HTTP status 503"),
        (302, String::new(), Internal, "HTTP status 302"),
    ] {
        let error = Error::from_http(code, body.as_bytes());
        assert_eq!((error.kind(), error.message()), (kind, message), "{code} {body}");
    }
    let error = Error::from_http(400, details(json!([reason])).as_bytes());
    let metadata: Vec<_> = error.metadata().iter().map(|(name, value)| (&**name, &**value)).collect();
    assert_eq!(metadata, [("list", r#"[{"field":"f"}]"#), ("none", "null"), ("number", "1.5"), ("text", "t")]);
    assert_eq!(Error::from_http(500, b"\xff").kind(), Internal);
}

/// A detail nested beyond what is read does not hide the rest.
#[test]
fn depth_in_a_detail_hides_nothing_else() {
    let deep = format!("{}{}", "[".repeat(100_000), "]".repeat(100_000));
    let body = format!(
        r#"{{"error":{{"message":"m","x":{deep},"details":[{deep},{{"@type":"type.googleapis.com/google.rpc.ErrorInfo","reason":"TASK_NOT_FOUND","metadata":{{"deep":{deep}}}}}]}}}}"#
    );
    let error = Error::from_http(400, body.as_bytes());
    assert_eq!((error.kind(), error.message()), (TaskNotFound, "m"));
}

#[test]
fn the_cause_is_for_the_log_only() {
    let error = Error::internal("password=hunter2");
    assert_eq!(error.cause().map(ToString::to_string).as_deref(), Some("password=hunter2"));
    assert!(std::error::Error::source(&error).is_some());
    assert!(format!("{error:?}").contains("hunter2"));
    for told in [error.to_string(), json_rpc(&error).to_string(), String::from_utf8(error.to_http_body()).unwrap()] {
        assert!(!told.contains("hunter2"), "{told}");
    }
}

#[test]
fn an_id_that_is_not_found_is_quoted_but_not_all_of_it() {
    let error = Error::task_not_found("t-1");
    assert_eq!((error.message(), &*error.metadata()["taskId"]), ("task \"t-1\" not found", "t-1"));
    let error = Error::task_not_found(&"\u{e4}".repeat(100_000));
    assert!(error.message().len() < 600 && error.metadata()["taskId"].len() < 600, "{error}");
}

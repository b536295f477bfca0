//! What a request must carry: validation, the version table, extension negotiation.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use a2a_protocol_core::{
    AgentCard, AgentExtension, Call, Error, ErrorKind, Method,
    ProtocolVersion::{self, V0_3, V1_0},
    extensions, http_json,
};
use serde_json::{Value, json, value::to_raw_value};

fn fields(error: &Error) -> Vec<&str> {
    assert_eq!(error.kind(), ErrorKind::InvalidParams, "{error}");
    error.field_violations().iter().map(|violation| &*violation.field).collect()
}

fn json_rpc(method: Method, params: &Value) -> Result<(), Error> {
    Call::from_json_rpc(method.name(), Some(&to_raw_value(params).unwrap()))?.validate()
}

fn http(verb: &str, target: &str, body: &Value) -> Result<(), Error> {
    let (path, query) = target.split_once('?').unwrap_or((target, ""));
    http_json::route(verb, path).expect("a path of the protocol").call(query, &body.to_string())?.validate()
}

#[test]
fn every_bad_parameter_of_list_tasks_is_named_on_both_bindings() {
    for (field, value) in [
        ("pageSize", json!(0)),
        ("pageSize", json!(101)),
        ("pageSize", json!(-1)),
        ("pageSize", json!("ten")),
        ("pageSize", json!("")),
        ("pageSize", json!(1.5)),
        ("pageSize", json!(5_000_000_000_i64)),
        ("status", json!("TASK_STATE_RUNNING")),
        ("status", json!("working")),
        ("status", json!("")),
        ("historyLength", json!(-5)),
        ("historyLength", json!("all")),
        ("statusTimestampAfter", json!("yesterday")),
        ("statusTimestampAfter", json!("")),
        ("includeArtifacts", json!("yes")),
    ] {
        let error = json_rpc(Method::ListTasks, &json!({ field: value })).unwrap_err();
        assert_eq!(fields(&error), [field], "{value}");
        let text = value.as_str().map_or_else(|| value.to_string(), ToOwned::to_owned);
        let error = http("GET", &format!("/tasks?{field}={text}"), &Value::Null).unwrap_err();
        assert_eq!(fields(&error), [field], "{text}");
    }
    let all = json!({"pageSize": 150, "historyLength": -5, "status": "TASK_STATE_RUNNING"});
    let error = json_rpc(Method::ListTasks, &all).unwrap_err();
    assert_eq!(fields(&error), ["status", "historyLength", "pageSize"]);
    let error = http("GET", "/tasks?pageSize=1&pageSize=2", &Value::Null).unwrap_err();
    assert_eq!(fields(&error), ["pageSize"]);
    for good in [json!({}), json!({"pageSize": 1}), json!({"pageSize": "100", "historyLength": 0, "status": 99})] {
        assert!(json_rpc(Method::ListTasks, &good).is_ok(), "{good}");
    }
    assert!(http("GET", "/tasks?pageSize=100&includeArtifacts=false&x=y", &Value::Null).is_ok());
}

#[test]
fn a_message_to_send_is_complete() {
    let good = json!({"messageId": "m", "role": "ROLE_USER", "parts": [{"text": ""}]});
    let with = |member: &str, value: Value| {
        let mut message = good.clone();
        message[member] = value;
        json!({ "message": message })
    };
    let configured = |configuration: Value| json!({"message": good, "configuration": configuration});
    for (request, expected) in [
        (json!({}), &["message"][..]),
        (json!({"message": null}), &["message"]),
        (json!({"message": {}}), &["message"]),
        (json!({"message": {"messageId": "m"}}), &["message.role", "message.parts"]),
        (with("messageId", json!("")), &["message.messageId"]),
        (with("role", json!("ROLE_UNSPECIFIED")), &["message.role"]),
        (with("role", json!("user")), &["message.role"]),
        (with("role", json!(7)), &["message.role"]),
        (with("parts", json!([])), &["message.parts"]),
        (with("parts", json!([{"text": "a"}, {}, {"hologram": 1}])), &["message.parts[1]", "message.parts[2]"]),
        (with("parts", json!([{"url": ""}])), &["message.parts[0].url"]),
        (with("parts", json!([{"raw": "*"}])), &["message.parts[0].raw"]),
        (with("parts", json!([{"text": "a", "data": 1}])), &["message.parts[0]"]),
        (configured(json!({"historyLength": -1})), &["configuration.historyLength"]),
        (configured(json!({"historyLength": "x"})), &["configuration.historyLength"]),
        (
            configured(json!({"taskPushNotificationConfig": {"authentication": {}}})),
            &[
                "configuration.taskPushNotificationConfig.url",
                "configuration.taskPushNotificationConfig.authentication.scheme",
            ],
        ),
    ] {
        for method in [Method::SendMessage, Method::SendStreamingMessage] {
            let error = json_rpc(method, &request).unwrap_err();
            assert_eq!(fields(&error), expected, "{request}");
            let error = http("POST", method.http_rules()[0].path, &request).unwrap_err();
            assert_eq!(fields(&error), expected, "{request}");
        }
    }
    for request in [
        with("role", json!("ROLE_AGENT")),
        with("parts", json!([{"raw": ""}, {"data": null}, {"url": "u"}])),
        configured(json!({"historyLength": 0, "taskPushNotificationConfig": {"url": "u"}})),
    ] {
        assert!(json_rpc(Method::SendMessage, &request).is_ok(), "{request}");
    }
}

#[test]
fn what_a_request_is_about_has_to_be_named() {
    use Method::*;
    for (method, params, expected) in [
        (GetTask, json!({}), &["id"][..]),
        (GetTask, json!({"id": "", "historyLength": -1}), &["id", "historyLength"]),
        (CancelTask, json!({"id": null}), &["id"]),
        (SubscribeToTask, json!({}), &["id"]),
        (CreateTaskPushNotificationConfig, json!({}), &["taskId", "url"]),
        (
            CreateTaskPushNotificationConfig,
            json!({"taskId": "t", "url": "u", "authentication": {"credentials": "c"}}),
            &["authentication.scheme"],
        ),
        (
            CreateTaskPushNotificationConfig,
            json!({"taskId": "t", "url": "u", "id": "i".repeat(257), "token": "a\r\nb: c",
                "authentication": {"scheme": "Bearer x", "credentials": "\u{e9}"}}),
            &["id", "authentication.scheme", "authentication.credentials", "token"],
        ),
        (GetTaskPushNotificationConfig, json!({}), &["taskId", "id"]),
        (DeleteTaskPushNotificationConfig, json!({"taskId": "t"}), &["id"]),
        (ListTaskPushNotificationConfigs, json!({"pageSize": -1}), &["taskId", "pageSize"]),
    ] {
        assert_eq!(fields(&json_rpc(method, &params).unwrap_err()), expected, "{method:?} {params}");
    }
    for (method, params) in [
        (GetTask, json!({"id": "t", "historyLength": 0})),
        (CancelTask, json!({"id": "t"})),
        (SubscribeToTask, json!({"id": "t"})),
        (CreateTaskPushNotificationConfig, json!({"taskId": "t", "url": "u"})),
        (GetTaskPushNotificationConfig, json!({"taskId": "t", "id": "c"})),
        (DeleteTaskPushNotificationConfig, json!({"taskId": "t", "id": "c"})),
        (ListTaskPushNotificationConfigs, json!({"taskId": "t"})),
        (GetExtendedAgentCard, json!({})),
    ] {
        assert!(json_rpc(method, &params).is_ok(), "{method:?} {params}");
    }
}

#[test]
fn what_a_webhook_is_sent_is_not_longer_than_headers_take() {
    let of = |[id, url, scheme, credentials, token]: [usize; 5]| {
        let authentication = json!({"scheme": "s".repeat(scheme), "credentials": "c".repeat(credentials)});
        let url = format!("https://h/{}", "u".repeat(url - "https://h/".len()));
        let (id, token) = ("i".repeat(id), "t".repeat(token));
        json!({"taskId": "t", "id": id, "url": url, "token": token, "authentication": authentication})
    };
    let most = [256, 2048, 64, 8192, 4096];
    assert!(json_rpc(Method::CreateTaskPushNotificationConfig, &of(most)).is_ok());
    let names = ["id", "url", "authentication.scheme", "authentication.credentials", "token"];
    for (index, name) in names.into_iter().enumerate() {
        let mut lengths = most;
        lengths[index] += 1;
        let error = json_rpc(Method::CreateTaskPushNotificationConfig, &of(lengths)).unwrap_err();
        assert_eq!(fields(&error), [name]);
        let expected = format!("must not be longer than {} bytes", most[index]);
        assert_eq!(error.field_violations()[0].description, expected);
        let message = json!({"messageId": "m", "role": "ROLE_USER", "parts": [{"text": "a"}]});
        let inline = json!({"message": message, "configuration": {"taskPushNotificationConfig": of(lengths)}});
        let error = json_rpc(Method::SendMessage, &inline).unwrap_err();
        assert_eq!(fields(&error), [format!("configuration.taskPushNotificationConfig.{name}")]);
    }
}

#[test]
fn of_the_url_of_a_webhook_only_the_origin_is_shown() {
    for (url, shown) in [
        ("https://SECRET:SECRET@hook.example:8443/SECRET?SECRET#SECRET", "\"https://hook.example:8443\""),
        ("https://hook.example?SECRET", "\"https://hook.example\""),
        ("http:/SECRET", "\"://http:\""),
    ] {
        let params = json!({"taskId": "t", "url": url});
        let debug =
            format!("{:?}", Call::from_json(Method::CreateTaskPushNotificationConfig, &params.to_string()).unwrap());
        assert!(!debug.contains("SECRET") && debug.contains(shown), "{debug}");
    }
}

#[test]
fn secrets_stay_out_of_debug_output() {
    let config =
        json!({"url": "u", "token": "hunter2", "authentication": {"scheme": "Bearer", "credentials": "hunter3"}});
    for method in [Method::CreateTaskPushNotificationConfig, Method::SendMessage] {
        let params = match method {
            Method::SendMessage => json!({"configuration": {"taskPushNotificationConfig": config}}),
            _ => config.clone(),
        };
        let debug = format!("{:?}", Call::from_json(method, &params.to_string()).unwrap());
        assert!(debug.contains("Bearer") && !debug.contains("hunter"), "{debug}");
    }
}

/// Header and query as sent, and whether the request is served, for it is in the style of v1.0.
#[test]
fn the_version_table() {
    use ErrorKind::{InvalidParams, VersionNotSupported};
    for (header, query, expected) in [
        (None, None, None),
        (Some(""), None, None),
        (Some("  "), Some(""), None),
        (Some("1.0"), None, None),
        (Some(" 1.0 "), None, None),
        (Some("1.0.1"), None, None),
        (None, Some("1.0"), None),
        (Some("1.0"), Some("1.0"), None),
        (Some("1.0"), Some("1.0.7"), None),
        (Some(""), Some("1.0"), None),
        (Some("0.3"), None, Some(VersionNotSupported)),
        (Some("0.3.0"), None, Some(VersionNotSupported)),
        (None, Some("99.0"), Some(VersionNotSupported)),
        (Some("99.0"), Some("99.0"), Some(VersionNotSupported)),
        (Some("1"), None, Some(VersionNotSupported)),
        (Some("1.1"), None, Some(VersionNotSupported)),
        (Some("1.0."), None, Some(VersionNotSupported)),
        (Some("1.0.x"), None, Some(VersionNotSupported)),
        (Some("1.0.0.0"), None, Some(VersionNotSupported)),
        (Some("v1.0"), None, Some(VersionNotSupported)),
        (Some("+1.0"), None, Some(VersionNotSupported)),
        (Some("1.0, 1.0"), None, Some(VersionNotSupported)),
        (Some("99999999999.0"), None, Some(VersionNotSupported)),
        (Some("1.0"), Some("0.3"), Some(InvalidParams)),
        (Some("0.3"), Some("1.0"), Some(InvalidParams)),
        (Some("99.0"), Some("98.0"), Some(InvalidParams)),
    ] {
        let read = ProtocolVersion::of_request(Some(V1_0), header, query, &[V1_0]);
        assert_eq!(read.as_ref().err().map(Error::kind), expected, "{header:?} {query:?}");
        if let Ok(version) = read {
            assert_eq!((version, version.to_string().as_str()), (V1_0, "1.0"));
        }
    }
    let error = ProtocolVersion::of_request(Some(V1_0), Some("99.0"), None, &[V1_0]).unwrap_err();
    assert_eq!(error.metadata()["supportedVersions"], "1.0");
}

#[test]
fn the_version_is_the_one_named_and_has_to_be_that_of_the_style() {
    for (named, of_none, of_v0_3, of_v1_0) in [
        (None, Some(V1_0), Some(V0_3), Some(V1_0)),
        (Some("0.3"), Some(V0_3), Some(V0_3), None),
        (Some("0.3.7"), Some(V0_3), Some(V0_3), None),
        (Some("1.0"), Some(V1_0), None, Some(V1_0)),
        (Some("0.2"), None, None, None),
        (Some("99.0"), None, None, None),
    ] {
        for (style, expected) in [(None, of_none), (Some(V0_3), of_v0_3), (Some(V1_0), of_v1_0)] {
            match (ProtocolVersion::of_request(style, named, None, ProtocolVersion::ALL), expected) {
                (Ok(version), Some(expected)) => assert_eq!(version, expected, "{style:?} {named:?}"),
                (Err(error), None) => {
                    assert_eq!(error.kind(), ErrorKind::VersionNotSupported, "{style:?} {named:?}");
                    assert_eq!(error.metadata()["supportedVersions"], "0.3, 1.0");
                }
                (read, _) => panic!("{style:?} {named:?}: {read:?}"),
            }
        }
    }
    // Whoever speaks 1.0 alone refuses the older style, named or not.
    for named in [None, Some("0.3")] {
        assert!(ProtocolVersion::of_request(Some(V0_3), named, None, &[V1_0]).is_err());
    }
}

#[test]
fn extension_headers_are_lists_without_repeats() {
    for (header, uris) in
        [("", &[][..]), (" , ,", &[]), ("urn:a", &["urn:a"]), ("urn:b, urn:a,urn:b ,\turn:a", &["urn:b", "urn:a"])]
    {
        assert_eq!(extensions::parse(header), uris, "{header:?}");
    }
    // As many different ones as a large header holds: must not take quadratic time.
    let many: Vec<String> = (0..100_000).map(|number| number.to_string()).collect();
    assert_eq!(extensions::parse(&many.join(",")).len(), many.len());
}

#[test]
fn extensions_are_active_where_both_sides_name_them() {
    let mut card = AgentCard::default();
    assert_eq!(extensions::negotiate(&card, &["urn:a"]).unwrap(), Vec::<String>::new());
    card.capabilities.extensions = vec![AgentExtension::new("urn:a"), AgentExtension::new("urn:b")];
    assert_eq!(extensions::negotiate(&card, &[]).unwrap(), Vec::<String>::new());
    assert_eq!(extensions::negotiate(&card, &["urn:c", "urn:b", "urn:a"]).unwrap(), ["urn:b", "urn:a"]);
    for extension in &mut card.capabilities.extensions {
        extension.required = true;
    }
    let error = extensions::negotiate(&card, &["urn:c", "urn:b"]).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::ExtensionSupportRequired);
    assert_eq!(error.metadata()["extensions"], "urn:a");
    let error = extensions::negotiate(&card, &[]).unwrap_err();
    assert_eq!(error.metadata()["extensions"], "urn:a, urn:b");
    assert_eq!(extensions::negotiate(&card, &["urn:b", "urn:a"]).unwrap(), ["urn:b", "urn:a"]);
}

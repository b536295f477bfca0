//! The method table, and the HTTP+JSON binding that is driven by it.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use a2a_protocol_core::{
    Call, Capability, ErrorKind, Method,
    http_json::{self, NoRoute, check_tenant, route},
};
use serde_json::{Value, json};

use Method::*;

/// Method, name, verbs, path, names in v0.3, whether it streams.
type Row = (Method, &'static str, &'static [&'static str], &'static str, &'static [&'static str], bool);

/// Section 5.3 of the specification, with the names of v0.3. A POST and a GET rule of the same
/// path: the prose has the one, the protobuf annotation the other.
const TABLE: &[Row] = &[
    (SendMessage, "SendMessage", &["POST"], "/message:send", &["message/send"], false),
    (SendStreamingMessage, "SendStreamingMessage", &["POST"], "/message:stream", &["message/stream"], true),
    (GetTask, "GetTask", &["GET"], "/tasks/{id}", &["tasks/get"], false),
    (ListTasks, "ListTasks", &["GET"], "/tasks", &["tasks/list"], false),
    (CancelTask, "CancelTask", &["POST"], "/tasks/{id}:cancel", &["tasks/cancel"], false),
    (SubscribeToTask, "SubscribeToTask", &["POST", "GET"], "/tasks/{id}:subscribe", &["tasks/resubscribe"], true),
    (
        CreateTaskPushNotificationConfig,
        "CreateTaskPushNotificationConfig",
        &["POST"],
        "/tasks/{taskId}/pushNotificationConfigs",
        &["tasks/pushNotificationConfig/set"],
        false,
    ),
    (
        GetTaskPushNotificationConfig,
        "GetTaskPushNotificationConfig",
        &["GET"],
        "/tasks/{taskId}/pushNotificationConfigs/{id}",
        &["tasks/pushNotificationConfig/get"],
        false,
    ),
    (
        ListTaskPushNotificationConfigs,
        "ListTaskPushNotificationConfigs",
        &["GET"],
        "/tasks/{taskId}/pushNotificationConfigs",
        &["tasks/pushNotificationConfig/list"],
        false,
    ),
    (
        DeleteTaskPushNotificationConfig,
        "DeleteTaskPushNotificationConfig",
        &["DELETE"],
        "/tasks/{taskId}/pushNotificationConfigs/{id}",
        &["tasks/pushNotificationConfig/delete"],
        false,
    ),
    (
        GetExtendedAgentCard,
        "GetExtendedAgentCard",
        &["GET"],
        "/extendedAgentCard",
        &["agent/getAuthenticatedExtendedCard", "agent/authenticatedExtendedCard"],
        false,
    ),
];

#[test]
fn the_table_is_the_specifications() {
    let rows: Vec<Method> = TABLE.iter().map(|row| row.0).collect();
    assert_eq!(rows, Method::ALL);
    for &(method, name, verbs, path, v03, streaming) in TABLE {
        assert_eq!(method.name(), name);
        assert_eq!(Method::from_name(name), Some(method));
        assert_eq!(method.v03_names(), v03);
        for old in v03 {
            assert_eq!(Method::from_v03_name(old), Some(method));
            assert_eq!(Method::from_name(old), None);
        }
        assert_eq!(Method::from_v03_name(name), None);
        assert_eq!(method.is_streaming(), streaming);
        let rules: Vec<_> = method.http_rules().iter().map(|rule| (rule.verb, rule.path)).collect();
        assert_eq!(rules, verbs.iter().map(|verb| (*verb, path)).collect::<Vec<_>>());
        let capability = match name {
            "SendStreamingMessage" | "SubscribeToTask" => Some(Capability::Streaming),
            "GetExtendedAgentCard" => Some(Capability::ExtendedAgentCard),
            push if push.contains("PushNotification") => Some(Capability::PushNotifications),
            _ => None,
        };
        assert_eq!(method.capability(), capability, "{name}");
        assert_eq!(Call::from_json(method, "{}").unwrap().method(), Some(method));
        assert_eq!(Call::from_json(method, "{}").unwrap().name(), name);
    }
    assert_eq!(Method::from_name("sendMessage"), None);
}

/// Fills a path's captures with `task` and `config`.
fn filled(path: &str) -> String {
    let id = if path.contains("{taskId}") { "config" } else { "task" };
    path.replace("{taskId}", "task").replace("{id}", id)
}

#[test]
fn every_rule_routes_to_its_method_with_and_without_tenant() {
    for &(method, _, verbs, path, ..) in TABLE {
        for verb in verbs {
            for tenant in [None, Some("acme")] {
                let path = format!("{}{}", tenant.map(|tenant| format!("/{tenant}")).unwrap_or_default(), filled(path));
                let route = route(verb, &path).unwrap_or_else(|no| panic!("{verb} {path}: {no:?}"));
                assert_eq!((route.method, route.tenant.as_deref()), (method, tenant), "{verb} {path}");
                let call = route.call("", "").unwrap();
                assert_eq!((call.method(), call.tenant()), (Some(method), tenant));
                // Every capture of every rule ends up in its field.
                let request = serde_json::to_value(&call).unwrap();
                if path.contains("/config") {
                    assert_eq!((&request["taskId"], &request["id"]), (&json!("task"), &json!("config")));
                } else if path.contains("/pushNotificationConfigs") {
                    assert_eq!(request["taskId"], "task");
                } else if path.contains("/task") && !path.ends_with("/tasks") {
                    assert_eq!(request["id"], "task");
                }
                let written = http_json::write(&call).unwrap();
                assert_eq!((written.verb, written.target), (verbs[0], path.clone()));
                assert_eq!(written.body.is_some(), verbs[0] == "POST");
            }
        }
    }
}

fn routed(verb: &str, target: &str, body: &str) -> Result<Value, String> {
    let (path, query) = target.split_once('?').unwrap_or((target, ""));
    let route = route(verb, path).map_err(|no| format!("{no:?}"))?;
    let call = route.call(query, body).map_err(|error| error.to_string())?;
    Ok(json!({ route.method.name(): call }))
}

#[test]
fn paths_are_taken_as_meant() {
    for (verb, target, expected) in [
        ("GET", "/tasks/a%2Fb%3Acancel%20%C3%A4", json!({"GetTask": {"id": "a/b:cancel ä"}})),
        ("GET", "/tasks/urn:uuid:1", json!({"GetTask": {"id": "urn:uuid:1"}})),
        ("GET", "/tasks/x:subscribe", json!({"SubscribeToTask": {"id": "x"}})),
        ("POST", "/tasks/x:y:subscribe", json!({"SubscribeToTask": {"id": "x:y"}})),
        ("POST", "/tasks/x%3Acancel:cancel", json!({"CancelTask": {"id": "x:cancel"}})),
        ("GET", "/v1/tasks/x", json!({"GetTask": {"tenant": "v1", "id": "x"}})),
        ("GET", "/a%2Fb/tasks", json!({"ListTasks": {"tenant": "a/b"}})),
        ("GET", "tasks", json!({"ListTasks": {}})),
        ("GET", "/tasks/tasks", json!({"GetTask": {"id": "tasks"}})),
        ("GET", "/acme/tasks/tasks", json!({"GetTask": {"tenant": "acme", "id": "tasks"}})),
        (
            "GET",
            "/tasks/pushNotificationConfigs/pushNotificationConfigs",
            json!({"ListTaskPushNotificationConfigs": {"taskId": "pushNotificationConfigs"}}),
        ),
        (
            "DELETE",
            "/tasks/t/pushNotificationConfigs/c:cancel",
            json!({"DeleteTaskPushNotificationConfig": {"taskId": "t", "id": "c:cancel"}}),
        ),
    ] {
        assert_eq!(routed(verb, target, ""), Ok(expected), "{verb} {target}");
    }
}

#[test]
fn what_is_no_path_of_the_protocol_is_refused() {
    for (verb, path, expected) in [
        ("GET", "/", NoRoute::Path),
        ("GET", "", NoRoute::Path),
        ("GET", "/task", NoRoute::Path),
        ("GET", "/tasks/", NoRoute::Path),
        ("GET", "/tasks/a/b", NoRoute::Path),
        ("GET", "/tasks/a/pushNotificationConfigs/", NoRoute::Path),
        ("GET", "//tasks", NoRoute::Path),
        ("GET", "/a/b/tasks", NoRoute::Path),
        ("POST", "/tasks/:cancel", NoRoute::Verb(vec!["GET"])),
        ("GET", "/tasks/tasks/tasks", NoRoute::Path),
        ("GET", "/%74asks/tasks", NoRoute::Path),
        ("GET", "/.well-known/tasks", NoRoute::Path),
        ("POST", "/message:send/message:send", NoRoute::Path),
        ("POST", "/extendedAgentCard/message:send", NoRoute::Path),
        ("POST", "/Message:send", NoRoute::Path),
        ("GET", "/message:send", NoRoute::Verb(vec!["POST"])),
        ("get", "/tasks", NoRoute::Verb(vec!["GET"])),
        ("DELETE", "/tasks/x", NoRoute::Verb(vec!["GET"])),
        ("GET", "/tasks/x:cancel", NoRoute::Verb(vec!["POST"])),
        ("PUT", "/acme/tasks/x:subscribe", NoRoute::Verb(vec!["POST", "GET"])),
        ("PUT", "/tasks/x/pushNotificationConfigs", NoRoute::Verb(vec!["POST", "GET"])),
        ("PUT", "/tasks/x/pushNotificationConfigs/y", NoRoute::Verb(vec!["GET", "DELETE"])),
        ("GET", "/tasks/%ff", NoRoute::Encoding),
        ("GET", "/%ff/tasks", NoRoute::Encoding),
    ] {
        assert_eq!(route(verb, path), Err(expected), "{verb} {path}");
    }
}

const NO_TENANTS: [&str; 7] =
    ["tasks", "message:send", "message:stream", "extendedAgentCard", ".well-known", ".", ".."];

#[test]
fn what_no_path_could_name_is_no_tenant_by_any_way() {
    for tenant in NO_TENANTS {
        assert_eq!(route("GET", &format!("/{tenant}/tasks/x/pushNotificationConfigs")), Err(NoRoute::Path), "{tenant}");
        let field = json!({"tenant": tenant, "id": "x"});
        let params = serde_json::value::to_raw_value(&field).unwrap();
        for read in [
            Call::from_json_rpc("GetTask", Some(&params)),
            Call::from_json_rpc("vendor/method", Some(&params)),
            route("POST", "/tasks/x:cancel").unwrap().call("", &field.to_string()),
            route("GET", "/tasks/x").unwrap().call(&format!("tenant={tenant}"), ""),
        ] {
            let error = read.unwrap().validate().unwrap_err();
            let violations = error.field_violations();
            assert_eq!((violations.len(), &*violations[0].field), (1, "tenant"), "{tenant}: {error}");
        }
    }
    for tenant in ["v1", "acme", "task", "message", "a/b", "...", "\u{e4} b"] {
        let mut call = Call::from_json(GetTask, r#"{"id":"x"}"#).unwrap();
        call.set_tenant(Some(tenant.to_owned()));
        call.validate().unwrap();
        let target = http_json::write(&call).unwrap().target;
        assert_eq!(route("GET", &target).unwrap().tenant.as_deref(), Some(tenant));
        check_tenant(tenant).unwrap();
    }
}

#[test]
fn queries_are_requests() {
    let query = "contextId=c+d%26&status=TASK_STATE_WORKING&pageSize=10&pageToken=MTA%3D&historyLength=0\
        &statusTimestampAfter=2026-01-02T03:04:05Z&includeArtifacts=true&A2A-Version=1.0";
    let request = json!({
        "contextId": "c d&", "status": "TASK_STATE_WORKING", "pageSize": 10, "pageToken": "MTA=", "historyLength": 0,
        "statusTimestampAfter": "2026-01-02T03:04:05.000Z", "includeArtifacts": true,
    });
    assert_eq!(routed("GET", &format!("/tasks?{query}"), ""), Ok(json!({"ListTasks": request})));
    let snake = "context_id=c&status=2&page_size=1&include_artifacts=false&pageToken=";
    assert_eq!(
        routed("GET", &format!("/tasks?{snake}"), ""),
        Ok(
            json!({"ListTasks": {"contextId": "c", "status": "TASK_STATE_WORKING", "pageSize": 1, "includeArtifacts": false}})
        )
    );
    assert_eq!(
        routed("GET", "/tasks/x:subscribe?tenant=acme", "ignored"),
        Ok(json!({"SubscribeToTask": {"tenant": "acme", "id": "x"}}))
    );
    assert_eq!(
        routed("DELETE", "/tasks/t/pushNotificationConfigs/c?tenant=acme", ""),
        Ok(json!({"DeleteTaskPushNotificationConfig": {"tenant": "acme", "taskId": "t", "id": "c"}}))
    );
}

#[test]
fn path_and_request_have_to_agree() {
    let agreed = Ok(json!({"CancelTask": {"tenant": "acme", "id": "x"}}));
    for body in ["", " \n", "{}", r#"{"id":"x"}"#, r#"{"id":"","tenant":null}"#, r#"{"tenant":"acme","id":null}"#] {
        assert_eq!(routed("POST", "/acme/tasks/x:cancel", body), agreed, "{body}");
    }
    assert_eq!(
        routed("GET", "/acme/tasks/x?id=x&tenant=acme", ""),
        Ok(json!({"GetTask": {"tenant": "acme", "id": "x"}}))
    );
    let created = json!({"CreateTaskPushNotificationConfig": {"taskId": "x", "url": "u"}});
    for body in [r#"{"url":"u"}"#, r#"{"url":"u","taskId":"x"}"#, r#"{"url":"u","task_id":"x"}"#] {
        assert_eq!(routed("POST", "/tasks/x/pushNotificationConfigs", body), Ok(created.clone()), "{body}");
    }
    for (verb, target, body, field) in [
        ("POST", "/acme/tasks/x:cancel", r#"{"id":"y"}"#, "id: the path says \"x\", but the request \"y\""),
        ("POST", "/acme/tasks/x:cancel", r#"{"tenant":"b"}"#, "tenant: the path says \"acme\", but the request \"b\""),
        ("POST", "/acme/tasks/x:cancel", r#"{"id":5}"#, "id: invalid type: integer `5`, expected a string"),
        ("POST", "/tasks/x/pushNotificationConfigs", r#"{"task_id":"y"}"#, "taskId: the path says"),
        ("GET", "/tasks/x?id=y", "", "id: the path says"),
        ("GET", "/acme/tasks?tenant=b", "", "tenant: the path says"),
        ("POST", "/acme/message:send", r#"{"tenant":"b"}"#, "tenant: the path says"),
        ("POST", "/tasks/x:cancel", "[]", "body: invalid type: sequence, expected an object"),
        ("POST", "/message:send", r#"["acme"]"#, "body: invalid type: sequence, expected an object"),
    ] {
        let error = routed(verb, target, body).unwrap_err();
        assert!(error.starts_with(&format!("InvalidParamsError: {field}")), "{verb} {target} {body}: {error}");
    }
    for body in ["{", "x", "{} {}"] {
        let error = routed("POST", "/tasks/x:cancel", body).unwrap_err();
        assert!(error.starts_with("JSONParseError: not JSON: "), "{error}");
    }
}

#[test]
fn what_a_path_cannot_hold_is_not_written() {
    let write = |json: Value| {
        let call = Call::from_json(GetTask, &json.to_string()).unwrap();
        http_json::write(&call).map(|written| written.target).map_err(|error| error.to_string())
    };
    assert_eq!(
        write(json!({"id": "a/b?c#d:cancel", "tenant": "ä b"})).unwrap(),
        "/%C3%A4%20b/tasks/a%2Fb%3Fc%23d%3Acancel"
    );
    assert_eq!(write(json!({"id": "..."})).unwrap(), "/tasks/...");
    assert_eq!(write(json!({"id": "x", "historyLength": 0})).unwrap(), "/tasks/x?historyLength=0");
    for (request, field) in [
        (json!({}), "id: must not be empty"),
        (json!({"id": "."}), "id: \".\" cannot"),
        (json!({"id": ".."}), "id: \"..\" cannot"),
        (json!({"id": "x", "tenant": ".."}), "tenant: \"..\" cannot"),
        (json!({"id": "x", "tenant": "tasks"}), "tenant: \"tasks\" begins"),
        (json!({"id": "x", "tenant": "message:send"}), "tenant: \"message:send\" begins"),
    ] {
        let error = write(request).unwrap_err();
        assert!(error.starts_with(&format!("InvalidParamsError: {field}")), "{error}");
    }
    let custom = Call::from_json_rpc("vendor/method", None).unwrap();
    assert_eq!(http_json::write(&custom).unwrap_err().kind(), ErrorKind::MethodNotFound);
}

#[test]
fn an_agents_own_method_keeps_its_parameters_as_they_are() {
    let params = serde_json::value::RawValue::from_string("[ 1.0 ]".to_owned()).unwrap();
    let call = Call::from_json_rpc("vendor/method", Some(&params)).unwrap();
    assert_eq!((call.method(), &*call.name(), call.tenant()), (None, "vendor/method", None));
    assert_eq!(serde_json::to_string(&call).unwrap(), "[ 1.0 ]");
    assert!(call.validate().is_ok());
    let mut call = Call::from_json_rpc("tasks/get", None).unwrap();
    call.set_tenant(Some("acme".to_owned()));
    assert_eq!((call.method(), call.tenant()), (None, Some("acme")));
    assert_eq!(serde_json::to_string(&call).unwrap(), r#"{"tenant":"acme"}"#);
}

#[test]
fn json_rpc_parameters_are_an_object_that_fits() {
    for (method, params, expected) in [
        ("GetTask", "[]", "params: invalid type: sequence, expected an object"),
        ("GetTask", r#"["acme","x"]"#, "params: invalid type: sequence, expected an object"),
        ("GetTask", r#"{"id":["x"]}"#, "id: invalid type: sequence, expected a string"),
        ("SendMessage", r#"{"message":{"parts":[{"raw":"!"}]}}"#, "message.parts[0].raw: not base64"),
        ("SendMessage", r#"{"metadata":{"a":{"b":1e999}}}"#, "metadata.a.b: number out of range"),
    ] {
        let params = serde_json::value::RawValue::from_string(params.to_owned()).unwrap();
        let error = Call::from_json_rpc(method, Some(&params)).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::InvalidParams);
        assert!(error.message().starts_with(expected), "{error}");
    }
    assert_eq!(Call::from_json_rpc("GetTask", None).unwrap().method(), Some(GetTask));
}

#[test]
fn depth_is_the_fault_of_a_field_on_both_bindings() {
    for levels in [200, 100_000] {
        let deep = [r#"{"a":"#.repeat(levels), "1".to_owned(), "}".repeat(levels)].concat();
        let kept = format!(r#"{{"metadata":{deep}}}"#);
        let ignored = format!(r#"{{"unknown":{deep}}}"#);
        for method in ["CancelTask", "SendMessage"] {
            let json = |text: &str| serde_json::value::RawValue::from_string(text.to_owned()).unwrap();
            let path = if method == "CancelTask" { "/tasks/x:cancel" } else { "/message:send" };
            for error in [
                Call::from_json_rpc(method, Some(&json(&kept))).unwrap_err(),
                route("POST", path).unwrap().call("", &kept).unwrap_err(),
            ] {
                assert_eq!(error.kind(), ErrorKind::InvalidParams);
                assert!(error.field_violations()[0].field.starts_with("metadata.a.a"), "{error}");
                assert!(error.message().contains("nested too deeply"), "{error}");
            }
            assert!(Call::from_json_rpc(method, Some(&json(&ignored))).is_ok());
            let error = route("POST", path).unwrap().call("", &ignored).unwrap_err();
            assert_eq!(error.field_violations()[0].field, "body");
        }
    }
}

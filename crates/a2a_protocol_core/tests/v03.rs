//! What version 0.3 says otherwise than 1.0, rule by rule; docs/versions.md has the table.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use a2a_protocol_core::*;
use serde_json::{Value, json};

const BOTH: [JsonDialect; 2] = [JsonDialect::V0_3, JsonDialect::V0_3Proto];

fn read<T: Spoken>(dialect: JsonDialect, json: &Value) -> T {
    T::read_in(dialect, json.to_string().as_bytes()).unwrap()
}

fn written<T: Spoken>(dialect: JsonDialect, value: &T) -> Value {
    serde_json::to_value(InDialect(dialect, value)).unwrap()
}

fn call(method: &str, params: &Value) -> Result<Call, Error> {
    let params = serde_json::value::to_raw_value(params).unwrap();
    JsonDialect::V0_3.read_json_rpc(method, Some(&params))
}

/// The part of a message.
fn part_of(dialect: JsonDialect, part: &Value) -> Part {
    let message = json!({"message": {"messageId": "m", "role": "user", "parts": [part]}});
    match read::<SendMessageResponse>(dialect, &message) {
        SendMessageResponse::Message(message) => message.parts[0].clone(),
        SendMessageResponse::Task(task) => panic!("{task:?}"),
    }
}

fn as_part(dialect: JsonDialect, part: Part) -> Value {
    let message = Message::new("m", Role::User, vec![part]);
    let json = written(dialect, &SendMessageResponse::Message(message.into()));
    json.pointer("/parts/0").or_else(|| json.pointer("/message/content/0")).unwrap().clone()
}

#[test]
fn what_a_part_has_no_field_for_is_carried_in_its_metadata() {
    let mut described = Part::text("a,b").media_type("text/csv").filename("a.csv");
    described.metadata = Some(Box::new(json!({"x": 1}).as_object().unwrap().clone()));
    for (part, json) in [
        (
            Part::data(json!([1, 2])),
            json!({"kind": "data", "data": {"value": [1, 2]}, "metadata": {"data_part_compat": true}}),
        ),
        (
            Part::data(Value::Null),
            json!({"kind": "data", "data": {"value": null}, "metadata": {"data_part_compat": true}}),
        ),
        (Part::data(json!({"value": 1})), json!({"kind": "data", "data": {"value": 1}})),
        (
            Part::data(json!({"a": 1})).media_type("application/json"),
            json!({"kind": "data", "data": {"a": 1}, "metadata": {"media_type_compat": "application/json"}}),
        ),
        (
            described,
            json!({"kind": "text", "text": "a,b", "metadata": {"x": 1, "media_type_compat": "text/csv", "filename_compat": "a.csv"}}),
        ),
        (
            Part::url("https://example.com/a").filename("a"),
            json!({"kind": "file", "file": {"uri": "https://example.com/a", "name": "a"}}),
        ),
    ] {
        assert_eq!(as_part(JsonDialect::V0_3, part.clone()), json);
        for dialect in BOTH {
            assert_eq!(part_of(dialect, &as_part(dialect, part.clone())), part, "{dialect:?}");
            assert_eq!(part_of(dialect, &json), part, "{dialect:?}");
        }
    }
}

#[test]
fn the_proto_has_files_encoded_twice_and_once_is_read_too() {
    let part = Part::raw(b"hello!".as_slice());
    assert_eq!(as_part(JsonDialect::V0_3, part.clone()), json!({"kind": "file", "file": {"bytes": "aGVsbG8h"}}));
    assert_eq!(as_part(JsonDialect::V0_3Proto, part.clone()), json!({"file": {"fileWithBytes": "YUdWc2JHOGg="}}));
    for bytes in ["YUdWc2JHOGg=", "aGVsbG8h"] {
        assert_eq!(part_of(JsonDialect::V0_3Proto, &json!({"file": {"fileWithBytes": bytes}})), part);
    }
}

#[test]
fn references_are_carried_where_the_proto_has_no_field() {
    let mut message = Message::user("m", "hi");
    message.reference_task_ids = vec!["t".to_owned()];
    let value = SendMessageResponse::Message(message.into());
    assert_eq!(written(JsonDialect::V0_3, &value)["referenceTaskIds"], json!(["t"]));
    let proto = written(JsonDialect::V0_3Proto, &value);
    assert_eq!(proto["message"]["metadata"], json!({"reference_task_ids_compat": ["t"]}));
    assert_eq!(read::<SendMessageResponse>(JsonDialect::V0_3Proto, &proto), value);
}

/// Whoever names metadata as what is carried there is named gets them back.
#[test]
fn own_metadata_of_the_names_under_which_things_are_carried_come_back() {
    let names = ["media_type_compat", "filename_compat", "data_part_compat", "reference_task_ids_compat"];
    let longer = names.map(|name| format!("{name}_compat"));
    let values = [json!("text/own"), json!(true), json!(5), json!(["t"]), json!({"a": [null]})];
    for value in values {
        for own in [&names[..], &names[..1], &longer.each_ref().map(String::as_str), &[names[2], &longer[2]]] {
            let metadata: Struct = own.iter().map(|name| ((*name).to_owned(), value.clone())).collect();
            for mut part in [
                Part::text("a"),
                Part::text("a").media_type("text/csv").filename("a.csv"),
                Part::data(json!([1])),
                Part::data(json!({"value": 1})).media_type("application/json"),
                Part::url("https://example.com/a").media_type("text/plain"),
            ] {
                part.metadata = Some(Box::new(metadata.clone()));
                let mut message = Message::new("m", Role::User, vec![part]);
                message.metadata = Some(Box::new(metadata.clone()));
                for references in [vec![], vec!["t".to_owned()]] {
                    message.reference_task_ids = references;
                    let value = SendMessageResponse::Message(message.clone().into());
                    for dialect in BOTH {
                        let json = written(dialect, &value);
                        assert_eq!(read::<SendMessageResponse>(dialect, &json), value, "{dialect:?} {json}");
                    }
                }
            }
        }
    }
    // What of 0.3 is not what is carried there stays as it is, beside what looks like it.
    let odd = json!({"kind": "text", "text": "a", "metadata": {"media_type_compat": 5, "media_type_compat_compat": 6}});
    let part = part_of(JsonDialect::V0_3, &odd);
    assert_eq!(serde_json::to_value(part.metadata.as_deref()).unwrap(), odd["metadata"]);
}

#[test]
fn a_part_that_0_3_cannot_say_is_an_error() {
    let part: Part = serde_json::from_value(json!({"hologram": {}})).unwrap();
    let value = SendMessageResponse::Message(Message::new("m", Role::Agent, vec![part]).into());
    for dialect in BOTH {
        assert!(serde_json::to_value(InDialect(dialect, &value)).is_err());
    }
    // What is new in 0.3 goes through.
    let new = json!({"kind": "hologram", "hologram": {"a": 1}});
    assert_eq!(as_part(JsonDialect::V0_3, part_of(JsonDialect::V0_3, &new)), new);
}

#[test]
fn states_and_roles_that_0_3_does_not_have_are_unknown_and_the_agents() {
    for (state, name, proto) in [
        (TaskState::Canceled, "canceled", "TASK_STATE_CANCELLED"),
        (TaskState::Unspecified, "unknown", "TASK_STATE_UNSPECIFIED"),
        (TaskState::from_name("TASK_STATE_DREAMING"), "unknown", "TASK_STATE_UNSPECIFIED"),
    ] {
        let task = Task::new("t", "c", TaskStatus::new(state));
        assert_eq!(written(JsonDialect::V0_3, &task)["status"]["state"], name);
        assert_eq!(written(JsonDialect::V0_3Proto, &task)["status"]["state"], proto);
    }
    let message = Message::new("m", Role::Unspecified, vec![Part::text("a")]);
    let value = SendMessageResponse::Message(message.into());
    assert_eq!(written(JsonDialect::V0_3, &value)["role"], "agent");
}

#[test]
fn an_update_is_final_where_the_stream_ends() {
    for (state, is_final) in [
        (TaskState::Working, false),
        (TaskState::AuthRequired, false),
        (TaskState::InputRequired, true),
        (TaskState::Completed, true),
        (TaskState::Rejected, true),
    ] {
        let update = StreamResponse::StatusUpdate(TaskStatusUpdateEvent::new("t", "c", TaskStatus::new(state)));
        assert_eq!(written(JsonDialect::V0_3, &update)["final"], is_final);
    }
}

#[test]
fn a_send_blocks_unless_told_otherwise_and_in_the_proto_if_told() {
    let message =
        json!({"kind": "message", "messageId": "m", "role": "user", "parts": [{"kind": "text", "text": "hi"}]});
    let immediately = |call: &Call| match call {
        Call::SendMessage(request) => request.configuration.as_ref().is_some_and(|c| c.return_immediately),
        other => panic!("{other:?}"),
    };
    for (configuration, json_rpc, proto) in [
        (json!(null), false, true),
        (json!({}), false, true),
        (json!({"blocking": true}), false, false),
        (json!({"blocking": false}), true, true),
    ] {
        let params = json!({"message": message, "configuration": configuration});
        assert_eq!(immediately(&call("message/send", &params).unwrap()), json_rpc, "{configuration}");
        let route = http_json::route_v03("POST", "/v1/message:send").unwrap();
        assert_eq!(immediately(&route.call("", &params.to_string()).unwrap()), proto, "{configuration}");
    }
    let plain = Call::SendMessage(SendMessageRequest::new(Message::user("m", "hi")));
    let body = http_json::write_in(JsonDialect::V0_3Proto, &plain).unwrap().body.unwrap();
    assert_eq!(serde_json::from_slice::<Value>(&body).unwrap()["configuration"], json!({"blocking": true}));
}

#[test]
fn a_configuration_without_an_id_is_that_of_its_task() {
    let set = call(
        "tasks/pushNotificationConfig/set",
        &json!({"taskId": "t", "pushNotificationConfig": {"url": "https://h"}}),
    );
    let Call::CreateTaskPushNotificationConfig(config) = set.unwrap() else { panic!("another call") };
    assert_eq!(config.id.as_deref(), Some("t"));
    let body = r#"{"config": {"pushNotificationConfig": {"url": "https://h"}}}"#;
    let route = http_json::route_v03("POST", "/v1/tasks/t/pushNotificationConfigs").unwrap();
    let Call::CreateTaskPushNotificationConfig(config) = route.call("", body).unwrap() else { panic!("another call") };
    assert_eq!((config.task_id.as_deref(), config.id.as_deref()), (Some("t"), Some("t")));
    // Without an id, any is asked for.
    let get = call("tasks/pushNotificationConfig/get", &json!({"id": "t"})).unwrap();
    assert!(matches!(get, Call::GetTaskPushNotificationConfig(request) if request.id == v03::ANY_CONFIG));
}

#[test]
fn a_member_that_names_a_tenant_is_not_read() {
    let send =
        json!({"tenant": "a", "message": {"messageId": "m", "role": "user", "parts": [{"kind": "text", "text": "a"}]}});
    let set = json!({"tenant": "a", "taskId": "t", "pushNotificationConfig": {"tenant": "a", "url": "https://h"}});
    for (method, params) in [
        ("message/send", send),
        ("tasks/get", json!({"tenant": "a", "id": "t"})),
        ("tasks/list", json!({"tenant": "a"})),
        ("tasks/pushNotificationConfig/set", set),
    ] {
        assert_eq!(call(method, &params).unwrap().tenant(), None, "{method}");
    }
    let route = http_json::route_v03("GET", "/v1/tasks/t").unwrap();
    assert_eq!(route.call("tenant=a", "").unwrap().tenant(), None);
    let route = http_json::route_v03("GET", "/b/v1/tasks/t").unwrap();
    assert_eq!(route.call("tenant=a", "").unwrap().tenant(), Some("b"));
}

#[test]
fn the_first_of_several_schemes_is_taken() {
    let config = json!({"url": "https://h", "authentication": {"schemes": ["Bearer", "Basic"], "credentials": "c"}});
    let params = json!({"taskId": "t", "pushNotificationConfig": config});
    let config: TaskPushNotificationConfig = read(JsonDialect::V0_3, &params);
    assert_eq!(config.authentication.unwrap().scheme, "Bearer");
    let none =
        json!({"taskId": "t", "pushNotificationConfig": {"url": "https://h", "authentication": {"schemes": []}}});
    assert_eq!(read::<TaskPushNotificationConfig>(JsonDialect::V0_3, &none).authentication, None);
}

#[test]
fn errors_name_the_field_as_0_3_does() {
    let part = |part: Value| json!({"message": {"messageId": "m", "role": "user", "parts": [part]}});
    for (method, params, field) in [
        ("message/send", json!({"message": {"messageId": "m", "role": "user"}}), "message.parts"),
        ("message/send", part(json!({"kind": "video"})), "message.parts[0]"),
        ("message/send", part(json!({"kind": "file", "file": {"uri": ""}})), "message.parts[0].file.uri"),
        ("message/send", part(json!({"kind": "text", "text": 5})), "message.parts[0].text"),
        ("message/send", part(json!({"kind": "file", "file": {"bytes": "*"}})), "message.parts[0].file.bytes"),
        ("message/send", json!({"message": {"kind": "task", "messageId": "m", "parts": []}}), "message.kind"),
        ("tasks/get", json!({}), "id"),
        ("tasks/get", json!({"name": "tasks/t/pushNotificationConfigs/c"}), "name"),
        ("tasks/get", json!({"name": "tasks/t/pushNotificationConfigs"}), "name"),
        ("tasks/get", json!({"name": "tasks/"}), "name"),
        ("tasks/cancel", json!({"name": "t"}), "name"),
        ("tasks/resubscribe", json!({"name": "tasks/t/pushNotificationConfigs/c"}), "name"),
        ("tasks/pushNotificationConfig/get", json!({"name": "tasks/t"}), "name"),
        ("tasks/pushNotificationConfig/delete", json!({"name": "tasks/t/pushNotificationConfigs/"}), "name"),
        ("tasks/pushNotificationConfig/list", json!({"parent": "tasks/t/pushNotificationConfigs/c"}), "parent"),
        ("tasks/get", json!({"id": "t", "historyLength": -1}), "historyLength"),
        ("tasks/pushNotificationConfig/get", json!({"pushNotificationConfigId": "c"}), "id"),
        ("tasks/pushNotificationConfig/delete", json!({"id": "t"}), "pushNotificationConfigId"),
        (
            "tasks/pushNotificationConfig/set",
            json!({"taskId": "t", "pushNotificationConfig": {}}),
            "pushNotificationConfig.url",
        ),
        (
            "message/send",
            json!({"message": {"messageId": "m", "role": "user", "parts": [{"kind": "text", "text": ""}]},
                   "configuration": {"pushNotificationConfig": {"url": ""}}}),
            "configuration.pushNotificationConfig.url",
        ),
    ] {
        let error = call(method, &params).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::InvalidParams);
        assert_eq!(error.field_violations()[0].field, field, "{error}");
    }
    let error = call("message/send", &json!([1])).unwrap_err();
    assert_eq!(error.message(), "params: invalid type: sequence, expected an object");
    let route = http_json::route_v03("POST", "/v1/message:send").unwrap();
    let error = route.call("", r#"{"message": {"messageId": "m", "role": "ROLE_USER"}}"#).unwrap_err();
    assert_eq!(error.field_violations()[0].field, "message.content");
}

#[test]
fn what_0_3_has_no_word_for_is_refused() {
    let mut tenant = GetTaskRequest::new("t");
    tenant.tenant = Some("acme".to_owned());
    let mut page = ListTaskPushNotificationConfigsRequest::default();
    (page.task_id, page.page_size) = ("t".to_owned(), 5);
    for (call, field) in [(Call::GetTask(tenant), "tenant"), (Call::ListTaskPushNotificationConfigs(page), "pageSize")]
    {
        assert_eq!(JsonDialect::V0_3.params(&call).unwrap_err().field_violations()[0].field, field);
    }
}

#[test]
fn paths_of_0_3_are_those_below_v1() {
    for (path, is_v03) in [
        ("/v1/message:send", true),
        ("/v1/card", true),
        ("/acme/v1/tasks/t", true),
        ("/message:send", false),
        ("/v1", false),
        ("/v10/tasks", false),
        ("/tasks/v1/x", false),
    ] {
        assert_eq!(http_json::is_v03_path(path), is_v03, "{path}");
    }
    let route = http_json::route_v03("GET", "/acme/v1/tasks/t").unwrap();
    assert_eq!((route.method, route.tenant.as_deref()), (Method::GetTask, Some("acme")));
    assert_eq!(http_json::route_v03("GET", "/v1/card").unwrap().method, Method::GetExtendedAgentCard);
    assert_eq!(http_json::route_v03("GET", "/v1/x/tasks/t"), Err(http_json::NoRoute::Path));
    assert_eq!(http_json::route_v03("POST", "/v1/card"), Err(http_json::NoRoute::Verb(vec!["GET"])));
    // As the path of version 1.0 that it then is.
    assert_eq!(http_json::route("GET", "/v1/tasks/t").unwrap().tenant.as_deref(), Some("v1"));
}

fn card() -> AgentCard {
    serde_json::from_value(json!({
        "name": "A", "description": "", "version": "1", "capabilities": {"streaming": true, "extendedAgentCard": true},
        "supportedInterfaces": [
            {"url": "https://h/a", "protocolBinding": "JSONRPC", "protocolVersion": "1.0"},
            {"url": "https://h/a", "protocolBinding": "JSONRPC", "protocolVersion": "0.3"},
            {"url": "https://h/b", "protocolBinding": "HTTP+JSON", "protocolVersion": "0.3"},
            {"url": "https://h/c", "protocolBinding": "HTTP+JSON", "protocolVersion": "0.3", "tenant": "acme"},
        ],
        "securitySchemes": {"key": {"apiKeySecurityScheme": {"location": "header", "name": "X"}}},
        "securityRequirements": [{"schemes": {"key": {}}}],
        "defaultInputModes": [], "defaultOutputModes": [],
        "skills": [{"id": "s", "name": "S", "description": "", "tags": [], "securityRequirements": [{"schemes": {"key": {"list": ["x"]}}}]}],
    }))
    .unwrap()
}

#[test]
fn a_card_of_0_3_has_its_address_on_top() {
    let json = written(JsonDialect::V0_3, &card());
    assert_eq!(
        json,
        json!({
            "name": "A", "description": "", "version": "1", "capabilities": {"streaming": true},
            "protocolVersion": "0.3.0", "url": "https://h/a", "preferredTransport": "JSONRPC",
            "additionalInterfaces": [{"url": "https://h/b", "transport": "HTTP+JSON"}],
            "supportsAuthenticatedExtendedCard": true,
            "securitySchemes": {"key": {"type": "apiKey", "in": "header", "name": "X"}},
            "security": [{"key": []}],
            "defaultInputModes": [], "defaultOutputModes": [],
            "skills": [{"id": "s", "name": "S", "description": "", "tags": [], "security": [{"key": ["x"]}]}],
        })
    );
    let read: AgentCard = read(JsonDialect::V0_3, &json);
    assert_eq!(read.supported_interfaces.len(), 2);
    assert_eq!(read.security_schemes, card().security_schemes);
    assert_eq!(read.skills, card().skills);
}

#[test]
fn a_card_of_both_versions_is_read_as_either() {
    let json = v03::beside(&card()).unwrap();
    assert_eq!(serde_json::from_value::<AgentCard>(json.clone()).unwrap(), card());
    let legacy: AgentCard = read(JsonDialect::V0_3, &json);
    assert_eq!(legacy.security_schemes, card().security_schemes);
    assert_eq!(legacy.security_requirements, card().security_requirements);
    let mut only_1_0 = card();
    only_1_0.supported_interfaces.truncate(1);
    assert_eq!(v03::beside(&only_1_0).unwrap(), serde_json::to_value(&only_1_0).unwrap());
    assert!(serde_json::to_value(InDialect(JsonDialect::V0_3, &only_1_0)).is_err());
}

#[test]
fn the_first_flow_of_a_scheme_is_taken_and_what_0_3_does_not_know_is_left_out() {
    let flows = json!({"password": {"tokenUrl": "https://t", "scopes": {}}, "clientCredentials": {"tokenUrl": "https://t", "scopes": {}}});
    let card: AgentCard = read(
        JsonDialect::V0_3,
        &json!({"name": "A", "url": "https://h", "securitySchemes": {"o": {"type": "oauth2", "flows": flows}}}),
    );
    let SecurityScheme::OAuth2(scheme) = &card.security_schemes["o"] else { panic!("another scheme") };
    assert!(matches!(scheme.flows, Some(OAuthFlows::ClientCredentials(_))));
    let code = json!({"authorizationUrl": "https://a", "tokenUrl": "https://t", "scopes": {}});
    let mut pkce = code.clone();
    pkce["pkceRequired"] = json!(true);
    let device = json!({"deviceAuthorizationUrl": "https://d", "tokenUrl": "https://t", "scopes": {}});
    for (flows, left) in [
        (json!({"authorizationCode": pkce}), json!({"authorizationCode": code})),
        (json!({"deviceCode": device}), json!({})),
    ] {
        let mut card = card.clone();
        let scheme = serde_json::from_value(json!({"oauth2SecurityScheme": {"flows": flows}})).unwrap();
        card.security_schemes.insert("o".to_owned(), scheme);
        let schemes = &written(JsonDialect::V0_3, &card)["securitySchemes"];
        assert_eq!(schemes["o"], json!({"type": "oauth2", "flows": left}));
    }
}

mod quirks {
    use super::*;

    #[test]
    fn home_grown_parts_are_understood() {
        for (json, part) in [
            (json!({"type": "text", "content": "hi"}), Part::text("hi")),
            (json!({"type": "text", "text": "hi"}), Part::text("hi")),
            (
                json!({"type": "file", "name": "a.txt", "content_type": "text/plain", "data": "aGk="}),
                Part::raw(b"hi".as_slice()).media_type("text/plain").filename("a.txt"),
            ),
        ] {
            for dialect in BOTH {
                assert_eq!(part_of(dialect, &json), part);
            }
        }
        let broken = json!({"type": "file", "name": "a", "data": "***"});
        assert!(matches!(part_of(JsonDialect::V0_3, &broken).content, Content::Unknown(_)));
    }

    #[test]
    fn the_state_cancelled_is_understood() {
        let task: Task = read(JsonDialect::V0_3, &json!({"id": "t", "status": {"state": "cancelled"}}));
        assert_eq!(task.status.state, TaskState::Canceled);
    }

    #[test]
    fn times_without_an_offset_are_in_utc() {
        let status = json!({"state": "working", "timestamp": "2026-01-02T03:04:05.5"});
        let task: Task = read(JsonDialect::V0_3, &json!({"id": "t", "status": status}));
        assert_eq!(task.status.timestamp.unwrap().to_string(), "2026-01-02T03:04:05.500Z");
        let error = Task::read_in(JsonDialect::V0_3, br#"{"status": {"timestamp": "noon"}}"#).unwrap_err();
        assert!(error.message().contains("status.timestamp"), "{error}");
    }

    #[test]
    fn events_without_a_kind_are_told_by_their_members() {
        for (json, kind) in [
            (json!({"messageId": "m", "role": "agent", "parts": []}), "message"),
            (json!({"id": "t", "contextId": "c", "status": {"state": "working"}}), "task"),
            (json!({"taskId": "t", "contextId": "c", "status": {"state": "working"}}), "status-update"),
            (json!({"taskId": "t", "contextId": "c", "artifact": {"artifactId": "a", "parts": []}}), "artifact-update"),
        ] {
            let event: StreamResponse = read(JsonDialect::V0_3, &json);
            assert_eq!(written(JsonDialect::V0_3, &event)["kind"], kind);
        }
        let error = StreamResponse::read_in(JsonDialect::V0_3, b"{}").unwrap_err();
        assert!(error.message().contains("kind"), "{error}");
    }

    #[test]
    fn nothing_to_say_may_be_null() {
        let route = http_json::route_v03("POST", "/v1/tasks/t:cancel").unwrap();
        assert!(matches!(route.call("", "null").unwrap(), Call::CancelTask(request) if request.id == "t"));
    }

    #[test]
    fn home_grown_cards_are_understood() {
        let card: AgentCard = read(
            JsonDialect::V0_3,
            &json!({
                "name": "Mine", "endpoint": "https://h/a2a",
                "capabilities": {"push_notifications": true, "skills": ["sing", {"id": "d", "name": "dance"}]},
                "security": {"schemes": ["bearer"]},
            }),
        );
        assert_eq!(card.supported_interfaces[0].url, "https://h/a2a");
        assert_eq!(card.supported_interfaces[0].protocol_version, "0.3");
        assert_eq!(card.capabilities.push_notifications, Some(true));
        assert_eq!(card.skills.iter().map(|skill| skill.id.as_str()).collect::<Vec<_>>(), ["sing", "d"]);
        assert!(matches!(&card.security_schemes["bearer"], SecurityScheme::HttpAuth(auth) if auth.scheme == "Bearer"));
        let named: AgentCard = read(
            JsonDialect::V0_3,
            &json!({"name": "Mine", "endpoint": "https://h", "security": {"schemes": {"k": {"type": "apiKey", "in": "query", "name": "q"}}}}),
        );
        assert!(matches!(&named.security_schemes["k"], SecurityScheme::ApiKey(key) if key.location == "query"));
    }
}

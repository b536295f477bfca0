//! ProtoJSON: what is read, what is refused and where, what is written.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use a2a_protocol_core::{
    AgentCard, Artifact, Content, ErrorKind, GetTaskRequest, ListTasksRequest, ListTasksResponse, Message, OAuthFlows,
    Part, Role, SecurityScheme, SendMessageRequest, SendMessageResponse, StreamResponse, Task, TaskArtifactUpdateEvent,
    TaskState, TaskStatus, TaskStatusUpdateEvent, read_response,
};
use serde::{Serialize, de::DeserializeOwned};
use serde_json::{Value, json};

fn read<T: DeserializeOwned>(json: &Value) -> T {
    read_response(json.to_string().as_bytes()).unwrap_or_else(|error| panic!("{json}: {error}"))
}

/// What reading and writing makes of it.
fn through<T: DeserializeOwned + Serialize>(json: &Value) -> Value {
    serde_json::to_value(read::<T>(json)).unwrap()
}

fn refusal<T: DeserializeOwned>(json: &str) -> String {
    match read_response::<T>(json.as_bytes()) {
        Ok(_) => panic!("{json:.100} is read"),
        Err(error) => {
            assert_eq!(error.kind(), ErrorKind::InvalidAgentResponse);
            error.message().to_owned()
        }
    }
}

#[test]
fn both_spellings_are_read_and_camel_case_is_written() {
    let camel = json!({
        "messageId": "m", "contextId": "c", "taskId": "t", "role": "ROLE_USER", "referenceTaskIds": ["r"],
        "parts": [{"text": "x", "mediaType": "text/plain"}],
    });
    let snake = json!({
        "message_id": "m", "context_id": "c", "task_id": "t", "role": "ROLE_USER", "reference_task_ids": ["r"],
        "parts": [{"text": "x", "media_type": "text/plain"}],
    });
    assert_eq!(through::<Message>(&camel), camel);
    assert_eq!(through::<Message>(&snake), camel);

    let camel = json!({
        "tenant": "a", "contextId": "c", "status": "TASK_STATE_WORKING", "pageSize": 1, "pageToken": "p",
        "historyLength": 2, "statusTimestampAfter": "2026-01-02T03:04:05.000Z", "includeArtifacts": false,
    });
    let snake = json!({
        "tenant": "a", "context_id": "c", "status": 2, "page_size": "1", "page_token": "p",
        "history_length": 2.0, "status_timestamp_after": "2026-01-02T04:04:05+01:00", "include_artifacts": false,
    });
    assert_eq!(through::<ListTasksRequest>(&camel), camel);
    assert_eq!(through::<ListTasksRequest>(&snake), camel);

    let camel = json!({"artifactUpdate": {"taskId": "t", "contextId": "c", "artifact": {"artifactId": "a", "parts": []}, "append": true, "lastChunk": true}});
    let snake = json!({"artifact_update": {"task_id": "t", "context_id": "c", "artifact": {"artifact_id": "a", "parts": []}, "append": true, "last_chunk": true}});
    assert_eq!(through::<StreamResponse>(&camel), camel);
    assert_eq!(through::<StreamResponse>(&snake), camel);
}

#[test]
fn null_and_the_empty_text_are_unset() {
    let nulls = json!({
        "messageId": null, "contextId": null, "taskId": "", "role": null, "parts": null, "metadata": null,
        "extensions": null, "referenceTaskIds": null, "unknown": null,
    });
    assert_eq!(read::<Message>(&nulls), Message::default());
    let part = json!({"text": null, "url": "u", "raw": null, "filename": "", "mediaType": null, "metadata": null});
    assert_eq!(through::<Part>(&part), json!({"url": "u"}));
    let task =
        json!({"id": "t", "contextId": null, "status": null, "artifacts": null, "history": null, "metadata": null});
    assert_eq!(read::<Task>(&task), Task::new("t", "", TaskStatus::default()));
    let status = json!({"state": null, "message": null, "timestamp": null});
    assert_eq!(read::<TaskStatus>(&status), TaskStatus::default());
    let request = json!({"message": null, "configuration": null, "metadata": null, "tenant": ""});
    assert_eq!(read::<SendMessageRequest>(&request), SendMessageRequest::default());
    let request = json!({"status": null, "pageSize": null, "statusTimestampAfter": null, "includeArtifacts": null});
    assert_eq!(read::<ListTasksRequest>(&request), ListTasksRequest::default());
    let card =
        json!({"capabilities": null, "skills": null, "securitySchemes": null, "provider": null, "iconUrl": null});
    assert_eq!(read::<AgentCard>(&card), AgentCard::default());
    assert_eq!(
        through::<StreamResponse>(&json!({"task": null, "message": {"role": "ROLE_AGENT"}, "statusUpdate": null})),
        json!({"message": {"messageId": "", "role": "ROLE_AGENT", "parts": []}})
    );
}

#[test]
fn null_is_a_value_of_data_only() {
    let part: Part = read(&json!({"data": null}));
    assert_eq!(part.content, Content::Data(Value::Null));
    assert_eq!(serde_json::to_value(&part).unwrap(), json!({"data": null}));
    let part: Part = read(&json!({"text": null}));
    assert!(matches!(part.content, Content::Unknown(_)));
    assert_eq!(through::<Part>(&json!({"data": {"a": null}})), json!({"data": {"a": null}}));
}

#[test]
fn explicit_presence_survives() {
    let card = json!({
        "name": "", "description": "", "version": "", "supportedInterfaces": [], "defaultInputModes": [],
        "defaultOutputModes": [], "skills": [], "documentationUrl": "", "iconUrl": "",
        "capabilities": {"streaming": false, "pushNotifications": false, "extendedAgentCard": false},
    });
    assert_eq!(through::<AgentCard>(&card), card);
    assert_eq!(
        through::<GetTaskRequest>(&json!({"id": "t", "historyLength": 0})),
        json!({"id": "t", "historyLength": 0})
    );
    assert_eq!(through::<Message>(&json!({"metadata": {}}))["metadata"], json!({}));
}

#[test]
fn required_members_are_written_and_others_only_if_set() {
    for (written, expected) in [
        (serde_json::to_value(Message::default()), json!({"messageId": "", "role": "ROLE_UNSPECIFIED", "parts": []})),
        (serde_json::to_value(Artifact::default()), json!({"artifactId": "", "parts": []})),
        (serde_json::to_value(Task::default()), json!({"id": "", "status": {"state": "TASK_STATE_UNSPECIFIED"}})),
        (
            serde_json::to_value(TaskStatusUpdateEvent::default()),
            json!({"taskId": "", "contextId": "", "status": {"state": "TASK_STATE_UNSPECIFIED"}}),
        ),
        (
            serde_json::to_value(TaskArtifactUpdateEvent::default()),
            json!({"taskId": "", "contextId": "", "artifact": {"artifactId": "", "parts": []}}),
        ),
        (
            serde_json::to_value(ListTasksResponse::default()),
            json!({"tasks": [], "nextPageToken": "", "pageSize": 0, "totalSize": 0}),
        ),
        (
            serde_json::to_value(SendMessageRequest::default()),
            json!({"message": {"messageId": "", "role": "ROLE_UNSPECIFIED", "parts": []}}),
        ),
        (serde_json::to_value(ListTasksRequest::default()), json!({})),
        (
            serde_json::to_value(AgentCard::default()),
            json!({
                "name": "", "description": "", "version": "", "capabilities": {}, "supportedInterfaces": [],
                "defaultInputModes": [], "defaultOutputModes": [], "skills": [],
            }),
        ),
    ] {
        assert_eq!(written.unwrap(), expected);
    }
}

#[test]
fn unknown_fields_are_ignored_wherever_they_stand() {
    let task = json!({
        "id": "t", "x": [1], "status": {"state": "TASK_STATE_WORKING", "y": {}},
        "history": [{"messageId": "m", "kind": "message", "parts": [{"kind": "text", "text": "hi", "more": null}]}],
    });
    let task = through::<Task>(&task);
    assert_eq!(
        task,
        json!({
            "id": "t", "status": {"state": "TASK_STATE_WORKING"},
            "history": [{"messageId": "m", "role": "ROLE_UNSPECIFIED", "parts": [{"text": "hi"}]}],
        })
    );
}

#[test]
fn enums_are_names_or_numbers_and_unknown_ones_are_kept() {
    for (received, state, written) in [
        (json!("TASK_STATE_COMPLETED"), TaskState::Completed, json!("TASK_STATE_COMPLETED")),
        (json!(3), TaskState::Completed, json!("TASK_STATE_COMPLETED")),
        (json!(3.0), TaskState::Completed, json!("TASK_STATE_COMPLETED")),
        (json!("3"), TaskState::Completed, json!("TASK_STATE_COMPLETED")),
        (json!(99), TaskState::Number(99), json!(99)),
        (json!(-1), TaskState::Number(-1), json!(-1)),
        (json!("TASK_STATE_PAUSED"), TaskState::Name("TASK_STATE_PAUSED".into()), json!("TASK_STATE_PAUSED")),
        (json!("task_state_completed"), TaskState::Name("task_state_completed".into()), json!("task_state_completed")),
    ] {
        let status: TaskStatus = read(&json!({"state": received}));
        assert_eq!(status.state, state);
        assert_eq!(serde_json::to_value(&status).unwrap(), json!({"state": written}));
        assert_eq!(status.state.is_terminal(), state == TaskState::Completed);
    }
    for wrong in ["1.5", "3000000000", "true", "[]", "{}"] {
        let message = refusal::<TaskStatus>(&format!(r#"{{"state":{wrong}}}"#));
        assert!(message.starts_with("state: "), "{message}");
    }
    for (index, state) in TaskState::KNOWN.iter().enumerate() {
        assert_eq!(state.number(), i32::try_from(index).ok());
        assert_eq!(TaskState::from_name(&state.to_string()), *state);
    }
    assert_eq!(Role::KNOWN.len(), 3);
    assert_eq!(Role::from_name("ROLE_AGENT"), Role::Agent);
}

#[test]
fn integers_may_be_texts_and_must_fit() {
    for (received, number) in [
        ("5", 5),
        ("\"5\"", 5),
        ("5.0", 5),
        ("5e0", 5),
        ("\"1e2\"", 100),
        ("-2147483648", i32::MIN),
        ("\"2147483647\"", i32::MAX),
    ] {
        let request: GetTaskRequest = read_response(format!(r#"{{"historyLength":{received}}}"#).as_bytes()).unwrap();
        assert_eq!(request.history_length, Some(number), "{received}");
    }
    for wrong in ["2147483648", "1.5", "\"ten\"", "\"\"", "\" 5\"", "\"NaN\"", "\"inf\"", "true", "[5]", "1e400"] {
        let message = refusal::<GetTaskRequest>(&format!(r#"{{"historyLength":{wrong}}}"#));
        assert!(message.starts_with("historyLength: "), "{wrong}: {message}");
    }
}

#[test]
fn numbers_of_free_values_are_doubles() {
    for (received, written) in [
        ("42", "42"),
        ("42.0", "42"),
        ("4.2e1", "42"),
        ("-0.0", "0"),
        ("0.1", "0.1"),
        ("-1.5e300", "-1.5e300"),
        ("9007199254740993", "9007199254740992"),
        ("18446744073709551615", "1.8446744073709552e19"),
        ("1e20", "1e20"),
    ] {
        let expected = format!(r#"{{"data":{{"n":[{written}]}},"metadata":{{"m":{written}}}}}"#);
        let json = format!(r#"{{"data":{{"n":[{received}]}},"metadata":{{"m":{received}}}}}"#);
        let part: Part = read_response(json.as_bytes()).unwrap();
        let once = serde_json::to_string(&part).unwrap();
        let value: Value = serde_json::from_str(&once).unwrap();
        assert_eq!(value, serde_json::from_str::<Value>(&expected).unwrap(), "{received}");
        // What a program puts in is written like what is received.
        let made = Part::data(serde_json::from_str::<Value>(&format!("[{received}]")).unwrap());
        assert_eq!(serde_json::to_value(&made).unwrap()["data"], value["data"]["n"]);
    }
    let whole = serde_json::to_string(&Part::data(json!([42.0, 1e15]))).unwrap();
    assert_eq!(whole, r#"{"data":[42,1000000000000000]}"#);
}

#[test]
fn content_without_a_known_member_is_kept_as_received() {
    let part = json!({"hologram": {"size": 7.0}, "media": [null], "filename": "f", "metadata": {"a": 1}});
    let read_part: Part = read(&part);
    assert!(matches!(read_part.content, Content::Unknown(_)));
    assert_eq!(serde_json::to_value(&read_part).unwrap(), part);
    assert_eq!(through::<Part>(&json!({})), json!({}));

    let scheme = json!({"dpopSecurityScheme": {"alg": "ES256"}});
    assert!(matches!(read(&scheme), SecurityScheme::Unknown(_)));
    assert_eq!(through::<SecurityScheme>(&scheme), scheme);
    assert!(matches!(read(&json!({"ciba": {}})), OAuthFlows::Unknown(_)));
    let card: AgentCard =
        read(&json!({"name": "n", "securitySchemes": {"a": scheme, "b": {"mtlsSecurityScheme": {}}}}));
    assert_eq!(card.security_schemes.len(), 2);
    for nothing in ["{}", r#"{"task":null}"#, r#"{"result":{}}"#] {
        assert_eq!(refusal::<SendMessageResponse>(nothing), "no member of SendMessageResponse is set");
        assert_eq!(refusal::<StreamResponse>(nothing), "no member of StreamResponse is set");
    }
}

#[test]
fn errors_name_the_exact_path() {
    let message = |json: &str| refusal::<SendMessageRequest>(&format!(r#"{{"message":{json}}}"#));
    for (json, expected) in [
        (r#""hi""#, "message: invalid type: string \"hi\", expected an object"),
        ("[]", "message: invalid type: sequence, expected an object"),
        (r#"{"messageId":5}"#, "message.messageId: invalid type: integer `5`, expected a string"),
        (r#"{"parts":{}}"#, "message.parts: invalid type: map, expected a list"),
        (r#"{"parts":[null]}"#, "message.parts[0]: invalid type: null, expected a part"),
        (r#"{"parts":["hi"]}"#, "message.parts[0]: invalid type: string \"hi\", expected a part"),
        (
            r#"{"parts":[{"text":"a"},{"text":7}]}"#,
            "message.parts[1].text: invalid type: integer `7`, expected a string",
        ),
        (r#"{"parts":[{"raw":"*"}]}"#, "message.parts[0].raw: not base64: Invalid symbol 42, offset 0."),
        (r#"{"parts":[{"raw":[1]}]}"#, "message.parts[0].raw: invalid type: sequence, expected base64"),
        (r#"{"parts":[{"metadata":[]}]}"#, "message.parts[0].metadata: invalid type: sequence, expected a map"),
        (
            r#"{"parts":[{"text":"a","url":"b"}]}"#,
            "message.parts[0]: `text` and `url` are both set, only one of them may be",
        ),
        (
            r#"{"parts":[{"data":null,"raw":""}]}"#,
            "message.parts[0]: `data` and `raw` are both set, only one of them may be",
        ),
        (r#"{"parts":[{"text":"a","text":"a"}]}"#, "message.parts[0].text: is set more than once"),
        (r#"{"parts":[{"mediaType":"a","media_type":"a"}]}"#, "message.parts[0].mediaType: is set more than once"),
        (r#"{"messageId":"a","message_id":"a"}"#, "message.messageId: is set more than once"),
        (r#"{"role":"ROLE_USER","role":null}"#, "message.role: is set more than once"),
        (r#"{"extensions":["a",null]}"#, "message.extensions[1]: invalid type: null, expected a string"),
        (r#"{"metadata":{"n":1e400}}"#, "message.metadata.n: number out of range"),
        (r#"{"parts":[{"text":"\ud800"}]}"#, "message.parts[0].text: unexpected end of hex escape"),
    ] {
        assert_eq!(message(json), expected, "{json}");
    }
    assert_eq!(
        refusal::<SendMessageRequest>(r#"{"configuration":{"historyLength":"x"}}"#),
        "configuration.historyLength: invalid value: string \"x\", expected a 32-bit integer"
    );
    assert_eq!(
        refusal::<SendMessageRequest>(r#"{"configuration":{"taskPushNotificationConfig":[]}}"#),
        "configuration.taskPushNotificationConfig: invalid type: sequence, expected an object"
    );
    assert_eq!(
        refusal::<StreamResponse>(r#"{"statusUpdate":{"status":{"timestamp":"noon"}}}"#),
        "statusUpdate.status.timestamp: invalid value: string \"noon\", expected an RFC 3339 time such as 2026-01-31T12:00:00.000Z"
    );
    assert_eq!(
        refusal::<StreamResponse>(r#"{"task":{},"message":{}}"#),
        "`task` and `message` are both set, only one of them may be"
    );
    assert_eq!(refusal::<StreamResponse>(r#"{"task":{},"task":{}}"#), "task: is set more than once");
    assert_eq!(
        refusal::<AgentCard>(r#"{"securitySchemes":{"a":{"oauth2SecurityScheme":{"flows":{"implicit":[]}}}}}"#),
        "securitySchemes.a.oauth2SecurityScheme.flows.implicit: invalid type: sequence, expected an object"
    );
}

#[test]
fn a_message_is_an_object() {
    for array in ["[]", r#"["t"]"#] {
        assert_eq!(refusal::<Task>(array), "invalid type: sequence, expected an object");
        assert!(refusal::<SendMessageResponse>(array).starts_with("invalid type: sequence"));
    }
    assert_eq!(refusal::<Task>(r#"{"status":[3]}"#), "status: invalid type: sequence, expected an object");
    assert_eq!(
        refusal::<ListTasksResponse>(r#"{"tasks":[["t"]]}"#),
        "tasks[0]: invalid type: sequence, expected an object"
    );
}

#[test]
fn what_is_not_json_is_said_to_be_so() {
    for (text, part) in [("", "EOF"), ("{", "EOF"), ("{}}", "trailing characters"), ("<html>", "expected value")] {
        let message = refusal::<Task>(text);
        assert!(message.starts_with("the response is not JSON: ") && message.contains(part), "{message}");
    }
    assert_eq!(read_response::<Task>(b"\"\xff\"").unwrap_err().message(), "the response is not UTF-8");
}

#[test]
fn depth_is_bounded_in_what_is_kept_and_not_in_what_is_ignored() {
    let nested = |levels: usize| format!("{}{}", "[".repeat(levels), "]".repeat(levels));
    for levels in [200, 100_000] {
        let deep = nested(levels);
        for (json, path) in [
            (format!(r#"{{"metadata":{{"a":{deep}}}}}"#), "metadata.a[0]"),
            (format!(r#"{{"message":{{"parts":[{{"data":{deep}}}]}}}}"#), "message.parts[0].data[0]"),
            (format!(r#"{{"message":{{"parts":[{{"unknown":{deep}}}]}}}}"#), "message.parts[0].unknown[0]"),
        ] {
            let message = refusal::<SendMessageRequest>(&json);
            assert!(message.starts_with(path), "{message}");
            assert!(message.ends_with(": nested too deeply, at most 127 levels are read"), "{message}");
            assert!(message.len() < 700);
        }
        let ignored =
            format!(r#"{{"unknown":{deep},"message":{{"unknown":{deep},"parts":[{{"text":"a","unknown":{deep}}}]}}}}"#);
        let request: SendMessageRequest = read_response(ignored.as_bytes()).unwrap();
        assert_eq!(request.message.text(), "a");
    }
    assert!(read_response::<Part>(format!(r#"{{"data":{}}}"#, nested(126)).as_bytes()).is_ok());
    refusal::<Part>(&format!(r#"{{"data":{}}}"#, nested(127)));
}

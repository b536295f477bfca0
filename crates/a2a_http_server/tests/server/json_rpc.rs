//! The JSON-RPC binding, in process.

use a2a_app_ports::Reply;
use a2a_protocol_core::{AgentExtension, Call, Error, ErrorKind, SendMessageResponse};
use http::HeaderName;
use protocol_transport_core::headers::ForwardPolicy;
use serde_json::json;

use crate::support::*;

#[tokio::test]
async fn the_id_is_echoed_byte_for_byte() {
    let server = server(Agent::fitting());
    for id in ["1", "1.0", "-3e2", "null", r#""a\u0062""#, "1234567890123456789012345678901234567890"] {
        let body = format!(r#"{{"id":{id},"method":"SendMessage","jsonrpc":"2.0","params":{SEND}}}"#);
        let answered = post(&server, body).await;
        assert_eq!(answered.status, 200);
        assert_eq!(answered.header("content-type"), Some("application/json"));
        assert!(answered.text().contains(&format!(r#""id":{id},"result":{{"message":"#)), "{}", answered.text());
    }
}

#[tokio::test]
async fn every_method_has_a_result_and_no_error() {
    let agent = Agent::fitting();
    let server = server(agent.clone());
    let push = r#"{"taskId":"t","id":"p"}"#;
    for (method, params, result) in [
        ("SendMessage", SEND, json!({"message": {"messageId": "m1", "role": "ROLE_AGENT", "parts": [{"text": "hi"}]}})),
        ("GetTask", r#"{"id":"t"}"#, serde_json::to_value(task()).unwrap()),
        ("CancelTask", r#"{"id":"t"}"#, serde_json::to_value(task()).unwrap()),
        ("ListTasks", "{}", json!({"tasks": [], "nextPageToken": "", "pageSize": 0, "totalSize": 0})),
        ("DeleteTaskPushNotificationConfig", push, json!({})),
        ("GetExtendedAgentCard", "{}", serde_json::to_value(card()).unwrap()),
        ("vendor/method", "[1]", json!("vendor/method")),
    ] {
        let answered = post(&server, rpc(method, params)).await;
        assert_eq!(answered.json(), json!({"jsonrpc": "2.0", "id": 1, "result": result}), "{method}");
        assert_eq!(agent.methods(), [method]);
    }
    for method in ["CreateTaskPushNotificationConfig", "GetTaskPushNotificationConfig"] {
        let answered = post(&server, rpc(method, r#"{"taskId":"t","id":"p","url":"https://hook.example"}"#)).await;
        assert_eq!(answered.json()["result"]["url"], "https://hook.example");
    }
    let answered = post(&server, rpc("ListTaskPushNotificationConfigs", r#"{"taskId":"t"}"#)).await;
    assert!(answered.json()["result"].is_object());
}

#[tokio::test]
async fn params_may_be_left_out_where_nothing_is_required() {
    let answered = post(&server(Agent::fitting()), r#"{"jsonrpc":"2.0","id":1,"method":"GetExtendedAgentCard"}"#).await;
    assert_eq!(answered.json()["result"]["name"], "Fake");
}

#[tokio::test]
async fn bad_bodies_are_errors_with_status_200() {
    let agent = Agent::fitting();
    let server = server(agent.clone());
    let deep = "[".repeat(200_000);
    let deep_params = rpc("SendMessage", &format!("{{\"message\":{}1{}}}", "[".repeat(5000), "]".repeat(5000)));
    let deep_data = format!(
        r#"{{"message":{{"messageId":"m","role":"ROLE_USER","parts":[{{"data":{}{}}}]}}}}"#,
        "[".repeat(5000),
        "]".repeat(5000)
    );
    let deep_data = rpc("SendMessage", &deep_data);
    for (body, code) in [
        (&b""[..], -32700),
        (b"{", -32700),
        (br#"{"jsonrpc":"2.0","id":1,"method":"SendMessage","params":{"message":"#, -32700),
        (b"\xff\xfe", -32700),
        (b"{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"\xc3\x28\"}", -32700),
        (deep.as_bytes(), -32700),
        (b"1", -32600),
        (b"[]", -32600),
        (br#"{"id":1,"method":"GetTask"}"#, -32600),
        (br#"{"jsonrpc":"1.0","id":1,"method":"GetTask"}"#, -32600),
        (br#"{"jsonrpc":"2.0","id":1,"method":7}"#, -32600),
        (br#"{"jsonrpc":"2.0","id":{},"method":"GetTask"}"#, -32600),
        (br#"{"jsonrpc":"2.0","id":1,"method":"GetTask","params":3}"#, -32600),
        (deep_params.as_bytes(), -32602),
        (deep_data.as_bytes(), -32602),
    ] {
        let answered = post(&server, body.to_vec()).await;
        let shown = String::from_utf8_lossy(&body[..body.len().min(90)]).into_owned();
        assert_eq!((answered.status.as_u16(), answered.code()), (200, code), "{shown}");
        let json = answered.json();
        assert_eq!(json["error"]["data"][0]["@type"], "type.googleapis.com/google.rpc.ErrorInfo", "{shown}");
    }
    assert!(agent.methods().is_empty());
}

#[tokio::test]
async fn a_wrong_field_is_named() {
    let server = server(Agent::fitting());
    for (method, params, field) in [
        (
            "SendMessage",
            r#"{"message":{"messageId":5,"role":"ROLE_USER","parts":[{"text":"a"}]}}"#,
            "message.messageId",
        ),
        (
            "SendMessage",
            r#"{"message":{"messageId":"m","role":"ROLE_USER","parts":[{"text":"a"},{"text":7}]}}"#,
            "message.parts[1]",
        ),
        ("SendMessage", r#"{"message":{"role":"ROLE_USER","parts":[{"text":"a"}]}}"#, "message.messageId"),
        ("SendMessage", r#"{"message":{"messageId":"m","role":"ROLE_USER","parts":[]}}"#, "message.parts"),
        ("GetTask", "{}", "id"),
        ("GetTask", r#"{"id":"t","historyLength":"many"}"#, "historyLength"),
        ("GetTask", r#"{"id":"t","tenant":"tasks"}"#, "tenant"),
        ("vendor/method", r#"{"tenant":".."}"#, "tenant"),
        ("ListTasks", r#"{"pageSize":1000}"#, "pageSize"),
    ] {
        let answered = post(&server, rpc(method, params)).await;
        assert_eq!(answered.code(), -32602, "{params}");
        let json = answered.json();
        assert_eq!(json["id"], 1);
        let named = json["error"]["data"][1]["fieldViolations"][0]["field"].as_str().unwrap();
        assert!(named.starts_with(field), "{named} for {params}");
        assert!(json["error"]["message"].as_str().unwrap().contains(field), "{json}");
    }
}

#[tokio::test]
async fn only_four_errors_have_a_status_of_their_own() {
    for kind in ErrorKind::ALL {
        let answered = post(&server(Agent::failing(*kind)), rpc("GetTask", r#"{"id":"t"}"#)).await;
        let status = match kind.http_status() {
            status @ (401 | 403 | 413 | 429) => status,
            _ => 200,
        };
        assert_eq!(answered.status.as_u16(), status, "{kind:?}");
        assert_eq!(answered.code(), kind.json_rpc_code(), "{kind:?}");
        assert_eq!(answered.json()["error"]["data"][0]["reason"], kind.reason());
    }
}

#[tokio::test]
async fn the_cause_of_an_error_stays_here() {
    let agent = Agent::answering(|_, _| Err(Error::internal("password hunter2")));
    let answered = post(&server(agent), rpc("GetTask", r#"{"id":"t"}"#)).await;
    assert_eq!(answered.code(), -32603);
    assert!(!answered.text().contains("hunter2"));
}

#[tokio::test]
async fn versions_are_negotiated_and_the_id_is_kept() {
    let agent = Agent::fitting();
    let server = server(agent.clone());
    let body = rpc("GetTask", r#"{"id":"t"}"#);
    for (header, uri, code) in [
        (None, "/", None),
        (Some(""), "/", None),
        (Some("1.0"), "/", None),
        (Some("1.0.7"), "/?A2A-Version=1.0.7", None),
        (None, "/?A2A-Version=1.0", None),
        (Some("99.0"), "/", Some(-32009)),
        (Some("0.3"), "/", Some(-32009)),
        (Some("one"), "/", Some(-32009)),
        (None, "/?A2A-Version=2.0", Some(-32009)),
        (Some("1.0"), "/?A2A-Version=0.3", Some(-32602)),
    ] {
        let headers: Vec<_> = [JSON].into_iter().chain(header.map(|version| ("A2A-Version", version))).collect();
        let answered = ask(&server, "POST", uri, &headers, body.clone()).await;
        assert_eq!(answered.status, 200);
        assert_eq!(answered.json()["id"], 1);
        match code {
            Some(code) => assert_eq!(answered.code(), code, "{header:?} {uri}"),
            None => assert_eq!(answered.json()["result"]["id"], "t1", "{header:?} {uri}"),
        }
        assert_eq!(agent.methods().len(), usize::from(code.is_none()), "{header:?} {uri}");
    }
}

#[tokio::test]
async fn versions_that_contradict_each_other_are_refused() {
    let agent = Agent::fitting();
    let server = server(agent.clone());
    let one = ("A2A-Version", "1.0");
    for (headers, uri, code) in [
        (&[JSON, one, ("A2A-Version", "99.0")][..], "/", Some(-32602)),
        (&[JSON], "/?A2A-Version=1.0&A2A-Version=99.0", Some(-32602)),
        (&[JSON, one], "/?A2A-Version=1.0&A2A-Version=0.3", Some(-32602)),
        (&[JSON, one, one, ("A2A-Version", "")], "/?A2A-Version=&A2A-Version=1.0", None),
    ] {
        let answered = ask(&server, "POST", uri, headers, rpc("GetTask", r#"{"id":"t"}"#)).await;
        let json = answered.json();
        assert_eq!(json["error"]["code"].as_i64(), code, "{headers:?} {uri}");
        if code.is_some() {
            assert_eq!(json["error"]["data"][1]["fieldViolations"][0]["field"], "A2A-Version", "{json}");
        }
        assert_eq!(agent.methods().len(), usize::from(code.is_none()));
    }
}

#[tokio::test]
async fn a_compressed_body_is_refused_as_such() {
    let agent = Agent::fitting();
    let server = server(agent.clone());
    for (coding, refused) in
        [("gzip", true), ("identity, br", true), ("identity", false), ("Identity", false), ("", false)]
    {
        let headers = [JSON, ("content-encoding", coding)];
        let sent: &[u8] = if refused { b"\x1f\x8b\x08" } else { SEND.as_bytes() };
        let answered = ask(&server, "POST", "/message:send", &headers, sent.to_vec()).await;
        assert_eq!(answered.status == 400, refused, "{coding}: {}", answered.text());
        if refused {
            let error = &answered.json()["error"];
            assert_eq!(error["details"][0]["reason"], "CONTENT_TYPE_NOT_SUPPORTED");
            assert!(error["message"].as_str().unwrap().contains("uncompressed"), "{error}");
            assert_eq!(ask(&server, "POST", "/", &headers, sent.to_vec()).await.code(), -32005);
        }
        assert_eq!(agent.methods().len(), usize::from(!refused));
    }
}

#[tokio::test]
async fn what_is_wrong_as_a_whole_has_a_name() {
    let server = server(Agent::fitting());
    let answered = post(&server, rpc("SendMessage", "[]")).await;
    assert_eq!(answered.json()["error"]["data"][1]["fieldViolations"][0]["field"], "params");
    for body in ["\"x\"", "[]", "null", "7"] {
        let answered = ask(&server, "POST", "/message:send", &[JSON], body).await;
        assert_eq!(answered.status, 400);
        let json = answered.json();
        assert_eq!(json["error"]["details"][1]["fieldViolations"][0]["field"], "body", "{json}");
    }
}

#[tokio::test]
async fn no_part_of_a_request_may_be_nested_beyond_a_bound() {
    let agent = Agent::fitting();
    let server = server(agent.clone());
    for (levels, refused) in [(126, false), (128, true), (100_000, true)] {
        let deep = [r#"{"a":"#.repeat(levels), "1".to_owned(), "}".repeat(levels)].concat();
        let params = format!(r#"{{"id":"t","unknown":{deep}}}"#);
        for body in [
            rpc("GetTask", &params),
            rpc("vendor/method", &params),
            format!(r#"{{"jsonrpc":"2.0","id":1,"method":"GetTask","params":{{"id":"t"}},"x":{deep}}}"#),
        ] {
            let json = post(&server, body).await.json();
            assert_eq!(json["id"], 1);
            assert_eq!(json["error"]["code"].as_i64(), refused.then_some(-32602), "{levels}");
        }
        let batch = format!("[{}]", rpc("GetTask", &params));
        assert_eq!(post(&server, batch).await.json()[0]["error"].is_object(), refused);
        let answered = ask(&server, "POST", "/tasks/t:cancel", &[JSON], params).await;
        assert_eq!(answered.status == 400, refused, "{levels}");
        assert_eq!(agent.methods().is_empty(), refused);
    }
}

#[tokio::test]
async fn only_json_is_read() {
    let agent = Agent::fitting();
    let server = server(agent.clone());
    let body = rpc("GetTask", r#"{"id":"t"}"#);
    for types in [&[][..], &[("content-type", "text/plain")], &[("content-type", "multipart/form-data; boundary=x")]] {
        let answered = ask(&server, "POST", "/", types, body.clone()).await;
        assert_eq!((answered.status.as_u16(), answered.code()), (200, -32005), "{types:?}");
    }
    for name in ["application/json; charset=utf-8", "application/a2a+json", "application/json-rpc+json"] {
        let answered = ask(&server, "POST", "/", &[("content-type", name)], body.clone()).await;
        assert_eq!(answered.header("content-type"), Some("application/json"));
        assert_eq!(answered.json()["result"]["id"], "t1", "{name}");
    }
}

#[tokio::test]
async fn batches_are_answered_in_order() {
    let server = server(Agent::fitting());
    let get = r#"{"jsonrpc":"2.0","id":"g","method":"GetTask","params":{"id":"t"}}"#;
    let notification = r#"{"jsonrpc":"2.0","method":"GetTask","params":{"id":"t"}}"#;
    let stream = format!(r#"{{"jsonrpc":"2.0","id":"s","method":"SendStreamingMessage","params":{SEND}}}"#);
    let answered = post(&server, format!("[{get},{notification},{stream},7,{get}]")).await;
    let replies = answered.json();
    let seen: Vec<_> =
        replies.as_array().unwrap().iter().map(|reply| (reply["id"].clone(), reply["error"]["code"].clone())).collect();
    assert_eq!(
        seen,
        [
            (json!("g"), json!(null)),
            (json!("s"), json!(-32600)),
            (json!(null), json!(-32600)),
            (json!("g"), json!(null))
        ]
    );

    let answered = post(&server, format!("[{notification},{notification}]")).await;
    assert_eq!((answered.status.as_u16(), answered.body.len()), (204, 0));
    let too_many = format!("[{}]", vec![get; 33].join(","));
    assert_eq!(post(&server, too_many).await.code(), -32600);
}

#[tokio::test]
async fn notifications_are_done_and_not_answered() {
    let agent = Agent::fitting();
    let answered = post(&server(agent.clone()), r#"{"jsonrpc":"2.0","method":"CancelTask","params":{"id":"t"}}"#).await;
    assert_eq!((answered.status.as_u16(), answered.body.len()), (204, 0));
    assert_eq!(agent.methods(), ["CancelTask"]);
}

#[tokio::test]
async fn the_path_is_matched_with_and_without_a_slash() {
    let server = server_with(Agent::fitting(), |options| {
        options.json_rpc_paths = vec!["/jsonrpc".to_owned(), "/".to_owned()];
    });
    for path in ["/jsonrpc", "/jsonrpc/", "/"] {
        let answered = ask(&server, "POST", path, &[JSON], rpc("GetTask", r#"{"id":"t"}"#)).await;
        assert_eq!(answered.json()["result"]["id"], "t1", "{path}");
    }
    let answered = ask(&server, "POST", "/other", &[JSON], rpc("GetTask", r#"{"id":"t"}"#)).await;
    assert_eq!(answered.status, 404);
    let answered = ask(&server, "GET", "/jsonrpc", &[], "").await;
    assert_eq!((answered.status.as_u16(), answered.header("allow")), (405, Some("POST")));
}

#[tokio::test]
async fn a_reply_of_the_wrong_kind_is_the_agents_fault() {
    let wrong = || Agent::answering(|_, _| Ok(Reply::Sent(SendMessageResponse::Message(message("x")))));
    for (method, params) in [("GetTask", r#"{"id":"t"}"#), ("SendStreamingMessage", SEND)] {
        assert_eq!(post(&server(wrong()), rpc(method, params)).await.code(), -32006, "{method}");
    }
    let stream = Agent::streaming(|| events(["a"]));
    assert_eq!(post(&server(stream), rpc("SendMessage", SEND)).await.code(), -32006);
}

#[tokio::test]
async fn extensions_are_negotiated_and_echoed() {
    let mut declared = card();
    declared.capabilities.extensions = vec![AgentExtension::new("urn:a"), AgentExtension::new("urn:b")];
    let agent = Agent::fitting();
    let server = server_of(agent.clone(), declared.clone(), |_| {});
    let body = rpc("GetTask", r#"{"id":"t"}"#);
    let headers = [JSON, ("a2a-extensions", "urn:b, urn:unknown"), ("a2a-extensions", "urn:a,urn:b")];
    let answered = ask(&server, "POST", "/", &headers, body.clone()).await;
    assert_eq!(answered.header("a2a-extensions"), Some("urn:b, urn:a"));
    assert_eq!(agent.asked()[0].0.extensions, ["urn:b", "urn:a"]);
    let answered = post(&server, body.clone()).await;
    assert_eq!(answered.header("a2a-extensions"), None);

    declared.capabilities.extensions[0].required = true;
    let server = server_of(Agent::fitting(), declared, |_| {});
    assert_eq!(post(&server, body.clone()).await.code(), -32008);
    let answered = ask(&server, "POST", "/", &headers, body).await;
    assert!(answered.json().get("result").is_some());
}

#[tokio::test]
async fn the_context_has_what_the_headers_say() {
    let agent = Agent::fitting();
    let server = server_with(agent.clone(), |options| {
        options.forward = ForwardPolicy::allowing([HeaderName::from_static("traceparent")]).unwrap();
    });
    for (last_event_id, seen) in [("7", Some(7)), (" 12 ", Some(12)), ("x", None), ("-1", None)] {
        let headers = [JSON, ("last-event-id", last_event_id), ("traceparent", "00-1"), ("cookie", "secret")];
        ask(&server, "POST", "/", &headers, rpc("GetTask", r#"{"id":"t"}"#)).await;
        let (context, _) = agent.asked().remove(0);
        assert_eq!(context.last_event_id, seen);
        assert_eq!(context.headers.len(), 1);
        assert_eq!(context.headers["traceparent"], "00-1");
    }
}

#[tokio::test]
async fn large_bodies_are_read_up_to_the_limit() {
    let text = "x".repeat(3 << 20);
    let send = |text: &str| {
        rpc(
            "SendMessage",
            &format!(r#"{{"message":{{"messageId":"m","role":"ROLE_USER","parts":[{{"text":"{text}"}}]}}}}"#),
        )
    };
    let agent = Agent::fitting();
    let server = server_with(agent.clone(), |options| options.compress_from = None);
    let answered = post(&server, send(&text)).await;
    assert!(answered.body.len() > text.len());
    let Call::SendMessage(request) = &agent.asked()[0].1 else { panic!() };
    assert_eq!(request.message.text().len(), text.len());

    let answered = post(&server, send(&"x".repeat(10 << 20))).await;
    assert_eq!((answered.status.as_u16(), answered.code()), (413, -32000));
    let json = answered.json();
    assert!(json["error"]["message"].as_str().unwrap().contains("4194304"), "{json}");
    assert_eq!(json["error"]["data"][0]["reason"], "PAYLOAD_TOO_LARGE");

    let roomy = server_with(Agent::fitting(), |options| options.max_body_bytes = 16 << 20);
    assert_eq!(post(&roomy, send(&"x".repeat(10 << 20))).await.status, 200);
}

#[tokio::test]
async fn results_of_an_own_method_are_streamed_but_not_in_a_batch() {
    let agent = Agent::answering(|_, _| {
        let results = ["1", "[2]"].map(|json| Ok(serde_json::value::RawValue::from_string(json.to_owned()).unwrap()));
        let failed = Err(Error::new(ErrorKind::ResourceExhausted, "enough"));
        Ok(Reply::CustomStream(Box::pin(futures::stream::iter(results.into_iter().chain([failed])))))
    });
    let server = server(agent.clone());
    let json = [("content-type", "application/json")];
    let call = r#"{"jsonrpc":"2.0","id":7,"method":"vendor/count"}"#;
    let answered = ask(&server, "POST", "/", &json, call).await;
    assert_eq!(answered.header("content-type"), Some("text/event-stream"));
    let text = String::from_utf8(answered.body.to_vec()).unwrap();
    let events: Vec<serde_json::Value> = text
        .lines()
        .filter_map(|line| line.strip_prefix("data:"))
        .map(|data| serde_json::from_str(data).unwrap())
        .collect();
    assert_eq!(events.len(), 3, "{text}");
    assert_eq!(
        events[..2],
        [json!({"jsonrpc": "2.0", "id": 7, "result": 1}), json!({"jsonrpc": "2.0", "id": 7, "result": [2]})]
    );
    assert_eq!((&events[2]["id"], &events[2]["error"]["message"]), (&json!(7), &json!("enough")));

    assert!(agent.asked().iter().all(|(context, _)| !context.no_stream));
    let batch = format!("[{call}]");
    let answered = ask(&server, "POST", "/", &json, batch).await.json();
    assert_eq!(answered[0]["error"]["code"], -32600, "{answered}");
    assert!(agent.asked()[0].0.no_stream, "who knows that it streams can refuse before it begins");
}

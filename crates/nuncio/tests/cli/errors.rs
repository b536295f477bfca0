use crate::support::{Agent, Answer, Nuncio, completes};

#[test]
fn the_same_error_looks_the_same_over_every_binding() {
    for (code, status, reason, name) in [
        (-32001, 404, "TASK_NOT_FOUND", "TaskNotFoundError"),
        (-32004, 400, "UNSUPPORTED_OPERATION", "UnsupportedOperationError"),
        (-32005, 400, "CONTENT_TYPE_NOT_SUPPORTED", "ContentTypeNotSupportedError"),
        (-32008, 400, "EXTENSION_SUPPORT_REQUIRED", "ExtensionSupportRequiredError"),
        (-32009, 400, "VERSION_NOT_SUPPORTED", "VersionNotSupportedError"),
    ] {
        let agent = Agent::start(move |_| Answer::Error(code, status, reason, "because"));
        let envelopes = ["JSONRPC", "HTTP+JSON"].map(|binding| {
            Nuncio::to(&agent).run(&["send", "x", "-o", "json", "--transport", binding]).exits(1).json()
        });
        assert_eq!(envelopes[0], envelopes[1]);
        let error = &envelopes[0]["error"];
        assert_eq!(
            (&error["code"], &error["message"], &error["a2aCode"]),
            (&name.into(), &"because".into(), &code.into())
        );
        assert!(error["hint"].is_string());
    }
}

#[test]
fn usage_errors_exit_2_in_the_form_that_was_asked_for() {
    for arguments in [
        &["send"][..],
        &["send", "x", "--nonsense"],
        &["send", "--media-type", "a/b", "x"],
        &["send", "x", "--metadata", "[]"],
        &["send", "x", "--stream", "--async"],
        &["send", "x", "--wait", "--async"],
        &["send", "--file", "/no/such/file"],
        &["send", "x", "--svc-param", "no-colon"],
        &["send", "x", "--timeout", "soon"],
        &["task", "get"],
        &["card"],
        &["nonsense"],
        &["send", "x", "--config", "/no/such/file"],
        &["card", "get", "-a", "gopher://h"],
        &["card", "get", "-a", ""],
    ] {
        let agent = Agent::start(completes);
        let nuncio = Nuncio::to(&agent);
        let text = nuncio.run(arguments).exits(2);
        assert!(text.stdout.is_empty() && text.stderr.contains("A2ACLI_ERR_USAGE"), "{arguments:?} {text:?}");
        for json in [["-o", "json"].as_slice(), &["--output=json"], &["-ojson"]] {
            let run = nuncio.run(&[json, arguments].concat()).exits(2);
            assert_eq!(run.error_code(), "A2ACLI_ERR_USAGE", "{arguments:?}");
        }
        let run = Nuncio::to(&agent).env("A2ACLI_OUTPUT", "json").run(arguments).exits(2);
        assert_eq!(run.error_code(), "A2ACLI_ERR_USAGE");
        assert_eq!(agent.methods(), [""; 0], "nothing is sent: {arguments:?}");
    }
}

#[test]
fn no_agent_is_a_usage_error() {
    let run = Nuncio::new().run(&["send", "x", "-o", "json"]).exits(2);
    assert_eq!(run.error_code(), "A2ACLI_ERR_USAGE");
}

#[test]
fn an_agent_that_cannot_be_reached_exits_3() {
    let agent = Agent::start(|_| Answer::HangUp);
    let run = Nuncio::to(&agent).run(&["send", "x", "--async", "-o", "json"]).exits(3);
    assert_eq!(run.error_code(), "A2ACLI_ERR_UNREACHABLE");
    assert!(run.json()["error"]["a2aCode"].is_null());
}

#[test]
fn a_reply_that_makes_no_sense_is_named() {
    let agent = Agent::start(|_| Answer::Http(200, "<html>"));
    let run = Nuncio::to(&agent).run(&["task", "get", "t", "-o", "json"]).exits(1);
    assert_eq!(run.error_code(), "InvalidAgentResponseError");
}

#[test]
fn what_the_protocol_has_no_name_for_is_prefixed() {
    for (answer, exit, name, code) in [
        (|| Answer::Http(413, ""), 1, "NUNCIO_ERR_PAYLOAD_TOO_LARGE", None),
        (
            || Answer::Error(-32000, 429, "RESOURCE_EXHAUSTED", "slowly"),
            1,
            "NUNCIO_ERR_RESOURCE_EXHAUSTED",
            Some(-32000),
        ),
        (|| Answer::Http(502, "<html>"), 3, "A2ACLI_ERR_UNREACHABLE", None),
        (|| Answer::Http(403, ""), 4, "A2ACLI_ERR_AUTH_FAILED", None),
        (|| Answer::Http(500, "<html>"), 1, "InternalError", None),
        (|| Answer::Error(-32603, 500, "INTERNAL_ERROR", "broken"), 1, "InternalError", Some(-32603)),
    ] as [(fn() -> Answer, i32, &str, Option<i64>); 6]
    {
        for binding in ["JSONRPC", "HTTP+JSON"] {
            let agent = Agent::start(move |_| answer());
            let run =
                Nuncio::to(&agent).run(&["send", "x", "--async", "-o", "json", "--transport", binding]).exits(exit);
            assert_eq!(run.error_code(), name, "{binding}");
            assert_eq!(run.json()["error"]["a2aCode"].as_i64(), code, "{run:?}");
        }
    }
}

#[test]
fn a_code_of_the_agents_own_is_kept() {
    let agent = Agent::start(|_| Answer::Error(-31999, 200, "OUT_OF_COFFEE", "no coffee"));
    let run = Nuncio::to(&agent).run(&["send", "x", "-o", "json"]).exits(1);
    assert_eq!(run.error_code(), "NUNCIO_ERR_AGENT");
    assert_eq!(run.json()["error"]["a2aCode"], -31999);
}

use serde_json::json;

use crate::support::{Agent, Answer, Call, Nuncio, completes};

const BEARER: &str = "bearer-token-of-the-test";
const KEY: &str = "api/key+of \"the\" test";
const PARAMETER: &str = "parameter-of-the-test";

/// An agent whose key goes where the scheme says, and which echoes what it gets.
fn with_key(location: &'static str, behaviour: impl Fn(&Call) -> Answer + Send + Sync + 'static) -> Agent {
    Agent::with_card(
        move |card| {
            card["securitySchemes"] = json!({
                "key": {"apiKeySecurityScheme": {"location": location, "name": "X-Test-Key"}},
                "token": {"httpAuthSecurityScheme": {"scheme": "Bearer"}},
            });
            card["securityRequirements"] = json!([{"schemes": {"key": {}}}, {"schemes": {"token": {}}}]);
        },
        behaviour,
    )
}

#[test]
fn credentials_are_attached_as_the_card_declares() {
    for (location, place) in [("header", "x-test-key"), ("cookie", "cookie")] {
        let agent = with_key(location, completes);
        Nuncio::to(&agent).run(&["send", "x", "--api-key", "k3y", "--bearer", BEARER]).exits(0);
        for call in agent.calls() {
            assert!(call.header(place).unwrap().ends_with("k3y"), "{call:?}");
            assert_eq!(call.header("authorization"), Some(format!("Bearer {BEARER}").as_str()));
        }
    }
    let agent = with_key("query", completes);
    Nuncio::to(&agent).run(&["send", "x", "--api-key", "k3y"]).exits(0);
    assert!(agent.calls().iter().all(|call| call.target.ends_with("?X-Test-Key=k3y")));
}

#[test]
fn credentials_come_from_the_environment_unless_a_flag_says_otherwise() {
    let agent = with_key("header", completes);
    let nuncio = Nuncio::to(&agent).env("A2ACLI_BEARER", "from-env").env("A2ACLI_API_KEY", "key-from-env");
    nuncio.run(&["task", "get", "t"]).exits(0);
    nuncio.run(&["task", "get", "t", "--bearer", "from-flag"]).exits(0);
    let calls = agent.calls();
    assert_eq!(calls[0].header("authorization"), Some("Bearer from-env"));
    assert_eq!(calls[0].header("x-test-key"), Some("key-from-env"));
    assert_eq!(calls[1].header("authorization"), Some("Bearer from-flag"));
}

#[test]
fn service_parameters_are_headers_and_no_credentials() {
    let agent = Agent::start(completes);
    let nuncio = Nuncio::to(&agent);
    let arguments = [
        "--svc-param",
        "X-Trace: abc",
        "task",
        "get",
        "t",
        "--svc-param",
        "x-team:blue:green",
        "--svc-param",
        "A2A-Extensions:urn:x",
    ];
    nuncio.run(&arguments).exits(0);
    let call = &agent.calls()[0];
    assert_eq!((call.header("x-trace"), call.header("x-team")), (Some("abc"), Some("blue:green")));
    assert_eq!(call.header("a2a-extensions"), Some("urn:x"));
    let help = nuncio.run(&["help", "send"]).exits(0).stdout;
    let parameter = help.split("--svc-param").nth(1).unwrap().split("--task-id").next().unwrap();
    assert!(!parameter.to_lowercase().contains("auth") && !parameter.contains("credential"), "{parameter}");
    assert!(help.contains("process list") && help.contains("A2ACLI_BEARER") && help.contains("A2ACLI_API_KEY"));
}

#[test]
fn no_credential_is_ever_shown() {
    // A careless agent that repeats what it was sent.
    let echo = |_: &Call| {
        Answer::Stream(Box::new(|events| {
            events.fail(-32603, &format!("refused: Bearer {BEARER}, key {KEY}, parameter {PARAMETER}"));
        }))
    };
    for location in ["header", "query", "cookie"] {
        let agent = with_key(location, echo);
        let secret = format!("x-secret:Token {PARAMETER}");
        for format in ["text", "json"] {
            for verbose in ["--verbose=false", "--verbose"] {
                let arguments = [
                    "send",
                    "x",
                    "--debug",
                    verbose,
                    "-o",
                    format,
                    "--bearer",
                    BEARER,
                    "--api-key",
                    KEY,
                    "--svc-param",
                    &secret,
                ];
                let run = Nuncio::to(&agent).run(&arguments).exits(1);
                assert!(run.stderr.contains("debug: ") && run.stderr.contains("[redacted]"), "{run:?}");
                assert!(run.stderr.contains("SendStreamingMessage"), "the messages on the wire are shown: {run:?}");
                let shown = format!("{}{}", run.stdout, run.stderr);
                for secret in [BEARER, KEY, PARAMETER, "api/key", "api%2Fkey", "api\\/key"] {
                    assert!(!shown.contains(secret), "{secret} in {shown}");
                }
            }
        }
        let call = &agent.calls()[0];
        assert!(format!("{call:?}").contains(BEARER), "it was sent all the same");
    }
}

#[test]
fn configuration_and_usage_errors_show_no_credential() {
    let nuncio =
        Nuncio::new().file("work/.env", &format!("A2ACLI_API_KEY={PARAMETER}\nA2ACLI_SVC_PARAM=x-a:{PARAMETER}\n"));
    for arguments in [
        &["config", "show", "--bearer", BEARER][..],
        &["config", "show", "--bearer", BEARER, "-o", "json"],
        &["send", "--bearer", BEARER, "--nonsense", BEARER, "-o", "json"],
        &["send", "x", "--svc-param", BEARER],
    ] {
        let run = nuncio.run(arguments);
        let shown = format!("{}{}", run.stdout, run.stderr);
        assert!(!shown.contains(BEARER) && !shown.contains(PARAMETER), "{shown}");
    }
}

#[test]
fn missing_and_refused_credentials_are_told_apart() {
    let agent = with_key("header", |_| Answer::Http(401, ""));
    let run = Nuncio::to(&agent).run(&["send", "x", "-o", "json"]).exits(4);
    assert_eq!(run.error_code(), "A2ACLI_ERR_CREDENTIALS_MISSING");
    let hint = run.json()["error"]["hint"].as_str().unwrap().to_owned();
    assert!(hint.contains("X-Test-Key") && hint.contains("--api-key") && hint.contains("--bearer"), "{hint}");
    let run = Nuncio::to(&agent).run(&["send", "x", "-o", "json", "--bearer", "wrong"]).exits(4);
    assert_eq!(run.error_code(), "A2ACLI_ERR_AUTH_FAILED");
}

#[test]
fn insecure_warns_and_more_so_with_credentials() {
    let agent = Agent::start(completes);
    let nuncio = Nuncio::to(&agent);
    let run = nuncio.run(&["task", "get", "t"]).exits(0);
    assert_eq!(run.stderr, "");
    let run = nuncio.run(&["task", "get", "t", "--insecure"]).exits(0);
    assert!(run.stderr.contains("TLS CERTIFICATES ARE NOT VERIFIED"), "{run:?}");
    assert!(!run.stderr.contains("CREDENTIALS"), "{run:?}");
    let run = nuncio.run(&["task", "get", "t", "--insecure", "--bearer", "b"]).exits(0);
    assert!(run.stderr.contains("CREDENTIALS ARE SENT OVER AN UNVERIFIED CONNECTION"), "{run:?}");
}

#[test]
fn a_credential_that_the_card_does_not_ask_for_is_not_sent() {
    let key = json!({"key": {"apiKeySecurityScheme": {"location": "header", "name": "X-API-Key"}}});
    let token = json!({"token": {"httpAuthSecurityScheme": {"scheme": "Bearer"}}});
    let oidc = json!({"sso": {"openIdConnectSecurityScheme": {"openIdConnectUrl": "https://h"}}});
    for (schemes, flag, header, missing) in [
        (key.clone(), "--bearer", "authorization", true),
        (key, "--api-key", "x-api-key", false),
        (token.clone(), "--api-key", "x-api-key", true),
        (token, "--bearer", "authorization", false),
        (oidc, "--bearer", "authorization", false),
        (json!({}), "--bearer", "authorization", false),
        (json!({}), "--api-key", "x-api-key", false),
    ] {
        let agent = Agent::with_card(move |card| card["securitySchemes"] = schemes, |_| Answer::Http(401, ""));
        let run = Nuncio::to(&agent).run(&["send", "x", "-o", "json", flag, "secret"]).exits(4);
        assert_eq!(agent.calls()[0].header(header).is_none(), missing, "{flag}");
        let code = if missing { "A2ACLI_ERR_CREDENTIALS_MISSING" } else { "A2ACLI_ERR_AUTH_FAILED" };
        assert_eq!(run.error_code(), code, "{flag}");
    }
}

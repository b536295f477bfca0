//! Which version a request is in: by the version that it names and by its style.

use a2a_http_server::V03Support;
use a2a_protocol_core::{ErrorKind, ProtocolVersion};
use serde_json::Value;

use crate::support::*;

/// What a request comes to: the version that the agent is told of, or the error.
type Cell = Result<ProtocolVersion, ErrorKind>;

const V1_0: Cell = Ok(ProtocolVersion::V1_0);
const V0_3: Cell = Ok(ProtocolVersion::V0_3);
const REFUSED: Cell = Err(ErrorKind::VersionNotSupported);
const DIFFER: Cell = Err(ErrorKind::InvalidParams);

/// Header, query, and what comes of a request in the style of 1.0, of 0.3, and of neither.
type Row = (Option<&'static str>, Option<&'static str>, Cell, Cell, Cell);

const TABLE: &[Row] = &[
    (None, None, V1_0, V0_3, V1_0),
    (Some(""), None, V1_0, V0_3, V1_0),
    (Some("1.0"), None, V1_0, REFUSED, V1_0),
    (Some("1.0.1"), None, V1_0, REFUSED, V1_0),
    (Some("0.3"), None, REFUSED, V0_3, V0_3),
    (Some("0.3.0"), None, REFUSED, V0_3, V0_3),
    (None, Some("0.3"), REFUSED, V0_3, V0_3),
    (None, Some("1.0"), V1_0, REFUSED, V1_0),
    (Some("99.0"), None, REFUSED, REFUSED, REFUSED),
    (Some("1.0"), Some("0.3"), DIFFER, DIFFER, DIFFER),
    (Some("0.3"), Some("0.3.0"), REFUSED, V0_3, V0_3),
];

fn cell(agent: &Agent, answered: &Answered) -> Cell {
    let asked = agent.asked();
    match asked.first() {
        Some((context, _)) => Ok(context.version),
        None => {
            let json = answered.json();
            let error = json.get("error").unwrap_or(&json);
            let error: Vec<&Value> = [error.get("data"), error.get("details")].into_iter().flatten().collect();
            Err(ErrorKind::from_reason(error[0][0]["reason"].as_str().unwrap()).unwrap())
        }
    }
}

#[tokio::test]
async fn every_cell_of_version_and_style() {
    let agent = Agent::fitting();
    let server = server(agent.clone());
    for (header, query, v1_0, v0_3, neither) in TABLE {
        let headers: Vec<_> = [JSON].into_iter().chain(header.map(|version| ("A2A-Version", version))).collect();
        let query = query.map(|version| format!("?A2A-Version={version}")).unwrap_or_default();
        let named = format!("{header:?} {query}");
        for (method, expected) in [("GetTask", v1_0), ("tasks/get", v0_3), ("vendor/method", neither)] {
            let body = rpc(method, r#"{"id":"t"}"#);
            let answered = ask(&server, "POST", &format!("/{query}"), &headers, body).await;
            assert_eq!(answered.json()["id"], 1);
            assert_eq!(cell(&agent, &answered), *expected, "{method} {named}");
        }
        let answered = ask(&server, "GET", &format!("/tasks/t{query}"), &headers, "").await;
        assert_eq!(cell(&agent, &answered), *v1_0, "/tasks/t {named}");
        let answered = ask(&server, "GET", &format!("/v1/tasks/t{query}"), &headers, "").await;
        // Of version 1.0, it is the path of a tenant.
        let is_tenant = v0_3 == &REFUSED && v1_0 == &V1_0;
        let expected = if is_tenant { &V1_0 } else { v0_3 };
        assert_eq!(cell(&agent, &answered), *expected, "/v1/tasks/t {named}");
    }
}

#[tokio::test]
async fn v1_is_a_tenant_in_version_1_0() {
    let agent = Agent::fitting();
    let server = server(agent.clone());
    for (headers, tenant) in [(&[("a2a-version", "1.0")][..], Some("v1")), (&[], None)] {
        ask(&server, "GET", "/v1/tasks/t", headers, "").await;
        assert_eq!(agent.asked()[0].1.tenant(), tenant);
    }
    ask(&server, "GET", "/acme/v1/tasks/t", &[], "").await;
    let (context, call) = agent.asked().remove(0);
    assert_eq!((context.version, call.tenant()), (ProtocolVersion::V0_3, Some("acme")));
}

#[tokio::test]
async fn a_server_that_refuses_it_says_what_it_speaks() {
    let agent = Agent::fitting();
    let server = server_with(agent.clone(), |options| options.v03 = V03Support::Refused);
    let answered = post(&server, rpc("tasks/get", r#"{"id":"t"}"#)).await;
    assert_eq!(answered.code(), -32009);
    let json = answered.json();
    assert_eq!(json["error"]["data"][0]["metadata"]["supportedVersions"], "1.0", "{json}");
    let headers = [("a2a-version", "0.3")];
    assert_eq!(cell(&agent, &ask(&server, "GET", "/v1/tasks/t", &headers, "").await), REFUSED);
    // Without a version it is the path of a tenant.
    ask(&server, "GET", "/v1/tasks/t", &[], "").await;
    assert_eq!(agent.asked()[0].1.tenant(), Some("v1"));
}

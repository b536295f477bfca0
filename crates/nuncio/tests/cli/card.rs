use serde_json::json;

use crate::support::{Agent, Answer, Nuncio, card, completes};

#[test]
fn a_card_is_found_by_host_url_and_file() {
    let agent = Agent::start(completes);
    let nuncio = Nuncio::new().file("card.json", &card(&agent.url).to_string());
    let host = agent.url.strip_prefix("http://").unwrap().to_owned();
    let path = nuncio.home.join("card.json").to_str().unwrap().to_owned();
    let references = [
        host,
        agent.url.clone(),
        format!("{}/.well-known/agent-card.json", agent.url),
        path.clone(),
        format!("file://{path}"),
    ];
    for reference in references {
        let run = nuncio.run(&["card", "get", "-a", &reference]).exits(0);
        run.says("Name: Scripted")
            .says("Streaming: yes")
            .says(&format!("Selected Interface: JSONRPC 1.0 {}/rpc", agent.url));
    }
}

#[test]
fn a_card_in_json_is_the_protocols_type() {
    let agent = Agent::start(completes);
    let nuncio = Nuncio::to(&agent);
    assert_eq!(nuncio.run(&["card", "get", "-o", "json"]).exits(0).json(), card(&agent.url));
    let streamed = nuncio.run(&["card", "get", "-o", "json", "--stream"]).exits(0);
    assert_eq!(streamed.jsonl(), [card(&agent.url)]);
}

#[test]
fn a_fresh_card_is_not_fetched_again() {
    // By way of a proxy, so that it can be an agent of another host.
    let agent = Agent::start(completes);
    let nuncio = Nuncio::new().env("http_proxy", &agent.url);
    for _ in 0..2 {
        nuncio.run(&["card", "get", "-a", "http://agent.test"]).exits(0).says("Name: Scripted");
    }
    assert_eq!(agent.all_calls().len(), 1);
}

#[test]
fn a_card_of_this_machine_is_always_fetched() {
    let agent = Agent::start(completes);
    let nuncio = Nuncio::to(&agent);
    for _ in 0..2 {
        nuncio.run(&["card", "get"]).exits(0);
    }
    assert_eq!(agent.all_calls().len(), 2);
}

#[test]
fn validation_names_the_fields_at_fault() {
    let good = Agent::start(completes);
    Nuncio::to(&good).run(&["card", "get", "--validate"]).exits(0).says("Valid: yes");
    let bad = Agent::with_card(
        |card| {
            card["version"] = json!("");
            card["securityRequirements"] = json!([{"schemes": {"other": {}}}]);
        },
        completes,
    );
    Nuncio::to(&bad).run(&["card", "get"]).exits(0);
    let run = Nuncio::to(&bad).run(&["card", "get", "--validate", "-o", "json"]).exits(1);
    assert_eq!(run.error_code(), "A2ACLI_ERR_CARD_INVALID");
    let message = run.json()["error"]["message"].as_str().unwrap().to_owned();
    assert!(
        message.contains("version is required") && message.contains("securityRequirements[0].schemes.other"),
        "{message}"
    );
}

#[test]
fn the_extended_card_is_asked_for_only_where_it_is_declared() {
    let agent = Agent::start(completes);
    let run = Nuncio::to(&agent).run(&["card", "get", "--extended", "-o", "json"]).exits(1);
    assert_eq!(run.error_code(), "UnsupportedOperationError");
    assert_eq!(agent.methods(), [""; 0]);

    let agent = Agent::with_card(
        |card| card["capabilities"]["extendedAgentCard"] = json!(true),
        |call| match call.method.as_str() {
            "GetExtendedAgentCard" => {
                let mut extended = card("http://h");
                extended["name"] = json!("Extended");
                Answer::Result(extended)
            }
            _ => completes(call),
        },
    );
    Nuncio::to(&agent).run(&["card", "get", "--extended"]).exits(0).says("Name: Extended");
}

#[test]
fn there_is_no_card_and_no_agent() {
    let agent = Agent::without_card(404, "");
    let run = Nuncio::to(&agent).run(&["card", "get", "-o", "json"]).exits(3);
    assert_eq!(run.error_code(), "A2ACLI_ERR_CARD_NOT_FOUND");
    let agent = Agent::without_card(200, "[]");
    let run = Nuncio::to(&agent).run(&["card", "get", "-o", "json"]).exits(1);
    assert_eq!(run.error_code(), "A2ACLI_ERR_CARD_INVALID");
    // Nobody listens there, and no test is given that port.
    let run = Nuncio::new().run(&["card", "get", "-a", "127.0.0.1:1", "-o", "json"]).exits(3);
    assert_eq!(run.error_code(), "A2ACLI_ERR_UNREACHABLE");
}

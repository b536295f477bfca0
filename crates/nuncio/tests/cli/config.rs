use serde_json::{Value, json};

use crate::support::{Agent, Nuncio, completes};

fn setting(shown: &Value, name: &str) -> (String, String) {
    let settings = shown["settings"].as_array().unwrap();
    let setting = settings.iter().find(|setting| setting["name"] == name).unwrap();
    (setting["value"].as_str().unwrap().to_owned(), setting["source"].as_str().unwrap().to_owned())
}

#[test]
fn precedence_is_flag_environment_local_global_default() {
    let nuncio = Nuncio::new()
        .file(".config/a2a-cli/.env", "A2ACLI_AGENT_CARD=global\nA2ACLI_POLL_INTERVAL=9s\nA2ACLI_TRANSPORT=rest\n")
        .file("work/.env", "A2ACLI_AGENT_CARD=local\nA2ACLI_POLL_INTERVAL=8s\nA2ACLI_VERBOSE=true\n")
        .env("A2ACLI_AGENT_CARD", "environment");
    let shown = nuncio.run(&["config", "show", "-o", "json"]).exits(0).json();
    let home = nuncio.home.display();
    assert_eq!(setting(&shown, "output"), ("json".into(), "flag".into()));
    assert_eq!(setting(&shown, "agent-card"), ("environment".into(), "environment".into()));
    assert_eq!(setting(&shown, "poll-interval"), ("8s".into(), format!("file {home}/work/.env")));
    assert_eq!(setting(&shown, "transport"), ("rest".into(), format!("file {home}/.config/a2a-cli/.env")));
    assert_eq!(setting(&shown, "wait").1, "default");
    nuncio.run(&["config", "show", "-a", "flag"]).exits(0).says("agent-card: flag [flag]");
}

#[test]
fn the_local_file_is_found_upwards_and_replaced_by_config() {
    let nuncio = Nuncio::new().file(".env", "A2ACLI_AGENT_CARD=above\n").file("other.env", "A2ACLI_AGENT_CARD=other\n");
    let home = nuncio.home.display().to_string();
    nuncio.run(&["config", "show"]).exits(0).says(&format!("agent-card: above [file {home}/.env]"));
    let other = format!("{home}/other.env");
    let line = format!("agent-card: other [file {other}]");
    nuncio.run(&["config", "show", "--config", &other]).exits(0).says(&line);
    let by_environment = Nuncio::new().env("A2ACLI_CONFIG", &other);
    by_environment.run(&["config", "show"]).exits(0).says(&line);
    nuncio.run(&["send", "x", "--config", "/no/such.env"]).exits(2);
}

#[test]
fn options_of_a_file_take_effect() {
    let agent = Agent::start(completes);
    let settings = format!("A2ACLI_AGENT_CARD={}\nA2ACLI_ASYNC=true\nA2ACLI_TASK_ID=t9\n", agent.url);
    let nuncio = Nuncio::new().file("work/.env", &settings);
    nuncio.run(&["send", "x"]).exits(0);
    nuncio.run(&["send", "x", "--wait"]).exits(0);
    let calls = agent.calls();
    assert_eq!((calls[0].method.as_str(), calls[1].method.as_str()), ("SendMessage", "SendStreamingMessage"));
    assert_eq!(calls[0].params["message"]["taskId"], json!("t9"));
}

#[cfg(unix)]
#[test]
fn a_file_of_secrets_that_others_can_read_is_warned_of() {
    use std::os::unix::fs::PermissionsExt as _;
    let nuncio = Nuncio::new().file("work/.env", "A2ACLI_BEARER=b\n");
    let path = nuncio.home.join("work/.env");
    let mode = |mode| std::fs::set_permissions(&path, std::fs::Permissions::from_mode(mode)).unwrap();
    mode(0o644);
    assert!(nuncio.run(&["config", "show"]).exits(0).stderr.contains("chmod 600"));
    mode(0o600);
    assert_eq!(nuncio.run(&["config", "show"]).exits(0).stderr, "");
}

#[cfg(unix)]
#[test]
fn what_is_cached_is_the_users_alone() {
    use std::os::unix::fs::PermissionsExt as _;
    let agent = Agent::start(completes);
    let nuncio = Nuncio::new().env("http_proxy", &agent.url);
    nuncio.run(&["card", "get", "-a", "http://agent.test"]).exits(0);
    let files: Vec<_> =
        std::fs::read_dir(nuncio.home.join("cache/nuncio/cards")).unwrap().map(|file| file.unwrap().path()).collect();
    assert_eq!(files.len(), 1);
    assert_eq!(std::fs::metadata(&files[0]).unwrap().permissions().mode() & 0o777, 0o600);
}

//! The command.

mod support;

use std::io::{BufRead, BufReader};
use std::process::{Child, Command, Stdio};

use http::{Method, StatusCode};
use support::{Client, request, text, whole};

/// A process that ends with its test, however that ends.
struct Running(Child);

impl Drop for Running {
    fn drop(&mut self) {
        _ = self.0.kill();
        _ = self.0.wait();
    }
}

#[tokio::test]
async fn the_command_serves_with_what_it_is_given_and_ends_when_it_is_told_to() {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("keys.db");
    let component = tokio::task::spawn_blocking(|| component_host::build("nuncio-component-guest", &[])).await.unwrap();
    let command = Command::new(env!("CARGO_BIN_EXE_component_host"))
        .arg(component)
        .args(["--env", "A=b=c", "--requests-per-instance", "1", "--allow", "http://127.0.0.1:*"])
        .args(["--sqlite", "default=:memory:", "--key-value", &format!("default={}", file.display())])
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut command = Running(command);
    let mut stderr = BufReader::new(command.0.stderr.take().unwrap());
    let mut line = String::new();
    stderr.read_line(&mut line).unwrap();
    let address = line.trim().strip_prefix("listens on http://").unwrap().parse().unwrap();

    let mut client = Client::connect_to(address).await;
    assert_eq!(text(client.get("/env?A").await.into_body()).await, "b=c");
    assert_eq!(text(client.get("/count").await.into_body()).await, "0");
    assert_eq!(text(client.get("/count").await.into_body()).await, "0");
    let response = client.send(request(Method::PUT, "/key/a", whole("1"))).await;
    assert_eq!((response.status(), file.exists()), (StatusCode::OK, true));

    assert!(Command::new("kill").arg(command.0.id().to_string()).status().unwrap().success());
    assert!(tokio::task::spawn_blocking(move || command.0.wait()).await.unwrap().unwrap().success());
}

#[test]
fn a_file_that_is_no_component_is_named() {
    let output = Command::new(env!("CARGO_BIN_EXE_component_host")).arg("Cargo.toml").output().unwrap();
    assert!(!output.status.success());
    assert!(String::from_utf8_lossy(&output.stderr).contains("component Cargo.toml"), "{output:?}");
}

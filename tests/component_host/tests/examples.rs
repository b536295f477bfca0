//! The application of `examples/spin_agent`: its three agents below one address and on one database, as Spin runs them.

#![allow(clippy::unwrap_used, reason = "a panic is how a test fails")]

mod support;

use std::net::SocketAddr;
use std::path::Path;
use std::sync::{Arc, LazyLock};

use bytes::Bytes;
use component_host::{ComponentFile, Host, Serving, build_example};
use http::{Method, Request, Response, StatusCode};
use http_body_util::BodyExt;
use http_body_util::combinators::BoxBody;
use hyper::body::Incoming;
use hyper_util::rt::TokioIo;
use serde_json::{Value, json};
use support::{Client, request, text, whole};
use tempfile::TempDir;
use tokio::net::{TcpListener, TcpStream};

static MANIFEST: LazyLock<toml::Table> =
    LazyLock::new(|| include_str!("../../../examples/spin_agent/spin.toml").parse().unwrap());

/// Where `spin up` listens, and so where the manifest has the agents.
const SPIN: &str = "http://127.0.0.1:3000";

/// Each component of the application, and the example that it is made of.
const COMPONENTS: [(&str, &str); 3] = [("echo", "echo"), ("storyteller", "streaming"), ("editor", "calling_agent")];

#[test]
fn each_component_is_an_example_and_its_public_url_is_its_route() {
    let mut routes: Vec<_> = routes().collect();
    routes.sort_unstable();
    assert_eq!(routes, [("/echo", "echo"), ("/editor", "editor"), ("/storyteller", "storyteller")]);
    assert_eq!(MANIFEST["component"].as_table().unwrap().len(), COMPONENTS.len());

    for (name, example) in COMPONENTS {
        let component = &MANIFEST["component"][name];
        let source = Path::new(component["source"].as_str().unwrap());
        assert_eq!(source.file_name().unwrap().to_str().unwrap(), format!("{example}.wasm"));
        let public_url = component["environment"]["NUNCIO_PUBLIC_URL"].as_str().unwrap();
        assert!(routes.contains(&(public_url.strip_prefix(SPIN).unwrap(), name)), "{public_url}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_task_of_echo_outlives_its_instance() {
    let application = Application::start(&Host::new().requests_per_instance(1)).await;

    let card = application.get("/echo/.well-known/agent-card.json").await;
    let card: Value = serde_json::from_str(&card).unwrap();
    let json_rpc = card["supportedInterfaces"].as_array().unwrap().iter().find(|i| i["protocolBinding"] == "JSONRPC");
    assert_eq!(json_rpc.unwrap()["url"], format!("{}/echo/", application.url));

    let sent = application.call("/echo/", "SendMessage", message("hello")).await;
    let sent: Value = serde_json::from_str(&sent).unwrap();
    let task = &sent["result"]["task"];
    assert_eq!(task["status"]["state"], "TASK_STATE_COMPLETED", "{sent}");
    assert_eq!(task["status"]["message"]["parts"], json!([{"text": "hello"}]), "{sent}");

    let before = application.serving("echo").instances().borrow().started;
    let got = application.call("/echo", "GetTask", json!({"id": task["id"]})).await;
    let got: Value = serde_json::from_str(&got).unwrap();
    assert_eq!(&got["result"], task, "{got}");
    assert_eq!(application.serving("echo").instances().borrow().started, before + 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_editor_streams_what_the_storyteller_writes_in_capitals() {
    let application = Application::start(&Host::new()).await;

    let stream = application.call("/editor/", "SendStreamingMessage", message("tides")).await;

    let data = stream.lines().filter_map(|line| line.strip_prefix("data:"));
    let events: Vec<Value> = data.map(|data| serde_json::from_str(data).unwrap()).collect();
    let chunks = events.iter().filter_map(|event| event["result"]["artifactUpdate"]["artifact"]["parts"].as_array());
    let text: String = chunks.flatten().map(|part| part["text"].as_str().unwrap()).collect();
    assert_eq!(text, "IT BEGAN WITH THE MOON. THE SEA ROSE. THE SEA FELL. AND SO IT GOES ON.", "{stream}");
    let last = events.last().unwrap();
    assert_eq!(last["result"]["statusUpdate"]["status"]["state"], "TASK_STATE_COMPLETED", "{stream}");
}

fn message(text: &str) -> Value {
    json!({"message": {"messageId": "m", "role": "ROLE_USER", "parts": [{"text": text}]}})
}

/// The path that each component is below.
fn routes() -> impl Iterator<Item = (&'static str, &'static str)> {
    MANIFEST["trigger"]["http"].as_array().unwrap().iter().map(|trigger| {
        let route = trigger["route"].as_str().unwrap();
        (route.strip_suffix("/...").unwrap(), trigger["component"].as_str().unwrap())
    })
}

/// The application as its manifest says, at a free port.
struct Application {
    url: String,
    address: SocketAddr,
    components: Vec<(&'static str, Serving)>,
    _directory: TempDir,
}

impl Application {
    /// Runs each component on its own `host`, behind one address.
    async fn start(host: &Host) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let url = format!("http://{address}");
        let directory = tempfile::tempdir().unwrap();

        let mut components = Vec::new();
        for (name, example) in COMPONENTS {
            let file = move || ComponentFile::load(build_example("nuncio-spin-agent", example, &["spin-sqlite"]));
            let file = tokio::task::spawn_blocking(file).await.unwrap().unwrap();
            let host = configured(host.clone(), name, &url, directory.path());
            components.push((name, host.serve(&file).await.unwrap()));
        }

        let addresses = components.iter().map(|(name, serving)| {
            let (path, _) = routes().find(|(_, component)| component == name).unwrap();
            (path, serving.address())
        });
        tokio::spawn(accept(listener, addresses.collect()));
        Self { url, address, components, _directory: directory }
    }

    fn serving(&self, component: &str) -> &Serving {
        &self.components.iter().find(|(name, _)| *name == component).unwrap().1
    }

    async fn get(&self, path: &str) -> String {
        self.exchange(request(Method::GET, path, whole(""))).await
    }

    /// The answer to a JSON-RPC request.
    async fn call(&self, path: &str, method: &str, params: Value) -> String {
        let body = json!({"jsonrpc": "2.0", "id": 1, "method": method, "params": params});
        let mut request = request(Method::POST, path, whole(&body.to_string()));
        request.headers_mut().insert("content-type", "application/json".parse().unwrap());
        request.headers_mut().insert("a2a-version", "1.0".parse().unwrap());
        self.exchange(request).await
    }

    async fn exchange(&self, request: Request<BoxBody<Bytes, std::convert::Infallible>>) -> String {
        let response = Client::connect_to(self.address).await.send(request).await;
        let status = response.status();
        let text = text(response.into_body()).await;
        let logs: Vec<_> = self.components.iter().map(|(_, serving)| serving.stderr().borrow().clone()).collect();
        assert_eq!(status, StatusCode::OK, "{text}\n{}", logs.concat());
        text
    }
}

/// What the manifest gives a component. As under Spin, the databases of a label are one.
fn configured(mut host: Host, name: &str, url: &str, databases: &Path) -> Host {
    let component = &MANIFEST["component"][name];
    for (variable, value) in component["environment"].as_table().unwrap() {
        host = host.env(variable, value.as_str().unwrap().replace(SPIN, url));
    }
    for allowed in strings(component, "allowed_outbound_hosts") {
        host = host.allow(allowed.replace(SPIN, url));
    }
    for label in strings(component, "sqlite_databases") {
        host = host.sqlite(label, databases.join(label));
    }
    host
}

fn strings<'a>(component: &'a toml::Value, key: &str) -> impl Iterator<Item = &'a str> {
    component.get(key).and_then(toml::Value::as_array).into_iter().flatten().map(|value| value.as_str().unwrap())
}

/// Where the components listen, each with the path that it is below.
type Addresses = Arc<[(&'static str, SocketAddr)]>;

async fn accept(listener: TcpListener, addresses: Addresses) {
    while let Ok((stream, _)) = listener.accept().await {
        let addresses = addresses.clone();
        let service = hyper::service::service_fn(move |request| forward(request, addresses.clone()));
        tokio::spawn(hyper::server::conn::http1::Builder::new().serve_connection(TokioIo::new(stream), service));
    }
}

/// Has the component whose route a request matches answer it.
async fn forward(
    request: Request<Incoming>,
    addresses: Addresses,
) -> Result<Response<BoxBody<Bytes, hyper::Error>>, hyper::Error> {
    let path = request.uri().path();
    let below = |base: &str| path.strip_prefix(base).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'));
    let Some((_, address)) = addresses.iter().find(|(base, _)| below(base)) else {
        let mut response = Response::new(whole("no route").map_err(|never| match never {}).boxed());
        *response.status_mut() = StatusCode::NOT_FOUND;
        return Ok(response);
    };
    let stream = TcpStream::connect(address).await.unwrap();
    let (mut sender, connection) = hyper::client::conn::http1::handshake(TokioIo::new(stream)).await?;
    tokio::spawn(connection);
    Ok(sender.send_request(request).await?.map(BodyExt::boxed))
}

use std::collections::BTreeMap;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use http_body_util::{BodyExt, Empty};
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo};
use hyper_util::server::conn::auto;
use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio_util::sync::{CancellationToken, DropGuard};
use wasmtime::Result;
use wasmtime_wasi_http::WasiBody;
use wasmtime_wasi_http::handler::ProxyHandler;

use crate::component::ComponentFile;
use crate::instance::{self, Instances, Lifetime, Starter};
use crate::key_value::Stores;
use crate::outbound::AllowedHosts;
use crate::output::Output;
use crate::request::{self, Unclear};
use crate::sqlite::Location;

/// What a component is run with. Without settings: no environment, no host that it may call, no stores, and the life
/// cycle that Spin gives by default.
#[derive(Clone, Debug)]
pub struct Host {
    listen: SocketAddr,
    env: Vec<(String, String)>,
    allowed: Vec<String>,
    sqlite: BTreeMap<String, Location>,
    key_value: BTreeMap<String, Location>,
    lifetime: Lifetime,
    says_what_is_called: bool,
    inherit_output: bool,
}

impl Default for Host {
    fn default() -> Self {
        Self::new()
    }
}

impl Host {
    /// A host without settings.
    pub fn new() -> Self {
        Self {
            listen: (Ipv4Addr::LOCALHOST, 0).into(),
            env: Vec::new(),
            allowed: Vec::new(),
            sqlite: BTreeMap::new(),
            key_value: BTreeMap::new(),
            lifetime: Lifetime { idle: Duration::from_secs(1), requests: 128, concurrent_requests: 16 },
            says_what_is_called: true,
            inherit_output: false,
        }
    }

    /// Listens on this address instead of a free port of 127.0.0.1.
    pub fn listen(mut self, address: SocketAddr) -> Self {
        self.listen = address;
        self
    }

    /// Sets an environment variable of the component.
    pub fn env(mut self, name: impl Into<String>, value: impl Into<String>) -> Self {
        self.env.push((name.into(), value.into()));
        self
    }

    /// Lets the component call a host, in the notation of Spin's `allowed_outbound_hosts`: `scheme://host[:port]`, where
    /// each may be `*`, the host may be `*.example.com` for all below it, and a port that is left out is the scheme's.
    /// There are no ranges here of addresses or ports, and there is no `self`.
    pub fn allow(mut self, host: impl Into<String>) -> Self {
        self.allowed.push(host.into());
        self
    }

    /// Gives the component a SQLite database under a label.
    pub fn sqlite(mut self, label: impl Into<String>, location: impl Into<Location>) -> Self {
        self.sqlite.insert(label.into(), location.into());
        self
    }

    /// Gives the component a key-value store under a label.
    pub fn key_value(mut self, label: impl Into<String>, location: impl Into<Location>) -> Self {
        self.key_value.insert(label.into(), location.into());
        self
    }

    /// How long an instance lives on without anything to do: 1 s by default.
    pub fn idle(mut self, idle: Duration) -> Self {
        self.lifetime.idle = idle;
        self
    }

    /// How many requests an instance takes in all: 128 by default. With 1, every request gets a new instance.
    pub fn requests_per_instance(mut self, requests: usize) -> Self {
        self.lifetime.requests = requests;
        self
    }

    /// How many requests an instance answers at a time: 16 by default.
    pub fn concurrent_requests(mut self, requests: usize) -> Self {
        self.lifetime.concurrent_requests = requests;
        self
    }

    /// Gives requests as `wasmtime serve` 48 does: with their path alone, and nothing of the address that was called.
    pub fn paths_only(mut self) -> Self {
        self.says_what_is_called = false;
        self
    }

    /// Also writes what the component writes to the standard output and error of this process.
    pub fn inherit_output(mut self) -> Self {
        self.inherit_output = true;
        self
    }

    /// Serves the component until the outcome is stopped or dropped.
    ///
    /// Fails when the address is taken, a store cannot be opened, an allowed host means nothing, or the component
    /// imports what this host does not have.
    pub async fn serve(&self, component: &ComponentFile) -> Result<Serving> {
        let (stdout, stderr) = (Output::stdout(self.inherit_output), Output::stderr(self.inherit_output));
        let instances = watch::Sender::default();
        let end = CancellationToken::new();
        let starter = Starter {
            component: instance::prepare(component)?,
            env: self.env.clone(),
            allowed: AllowedHosts::parse(&self.allowed)?,
            databases: Arc::new(self.sqlite.clone()),
            stores: Arc::new(Stores::open(&self.key_value)?),
            lifetime: self.lifetime,
            stdout: stdout.clone(),
            stderr: stderr.clone(),
            instances: instances.clone(),
            end: end.clone(),
        };
        let listener = TcpListener::bind(self.listen).await?;
        let address = listener.local_addr()?;
        let mut connections = JoinSet::new();
        let accepting = accept(listener, ProxyHandler::new(starter), self.says_what_is_called);
        connections.spawn(end.clone().run_until_cancelled_owned(accepting));
        Ok(Serving { address, stdout, stderr, instances: instances.subscribe(), connections, end: end.drop_guard() })
    }
}

/// A component that is being served. Dropping it ends everything at once, as killing Spin would; files stay.
pub struct Serving {
    address: SocketAddr,
    stdout: Output,
    stderr: Output,
    instances: watch::Receiver<Instances>,
    connections: JoinSet<Option<()>>,
    end: DropGuard,
}

impl Serving {
    /// Where it listens, `http://127.0.0.1:PORT`.
    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// What the instances have written to their standard output so far; it can be waited on.
    pub fn stdout(&self) -> watch::Receiver<String> {
        self.stdout.subscribe()
    }

    /// What the instances have written to their standard error so far, and for each that failed a line that begins with
    /// `worker failed:`; it can be waited on.
    pub fn stderr(&self) -> watch::Receiver<String> {
        self.stderr.subscribe()
    }

    /// How many instances there have been; it can be waited on.
    pub fn instances(&self) -> watch::Receiver<Instances> {
        self.instances.clone()
    }

    /// Ends everything at once, and waits until connections are closed and instances are gone, and with them their
    /// connections to databases, save those on which a statement is still running.
    pub async fn stop(mut self) {
        drop(self.end);
        while self.connections.join_next().await.is_some() {}
        _ = self.instances.wait_for(|instances| instances.running() == 0).await;
    }
}

/// Accepts connections and serves them, all of them until this future is dropped.
async fn accept(listener: TcpListener, handler: ProxyHandler<Starter>, says_what_is_called: bool) {
    let mut connections = JoinSet::new();
    loop {
        tokio::select! {
            accepted = listener.accept() => {
                let Ok((stream, client)) = accepted else { continue };
                let handler = handler.clone();
                connections.spawn(async move {
                    let client = says_what_is_called.then_some(client);
                    let service = service_fn(move |request| respond(handler.clone(), request, client));
                    let server = auto::Builder::new(TokioExecutor::new());
                    // It fails when the client goes away or does not speak HTTP: nobody is left to be told.
                    _ = server.serve_connection(TokioIo::new(stream), service).await;
                });
            }
            Some(_) = connections.join_next() => {}
        }
    }
}

/// The response of the component, or 500 without a body when it has none.
async fn respond(
    handler: ProxyHandler<Starter>,
    request: http::Request<Incoming>,
    client: Option<SocketAddr>,
) -> Result<http::Response<WasiBody>, Unclear> {
    let request = match client {
        Some(client) => request::with_address(request, client)?,
        None => request::with_path(request),
    };
    Ok(handler.handle((), request).await.unwrap_or_else(|error| {
        handler.state().stderr.push(format!("request failed: {error:?}\n").as_bytes());
        let mut response = http::Response::new(Empty::new().map_err(|never| match never {}).boxed_unsync());
        *response.status_mut() = http::StatusCode::INTERNAL_SERVER_ERROR;
        response
    }))
}

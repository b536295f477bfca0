//! The ways to reach the agent as a component.

use agent_sdk::prelude::*;
use component_host::{ComponentFile, Host, Serving};
use tempfile::TempDir;

use crate::{agent::Kind, line::Line, world::World};

#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Binding {
    JsonRpc,
    HttpJson,
    JsonRpcV03,
    HttpJsonV03,
    /// With an instance of its own for every request.
    JsonRpcAlone,
    HttpJsonAlone,
}

impl Binding {
    /// As cards name it.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::HttpJson | Self::HttpJsonV03 | Self::HttpJsonAlone => "HTTP+JSON",
            Self::JsonRpc | Self::JsonRpcV03 | Self::JsonRpcAlone => "JSONRPC",
        }
    }

    /// The version of the protocol that is spoken.
    pub(crate) fn version(self) -> &'static str {
        if self.is_v03() { "0.3" } else { "1.0" }
    }

    fn is_alone(self) -> bool {
        matches!(self, Self::JsonRpcAlone | Self::HttpJsonAlone)
    }

    pub(crate) fn is_v03(self) -> bool {
        matches!(self, Self::JsonRpcV03 | Self::HttpJsonV03)
    }

    pub(crate) fn lists_tasks(self) -> bool {
        true
    }

    /// Whether requests can name a tenant. 0.3 has a place for it in a path only.
    pub(crate) fn has_tenants(self) -> bool {
        self != Self::JsonRpcV03
    }

    /// Whether configurations of webhooks come in pages. In 0.3 they do not over JSON-RPC.
    pub(crate) fn pages_configurations(self) -> bool {
        self != Self::JsonRpcV03
    }

    /// Whether the agent may have methods of its own.
    pub(crate) fn has_own_methods(self) -> bool {
        matches!(self, Self::JsonRpc | Self::JsonRpcV03 | Self::JsonRpcAlone)
    }

    pub(crate) fn tells_the_public_card(self) -> bool {
        false
    }

    /// Whether every stream ends when its task waits for input: in 0.3 that update is the final one.
    pub(crate) fn ends_streams_at_questions(self) -> bool {
        self.is_v03()
    }

    pub(crate) fn has_ids(self) -> bool {
        true
    }

    /// Whether the agent is made in this process, of what a test may hold on to. A component is told a name.
    pub(crate) fn is_in_this_process(self) -> bool {
        false
    }

    /// Whether what panics fails one call only. In a component it ends the instance, with all its calls.
    pub(crate) fn survives_panics(self) -> bool {
        false
    }
}

/// The host that runs the component, and what it has.
pub(crate) struct Server {
    serving: Serving,
    _line: Line,
    /// Where the database is.
    _directory: TempDir,
}

impl Server {
    pub(crate) async fn stop(self) {
        self.serving.stop().await;
    }
}

/// The component, built when the first test needs it.
pub(crate) async fn component() -> ComponentFile {
    let load = || ComponentFile::load(component_host::build("nuncio-behaviour-component", &[])).unwrap();
    tokio::task::spawn_blocking(load).await.unwrap()
}

/// A host of the agent of this name, with nothing but the way to its test.
pub(crate) fn host(name: &str, line: &Line) -> Host {
    Host::new().env("BEHAVIOUR_KIND", name).env("BEHAVIOUR_TEST", &line.url).allow(&line.url)
}

impl World {
    /// As under Spin: any number of instances, with the tasks in a database.
    pub(crate) async fn of(binding: Binding, kind: Kind) -> Self {
        let (line, directory) = (Line::open().await, tempfile::tempdir().unwrap());
        let mut host = host(kind.name, &line).sqlite("default", directory.path().join("tasks.db"));
        if binding.is_alone() {
            host = host.requests_per_instance(1);
        }
        let serving = host.serve(&component().await).await.unwrap();
        let (gates, url) = (line.gates.clone(), serving.url());
        Self::called(binding, gates, &url, Server { serving, _line: line, _directory: directory }).await
    }

    pub(crate) async fn with(binding: Binding, _: Kind, _: impl FnOnce(Agent) -> Agent) -> Self {
        unreachable!("{binding:?} has its agent in another process")
    }
}

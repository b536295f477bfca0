//! The ways to reach the agent: each scenario is written once and runs over all of them.

use std::sync::Arc;

use a2a_task_storage::SqliteStorage;
use agent_sdk::{ports::AgentService, prelude::*, protocol::AgentCard};
use tempfile::TempDir;
use tokio::{sync::oneshot, task::JoinHandle};

use crate::{agent::Kind, gates::Gates, replicas::Replicas, world::World};

#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Binding {
    InProcess,
    /// In process, with tasks in a file.
    Sqlite,
    /// In process, to any one of three replicas on one database, which wake each other by it.
    Postgres,
    /// The same, but they wake each other by NATS.
    Nats,
    JsonRpc,
    HttpJson,
    Grpc,
    JsonRpcV03,
    HttpJsonV03,
    GrpcV03,
}

impl Binding {
    /// As cards name it.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::HttpJson | Self::HttpJsonV03 => "HTTP+JSON",
            Self::Grpc | Self::GrpcV03 => "GRPC",
            _ => "JSONRPC",
        }
    }

    /// The version of the protocol that is spoken.
    pub(crate) fn version(self) -> &'static str {
        if self.is_v03() { "0.3" } else { "1.0" }
    }

    fn is_in_process(self) -> bool {
        matches!(self, Self::InProcess | Self::Sqlite | Self::Postgres | Self::Nats)
    }

    /// Whether the agent is several replicas.
    pub(crate) fn has_replicas(self) -> bool {
        matches!(self, Self::Postgres | Self::Nats)
    }

    pub(crate) fn is_v03(self) -> bool {
        matches!(self, Self::JsonRpcV03 | Self::HttpJsonV03 | Self::GrpcV03)
    }

    /// Whether tasks can be listed. The proto of 0.3 has no method for it.
    pub(crate) fn lists_tasks(self) -> bool {
        self != Self::GrpcV03
    }

    /// Whether requests can name a tenant. 0.3 has a place for it in a path only.
    pub(crate) fn has_tenants(self) -> bool {
        !matches!(self, Self::JsonRpcV03 | Self::GrpcV03)
    }

    /// Whether configurations of webhooks come in pages. In 0.3 they do not over JSON-RPC.
    pub(crate) fn pages_configurations(self) -> bool {
        self != Self::JsonRpcV03
    }

    /// Whether the agent may have methods of its own.
    pub(crate) fn has_own_methods(self) -> bool {
        self.is_in_process() || matches!(self, Self::JsonRpc | Self::JsonRpcV03)
    }

    /// Whether the public card is the answer where there is no extended one: no other operation of
    /// 0.3 reads a card over gRPC.
    pub(crate) fn tells_the_public_card(self) -> bool {
        self == Self::GrpcV03
    }

    /// Whether every stream ends when its task waits for input: in 0.3 that update is the final one.
    pub(crate) fn ends_streams_at_questions(self) -> bool {
        self.is_v03()
    }

    /// Whether the agent is made in this process, of what a test may hold on to.
    pub(crate) fn is_in_this_process(self) -> bool {
        true
    }

    /// Whether what panics fails one call only.
    pub(crate) fn survives_panics(self) -> bool {
        true
    }

    /// Whether events have sequence ids. gRPC has no place for them.
    pub(crate) fn has_ids(self) -> bool {
        !matches!(self, Self::Grpc | Self::GrpcV03)
    }
}

/// What answers, as long as it does.
#[derive(Default)]
pub(crate) struct Server {
    listening: Option<(oneshot::Sender<()>, JoinHandle<()>)>,
    /// Where the file is.
    directory: Option<TempDir>,
}

impl Server {
    pub(crate) async fn stop(self) {
        if let Some((stop, server)) = self.listening {
            stop.send(()).unwrap();
            server.await.unwrap();
        }
    }
}

pub(crate) fn in_process(agent: Agent) -> (Arc<dyn AgentService>, Arc<AgentCard>) {
    agent.in_process(agent_sdk::host()).unwrap()
}

impl World {
    pub(crate) async fn of(binding: Binding, kind: Kind) -> Self {
        Self::with(binding, kind, |agent| agent).await
    }

    /// With an agent that only its own process can make.
    pub(crate) async fn with(binding: Binding, kind: Kind, change: impl FnOnce(Agent) -> Agent) -> Self {
        let gates = Gates::default();
        let mut agent = change(kind.agent(&gates));
        let mut server = Server::default();
        if binding.is_in_process() {
            if binding == Binding::Sqlite {
                let directory = server.directory.insert(tempfile::tempdir().unwrap());
                agent = agent.storage(SqliteStorage::open(directory.path().join("tasks.db")).unwrap());
            }
            let service = match binding.has_replicas() {
                true => Replicas::of(&agent, binding).await,
                false => in_process(agent),
            };
            return Self::in_process(binding, gates, service, server);
        }
        let serving = agent.bind("127.0.0.1:0").await.unwrap();
        let url = serving.url();
        let (stop, stopped) = oneshot::channel();
        let listening = tokio::spawn(async move {
            let stopped = async move { stopped.await.unwrap_or_default() };
            serving.serve_until(stopped).await;
        });
        server.listening = Some((stop, listening));
        Self::called(binding, gates, &url, server).await
    }
}

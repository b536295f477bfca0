//! Build A2A agents and call them.
//!
//! An agent is a function that is given a message and tells of its task:
//!
//! ```no_run
//! use agent_sdk::prelude::*;
//!
//! struct Echo;
//!
//! impl MessageHandler for Echo {
//!     async fn handle(&self, turn: Turn, task: TaskUpdater) -> Result<(), HandlerError> {
//!         task.reply(turn.text()).await
//!     }
//! }
//!
//! #[tokio::main]
//! async fn main() -> Result<(), ServeError> {
//!     Agent::new("Echo", "Says back what it hears")
//!         .skill(Skill::new("echo", "Echo").tag("demo"), Echo)
//!         .serve("127.0.0.1:3000")
//!         .await
//! }
//! ```
//!
//! Features: `a2a-server` builds and serves agents, `a2a-client` calls them, `grpc` does both over gRPC
//! too, `signing` signs cards, `macros` makes JSON-RPC methods of functions (`#[a2a_rpc]`); all of these are
//! on by default. `sqlite` keeps tasks in a file (`Agent::storage`).
//!
//! On `wasm32-wasip2` an agent is a component of WebAssembly by `agent_sdk::component!`, without `grpc`;
//! `spin-sqlite` and `spin-key-value` keep its tasks in what Spin has. See `docs/components.md`.

#[cfg(feature = "a2a-server")]
mod agent;
#[cfg(feature = "a2a-server")]
mod assembly;
#[cfg(feature = "a2a-server")]
mod auth;
#[cfg(all(feature = "a2a-server", target_family = "wasm"))]
pub mod component;
#[cfg(feature = "a2a-server")]
mod docs;
#[cfg(feature = "a2a-server")]
mod extended_card;
#[cfg(feature = "a2a-server")]
mod extensions;
#[cfg(feature = "macros")]
#[doc(hidden)]
pub mod generated;
#[cfg(all(feature = "a2a-server", feature = "grpc", not(target_family = "wasm")))]
mod grpc;
#[cfg(feature = "a2a-server")]
mod guarded;
#[cfg(feature = "a2a-server")]
mod logging;
#[cfg(feature = "a2a-server")]
mod methods;
#[cfg(all(feature = "a2a-server", not(target_family = "wasm")))]
mod native;
#[cfg(all(feature = "a2a-server", feature = "a2a-client"))]
mod relay;
#[cfg(feature = "a2a-server")]
mod rpc;
#[cfg(feature = "a2a-server")]
mod serve_error;
#[cfg(all(feature = "a2a-server", not(target_family = "wasm")))]
mod serving;
#[cfg(all(feature = "a2a-server", feature = "signing"))]
mod signer;
#[cfg(feature = "a2a-server")]
mod skill;

pub use a2a_app_ports as ports;
pub use a2a_protocol_core as protocol;

#[cfg(feature = "a2a-server")]
pub use {
    a2a_app_ports::CardHandle,
    a2a_http_server::{Cors, Lifecycle, ServerOptions, V03Support, host, sleep},
    a2a_task_engine::{EngineOptions, MemoryLimits, MemoryMetrics, MemoryStorage, PushOptions},
    agent::Agent,
    auth::{Authenticated, Tokens},
    logging::log_to_stderr,
    serve_error::ServeError,
    skill::Skill,
};

#[cfg(all(feature = "a2a-server", not(target_family = "wasm")))]
pub use {
    a2a_http_server::{
        host_on,
        native::{ConnectionOptions, Tls},
    },
    serving::Serving,
};

#[cfg(all(feature = "grpc", target_family = "wasm"))]
compile_error!(
    "gRPC needs HTTP/2 with trailers, which no host gives a component: depend on nuncio-agent-sdk with \
     `default-features = false, features = [\"a2a-server\", \"a2a-client\"]`"
);

#[cfg(all(feature = "a2a-server", feature = "grpc", not(target_family = "wasm")))]
pub use grpc::GrpcPort;

#[cfg(any(feature = "sqlite", feature = "postgres", feature = "spin-sqlite"))]
pub use a2a_task_storage::SqlMetrics;
#[cfg(feature = "nats")]
pub use a2a_task_storage::{NatsBus, NatsOptions};
#[cfg(feature = "postgres")]
pub use a2a_task_storage::{PostgresBus, PostgresOptions, PostgresStorage};
#[cfg(any(feature = "sqlite", feature = "postgres", feature = "spin-sqlite", feature = "spin-key-value"))]
pub use a2a_task_storage::{Retention, SqlFailure, SqlFailureKind};
#[cfg(all(feature = "spin-key-value", target_family = "wasm"))]
pub use a2a_task_storage::{SpinKeyValueOptions, SpinKeyValueStorage};
#[cfg(all(feature = "spin-sqlite", target_family = "wasm"))]
pub use a2a_task_storage::{SpinSqliteOptions, SpinSqliteStorage};
#[cfg(feature = "sqlite")]
pub use a2a_task_storage::{SqliteOptions, SqliteStorage};

#[cfg(feature = "a2a-client")]
pub use a2a_http_client as client;
#[cfg(all(feature = "a2a-server", feature = "a2a-client"))]
pub use relay::Relay;

/// Sets up a client that speaks every binding there is: `Client::builder()`, and gRPC where the
/// feature `grpc` is on.
#[cfg(feature = "a2a-client")]
pub fn client_builder() -> a2a_http_client::ClientBuilder {
    let builder = a2a_http_client::Client::builder();
    #[cfg(all(feature = "grpc", not(target_family = "wasm")))]
    let builder = builder.connector(a2a_grpc::Grpc);
    builder
}

/// Compiles the Rust code of the README, which keeps tasks in a file and a database, too.
#[cfg(all(doctest, feature = "sqlite", feature = "postgres"))]
#[doc = include_str!("../../../README.md")]
pub struct Readme;

/// What most agents and callers need.
pub mod prelude {
    pub use a2a_app_ports::{
        AgentOperations, AgentService, Answers, ArtifactWriter, CallContext, HandlerError, MessageHandler, Parts,
        TaskUpdater, Turn,
    };
    pub use a2a_protocol_core::{Artifact, Content, Message, Part, Role, Task, TaskState};

    #[cfg(feature = "macros")]
    pub use a2a_rpc_macros::a2a_rpc;

    #[cfg(feature = "a2a-server")]
    pub use crate::{Agent, ServeError, Skill};

    #[cfg(feature = "a2a-client")]
    pub use a2a_http_client::{Client, ClientError, RemoteTask, Sent};
}

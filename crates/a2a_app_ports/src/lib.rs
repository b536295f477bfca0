//! The ports of an A2A agent: small traits between the engine and what surrounds it.
//!
//! In scope: the traits and the values they exchange, and the conformance suites that every
//! implementation passes (feature `conformance`). Out of scope: any implementation.

mod authenticator;
mod bounds;
mod bus;
mod card;
mod connector;
mod extension;
mod failure_log;
mod handler;
mod host;
mod lifecycle;
mod push;
mod race;
pub mod request_headers;
mod rpc;
mod service;
mod storage;
mod transport_error;
mod updater;

#[cfg(feature = "conformance")]
pub mod conformance;

pub use authenticator::{Authenticator, Principal};
pub use bounds::{BoxFuture, BoxStream, MaybeSend};
pub use bus::{EventBus, Wake};
pub use card::CardHandle;
pub use connector::{AnsweredCode, ConnectOptions, Connector};
pub use extension::Extension;
pub use failure_log::log_cause;
pub use handler::{Answers, Effect, HandlerError, MessageHandler, Run, Turn};
pub use host::{Clock, Host, Random, Spawner};
pub use lifecycle::Lifecycle;
pub use push::{PushOutcome, PushRequest, PushTransport};
pub use race::unless;
pub use rpc::RpcMethod;
pub use service::{AgentOperations, AgentService, CallContext, EventStream, Presented, Reply};
pub use storage::{
    AT_THE_END, Author, Claim, Claimed, Creation, FleetStorage, Holder, Lease, ListQuery, NotATaskId, Position,
    PushConfigKey, PushConfigRow, PushFailure, ReplicaId, Revision, Scope, Snapshot, Storage, StorageError, Taken,
    TaskId, TaskPage, TaskStorage,
};
pub use transport_error::{Chain, TransportError, causes};
pub use updater::{ArtifactWriter, PROGRESS, Parts, TaskUpdater};

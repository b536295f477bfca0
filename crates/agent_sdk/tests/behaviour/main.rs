//! Every behaviour once, over every way to reach an agent.

#![allow(clippy::unwrap_used, reason = "a panic is how a test fails")]

mod agent;
mod auth;
mod bindings;
mod cancel;
mod cards;
mod custom;
mod extensions;
mod gates;
mod in_process;
mod lists;
mod matrix;
mod once;
mod panics;
mod push;
mod refusals;
mod replicas;
mod rpc;
mod send;
mod servers;
mod signatures;
mod streams;
mod tenants;
mod world;

/// Each scenario over every way to reach an agent; see [`matrix`].
macro_rules! over_all_bindings {
    ($($scenarios:tt)*) => {
        $crate::matrix::over_bindings!({
            in_process: InProcess,
            sqlite: Sqlite,
            postgres: Postgres,
            nats: Nats,
            json_rpc: JsonRpc,
            http_json: HttpJson,
            grpc: Grpc,
            json_rpc_v03: JsonRpcV03,
            http_json_v03: HttpJsonV03,
            grpc_v03: GrpcV03,
        } $($scenarios)*);
    };
}
pub(crate) use over_all_bindings;

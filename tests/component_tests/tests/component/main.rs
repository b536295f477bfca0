//! Agents as components: every behaviour that they share with native ones, and what is different.

#![allow(clippy::unwrap_used, reason = "a panic is how a test fails")]

#[path = "../../../../crates/agent_sdk/tests/behaviour/agent/mod.rs"]
mod agent;
#[path = "../../../../crates/agent_sdk/tests/behaviour/auth.rs"]
mod auth;
mod bindings;
#[path = "../../../../crates/agent_sdk/tests/behaviour/cancel.rs"]
mod cancel;
#[path = "../../../../crates/agent_sdk/tests/behaviour/cards.rs"]
mod cards;
#[path = "../../../../crates/agent_sdk/tests/behaviour/custom.rs"]
mod custom;
#[path = "../../../../crates/agent_sdk/tests/behaviour/extensions.rs"]
mod extensions;
#[path = "../../../../crates/agent_sdk/tests/behaviour/gates.rs"]
mod gates;
mod life;
mod line;
#[path = "../../../../crates/agent_sdk/tests/behaviour/lists.rs"]
mod lists;
#[path = "../../../../crates/agent_sdk/tests/behaviour/matrix.rs"]
mod matrix;
#[path = "../../../../crates/agent_sdk/tests/behaviour/once.rs"]
mod once;
#[path = "../../../../crates/agent_sdk/tests/behaviour/push.rs"]
mod push;
#[path = "../../../../crates/agent_sdk/tests/behaviour/refusals.rs"]
mod refusals;
#[path = "../../../../crates/agent_sdk/tests/behaviour/rpc.rs"]
mod rpc;
#[path = "../../../../crates/agent_sdk/tests/behaviour/send.rs"]
mod send;
#[path = "../../../../crates/agent_sdk/tests/behaviour/streams.rs"]
mod streams;
#[path = "../../../../crates/agent_sdk/tests/behaviour/tenants.rs"]
mod tenants;
#[path = "../../../../crates/agent_sdk/tests/behaviour/world.rs"]
mod world;

/// As natively, over what reaches a component.
macro_rules! over_all_bindings {
    ($($scenarios:tt)*) => {
        $crate::matrix::over_bindings!({
            json_rpc: JsonRpc,
            http_json: HttpJson,
            json_rpc_v03: JsonRpcV03,
            http_json_v03: HttpJsonV03,
            json_rpc_alone: JsonRpcAlone,
            http_json_alone: HttpJsonAlone,
        } $($scenarios)*);
    };
}
pub(crate) use over_all_bindings;

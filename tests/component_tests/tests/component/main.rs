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
    (if $can:ident; $($scenario:ident),* $(,)?) => {
        $crate::over_all_bindings!(@each (if $can) ($($scenario),*));
    };
    ($($scenario:ident),* $(,)?) => {
        $crate::over_all_bindings!(@each () ($($scenario),*));
    };
    (@each $condition:tt $scenarios:tt) => {
        mod json_rpc { $crate::over_all_bindings!(@tests JsonRpc $condition $scenarios); }
        mod http_json { $crate::over_all_bindings!(@tests HttpJson $condition $scenarios); }
        mod json_rpc_v03 { $crate::over_all_bindings!(@tests JsonRpcV03 $condition $scenarios); }
        mod http_json_v03 { $crate::over_all_bindings!(@tests HttpJsonV03 $condition $scenarios); }
        mod json_rpc_alone { $crate::over_all_bindings!(@tests JsonRpcAlone $condition $scenarios); }
        mod http_json_alone { $crate::over_all_bindings!(@tests HttpJsonAlone $condition $scenarios); }
    };
    (@tests $binding:ident $condition:tt ($($scenario:ident),*)) => {
        $(
            #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn $scenario() {
                let binding = $crate::bindings::Binding::$binding;
                if $crate::over_all_bindings!(@can binding $condition) {
                    super::$scenario(binding).await;
                }
            }
        )*
    };
    (@can $binding:ident ()) => { true };
    (@can $binding:ident (if $can:ident)) => { $binding.$can() };
}
pub(crate) use over_all_bindings;

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

/// Makes a test of each scenario for each binding. After `if`, scenarios of which a binding can say
/// nothing name the method of [`Binding`](bindings::Binding) that tells which can.
macro_rules! over_all_bindings {
    (if $can:ident; $($scenario:ident),* $(,)?) => {
        $crate::over_all_bindings!(@each (if $can) ($($scenario),*));
    };
    ($($scenario:ident),* $(,)?) => {
        $crate::over_all_bindings!(@each () ($($scenario),*));
    };
    (@each $condition:tt $scenarios:tt) => {
        mod in_process { $crate::over_all_bindings!(@tests InProcess $condition $scenarios); }
        mod sqlite { $crate::over_all_bindings!(@tests Sqlite $condition $scenarios); }
        mod postgres { $crate::over_all_bindings!(@tests Postgres $condition $scenarios); }
        mod nats { $crate::over_all_bindings!(@tests Nats $condition $scenarios); }
        mod json_rpc { $crate::over_all_bindings!(@tests JsonRpc $condition $scenarios); }
        mod http_json { $crate::over_all_bindings!(@tests HttpJson $condition $scenarios); }
        mod grpc { $crate::over_all_bindings!(@tests Grpc $condition $scenarios); }
        mod json_rpc_v03 { $crate::over_all_bindings!(@tests JsonRpcV03 $condition $scenarios); }
        mod http_json_v03 { $crate::over_all_bindings!(@tests HttpJsonV03 $condition $scenarios); }
        mod grpc_v03 { $crate::over_all_bindings!(@tests GrpcV03 $condition $scenarios); }
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

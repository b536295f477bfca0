//! Every behaviour once, over every way to reach an agent.

#![allow(clippy::unwrap_used, reason = "a panic is how a test fails")]

mod agent;
mod auth;
mod bindings;
mod cancel;
mod cards;
mod custom;
mod extensions;
mod lists;
mod once;
mod push;
mod refusals;
mod send;
mod streams;
mod tenants;

/// Makes a test of each scenario for each binding.
macro_rules! over_all_bindings {
    ($($scenario:ident),* $(,)?) => {
        mod in_process {
            $(#[tokio::test(flavor = "multi_thread", worker_threads = 2)] async fn $scenario() {
                super::$scenario($crate::bindings::Binding::InProcess).await;
            })*
        }
        mod json_rpc {
            $(#[tokio::test(flavor = "multi_thread", worker_threads = 2)] async fn $scenario() {
                super::$scenario($crate::bindings::Binding::JsonRpc).await;
            })*
        }
        mod http_json {
            $(#[tokio::test(flavor = "multi_thread", worker_threads = 2)] async fn $scenario() {
                super::$scenario($crate::bindings::Binding::HttpJson).await;
            })*
        }
        mod grpc {
            $(#[tokio::test(flavor = "multi_thread", worker_threads = 2)] async fn $scenario() {
                super::$scenario($crate::bindings::Binding::Grpc).await;
            })*
        }
    };
}
pub(crate) use over_all_bindings;

//! A JSON-RPC method of an agent's own, as a type.

use a2a_protocol_core::{CustomCall, Error};

use crate::{CallContext, MaybeSend, Reply};

/// A JSON-RPC method of an agent's own: what is known of it before it is called, and how it is
/// answered. `#[a2a_rpc]` makes one of a function; `Agent::rpc` registers it.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is no method that an agent can answer",
    label = "this is no method that an agent can answer",
    note = "put `#[a2a_rpc(\"vendor/method\")]` on an asynchronous function of this name"
)]
pub trait RpcMethod {
    /// Its name, such as `vendor/method`; see [`CustomCall::fault_of_name`] for what it may be.
    const NAME: &'static str;

    /// What it does, in Markdown; empty if nothing says.
    const DESCRIPTION: &'static str = "";

    /// Its parameters, as they are written in Rust: a type, or members with theirs. Empty if it has
    /// none.
    const PARAMS: &'static str;

    /// Its result, or each of its results, as it is written in Rust.
    const RESULT: &'static str;

    /// Whether it streams its results.
    const STREAMS: bool = false;

    /// What it needs besides the call, such as a handle on a database; cloned for every call.
    type State: Clone + Send + Sync + 'static;

    /// Answers one call with [`Reply::custom`], or with [`Reply::custom_stream`] if it streams.
    fn answer(
        state: Self::State,
        context: CallContext,
        call: CustomCall,
    ) -> impl Future<Output = Result<Reply, Error>> + MaybeSend + 'static;
}

//! `#[a2a_rpc]`: the JSON-RPC methods of an A2A agent's own, of functions.
//!
//! In scope: reading a function, saying what is wrong with it, and writing the little that makes it a method:
//! an implementation of `RpcMethod`, and a function that calls it. Out of scope: whatever those do, which is
//! ordinary code in `agent_sdk` and `a2a_app_ports`.

mod expand;
mod function;
mod shape;

use proc_macro::TokenStream;

/// Makes a JSON-RPC method of the agent's own of an asynchronous function.
///
/// ```
/// use agent_sdk::{prelude::*, protocol::Error};
///
/// /// Adds two numbers.
/// #[a2a_rpc("example/add")]
/// async fn add(_context: CallContext, a: i64, b: i64) -> Result<i64, Error> {
///     a.checked_add(b).ok_or_else(|| Error::invalid("a", "the sum is too large"))
/// }
/// ```
///
/// The function stays what it is. Beside it there is a type of the same name, by which an agent answers the
/// method, `agent.rpc::<add>()`, and others call it: `add::call(&client, 1, 2).await?`. The client may be anything
/// that answers calls, an agent in process too. `add::call_with(&client, context, 1, 2)` says besides what a
/// `CallContext` does, such as which extensions are asked for.
///
/// - The name is `vendor/method`, and none of the protocol's.
/// - The first argument is the context of the call; its type is written `CallContext`.
/// - The other arguments are the members of the parameters, by name: here `{"a": 1, "b": 2}`. `start_at` is
///   `startAt` there, as in all JSON of the protocol, and an `Option` may be left out. A single argument that is
///   called `params` is the parameters as a whole instead: a struct, a map, a tuple. They are read and written
///   with serde; what does not fit is refused as InvalidParams, with the path of the field.
/// - The result is a `Result<T, Error>`, or, for a method that streams its results, a
///   `Result<impl Stream<Item = Result<T, Error>>, Error>`; a `BoxStream`, or a `dyn Stream` in a `Pin<Box<..>>`, is
///   one too. What `call` then returns is a `BoxStream`.
/// - The error is an `Error`, or what `?` makes one of; callers have an `Error`. Items of a stream fail with one.
/// - An argument *before* the context is what the method needs besides the call, such as an `Arc` of a
///   database: `agent.rpc_with::<add>(database)`. It is cloned for each call.
/// - The comment describes the method, where `Agent::docs` lists it.
///
/// A function without a body is a method of somebody else's agent, to be called only. It has neither context
/// nor state:
///
/// ```
/// use agent_sdk::{prelude::*, protocol::Error};
///
/// /// Translates a text.
/// #[a2a_rpc("translator.example/translate")]
/// pub async fn translate(text: String, to: String) -> Result<String, Error>;
/// ```
#[proc_macro_attribute]
pub fn a2a_rpc(name: TokenStream, item: TokenStream) -> TokenStream {
    expand::expanded(name.into(), item.into()).into()
}

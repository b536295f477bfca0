//! Methods of an agent's own that are types, as `#[a2a_rpc]` makes them.

use std::sync::Arc;

use a2a_app_ports::{BoxFuture, RpcMethod};

use crate::{
    Agent,
    guarded::guarded,
    methods::{Described, Method, ended, place},
};

impl Agent {
    /// Answers a JSON-RPC method of the agent's own that is a type, as the attribute
    /// [`a2a_rpc`](crate::prelude::a2a_rpc) makes one of a function:
    ///
    /// ```
    /// # #[cfg(feature = "macros")]
    /// # mod example {
    /// use agent_sdk::{prelude::*, protocol::Error};
    ///
    /// /// Adds two numbers.
    /// #[a2a_rpc("example/add")]
    /// async fn add(_context: CallContext, a: i64, b: i64) -> Result<i64, Error> {
    ///     a.checked_add(b).ok_or_else(|| Error::invalid("a", "the sum is too large"))
    /// }
    ///
    /// fn with_sums(agent: Agent) -> Agent {
    ///     agent.rpc::<add>()
    /// }
    ///
    /// # #[cfg(feature = "a2a-client")]
    /// async fn sum(client: &Client) -> Result<i64, Error> {
    ///     add::call(client, 1, 2).await
    /// }
    /// # }
    /// ```
    ///
    /// It is answered and refused as one that [`method`](Self::method) registers. A name that a method
    /// cannot have does not compile; one that is there twice is refused when the agent is served.
    #[must_use]
    pub fn rpc<M: RpcMethod<State = ()>>(self) -> Self {
        self.rpc_with::<M>(())
    }

    /// As [`rpc`](Self::rpc), for a method that needs something besides the call, of which each call
    /// gets a clone:
    ///
    /// ```
    /// # #[cfg(feature = "macros")]
    /// # mod example {
    /// use std::sync::{Arc, atomic::{AtomicU64, Ordering}};
    /// # use agent_sdk::{prelude::*, protocol::Error};
    ///
    /// /// Says how often it has been called.
    /// #[a2a_rpc("example/count")]
    /// async fn count(calls: Arc<AtomicU64>, _context: CallContext) -> Result<u64, Error> {
    ///     Ok(calls.fetch_add(1, Ordering::Relaxed) + 1)
    /// }
    ///
    /// fn with_count(agent: Agent) -> Agent {
    ///     agent.rpc_with::<count>(Arc::default())
    /// }
    /// # }
    /// ```
    #[must_use]
    pub fn rpc_with<M: RpcMethod>(mut self, state: M::State) -> Self {
        self.methods.push((M::NAME.to_owned(), Arc::new(method::<M>(state))));
        self
    }
}

fn method<M: RpcMethod>(state: M::State) -> Method {
    let described = Described { description: M::DESCRIPTION, params: M::PARAMS.into(), result: M::RESULT.into() };
    let answer = move |context, call| {
        let state = state.clone();
        let answer = async move { M::answer(state, context, call).await };
        let place = place(M::NAME);
        Box::pin(async move { Ok(ended(place.clone(), guarded(place, answer).await?)) }) as BoxFuture<'static, _>
    };
    Method { streams: M::STREAMS, answer: Box::new(answer), described }
}

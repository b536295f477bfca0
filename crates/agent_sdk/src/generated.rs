//! For what `a2a_rpc` writes, and for nothing else.

pub use serde;

use a2a_app_ports::{AgentOperations, AgentService, BoxStream, CallContext};
use a2a_protocol_core::Error;
use serde::{Serialize, de::DeserializeOwned};

pub async fn call<P: Serialize, R: DeserializeOwned>(
    agent: &(impl AgentService + ?Sized),
    context: CallContext,
    method: &str,
    params: &P,
) -> Result<R, Error> {
    agent.call_method(context, method, params).await
}

pub async fn call_streaming<P: Serialize, R: DeserializeOwned>(
    agent: &(impl AgentService + ?Sized),
    context: CallContext,
    method: &str,
    params: &P,
) -> Result<BoxStream<'static, Result<R, Error>>, Error> {
    agent.stream_method(context, method, params).await
}

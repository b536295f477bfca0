//! Protocol extensions (section 4.6): what they may look at, and change.

use std::{future::ready, sync::Arc};

use a2a_protocol_core::{AgentExtension, Call, Error, StreamResponse};

use crate::{BoxFuture, CallContext, Reply};

/// A protocol extension of an agent. It sees the calls for which it is active: those that ask for
/// it, which a required one makes all. Every method but the declaration does nothing by default.
///
/// Of several extensions each sees the call as those before it have left it, and the reply as those
/// after it have.
pub trait Extension: Send + Sync {
    /// What the card says of it: its URI, and whether callers need it.
    fn declaration(&self) -> AgentExtension;

    /// Before the agent is asked. The caller is known by now.
    ///
    /// # Errors
    /// An error is the answer to the call.
    fn on_call<'a>(&'a self, context: &'a mut CallContext, call: &'a mut Call) -> BoxFuture<'a, Result<(), Error>> {
        let _ = (context, call);
        Box::pin(ready(Ok(())))
    }

    /// For each event of a stream: what to send instead; `None` to send it as it is. Events are
    /// shared with other watchers, so one that is replaced is written again for this one.
    fn on_event(&self, context: &CallContext, event: &StreamResponse) -> Option<StreamResponse> {
        let _ = (context, event);
        None
    }

    /// Before the caller is answered. Of a stream it is the beginning; its events come by
    /// [`on_event`](Self::on_event).
    ///
    /// # Errors
    /// An error is the answer to the call.
    fn on_reply<'a>(&'a self, context: &'a CallContext, reply: Reply) -> BoxFuture<'a, Result<Reply, Error>> {
        let _ = context;
        Box::pin(ready(Ok(reply)))
    }
}

impl<E: Extension + ?Sized> Extension for Arc<E> {
    fn declaration(&self) -> AgentExtension {
        (**self).declaration()
    }

    fn on_call<'a>(&'a self, context: &'a mut CallContext, call: &'a mut Call) -> BoxFuture<'a, Result<(), Error>> {
        (**self).on_call(context, call)
    }

    fn on_event(&self, context: &CallContext, event: &StreamResponse) -> Option<StreamResponse> {
        (**self).on_event(context, event)
    }

    fn on_reply<'a>(&'a self, context: &'a CallContext, reply: Reply) -> BoxFuture<'a, Result<Reply, Error>> {
        (**self).on_reply(context, reply)
    }
}

//! Extensions: a decorator that shows calls and replies to those that are active.

use std::{fmt, future::ready, sync::Arc};

use a2a_app_ports::{AgentService, BoxFuture, CallContext, CardHandle, Extension, Reply};
use a2a_protocol_core::{AgentCard, Call, Error, StreamEvent, extensions};
use futures::StreamExt;

use crate::guarded::{caught, guarded, until_error};

/// Which extensions are active, the adapter has negotiated from what the request asks for; calls in
/// process say it themselves. That none is missing which the card requires is seen to here for all.
pub(crate) struct Extended {
    agent: Arc<dyn AgentService>,
    card: CardHandle,
    extensions: Vec<Registered>,
}

/// An extension, and the URI that it declares.
#[derive(Clone)]
pub(crate) struct Registered {
    uri: Arc<str>,
    extension: Arc<dyn Extension>,
}

impl Registered {
    pub(crate) fn new(extension: impl Extension + 'static) -> Self {
        Self { uri: extension.declaration().uri.into(), extension: Arc::new(extension) }
    }

    /// Declares the extension, unless the card already does.
    pub(crate) fn declare(&self, card: &mut AgentCard) {
        let declared = &mut card.capabilities.extensions;
        if !declared.iter().any(|extension| *extension.uri == *self.uri) {
            declared.push(self.extension.declaration());
        }
    }

    /// The event as the extension would have it sent.
    fn shown(&self, context: &CallContext, event: Arc<StreamEvent>) -> Result<Arc<StreamEvent>, Error> {
        let other = caught(self, || self.extension.on_event(context, &event.response))?;
        Ok(match other {
            Some(other) => Arc::new(StreamEvent::new(event.sequence, other)),
            None => event,
        })
    }
}

impl fmt::Display for Registered {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "the extension {}", self.uri)
    }
}

impl Extended {
    pub(crate) fn new(agent: Arc<dyn AgentService>, card: CardHandle, extensions: Vec<Registered>) -> Self {
        Self { agent, card, extensions }
    }

    /// What sees this call, in the order of its registration.
    fn active(&self, context: &CallContext) -> Vec<Registered> {
        self.extensions.iter().filter(|extension| context.has_extension(&extension.uri)).cloned().collect()
    }

    async fn shown(&self, active: Vec<Registered>, mut context: CallContext, mut call: Call) -> Result<Reply, Error> {
        for one in &active {
            guarded(one, async { one.extension.on_call(&mut context, &mut call).await }).await?;
        }
        let mut reply = self.agent.handle(context.clone(), call).await?;
        let context = Arc::new(context);
        for one in active.into_iter().rev() {
            if let Reply::Stream(events) = reply {
                let (one, context) = (one.clone(), context.clone());
                let seen = events.map(move |event| one.shown(&context, event?));
                reply = Reply::Stream(Box::pin(until_error(seen)));
            }
            reply = guarded(&one, async { one.extension.on_reply(&context, reply).await }).await?;
        }
        Ok(reply)
    }
}

fn check_required(card: &AgentCard, context: &CallContext) -> Result<(), Error> {
    if card.capabilities.extensions.iter().any(|extension| extension.required) {
        let active: Vec<&str> = context.extensions.iter().map(String::as_str).collect();
        extensions::negotiate(card, &active)?;
    }
    Ok(())
}

impl AgentService for Extended {
    fn handle(&self, context: CallContext, call: Call) -> BoxFuture<'_, Result<Reply, Error>> {
        if let Err(error) = check_required(&self.card.get(), &context) {
            return Box::pin(ready(Err(error)));
        }
        let active = self.active(&context);
        if active.is_empty() {
            return self.agent.handle(context, call);
        }
        Box::pin(self.shown(active, context, call))
    }
}

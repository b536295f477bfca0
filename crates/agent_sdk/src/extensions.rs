//! Extensions: a decorator that shows calls and replies to those that are active.

use std::{future::ready, sync::Arc};

use a2a_app_ports::{AgentService, BoxFuture, CallContext, CardHandle, Extension, Reply};
use a2a_protocol_core::{AgentCard, Call, Error, StreamEvent, extensions};
use futures::StreamExt;

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
    uri: String,
    extension: Arc<dyn Extension>,
}

impl Registered {
    pub(crate) fn new(extension: impl Extension + 'static) -> Self {
        Self { uri: extension.declaration().uri, extension: Arc::new(extension) }
    }

    /// Declares the extension, unless the card already does.
    pub(crate) fn declare(&self, card: &mut AgentCard) {
        let declared = &mut card.capabilities.extensions;
        if !declared.iter().any(|extension| extension.uri == self.uri) {
            declared.push(self.extension.declaration());
        }
    }
}

impl Extended {
    pub(crate) fn new(agent: Arc<dyn AgentService>, card: CardHandle, extensions: Vec<Registered>) -> Self {
        Self { agent, card, extensions }
    }

    /// What sees this call, in the order of its registration.
    fn active(&self, context: &CallContext) -> Vec<Arc<dyn Extension>> {
        let active = self.extensions.iter().filter(|extension| context.has_extension(&extension.uri));
        active.map(|active| active.extension.clone()).collect()
    }

    async fn shown(
        &self,
        active: Vec<Arc<dyn Extension>>,
        mut context: CallContext,
        mut call: Call,
    ) -> Result<Reply, Error> {
        for extension in &active {
            extension.on_call(&mut context, &mut call).await?;
        }
        let mut reply = self.agent.handle(context.clone(), call).await?;
        let context = Arc::new(context);
        for extension in active.into_iter().rev() {
            if let Reply::Stream(events) = reply {
                let (extension, context) = (extension.clone(), context.clone());
                let seen = events.map(move |event| event.map(|event| shown(&*extension, &context, event)));
                reply = Reply::Stream(Box::pin(seen));
            }
            reply = extension.on_reply(&context, reply).await?;
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

/// The event as the extension would have it sent.
fn shown(extension: &dyn Extension, context: &CallContext, event: Arc<StreamEvent>) -> Arc<StreamEvent> {
    match extension.on_event(context, &event.response) {
        Some(other) => Arc::new(StreamEvent::new(event.sequence, other)),
        None => event,
    }
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

//! The extended card (section 3.1.11): a decorator that makes one for each caller.

use std::sync::Arc;

use a2a_app_ports::{AgentService, BoxFuture, CallContext, CardHandle, Reply};
use a2a_protocol_core::{AgentCard, Call, Error};

use crate::guarded::caught;

/// Makes a caller's card of the public one, or refuses.
pub(crate) type MakeCard = dyn Fn(&CallContext, AgentCard) -> Result<AgentCard, Error> + Send + Sync;

/// Where the card does not declare the capability, or nobody makes cards, the engine refuses.
pub(crate) struct ExtendedCard {
    agent: Arc<dyn AgentService>,
    card: CardHandle,
    make: Arc<MakeCard>,
}

impl ExtendedCard {
    pub(crate) fn new(agent: Arc<dyn AgentService>, card: CardHandle, make: Arc<MakeCard>) -> Self {
        Self { agent, card, make }
    }

    fn made_for(&self, context: &CallContext, public: &AgentCard) -> Result<AgentCard, Error> {
        let mut card = public.clone();
        // They do not hold for another card.
        card.signatures.clear();
        let card = caught("the function that makes extended cards", || (self.make)(context, card))??;
        self.card.extended(card).map_err(|findings| Error::internal(format!("the extended card: {findings}")))
    }
}

impl AgentService for ExtendedCard {
    fn handle(&self, mut context: CallContext, call: Call) -> BoxFuture<'_, Result<Reply, Error>> {
        let public = self.card.get();
        Box::pin(async move {
            if matches!(call, Call::GetExtendedAgentCard(_)) && public.capabilities.extended_agent_card == Some(true) {
                return Ok(Reply::Card(Arc::new(self.made_for(&context, &public)?)));
            }
            // It is there for the extended card alone; handlers have no use for secrets.
            context.presented = None;
            self.agent.handle(context, call).await
        })
    }
}

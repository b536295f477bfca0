//! The card that is served: one for all who look at it, and replaced for all of them at once.

use std::{
    fmt,
    sync::{Arc, PoisonError, RwLock},
};

use a2a_protocol_core::{AgentCard, AgentInterface, Error, FieldViolation};

/// Adds to a card what does not stand in it by itself, and says what keeps it from being served.
type Completion = dyn Fn(&mut AgentCard) -> Vec<FieldViolation> + Send + Sync;

/// Holds the card that an agent is served with. Clones hold the same card: bindings, decorators and
/// the engine look here with every call and keep no copy, so a replaced card holds from the next
/// call on.
#[derive(Clone, Default)]
pub struct CardHandle(Arc<Shared>);

#[derive(Default)]
struct Shared {
    card: RwLock<Arc<AgentCard>>,
    completion: RwLock<Option<Arc<Completion>>>,
}

impl CardHandle {
    /// A handle of this card.
    pub fn new(card: impl Into<Arc<AgentCard>>) -> Self {
        let handle = Self::default();
        handle.set(card.into());
        handle
    }

    /// The card as it is now.
    pub fn get(&self) -> Arc<AgentCard> {
        self.0.card.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Replaces the card while it is served. One that names no interfaces keeps those of the card
    /// before it. What the agent itself knows is added again: its security schemes, its extensions.
    ///
    /// # Errors
    /// InvalidParams with every finding of the new card, by field; the old card stays.
    pub fn replace(&self, mut card: AgentCard) -> Result<(), Error> {
        if card.supported_interfaces.is_empty() {
            card.supported_interfaces.clone_from(&self.get().supported_interfaces);
        }
        let completion = self.0.completion.read().unwrap_or_else(PoisonError::into_inner).clone();
        let mut findings = completion.map(|complete| complete(&mut card)).unwrap_or_default();
        findings.extend(card.findings());
        if !findings.is_empty() {
            return Err(Error::violations(findings));
        }
        self.set(card.into());
        Ok(())
    }

    /// Sets the first card, and what completes and checks it and all that replace it.
    ///
    /// # Errors
    /// InvalidParams with what the completion finds.
    pub fn complete_with(
        &self,
        mut card: AgentCard,
        completion: impl Fn(&mut AgentCard) -> Vec<FieldViolation> + Send + Sync + 'static,
    ) -> Result<(), Error> {
        let findings = completion(&mut card);
        if !findings.is_empty() {
            return Err(Error::violations(findings));
        }
        *self.0.completion.write().unwrap_or_else(PoisonError::into_inner) = Some(Arc::new(completion));
        self.set(card.into());
        Ok(())
    }

    /// Names where the agent is reached, unless the card does.
    pub fn locate(&self, interfaces: impl FnOnce() -> Vec<AgentInterface>) {
        let mut card = self.0.card.write().unwrap_or_else(PoisonError::into_inner);
        if card.supported_interfaces.is_empty() {
            Arc::make_mut(&mut card).supported_interfaces = interfaces();
        }
    }

    fn set(&self, card: Arc<AgentCard>) {
        *self.0.card.write().unwrap_or_else(PoisonError::into_inner) = card;
    }
}

impl From<AgentCard> for CardHandle {
    fn from(card: AgentCard) -> Self {
        Self::new(card)
    }
}

impl From<Arc<AgentCard>> for CardHandle {
    fn from(card: Arc<AgentCard>) -> Self {
        Self::new(card)
    }
}

impl fmt::Debug for CardHandle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("CardHandle").field(&self.get().name).finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_card_that_takes_over_keeps_the_interfaces_and_is_completed() {
        let mut card: AgentCard = serde_json::from_str(
            r#"{"name":"A","description":"d","version":"1","defaultInputModes":["text/plain"],
                "defaultOutputModes":["text/plain"],
                "skills":[{"id":"s","name":"S","description":"d","tags":["t"]}]}"#,
        )
        .unwrap();
        let handle = CardHandle::default();
        let complete = |card: &mut AgentCard| {
            card.icon_url = Some("https://i.example/".to_owned());
            Vec::new()
        };
        handle.complete_with(card.clone(), complete).unwrap();
        handle.locate(|| vec![AgentInterface::new("https://a.example", "JSONRPC", "1.0")]);
        let before = handle.get();

        card.name.clear();
        let error = handle.replace(card.clone()).unwrap_err();
        assert_eq!(error.field_violations().iter().map(|found| &*found.field).collect::<Vec<_>>(), ["name"]);
        assert!(Arc::ptr_eq(&handle.get(), &before), "the old card stays");

        card.name = "B".to_owned();
        handle.clone().replace(card).unwrap();
        assert_eq!(handle.get().name, "B");
        assert_eq!(handle.get().supported_interfaces, before.supported_interfaces);
        assert_eq!(handle.get().icon_url, before.icon_url);
    }
}

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
    /// before it. What the agent itself knows is added again: its security schemes, its extensions, its
    /// signature.
    ///
    /// # Errors
    /// InvalidParams with every finding of the new card, by field; the old card stays. So it is for a
    /// card with signatures that would not hold for what is added.
    pub fn replace(&self, card: AgentCard) -> Result<(), Error> {
        let (card, findings) = self.completed(card);
        if !findings.is_empty() {
            return Err(Error::violations(findings));
        }
        self.set(card.into());
        Ok(())
    }

    /// The card of one caller, completed as one that [`replace`](Self::replace)s this. What is wrong
    /// with the card of all is no fault of that one.
    ///
    /// # Errors
    /// InvalidParams with every other finding, by field.
    pub fn extended(&self, card: AgentCard) -> Result<AgentCard, Error> {
        let (card, mut findings) = self.completed(card);
        if !findings.is_empty() {
            let of_all = self.get().findings();
            findings.retain(|finding| !of_all.contains(finding));
        }
        if findings.is_empty() { Ok(card) } else { Err(Error::violations(findings)) }
    }

    /// Sets the first card, and what completes and checks it and all that replace it. What completes a
    /// card may sign it: it is called again when the card has changed.
    ///
    /// # Errors
    /// InvalidParams with what the completion finds, and for a card with signatures that would not hold
    /// for what is added, now or where it is [`locate`](Self::locate)d.
    pub fn complete_with(
        &self,
        card: AgentCard,
        completion: impl Fn(&mut AgentCard) -> Vec<FieldViolation> + Send + Sync + 'static,
    ) -> Result<(), Error> {
        let (card, findings) = complete(card, &[], &completion);
        if !findings.is_empty() {
            return Err(Error::violations(findings));
        }
        *self.0.completion.write().unwrap_or_else(PoisonError::into_inner) = Some(Arc::new(completion));
        self.set(card.into());
        Ok(())
    }

    /// Names where the agent is reached, unless the card does. Signatures over the card without it
    /// give way to the agent's own.
    pub fn locate(&self, interfaces: impl FnOnce() -> Vec<AgentInterface>) {
        let completion = self.completion();
        let mut card = self.0.card.write().unwrap_or_else(PoisonError::into_inner);
        if card.supported_interfaces.is_empty() {
            let card = Arc::make_mut(&mut card);
            card.supported_interfaces = interfaces();
            card.signatures.clear();
            // It found nothing before.
            completion.map(|complete| complete(card));
        }
    }

    /// The card as it would be served, and what is wrong with it.
    fn completed(&self, card: AgentCard) -> (AgentCard, Vec<FieldViolation>) {
        let completion = self.completion();
        let add = |card: &mut AgentCard| completion.map(|complete| complete(card)).unwrap_or_default();
        let (card, mut findings) = complete(card, &self.get().supported_interfaces, add);
        findings.extend(card.findings());
        (card, findings)
    }

    fn completion(&self) -> Option<Arc<Completion>> {
        self.0.completion.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn set(&self, card: Arc<AgentCard>) {
        *self.0.card.write().unwrap_or_else(PoisonError::into_inner) = card;
    }
}

/// Completes a card, with these interfaces if it has none of its own.
fn complete(
    brought: AgentCard,
    interfaces: &[AgentInterface],
    add: impl FnOnce(&mut AgentCard) -> Vec<FieldViolation>,
) -> (AgentCard, Vec<FieldViolation>) {
    let mut card = brought.clone();
    if card.supported_interfaces.is_empty() {
        card.supported_interfaces.extend_from_slice(interfaces);
    }
    let mut findings = add(&mut card);
    let keeps_signatures = !card.signatures.is_empty() && card.signatures == brought.signatures;
    if keeps_signatures && (card != brought || card.supported_interfaces.is_empty()) {
        findings.push(FieldViolation {
            field: "signatures".to_owned(),
            description: "do not hold once the agent has added what it knows: sign the card that it serves".to_owned(),
        });
    }
    (card, findings)
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

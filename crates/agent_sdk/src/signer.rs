//! Signs the cards that an agent serves (section 8.4).

use a2a_protocol_core::{
    AgentCard, FieldViolation,
    signing::{self, SigningKey},
};

/// A key, and the address of its public half.
#[derive(Clone, Debug)]
pub(crate) struct Signer {
    pub(crate) key: SigningKey,
    pub(crate) jku: Option<String>,
}

impl Signer {
    /// Signs the card in place of whoever has, or says why that cannot be.
    pub(crate) fn sign(&self, card: &mut AgentCard) -> Option<FieldViolation> {
        card.signatures.clear();
        match signing::sign(card, &self.key, self.jku.as_deref()) {
            Ok(signature) => {
                card.signatures.push(signature);
                None
            }
            Err(error) => {
                Some(FieldViolation { field: "signatures".to_owned(), description: error.message().to_owned() })
            }
        }
    }
}

//! An agent put together: the engine, and around it what is told to look at every call.

use std::{collections::BTreeSet, sync::Arc};

use a2a_app_ports::{AgentService, CardHandle, Host};
use a2a_protocol_core::{AgentCard, AgentSkill, FieldViolation};
use a2a_task_engine::{Engine, MemoryStorage};

use crate::{
    Agent, ServeError,
    auth::{self, Authenticated},
    extended_card::ExtendedCard,
    extensions::Extended,
};

pub(crate) struct Assembly {
    /// What answers calls.
    pub(crate) service: Arc<dyn AgentService>,
    /// The engine at its heart.
    pub(crate) engine: Engine,
    pub(crate) card: CardHandle,
}

impl Assembly {
    pub(crate) fn of(agent: Agent, host: Host) -> Result<Self, ServeError> {
        let Agent { card: first, handle, skills, authenticator, extensions, extended_card, storage, engine, .. } =
            agent;
        if skills.is_empty() {
            return Err(ServeError::NoSkill);
        }
        if let Some(id) = repeated(&first.skills) {
            return Err(ServeError::DuplicateSkill(id.to_owned()));
        }
        let card = handle.unwrap_or_default();
        let answered: BTreeSet<String> = skills.iter().map(|skill| skill.id().to_owned()).collect();
        let (verifier, declared, extends) = (authenticator.clone(), extensions.clone(), extended_card.is_some());
        card.complete_with(first, move |card| {
            declared.iter().for_each(|extension| extension.declare(card));
            if extends {
                card.capabilities.extended_agent_card.get_or_insert(true);
            }
            let mut findings = auth::complete(card, verifier.as_deref());
            findings.extend(unanswered(card, &answered));
            findings
        })
        .map_err(ServeError::Card)?;
        let storage = storage.unwrap_or_else(|| Arc::new(MemoryStorage::new()));
        let engine = Engine::new(card.clone(), skills, storage, None, host, engine);
        let mut service: Arc<dyn AgentService> = Arc::new(engine.clone());
        if let Some(make) = extended_card {
            service = Arc::new(ExtendedCard::new(service, card.clone(), make));
        }
        service = Arc::new(Extended::new(service, card.clone(), extensions));
        if let Some(authenticator) = authenticator {
            service = Arc::new(Authenticated::new(service, card.clone(), authenticator));
        }
        Ok(Self { service, engine, card })
    }
}

fn repeated(skills: &[AgentSkill]) -> Option<&str> {
    let ids = || skills.iter().map(|skill| skill.id.as_str());
    ids().enumerate().find(|(index, id)| ids().take(*index).any(|earlier| earlier == *id)).map(|(_, id)| id)
}

/// The skills of a card that takes over which nobody is there to answer.
fn unanswered(card: &AgentCard, answered: &BTreeSet<String>) -> Vec<FieldViolation> {
    let skills = card.skills.iter().enumerate().filter(|(_, skill)| !answered.contains(&skill.id));
    let finding = |(index, skill): (usize, &AgentSkill)| FieldViolation {
        field: format!("skills[{index}].id"),
        description: format!("nobody answers the skill {:?}", skill.id),
    };
    skills.map(finding).collect()
}

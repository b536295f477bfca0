//! An agent put together: the engine, and around it what is told to look at every call.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use a2a_app_ports::{AgentService, CardHandle, Host};
use a2a_protocol_core::{
    AgentCard, AgentExtension, AgentSkill, CustomCall, FieldViolation, extensions::IDEMPOTENT_SEND,
};
use a2a_task_engine::{Engine, MemoryStorage};

use crate::{
    Agent, ServeError,
    auth::{self, Authenticated},
    extended_card::ExtendedCard,
    extensions::Extended,
    methods::{Method, Methods},
};

pub(crate) struct Assembly {
    /// What answers calls.
    pub(crate) service: Arc<dyn AgentService>,
    /// The engine at its heart, unless something else answers.
    #[cfg_attr(target_family = "wasm", expect(dead_code, reason = "a component is not told when it ends"))]
    pub(crate) engine: Option<Engine>,
    pub(crate) card: CardHandle,
}

impl Assembly {
    pub(crate) fn of(agent: Agent, host: Host) -> Result<Self, ServeError> {
        let Agent {
            card: first,
            handle,
            skills,
            service,
            authenticator,
            extensions,
            extended_card,
            push,
            methods,
            storage,
            engine: options,
            #[cfg(feature = "signing")]
            signer,
            ..
        } = agent;
        if skills.is_empty() && service.is_none() {
            return Err(ServeError::NoSkill);
        }
        if let Some(id) = repeated(&first.skills) {
            return Err(ServeError::DuplicateSkill(id.to_owned()));
        }
        let methods = named(methods)?;
        let card = handle.unwrap_or_default();
        // What something else can answer, it alone knows.
        let answered = service.is_none().then(|| skills.iter().map(|skill| skill.id().to_owned()).collect());
        let (verifier, declared, extends) = (authenticator.clone(), extensions.clone(), extended_card.is_some());
        let pushes = push.is_some();
        card.complete_with(first, move |card| {
            declared.iter().for_each(|extension| extension.declare(card));
            if extends {
                card.capabilities.extended_agent_card.get_or_insert(true);
            }
            let mut findings = Vec::new();
            // Something else that answers looks at credentials and tells webhooks by itself.
            if answered.is_some() {
                declare_idempotent_sends(card);
                let promises = *card.capabilities.push_notifications.get_or_insert(pushes);
                findings.extend((promises && !pushes).then(undelivered));
            }
            if answered.is_some() || verifier.is_some() {
                findings.extend(auth::complete(card, verifier.as_deref()));
            }
            findings.extend(answered.iter().flat_map(|answered| unanswered(card, answered)));
            #[cfg(feature = "signing")]
            findings.extend(signer.as_ref().and_then(|signer| signer.sign(card)));
            findings
        })
        .map_err(ServeError::Card)?;
        let (mut service, engine) = match service {
            Some(service) => (service, None),
            None => {
                // Nothing can be left in a storage that is made here.
                let resumes = storage.is_some();
                let storage = storage.unwrap_or_else(|| Arc::new(MemoryStorage::new()));
                let spawner = host.spawner.clone();
                let engine = Engine::new(card.clone(), skills, storage, push, host, options);
                if resumes {
                    spawner.spawn(Box::pin(resume(engine.clone())));
                }
                (Arc::new(engine.clone()) as Arc<dyn AgentService>, Some(engine))
            }
        };
        if let Some(make) = extended_card {
            service = Arc::new(ExtendedCard::new(service, card.clone(), make));
        }
        if !methods.is_empty() {
            service = Arc::new(Methods::new(service, methods));
        }
        service = Arc::new(Extended::new(service, card.clone(), extensions));
        if let Some(authenticator) = authenticator {
            service = Arc::new(Authenticated::new(service, card.clone(), authenticator));
        }
        Ok(Self { service, engine, card })
    }
}

async fn resume(engine: Engine) {
    if let Err(error) = engine.resume().await {
        tracing::error!(%error, cause = error.cause(), "cannot take up yet what was left before");
    }
}

/// The methods by names that they may have.
fn named(methods: Vec<(String, Arc<Method>)>) -> Result<BTreeMap<String, Arc<Method>>, ServeError> {
    let mut by_name = BTreeMap::new();
    for (name, method) in methods {
        CustomCall::check_name(&name).map_err(|error| ServeError::Method(error.message().to_owned()))?;
        if by_name.contains_key(&name) {
            return Err(ServeError::Method(format!("{name:?} is there twice")));
        }
        by_name.insert(name, method);
    }
    Ok(by_name)
}

/// The engine answers repeated messages once, for callers who ask for it.
fn declare_idempotent_sends(card: &mut AgentCard) {
    let declared = &mut card.capabilities.extensions;
    if !declared.iter().any(|extension| extension.uri == IDEMPOTENT_SEND) {
        declared.push(AgentExtension::new(IDEMPOTENT_SEND));
    }
}

fn repeated(skills: &[AgentSkill]) -> Option<&str> {
    let ids = || skills.iter().map(|skill| skill.id.as_str());
    ids().enumerate().find(|(index, id)| ids().take(*index).any(|earlier| earlier == *id)).map(|(_, id)| id)
}

fn undelivered() -> FieldViolation {
    FieldViolation {
        field: "capabilities.pushNotifications".to_owned(),
        description: "is declared, but nothing delivers them: see Agent::push".to_owned(),
    }
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

//! Authentication: a decorator that lets a call through to the agent if its credentials meet what
//! the card requires (sections 4.5 and 7.4).

mod challenge;
mod requirements;
mod tokens;

use std::{collections::BTreeMap, sync::Arc};

use a2a_app_ports::{AgentService, Authenticator, BoxFuture, CallContext, CardHandle, Presented, Reply};
use a2a_protocol_core::{
    AgentCard, AgentSkill, Call, Credential, Error, FieldViolation, SecurityRequirement, SecurityScheme,
};

use self::requirements::{Found, meet};
pub use self::tokens::Tokens;
use crate::guarded::guarded;

/// Asks for credentials before the agent is asked.
///
/// Every call has to meet one of the card's `securityRequirements`, and that with all its schemes
/// and their scopes; a message that names a skill (`metadata.skillId`) one of the skill's, if it has
/// requirements of its own. Then the caller is the owner of what it creates, and finds nothing of
/// others. A requirement without schemes asks for nothing: who presents something all the same is who
/// that says, the others are nobody in particular, and share their tasks. GetExtendedAgentCard asks everybody for
/// credentials.
///
/// Credentials for schemes that have to be met together belong to one caller, and no API key counts
/// for two of them. Only a program's ([`Principal::program`](a2a_app_ports::Principal::program)) may
/// come with somebody else's, who then is the caller.
pub struct Authenticated {
    agent: Arc<dyn AgentService>,
    card: CardHandle,
    authenticator: Arc<dyn Authenticator>,
}

impl Authenticated {
    /// Guards the agent of this card.
    pub fn new(agent: Arc<dyn AgentService>, card: CardHandle, authenticator: Arc<dyn Authenticator>) -> Self {
        Self { agent, card, authenticator }
    }

    /// Finds who calls and sets it in the context. What the context said of it before does not
    /// count.
    async fn admit(&self, context: &mut CallContext, call: &Call) -> Result<(), Error> {
        let card = self.card.get();
        let presented = context.presented.take();
        let found = self.verify(&card, presented.as_deref()).await?;
        let required = required(&card, call);
        let granted = meet(&required, &card.security_schemes, &found).map_err(|refusal| {
            tracing::info!(method = %call.name(), %refusal, "a call was refused");
            challenge::refuse(&card, &required, &found, refusal)
        })?;
        context.barred_skills = match call {
            Call::SendMessage(_) | Call::SendStreamingMessage(_) => barred(&card, &found),
            _ => Vec::new(),
        };
        (context.principal, context.scopes) = match granted {
            Some(principal) => (Some(principal.id), principal.scopes),
            None => Default::default(),
        };
        Ok(())
    }

    /// What is presented for each scheme that is required somewhere.
    async fn verify<'a>(
        &self,
        card: &'a AgentCard,
        presented: Option<&Presented>,
    ) -> Result<BTreeMap<&'a str, Found>, Error> {
        let mut found = BTreeMap::new();
        let Some(presented) = presented else { return Ok(found) };
        for (name, scheme) in &card.security_schemes {
            let verified = match Credential::presented(scheme, &presented.headers, &presented.query) {
                Ok(None) => continue,
                Ok(Some(credential)) => {
                    let principal = self.authenticator.verify(name, scheme, &credential).await?;
                    principal.map(|principal| Found::Valid(principal, credential))
                }
                Err(_malformed) => None,
            };
            found.insert(name.as_str(), verified.unwrap_or(Found::Invalid));
        }
        Ok(found)
    }
}

/// Of which requirements a call has to meet one.
fn required(card: &AgentCard, call: &Call) -> Vec<SecurityRequirement> {
    match call {
        Call::SendMessage(request) | Call::SendStreamingMessage(request) => {
            let named = request.message.metadata.as_deref().and_then(|metadata| metadata.get("skillId")?.as_str());
            let named = card.skills.iter().find(|skill| Some(skill.id.as_str()) == named);
            named.map_or(&*card.security_requirements, |skill| of_skill(card, skill)).to_vec()
        }
        Call::GetExtendedAgentCard(_) => {
            let mut required = card.security_requirements.clone();
            required.retain(|requirement| !requirement.schemes.is_empty());
            if required.is_empty() {
                required = one_of(&card.security_schemes);
            }
            required
        }
        _ => card.security_requirements.clone(),
    }
}

/// The skills that are out of reach. A message may be for another one than it names.
fn barred(card: &AgentCard, found: &BTreeMap<&str, Found>) -> Vec<String> {
    if card.skills.iter().all(|skill| skill.security_requirements.is_empty()) {
        return Vec::new();
    }
    let met = |skill: &&AgentSkill| meet(of_skill(card, skill), &card.security_schemes, found).is_ok();
    card.skills.iter().filter(|skill| !met(skill)).map(|skill| skill.id.clone()).collect()
}

/// A skill's requirements are its own, or else the card's.
fn of_skill<'a>(card: &'a AgentCard, skill: &'a AgentSkill) -> &'a [SecurityRequirement] {
    match &*skill.security_requirements {
        [] => &card.security_requirements,
        own => own,
    }
}

fn one_of(schemes: &BTreeMap<String, SecurityScheme>) -> Vec<SecurityRequirement> {
    schemes.keys().map(SecurityRequirement::scheme).collect()
}

/// Completes what a card says of security, and finds what nobody could meet or nobody would ask.
pub(crate) fn complete(card: &mut AgentCard, authenticator: Option<&dyn Authenticator>) -> Vec<FieldViolation> {
    if let Some(authenticator) = authenticator {
        if card.security_schemes.is_empty() {
            card.security_schemes = authenticator.schemes();
        }
        if card.security_requirements.is_empty() {
            card.security_requirements = one_of(&card.security_schemes);
        }
    }
    let skills = card.skills.iter().enumerate();
    let of_skills = skills.map(|(index, skill)| (format!("skills[{index}]."), &skill.security_requirements));
    let lists = std::iter::once((String::new(), &card.security_requirements)).chain(of_skills);
    let mut findings = Vec::new();
    for (path, requirements) in lists {
        let field = format!("{path}securityRequirements");
        let can_be_met = |requirement: &SecurityRequirement| {
            let mut names = requirement.schemes.keys();
            names.all(|name| card.security_schemes.get(name).is_some_and(Credential::is_presentable))
        };
        let description = match authenticator {
            None if requirements.iter().all(|requirement| requirement.schemes.is_empty()) => continue,
            None => "nobody verifies credentials: the agent needs Agent::authenticate",
            Some(_) if path.is_empty() && requirements.is_empty() => {
                "the agent authenticates its callers, so securitySchemes has to say how"
            }
            Some(_) if requirements.is_empty() || requirements.iter().any(can_be_met) => continue,
            Some(_) => "none of them can be met: mutual TLS cannot be verified yet, nor unknown schemes",
        };
        findings.push(FieldViolation { field, description: description.to_owned() });
    }
    findings
}

impl AgentService for Authenticated {
    fn handle(&self, mut context: CallContext, call: Call) -> BoxFuture<'_, Result<Reply, Error>> {
        Box::pin(async move {
            guarded("the authenticator", self.admit(&mut context, &call)).await?;
            self.agent.handle(context, call).await
        })
    }
}

impl std::fmt::Debug for Authenticated {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Authenticated").field("card", &self.card).finish_non_exhaustive()
    }
}

//! The agents that scenarios ask for, by names that another process can be told.

use std::time::Duration;

use agent_sdk::{EngineOptions, prelude::*};

use super::{cards, guarded, methods, pushing, rpc, shout};
use crate::gates::Gates;

/// How an agent differs from the plain one.
#[derive(Clone, Copy)]
pub(crate) struct Kind {
    #[allow(dead_code, reason = "an agent in the process of the test is made, not named")]
    pub(crate) name: &'static str,
    change: fn(&Gates, Agent) -> Agent,
}

impl Kind {
    /// The one of this name.
    #[allow(dead_code, reason = "an agent in the process of the test is made, not named")]
    pub(crate) fn named(name: &str) -> Option<Self> {
        ALL.iter().find(|kind| kind.name == name).copied()
    }

    /// The agent, on this line to its test.
    pub(crate) fn agent(self, gates: &Gates) -> Agent {
        (self.change)(gates, super::agent(gates))
    }
}

macro_rules! kinds {
    ($($(#[$doc:meta])* $name:ident = $change:expr;)*) => {
        $($(#[$doc])* pub(crate) const $name: Kind = Kind { name: stringify!($name), change: $change };)*

        const ALL: &[Kind] = &[$($name),*];
    };
}

kinds! {
    PLAIN = |_, agent| agent;

    /// Asks for the credentials of [`guarded::tokens`], any one of them.
    GUARDED = |_, agent| agent.authenticate(guarded::tokens());
    GUARDED_BY_SCOPES = |_, agent| guarded::by_scopes(agent);
    GUARDED_BY_TWO_SCHEMES = |_, agent| guarded::by_two_schemes(agent);
    GUARDED_WITH_VAULT = |_, agent| guarded::with_vault(agent);
    GUARDED_WITH_OPEN_SKILL = |_, agent| guarded::with_open_skill(agent);
    GUARDED_OR_NOT = |_, agent| guarded::or_not(agent);
    GUARDED_WITH_WHO = |_, agent| guarded::with_who(agent);

    EXTENDED = |_, agent| agent.extended_card(cards::extended);
    /// For callers that are known.
    EXTENDED_GUARDED = |_, agent| agent.extended_card(cards::extended).authenticate(guarded::tokens());
    /// The only operation that asks for credentials.
    EXTENDED_ALONE_GUARDED = |_, agent| cards::optional(agent).extended_card(cards::extended);
    EXTENDED_BY_PRESENTED = |_, agent| agent.extended_card(cards::extended_by_presented);
    EXTENDED_BUT_NOT_MADE = |_, agent| agent.card(|card| card.capabilities.extended_agent_card = Some(true));
    EXTENDED_UNDECLARED = |_, agent| {
        agent.extended_card(cards::extended).card(|card| card.capabilities.extended_agent_card = None)
    };
    EXTENDED_WITHOUT_VERSION = |_, agent| agent.extended_card(cards::without_version);
    EXTENDED_WITH_UNANSWERED_SKILL = |_, agent| agent.extended_card(cards::with_unanswered_skill);
    STREAMING_UNDECLARED = |_, agent| agent.card(|card| card.capabilities.streaming = None);

    METHODS = |_, agent| methods::all(agent);
    METHODS_GUARDED = |_, agent| methods::all(agent).authenticate(guarded::tokens());

    RPC = |_, agent| rpc::all(agent);
    RPC_GUARDED = |_, agent| rpc::all(agent).authenticate(guarded::tokens());
    RPC_SHOUTS_ONLY = |gates, agent| shout::required(gates, rpc::all(agent));

    SHOUTS = |gates, agent| shout::allowed(gates, agent);
    SHOUTS_ONLY = |gates, agent| shout::required(gates, agent);

    PUSHES = |gates, agent| pushing::to(gates, agent);
    PUSHES_GUARDED = |gates, agent| pushing::to(gates, agent).authenticate(guarded::tokens());
    /// With callers that are known and callers that are not.
    PUSHES_OR_NOT_GUARDED = |gates, agent| cards::optional(pushing::to(gates, agent));
    PUSHES_UNSAID = |gates, agent| pushing::to(gates, agent).card(|card| {
        card.capabilities.push_notifications = Some(false)
    });
    PUSHING_UNDECLARED = |_, agent| agent.card(|card| card.capabilities.push_notifications = None);

    IMPATIENT = |_, agent| {
        let mut options = EngineOptions::default();
        options.pause_limit = Some(Duration::from_millis(1));
        // Looked at every second.
        options.lease_time = Duration::from_secs(3);
        agent.engine(options)
    };
}

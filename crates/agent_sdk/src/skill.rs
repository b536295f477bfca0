//! What an agent can do, as its card says it, and how it is to be run.

use std::time::Duration;

use a2a_app_ports::{Answers, MessageHandler};
use a2a_protocol_core::{AgentSkill, SecurityRequirement};
use a2a_task_engine as engine;

/// Something an agent can do.
#[derive(Clone, Debug)]
pub struct Skill {
    pub(crate) card: AgentSkill,
    answers: Answers,
    time_limit: Option<Duration>,
    rerunnable: bool,
}

impl Skill {
    /// A skill with an id, by which messages may choose it (`metadata.skillId`), and a name. It
    /// answers tasks, has no time limit and may not be run again.
    pub fn new(id: impl Into<String>, name: impl Into<String>) -> Self {
        let mut card = AgentSkill::new(id, name);
        card.description = card.name.clone();
        Self { card, answers: Answers::default(), time_limit: None, rerunnable: false }
    }

    /// What it does; the name otherwise.
    #[must_use]
    pub fn description(mut self, description: impl Into<String>) -> Self {
        self.card.description = description.into();
        self
    }

    /// One more keyword.
    #[must_use]
    pub fn tag(mut self, tag: impl Into<String>) -> Self {
        self.card.tags.push(tag.into());
        self
    }

    /// One more thing one might say to it.
    #[must_use]
    pub fn example(mut self, example: impl Into<String>) -> Self {
        self.card.examples.push(example.into());
        self
    }

    /// One more media type it takes, instead of the agent's. Wildcards are allowed.
    #[must_use]
    pub fn input_mode(mut self, media_type: impl Into<String>) -> Self {
        self.card.input_modes.push(media_type.into());
        self
    }

    /// One more media type it answers in, instead of the agent's.
    #[must_use]
    pub fn output_mode(mut self, media_type: impl Into<String>) -> Self {
        self.card.output_modes.push(media_type.into());
        self
    }

    /// One more set of schemes that callers may authenticate with, instead of the agent's
    /// requirements; see [`Agent::authenticate`](crate::Agent::authenticate).
    #[must_use]
    pub fn security_requirement(mut self, requirement: SecurityRequirement) -> Self {
        self.card.security_requirements.push(requirement);
        self
    }

    /// What it answers with: tasks, messages, or whichever its handler begins with.
    #[must_use]
    pub fn answers(mut self, answers: Answers) -> Self {
        self.answers = answers;
        self
    }

    /// A turn that takes longer fails its task.
    #[must_use]
    pub fn time_limit(mut self, limit: Duration) -> Self {
        self.time_limit = Some(limit);
        self
    }

    /// When the process that runs it is lost, a message may be given to the handler once more, by
    /// another replica or after the next start; the handler sees
    /// [`Turn::attempt`](a2a_app_ports::Turn::attempt) and what it noted by
    /// [`TaskUpdater::checkpoint`](a2a_app_ports::TaskUpdater::checkpoint). Otherwise the task is failed.
    #[must_use]
    pub fn rerunnable(mut self) -> Self {
        self.rerunnable = true;
        self
    }

    pub(crate) fn handled_by(&self, handler: impl MessageHandler) -> engine::Skill {
        let mut skill = engine::Skill::new(self.card.id.as_str(), handler).answers(self.answers);
        if self.rerunnable {
            skill = skill.rerunnable();
        }
        match self.time_limit {
            Some(limit) => skill.time_limit(limit),
            None => skill,
        }
    }
}

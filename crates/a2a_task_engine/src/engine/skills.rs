//! The skills of an agent: which one answers a message, and whether it takes what the message holds.

use std::{sync::Arc, time::Duration};

use a2a_app_ports::{Answers, BoxFuture, CallContext, HandlerError, MessageHandler, TaskUpdater, Turn};
use a2a_protocol_core::{AgentCard, Error, ErrorKind, Message};

/// The member of a message's metadata that names the skill.
pub(crate) const SKILL_ID: &str = "skillId";

/// A handler whose type is forgotten.
pub(crate) trait ErasedHandler: Send + Sync {
    fn run(self: Arc<Self>, turn: Turn, task: TaskUpdater) -> BoxFuture<'static, Result<(), HandlerError>>;
}

impl<H: MessageHandler> ErasedHandler for H {
    fn run(self: Arc<Self>, turn: Turn, task: TaskUpdater) -> BoxFuture<'static, Result<(), HandlerError>> {
        Box::pin(async move { self.handle(turn, task).await })
    }
}

/// One skill: a handler and how it is to be run.
#[derive(Clone)]
pub struct Skill {
    pub(crate) id: Arc<str>,
    pub(crate) answers: Answers,
    pub(crate) time_limit: Option<Duration>,
    pub(crate) rerunnable: bool,
    pub(crate) handler: Arc<dyn ErasedHandler>,
}

impl Skill {
    /// A skill that answers tasks, has no time limit and may not be run again. What it takes, the card says.
    pub fn new(id: impl Into<Arc<str>>, handler: impl MessageHandler) -> Self {
        Self {
            id: id.into(),
            answers: Answers::default(),
            time_limit: None,
            rerunnable: false,
            handler: Arc::new(handler),
        }
    }

    /// By which messages choose it.
    pub fn id(&self) -> &str {
        &self.id
    }

    /// What it answers with.
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

    /// When the process that runs it is lost, a message may be given to the handler of another one
    /// once more, with [`Turn::attempt`] and [`Turn::restore`]; otherwise the task is failed.
    #[must_use]
    pub fn rerunnable(mut self) -> Self {
        self.rerunnable = true;
        self
    }
}

impl std::fmt::Debug for Skill {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Skill").field("id", &self.id).field("answers", &self.answers).finish_non_exhaustive()
    }
}

/// The skill that a new task's message names, or the first one.
pub(crate) fn choose<'a>(skills: &'a [Arc<Skill>], message: &Message) -> Result<&'a Arc<Skill>, Error> {
    let field = "message.metadata.skillId";
    let named = message.metadata.as_deref().and_then(|metadata| metadata.get(SKILL_ID));
    let Some(named) = named else {
        return skills.first().ok_or_else(|| Error::internal("an agent without skills cannot answer"));
    };
    let Some(named) = named.as_str() else {
        return Err(Error::invalid(field, "must be a string"));
    };
    skills.iter().find(|skill| &*skill.id == named).ok_or_else(|| {
        let known: Vec<&str> = skills.iter().map(|skill| &*skill.id).collect();
        Error::invalid(field, format!("unknown skill {named:?}; the skills are {}", known.join(", ")))
    })
}

/// Refuses a message to a skill that the caller may not use.
pub(crate) fn check_access(context: &CallContext, skill: &Skill) -> Result<(), Error> {
    if context.barred_skills.iter().any(|barred| **barred == *skill.id) {
        let text = format!("the credentials do not meet the security requirements of the skill {:?}", skill.id);
        return Err(Error::new(ErrorKind::PermissionDenied, text).with_metadata("skillId", &*skill.id));
    }
    Ok(())
}

/// Refuses parts of media types that the skill, or without modes of its own the card, does not take.
/// A part without a media type is never refused.
pub(crate) fn check_media_types(card: &AgentCard, skill: &Skill, message: &Message) -> Result<(), Error> {
    let own = card.skills.iter().find(|declared| *declared.id == *skill.id).map(|declared| &declared.input_modes);
    let modes = own.filter(|modes| !modes.is_empty()).unwrap_or(&card.default_input_modes);
    for (index, part) in message.parts.iter().enumerate() {
        let Some(media_type) = part.media_type.as_deref() else { continue };
        if !modes.iter().any(|mode| matches(mode, media_type)) {
            let text = format!("message.parts[{index}]: {media_type} is not taken; {} is", modes.join(", "));
            return Err(Error::new(ErrorKind::ContentTypeNotSupported, text).with_metadata("mediaType", media_type));
        }
    }
    Ok(())
}

/// Whether a mode such as `text/*` covers a media type; parameters of the type do not count.
fn matches(mode: &str, media_type: &str) -> bool {
    let essence = |text: &str| text.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
    let (mode, media_type) = (essence(mode), essence(media_type));
    mode == "*/*"
        || mode == media_type
        || mode.strip_suffix("/*").is_some_and(|family| media_type.split('/').next() == Some(family))
}

#[cfg(test)]
mod tests {
    use super::matches;

    #[test]
    fn modes_cover_types_and_families() {
        for (mode, media_type, covered) in [
            ("text/plain", "text/plain", true),
            ("text/plain", "TEXT/PLAIN; charset=utf-8", true),
            ("text/*", "text/markdown", true),
            ("*/*", "image/png", true),
            ("text/*", "textual/plain", false),
            ("text/plain", "text/html", false),
        ] {
            assert_eq!(matches(mode, media_type), covered, "{mode} {media_type}");
        }
    }
}

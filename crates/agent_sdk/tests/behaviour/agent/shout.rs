//! An agent with an extension.

use std::sync::Arc;

use agent_sdk::{
    ports::{BoxFuture, Extension, Reply},
    prelude::*,
    protocol::{AgentExtension, Call, Error, ErrorKind, StreamResponse},
};

use crate::gates::Gates;

pub(crate) const SHOUT: &str = "urn:example:shout";

/// Tells the test what it sees under a name, adds a word to every message, and an exclamation mark to replies and to
/// the text of events.
struct Shout {
    gates: Gates,
    required: bool,
}

pub(super) fn allowed(gates: &Gates, agent: Agent) -> Agent {
    agent.extension(Shout { gates: gates.clone(), required: false })
}

pub(super) fn required(gates: &Gates, agent: Agent) -> Agent {
    agent.extension(Shout { gates: gates.clone(), required: true })
}

impl Extension for Shout {
    fn declaration(&self) -> AgentExtension {
        let mut declaration = AgentExtension::new(SHOUT);
        declaration.required = self.required;
        declaration
    }

    fn on_call<'a>(&'a self, _: &'a mut CallContext, call: &'a mut Call) -> BoxFuture<'a, Result<(), Error>> {
        Box::pin(async move {
            self.gates.tell(format!("call {}", call.name())).await;
            if let Call::SendMessage(request) | Call::SendStreamingMessage(request) = call {
                if request.message.text() == "forbidden" {
                    return Err(Error::new(ErrorKind::PermissionDenied, "not so loud"));
                }
                request.message.parts = vec![Part::text(format!("{} loudly", request.message.text()))];
            }
            Ok(())
        })
    }

    fn on_event(&self, _: &CallContext, event: &StreamResponse) -> Option<StreamResponse> {
        let StreamResponse::ArtifactUpdate(update) = event else { return None };
        let mut louder = update.clone();
        Arc::make_mut(&mut louder.artifact).parts.push(Part::text("!"));
        Some(StreamResponse::ArtifactUpdate(louder))
    }

    fn on_reply<'a>(&'a self, context: &'a CallContext, reply: Reply) -> BoxFuture<'a, Result<Reply, Error>> {
        Box::pin(async move {
            let active = if context.has_extension(SHOUT) { "reply" } else { "unasked reply" };
            self.gates.tell(format!("{active} {reply:?}")).await;
            Ok(match reply {
                Reply::Task(mut task) => {
                    Arc::make_mut(&mut task).metadata.get_or_insert_default().insert("loud".to_owned(), true.into());
                    Reply::Task(task)
                }
                reply => reply,
            })
        })
    }
}

//! Extensions see what they are active for, and nothing else.

use std::sync::{Arc, Mutex};

use agent_sdk::{
    ports::{BoxFuture, Extension, Reply},
    prelude::*,
    protocol::{
        AgentExtension, Call, Error, ErrorKind, GetTaskRequest, SendMessageRequest, SendMessageResponse, StreamResponse,
    },
};

use crate::bindings::{Binding, Reach, World, all, brief, refusal};

const SHOUT: &str = "urn:example:shout";

/// Remembers what it sees under a name, makes every first word of a message "ask", and adds an exclamation
/// mark to replies and to the text of events.
#[derive(Clone, Default)]
struct Shout {
    seen: Arc<Mutex<Vec<String>>>,
    required: bool,
}

impl Shout {
    fn note(&self, what: String) {
        self.seen.lock().unwrap().push(what);
    }

    fn seen(&self) -> Vec<String> {
        std::mem::take(&mut self.seen.lock().unwrap())
    }
}

impl Extension for Shout {
    fn declaration(&self) -> AgentExtension {
        let mut declaration = AgentExtension::new(SHOUT);
        declaration.required = self.required;
        declaration
    }

    fn on_call<'a>(&'a self, _: &'a mut CallContext, call: &'a mut Call) -> BoxFuture<'a, Result<(), Error>> {
        Box::pin(async move {
            self.note(format!("call {}", call.name()));
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
            assert!(context.has_extension(SHOUT));
            self.note(format!("reply {reply:?}"));
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

fn asking() -> Reach<'static> {
    Reach { extension: Some(SHOUT), ..Reach::default() }
}

async fn extensions_see_and_change_the_calls_that_ask_for_them(binding: Binding) {
    let shout = Shout::default();
    let world = World::with(binding, |agent| agent.extension(shout.clone())).await;
    let service = world.reach(asking());
    let request = SendMessageRequest::new(world.message("task"));
    let SendMessageResponse::Task(task) = service.send_message(CallContext::new(), request).await.unwrap() else {
        panic!("a message")
    };
    assert_eq!(task.artifacts[0].parts[0].as_text(), Some("echo: task loudly"));
    let got = service.get_task(CallContext::new(), GetTaskRequest::new(&*task.id)).await.unwrap();
    assert_eq!(got.metadata.as_ref().unwrap()["loud"], true);
    assert_eq!(shout.seen(), ["call SendMessage", "reply Sent", "call GetTask", "reply Task"]);

    let request = SendMessageRequest::new(world.message("task"));
    let events = all(service.send_streaming_message(CallContext::new(), request).await.unwrap()).await;
    let parts = events.iter().filter_map(|event| match &event.response {
        StreamResponse::ArtifactUpdate(update) => Some(&update.artifact.parts),
        _ => None,
    });
    let texts: Vec<Vec<_>> = parts.map(|parts| parts.iter().map(|part| part.as_text().unwrap()).collect()).collect();
    assert_eq!(texts, [["echo: task loudly", "!"]]);
    assert_eq!(brief(events.last().unwrap()), "status completed");
    assert_eq!(shout.seen(), ["call SendStreamingMessage", "reply Stream"]);

    let request = SendMessageRequest::new(world.message("forbidden"));
    assert_eq!(refusal(service.send_message(CallContext::new(), request).await).0, ErrorKind::PermissionDenied);
    assert_eq!(shout.seen(), ["call SendMessage"]);
    world.end().await;
}

async fn extensions_do_not_see_calls_that_do_not_ask_for_them(binding: Binding) {
    let shout = Shout::default();
    let world = World::with(binding, |agent| agent.extension(shout.clone())).await;
    for service in [world.service.clone(), world.reach(Reach { extension: Some("urn:other"), ..Reach::default() })] {
        let request = SendMessageRequest::new(world.message("complete"));
        service.send_message(CallContext::new(), request).await.unwrap();
    }
    assert_eq!(shout.seen(), Vec::<String>::new());
    world.end().await;
}

async fn required_extensions_are_asked_of_every_call(binding: Binding) {
    let shout = Shout { required: true, ..Shout::default() };
    let world = World::with(binding, |agent| agent.extension(shout.clone())).await;
    let request = || SendMessageRequest::new(world.message("complete"));
    let error = world.send_request(request()).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::ExtensionSupportRequired);
    assert_eq!(error.metadata()["extensions"], SHOUT);
    let streamed = world.stream(world.message("complete")).await.map(|_| ());
    assert_eq!(refusal(streamed).0, ErrorKind::ExtensionSupportRequired);
    assert_eq!(shout.seen(), Vec::<String>::new());
    world.reach(asking()).send_message(CallContext::new(), request()).await.unwrap();
    assert_eq!(shout.seen(), ["call SendMessage", "reply Sent"]);
    world.end().await;
}

crate::over_all_bindings!(
    extensions_see_and_change_the_calls_that_ask_for_them,
    extensions_do_not_see_calls_that_do_not_ask_for_them,
    required_extensions_are_asked_of_every_call,
);

//! Extensions see what they are active for, and nothing else.

use agent_sdk::{
    prelude::*,
    protocol::{ErrorKind, GetTaskRequest, SendMessageRequest, SendMessageResponse, StreamResponse},
};
use tokio::sync::watch;

use crate::{
    agent::{kinds, shout::SHOUT},
    bindings::Binding,
    world::{Reach, World, all, brief, refusal},
};

/// What the extension sees.
struct Seen(watch::Receiver<Vec<String>>, usize);

impl Seen {
    fn of(world: &World) -> Self {
        Self(world.gates.told(), 0)
    }

    /// Since this was last asked.
    fn since(&mut self) -> Vec<String> {
        let told = self.0.borrow()[self.1..].to_vec();
        self.1 += told.len();
        told
    }
}

fn asking() -> Reach<'static> {
    Reach { extension: Some(SHOUT), ..Reach::default() }
}

async fn extensions_see_and_change_the_calls_that_ask_for_them(binding: Binding) {
    let world = World::of(binding, kinds::SHOUTS).await;
    let mut seen = Seen::of(&world);
    let service = world.reach(asking());
    let request = SendMessageRequest::new(world.message("task"));
    let SendMessageResponse::Task(task) = service.send_message(CallContext::new(), request).await.unwrap() else {
        panic!("a message")
    };
    assert_eq!(task.artifacts[0].parts[0].as_text(), Some("echo: task loudly"));
    let got = service.get_task(CallContext::new(), GetTaskRequest::new(&*task.id)).await.unwrap();
    assert_eq!(got.metadata.as_ref().unwrap()["loud"], true);
    assert_eq!(seen.since(), ["call SendMessage", "reply Sent", "call GetTask", "reply Task"]);

    let request = SendMessageRequest::new(world.message("task"));
    let events = all(service.send_streaming_message(CallContext::new(), request).await.unwrap()).await;
    let parts = events.iter().filter_map(|event| match &event.response {
        StreamResponse::ArtifactUpdate(update) => Some(&update.artifact.parts),
        _ => None,
    });
    let texts: Vec<Vec<_>> = parts.map(|parts| parts.iter().map(|part| part.as_text().unwrap()).collect()).collect();
    assert_eq!(texts, [["echo: task loudly", "!"]]);
    assert_eq!(brief(events.last().unwrap()), "status completed");
    assert_eq!(seen.since(), ["call SendStreamingMessage", "reply Stream"]);

    let request = SendMessageRequest::new(world.message("forbidden"));
    assert_eq!(refusal(service.send_message(CallContext::new(), request).await).0, ErrorKind::PermissionDenied);
    assert_eq!(seen.since(), ["call SendMessage"]);
    world.end().await;
}

async fn extensions_do_not_see_calls_that_do_not_ask_for_them(binding: Binding) {
    let world = World::of(binding, kinds::SHOUTS).await;
    let mut seen = Seen::of(&world);
    for service in [world.service.clone(), world.reach(Reach { extension: Some("urn:other"), ..Reach::default() })] {
        let request = SendMessageRequest::new(world.message("complete"));
        service.send_message(CallContext::new(), request).await.unwrap();
    }
    assert_eq!(seen.since(), Vec::<String>::new());
    world.end().await;
}

async fn required_extensions_are_asked_of_every_call(binding: Binding) {
    let world = World::of(binding, kinds::SHOUTS_ONLY).await;
    let mut seen = Seen::of(&world);
    let request = || SendMessageRequest::new(world.message("complete"));
    let error = world.send_request(request()).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::ExtensionSupportRequired);
    assert_eq!(error.metadata()["extensions"], SHOUT);
    let streamed = world.stream(world.message("complete")).await.map(|_| ());
    assert_eq!(refusal(streamed).0, ErrorKind::ExtensionSupportRequired);
    assert_eq!(seen.since(), Vec::<String>::new());
    world.reach(asking()).send_message(CallContext::new(), request()).await.unwrap();
    assert_eq!(seen.since(), ["call SendMessage", "reply Sent"]);
    world.end().await;
}

crate::over_all_bindings!(
    extensions_see_and_change_the_calls_that_ask_for_them,
    extensions_do_not_see_calls_that_do_not_ask_for_them,
    required_extensions_are_asked_of_every_call,
);

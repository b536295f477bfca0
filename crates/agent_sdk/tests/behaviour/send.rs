//! Sending and waiting.

use agent_sdk::{
    prelude::*,
    protocol::{ErrorKind, GetTaskRequest, SendMessageRequest, SendMessageResponse},
};

use crate::{
    bindings::Binding,
    world::{World, refusal},
};

async fn a_task_runs_to_its_end_while_the_caller_waits(binding: Binding) {
    let world = World::new(binding).await;
    let task = world.task(world.message("task one")).await;
    assert_eq!(task.status.state, TaskState::Completed);
    assert_eq!(task.artifact("answer").unwrap().text(), "echo: task one");
    let said: Vec<String> = task.history.iter().map(|message| message.text()).collect();
    assert_eq!(said, ["task one", "on it"], "a replaced status message moves into the history");
    assert_eq!(task.history[0].task_id.as_ref(), Some(&task.id));
    assert_eq!(task.history[0].context_id.as_ref(), Some(&task.context_id));
    assert_eq!(*world.get(&task).await, *task);
    world.end().await;
}

async fn returning_without_a_word_completes(binding: Binding) {
    let world = World::new(binding).await;
    assert_eq!(world.task(world.message("nothing")).await.status.state, TaskState::Completed);
    world.end().await;
}

async fn a_reply_of_a_skill_that_answers_tasks_completes_the_task(binding: Binding) {
    let world = World::new(binding).await;
    let task = world.task(world.message("reply")).await;
    assert_eq!(task.status.state, TaskState::Completed);
    assert_eq!(task.status.message.as_ref().unwrap().text(), "the reply");
    world.end().await;
}

async fn a_skill_that_answers_messages_makes_no_task(binding: Binding) {
    let world = World::new(binding).await;
    let SendMessageResponse::Message(message) = world.send(world.to_skill("say", "hello")).await.unwrap() else {
        panic!("a task");
    };
    assert_eq!(message.text(), "echo: hello");
    assert_eq!(message.role, Role::Agent);
    assert!(message.context_id.is_some(), "a context that the agent made is told");
    assert_eq!(message.task_id, None);
    let SendMessageResponse::Message(message) = world.send(world.to_skill("say", "task")).await.unwrap() else {
        panic!("a task");
    };
    assert_eq!(message.text(), "no task");
    world.end().await;
}

async fn the_first_effect_decides_between_message_and_task(binding: Binding) {
    let world = World::new(binding).await;
    let answer = world.send(world.to_skill("either", "message")).await.unwrap();
    assert!(matches!(answer, SendMessageResponse::Message(_)));
    let task = world.task(world.to_skill("either", "task two")).await;
    assert_eq!(task.status.state, TaskState::Completed);
    let task = world.task(world.to_skill("either", "nothing")).await;
    assert_eq!(task.status.state, TaskState::Completed);
    world.end().await;
}

async fn returning_immediately_gives_a_task_that_goes_on(binding: Binding) {
    let world = World::new(binding).await;
    let task = world.start(world.message("gate a")).await;
    assert!(!task.status.state.is_terminal());
    world.gates.wait("a", |gate| gate.entered).await;
    assert_eq!(world.get(&task).await.status.state, TaskState::Working);
    let stream = world.subscribe(&task, None).await.unwrap();
    world.gates.open("a");
    crate::world::all(stream).await;
    assert_eq!(world.get(&task).await.status.state, TaskState::Completed);
    world.end().await;
}

async fn a_task_exists_while_its_handler_says_nothing(binding: Binding) {
    let world = World::new(binding).await;
    let task = world.start(world.message("silent b")).await;
    world.gates.wait("b", |gate| gate.entered).await;
    assert_eq!(world.get(&task).await.status.state, TaskState::Submitted);
    world.gates.open("b");
    world.end().await;
}

async fn a_question_pauses_the_task_and_the_answer_continues_it(binding: Binding) {
    let world = World::new(binding).await;
    let asked = world.task(world.message("ask")).await;
    assert_eq!(asked.status.state, TaskState::InputRequired);
    assert_eq!(asked.status.message.as_ref().unwrap().text(), "which one?");
    let again = world.task(world.to_task(&asked, "again")).await;
    assert_eq!((&again.id, &again.status.state), (&asked.id, &TaskState::InputRequired));
    assert_eq!(again.artifact("answer").unwrap().text(), "again after ask|which one?");
    let mut message = world.to_task(&asked, "the last");
    message.context_id = Some(asked.context_id.clone());
    let done = world.task(message).await;
    assert_eq!(done.status.state, TaskState::Completed);
    assert_eq!(done.artifact("answer").unwrap().text(), "the last after ask|which one?|again|and then?");
    world.end().await;
}

async fn a_message_to_a_working_task_begins_the_next_turn(binding: Binding) {
    let world = World::new(binding).await;
    let task = world.start(world.message("silent c")).await;
    world.gates.wait("c", |gate| gate.entered).await;
    let mut request = SendMessageRequest::new(world.to_task(&task, "more"));
    request.configuration.get_or_insert_default().return_immediately = true;
    world.send_request(request).await.unwrap();
    let stream = world.subscribe(&task, None).await.unwrap();
    world.gates.open("c");
    crate::world::all(stream).await;
    let done = world.get(&task).await;
    assert_eq!(done.status.state, TaskState::Completed);
    assert_eq!(done.artifact("answer").unwrap().text(), "more after silent c");
    world.end().await;
}

async fn a_task_whose_question_is_answered_is_working(binding: Binding) {
    let world = World::new(binding).await;
    let asked = world.task(world.message("ask")).await;
    let resumed = world.start(world.to_task(&asked, "again")).await;
    assert!(resumed.status.state != TaskState::InputRequired || resumed.artifact("answer").is_some());
    world.end().await;
}

async fn a_handler_may_take_the_next_message_early(binding: Binding) {
    let world = World::new(binding).await;
    let task = world.start(world.message("listen")).await;
    let done = world.task(world.to_task(&task, "a late thought")).await;
    assert_eq!(done.status.state, TaskState::Completed);
    assert_eq!(done.artifact("answer").unwrap().text(), "heard a late thought");
    world.end().await;
}

async fn waiting_ends_when_a_credential_is_required(binding: Binding) {
    let world = World::new(binding).await;
    let task = world.task(world.message("auth d")).await;
    assert_eq!(task.status.state, TaskState::AuthRequired);
    let stream = world.subscribe(&task, None).await.unwrap();
    world.gates.open("d");
    crate::world::all(stream).await;
    assert_eq!(world.get(&task).await.status.state, TaskState::Completed);
    world.end().await;
}

async fn failures_are_told_without_their_causes(binding: Binding) {
    let world = World::new(binding).await;
    for (text, state, told) in [
        ("fail", TaskState::Failed, "it broke"),
        ("error", TaskState::Failed, "could not do it"),
        ("io-error", TaskState::Failed, "the agent failed; its log says why"),
        ("panic", TaskState::Failed, "the agent failed; its log says why"),
        ("reject", TaskState::Rejected, "not my job"),
    ] {
        if text == "panic" && !binding.survives_panics() {
            continue;
        }
        let task = world.task(world.message(text)).await;
        assert_eq!(task.status.state, state, "{text}");
        assert_eq!(task.status.message.as_ref().unwrap().text(), told, "{text}");
    }
    for (text, told) in [
        ("error", "could not say it"),
        ("panic", "the agent failed; its log says why"),
        ("mute", "the agent gave no answer"),
    ] {
        if text == "panic" && !binding.survives_panics() {
            continue;
        }
        let refused = refusal(world.send(world.to_skill("say", text)).await);
        assert_eq!(refused, (ErrorKind::Internal, told.to_owned()), "{text}");
    }
    world.end().await;
}

async fn what_comes_after_the_end_is_refused(binding: Binding) {
    let world = World::new(binding).await;
    let task = world.task(world.message("late")).await;
    assert_eq!(task.status.state, TaskState::Completed);
    assert!(task.artifacts.is_empty() && task.status.message.is_none());
    world.end().await;
}

async fn history_is_as_long_as_asked_for(binding: Binding) {
    let world = World::new(binding).await;
    let mut request = SendMessageRequest::new(world.message("ask"));
    request.configuration.get_or_insert_default().history_length = Some(0);
    let SendMessageResponse::Task(task) = world.send_request(request).await.unwrap() else { panic!("a message") };
    assert!(task.history.is_empty());
    let task = world.task(world.to_task(&task, "blue")).await;
    for (length, texts) in [
        (None, vec!["ask", "which one?", "blue"]),
        (Some(0), vec![]),
        (Some(1), vec!["blue"]),
        (Some(2), vec!["which one?", "blue"]),
        (Some(100), vec!["ask", "which one?", "blue"]),
    ] {
        let mut request = GetTaskRequest::new(&*task.id);
        request.history_length = length;
        let got = world.service.get_task(CallContext::new(), request).await.unwrap();
        let said: Vec<String> = got.history.iter().map(|message| message.text()).collect();
        assert_eq!(said, texts, "{length:?}");
    }
    world.end().await;
}

async fn a_context_of_the_callers_choice_is_kept(binding: Binding) {
    let world = World::new(binding).await;
    let mut message = world.message("complete");
    message.context_id = Some("my own / context".into());
    let task = world.task(message).await;
    assert_eq!(&*task.context_id, "my own / context");
    world.end().await;
}

async fn metadata_of_a_task_is_set(binding: Binding) {
    let world = World::new(binding).await;
    let task = world.task(world.message("metadata")).await;
    assert_eq!(task.metadata.as_deref().unwrap()["colour"], "blue");
    world.end().await;
}

async fn what_a_request_says_besides_its_message_reaches_the_handler(binding: Binding) {
    let world = World::new(binding).await;
    let request = |message, trace: &str| {
        let mut request = SendMessageRequest::new(message);
        request.metadata.get_or_insert_default().insert("trace".to_owned(), trace.into());
        let configuration = request.configuration.get_or_insert_default();
        configuration.accepted_output_modes = vec!["text/plain".to_owned(), "image/png".to_owned()];
        request
    };
    let first = request(world.message("details"), "one");
    let SendMessageResponse::Task(task) = world.send_request(first).await.unwrap() else { panic!("a message") };
    assert_eq!(task.artifact("details").unwrap().text(), "one text/plain,image/png");
    let second = request(world.to_task(&task, "details"), "two");
    let SendMessageResponse::Task(task) = world.send_request(second).await.unwrap() else { panic!("a message") };
    assert_eq!(task.artifact("details").unwrap().text(), "two text/plain,image/png");
    let task = world.task(world.to_task(&task, "details")).await;
    assert_eq!(task.artifact("details").unwrap().text(), "none ");
    world.end().await;
}

async fn a_long_burst_of_chunks_arrives_whole(binding: Binding) {
    let world = World::new(binding).await;
    let task = world.task(world.message("chunks 3000")).await;
    let expected: String = (1..=3000).map(|index| format!("{index} ")).collect();
    assert_eq!(task.artifact("chunks").unwrap().text(), expected);
    world.end().await;
}

crate::over_all_bindings!(
    a_task_runs_to_its_end_while_the_caller_waits,
    returning_without_a_word_completes,
    a_reply_of_a_skill_that_answers_tasks_completes_the_task,
    a_skill_that_answers_messages_makes_no_task,
    the_first_effect_decides_between_message_and_task,
    returning_immediately_gives_a_task_that_goes_on,
    a_task_exists_while_its_handler_says_nothing,
    a_question_pauses_the_task_and_the_answer_continues_it,
    a_message_to_a_working_task_begins_the_next_turn,
    a_task_whose_question_is_answered_is_working,
    a_handler_may_take_the_next_message_early,
    waiting_ends_when_a_credential_is_required,
    failures_are_told_without_their_causes,
    what_comes_after_the_end_is_refused,
    history_is_as_long_as_asked_for,
    a_context_of_the_callers_choice_is_kept,
    metadata_of_a_task_is_set,
    what_a_request_says_besides_its_message_reaches_the_handler,
    a_long_burst_of_chunks_arrives_whole,
);

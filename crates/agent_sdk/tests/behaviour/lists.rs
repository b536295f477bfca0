//! ListTasks: filters, order, pages.

use std::collections::BTreeSet;

use agent_sdk::{
    prelude::*,
    protocol::{ErrorKind, ListTasksRequest, ListTasksResponse},
};

use crate::{
    bindings::Binding,
    world::{World, refusal},
};

async fn list(world: &World, change: impl FnOnce(&mut ListTasksRequest)) -> ListTasksResponse {
    let mut request = ListTasksRequest::default();
    change(&mut request);
    world.service.list_tasks(CallContext::new(), request).await.unwrap()
}

fn ids(page: &ListTasksResponse) -> Vec<String> {
    page.tasks.iter().map(|task| task.id.to_string()).collect()
}

async fn an_empty_list_has_all_its_members(binding: Binding) {
    let world = World::new(binding).await;
    let page = list(&world, |_| {}).await;
    assert_eq!((page.tasks.len(), page.next_page_token.as_str(), page.page_size, page.total_size), (0, "", 50, 0));
    world.end().await;
}

async fn every_filter_applies_alone_and_with_others(binding: Binding) {
    let world = World::new(binding).await;
    let mut blue = world.message("complete");
    blue.context_id = Some("blue".into());
    let blue = world.task(blue).await;
    let mut asking = world.message("ask");
    asking.context_id = Some("blue".into());
    let asking = world.task(asking).await;
    let failed = world.task(world.message("fail")).await;
    let page = list(&world, |_| {}).await;
    assert_eq!(page.total_size, 3);
    let of = |tasks: &[&Task]| tasks.iter().map(|task| task.id.to_string()).collect::<BTreeSet<_>>();
    let listed = |page: ListTasksResponse| {
        assert_eq!(page.total_size as usize, page.tasks.len());
        ids(&page).into_iter().collect::<BTreeSet<_>>()
    };
    let page = list(&world, |request| request.context_id = Some("blue".into())).await;
    assert_eq!(listed(page), of(&[&blue, &asking]));
    let page = list(&world, |request| request.status = TaskState::Failed).await;
    assert_eq!(listed(page), of(&[&failed]));
    let page = list(&world, |request| {
        request.context_id = Some("blue".into());
        request.status = TaskState::InputRequired;
    });
    assert_eq!(listed(page.await), of(&[&asking]));
    let page = list(&world, |request| request.status_timestamp_after = failed.status.timestamp).await;
    assert!(ids(&page).contains(&failed.id.to_string()));
    let page = list(&world, |request| request.status_timestamp_after = Some("9999-01-01T00:00:00Z".parse().unwrap()));
    assert_eq!(page.await.total_size, 0);
    let page = list(&world, |request| request.context_id = Some("green".into())).await;
    assert_eq!(page.total_size, 0);
    world.end().await;
}

async fn pages_together_are_the_list(binding: Binding) {
    let world = World::new(binding).await;
    for _ in 0..7 {
        world.task(world.message("complete")).await;
    }
    let whole = ids(&list(&world, |_| {}).await);
    let (mut token, mut walked) = (None, Vec::new());
    loop {
        let page = list(&world, |request| {
            request.page_size = Some(3);
            request.page_token = token.clone();
        });
        let page = page.await;
        assert_eq!((page.page_size, page.total_size), (3, 7));
        walked.extend(ids(&page));
        if page.next_page_token.is_empty() {
            break;
        }
        token = Some(page.next_page_token);
    }
    assert_eq!(walked, whole);
    world.end().await;
}

async fn the_newest_status_comes_first(binding: Binding) {
    let world = World::new(binding).await;
    for text in ["complete", "ask", "complete", "fail"] {
        world.task(world.message(text)).await;
    }
    let page = list(&world, |_| {}).await;
    let times: Vec<_> = page.tasks.iter().map(|task| task.status.timestamp.unwrap()).collect();
    assert!(times.windows(2).all(|pair| pair[0] >= pair[1]), "{times:?}");
    world.end().await;
}

async fn tasks_that_change_are_not_listed_twice(binding: Binding) {
    let world = World::new(binding).await;
    let mut asking = Vec::new();
    for _ in 0..6 {
        asking.push(world.task(world.message("ask")).await);
    }
    let first = list(&world, |request| request.page_size = Some(2)).await;
    // One that was listed and one that was not move to the front.
    let listed = first.tasks[0].clone();
    world.task(world.to_task(&listed, "done")).await;
    let (mut token, mut rest) = (first.next_page_token.clone(), Vec::new());
    while !token.is_empty() {
        let page = list(&world, |request| {
            request.page_size = Some(2);
            request.page_token = Some(token.clone());
        });
        let page = page.await;
        rest.extend(ids(&page));
        token = page.next_page_token;
    }
    let expected: BTreeSet<String> = asking.iter().map(|task| task.id.to_string()).collect();
    let seen: Vec<String> = ids(&first).into_iter().chain(rest).collect();
    assert_eq!(seen.len(), 6, "none twice");
    assert_eq!(seen.into_iter().collect::<BTreeSet<_>>(), expected, "none lost");
    world.end().await;
}

async fn artifacts_and_history_come_as_asked(binding: Binding) {
    let world = World::new(binding).await;
    world.task(world.message("task a")).await;
    let page = list(&world, |_| {}).await;
    assert!(page.tasks[0].artifacts.is_empty());
    assert_eq!(page.tasks[0].history.len(), 2);
    let page = list(&world, |request| {
        request.include_artifacts = Some(true);
        request.history_length = Some(0);
    });
    let page = page.await;
    assert_eq!(page.tasks[0].artifacts.len(), 1);
    assert!(page.tasks[0].history.is_empty());
    let page = list(&world, |request| request.include_artifacts = Some(false)).await;
    assert!(page.tasks[0].artifacts.is_empty());
    world.end().await;
}

async fn wrong_pages_are_refused_by_name(binding: Binding) {
    let world = World::new(binding).await;
    for _ in 0..3 {
        world.task(world.message("complete")).await;
    }
    let token = list(&world, |request| request.page_size = Some(1)).await.next_page_token;
    type Change = Box<dyn FnOnce(&mut ListTasksRequest)>;
    let changes: [(&str, Change); 6] = [
        ("pageSize", Box::new(|request| request.page_size = Some(0))),
        ("pageSize", Box::new(|request| request.page_size = Some(101))),
        ("pageSize", Box::new(|request| request.page_size = Some(-1))),
        ("historyLength", Box::new(|request| request.history_length = Some(-1))),
        ("pageToken", Box::new(|request| request.page_token = Some("broken".to_owned()))),
        ("pageToken", {
            // A token of another list.
            let token = token.clone();
            Box::new(|request| {
                request.page_token = Some(token);
                request.status = TaskState::Completed;
            })
        }),
    ];
    for (field, change) in changes {
        let mut request = ListTasksRequest::default();
        change(&mut request);
        let error = world.service.list_tasks(CallContext::new(), request).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::InvalidParams);
        assert_eq!(error.field_violations()[0].field, field);
    }
    let mut request = ListTasksRequest::default();
    request.status = TaskState::Name("TASK_STATE_PAUSED".into());
    let (kind, text) = refusal(world.service.list_tasks(CallContext::new(), request).await);
    assert_eq!(kind, ErrorKind::InvalidParams, "{text}");
    assert!(text.starts_with("status: "), "{text}");
    world.end().await;
}

crate::over_all_bindings!(
    if lists_tasks;
    an_empty_list_has_all_its_members,
    every_filter_applies_alone_and_with_others,
    pages_together_are_the_list,
    the_newest_status_comes_first,
    tasks_that_change_are_not_listed_twice,
    artifacts_and_history_come_as_asked,
    wrong_pages_are_refused_by_name,
);

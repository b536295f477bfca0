//! `store verify`

use a2a_task_storage::Finding;
use serde_json::json;

use super::{PAGE, args::VerifyArgs, failed};
use crate::{
    app::{App, written},
    error::{Code, Failure},
    output::Fields,
};

/// Checks all that is stored.
pub(super) async fn run(app: &App, args: &VerifyArgs) -> Result<(), Failure> {
    let store = args.place.open_to_read().await?;
    let findings = store.check_rest().await.map_err(|error| failed(&error))?;
    let (mut found, mut tasks, mut events) = (findings.len(), 0, 0);
    findings.iter().try_for_each(|finding| show(app, finding))?;
    let mut after = Some(0);
    while let Some(place) = after {
        let checked = store.check_tasks(place, PAGE).await.map_err(|error| failed(&error))?;
        checked.findings.iter().try_for_each(|finding| show(app, finding))?;
        found += checked.findings.len();
        tasks += checked.tasks;
        events += checked.events;
        after = checked.next;
        app.console.progress(&format!("{tasks} tasks, {found} findings"));
    }
    if app.console.is_json() {
        let summary = json!({"verified": {"tasks": tasks, "events": events, "findings": found}});
        written(app.console.json_line(&summary))?;
    } else {
        let mut fields = Fields::new();
        fields.field("Tasks", &tasks.to_string());
        fields.field("Events", &events.to_string());
        fields.field("Findings", &found.to_string());
        written(app.console.text(&fields))?;
    }
    match found {
        0 => Ok(()),
        1 => Err(Failure::new(Code::StoreDamaged, "there is 1 finding")),
        more => Err(Failure::new(Code::StoreDamaged, format!("there are {more} findings"))),
    }
    .map_err(|failure| failure.hint("`nuncio store export` writes the tasks that are whole, to import them elsewhere"))
}

fn show(app: &App, finding: &Finding) -> Result<(), Failure> {
    let task = finding.task.map(|task| task.to_string());
    if app.console.is_json() {
        let line = json!({"finding": {"task": task, "what": finding.what}});
        return written(app.console.json_line(&line));
    }
    let mut fields = Fields::new();
    fields.optional("Task ID", task.as_deref());
    fields.field("Finding", &finding.what);
    fields.gap();
    written(app.console.text(&fields))
}

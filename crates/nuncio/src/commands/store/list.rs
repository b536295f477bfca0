//! `store list`

use a2a_task_storage::{StoredTask, archive};

use super::{PAGE, all_or_damaged, args::ListArgs, failed, left_out, unwritable};
use crate::{
    app::{App, written},
    error::Failure,
    output::Fields,
};

/// Lists tasks, page by page.
pub(super) async fn run(app: &App, args: &ListArgs) -> Result<(), Failure> {
    let store = args.place.open_to_read().await?;
    let (mut after, mut listed, mut damaged) = (Some(0), 0, 0);
    while let Some(place) = after {
        let page = store.tasks(place, PAGE).await.map_err(|error| failed(&error))?;
        page.damaged.iter().for_each(|finding| left_out(app, finding.task, &finding.what));
        damaged += page.damaged.len();
        let (mut fields, mut lines) = (Fields::new(), String::new());
        for task in page.found.iter().filter(|task| is_meant(args, task)) {
            listed += 1;
            if app.console.is_json() {
                lines.push_str(&archive::task(task).map_err(unwritable)?);
                lines.push('\n');
            } else {
                show(&mut fields, task, app.settings.verbose);
            }
        }
        if app.console.is_json() {
            written(app.console.write(&lines))?;
        } else {
            written(app.console.text(&fields))?;
        }
        after = page.next;
    }
    if !app.console.is_json() {
        let mut fields = Fields::new();
        fields.field("Tasks", &listed.to_string());
        written(app.console.text(&fields))?;
    }
    all_or_damaged(damaged)
}

fn is_meant(args: &ListArgs, task: &StoredTask) -> bool {
    args.state.as_ref().is_none_or(|state| *state == task.state)
        && args.context.as_deref().is_none_or(|context| *context == *task.context_id)
        && args.agent.as_deref().is_none_or(|agent| *agent == *task.scope.agent)
}

fn show(fields: &mut Fields, task: &StoredTask, verbose: bool) {
    fields.field("Task ID", &task.id.to_string());
    fields.field("Context ID", &task.context_id);
    fields.field("Agent", &task.scope.agent);
    fields.optional("Tenant", task.scope.tenant.as_deref());
    fields.optional("Owner", task.scope.owner.as_deref());
    fields.field("State", &task.state.to_string());
    fields.field("Updated", &task.status_time.to_string());
    fields.field("Revision", &task.revision.to_string());
    if verbose {
        fields.field("Skill", &task.skill);
        fields.yes_no("Log", task.has_log);
        fields.optional("Run By", task.holder.map(|holder| holder.to_string()).as_deref());
    }
    fields.gap();
}

//! `store log`

use a2a_protocol_core::{Artifact, Event, EventKind, Message};
use a2a_task_storage::{History, archive};

use super::{args::LogArgs, failed, no_such_task, unwritable};
use crate::{
    app::{App, written},
    error::{Code, Failure},
    output::Fields,
};

/// Shows the events of a task.
pub(super) async fn run(app: &App, args: &LogArgs) -> Result<(), Failure> {
    let store = args.place.open_to_read().await?;
    let record = store.record(args.task).await.map_err(|error| failed(&error))?;
    let record = record.ok_or_else(|| no_such_task(args.task))?;
    let History::Log(events) = &record.history else {
        let message = format!("the log of {} is gone: its replay window is over", args.task);
        return Err(Failure::new(Code::Store, message).hint("`nuncio store export` writes the task as it ended"));
    };
    let (mut fields, mut lines) = (Fields::new(), String::new());
    for (seq, event) in (1..).zip(events) {
        if app.console.is_json() {
            lines.push_str(&archive::event(args.task, seq, event).map_err(unwritable)?);
            lines.push('\n');
        } else {
            show(&mut fields, seq, event, app.settings.verbose)?;
        }
    }
    match app.console.is_json() {
        true => written(app.console.write(&lines)),
        false => written(app.console.text(&fields)),
    }
}

/// What happened, with `verbose` as it is stored.
fn show(fields: &mut Fields, seq: u64, event: &Event, verbose: bool) -> Result<(), Failure> {
    fields.field("Event", &seq.to_string());
    fields.field("Time", &event.time.to_string());
    fields.field("Kind", name(&event.kind));
    if verbose {
        fields.block("Body", &serde_json::to_string_pretty(&event.kind).map_err(unwritable)?);
        return Ok(());
    }
    match &event.kind {
        EventKind::Created { context_id, skill, message: said } => {
            fields.field("Context ID", context_id);
            fields.field("Skill", skill);
            message(fields, said);
        }
        EventKind::Message(said) => message(fields, said),
        EventKind::Status { state, message: said, .. } => {
            fields.field("State", &state.to_string());
            said.iter().for_each(|said| message(fields, said));
        }
        EventKind::Artifact { artifact, append, last_chunk } => {
            self::artifact(fields, artifact);
            fields.yes_no("Append", *append);
            fields.yes_no("Last Chunk", *last_chunk);
        }
        EventKind::Taken(seq) => fields.field("Message Of Event", &seq.to_string()),
        EventKind::Attempt(number) => fields.field("Attempt", &number.to_string()),
        _ => {}
    }
    fields.gap();
    Ok(())
}

fn message(fields: &mut Fields, message: &Message) {
    fields.field("Message ID", &message.message_id);
    fields.optional("Text", Some(&message.text()));
}

fn artifact(fields: &mut Fields, artifact: &Artifact) {
    fields.field("Artifact ID", &artifact.artifact_id);
    fields.optional("Text", Some(&artifact.text()));
}

/// As it is called in JSON.
fn name(kind: &EventKind) -> &'static str {
    match kind {
        EventKind::Created { .. } => "created",
        EventKind::Message(_) => "message",
        EventKind::Details(_) => "details",
        EventKind::Status { .. } => "status",
        EventKind::Artifact { .. } => "artifact",
        EventKind::Metadata(_) => "metadata",
        EventKind::CancelRequested => "cancelRequested",
        EventKind::Taken(_) => "taken",
        EventKind::Attempt(_) => "attempt",
        EventKind::Checkpoint(_) => "checkpoint",
        _ => "other",
    }
}

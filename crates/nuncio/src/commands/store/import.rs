//! `store import`

use a2a_task_storage::{
    StoreAdmin,
    archive::{Content, Item, Reader},
};
use serde_json::json;
use tokio::io::{AsyncBufRead, AsyncBufReadExt as _, BufReader};

use super::{args::ImportArgs, failed};
use crate::{
    app::{App, written},
    error::{Code, Failure},
    output::Fields,
};

/// Stores what was exported, task by task, up to the first that cannot be.
pub(super) async fn run(app: &App, args: &ImportArgs) -> Result<(), Failure> {
    let input = open(&args.file).await?;
    let store = args.place.open_to_write().await?;
    let mut import = Import { store: &*store, skips: args.skip_existing, tasks: 0, claims: 0, skipped: 0 };
    if let Err(failure) = import.all(input).await {
        let Import { tasks, claims, .. } = import;
        let hint = match tasks + claims {
            0 => "nothing was imported".to_owned(),
            _ => format!(
                "{tasks} tasks and {claims} claims before it were imported; --skip-existing passes over them next time"
            ),
        };
        return Err(failure.hint(hint));
    }
    let Import { tasks, claims, skipped, .. } = import;
    if app.console.is_json() {
        return written(app.console.json(&json!({"tasks": tasks, "claims": claims, "skipped": skipped})));
    }
    let mut fields = Fields::new();
    for (label, number) in [("Tasks", tasks), ("Claims", claims), ("Skipped", skipped)] {
        fields.field(label, &number.to_string());
    }
    written(app.console.text(&fields))
}

async fn open(file: &str) -> Result<Box<dyn AsyncBufRead + Unpin>, Failure> {
    if file == "-" {
        return Ok(Box::new(BufReader::new(tokio::io::stdin())));
    }
    match tokio::fs::File::open(file).await {
        Ok(opened) => Ok(Box::new(BufReader::new(opened))),
        Err(error) => Err(Failure::usage(format!("{file}: {error}"))),
    }
}

struct Import<'a> {
    store: &'a dyn StoreAdmin,
    skips: bool,
    tasks: u64,
    claims: u64,
    skipped: u64,
}

impl Import<'_> {
    async fn all(&mut self, input: Box<dyn AsyncBufRead + Unpin>) -> Result<(), Failure> {
        let wrong = |error: a2a_task_storage::archive::LineError| Failure::new(Code::Store, error.to_string());
        let (mut lines, mut reader, mut number) = (input.lines(), Reader::new(), 0);
        loop {
            number += 1;
            let line = lines.next_line().await;
            let line = line.map_err(|error| Failure::new(Code::Store, format!("line {number}: {error}")))?;
            let Some(line) = line else { return reader.end().map_err(wrong) };
            for item in reader.line(&line).map_err(wrong)? {
                self.item(item).await?;
            }
        }
    }

    async fn item(&mut self, Item { line, content }: Item) -> Result<(), Failure> {
        let (what, counter, stored) = match content {
            Content::Task(record) => {
                let what = format!("the task {}", record.task.id);
                (what, &mut self.tasks, self.store.import_task(*record).await)
            }
            Content::Claim(claim) => {
                let what = format!("a claim of the message id {:?}", claim.message_id);
                (what, &mut self.claims, self.store.import_claim(claim).await)
            }
        };
        match stored {
            Ok(true) => *counter += 1,
            Ok(false) if self.skips => self.skipped += 1,
            Ok(false) => return Err(Failure::new(Code::Store, format!("line {line}: {what} is there already"))),
            Err(error) => {
                let failure = failed(&error);
                return Err(Failure { message: format!("line {line}: {}", failure.message), ..failure });
            }
        }
        Ok(())
    }
}

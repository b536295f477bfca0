//! `store export`

use std::collections::HashSet;

use a2a_app_ports::TaskId;
use a2a_task_storage::{SqlFailure, SqlFailureKind, StoreAdmin, archive::Writer};

use super::{PAGE, args::ExportArgs, failed, no_such_task, unwritable};
use crate::{
    app::{App, written},
    error::{Code, Failure},
};

/// Writes tasks and claims. A task that is damaged is left out and told of.
pub(super) async fn run(app: &App, args: &ExportArgs) -> Result<(), Failure> {
    let store = args.place.open_to_read().await?;
    let mut export = Export { app, store: &*store, writer: Writer::new(args.push_configs), damaged: 0 };
    let header = export.writer.header().map_err(unwritable)?;
    export.write(&header)?;
    if args.tasks.is_empty() {
        export.all_tasks().await?;
        export.claims(|_| true).await?;
    } else {
        let mut chosen = HashSet::new();
        for id in &args.tasks {
            if chosen.insert(*id) && !export.task(*id).await? {
                return Err(no_such_task(*id));
            }
        }
        export.claims(|task| chosen.contains(&task)).await?;
    }
    let end = export.writer.end().map_err(unwritable)?;
    export.write(&end)?;
    match export.damaged {
        0 => Ok(()),
        damaged => Err(Failure::new(Code::StoreDamaged, format!("{damaged} tasks are damaged and were left out"))
            .hint("`nuncio store verify` says what is damaged")),
    }
}

struct Export<'a> {
    app: &'a App,
    store: &'a dyn StoreAdmin,
    writer: Writer,
    damaged: u64,
}

impl Export<'_> {
    fn write(&self, line: &str) -> Result<(), Failure> {
        written(self.app.console.write(&format!("{line}\n")))
    }

    async fn all_tasks(&mut self) -> Result<(), Failure> {
        let mut after = 0;
        loop {
            let page = self.store.tasks(after, PAGE).await.map_err(|error| failed(&error))?;
            for task in &page {
                // One that was forgotten meanwhile is none of them.
                self.task(task.id).await?;
            }
            match page.last() {
                Some(last) if page.len() == PAGE => after = last.place,
                _ => return Ok(()),
            }
        }
    }

    /// Whether it is there.
    async fn task(&mut self, id: TaskId) -> Result<bool, Failure> {
        match self.store.record(id).await {
            Ok(Some(record)) => {
                let lines = self.writer.task(&record).map_err(unwritable)?;
                self.write(&lines.join("\n"))?;
                Ok(true)
            }
            Ok(None) => Ok(false),
            Err(error) if SqlFailure::kind_of(&error) == Some(SqlFailureKind::Damaged) => {
                self.damaged += 1;
                self.app.console.warn(&format!("task {id} is left out: {}", failed(&error).message));
                Ok(true)
            }
            Err(error) => Err(failed(&error)),
        }
    }

    async fn claims(&mut self, is_meant: impl Fn(TaskId) -> bool) -> Result<(), Failure> {
        let mut after = None;
        loop {
            let page = self.store.claims(after.as_ref(), PAGE).await.map_err(|error| failed(&error))?;
            for claim in page.iter().filter(|claim| is_meant(claim.task)) {
                let line = self.writer.claim(claim).map_err(unwritable)?;
                self.write(&line)?;
            }
            if page.len() < PAGE {
                return Ok(());
            }
            after = page.into_iter().next_back();
        }
    }
}

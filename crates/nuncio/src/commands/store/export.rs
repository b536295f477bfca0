//! `store export`

use std::collections::HashSet;

use a2a_app_ports::TaskId;
use a2a_task_storage::{Finding, SqlFailure, SqlFailureKind, StoreAdmin, archive::Writer};

use super::{PAGE, all_or_damaged, args::ExportArgs, failed, left_out, no_such_task, unwritable};
use crate::{
    app::{App, written},
    error::Failure,
};

/// Writes tasks and claims. What is damaged is left out and told of.
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
    all_or_damaged(export.damaged)
}

struct Export<'a> {
    app: &'a App,
    store: &'a dyn StoreAdmin,
    writer: Writer,
    damaged: usize,
}

impl Export<'_> {
    fn write(&self, line: &str) -> Result<(), Failure> {
        written(self.app.console.write(&format!("{line}\n")))
    }

    async fn all_tasks(&mut self) -> Result<(), Failure> {
        let mut after = Some(0);
        while let Some(place) = after {
            let page = self.store.tasks(place, PAGE).await.map_err(|error| failed(&error))?;
            self.left_out(&page.damaged);
            for task in &page.found {
                // One that was forgotten meanwhile is none of them.
                self.task(task.id).await?;
            }
            after = page.next;
        }
        Ok(())
    }

    fn left_out<'a>(&mut self, damaged: impl IntoIterator<Item = &'a Finding>) {
        for finding in damaged {
            self.damaged += 1;
            left_out(self.app, finding.task, &finding.what);
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
                left_out(self.app, Some(id), &failed(&error).message);
                Ok(true)
            }
            Err(error) => Err(failed(&error)),
        }
    }

    async fn claims(&mut self, is_meant: impl Fn(TaskId) -> bool) -> Result<(), Failure> {
        let mut after = None;
        loop {
            let page = self.store.claims(after.as_ref(), PAGE).await.map_err(|error| failed(&error))?;
            self.left_out(page.damaged.iter().filter(|finding| finding.task.is_none_or(&is_meant)));
            for claim in page.found.iter().filter(|claim| is_meant(claim.task)) {
                let line = self.writer.claim(claim).map_err(unwritable)?;
                self.write(&line)?;
            }
            after = page.next;
            if after.is_none() {
                return Ok(());
            }
        }
    }
}

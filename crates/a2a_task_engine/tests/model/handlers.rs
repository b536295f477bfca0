//! A handler that does whatever handlers do, and notes what it was told.

use std::sync::{Arc, Weak};

use a2a_app_ports::{HandlerError, TaskUpdater, Turn};
use a2a_task_engine::Skill;
use futures::{
    FutureExt,
    future::{Either, select},
};

use super::{executor::Process, support, world::World};

pub fn skill(world: &Arc<World>, process: &Arc<Process>) -> Skill {
    let (of, process) = (Arc::downgrade(world), process.clone());
    let skill = support::skill(move |turn, task| {
        let (of, process) = (of.clone(), process.clone());
        async move {
            let world = of.upgrade().ok_or_else(|| HandlerError::new("the world is over"))?;
            answer(world, process, turn, task).await
        }
    });
    let skill = skill.answers(world.answers);
    if world.rerunnable { skill.rerunnable() } else { skill }
}

/// A handler at work.
struct Working {
    world: Weak<World>,
    task: Arc<str>,
    number: u64,
}

impl Working {
    fn begin(world: &Arc<World>, process: Arc<Process>, task: &Arc<str>) -> Self {
        let number = world.sim.number();
        world.notes().working.entry(task.clone()).or_default().push((number, process));
        Self { world: Arc::downgrade(world), task: task.clone(), number }
    }
}

impl Drop for Working {
    fn drop(&mut self) {
        let Some(world) = self.world.upgrade() else { return };
        let gone = {
            let mut notes = world.notes();
            let working = notes.working.entry(self.task.clone()).or_default();
            working.extract_if(.., |(number, _)| *number == self.number).collect::<Vec<_>>()
        };
        drop(gone);
    }
}

async fn answer(world: Arc<World>, process: Arc<Process>, turn: Turn, task: TaskUpdater) -> Result<(), HandlerError> {
    let (sim, dice) = (&world.sim, &world.sim.dice);
    let _working = Working::begin(&world, process, &turn.task_id);
    let given = |message: &str, attempt| world.notes().given.entry(message.to_owned()).or_default().push(attempt);
    given(&turn.message.message_id, turn.attempt());
    let _: Option<u64> = turn.restore()?;
    let mut cancelled = dice.one_in(3).then(|| Box::pin(turn.cancelled()));
    for _ in 0..dice.roll(6) {
        match dice.roll(4) {
            0 => {}
            1 => sim.pause(4000).await,
            _ => sim.pause(40).await,
        }
        if let Some(cancelled) = &mut cancelled
            && cancelled.now_or_never().is_some()
        {
            task.artifact("tidied").write("up").await?;
            return if dice.one_in(2) { Ok(()) } else { task.complete().await };
        }
        let number = sim.number();
        let recorded = |what| world.notes().recorded.push((turn.task_id.clone(), what));
        match dice.roll(12) {
            0 => task.working("on it").await?,
            1..5 => {
                task.artifact(format!("part {number}")).write("more").await?;
                recorded(format!("part {number}"));
            }
            5 | 6 => {
                task.checkpoint(&number).await?;
                recorded(format!("checkpoint {number}"));
            }
            7 => drop(futures::try_join!(task.progress(0.1), task.progress(0.2), task.working(()))?),
            8 => {
                if let Either::Left((message, _)) = select(Box::pin(turn.next()), sim.pause(2000)).await {
                    given(&message.message_id, 1);
                }
            }
            9 if dice.one_in(3) => {
                task.auth_required("who?").await?;
                sim.pause(3000).await;
            }
            10 if dice.one_in(5) => return Err(HandlerError::new("gave up")),
            // Like a panic, without its print.
            11 if dice.one_in(8) => std::panic::resume_unwind(Box::new("on purpose")),
            _ => {}
        }
    }
    match dice.roll(8) {
        0..3 => task.input_required("what?").await,
        3 => task.complete().await,
        4 => task.reply("done").await,
        5 => {
            let paused = task.input_required("what?").await;
            sim.pause(100).await;
            paused
        }
        6 if dice.one_in(2) => task.auth_required("who?").await,
        _ => Ok(()),
    }
}

//! A simulation of engines, their storage and time, in which chance says who goes on, what fails and
//! when: random schedules, and what must hold in each of them.
//!
//! `MODEL_SCHEDULES` says how many there are (1500), `MODEL_SEED` which one is tried alone. A seed
//! gives the same schedule every time.

#![allow(clippy::unwrap_used, clippy::expect_used, unreachable_pub, reason = "a panic is how a test fails")]

mod callers;
mod checks;
mod executor;
mod handlers;
#[path = "../support/mod.rs"]
mod support;
mod world;

use std::{
    panic::{AssertUnwindSafe, catch_unwind},
    sync::Arc,
    time::Duration,
};

use a2a_app_ports::AgentOperations;
use a2a_protocol_core::{CancelTaskRequest, ErrorKind};
use support::plain;
use world::World;

/// So long after the last trouble everybody who waits for somebody else has been served.
const SETTLED: Duration = Duration::from_secs(300);
/// So long after it the last try to tell a webhook something is made.
const TOLD: Duration = Duration::from_secs(1200);
const LOOK: Duration = Duration::from_secs(10);

/// Plays one schedule: what is wrong with it, and a number that tells it from others.
fn play(seed: u64) -> (Vec<String>, u64) {
    let world = World::new(seed);
    let played = catch_unwind(AssertUnwindSafe(|| act(&world)));
    world.end();
    let mut faults = std::mem::take(&mut world.notes().faults);
    match played {
        Ok(Ok(())) => {}
        Ok(Err(fault)) => faults.push(fault),
        Err(panic) => {
            let text = panic.downcast_ref::<String>().cloned();
            faults.push(text.or_else(|| panic.downcast_ref::<&str>().map(|&text| text.into())).unwrap_or_default());
        }
    }
    (faults, world.sim.trace())
}

fn act(world: &Arc<World>) -> Result<(), String> {
    let dice = &world.sim.dice;
    for _ in 0..=dice.roll(3) {
        world.start();
    }
    let callers = (0..1 + dice.roll(5)).map(|number| world.outside.run(callers::caller(world.clone(), number)));
    let mut callers: Vec<_> = callers.collect();
    for _ in 0..dice.roll(5) {
        let (of, begin) = (world.clone(), world.sim.pause(40_000));
        drop(world.outside.run(async move {
            begin.await;
            of.harm().await;
        }));
    }
    let trouble = Duration::from_millis((10_000 + dice.roll(50_000)).into());
    run(world, trouble, || false);
    world.calm();
    let came_home = run(world, SETTLED, || all_done(&mut callers));
    if !came_home {
        return Err(format!("a caller waits for ever: {:#?}", world.logs()));
    }
    // What they have begun and did not wait for is under way, or on its way.
    run(world, world::LATEST + LOOK * 3, || false);
    let mut left = SETTLED;
    while !world.unsettled().is_empty() && !left.is_zero() {
        run(world, LOOK, || false);
        left -= LOOK;
    }
    world.note_faults(World::unsettled);
    // Whatever is paused is to end, so that everybody gets home.
    let mut cancels = Vec::new();
    for task in checks::stored(&world.storage) {
        if !task.state().is_terminal() {
            let (engine, of) = (world.any().engine.clone(), world.clone());
            cancels.push(world.outside.run(async move {
                let canceled = engine.cancel_task(plain(), CancelTaskRequest::new(&*task.name)).await;
                if let Err(error) = canceled
                    && error.kind() != ErrorKind::TaskNotCancelable
                {
                    of.fault(format!("{} cannot be cancelled: {error:?}", task.name));
                }
            }));
        }
    }
    if !run(world, SETTLED, || all_done(&mut cancels)) {
        return Err("a cancellation waits for ever".to_owned());
    }
    run(world, SETTLED, || world.notes().watches.iter().all(|watch| watch.gone));
    let mut left = TOLD;
    while world.untold().is_some() && !left.is_zero() {
        run(world, LOOK, || false);
        left -= LOOK;
    }
    world.note_faults(|world| world.untold().into_iter().collect());
    world.note_faults(World::all_faults);
    Ok(())
}

/// Lets everything go on, with an eye on it.
fn run(world: &World, most: Duration, mut done: impl FnMut() -> bool) -> bool {
    world.sim.run(most, || {
        world.check_handlers();
        done()
    })
}

fn all_done<T>(outputs: &mut Vec<futures::channel::oneshot::Receiver<T>>) -> bool {
    outputs.retain_mut(|output| matches!(output.try_recv(), Ok(None)));
    outputs.is_empty()
}

fn setting(name: &str) -> Option<u64> {
    std::env::var(name).ok().map(|text| text.parse().unwrap())
}

#[test]
fn what_must_hold_holds_in_every_schedule() {
    let seeds = match setting("MODEL_SEED") {
        Some(seed) => {
            tracing_subscriber::fmt().with_max_level(tracing::Level::TRACE).without_time().with_ansi(false).init();
            seed..seed + 1
        }
        None => 0..setting("MODEL_SCHEDULES").unwrap_or(1500),
    };
    let mut failed = Vec::new();
    for seed in seeds {
        let (faults, _) = play(seed);
        if !faults.is_empty() {
            eprintln!("MODEL_SEED={seed}: {}", faults.join("\n"));
            failed.push(seed);
        }
        assert!(failed.len() < 20, "MODEL_SEED= one of {failed:?}");
    }
    assert!(failed.is_empty(), "MODEL_SEED= one of {failed:?}");
}

#[test]
fn a_seed_gives_the_same_schedule_every_time() {
    let differing: Vec<_> = (0..50).filter(|seed| play(*seed).1 != play(*seed).1).collect();
    assert!(differing.is_empty(), "{differing:?}");
}

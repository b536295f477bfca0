//! Who kills, halts and cuts off.

use std::{
    collections::{HashMap, HashSet},
    sync::Arc,
    time::Duration,
};

use tokio::{
    task::block_in_place,
    time::{Instant, sleep},
};

use crate::{
    agent::LEASE,
    dice::Dice,
    door::Passage,
    ledger::Ledger,
    nats,
    process::Replica,
    witness::{What, Witness, now},
};

/// Something that is done to replicas.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Harm {
    /// One is cut off from its storage for longer than its lease.
    Cut(Passage),
    /// One stands still for longer than its lease.
    Halt,
    /// One is killed.
    Kill,
    /// The bus of all is stopped and started.
    StopBus,
}

/// What there is to be harmed.
pub(crate) struct Reaper {
    pub(crate) dice: Dice,
    pub(crate) replicas: Vec<Arc<Replica>>,
    pub(crate) witness: Arc<Witness>,
    pub(crate) ledger: Arc<Ledger>,
    pub(crate) nats: Option<Arc<nats::Server>>,
}

impl Reaper {
    /// Does each harm once for certain, then kills processes so often, and does other harm in
    /// between. In the end all is well.
    pub(crate) async fn reap(self, crashes: usize) {
        let certain = self.certain();
        for harm in &certain {
            let chosen = &self.replicas[self.dice.roll(self.replicas.len())];
            self.harm_at_work(*harm, chosen).await;
        }
        let others: Vec<_> = certain.into_iter().filter(|harm| *harm != Harm::Kill).collect();
        for _ in 0..crashes {
            let chosen = &self.replicas[self.dice.roll(self.replicas.len())];
            // Shortly after it was started, or when there is much to be broken off.
            sleep(if self.dice.one_in(4) { self.dice.millis(0, 150) } else { self.dice.millis(150, 1200) }).await;
            if self.dice.one_in(4) {
                chosen.until_it_listens().await;
                self.harm(others[self.dice.roll(others.len())], chosen).await;
                sleep(self.dice.millis(0, 1000)).await;
            }
            self.harm(Harm::Kill, chosen).await;
        }
    }

    /// What is done once for certain: of the two cuts the one after which late writes arrive, if there is
    /// something else to be stopped.
    fn certain(&self) -> Vec<Harm> {
        let cuts = self.replicas.iter().all(|replica| replica.has_a_way());
        let (held, shut) = (Harm::Cut(Passage::Held), Harm::Cut(Passage::Shut));
        match (cuts, &self.nats) {
            (false, _) => vec![Harm::Halt, Harm::Kill],
            (true, None) => vec![Harm::Halt, held, shut, Harm::Kill],
            (true, Some(_)) => vec![Harm::Halt, held, Harm::StopBus, Harm::Kill],
        }
    }

    /// Does harm to a replica that is at work; again if none of its tasks had to be taken over, or none
    /// of its streams taken up again where it is killed, since they were done by then.
    async fn harm_at_work(&self, harm: Harm, chosen: &Arc<Replica>) {
        const TRIES: usize = 5;
        for _ in 0..TRIES {
            chosen.until_it_listens().await;
            let Some(process) = chosen.id() else { return };
            self.until(|| is_at_work(&self.witness, process)).await;
            let (since, resumed) = (now(), self.ledger.facts().resumed);
            self.harm(harm, chosen).await;
            let was_felt = || match harm {
                Harm::StopBus => true,
                Harm::Kill if self.ledger.facts().resumed == resumed => false,
                _ => was_taken_over(&self.witness, process, since),
            };
            if self.until(was_felt).await {
                return;
            }
        }
    }

    /// Waits for what is witnessed, though not for ever: whether it was.
    async fn until(&self, witnessed: impl Fn() -> bool) -> bool {
        let until = Instant::now() + 2 * LEASE;
        while !block_in_place(&witnessed) {
            if Instant::now() > until {
                return false;
            }
            sleep(Duration::from_millis(20)).await;
        }
        true
    }

    async fn harm(&self, harm: Harm, chosen: &Arc<Replica>) {
        match harm {
            Harm::Cut(passage) => {
                chosen.cut_off(passage);
                sleep(self.longer_than_a_lease()).await;
                chosen.reach();
            }
            Harm::Halt => {
                chosen.halt();
                sleep(self.longer_than_a_lease()).await;
                chosen.go_on();
            }
            Harm::Kill => {
                chosen.kill();
                // Others take over, or there is nobody for a while.
                sleep(if self.dice.one_in(4) { self.dice.millis(0, 2000) } else { Duration::ZERO }).await;
                chosen.start();
            }
            Harm::StopBus => {
                let Some(nats) = &self.nats else { return };
                // One that starts would not find it.
                for replica in &self.replicas {
                    replica.until_it_listens().await;
                }
                self.witness.note(std::process::id(), What::BusStopped);
                block_in_place(|| nats.stop());
                sleep(self.dice.millis(0, 2000)).await;
                block_in_place(|| nats.start());
            }
        }
    }

    fn longer_than_a_lease(&self) -> Duration {
        LEASE + self.dice.millis(100, 1000)
    }
}

/// Whether several handlers are at work in a process.
fn is_at_work(witness: &Witness, process: u32) -> bool {
    let mut works = HashSet::new();
    for line in witness.read().into_iter().filter(|line| line.process == process) {
        match line.what {
            What::Begun(work, _) => drop(works.insert((work.task, work.message))),
            What::Over(work) => drop(works.remove(&(work.task, work.message))),
            _ => {}
        }
    }
    works.len() > 1
}

/// Whether a task was taken over, since then, that a process has had.
fn was_taken_over(witness: &Witness, process: u32, since: u64) -> bool {
    let mut holders = HashMap::new();
    let lines = witness.read();
    lines.into_iter().any(|line| match line.what {
        What::Took { task, orphaned, .. } => {
            holders.insert(task, line.process) == Some(process) && orphaned && line.at >= since
        }
        _ => false,
    })
}

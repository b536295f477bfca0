//! Who kills, halts and cuts off.

use std::{sync::Arc, time::Duration};

use tokio::{task::block_in_place, time::sleep};

use crate::{
    agent::LEASE,
    dice::Dice,
    door::{Door, Passage},
    nats,
    process::Replica,
};

/// What there is to be harmed.
pub(crate) struct Reaper {
    pub(crate) dice: Dice,
    pub(crate) replicas: Vec<Arc<Replica>>,
    /// The way of each replica to its database.
    pub(crate) ways: Vec<Arc<Door>>,
    pub(crate) nats: Option<Arc<nats::Server>>,
}

impl Reaper {
    /// Kills processes so often, and does other harm in between. In the end all is well.
    pub(crate) async fn reap(self, crashes: usize) {
        for _ in 0..crashes {
            let chosen = self.dice.roll(self.replicas.len());
            // Shortly after it was started, or when there is much to be broken off.
            sleep(if self.dice.one_in(4) { self.dice.millis(0, 150) } else { self.dice.millis(150, 1200) }).await;
            if self.dice.one_in(4) {
                self.harm(chosen).await;
            }
            self.replicas[chosen].kill();
            // Others take over, or there is nobody for a while.
            sleep(if self.dice.one_in(4) { self.dice.millis(0, 2000) } else { Duration::ZERO }).await;
            self.replicas[chosen].start();
        }
    }

    /// Makes a replica lose its leases, or all of them their bus.
    async fn harm(&self, chosen: usize) {
        let replica = &self.replicas[chosen];
        replica.until_it_listens().await;
        match (self.dice.roll(3), self.ways.get(chosen), &self.nats) {
            (0, Some(way), _) => self.cut(way).await,
            (1, _, Some(nats)) => {
                // One that starts would not find it.
                for replica in &self.replicas {
                    replica.until_it_listens().await;
                }
                block_in_place(|| nats.stop());
                sleep(self.dice.millis(0, 2000)).await;
                block_in_place(|| nats.start());
            }
            _ => {
                replica.halt();
                sleep(self.longer_than_a_lease()).await;
                replica.go_on();
            }
        }
        sleep(self.dice.millis(0, 1000)).await;
    }

    async fn cut(&self, way: &Door) {
        way.set(if self.dice.one_in(2) { Passage::Held } else { Passage::Shut });
        sleep(self.longer_than_a_lease()).await;
        way.set(Passage::Open);
    }

    fn longer_than_a_lease(&self) -> Duration {
        LEASE + self.dice.millis(100, 1000)
    }
}

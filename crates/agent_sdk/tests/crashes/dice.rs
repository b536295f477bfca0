//! Numbers that look random and are the same for the same seed.

use std::{
    sync::atomic::{AtomicU64, Ordering},
    time::Duration,
};

#[derive(Debug)]
pub(crate) struct Dice(AtomicU64);

impl Dice {
    pub(crate) fn new(seed: u64) -> Self {
        Self(AtomicU64::new(seed))
    }

    /// Dice for one who acts beside others: what it throws does not depend on when they throw theirs.
    pub(crate) fn of(&self) -> Self {
        Self::new(self.next())
    }

    fn next(&self) -> u64 {
        // SplitMix64: any two seeds, however close, give unrelated numbers.
        let state = self.0.fetch_add(0x9e37_79b9_7f4a_7c15, Ordering::Relaxed).wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (state ^ (state >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    /// A number from 0 to below `sides`.
    pub(crate) fn roll(&self, sides: usize) -> usize {
        usize::try_from(self.next() % sides as u64).unwrap()
    }

    pub(crate) fn one_in(&self, sides: usize) -> bool {
        self.roll(sides) == 0
    }

    /// So many milliseconds, from the first to the last.
    pub(crate) fn millis(&self, from: usize, to: usize) -> Duration {
        Duration::from_millis((from + self.roll(to - from + 1)) as u64)
    }
}

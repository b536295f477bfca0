//! A sorted set for entries that mostly come and go at its ends: sorted chunks of at most
//! [`FULL`] entries. Finding a place is two binary searches, counting a range costs its number of
//! chunks, and no change moves more than one chunk. A clone shares the chunks until they change.

use std::{collections::VecDeque, sync::Arc};

/// The largest chunk.
const FULL: usize = 512;

/// A sorted set.
#[derive(Clone, Debug)]
pub(super) struct SortedChunks<T> {
    /// None is empty, and no two neighbours together hold [`FULL`] / 2 entries or fewer.
    chunks: VecDeque<Arc<VecDeque<T>>>,
    /// How long each chunk is: counting a range reads these side by side instead of every chunk.
    lens: VecDeque<u16>,
    len: usize,
}

/// A gap between entries: before the entry at `place` of `chunk`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Gap {
    chunk: usize,
    place: usize,
}

impl<T> Default for SortedChunks<T> {
    fn default() -> Self {
        Self { chunks: VecDeque::new(), lens: VecDeque::new(), len: 0 }
    }
}

impl<T: Ord + Copy> SortedChunks<T> {
    /// The set of entries that are sorted and distinct. Its chunks have room for more.
    pub(super) fn from_sorted(entries: &[T]) -> Self {
        debug_assert!(entries.is_sorted());
        let mut set = Self::default();
        for entries in entries.chunks(FULL / 4 * 3) {
            let mut chunk = VecDeque::with_capacity(FULL);
            chunk.extend(entries);
            set.add_chunk(set.chunks.len(), chunk);
        }
        set
    }

    pub(super) fn len(&self) -> usize {
        self.len
    }

    /// The gap before the first entry that is not `before`, where no such entry follows another one.
    pub(super) fn gap(&self, before: impl Fn(&T) -> bool) -> Gap {
        // Most changes concern the newest entries, which are in the last chunk.
        let last = self.chunks.len().saturating_sub(1);
        let chunk = match self.chunks.back().and_then(|chunk| chunk.front()) {
            Some(first) if before(first) => last,
            _ => self.chunks.partition_point(|chunk| chunk.back().is_some_and(&before)),
        };
        let place = self.chunks.get(chunk).map_or(0, |chunk| chunk.partition_point(before));
        Gap { chunk, place }
    }

    /// Puts an entry in, in the place of one that is equal.
    pub(super) fn insert(&mut self, entry: T) {
        let Gap { chunk: at, mut place } = self.gap(|other| *other < entry);
        let Some(chunk) = self.chunks.get_mut(at).map(Arc::make_mut) else {
            return self.add_chunk(at, VecDeque::from([entry]));
        };
        if let Some(equal) = chunk.get_mut(place).filter(|other| **other == entry) {
            *equal = entry;
        } else if chunk.len() < FULL {
            chunk.insert(place, entry);
            self.lens[at] += 1;
            self.len += 1;
        } else if place == FULL {
            // Growing at the end leaves full chunks behind, not halves.
            self.add_chunk(at + 1, VecDeque::from([entry]));
        } else {
            let mut upper = chunk.split_off(FULL / 2);
            let half = if place > FULL / 2 {
                place -= FULL / 2;
                &mut upper
            } else {
                &mut *chunk
            };
            half.insert(place, entry);
            let left = chunk.len();
            self.cut_to(at, left);
            self.add_chunk(at + 1, upper);
        }
    }

    /// Takes the entry out that is equal to this one.
    pub(super) fn remove(&mut self, entry: &T) -> Option<T> {
        let Gap { chunk: at, place } = self.gap(|other| other < entry);
        let chunk = self.chunks.get_mut(at)?;
        chunk.get(place).filter(|other| *other == entry)?;
        let chunk = Arc::make_mut(chunk);
        let removed = chunk.remove(place);
        let left = chunk.len();
        self.cut_to(at, left);
        if left == 0 {
            self.take_chunk(at);
        } else if left <= FULL / 4 {
            self.merge(at);
            self.merge(at.wrapping_sub(1));
        }
        removed
    }

    /// Joins a chunk and the next one if they are small.
    fn merge(&mut self, at: usize) {
        let len = |at| self.lens.get(at).copied().map(usize::from);
        if let (Some(one), Some(next)) = (len(at), len(at.wrapping_add(1)))
            && one + next <= FULL / 2
            && let Some(next) = self.take_chunk(at + 1)
        {
            Arc::make_mut(&mut self.chunks[at]).extend(next.iter());
            self.lens[at] += next.len() as u16;
            self.len += next.len();
        }
    }

    fn add_chunk(&mut self, at: usize, chunk: VecDeque<T>) {
        self.len += chunk.len();
        self.lens.insert(at, chunk.len() as u16);
        self.chunks.insert(at, Arc::new(chunk));
    }

    fn take_chunk(&mut self, at: usize) -> Option<Arc<VecDeque<T>>> {
        self.len -= self.lens.remove(at).map_or(0, usize::from);
        self.chunks.remove(at)
    }

    /// Notes that a chunk has this many entries left.
    fn cut_to(&mut self, at: usize, left: usize) {
        self.len -= usize::from(self.lens[at]) - left;
        self.lens[at] = left as u16;
    }

    /// How many entries are between two gaps; none if the second comes first.
    pub(super) fn count(&self, low: Gap, high: Gap) -> usize {
        if high <= low {
            return 0;
        }
        let whole: usize = self.lens.range(low.chunk..high.chunk).copied().map(usize::from).sum();
        whole + high.place - low.place
    }

    /// The entries before a gap, the greatest first.
    pub(super) fn descending(&self, from: Gap) -> impl Iterator<Item = &T> {
        let partial = self.chunks.get(from.chunk).into_iter().flat_map(move |chunk| chunk.range(..from.place).rev());
        partial.chain(self.chunks.range(..from.chunk).rev().flat_map(|chunk| chunk.iter().rev()))
    }

    /// All entries, in order.
    pub(super) fn iter(&self) -> impl Iterator<Item = &T> {
        self.chunks.iter().flat_map(|chunk| chunk.iter())
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use proptest::prelude::*;

    use super::*;

    impl<T: Ord + Copy> SortedChunks<T> {
        fn check_shape(&self) {
            assert!(self.chunks.iter().map(|chunk| chunk.len()).eq(self.lens.iter().copied().map(usize::from)));
            assert_eq!(self.len, self.chunks.iter().map(|chunk| chunk.len()).sum::<usize>());
            assert!(self.chunks.iter().all(|chunk| !chunk.is_empty() && chunk.len() <= FULL));
            let all: Vec<T> = self.iter().copied().collect();
            assert!(all.is_sorted_by(|one, next| one < next));
        }
    }

    /// Runs of changes, so that chunks fill, split, empty and merge.
    #[derive(Clone, Debug)]
    enum Step {
        Insert { from: u16, count: u16, stride: u16 },
        Remove { from: u16, count: u16, stride: u16 },
    }

    fn step() -> impl Strategy<Value = Step> {
        let run = (any::<u16>(), 0..3000u16, prop_oneof![Just(1), 1..40u16]);
        prop_oneof![
            run.clone().prop_map(|(from, count, stride)| Step::Insert { from, count, stride }),
            run.prop_map(|(from, count, stride)| Step::Remove { from, count, stride }),
        ]
    }

    fn run(from: u16, count: u16, stride: u16) -> impl Iterator<Item = u16> {
        (0..count).map(move |index| from.wrapping_add(index.wrapping_mul(stride)))
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]

        #[test]
        fn behaves_like_a_sorted_set(
            steps in prop::collection::vec(step(), 1..12),
            queries in prop::collection::vec((any::<u16>(), any::<u16>()), 1..20),
        ) {
            let mut set = SortedChunks::default();
            let mut model = BTreeSet::new();
            let mut copies = Vec::new();
            for step in steps {
                copies.push((set.clone(), model.clone()));
                match step {
                    Step::Insert { from, count, stride } => for entry in run(from, count, stride) {
                        set.insert(entry);
                        model.insert(entry);
                    },
                    Step::Remove { from, count, stride } => for entry in run(from, count, stride) {
                        prop_assert_eq!(set.remove(&entry), model.take(&entry));
                    },
                }
                set.check_shape();
                prop_assert_eq!(set.len(), model.len());
            }
            prop_assert!(set.iter().eq(&model));
            for (copy, then) in copies {
                prop_assert!(copy.iter().eq(&then), "a clone stays what it was");
            }
            for (one, other) in queries {
                let (from, to) = (set.gap(|entry| *entry < one), set.gap(|entry| *entry < other));
                prop_assert_eq!(set.count(from, to), model.range(one..other.max(one)).count());
                prop_assert!(set.descending(to).eq(model.range(..other).rev()));
            }
            let sorted: Vec<u16> = model.iter().copied().collect();
            let copy = SortedChunks::from_sorted(&sorted);
            copy.check_shape();
            prop_assert!(copy.iter().eq(set.iter()));
        }
    }

    #[test]
    fn growing_at_the_end_fills_chunks() {
        let mut set = SortedChunks::default();
        (0..10 * FULL).for_each(|entry| set.insert(entry));
        assert_eq!(set.chunks.len(), 10);
    }

    #[test]
    fn an_equal_entry_is_replaced() {
        #[derive(Clone, Copy, Debug)]
        struct Tagged(u8, char);
        impl PartialEq for Tagged {
            fn eq(&self, other: &Self) -> bool {
                self.0 == other.0
            }
        }
        impl Eq for Tagged {}
        impl PartialOrd for Tagged {
            fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
                Some(self.cmp(other))
            }
        }
        impl Ord for Tagged {
            fn cmp(&self, other: &Self) -> std::cmp::Ordering {
                self.0.cmp(&other.0)
            }
        }
        let mut set = SortedChunks::default();
        set.insert(Tagged(1, 'a'));
        set.insert(Tagged(1, 'b'));
        assert_eq!(set.len(), 1);
        assert_eq!(set.remove(&Tagged(1, 'c')).map(|entry| entry.1), Some('b'));
    }
}

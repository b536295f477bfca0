//! The fuzzers' corpus, and mutations of it, without a fuzzer.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::{fs, path::Path};

use fuzz_targets::TARGETS;

const MUTATIONS: usize = 4000;

/// Of targets that take long, without optimization: they compute signatures, or set up a server.
const FEWER_MUTATIONS: &[(&str, usize)] =
    &[("card_signature", 10), ("delivery", 200), ("grpc_server", 100), ("keys", 400), ("receiver", 100)];

/// Pieces that get a mutation past the first check of a decoder.
const PIECES: &[&str] = &[
    "null",
    "true",
    "-1",
    "1e400",
    "0.1",
    "[",
    "]",
    "{",
    "}",
    "\"",
    ":",
    ",",
    "\\u0000",
    "\\ud800",
    "\u{feff}",
    "é",
    "\r\n\r\n",
    "data: ",
    "id: ",
    "%2F",
    "%ff",
    "/",
    "?",
    "&",
    "=",
    ":cancel",
    "9999999999999999999999",
    "[[[[[[[[[[",
    r#"{"text":"#,
    r#""taskId":"#,
    r#""metadata":{"#,
    "+23:59",
    "Z",
];

/// xorshift64: the same mutations on every run.
struct Random(u64);

impl Random {
    fn below(&mut self, end: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        usize::try_from(self.0 >> 1).unwrap_or(0) % end.max(1)
    }

    fn mutate(&mut self, input: &mut Vec<u8>, other: &[u8]) {
        let at = self.below(input.len() + 1);
        let end = at + self.below((input.len() - at).min(16) + 1);
        match self.below(6) {
            0 if at < input.len() => input[at] ^= 1 << self.below(8),
            1 => drop(input.drain(at..end)),
            2 => {
                let piece = PIECES[self.below(PIECES.len())];
                drop(input.splice(at..end, piece.bytes()));
            }
            3 => {
                let copy = input[at..end].to_vec();
                drop(input.splice(at..at, copy));
            }
            4 => {
                let from = self.below(other.len() + 1);
                let to = from + self.below((other.len() - from).min(64) + 1);
                drop(input.splice(at..end, other[from..to].iter().copied()));
            }
            _ => input.truncate(at.max(1)),
        }
    }
}

fn corpus(target: &str) -> Vec<Vec<u8>> {
    let folder = Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../../fuzz/corpus")).join(target);
    let mut files: Vec<_> = fs::read_dir(&folder)
        .unwrap_or_else(|error| panic!("{}: {error}", folder.display()))
        .map(|entry| entry.unwrap().path())
        .collect();
    files.sort();
    assert!(!files.is_empty(), "{target} has no corpus");
    files.iter().map(|file| fs::read(file).unwrap()).collect()
}

#[test]
fn replays_the_corpus() {
    for target in TARGETS {
        corpus(target.name).iter().for_each(|input| (target.run)(input));
    }
}

#[test]
fn replays_mutations_of_the_corpus() {
    for target in TARGETS {
        let seeds = corpus(target.name);
        let mut random = Random(0x9e37_79b9_7f4a_7c15);
        let fewer = FEWER_MUTATIONS.iter().find(|(name, _)| *name == target.name);
        for _ in 0..fewer.map_or(MUTATIONS, |(_, mutations)| *mutations) {
            let mut input = seeds[random.below(seeds.len())].clone();
            let other = &seeds[random.below(seeds.len())];
            for _ in 0..=random.below(4) {
                random.mutate(&mut input, other);
            }
            (target.run)(&input);
        }
    }
}

#[test]
fn every_target_has_a_fuzzer() {
    let folder = Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../../fuzz/fuzz_targets"));
    let mut fuzzers: Vec<_> =
        fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    let mut targets: Vec<_> = TARGETS.iter().map(|target| format!("{}.rs", target.name)).collect();
    fuzzers.sort();
    targets.sort();
    assert_eq!(fuzzers, targets);
}

//! Signatures over agent cards and push deliveries.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod canonical;
mod cards;
mod deliveries;
mod keys;
mod peers;

use std::{fs, path::Path};

use a2a_protocol_core::{Timestamp, signing::SigningKey};

/// A file of tests/golden/signed: keys, which sign nothing else, and cards that the official SDKs
/// signed with them.
fn golden(name: &str) -> String {
    fs::read_to_string(Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../../tests/golden/signed")).join(name)).unwrap()
}

fn key(name: &str) -> SigningKey {
    SigningKey::read(&golden(&format!("{name}.pem"))).unwrap().with_kid(name)
}

fn now() -> Timestamp {
    "2026-01-02T03:04:05Z".parse().unwrap()
}

//! The official SDKs as peers: their clients call our agent, our client calls agents on theirs.
//! `tests/peers/setup.sh` installs them, once, from PyPI and npm.

#![allow(clippy::unwrap_used, reason = "a panic is how a test fails")]

mod descriptors;
mod our_client;
mod our_client_v03;
mod sdks;
mod signing;
mod their_clients;

use std::{
    io::{BufRead as _, BufReader},
    process::{Child, Command, Stdio},
};

pub(crate) use sdks::Sdk;

/// An agent in a process of its own, which ends with it.
pub(crate) struct Agent {
    process: Child,
    pub(crate) url: String,
}

impl Agent {
    /// Starts it; the first line on its stdout ends with its URL.
    pub(crate) fn start(mut command: Command) -> Self {
        let mut process = command.stdout(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap();
        let mut lines = BufReader::new(process.stdout.take().unwrap()).lines();
        let line = lines.next().expect("a line that says where it listens").unwrap();
        let url = line.split(' ').next_back().unwrap().to_owned();
        assert!(url.starts_with("http://127.0.0.1:"), "{line}");
        // Reads on, so that the process never waits for a full pipe.
        std::thread::spawn(move || lines.for_each(drop));
        Self { process, url }
    }
}

impl Drop for Agent {
    fn drop(&mut self) {
        // Gone already is as good.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

//! The servers that the tests of this process share. They are started when the first one needs them, and go
//! when the process does.

#[path = "../../../a2a_task_storage/tests/common/nats.rs"]
mod nats;
#[path = "../../../a2a_task_storage/tests/common/postgres.rs"]
mod postgres;

use std::{
    path::Path,
    process::{Command, Stdio},
    sync::OnceLock,
};

pub(crate) fn postgres() -> &'static postgres::Server {
    static SERVER: OnceLock<postgres::Server> = OnceLock::new();
    SERVER.get_or_init(|| {
        let server = postgres::Server::for_many();
        remove_at_the_end(server.directory());
        server
    })
}

pub(crate) fn nats() -> &'static nats::Server {
    static SERVER: OnceLock<nats::Server> = OnceLock::new();
    SERVER.get_or_init(|| {
        let server = nats::Server::new();
        remove_at_the_end(server.directory());
        server
    })
}

/// Removes a directory when this process has ended, however it did: nobody drops what is static. The server
/// that writes there ends at the same time.
fn remove_at_the_end(directory: &Path) {
    const WAITS: &str = "trap '' INT TERM HUP; cat; until rm -rf \"$0\"; do sleep 0.1; done";
    let mut command = Command::new("sh");
    command.args(["-c", WAITS]).arg(directory).stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::null());
    // Its input ends with this process.
    Box::leak(Box::new(command.spawn().unwrap()));
}

//! What a request and an event cost in this crate.
//!
//! `cargo bench -p nuncio-protocol-transport-core`

use std::hint::black_box;

use divan::{AllocProfiler, Bencher};
use protocol_transport_core::{
    depth,
    jsonrpc::{self, Id},
    sse::{self, Decoder},
};

#[global_allocator]
static ALLOCATOR: AllocProfiler = AllocProfiler::system();

fn main() {
    divan::main();
}

/// As the official clients send it.
const REQUEST: &str = r#"{"jsonrpc":"2.0","id":"0b5e1f4e-6a3c-4a57-8c43-7a1f0a6d9f21","method":"SendMessage","params":{"message":{"messageId":"7f1f6a3e-2f8b-4a53-9a0e-5a3a4a1f6b7c","role":"ROLE_USER","parts":[{"text":"What is the answer?"}]},"configuration":{"acceptedOutputModes":["text/plain"],"historyLength":5}}}"#;

const EVENT: &str = r#"{"jsonrpc":"2.0","id":1,"result":{"artifactUpdate":{"taskId":"0190f3a1-7c5e-7d3a-8a3e-2f8b4a539a0e","contextId":"0190f3a1-7c5e-7d3a-8a3e-2f8b4a539a0f","artifact":{"artifactId":"answer","parts":[{"text":"chunk"}]},"append":true}}}"#;

#[divan::bench]
fn request_in(bencher: Bencher<'_, '_>) {
    bencher.bench(|| jsonrpc::parse(black_box(REQUEST.as_bytes()), 32).is_ok());
}

#[divan::bench]
fn depth_checked(bencher: Bencher<'_, '_>) {
    bencher.bench(|| depth::exceeds(black_box(REQUEST), depth::MAX_LEVELS));
}

/// Ten kilobytes with more brackets than levels are allowed, in a text and around numbers.
#[divan::bench(args = ["text", "lists"])]
fn depth_checked_by_reading(bencher: Bencher<'_, '_>, kind: &str) {
    let json = match kind {
        "text" => format!(r#"["{}"]"#, "if (a[0]) { b }\\n".repeat(600)),
        _ => format!("[{}0]", "[1,2],[3],".repeat(1000)),
    };
    bencher.bench(|| depth::exceeds(black_box(&json), depth::MAX_LEVELS));
}

#[divan::bench]
fn result_out(bencher: Bencher<'_, '_>) {
    let id = Id::string("0b5e1f4e-6a3c-4a57-8c43-7a1f0a6d9f21");
    bencher.bench(|| {
        let mut out = Vec::with_capacity(512);
        jsonrpc::write_raw_result(&mut out, black_box(&id), black_box(EVENT.as_bytes()));
        out
    });
}

#[divan::bench]
fn event_out(bencher: Bencher<'_, '_>) {
    let mut out = Vec::with_capacity(512);
    bencher.bench_local(|| {
        out.clear();
        sse::encode(&mut out, Some(black_box(12)), black_box(EVENT.as_bytes()));
        out.len()
    });
}

/// A stream that goes on, in chunks of so many events.
#[divan::bench(args = [1, 64])]
fn events_in(bencher: Bencher<'_, '_>, events: u64) {
    let mut chunk = Vec::new();
    for id in 0..events {
        sse::encode(&mut chunk, Some(id), EVENT.as_bytes());
    }
    let mut decoder = Decoder::new(1 << 20);
    bencher.counter(divan::counter::ItemsCount::new(events)).bench_local(|| {
        decoder.push(black_box(&chunk));
        while let Ok(Some(event)) = decoder.next_event() {
            black_box(event);
        }
    });
}

//! Properties of the event stream encoder and decoder, over chunks cut anywhere.

use std::time::{Duration, Instant};

use proptest::prelude::*;
use protocol_transport_core::sse::{self, DecodeError, Decoder, Event};

const LIMIT: usize = 1 << 16;

/// Cuts `stream` at the given places and decodes it.
fn decode(stream: &[u8], cuts: &[prop::sample::Index], limit: usize) -> (Vec<Event>, Option<DecodeError>) {
    let mut at: Vec<_> = cuts.iter().map(|cut| cut.index(stream.len() + 1)).collect();
    at.extend([0, stream.len()]);
    at.sort_unstable();
    decode_chunks(at.windows(2).map(|cut| &stream[cut[0]..cut[1]]), limit)
}

fn decode_chunks<'a>(chunks: impl Iterator<Item = &'a [u8]>, limit: usize) -> (Vec<Event>, Option<DecodeError>) {
    let mut decoder = Decoder::new(limit);
    let mut events = Vec::new();
    for chunk in chunks {
        decoder.push(chunk);
        loop {
            match decoder.next_event() {
                Ok(Some(event)) => events.push(event),
                Ok(None) => break,
                Err(error) => return (events, Some(error)),
            }
        }
    }
    (events, None)
}

fn text() -> impl Strategy<Value = String> {
    prop::collection::vec(
        prop_oneof![
            4 => any::<char>().prop_map(String::from),
            1 => prop_oneof![
                Just("\r"), Just("\n"), Just("\r\n"), Just(":"), Just(" "), Just("data: "),
                Just("\u{feff}"), Just("\0"),
            ].prop_map(String::from),
        ],
        0..50,
    )
    .prop_map(|parts| parts.concat())
}

/// Bytes that look enough like a stream to reach every rule.
fn stream_like() -> impl Strategy<Value = Vec<u8>> {
    const TOKENS: &[&[u8]] = &[
        b"\r",
        b"\n",
        b"\r\n",
        b"\n\n",
        b"data",
        b"data: ",
        b"id: ",
        b"event:",
        b"retry:",
        b"12",
        b":",
        b" ",
        b"\0",
        b"\xef\xbb\xbf",
        b"\xc3\xa9",
        b"\xff",
    ];
    let token = prop::sample::select(TOKENS);
    prop::collection::vec(token, 0..40).prop_map(|tokens| tokens.concat())
}

proptest! {
    #[test]
    fn what_is_encoded_is_decoded_however_it_is_cut(
        events in prop::collection::vec((prop::option::of(any::<u64>()), text()), 0..6),
        comments in prop::collection::vec(text(), 6),
        byte_order_mark in any::<bool>(),
        cuts in prop::collection::vec(any::<prop::sample::Index>(), 0..20),
    ) {
        let mut stream = Vec::new();
        if byte_order_mark {
            stream.extend_from_slice("\u{feff}".as_bytes());
        }
        let mut expected = Vec::new();
        let mut last_id = None;
        for ((id, data), comment) in events.iter().zip(&comments) {
            sse::encode_comment(&mut stream, comment);
            sse::encode(&mut stream, *id, data.as_bytes());
            last_id = id.map(|id| id.to_string()).or(last_id);
            expected.push(Event {
                event: None,
                data: data.replace("\r\n", "\n").replace('\r', "\n"),
                id: last_id.clone(),
                own_id: id.is_some(),
            });
        }
        prop_assert_eq!(decode(&stream, &cuts, LIMIT), (expected, None));
    }

    #[test]
    fn cuts_change_nothing(
        stream in stream_like(),
        limit in 0_usize..40,
        cuts in prop::collection::vec(any::<prop::sample::Index>(), 0..20),
    ) {
        let whole = decode(&stream, &[], limit);
        prop_assert_eq!(decode(&stream, &cuts, limit), whole.clone());
        prop_assert_eq!(decode_chunks(stream.chunks(1), limit), whole);
    }

    #[test]
    fn unread_events_survive_further_pushes(stream in stream_like(), read in any::<u64>()) {
        let (expected, _) = decode(&stream, &[], LIMIT);
        let mut decoder = Decoder::new(LIMIT);
        let mut events = Vec::new();
        for (index, chunk) in stream.chunks(3).enumerate() {
            decoder.push(chunk);
            if read >> (index % 64) & 1 == 1 {
                events.extend(decoder.next_event().ok().flatten());
            }
        }
        while let Ok(Some(event)) = decoder.next_event() {
            events.push(event);
        }
        prop_assert_eq!(events, expected);
    }

    #[test]
    fn arbitrary_bytes_never_panic(stream in prop::collection::vec(any::<u8>(), 0..200)) {
        decode_chunks(stream.chunks(7), 50);
    }
}

#[test]
fn a_large_event_in_single_bytes_takes_linear_time() {
    const SIZE: usize = 2_000_000;
    let mut stream = Vec::new();
    sse::encode(&mut stream, Some(1), &vec![b'x'; SIZE]);
    let start = Instant::now();
    let (events, error) = decode_chunks(stream.chunks(1), SIZE + 100);
    assert_eq!((events.len(), error), (1, None));
    // Quadratic time would be hours.
    assert!(start.elapsed() < Duration::from_secs(30));
}

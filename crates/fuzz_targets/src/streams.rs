//! What a client reads of a stream.

use a2a_protocol_core::{StreamResponse, Task, Timestamp, log};
use protocol_transport_core::sse::{self, DecodeError, Decoder, Event};

use crate::comes_back;

const MAX_EVENT_BYTES: usize = 256;

pub(crate) fn timestamp(data: &[u8]) {
    let Some(time) = std::str::from_utf8(data).ok().and_then(|text| text.parse::<Timestamp>().ok()) else { return };
    assert_eq!(time.to_string().parse(), Ok(time));
    let (seconds, nanos) = time.parts();
    assert_eq!(Timestamp::from_parts(seconds, nanos), Some(time));
    let whole = Timestamp::from_millis(time.as_millis()).expect("in range");
    assert!(whole <= time && time.since(whole).as_millis() == 0);
    assert_eq!(whole.plus(time.since(whole)), time);
}

pub(crate) fn sse(data: &[u8]) {
    let [size, stream @ ..] = data else { return };
    let whole = decode([stream]);
    let cut = decode(stream.chunks(usize::from(*size).max(1)));
    assert_eq!(whole, cut);
    let mut written = Vec::new();
    for event in &whole.0 {
        sse::encode(&mut written, None, event.data.as_bytes());
    }
    let data = |events: &[Event]| events.iter().map(|event| event.data.clone()).collect::<Vec<_>>();
    let mut decoder = Decoder::new(usize::MAX);
    assert_eq!(data(&events(&mut decoder, &written).0), data(&whole.0));
}

fn decode<'a>(chunks: impl IntoIterator<Item = &'a [u8]>) -> (Vec<Event>, Option<DecodeError>) {
    let mut decoder = Decoder::new(MAX_EVENT_BYTES);
    let mut all = Vec::new();
    for chunk in chunks {
        let (some, error) = events(&mut decoder, chunk);
        all.extend(some);
        if error.is_some() {
            return (all, error);
        }
    }
    (all, None)
}

fn events(decoder: &mut Decoder, chunk: &[u8]) -> (Vec<Event>, Option<DecodeError>) {
    decoder.push(chunk);
    let mut events = Vec::new();
    loop {
        match decoder.next_event() {
            Ok(Some(event)) => events.push(event),
            Ok(None) => return (events, None),
            Err(error) => return (events, Some(error)),
        }
    }
}

pub(crate) fn stream_response(data: &[u8]) {
    // Several events, one a line.
    let mut task = Task::default();
    for line in data.split(|byte| *byte == b'\n') {
        let Some(response) = comes_back::<StreamResponse>(line) else { continue };
        let before = task.clone();
        if log::absorb(&mut task, &response).is_err() {
            assert_eq!(task, before);
        }
    }
}

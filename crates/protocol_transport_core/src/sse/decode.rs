use std::fmt;
use std::time::Duration;

use super::lines::Lines;

/// One event as received.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Event {
    /// The event's type; None is the default, `message`.
    pub event: Option<String>,
    /// The `data` lines, joined by LF.
    pub data: String,
    /// The last event id in force, set by this event or an earlier one.
    pub id: Option<String>,
    /// Whether this event has set it, so that the id is its own.
    pub own_id: bool,
}

/// Why a stream cannot be read on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum DecodeError {
    /// An event or a comment is larger than allowed.
    TooLarge {
        /// The limit in bytes.
        limit: usize,
    },
    /// A line is not UTF-8.
    InvalidUtf8,
}

impl fmt::Display for DecodeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::TooLarge { limit } => write!(f, "an event exceeds the limit of {limit} bytes"),
            Self::InvalidUtf8 => f.write_str("the event stream is not valid UTF-8"),
        }
    }
}

impl std::error::Error for DecodeError {}

/// Reads events out of chunks that may be cut anywhere.
///
/// After each [`push`](Self::push), call [`next_event`](Self::next_event) until it gives none: the
/// decoder then holds no more than the event under way. An event that the stream does not finish
/// is never given out.
#[derive(Debug)]
pub struct Decoder {
    lines: Lines,
    event: EventUnderWay,
    max_event_bytes: usize,
    failed: Option<DecodeError>,
}

impl Decoder {
    /// A decoder for a new stream. `max_event_bytes` bounds an event as it is sent: all its lines,
    /// field names included, without line ends; and each comment.
    #[must_use]
    pub fn new(max_event_bytes: usize) -> Self {
        Self { lines: Lines::default(), event: EventUnderWay::default(), max_event_bytes, failed: None }
    }

    /// Takes in what has been received.
    pub fn push(&mut self, chunk: &[u8]) {
        if self.failed.is_none() {
            self.lines.push(chunk);
        }
    }

    /// The next event, None until more is received.
    ///
    /// # Errors
    ///
    /// If the stream cannot be read on; every further call then gives the same error.
    pub fn next_event(&mut self) -> Result<Option<Event>, DecodeError> {
        if let Some(error) = self.failed {
            return Err(error);
        }
        self.read_lines().inspect_err(|error| {
            self.failed = Some(*error);
            self.lines = Lines::default();
        })
    }

    /// The id to send as `Last-Event-ID` when the stream is taken up again.
    #[must_use]
    pub fn last_event_id(&self) -> Option<&str> {
        Some(self.event.last_id.as_str()).filter(|id| !id.is_empty())
    }

    /// How long the server asks to wait before the stream is taken up again.
    #[must_use]
    pub fn retry(&self) -> Option<Duration> {
        self.event.retry
    }

    fn read_lines(&mut self) -> Result<Option<Event>, DecodeError> {
        let limit = self.max_event_bytes;
        while let Some(line) = self.lines.next() {
            if self.event.size.saturating_add(line.len()) > limit {
                return Err(DecodeError::TooLarge { limit });
            }
            let line = std::str::from_utf8(line).map_err(|_| DecodeError::InvalidUtf8)?;
            if let Some(event) = self.event.line(line) {
                return Ok(Some(event));
            }
        }
        if self.event.size.saturating_add(self.lines.pending()) > limit {
            return Err(DecodeError::TooLarge { limit });
        }
        Ok(None)
    }
}

/// The rules of section 9.2.6, a line at a time.
#[derive(Debug, Default)]
struct EventUnderWay {
    /// Only the very first line may begin with a byte order mark.
    past_first_line: bool,
    /// The bytes of the event's lines so far.
    size: usize,
    event: String,
    data: Option<String>,
    /// Takes effect only when the event is complete, so that one cut off is asked for again.
    id: Option<String>,
    last_id: String,
    retry: Option<Duration>,
}

impl EventUnderWay {
    fn line(&mut self, mut line: &str) -> Option<Event> {
        if !std::mem::replace(&mut self.past_first_line, true) {
            line = line.strip_prefix('\u{feff}').unwrap_or(line);
        }
        if line.is_empty() {
            return self.dispatch();
        }
        if line.starts_with(':') {
            return None;
        }
        self.size = self.size.saturating_add(line.len());
        let (field, value) = line.split_once(':').unwrap_or((line, ""));
        let value = value.strip_prefix(' ').unwrap_or(value);
        match field {
            "data" => match &mut self.data {
                Some(data) => {
                    data.push('\n');
                    data.push_str(value);
                }
                None => self.data = Some(value.to_owned()),
            },
            "event" => value.clone_into(&mut self.event),
            "id" if !value.contains('\0') => self.id = Some(value.to_owned()),
            "retry" if value.bytes().all(|byte| byte.is_ascii_digit()) => {
                // Empty or beyond u64, it is no usable time and is ignored like any other field
                // that is not understood.
                if let Ok(millis) = value.parse() {
                    self.retry = Some(Duration::from_millis(millis));
                }
            }
            _ => {}
        }
        None
    }

    /// An event without data still sets the last event id.
    fn dispatch(&mut self) -> Option<Event> {
        self.size = 0;
        let own_id = self.id.is_some();
        if let Some(id) = self.id.take() {
            self.last_id = id;
        }
        let event = std::mem::take(&mut self.event);
        let data = self.data.take()?;
        Some(Event {
            event: Some(event).filter(|event| !event.is_empty()),
            data,
            id: Some(self.last_id.clone()).filter(|id| !id.is_empty()),
            own_id,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Events as `type|data|id`.
    fn decoded(stream: &str) -> (Vec<String>, Decoder) {
        let mut decoder = Decoder::new(1000);
        decoder.push(stream.as_bytes());
        let mut events = Vec::new();
        while let Some(event) = decoder.next_event().unwrap() {
            let [kind, id] = [event.event, event.id].map(Option::unwrap_or_default);
            events.push(format!("{kind}|{}|{id}", event.data));
        }
        (events, decoder)
    }

    #[test]
    fn the_rules_of_the_standard_hold() {
        for (stream, events) in [
            ("", &[][..]),
            ("data: a\n\n", &["|a|"]),
            ("data:a\n\n", &["|a|"]),
            ("data:  a\n\n", &["| a|"]),
            ("data\n\ndata\ndata\n\ndata:", &["||", "|\n|"]),
            ("data: a\r\rdata: b\r\n\r\ndata: c\n\n", &["|a|", "|b|", "|c|"]),
            ("data: a\r\ndata: b\r\n\r\n", &["|a\nb|"]),
            ("data: a\n\r\n", &["|a|"]),
            ("\u{feff}data: a\n\n", &["|a|"]),
            ("\u{feff}\u{feff}data: a\n\n", &[]),
            ("data: a\n\n\u{feff}data: b\n\n", &["|a|"]),
            (": c\n:\ndata: a\n: c\ndata: b\n\n", &["|a\nb|"]),
            ("event: e\ndata: a\n\ndata: b\n\n", &["e|a|", "|b|"]),
            ("event: e\n\ndata: b\n\n", &["|b|"]),
            ("event: e\nevent\ndata: b\n\n", &["|b|"]),
            ("id: 1\ndata: a\n\ndata: b\n\n", &["|a|1", "|b|1"]),
            ("id: 1\ndata: a\n\nid\ndata: b\n\n", &["|a|1", "|b|"]),
            ("id: 1\ndata: a\n\nid: \0\ndata: b\n\n", &["|a|1", "|b|1"]),
            ("id: 1\n\ndata: b\n\n", &["|b|1"]),
            ("Data: a\n data: b\ndata : c\nunknown\n\n", &[]),
            ("data: a: b\n\n", &["|a: b|"]),
            ("data: unfinished\n", &[]),
        ] {
            assert_eq!(decoded(stream).0, events, "{stream:?}");
        }
    }

    #[test]
    fn an_event_is_told_apart_from_one_that_inherits_its_id() {
        let mut decoder = Decoder::new(1000);
        decoder.push(b"data: a\n\nid: 1\ndata: b\n\ndata: c\n\nid: 1\ndata: d\n\n");
        let own = std::iter::from_fn(|| decoder.next_event().unwrap()).map(|event| event.own_id).collect::<Vec<_>>();
        assert_eq!(own, [false, true, false, true]);
    }

    #[test]
    fn an_unfinished_event_does_not_move_the_last_event_id() {
        let (_, decoder) = decoded("id: 1\ndata: a\n\nid: 2\ndata: b\n");
        assert_eq!(decoder.last_event_id(), Some("1"));
    }

    #[test]
    fn retry_takes_digits_only() {
        for (stream, millis) in [
            ("retry: 1500\n", Some(1500)),
            ("retry: 1500\nretry: 1s\nretry: +1\nretry\n", Some(1500)),
            ("retry: 99999999999999999999\n", None),
        ] {
            let retry = millis.map(Duration::from_millis);
            assert_eq!(decoded(stream).1.retry(), retry, "{stream:?}");
        }
    }

    #[test]
    fn a_line_ended_by_cr_is_not_held_back() {
        assert_eq!(decoded("data: a\r\r").0, ["|a|"]);
    }

    #[test]
    fn oversize_is_refused_before_the_event_ends_and_for_good() {
        let limit = 10;
        for (stream, fits) in [
            ("data: 1234\n\ndata: 1234\n\n", true),
            ("data: 12345", false),
            ("data: 1\ndata", false),
            (": 12345678\n: 12345678\ndata: 1234\n\n", true),
            (": 123456789", false),
        ] {
            let mut decoder = Decoder::new(limit);
            decoder.push(stream.as_bytes());
            let outcome = std::iter::from_fn(|| decoder.next_event().transpose()).find(Result::is_err);
            assert_eq!(outcome.is_none(), fits, "{stream:?}");
            if !fits {
                decoder.push(b"\n\ndata: a\n\n");
                let error = DecodeError::TooLarge { limit };
                assert_eq!(decoder.next_event(), Err(error), "{stream:?}");
            }
        }
    }

    #[test]
    fn what_is_not_utf8_is_refused() {
        let mut decoder = Decoder::new(100);
        decoder.push(b"data: a\n\ndata: \xff\n\n");
        assert!(matches!(decoder.next_event(), Ok(Some(_))));
        assert_eq!(decoder.next_event(), Err(DecodeError::InvalidUtf8));
        assert_eq!(decoder.next_event(), Err(DecodeError::InvalidUtf8));
    }
}

//! Server-sent events: the `text/event-stream` format of the WHATWG HTML standard, section 9.2.
//!
//! ```
//! use protocol_transport_core::sse::{self, Decoder};
//!
//! let mut stream = Vec::new();
//! sse::encode_comment(&mut stream, "keep-alive");
//! sse::encode(&mut stream, Some(7), b"two\nlines");
//!
//! let mut decoder = Decoder::new(1024);
//! decoder.push(&stream);
//! while let Some(event) = decoder.next_event()? {
//!     assert_eq!(event.data, "two\nlines");
//!     assert_eq!(event.id.as_deref(), Some("7"));
//! }
//! # Ok::<(), sse::DecodeError>(())
//! ```

mod decode;
mod encode;
mod lines;

pub use decode::{DecodeError, Decoder, Event};
pub use encode::{encode, encode_comment, encode_named};

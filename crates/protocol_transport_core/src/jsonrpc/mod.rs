//! JSON-RPC 2.0: reading requests and replies without copying them, and writing both.
//!
//! `params` and `result` stay raw JSON text until their type is known, so a body is read once for
//! its envelope and once for its content, and nothing in between is built. Raw text is skipped
//! iteratively: nesting of any depth costs no stack.
//!
//! ```
//! use protocol_transport_core::jsonrpc::{self, Incoming};
//!
//! let body = br#"{"jsonrpc":"2.0","id":1.0,"method":"add","params":[1,2]}"#;
//! let Ok(Incoming::Single(Ok(request))) = jsonrpc::parse(body, 16) else { panic!() };
//! assert_eq!(request.method, "add");
//!
//! let mut reply = Vec::new();
//! jsonrpc::write_result(&mut reply, &request.id.unwrap(), &3)?;
//! assert_eq!(reply, br#"{"jsonrpc":"2.0","id":1.0,"result":3}"#);
//! # Ok::<(), serde_json::Error>(())
//! ```

mod error;
mod id;
mod members;
mod request;
mod response;
mod write;

pub use error::Error;
pub use id::Id;
pub use request::{Entry, Incoming, Rejected, Request, parse};
pub use response::{MalformedResponse, Response, parse_response};
pub use write::{BatchWriter, write_error, write_raw_result, write_request, write_result};

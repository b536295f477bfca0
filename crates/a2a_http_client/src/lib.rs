//! Calls A2A agents over HTTP, in the JSON-RPC and HTTP+JSON bindings of the protocol, and by way of
//! [`Connector`](a2a_app_ports::Connector)s over others; in version 1.0 and, where the caller asks for
//! it, in 0.3.
//!
//! In scope: finding and caching the agent card, the choice of an interface, credentials, retries
//! where they are safe, streams that resume after a cut, and a handle on a remote task. The logic
//! knows no HTTP library, runtime or clock: requests leave through [`HttpTransport`], time and
//! chance come from [`Host`](a2a_app_ports::Host). The module `native` has Reqwest; in a
//! component the module `component` sends requests through its host. Beside
//! the client: the keys of card signatures, the sending of push notifications and their receiver, and
//! the guard over addresses that others choose.
//!
//! Out of scope: OAuth flows (a token is given, not fetched).
//!
//! ```no_run
//! # async fn example() -> Result<(), Box<dyn std::error::Error>> {
//! use a2a_http_client::{Client, Sent};
//!
//! let client = Client::builder().connect("localhost:3000").await?;
//! match client.send("hello").await? {
//!     Sent::Message(message) => println!("{:?}", message.parts),
//!     Sent::Task(task) => println!("{:?}", task.wait_for_completion(None).await?.status),
//! }
//! # Ok(())
//! # }
//! ```

mod binding;
mod builder;
mod cache;
mod card;
mod client;
mod connected;
mod credentials;
mod error;
mod exchange;
mod guard;
mod interface;
mod keys;
mod observer;
mod quirks;
mod receiver;
mod reference;
mod remote_task;
mod resolve;
mod retry;
mod secret;
mod stream;
mod timing;
mod transport;
mod turns;
mod v03;
mod webhooks;

#[cfg(target_family = "wasm")]
pub mod component;
#[cfg(not(target_family = "wasm"))]
pub mod native;

pub use a2a_app_ports::{AnsweredCode, TransportError};
pub use a2a_host::host;
pub use builder::ClientBuilder;
pub use cache::{CardCache, CardStore, StoredCard};
pub use card::CardDocument;
pub use client::Client;
pub use credentials::Credential;
pub use error::ClientError;
pub use guard::{Forbidden, Guard, special_use};
pub use keys::{KeyFetcher, verify_card};
pub use observer::{Observation, Observer};
pub use receiver::{Delivery, Receiver, Rejected};
pub use reference::is_loopback;
pub use remote_task::{CancelOnDrop, RemoteTask, Sent};
pub use secret::Secret;
pub use transport::{Body, HttpTransport};
pub use webhooks::Webhooks;

pub use protocol_transport_core::policy::{Backoff, Timeouts};

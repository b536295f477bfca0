//! The server on tokio, hyper and Axum.

mod connection;
mod mount;
mod serve;
mod tls;
mod watch;

pub use mount::router;
pub use serve::{ConnectionOptions, serve, serve_app, shutdown_signal};
pub use tls::Tls;

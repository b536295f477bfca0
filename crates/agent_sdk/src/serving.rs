//! An agent that listens.

use std::net::SocketAddr;

use a2a_app_ports::CardHandle;
use a2a_http_server::{HttpServer, native};
use a2a_task_engine::Engine;
use tokio::{
    net::TcpListener,
    time::{Duration, Instant, timeout, timeout_at},
};

/// For so long a storage is waited for at the end.
const LEAVE_TIME: Duration = Duration::from_secs(5);

/// An agent that listens and is about to be served.
#[derive(Debug)]
pub struct Serving {
    pub(crate) listener: TcpListener,
    pub(crate) address: SocketAddr,
    pub(crate) server: HttpServer,
    pub(crate) engine: Option<Engine>,
    pub(crate) limits: native::ConnectionOptions,
    #[cfg(feature = "grpc")]
    pub(crate) grpc: crate::grpc::Grpc,
}

impl Serving {
    /// The address it listens on.
    pub fn local_addr(&self) -> SocketAddr {
        self.address
    }

    /// The address it listens on for gRPC, if that is one of its own.
    #[cfg(feature = "grpc")]
    pub fn grpc_addr(&self) -> Option<SocketAddr> {
        self.grpc.place.address()
    }

    /// The address as a URL, where callers on this machine find the card.
    pub fn url(&self) -> String {
        self.limits.url_of(self.address)
    }

    /// The card that is served, for whoever wants to replace it later.
    pub fn card(&self) -> &CardHandle {
        self.server.card()
    }

    /// Serves until SIGTERM or Ctrl-C, then goes down in good order.
    pub async fn serve(self) {
        self.serve_until(native::shutdown_signal()).await;
    }

    /// Serves until the future resolves. Then it takes no more connections, lets requests, streams
    /// and handlers go on for the drain time, and closes streams with what is stored.
    pub async fn serve_until(self, shutdown: impl Future<Output = ()>) {
        let Self { listener, server, engine, limits, .. } = self;
        let mut deadline = None;
        let shutdown = async {
            shutdown.await;
            deadline = Some(Instant::now() + limits.drain_time);
        };
        #[cfg(feature = "grpc")]
        self.grpc.serve(listener, server, &limits, shutdown).await;
        #[cfg(not(feature = "grpc"))]
        {
            let lifecycle = server.lifecycle().clone();
            native::serve_app(listener, server, &lifecycle, &limits, shutdown).await;
        }
        // Handlers whose callers have gone may still be at work.
        if let (Some(deadline), Some(engine)) = (deadline, engine) {
            let _ = timeout_at(deadline, engine.idle()).await;
            // What still runs is left to other replicas, or to the next start.
            if let Ok(Err(error)) = timeout(LEAVE_TIME, engine.leave()).await {
                tracing::warn!(%error, cause = error.cause(), "cannot hand back what still runs");
            }
        }
    }
}

//! An agent as a component of WebAssembly, for Spin and every other host of `wasi:http` 0.3.

use std::{
    error::Error,
    sync::atomic::{AtomicU64, Ordering},
};

use a2a_app_ports::Chain;
use a2a_http_server::{Body, HttpServer, component, host};
use http::{StatusCode, Uri};
use protocol_transport_core::is_loopback_host;
use tokio::sync::OnceCell;
use wasip3::{
    http::types::{ErrorCode, Request, Response},
    http_compat::http_into_wasi_response,
};

use crate::{Agent, ServeError, assembly::Assembly};

#[doc(hidden)]
pub use wasip3;

/// The variable of the environment that says where callers reach the agent, if its
/// [`ServerOptions`](crate::ServerOptions) do not.
pub const PUBLIC_URL: &str = "NUNCIO_PUBLIC_URL";

/// Exports an agent as the component's answer to HTTP requests. What makes it is an `async` function
/// without arguments, which gives an [`Agent`] or what keeps it from being one. It is run once an
/// instance of the component, with the first request; hosts start instances as they need them, and
/// end them after a short time without requests.
///
/// ```ignore
/// use agent_sdk::prelude::*;
///
/// async fn agent() -> Result<Agent, ServeError> {
///     Ok(Agent::new("Echo", "Says back what it hears").skill(Skill::new("echo", "Echo").tag("demo"), Echo))
/// }
///
/// agent_sdk::component!(agent);
/// ```
///
/// Tasks are kept in memory, for as long as the instance is there, or with the feature `spin-sqlite` in
/// the application's database `default`, or else with `spin-key-value` in its key-value store `default`;
/// unless [`Agent::storage`](crate::Agent::storage) says otherwise.
///
/// The card names `public_url` of [`ServerOptions`](crate::ServerOptions), or else the variable
/// `NUNCIO_PUBLIC_URL` of the component's environment, or on a loopback host the address of the first
/// request. Then it answers on loopback hosts alone, since what a caller calls it must not become what
/// callers elsewhere are told; and so it answers nobody elsewhere.
#[macro_export]
macro_rules! component {
    ($agent:path) => {
        const _: () = {
            static SERVED: $crate::component::Served = $crate::component::Served::new();

            struct Component;

            impl $crate::component::wasip3::exports::http::handler::Guest for Component {
                async fn handle(
                    request: $crate::component::wasip3::http::types::Request,
                ) -> ::core::result::Result<
                    $crate::component::wasip3::http::types::Response,
                    $crate::component::wasip3::http::types::ErrorCode,
                > {
                    SERVED.respond(request, $agent).await
                }
            }

    $crate::component::wasip3::http::service::export!(Component with_types_in $crate::component::wasip3);
        };
    };
}

/// The agent of an instance, from its first request on.
#[doc(hidden)]
#[derive(Debug)]
pub struct Served {
    ready: OnceCell<Ready>,
    /// How many tries to make it have failed.
    failed: AtomicU64,
}

#[derive(Debug)]
struct Ready {
    server: HttpServer,
    /// Whether nobody has said where it is reached but a caller.
    is_guessed: bool,
}

impl Served {
    #[expect(clippy::new_without_default, reason = "there is one, which a macro makes")]
    pub const fn new() -> Self {
        Self { ready: OnceCell::const_new(), failed: AtomicU64::new(0) }
    }

    /// Answers a request. An agent that cannot be served is tried again with the next one.
    pub async fn respond<E: Into<Box<dyn Error>>>(
        &'static self,
        request: Request,
        agent: impl AsyncFnOnce() -> Result<Agent, E>,
    ) -> Result<Response, ErrorCode> {
        let failed = self.failed.load(Ordering::SeqCst);
        let ready = self.ready.get_or_try_init(async || {
            if self.failed.load(Ordering::SeqCst) != failed {
                // It has been tried while this request waited.
                return Err(());
            }
            crate::log_to_stderr();
            Ready::of(agent, &request).await.map_err(|error| {
                tracing::error!("the agent cannot be served: {}", Chain(&*error));
                self.failed.fetch_add(1, Ordering::SeqCst);
            })
        });
        match ready.await {
            Ok(ready) if ready.is_guessed && loopback(&request).is_none() => {
                tracing::error!("a request is refused: {}", ServeError::NoAddress);
                http_into_wasi_response(unserved())
            }
            Ok(ready) => component::respond(&ready.server, request).await,
            Err(()) => http_into_wasi_response(unserved()),
        }
    }
}

/// What callers are told of an agent that cannot be served, now at least.
fn unserved() -> http::Response<Body> {
    let text = "the agent cannot be served; its log says why\n";
    let mut response = http::Response::new(Body::from(text.as_bytes().to_vec()));
    *response.status_mut() = StatusCode::SERVICE_UNAVAILABLE;
    response
}

impl Ready {
    async fn of<E: Into<Box<dyn Error>>>(
        agent: impl AsyncFnOnce() -> Result<Agent, E>,
        request: &Request,
    ) -> Result<Self, Box<dyn Error>> {
        #[cfg(all(feature = "spin-key-value", not(feature = "spin-sqlite")))]
        use crate::SpinKeyValueStorage as SpinStorage;
        #[cfg(feature = "spin-sqlite")]
        use crate::SpinSqliteStorage as SpinStorage;

        let agent = agent().await.map_err(Into::into)?;
        #[cfg(any(feature = "spin-sqlite", feature = "spin-key-value"))]
        let agent = match agent.storage {
            Some(_) => agent,
            None => agent.storage(SpinStorage::open("default").await.map_err(ServeError::Storage)?),
        };
        let mut options = agent.server_options();
        let said = || std::env::var(PUBLIC_URL).ok().filter(|url| !url.is_empty());
        options.public_url = options.public_url.or_else(said);
        let is_guessed = options.public_url.is_none() && agent.card.supported_interfaces.is_empty();
        if is_guessed {
            options.public_url = Some(loopback(request).ok_or(ServeError::NoAddress)?);
        }
        let host = host();
        let Assembly { service, card, .. } = Assembly::of(agent, host.clone())?;
        let server = HttpServer::new(service, card, &host, options).map_err(ServeError::Options)?;
        Ok(Self { server, is_guessed })
    }
}

/// The address that was called, if it is one of this machine.
fn loopback(request: &Request) -> Option<String> {
    let authority = request.get_authority().filter(|authority| !authority.contains('@'))?;
    let url = format!("http://{authority}");
    let called: Uri = url.parse().ok()?;
    is_loopback_host(called.host()?).then_some(url)
}

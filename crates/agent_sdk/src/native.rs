//! An agent that listens: tokio, hyper and Axum.

use std::net::SocketAddr;

use a2a_http_server::{HttpServer, host_on, native};
use tokio::{
    net::{TcpListener, ToSocketAddrs, lookup_host},
    runtime::Handle,
};

#[cfg(feature = "grpc")]
use crate::grpc;
use crate::{Agent, Lifecycle, ServeError, assembly::Assembly, serving::Serving};

/// How an agent listens.
#[derive(Clone, Default)]
pub(crate) struct Listening {
    limits: native::ConnectionOptions,
    #[cfg(feature = "grpc")]
    grpc: crate::GrpcPort,
}

impl Agent {
    /// How connections are served.
    #[must_use]
    pub fn limits(mut self, options: native::ConnectionOptions) -> Self {
        self.listening.limits = options;
        self
    }

    /// Where gRPC is answered; where HTTP is, otherwise. The card names it.
    #[cfg(feature = "grpc")]
    #[must_use]
    pub fn grpc(mut self, port: crate::GrpcPort) -> Self {
        self.listening.grpc = port;
        self
    }

    /// Speaks TLS with this certificate (and those behind it) and key, both PEM. Callers are offered
    /// HTTP/2 and HTTP/1.1. The card's interfaces begin with `https`; set `public_url` of
    /// [`ServerOptions`](crate::ServerOptions) to name the host that the certificate is for.
    ///
    /// # Errors
    /// When either cannot be read or they do not belong together.
    pub fn tls(mut self, certificates: &[u8], key: &[u8]) -> Result<Self, ServeError> {
        self.listening.limits.tls = Some(native::Tls::from_pem(certificates, key).map_err(ServeError::Options)?);
        Ok(self)
    }

    /// Serves the agent until SIGTERM or Ctrl-C, and says on standard error where it listens.
    ///
    /// # Errors
    /// As [`bind`](Self::bind).
    pub async fn serve(self, address: impl ToSocketAddrs) -> Result<(), ServeError> {
        crate::log_to_stderr();
        let serving = self.bind(address).await?;
        eprintln!("{} listens on {}", serving.card().get().name, serving.url());
        serving.serve().await;
        Ok(())
    }

    /// Listens on an address; port 0 takes a free one.
    ///
    /// # Errors
    /// When the address cannot be listened on; for an agent without skills; for impossible options.
    pub async fn bind(self, address: impl ToSocketAddrs) -> Result<Serving, ServeError> {
        let (listener, local) = listen(address).await?;
        let (limits, options) = (self.listening.limits.clone(), self.server_options());
        let url = options.public_url.clone().unwrap_or_else(|| limits.url_of(local));
        let host = host_on(Handle::current());
        #[cfg(feature = "grpc")]
        let place = grpc::Place::of(&self.listening.grpc).await?;
        let Assembly { service, engine, card } = Assembly::of(self, host.clone())?;
        #[cfg(feature = "grpc")]
        card.locate(|| options.interfaces(&url).into_iter().chain(place.interfaces(&url, options.v03)).collect());
        #[cfg(feature = "grpc")]
        let grpc = grpc::Grpc {
            place,
            service: service.clone(),
            card: card.clone(),
            host: host.clone(),
            options: grpc::options(&options),
        };
        let server = HttpServer::new(service, card, &host, options).map_err(ServeError::Options)?;
        server.locate(&url);
        Ok(Serving {
            listener,
            address: local,
            server,
            engine,
            limits,
            #[cfg(feature = "grpc")]
            grpc,
        })
    }

    /// The agent as a router, to be merged with or nested in an Axum application's own. It answers HTTP
    /// only. The card's interfaces have to be set: by `public_url` of [`ServerOptions`](crate::ServerOptions) or by
    /// [`card`](Self::card).
    ///
    /// # Errors
    /// For an agent without skills, impossible options, or where no tokio runtime is current.
    pub fn router(self) -> Result<axum::Router, ServeError> {
        self.router_with(Lifecycle::new())
    }

    /// As [`router`](Self::router), going down with the application: after `drain` of the lifecycle
    /// `/ready` is 503, after `close` streams end with a comment that says so.
    ///
    /// # Errors
    /// As [`router`](Self::router).
    pub fn router_with(self, lifecycle: Lifecycle) -> Result<axum::Router, ServeError> {
        let runtime = Handle::try_current().map_err(|_| ServeError::NoRuntime)?;
        if self.card.supported_interfaces.is_empty() && self.server.public_url.is_none() {
            return Err(ServeError::NoAddress);
        }
        let (host, options) = (host_on(runtime), self.server_options());
        let Assembly { service, card, .. } = Assembly::of(self, host.clone())?;
        let server = HttpServer::new(service, card, &host, options).map_err(ServeError::Options)?;
        Ok(native::router(server.with_lifecycle(lifecycle)))
    }
}

/// Listens on the first address that can be.
pub(crate) async fn listen(addresses: impl ToSocketAddrs) -> Result<(TcpListener, SocketAddr), ServeError> {
    let addresses = lookup_host(addresses).await.map_err(|error| ServeError::Listen { address: None, error })?;
    let mut failed = ServeError::Listen { address: None, error: std::io::ErrorKind::AddrNotAvailable.into() };
    for address in addresses {
        let listened = TcpListener::bind(address).await.and_then(|listener| Ok((listener.local_addr()?, listener)));
        match listened {
            Ok((local, listener)) => return Ok((listener, local)),
            Err(error) => failed = ServeError::Listen { address: Some(address), error },
        }
    }
    Err(failed)
}

#[cfg(test)]
mod tests {
    use std::io::{Read, Write};

    use a2a_app_ports::{HandlerError, MessageHandler, TaskUpdater, Turn};

    use super::*;
    use crate::{ServerOptions, Skill};

    struct Echo;

    impl MessageHandler for Echo {
        async fn handle(&self, turn: Turn, task: TaskUpdater) -> Result<(), HandlerError> {
            task.reply(turn.text()).await
        }
    }

    fn echo() -> Agent {
        Agent::new("Echo", "Says back what it hears").skill(Skill::new("echo", "Echo"), Echo)
    }

    #[tokio::test]
    async fn the_card_of_an_agent_on_all_addresses_names_one_that_can_be_called() {
        let serving = echo().bind("0.0.0.0:0").await.unwrap();
        let url = format!("http://127.0.0.1:{}", serving.local_addr().port());
        assert_eq!(serving.url(), url);
        let card = serving.card().get();
        let urls: Vec<_> = card.supported_interfaces.iter().map(|interface| &*interface.url).collect();
        let grpc = url.trim_start_matches("http://").to_owned();
        assert_eq!(urls, [format!("{url}/"), url, grpc]);
    }

    #[tokio::test]
    async fn an_address_that_is_taken_is_named_in_a_sentence() {
        let taken = echo().bind("127.0.0.1:0").await.unwrap();
        let address = taken.local_addr();
        for error in [
            echo().serve(address).await.unwrap_err(),
            echo().serve(address.to_string()).await.unwrap_err(),
            echo().serve(&*address.to_string()).await.unwrap_err(),
            echo().serve(&[address][..]).await.unwrap_err(),
        ] {
            assert!(error.to_string().starts_with(&format!("cannot listen on {address}: ")), "{error}");
            assert_eq!(format!("{error:?}"), error.to_string());
        }
        let error = echo().serve("nonsense").await.unwrap_err();
        assert!(error.to_string().starts_with("no address to listen on: "), "{error}");
    }

    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    async fn an_application_drains_the_agent_it_has_mounted() {
        let lifecycle = Lifecycle::new();
        let agent =
            echo().card(|card| card.supported_interfaces = ServerOptions::default().interfaces("https://a.example"));
        let router = agent.router_with(lifecycle.clone()).unwrap();
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let served = tokio::spawn(async move { axum::serve(listener, router).await });
        for status in ["200", "503"] {
            let ready = tokio::task::spawn_blocking(move || {
                let mut socket = std::net::TcpStream::connect(address).unwrap();
                socket.write_all(b"GET /ready HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n").unwrap();
                let mut reply = String::new();
                socket.read_to_string(&mut reply).unwrap();
                reply
            });
            let ready = ready.await.unwrap();
            assert_eq!(ready.split(' ').nth(1), Some(status), "{ready}");
            lifecycle.drain();
        }
        served.abort();
    }
}

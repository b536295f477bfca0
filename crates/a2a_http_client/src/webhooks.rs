//! Push notifications to webhooks (section 4.3.3).

use std::{error::Error as StdError, fmt, io, net::IpAddr, sync::Arc, time::Duration};

use a2a_app_ports::{BoxFuture, Host, PushOutcome, PushRequest, PushTransport};
use a2a_protocol_core::{
    Error,
    signing::{DeliveryClaims, JwkSet, SIGNATURE_HEADER, SigningKey},
};
use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, header};
use url::Url;

use crate::{
    HttpTransport, TransportError,
    guard::{Forbidden, Guard},
    retry::retry_after,
    timing::within,
    turns::Turns,
};

/// How long a delivery may take, the connection included.
const TIMEOUT: Duration = Duration::from_secs(10);

/// How many deliveries are made at once: to one host, and in total.
const AT_ONCE_PER_HOST: usize = 8;
const AT_ONCE: usize = 128;

/// How long the lookup of a name may take when a webhook is configured.
const CHECK: Duration = Duration::from_secs(2);

/// Looks up the addresses of a name.
pub(crate) type Lookup = Arc<dyn Fn(String) -> BoxFuture<'static, io::Result<Vec<IpAddr>>> + Send + Sync>;

/// Calls webhooks over HTTP: within ten seconds, without redirects and proxies, and only at
/// addresses that the guard allows; of each host eight at once and in total 128, the others wait for
/// their turn before their ten seconds begin. In a component it is its host who looks names up and
/// connects: what the guard checks there is the URL, a name by what it says; where public names lead, only
/// the host knows. With a key, each call carries a signature that lasts five
/// minutes: a JWT in `Authorization`, or in [`SIGNATURE_HEADER`] where the configuration has
/// credentials of its own for that header.
pub struct Webhooks {
    transport: Arc<dyn HttpTransport>,
    guard: Guard,
    /// What names lead to, where one can know.
    lookup: Option<Lookup>,
    host: Host,
    turns: Turns,
    signer: Option<Signer>,
}

struct Signer {
    key: SigningKey,
    issuer: Option<String>,
}

impl Webhooks {
    /// Calls addresses that the guard allows.
    ///
    /// # Errors
    /// When the system's trust store cannot be read.
    pub fn new(guard: Guard) -> Result<Self, TransportError> {
        #[cfg(not(target_family = "wasm"))]
        return Self::with_lookup(guard, crate::native::system());
        #[cfg(target_family = "wasm")]
        Ok(Self::over(Arc::new(crate::component::Wasi::new(TIMEOUT)), guard, None))
    }

    #[cfg(not(target_family = "wasm"))]
    fn with_lookup(guard: Guard, lookup: Lookup) -> Result<Self, TransportError> {
        let transport = crate::native::Reqwest::guarded_with(TIMEOUT, guard, lookup.clone())?;
        Ok(Self::over(Arc::new(transport), guard, Some(lookup)))
    }

    fn over(transport: Arc<dyn HttpTransport>, guard: Guard, lookup: Option<Lookup>) -> Self {
        let turns = Turns::new(AT_ONCE_PER_HOST, AT_ONCE);
        Self { transport, guard, lookup, host: crate::host(), turns, signer: None }
    }

    /// Signs each call. `issuer` says who calls, such as the address of the agent.
    #[must_use]
    pub fn signed_by(mut self, key: SigningKey, issuer: Option<String>) -> Self {
        self.signer = Some(Signer { key, issuer });
        self
    }

    /// The keys that receivers verify signatures with, to be published; without a signing key none.
    pub fn keys(&self) -> JwkSet {
        self.signer.as_ref().map(|signer| signer.key.public().into()).unwrap_or_default()
    }

    /// The request to this URL as it was read. Its signature is as of now.
    fn request(&self, called: &Url, request: PushRequest) -> Result<http::Request<Bytes>, Error> {
        let PushRequest { url, mut headers, body } = request;
        if let Some(Signer { key, issuer }) = &self.signer {
            let id = format!("{:032x}", self.host.random.random());
            let mut claims = DeliveryClaims::new(&body, id, self.host.clock.now());
            claims.iss.clone_from(issuer);
            claims.aud = Some(url);
            attach(&mut headers, &claims.sign(key)?)?;
        }
        let mut built =
            http::Request::builder().method(Method::POST).uri(called.as_str()).body(body).map_err(Error::internal)?;
        *built.headers_mut() = headers;
        Ok(built)
    }

    /// The URL, if the guard allows it. Where names are not looked up here, the name itself has to do.
    fn url(&self, url: &str) -> Result<Url, Forbidden> {
        let url = self.guard.url(url)?;
        if let (Some(url::Host::Domain(name)), None) = (url.host(), &self.lookup) {
            self.guard.unknown_name(name)?;
        }
        Ok(url)
    }

    async fn call(&self, called: &Url, request: PushRequest) -> PushOutcome {
        let request = match self.request(called, request) {
            Ok(request) => request,
            Err(error) => return PushOutcome::Refused { reason: error.message().to_owned() },
        };
        match within(&*self.host.clock, TIMEOUT, self.transport.send(request)).await {
            // Nobody needs to know what a webhook says beside its status.
            Some(Ok(reply)) => outcome(reply.status(), reply.headers(), &self.host),
            Some(Err(error)) if error.is_forbidden() => PushOutcome::Refused { reason: with_cause(&error) },
            Some(Err(error)) => PushOutcome::Retry { after: None, reason: error.to_string() },
            None => PushOutcome::Retry { after: None, reason: "no answer within 10 seconds".to_owned() },
        }
    }
}

fn refused(forbidden: Forbidden) -> Error {
    Error::invalid("url", forbidden.to_string()).caused_by(forbidden)
}

/// Why an address is not called, for the log: with the address itself.
fn with_cause(error: &TransportError) -> String {
    match error.source().and_then(StdError::source) {
        Some(cause) => format!("{error}: {cause}"),
        None => error.to_string(),
    }
}

fn attach(headers: &mut HeaderMap, token: &str) -> Result<(), Error> {
    let (name, value) = match headers.contains_key(header::AUTHORIZATION) {
        true => (HeaderName::from_static(SIGNATURE_HEADER), token.to_owned()),
        false => (header::AUTHORIZATION, format!("Bearer {token}")),
    };
    let mut value = HeaderValue::try_from(value).map_err(Error::internal)?;
    value.set_sensitive(true);
    headers.insert(name, value);
    Ok(())
}

impl PushTransport for Webhooks {
    /// A name that cannot be looked up now is no reason to refuse the URL: it may come to be.
    fn check<'a>(&'a self, url: &'a str) -> BoxFuture<'a, Result<(), Error>> {
        Box::pin(async move {
            let url = self.url(url).map_err(refused)?;
            let (Some(url::Host::Domain(name)), Some(lookup)) = (url.host(), &self.lookup) else { return Ok(()) };
            let lookup = within(&*self.host.clock, CHECK, lookup(name.to_owned())).await;
            let addresses: Vec<IpAddr> = lookup.and_then(Result::ok).unwrap_or_default();
            self.guard.addresses(name, &addresses).map(drop).map_err(refused)
        })
    }

    fn published_keys(&self) -> Option<String> {
        self.signer.as_ref().and_then(|_| serde_json::to_string(&self.keys()).ok())
    }

    fn deliver(&self, request: PushRequest) -> BoxFuture<'_, PushOutcome> {
        Box::pin(async move {
            let called = match self.url(&request.url) {
                Ok(called) => called,
                Err(forbidden) => return PushOutcome::Refused { reason: forbidden.to_string() },
            };
            let host = called.host_str().unwrap_or_default();
            self.turns.take(host, self.call(&called, request)).await
        })
    }
}

/// What an answer means. Only 410 (Gone) says that no later try can succeed; anything else may be
/// put right on the other side before the sender gives up.
fn outcome(status: StatusCode, headers: &HeaderMap, host: &Host) -> PushOutcome {
    let reason = format!("the webhook answered {}", status.as_u16());
    match status {
        status if status.is_success() => PushOutcome::Delivered,
        StatusCode::GONE => PushOutcome::Refused { reason },
        _ => PushOutcome::Retry { after: retry_after(headers, host.clock.now()), reason },
    }
}

impl fmt::Debug for Webhooks {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let key = self.signer.as_ref().map(|signer| &signer.key);
        f.debug_struct("Webhooks").field("guard", &self.guard).field("key", &key).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use std::sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    };

    use a2a_app_ports::Clock;
    use a2a_protocol_core::Timestamp;
    use futures::future::{join, join_all, pending};
    use tokio::{
        io::{AsyncReadExt, AsyncWriteExt},
        net::TcpListener,
        sync::watch,
    };

    use super::*;

    /// A lookup that always finds these addresses, and how often it was asked.
    fn finds(addresses: &[&str]) -> (Lookup, Arc<AtomicUsize>) {
        let addresses: Vec<IpAddr> = addresses.iter().map(|address| address.parse().unwrap()).collect();
        let asked = Arc::new(AtomicUsize::new(0));
        let counter = asked.clone();
        let lookup: Lookup = Arc::new(move |_| {
            counter.fetch_add(1, Ordering::Relaxed);
            let found = addresses.clone();
            Box::pin(async move { Ok(found) })
        });
        (lookup, asked)
    }

    fn fails() -> Lookup {
        Arc::new(|_| Box::pin(async { Err(std::io::Error::other("no such host")) }))
    }

    fn to(url: &str) -> PushRequest {
        PushRequest { url: url.to_owned(), headers: HeaderMap::new(), body: Bytes::from_static(b"{}") }
    }

    /// A webhook that answers once, and its port.
    async fn hook(answer: &'static str) -> u16 {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        tokio::spawn(async move {
            let (mut connection, _) = listener.accept().await.unwrap();
            let mut request = [0; 4096];
            let _ = connection.read(&mut request).await.unwrap();
            connection.write_all(answer.as_bytes()).await.unwrap();
        });
        port
    }

    #[tokio::test]
    async fn a_name_is_looked_up_once_and_called_at_what_was_found() {
        let (lookup, asked) = finds(&["127.0.0.1"]);
        let webhooks = Webhooks::with_lookup(Guard::default().allow_local_networks(true), lookup).unwrap();
        let port = hook("HTTP/1.1 204 No Content\r\n\r\n").await;
        assert_eq!(webhooks.deliver(to(&format!("http://hook.example:{port}/x"))).await, PushOutcome::Delivered);
        assert_eq!(asked.load(Ordering::Relaxed), 1);
    }

    #[tokio::test]
    async fn a_name_that_leads_into_the_own_network_is_not_called() {
        for address in ["127.0.0.1", "10.0.0.1", "169.254.169.254", "::1", "::ffff:127.0.0.1", "64:ff9b::7f00:1"] {
            let webhooks = Webhooks::with_lookup(Guard::default(), finds(&[address]).0).unwrap();
            let checked = webhooks.check("https://hook.example/secret").await.unwrap_err();
            let violation = &checked.field_violations()[0];
            assert_eq!(violation.field, "url");
            assert_eq!(violation.description, "hook.example is not a public address");
            assert_eq!(checked.message(), "url: hook.example is not a public address", "what callers are told");
            let cause = checked.cause().and_then(StdError::source).unwrap().to_string();
            assert!(cause.starts_with(&format!("the address {address} is ")), "for the log: {cause}");
            // The name may have got another address since it was checked.
            match webhooks.deliver(to("http://hook.example/secret")).await {
                PushOutcome::Refused { reason } => {
                    assert_eq!(reason, format!("hook.example is not a public address: {cause}"), "for the log");
                }
                other => panic!("{address}: {other:?}"),
            }
        }
    }

    /// Counts what it is asked to send, and answers nothing.
    #[derive(Default)]
    struct Sent(AtomicUsize);

    impl HttpTransport for Sent {
        fn send(
            &self,
            _: http::Request<Bytes>,
        ) -> BoxFuture<'static, Result<http::Response<crate::Body>, TransportError>> {
            self.0.fetch_add(1, Ordering::Relaxed);
            Box::pin(async { Err(TransportError::connect("nobody is there")) })
        }
    }

    #[tokio::test]
    async fn a_local_name_is_not_called_where_names_are_not_looked_up() {
        let sent = Arc::new(Sent::default());
        let webhooks = Webhooks::over(sent.clone(), Guard::default(), None);
        for name in
            ["localhost", "db", "a.localhost.", "metadata.google.INTERNAL", "x.svc.cluster.local", "r.home.arpa"]
        {
            let url = format!("http://{name}:8080/");
            assert_eq!(webhooks.check(&url).await.unwrap_err().field_violations()[0].field, "url", "{url}");
            assert!(matches!(webhooks.deliver(to(&url)).await, PushOutcome::Refused { .. }), "{url}");
        }
        assert_eq!(sent.0.load(Ordering::Relaxed), 0);
        let any = Webhooks::over(sent.clone(), Guard::default().allow_local_networks(true), None);
        for (webhooks, url) in [(&webhooks, "https://hook.example/"), (&any, "http://localhost/")] {
            webhooks.check(url).await.unwrap();
            assert!(matches!(webhooks.deliver(to(url)).await, PushOutcome::Retry { .. }), "{url}");
        }
        assert_eq!(sent.0.load(Ordering::Relaxed), 2);
    }

    #[tokio::test]
    async fn an_address_in_the_url_is_checked_although_nothing_is_looked_up() {
        let (lookup, asked) = finds(&["8.8.8.8"]);
        let webhooks = Webhooks::with_lookup(Guard::default(), lookup).unwrap();
        for url in ["http://127.0.0.1:1/", "http://[::1]:1/", "http://2130706433:1/", "gopher://hook.example/"] {
            assert!(webhooks.check(url).await.is_err(), "{url}");
            assert!(matches!(webhooks.deliver(to(url)).await, PushOutcome::Refused { .. }), "{url}");
        }
        assert_eq!(asked.load(Ordering::Relaxed), 0);
    }

    #[tokio::test]
    async fn a_name_that_is_not_known_now_may_be_later() {
        let webhooks = Webhooks::with_lookup(Guard::default(), fails()).unwrap();
        assert!(webhooks.check("https://hook.example").await.is_ok());
        match webhooks.deliver(to("https://hook.example")).await {
            PushOutcome::Retry { after: None, reason } => assert!(reason.contains("no such host"), "{reason}"),
            other => panic!("{other:?}"),
        }
    }

    /// Counts the time limits that have begun, of which none ends.
    struct Limits(AtomicUsize);

    impl Clock for Limits {
        fn now(&self) -> Timestamp {
            Timestamp::UNIX_EPOCH
        }

        fn sleep(&self, _: Duration) -> BoxFuture<'static, ()> {
            self.0.fetch_add(1, Ordering::Relaxed);
            Box::pin(pending())
        }
    }

    #[tokio::test]
    async fn a_slow_host_is_called_so_often_at_once_and_nobody_is_late_for_having_waited() {
        const ALL: usize = 3 * AT_ONCE_PER_HOST;
        let limits = Arc::new(Limits(AtomicUsize::new(0)));
        let mut webhooks = Webhooks::new(Guard::default().allow_local_networks(true)).unwrap();
        webhooks.host.clock = limits.clone();
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}/", listener.local_addr().unwrap());
        // How many calls have come in; the hook answers those up to a number.
        let (called, mut calls) = watch::channel(0);
        let (answer, answered) = watch::channel(0);
        tokio::spawn(async move {
            for call in 1.. {
                let (mut connection, _) = listener.accept().await.unwrap();
                let (called, mut answered) = (called.clone(), answered.clone());
                tokio::spawn(async move {
                    let _ = connection.read(&mut [0; 4096]).await.unwrap();
                    called.send_modify(|calls| *calls += 1);
                    answered.wait_for(|answered| *answered >= call).await.unwrap();
                    let reply = b"HTTP/1.1 204 No Content\r\nconnection: close\r\n\r\n";
                    connection.write_all(reply).await.unwrap();
                });
            }
        });
        let deliveries = join_all((0..ALL).map(|_| webhooks.deliver(to(&url))));
        let hook = async {
            let mut most = 0;
            for done in 0..ALL {
                let due = (done + AT_ONCE_PER_HOST).min(ALL);
                let in_flight = *calls.wait_for(|calls| *calls >= due).await.unwrap() - done;
                assert_eq!(limits.0.load(Ordering::Relaxed), due, "those that wait have all their time");
                most = most.max(in_flight);
                answer.send_replace(done + 1);
            }
            most
        };
        let (outcomes, most) = join(deliveries, hook).await;
        assert_eq!(most, AT_ONCE_PER_HOST);
        assert!(outcomes.iter().all(|outcome| *outcome == PushOutcome::Delivered), "{outcomes:?}");
    }

    #[tokio::test]
    async fn only_gone_ends_the_deliveries() {
        for (answer, expected) in [
            ("HTTP/1.1 200 OK\r\ncontent-length: 1000000\r\n\r\n", PushOutcome::Delivered),
            ("HTTP/1.1 410 Gone\r\n\r\n", PushOutcome::Refused { reason: "the webhook answered 410".to_owned() }),
            (
                "HTTP/1.1 429 Slow\r\nretry-after: 7\r\n\r\n",
                PushOutcome::Retry {
                    after: Some(Duration::from_secs(7)),
                    reason: "the webhook answered 429".to_owned(),
                },
            ),
            (
                "HTTP/1.1 404 Not Found\r\n\r\n",
                PushOutcome::Retry { after: None, reason: "the webhook answered 404".to_owned() },
            ),
            (
                "HTTP/1.1 302 Found\r\nlocation: http://127.0.0.1:1/\r\n\r\n",
                PushOutcome::Retry { after: None, reason: "the webhook answered 302".to_owned() },
            ),
        ] {
            let webhooks = Webhooks::new(Guard::default().allow_local_networks(true)).unwrap();
            let port = hook(answer).await;
            assert_eq!(webhooks.deliver(to(&format!("http://127.0.0.1:{port}/"))).await, expected, "{answer}");
        }
    }
}

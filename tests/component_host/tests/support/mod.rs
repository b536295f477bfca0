//! A client that sends and reads bodies piece by piece, and a server that the component calls.

#![allow(dead_code, reason = "not every test file uses all of it")]
#![allow(clippy::unwrap_used, reason = "a panic is how a test fails")]

use std::convert::Infallible;
use std::net::SocketAddr;
use std::time::Duration;

use bytes::Bytes;
use component_host::{ComponentFile, Host, Instances, Serving, build};
use futures::channel::{mpsc, oneshot};
use futures::{SinkExt, StreamExt};
use http::{Method, Request, Response, StatusCode};
use http_body_util::combinators::BoxBody;
use http_body_util::{BodyExt, Full, StreamBody};
use hyper::body::{Frame, Incoming};
use hyper_util::rt::TokioIo;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::JoinHandle;

/// What no test waits longer for.
const LIMIT: Duration = Duration::from_secs(60);

/// Waits for what must happen.
pub(crate) async fn soon<F: Future>(future: F) -> F::Output {
    tokio::time::timeout(LIMIT, future).await.expect("it happens")
}

/// The component of `guest`.
pub(crate) fn guest() -> ComponentFile {
    ComponentFile::load(build("nuncio-component-guest", &[])).unwrap()
}

/// Serves the component of `guest`.
pub(crate) async fn serve(host: Host) -> Serving {
    let component = tokio::task::spawn_blocking(guest).await.unwrap();
    host.serve(&component).await.unwrap()
}

pub(crate) async fn until(
    instances: &mut watch::Receiver<Instances>,
    condition: impl FnMut(&Instances) -> bool,
) -> Instances {
    *soon(instances.wait_for(condition)).await.unwrap()
}

/// A connection to a host.
pub(crate) struct Client {
    sender: hyper::client::conn::http1::SendRequest<BoxBody<Bytes, Infallible>>,
    connection: JoinHandle<()>,
}

impl Client {
    pub(crate) async fn connect(serving: &Serving) -> Self {
        Self::connect_to(serving.address()).await
    }

    pub(crate) async fn connect_to(address: SocketAddr) -> Self {
        let stream = TcpStream::connect(address).await.unwrap();
        let (sender, connection) = hyper::client::conn::http1::handshake(TokioIo::new(stream)).await.unwrap();
        Self { sender, connection: tokio::spawn(async move { drop(connection.await) }) }
    }

    pub(crate) async fn send(&mut self, request: Request<BoxBody<Bytes, Infallible>>) -> Response<Incoming> {
        soon(self.sender.send_request(request)).await.unwrap()
    }

    pub(crate) async fn get(&mut self, path: &str) -> Response<Incoming> {
        self.send(request(Method::GET, path, whole(""))).await
    }

    /// Closes the connection, whatever is still to come on it.
    pub(crate) async fn close(self) {
        self.connection.abort();
        assert!(self.connection.await.unwrap_err().is_cancelled());
    }
}

pub(crate) fn request(
    method: Method,
    path: &str,
    body: BoxBody<Bytes, Infallible>,
) -> Request<BoxBody<Bytes, Infallible>> {
    Request::builder().method(method).uri(path).header("host", "guest.example").body(body).unwrap()
}

/// Sends one request on a connection of its own and reads the whole response.
pub(crate) async fn exchange(serving: &Serving, method: Method, path: &str, body: &str) -> (StatusCode, String) {
    let response = Client::connect(serving).await.send(request(method, path, whole(body))).await;
    (response.status(), text(response.into_body()).await)
}

/// The body of a GET.
pub(crate) async fn get(serving: &Serving, path: &str) -> String {
    let (status, text) = exchange(serving, Method::GET, path, "").await;
    assert_eq!(status, StatusCode::OK, "{path}: {text}");
    text
}

/// The body of a POST.
pub(crate) async fn post(serving: &Serving, path: &str, body: &str) -> String {
    let (status, text) = exchange(serving, Method::POST, path, body).await;
    assert_eq!(status, StatusCode::OK, "{path}: {text}");
    text
}

pub(crate) fn whole(text: &str) -> BoxBody<Bytes, Infallible> {
    Full::from(text.to_owned()).boxed()
}

/// A body, and the end at which its pieces go in.
pub(crate) fn pieces() -> (mpsc::Sender<&'static str>, BoxBody<Bytes, Infallible>) {
    let (sender, receiver) = mpsc::channel(0);
    let frames = receiver.map(|piece: &str| Ok(Frame::data(Bytes::from(piece))));
    (sender, BodyExt::boxed(StreamBody::new(frames)))
}

pub(crate) async fn push(body: &mut mpsc::Sender<&'static str>, piece: &'static str) {
    soon(body.send(piece)).await.unwrap();
}

/// The next piece of a body; none at its end.
pub(crate) async fn piece(body: &mut Incoming) -> Option<Result<String, hyper::Error>> {
    let frame = soon(body.frame()).await?;
    Some(frame.map(|frame| String::from_utf8(frame.into_data().unwrap().to_vec()).unwrap()))
}

pub(crate) async fn text(body: Incoming) -> String {
    String::from_utf8(soon(body.collect()).await.unwrap().to_bytes().to_vec()).unwrap()
}

/// A request that the component has sent to a [`Server`].
pub(crate) struct Received {
    pub(crate) request: Request<Incoming>,
    answer: oneshot::Sender<Response<BoxBody<Bytes, Infallible>>>,
}

impl Received {
    pub(crate) fn answer(self, body: BoxBody<Bytes, Infallible>) -> Request<Incoming> {
        // The component may have gone.
        _ = self.answer.send(Response::new(body));
        self.request
    }
}

/// What the component calls: each request waits until the test answers it.
pub(crate) struct Server {
    pub(crate) url: String,
    requests: mpsc::Receiver<Received>,
}

impl Server {
    pub(crate) async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let (received, requests) = mpsc::channel(0);
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let received = received.clone();
                let service = hyper::service::service_fn(move |request| {
                    let mut received = received.clone();
                    async move {
                        let (answer, answered) = oneshot::channel();
                        received.send(Received { request, answer }).await.unwrap();
                        answered.await
                    }
                });
                tokio::spawn(
                    hyper::server::conn::http1::Builder::new().serve_connection(TokioIo::new(stream), service),
                );
            }
        });
        Self { url, requests }
    }

    pub(crate) async fn received(&mut self) -> Received {
        soon(self.requests.next()).await.unwrap()
    }
}

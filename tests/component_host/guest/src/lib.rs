//! What the tests of the test host ask a component to do, by path.

mod stores;

use std::cell::Cell;
use std::env;

use futures::{SinkExt, StreamExt};
use http::{Method, Response, StatusCode};
use http_body_util::Full;
use spin_sdk::http::body::{IncomingBodyExt, stream};
use spin_sdk::http::{BoxBody, Request, box_body, get, send};
use spin_sdk::{http_service, wasip3};

thread_local! {
    /// How many requests this instance has counted.
    static COUNT: Cell<u32> = const { Cell::new(0) };
}

type Failure = Box<dyn std::error::Error>;

#[http_service]
async fn handle(request: Request) -> Response<BoxBody> {
    answer(request).await.unwrap_or_else(|failure| {
        let mut response = text(failure.to_string());
        *response.status_mut() = StatusCode::BAD_GATEWAY;
        response
    })
}

async fn answer(request: Request) -> Result<Response<BoxBody>, Failure> {
    let path = request.uri().path().to_owned();
    let query = request.uri().query().unwrap_or_default().to_owned();
    Ok(match path.as_str() {
        "/request" => text(seen(&request)),
        "/env" => text(env::var(query).unwrap_or_default()),
        "/count" => text(COUNT.replace(COUNT.get() + 1).to_string()),
        "/panic" => panic!("as asked"),
        // Sends back what it gets, as it comes.
        "/echo" => Response::new(box_body(request.into_body())),
        // Sends on to the query what it gets and back what it gets from there, as it comes.
        "/forward" => {
            let request = http::Request::builder().method(Method::POST).uri(query).body(request.into_body())?;
            send(request).await?.map(box_body)
        }
        // Says on standard error what it gets from the query, before it responds.
        "/ask" => {
            let got = read(get(query).await?.into_body()).await;
            eprintln!("asked: {got}");
            text(got)
        }
        // Responds first.
        "/background" => {
            wasip3::spawn(async move {
                match get(query).await {
                    Ok(response) => eprintln!("background: {}", read(response.into_body()).await),
                    Err(error) => eprintln!("background: {error:?}"),
                }
            });
            text("started".into())
        }
        "/waits" => waits(query),
        "/sql" => text(stores::script(&read(request.into_body()).await).await),
        "/rows" => text(stores::rows(query.parse()?).await?),
        "/keys" => text(stores::keys().await?),
        _ if path.starts_with("/key/") => {
            let (method, key) = (request.method().clone(), path["/key/".len()..].to_owned());
            text(stores::key(method, key, read(request.into_body()).await).await?)
        }
        _ => return Err("no such path".into()),
    })
}

/// A body that begins with `begun`, and goes on with the response of the query when there is one.
fn waits(query: String) -> Response<BoxBody> {
    let (mut parts, body) = stream::<String>();
    wasip3::spawn(async move {
        // A body that nobody reads any more is dropped, and with it the receiver of the parts.
        if parts.send("begun".into()).await.is_err() {
            return;
        }
        let Ok(response) = get(query).await else { return };
        let mut more = response.into_body().stream();
        while let Some(Ok(part)) = more.next().await {
            let part = String::from_utf8_lossy(&part).into_owned();
            if parts.send(part).await.is_err() {
                eprintln!("nobody reads");
                return;
            }
        }
    });
    Response::new(box_body(body))
}

/// Method, URI and headers, a line each.
fn seen(request: &Request) -> String {
    let headers = request.headers().iter().map(|(name, value)| format!("{name}: {}\n", value.to_str().unwrap_or("?")));
    format!("{} {}\n{}", request.method(), request.uri(), headers.collect::<String>())
}

fn text(text: String) -> Response<BoxBody> {
    Response::new(box_body(Full::from(text)))
}

/// The whole of a body, or what is wrong with it.
async fn read(body: impl IncomingBodyExt) -> String {
    match body.bytes().await {
        Ok(bytes) => String::from_utf8_lossy(&bytes).into_owned(),
        Err(error) => error.to_string(),
    }
}

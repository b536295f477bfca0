//! `webhook`

use std::{path::Path, pin::pin, sync::Arc};

use a2a_http_client::{Delivery, Guard, KeyFetcher, Receiver, Rejected, host};
use axum::{Router, body::Bytes, extract::DefaultBodyLimit, routing::post};
use http::{HeaderMap, StatusCode};
use serde_json::json;
use tokio::{
    net::TcpListener,
    sync::{mpsc, oneshot},
};

use super::card::read_keys;
use crate::{
    after,
    app::{App, written},
    args::WebhookArgs,
    error::{Code, Failure},
    output::{Fields, text},
    signalled,
};

/// The largest notification that is taken, in bytes.
const MAX_BODY: usize = 64 << 20;

/// What came to the webhook, and whom to tell that it was printed.
type Received = (Result<Delivery, Rejected>, oneshot::Sender<()>);

/// Receives push notifications until Ctrl-C, or until as many were accepted as were asked for. The
/// first line on stdout says where.
pub(crate) async fn run(app: &App, args: &WebhookArgs) -> Result<(), Failure> {
    if args.keys.is_some() && args.audience.is_none() && args.listen.ip().is_unspecified() {
        let failure =
            Failure::usage("--keys needs --audience: which of this machine's addresses senders use is not known");
        return Err(failure.hint("give the URL of the push configuration, or listen at one address"));
    }
    let cannot = |error: std::io::Error| {
        let message = format!("cannot listen at {}: {error}", args.listen);
        Failure::new(Code::Listen, message).hint("choose another place with --listen; port 0 takes a free one")
    };
    let listener = TcpListener::bind(args.listen).await.map_err(cannot)?;
    let mut interrupted = pin!(signalled());
    // From its first poll on it is heard; whoever has read the address may end this at once.
    if futures::poll!(interrupted.as_mut()).is_ready() {
        return Ok(());
    }
    let url = format!("http://{}/", listener.local_addr().map_err(cannot)?);
    let receiver = Arc::new(receiver(args, &url)?);
    announce(app, &url)?;
    if args.keys.is_some() && args.audience.is_none() {
        app.console.note(&format!("note: signatures have to name {url}; --audience names another address"));
    }

    let (sender, mut received) = mpsc::channel(1);
    let (stop, stopped) = oneshot::channel::<()>();
    let hook = post(move |headers: HeaderMap, body: Bytes| {
        let (receiver, sender) = (receiver.clone(), sender.clone());
        async move {
            let outcome = receiver.receive(&headers, &body, host().clock.now()).await;
            let status = outcome.as_ref().err().map_or(StatusCode::NO_CONTENT, Rejected::status);
            let (printed, is_printed) = oneshot::channel();
            let _ = sender.send((outcome, printed)).await;
            // Nobody prints it once the command ends; then the sender had better try again.
            if is_printed.await.is_ok() { status } else { StatusCode::SERVICE_UNAVAILABLE }
        }
    });
    let router = Router::new().fallback(hook).layer(DefaultBodyLimit::max(MAX_BODY));
    let server = axum::serve(listener, router).with_graceful_shutdown(async {
        let _ = stopped.await;
    });
    let server = tokio::spawn(server.into_future());
    let outcome = tokio::select! {
        outcome = print_all(app, args.count, &mut received) => outcome,
        () = interrupted => Ok(()),
        () = after(app.settings.timeout) => match args.count {
            Some(count) => Err(timed_out(app, count)),
            None => Ok(()),
        },
    };
    drop(received);
    let _ = stop.send(());
    if outcome.is_ok() {
        // What was accepted gets its answer.
        tokio::select! {
            _ = server => {}
            () = tokio::time::sleep(std::time::Duration::from_secs(1)) => {}
        }
    }
    outcome
}

/// Accepts what was sent to this address, or to the one that is named.
fn receiver(args: &WebhookArgs, url: &str) -> Result<Receiver, Failure> {
    let mut receiver = Receiver::default();
    if let Some(token) = &args.token {
        receiver = receiver.token(token.as_str());
    }
    receiver = receiver.audience(args.audience.as_deref().unwrap_or(url));
    Ok(match &args.keys {
        Some(url) if url.contains("://") => {
            // Whoever gives the command may call what they like.
            let guard = Guard::default().allow_local_networks(true);
            let fetcher =
                KeyFetcher::guarded(guard).map_err(|error| Failure::new(Code::Internal, error.to_string()))?;
            receiver.keys_at(url, fetcher)
        }
        Some(path) => receiver.keys(read_keys(Path::new(path))?),
        None => receiver,
    })
}

fn announce(app: &App, url: &str) -> Result<(), Failure> {
    if app.console.is_json() {
        return written(app.console.json_line(&json!({"url": url})));
    }
    let mut fields = Fields::new();
    fields.field("URL", url);
    written(app.console.text(&fields))
}

async fn print_all(app: &App, count: Option<u64>, received: &mut mpsc::Receiver<Received>) -> Result<(), Failure> {
    let mut accepted = 0;
    while let Some((outcome, printed)) = received.recv().await {
        print(app, &outcome)?;
        // A sender that has hung up may try again.
        let _ = printed.send(());
        accepted += u64::from(outcome.is_ok());
        if count.is_some_and(|count| accepted >= count) {
            break;
        }
    }
    Ok(())
}

fn timed_out(app: &App, count: u64) -> Failure {
    let limit = app.settings.timeout.map(crate::duration::format).unwrap_or_default();
    Failure::new(Code::Timeout, format!("fewer than {count} notifications within {limit}"))
        .hint("give it more time with --timeout")
}

fn print(app: &App, outcome: &Result<Delivery, Rejected>) -> Result<(), Failure> {
    match outcome {
        Ok(delivery) if app.console.is_json() => {
            let version = delivery.version.as_str();
            let line =
                json!({"accepted": true, "version": version, "event": delivery.event, "claims": delivery.claims});
            written(app.console.json_line(&line))
        }
        Ok(delivery) => {
            let mut fields = Fields::new();
            text::event(&mut fields, &delivery.event, None, app.settings.verbose);
            if app.settings.verbose
                && let Some(claims) = &delivery.claims
            {
                fields.optional("Signed By", claims.iss.as_deref());
                fields.optional("Signature ID", claims.jti.as_deref());
                fields.gap();
            }
            written(app.console.text(&fields))
        }
        Err(rejected) if app.console.is_json() => {
            let (status, reason) = (rejected.status().as_u16(), rejected.to_string());
            written(app.console.json_line(&json!({"accepted": false, "status": status, "reason": reason})))
        }
        Err(rejected) => {
            app.console.warn(&format!("rejected with {}: {rejected}", rejected.status().as_u16()));
            Ok(())
        }
    }
}

//! `--debug`: what happens on the wire, on stderr. The client hides credentials by the names of
//! headers and parameters; here everything that is a secret of this run is hidden wherever it
//! turns up, an echo in a reply included.

use std::{io::Write as _, sync::Arc};

use a2a_app_ports::BoxFuture;
use a2a_http_client::{Body, HttpTransport, Observation, Observer, TransportError};
use bytes::Bytes;
use futures::{StreamExt as _, stream};
use http::HeaderMap;

use crate::{
    output::without_controls,
    redact::{REDACTED, Secrets},
    settings::Credential,
};

/// A line of a body is shown up to this many bytes.
const LONGEST_LINE: usize = 256 << 10;

/// Writes to stderr.
pub(crate) struct Log {
    secrets: Secrets,
    /// Headers that the caller set, whose values may be anything.
    hidden_headers: Vec<String>,
}

impl Log {
    pub(crate) fn new(secrets: Secrets, service_parameters: &[(String, Credential)]) -> Self {
        Self { secrets, hidden_headers: service_parameters.iter().map(|(name, _)| name.to_ascii_lowercase()).collect() }
    }

    fn line(&self, text: &str) {
        let text = without_controls(&self.secrets.redact(text));
        // Nobody can be told when stderr is closed.
        let _ = writeln!(std::io::stderr().lock(), "debug: {text}");
    }

    fn headers(&self, mark: char, headers: &HeaderMap) {
        for (name, value) in headers {
            let hidden = self.hidden_headers.iter().any(|hidden| hidden == name.as_str());
            let value = if hidden { REDACTED.into() } else { String::from_utf8_lossy(value.as_bytes()) };
            self.line(&format!("{mark} {name}: {value}"));
        }
    }
}

impl Observer for Log {
    fn observe(&self, observation: &Observation<'_>) {
        self.line(&observation.to_string());
        match observation {
            Observation::Request { headers, .. } => self.headers('>', headers),
            Observation::Response { headers, .. } => self.headers('<', headers),
            _ => {}
        }
    }
}

/// Shows the bodies that pass through.
pub(crate) struct LoggedTransport<T> {
    transport: T,
    log: Arc<Log>,
}

impl<T> LoggedTransport<T> {
    pub(crate) fn new(transport: T, log: Arc<Log>) -> Self {
        Self { transport, log }
    }
}

impl<T: HttpTransport> HttpTransport for LoggedTransport<T> {
    fn send(&self, request: http::Request<Bytes>) -> BoxFuture<'static, Result<http::Response<Body>, TransportError>> {
        if !request.body().is_empty() {
            for line in String::from_utf8_lossy(request.body()).lines() {
                self.log.line(&format!("> {line}"));
            }
        }
        let log = self.log.clone();
        let reply = self.transport.send(request);
        Box::pin(async move { Ok(reply.await?.map(|body| logged(body, log))) })
    }
}

/// The body, each line of it shown once it is complete: a secret must not slip through because it
/// arrives in two pieces.
fn logged(body: Body, log: Arc<Log>) -> Body {
    let state = (body, Lines { pending: Vec::new(), log });
    Box::pin(stream::unfold(state, |(mut body, mut lines)| async move {
        let chunk = body.next().await?;
        if let Ok(chunk) = &chunk {
            lines.push(chunk);
        }
        Some((chunk, (body, lines)))
    }))
}

struct Lines {
    pending: Vec<u8>,
    log: Arc<Log>,
}

impl Lines {
    fn push(&mut self, chunk: &[u8]) {
        self.pending.extend_from_slice(chunk);
        while let Some(end) = self.pending.iter().position(|byte| *byte == b'\n') {
            let line: Vec<u8> = self.pending.drain(..=end).collect();
            self.show(line[..end].trim_ascii_end());
        }
    }

    fn show(&self, line: &[u8]) {
        if line.is_empty() {
            return;
        }
        let text = self.log.secrets.redact(&String::from_utf8_lossy(line));
        let end = text.floor_char_boundary(LONGEST_LINE);
        let more = if end < text.len() { " [cut here]" } else { "" };
        self.log.line(&format!("< {}{more}", &text[..end]));
    }
}

/// What has no line end is shown when the body is done with, however it ends.
impl Drop for Lines {
    fn drop(&mut self) {
        let rest = std::mem::take(&mut self.pending);
        self.show(&rest);
    }
}

use std::io::{self, Write};
use std::pin::Pin;
use std::task::{Context, Poll};

use tokio::io::AsyncWrite;
use tokio::sync::watch;
use wasmtime_wasi::cli::{IsTerminal, StdoutStream};

/// What the instances of a host have written to one of their output streams, all together.
#[derive(Clone)]
pub(crate) struct Output {
    text: watch::Sender<String>,
    /// Where it is also written to.
    inherited: Option<fn(&[u8])>,
}

impl Output {
    pub(crate) fn stdout(inherit: bool) -> Self {
        Self {
            text: watch::Sender::default(),
            inherited: inherit.then_some(|bytes| drop(io::stdout().write_all(bytes))),
        }
    }

    pub(crate) fn stderr(inherit: bool) -> Self {
        Self {
            text: watch::Sender::default(),
            inherited: inherit.then_some(|bytes| drop(io::stderr().write_all(bytes))),
        }
    }

    pub(crate) fn push(&self, bytes: &[u8]) {
        self.text.send_modify(|text| text.push_str(&String::from_utf8_lossy(bytes)));
        if let Some(write) = self.inherited {
            write(bytes);
        }
    }

    pub(crate) fn subscribe(&self) -> watch::Receiver<String> {
        self.text.subscribe()
    }
}

impl IsTerminal for Output {
    fn is_terminal(&self) -> bool {
        false
    }
}

impl StdoutStream for Output {
    fn async_stream(&self) -> Box<dyn AsyncWrite + Send + Sync> {
        Box::new(self.clone())
    }
}

impl AsyncWrite for Output {
    fn poll_write(self: Pin<&mut Self>, _: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        self.push(bytes);
        Poll::Ready(Ok(bytes.len()))
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }
}

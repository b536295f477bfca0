use std::pin::Pin;
use std::task::{Context, Poll};

use tokio::sync::mpsc;
use wasmtime::StoreContextMut;
use wasmtime::component::{Destination, StreamProducer, StreamResult};

/// How many rows a statement is ahead of the guest that reads them.
pub(crate) const BUFFERED: usize = 4;

/// The items of a channel, as a stream to a guest.
pub(crate) struct Rows<T>(pub(crate) mpsc::Receiver<T>);

impl<D, T: Send + Sync + 'static> StreamProducer<D> for Rows<T> {
    type Item = T;
    type Buffer = Option<T>;

    fn poll_produce<'a>(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        store: StoreContextMut<'a, D>,
        mut destination: Destination<'a, T, Option<T>>,
        finish: bool,
    ) -> Poll<wasmtime::Result<StreamResult>> {
        if destination.remaining(store) == Some(0) {
            return Poll::Ready(Ok(StreamResult::Completed));
        }
        Poll::Ready(Ok(match self.0.poll_recv(context) {
            Poll::Ready(Some(item)) => {
                destination.set_buffer(Some(item));
                StreamResult::Completed
            }
            Poll::Ready(None) => StreamResult::Dropped,
            Poll::Pending if finish => StreamResult::Cancelled,
            Poll::Pending => return Poll::Pending,
        }))
    }
}

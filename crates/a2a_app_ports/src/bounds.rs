//! The one place that decides whether futures are `Send`: natively they are, on WebAssembly, where
//! the host's handles are not, they need not be.

use std::pin::Pin;

use futures::Stream;

#[cfg(not(target_family = "wasm"))]
mod choice {
    use super::{Pin, Stream};

    /// `Send` natively, nothing on WebAssembly.
    pub trait MaybeSend: Send {}
    impl<T: Send + ?Sized> MaybeSend for T {}

    /// A boxed future, `Send` natively.
    pub type BoxFuture<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;
    /// A boxed stream, `Send` natively.
    pub type BoxStream<'a, T> = Pin<Box<dyn Stream<Item = T> + Send + 'a>>;
}

#[cfg(target_family = "wasm")]
mod choice {
    use super::{Pin, Stream};

    /// `Send` natively, nothing on WebAssembly.
    pub trait MaybeSend {}
    impl<T: ?Sized> MaybeSend for T {}

    /// A boxed future, `Send` natively.
    pub type BoxFuture<'a, T> = Pin<Box<dyn Future<Output = T> + 'a>>;
    /// A boxed stream, `Send` natively.
    pub type BoxStream<'a, T> = Pin<Box<dyn Stream<Item = T> + 'a>>;
}

pub use choice::{BoxFuture, BoxStream, MaybeSend};

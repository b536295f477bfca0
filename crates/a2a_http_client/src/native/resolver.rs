//! The lookup of names for a guarded connection.

use std::{net::SocketAddr, sync::Arc};

use reqwest::dns::{Addrs, Name, Resolve, Resolving};

use crate::{guard::Guard, webhooks::Lookup};

/// The system's lookup.
pub(crate) fn system() -> Lookup {
    Arc::new(|name| {
        Box::pin(async move { Ok(tokio::net::lookup_host((name, 0)).await?.map(|address| address.ip()).collect()) })
    })
}

/// Gives Reqwest the addresses to connect to, which then looks nothing up by itself.
pub(super) struct Resolver {
    pub(super) guard: Guard,
    pub(super) lookup: Lookup,
}

impl Resolve for Resolver {
    fn resolve(&self, name: Name) -> Resolving {
        let (guard, name) = (self.guard, name.as_str().to_owned());
        let looked_up = (self.lookup)(name.clone());
        Box::pin(async move {
            let allowed = guard.addresses(&name, &looked_up.await?)?;
            // The port is that of the URL.
            let addresses: Addrs = Box::new(allowed.into_iter().map(|address| SocketAddr::new(address, 0)));
            Ok(addresses)
        })
    }
}

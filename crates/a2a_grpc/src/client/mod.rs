//! The client: agents behind gRPC interfaces, for the client library.

mod pool;
mod remote;
mod screened;
mod target;
mod tls;
mod v03_remote;

#[cfg(feature = "fuzzing")]
pub(crate) use remote::invalid;

use std::sync::Arc;

use a2a_app_ports::{AgentService, ConnectOptions, Connector};
use a2a_protocol_core::{AgentInterface, Error, ErrorKind, ProtocolVersion};

use self::{pool::Pool, remote::Remote, v03_remote::Remote03};

/// Opens the `GRPC` interfaces of agent cards, of version 1.0 and of 0.3.
///
/// Their address is `host:port`: with TLS where the card was fetched with TLS, without where it was
/// not; where that is not known ([`ConnectOptions::tls`]), with TLS except on the loopback host. Or it
/// is `https://host:port`, with TLS, or `http://host:port`, without. Certificates are checked against the system's trust
/// store. Proxies are not supported. A connection carries at most 100 calls and streams at once; more
/// connections are made for more.
#[derive(Clone, Copy, Debug, Default)]
pub struct Grpc;

impl Connector for Grpc {
    fn binding(&self) -> &'static str {
        "GRPC"
    }

    fn connect(&self, interface: &AgentInterface, options: &ConnectOptions) -> Result<Arc<dyn AgentService>, Error> {
        let endpoint = target::endpoint(&interface.url, options)?;
        match ProtocolVersion::parse(&interface.protocol_version) {
            Some(ProtocolVersion::V1_0) => Ok(Arc::new(Remote(Pool::new(endpoint)))),
            Some(ProtocolVersion::V0_3) => Ok(Arc::new(Remote03(Pool::new(endpoint)))),
            _ => {
                let message = format!("version {:?} is not spoken over gRPC", interface.protocol_version);
                Err(Error::new(ErrorKind::VersionNotSupported, message))
            }
        }
    }
}

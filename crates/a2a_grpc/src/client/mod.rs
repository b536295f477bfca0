//! The client: agents behind gRPC interfaces, for the client library.

mod remote;
mod target;
mod tls;

use std::sync::Arc;

use a2a_app_ports::{AgentService, ConnectOptions, Connector};
use a2a_protocol_core::{AgentInterface, Error, ErrorKind, ProtocolVersion};

use self::remote::Remote;

/// Opens the `GRPC` interfaces of agent cards.
///
/// Their address is `host:port`: with TLS, except on the loopback host; or `https://host:port`
/// with, and `http://host:port` without TLS. Certificates are checked against the system's trust
/// store. Proxies are not supported.
#[derive(Clone, Copy, Debug, Default)]
pub struct Grpc;

impl Connector for Grpc {
    fn binding(&self) -> &'static str {
        "GRPC"
    }

    fn connect(&self, interface: &AgentInterface, options: &ConnectOptions) -> Result<Arc<dyn AgentService>, Error> {
        let endpoint = target::endpoint(&interface.url, options)?;
        match ProtocolVersion::parse(&interface.protocol_version) {
            Some(ProtocolVersion::V1_0) => Ok(Arc::new(Remote::new(endpoint))),
            _ => {
                let message = format!("version {:?} is not spoken over gRPC", interface.protocol_version);
                Err(Error::new(ErrorKind::VersionNotSupported, message))
            }
        }
    }
}

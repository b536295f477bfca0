//! What a server can be told.

use std::{fmt, time::Duration};

use a2a_protocol_core::{AgentInterface, ProtocolVersion};
use protocol_transport_core::headers::ForwardPolicy;

use crate::Cors;

/// What a server does with requests of version 0.3 of the protocol.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum V03Support {
    /// They are refused, and the card does not tell of it.
    Refused,
    /// They are answered at the addresses of version 1.0.
    #[default]
    Answered,
    /// They are answered, and the card says so: interfaces of 0.3 that the server fills in, and if
    /// the card has any, what clients of 0.3 read beside what those of 1.0 do. Strict readers of
    /// 1.0 refuse such a card.
    Announced,
}

impl V03Support {
    /// The versions that are spoken.
    pub(crate) fn spoken(self) -> &'static [ProtocolVersion] {
        match self {
            Self::Refused => &[ProtocolVersion::V1_0],
            Self::Answered | Self::Announced => ProtocolVersion::ALL,
        }
    }
}

/// What a server can be told. [`Default`] gives the values named with each field.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct ServerOptions {
    /// The paths of the JSON-RPC binding, answered with and without a trailing slash; the card
    /// names the first. Default `/`; empty turns the binding off.
    pub json_rpc_paths: Vec<String>,
    /// What goes before the paths of the HTTP+JSON binding, such as `/rest`. Default empty, which
    /// is nothing; `None` turns the binding off.
    pub http_json_prefix: Option<String>,
    /// Whether version 0.3 of the protocol is spoken too. Default [`V03Support::Answered`].
    pub v03: V03Support,
    /// Where callers reach the server, such as `https://agent.example`: the card's interfaces
    /// begin with it if the card has none. Default `None`, the address that is listened on.
    pub public_url: Option<String>,
    /// The largest request body in bytes. Default 4 MiB.
    pub max_body_bytes: usize,
    /// How long the body of a request may take to arrive. Default 60 s.
    pub body_timeout: Duration,
    /// The most requests in a JSON-RPC batch. Default 32.
    pub max_batch: usize,
    /// How long a stream may be silent; then it carries a comment. Default 4 s, since the official
    /// Python client gives up after 5.
    pub keep_alive: Duration,
    /// How long caches may keep the card. Default 300 s.
    pub card_max_age: Duration,
    /// A JSON Web Key Set (RFC 7517) to publish at `/.well-known/jwks.json`: public keys by which
    /// others verify what the agent signs. Default `None`.
    pub jwks: Option<String>,
    /// From how many bytes on a reply is compressed for callers that accept gzip; streams never
    /// are. Default 8 KiB; `None` is never.
    pub compress_from: Option<usize>,
    /// Which browser applications may call. Default `None`: those of the server's own origin.
    pub cors: Option<Cors>,
    /// Which request headers the handler sees. Default none.
    pub forward: ForwardPolicy,
}

impl Default for ServerOptions {
    fn default() -> Self {
        Self {
            json_rpc_paths: vec!["/".to_owned()],
            http_json_prefix: Some(String::new()),
            v03: V03Support::default(),
            public_url: None,
            max_body_bytes: 4 << 20,
            body_timeout: Duration::from_secs(60),
            max_batch: 32,
            keep_alive: Duration::from_secs(4),
            card_max_age: Duration::from_secs(300),
            jwks: None,
            compress_from: Some(8 << 10),
            cors: None,
            forward: ForwardPolicy::default(),
        }
    }
}

impl ServerOptions {
    /// The interfaces of a server that is reached at this URL: JSON-RPC first, then HTTP+JSON, as
    /// far as they are on; then the same of version 0.3, if that is announced.
    pub fn interfaces(&self, url: &str) -> Vec<AgentInterface> {
        let url = url.trim_end_matches('/');
        let json_rpc = self.json_rpc_paths.first().map(|path| ("JSONRPC", path));
        let http_json = self.http_json_prefix.as_ref().map(|prefix| ("HTTP+JSON", prefix));
        let bindings: Vec<_> = json_rpc.into_iter().chain(http_json).collect();
        let versions: &[_] = match self.v03 {
            V03Support::Announced => &[ProtocolVersion::V1_0, ProtocolVersion::V0_3],
            V03Support::Refused | V03Support::Answered => &[ProtocolVersion::V1_0],
        };
        let of = |version: &ProtocolVersion| {
            let version = version.as_str();
            let interface =
                move |(binding, path): &(&str, &String)| AgentInterface::new(format!("{url}{path}"), *binding, version);
            bindings.iter().map(interface).collect::<Vec<_>>()
        };
        versions.iter().flat_map(of).collect()
    }

    /// Refuses paths that no request could have.
    pub(crate) fn check(&self) -> Result<(), InvalidOptions> {
        if let Some(path) = self.json_rpc_paths.iter().find(|path| !is_path(path)) {
            return Err(InvalidOptions(format!("json_rpc_paths: {path:?} is not a path that begins with /")));
        }
        if let Some(prefix) = &self.http_json_prefix
            && !prefix.is_empty()
            && (!is_path(prefix) || prefix.ends_with('/'))
        {
            return Err(InvalidOptions(format!(
                "http_json_prefix: {prefix:?} must be empty, or begin with / and not end with it"
            )));
        }
        if let Some(url) = &self.public_url
            && !(url.starts_with("http://") || url.starts_with("https://"))
        {
            return Err(InvalidOptions(format!("public_url: {url:?} must begin with http:// or https://")));
        }
        if self.keep_alive.is_zero() {
            return Err(InvalidOptions("keep_alive: must not be zero".to_owned()));
        }
        Ok(())
    }
}

fn is_path(text: &str) -> bool {
    text.starts_with('/') && !text.contains(['?', '#']) && text.parse::<http::Uri>().is_ok()
}

/// A server cannot be as told; the text names the option.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct InvalidOptions(pub(crate) String);

impl fmt::Display for InvalidOptions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for InvalidOptions {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn interfaces_name_the_bindings_that_are_on() {
        let mut options = ServerOptions::default();
        let urls = |options: &ServerOptions| {
            let interfaces = options.interfaces("https://a.example/");
            interfaces.into_iter().map(|i| (i.protocol_binding, i.url)).collect::<Vec<_>>()
        };
        let pair = |binding: &str, url: &str| (binding.to_owned(), url.to_owned());
        assert_eq!(urls(&options), [pair("JSONRPC", "https://a.example/"), pair("HTTP+JSON", "https://a.example")]);
        options.v03 = V03Support::Announced;
        let versions: Vec<_> =
            options.interfaces("https://a.example").into_iter().map(|interface| interface.protocol_version).collect();
        assert_eq!(versions, ["1.0", "1.0", "0.3", "0.3"]);
        options.v03 = V03Support::Answered;
        options.json_rpc_paths = vec!["/rpc".to_owned(), "/".to_owned()];
        options.http_json_prefix = None;
        assert_eq!(urls(&options), [pair("JSONRPC", "https://a.example/rpc")]);
    }

    #[test]
    fn impossible_options_are_named() {
        let refused = |change: fn(&mut ServerOptions), name: &str| {
            let mut options = ServerOptions::default();
            change(&mut options);
            assert!(options.check().unwrap_err().to_string().starts_with(name), "{name}");
        };
        refused(|options| options.json_rpc_paths = vec!["rpc".to_owned()], "json_rpc_paths");
        refused(|options| options.json_rpc_paths = vec!["/a?b".to_owned()], "json_rpc_paths");
        refused(|options| options.http_json_prefix = Some("/".to_owned()), "http_json_prefix");
        refused(|options| options.http_json_prefix = Some("rest".to_owned()), "http_json_prefix");
        refused(|options| options.public_url = Some("agent.example".to_owned()), "public_url");
        refused(|options| options.keep_alive = Duration::ZERO, "keep_alive");
        assert_eq!(ServerOptions::default().check(), Ok(()));
    }
}

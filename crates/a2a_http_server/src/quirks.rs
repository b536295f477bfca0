//! Deviations from the specification that are understood coming in, each with its name. Those of the
//! JSON itself are in the domain, with the dialects of version 0.3.

use a2a_protocol_core::{ErrorKind, ProtocolVersion};

use crate::{ServerOptions, server::same_path};

/// Home-grown clients send JSON-RPC to this path, whatever the card says.
const HOME_GROWN_ENDPOINT: &str = "/a2a";

/// Whether a path stands for the JSON-RPC binding although no option says so.
pub(crate) fn is_json_rpc(path: &str, options: &ServerOptions) -> bool {
    !options.json_rpc_paths.is_empty() && same_path(HOME_GROWN_ENDPOINT, path)
}

/// Whether a sender is told what is wrong with its request even if that has no id and so is a
/// notification, to which JSON-RPC has no answer. The suite of 0.3 waits for it, where it misspells
/// `message/send` or its parameters; whatever else a method is called is kept to the rule.
pub(crate) fn is_told_without_id(style: Option<ProtocolVersion>, error: ErrorKind) -> bool {
    style == Some(ProtocolVersion::V0_3) && matches!(error, ErrorKind::MethodNotFound | ErrorKind::InvalidParams)
}

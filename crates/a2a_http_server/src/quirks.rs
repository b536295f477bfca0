//! Deviations from the specification that are understood coming in, each with its name. Those of the
//! JSON itself are in the domain, with the dialects of version 0.3.

use crate::{ServerOptions, server::same_path};

/// Home-grown clients send JSON-RPC to this path, whatever the card says.
const HOME_GROWN_ENDPOINT: &str = "/a2a";

/// Whether a path stands for the JSON-RPC binding although no option says so.
pub(crate) fn is_json_rpc(path: &str, options: &ServerOptions) -> bool {
    !options.json_rpc_paths.is_empty() && same_path(HOME_GROWN_ENDPOINT, path)
}

/// The id by which the suite of 0.3 asks for a configuration that it has set without one; the official
/// Python server of 0.3 looks at no id there. It stands for any, unless one has it.
pub(crate) const ANY_CONFIG: &str = "default";

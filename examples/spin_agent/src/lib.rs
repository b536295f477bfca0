//! Agents as components of WebAssembly. Each is an example of this package, and made of the very file
//! that is the native example: `crates/agent_sdk/examples`.

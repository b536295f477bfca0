//! The gRPC binding of A2A (specification section 10): [`GrpcServer`] answers for an
//! [`AgentService`](a2a_app_ports::AgentService), and [`Grpc`] lets the client library call agents.
//!
//! In scope: the protobuf messages and their conversions to and from the domain types, which live
//! nowhere else; version 0.3 beside 1.0; metadata, deadlines, statuses with their details; health and reflection.
//!
//! Out of scope: listening. The server is a tower service over HTTP/2 requests, for any listener.

mod client;
mod convert;
#[cfg(feature = "fuzzing")]
pub mod fuzzing;
mod proto;
mod server;
mod status;
mod v03;

use a2a_protocol_core::{EXTENSIONS_HEADER, ProtocolVersion};
pub use client::Grpc;
pub use tonic::body::Body;

pub use server::{GrpcOptions, GrpcServer, is_grpc};

/// All protobuf definitions of the protocol, an encoded `google.protobuf.FileDescriptorSet`.
pub const FILE_DESCRIPTOR_SET: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/descriptors.bin"));

/// What extensions are named under.
fn extension_names(version: ProtocolVersion) -> &'static [&'static str] {
    match version {
        ProtocolVersion::V0_3 => &[EXTENSIONS_HEADER, a2a_protocol_core::v03::EXTENSIONS_HEADER],
        _ => &[EXTENSIONS_HEADER],
    }
}

//! The gRPC binding of A2A (specification section 10): [`GrpcServer`] answers for an
//! [`AgentService`](a2a_app_ports::AgentService), and [`Grpc`] lets the client library call agents.
//!
//! In scope: the protobuf messages and their conversions to and from the domain types, which live
//! nowhere else; metadata, deadlines, statuses with their details; health and reflection.
//!
//! Out of scope: listening. The server is a tower service over HTTP/2 requests, for any listener.

mod client;
mod convert;
mod proto;
mod server;
mod status;

pub use client::Grpc;
pub use tonic::body::Body;

pub use server::{GrpcOptions, GrpcServer, is_grpc};

/// All protobuf definitions of the protocol, an encoded `google.protobuf.FileDescriptorSet`.
pub const FILE_DESCRIPTOR_SET: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/descriptors.bin"));

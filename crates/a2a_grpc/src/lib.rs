//! The gRPC binding of A2A (specification section 10).
//!
//! In scope: the protobuf messages and their conversions to and from the domain types, which live
//! nowhere else.

mod convert;
mod proto;

/// All protobuf definitions of the protocol, an encoded `google.protobuf.FileDescriptorSet`.
pub const FILE_DESCRIPTOR_SET: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/descriptors.bin"));

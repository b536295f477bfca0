//! What the build has made of the protobuf definitions. No other crate sees these types.

/// A2A 1.0.
#[allow(clippy::all, missing_docs, unreachable_pub, reason = "generated")]
pub(crate) mod v1 {
    tonic::include_proto!("lf.a2a.v1");
}

//! Compiles the protocol's protobuf definitions, in Rust: no `protoc` is needed.

use std::{env, error::Error, fs, path::Path};

use prost::Message;

fn main() -> Result<(), Box<dyn Error>> {
    println!("cargo:rerun-if-changed=proto");
    let out = env::var("OUT_DIR")?;
    // For the reflection service, and for 0.3, whose messages are known by their descriptors alone.
    let all = protox::compile(["lf/a2a/v1/a2a.proto", "a2a/v1/a2a.proto"], ["proto"])?;
    fs::write(Path::new(&out).join("descriptors.bin"), all.encode_to_vec())?;
    let files = protox::compile(["lf/a2a/v1/a2a.proto"], ["proto"])?;
    tonic_prost_build::configure().build_transport(false).btree_map(".").compile_fds(files)?;
    Ok(())
}

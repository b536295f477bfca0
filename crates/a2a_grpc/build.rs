//! Compiles the protocol's protobuf definitions, in Rust: no `protoc` is needed.

use std::{env, error::Error, fs, path::Path};

use prost::Message;

fn main() -> Result<(), Box<dyn Error>> {
    println!("cargo:rerun-if-changed=proto");
    let files = protox::compile(["lf/a2a/v1/a2a.proto"], ["proto"])?;
    let out = env::var("OUT_DIR")?;
    // For the reflection service.
    fs::write(Path::new(&out).join("descriptors.bin"), files.encode_to_vec())?;
    tonic_prost_build::configure().build_transport(false).btree_map(".").compile_fds(files)?;
    Ok(())
}

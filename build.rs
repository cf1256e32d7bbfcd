//! Compiles the protos: Rust types and services, and the descriptor set that reflection serves.
//!
//! `protox` parses them in Rust, so that no `protoc` is needed.

use std::{env, error::Error, fs, path::PathBuf};

use prost::Message;

const PROTOS: &[&str] = &[
    "coldstream/v1/alarm.proto",
    "coldstream/v1/common.proto",
    "coldstream/v1/demo.proto",
    "coldstream/v1/history.proto",
    "coldstream/v1/prediction.proto",
    "coldstream/v1/status.proto",
];

fn main() -> Result<(), Box<dyn Error>> {
    println!("cargo:rerun-if-changed=proto");
    let descriptors = protox::compile(PROTOS, ["proto"])?;
    let out = PathBuf::from(env::var("OUT_DIR")?);
    fs::write(out.join("coldstream_v1.bin"), descriptors.encode_to_vec())?;
    // Ordered maps: the same machine gives the same bytes.
    tonic_prost_build::configure().btree_map(".").compile_fds(descriptors)?;
    Ok(())
}

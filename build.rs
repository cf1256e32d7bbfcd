//! Compiles the protos: Rust types and services, and the descriptor set that reflection serves and that REST is made of.
//! Watches the built dashboard, which is put into the program.
//!
//! `protox` parses the protos in Rust, so that no `protoc` is needed.

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

/// Where `make dashboard` puts its files.
const DASHBOARD: &str = "dashboard/dist";

fn main() -> Result<(), Box<dyn Error>> {
    println!("cargo:rerun-if-changed=proto");
    // A path that is not there counts as changed each time, so that without a dashboard everything would be built again and
    // again; an empty folder does not. Where it cannot be made, that is the lesser evil.
    if let Err(error) = fs::create_dir_all(DASHBOARD) {
        println!("cargo:warning={DASHBOARD} cannot be made: {error}");
    }
    println!("cargo:rerun-if-changed={DASHBOARD}");
    // With the comments: the OpenAPI document has them.
    let descriptors = protox::compile(PROTOS, ["proto"])?;
    let out = PathBuf::from(env::var("OUT_DIR")?);
    fs::write(out.join("coldstream_v1.bin"), descriptors.encode_to_vec())?;
    // Ordered maps: the same machine gives the same bytes.
    tonic_prost_build::configure().btree_map(".").compile_fds(descriptors)?;
    Ok(())
}

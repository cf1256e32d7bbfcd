//! The real parts that tests run against, and the means to start, await and end them.
//!
//! Each part listens on a free loopback port, keeps its files in a folder of its own and ends with the test
//! process, however that ends (see [`process`]).

pub mod kafka;
pub mod port;
pub mod process;
pub mod python;
pub mod registry;
pub mod s3;
pub mod wait;

use std::path::PathBuf;

pub use kafka::Kafka;
pub use process::Process;
pub use s3::S3;

/// Where `scripts/parts.sh` put `relative`, such as `bin/versitygw`.
pub fn installed(relative: &str) -> PathBuf {
    let root = std::env::var_os("COLDSTREAM_PARTS").map(PathBuf::from).unwrap_or_else(|| {
        let home = std::env::var_os("HOME").expect("HOME or COLDSTREAM_PARTS is set");
        PathBuf::from(home).join(".cache/coldstream/parts")
    });
    let path = root.join(relative);
    assert!(path.exists(), "the test part {} is not installed: run `make parts`", path.display());
    path
}

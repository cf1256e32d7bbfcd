//! Where readings come from: Kafka, files, the simulator; schema registry; decoding; dead letters.

pub mod budget;
pub mod cell;
pub mod cluster;
pub mod dead;
pub mod decode;
pub mod files;
pub mod gap;
pub mod input;
pub mod kafka;
pub mod mapping;
pub mod produce;
pub mod raw;
pub mod redrive;
pub mod registry;

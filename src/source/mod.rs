//! Where readings come from: Kafka, files, the simulator; decoding; dead letters.

pub mod raw;

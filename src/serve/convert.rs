//! From the program's numbers to those of the API.

use prost_types::Timestamp;

use super::live::PartitionStatus;
use super::proto;
use super::sql::TableInfo;

/// `micros` since the epoch.
pub(super) fn timestamp(micros: i64) -> Timestamp {
    let nanos = micros.rem_euclid(1_000_000) * 1_000;
    Timestamp { seconds: micros.div_euclid(1_000_000), nanos: nanos as i32 }
}

impl From<PartitionStatus> for proto::PartitionState {
    fn from(status: PartitionStatus) -> Self {
        Self {
            partition: status.partition,
            next_offset: status.next_offset,
            high_watermark: status.high_watermark,
            lag: status.lag(),
            watermark: status.watermark.map(timestamp),
            epoch: status.epoch,
        }
    }
}

impl From<TableInfo> for proto::TableState {
    fn from(table: TableInfo) -> Self {
        Self {
            name: table.name,
            rows: table.rows,
            files: table.files,
            bytes: table.bytes,
            version: table.version,
        }
    }
}

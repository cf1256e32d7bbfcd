//! Parquet files: columns of any type as the cells of a mapping.

use std::fs::File;

use arrow::array::{
    Array, ArrayRef, AsArray, BooleanArray, Float64Array, Int64Array, StringArray, TimestampMicrosecondArray,
};
use arrow::compute::cast;
use arrow::datatypes::{DataType, Float64Type, Int64Type, TimeUnit, TimestampMicrosecondType};
use arrow::error::ArrowError;
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;

use super::{FileError, Replay, Send, Summary};
use crate::schema::timestamp_type;
use crate::source::mapping::Cell;

/// A column as one of the few types that a cell can have.
enum Values {
    Text(StringArray),
    Number(Float64Array),
    Int(Int64Array),
    Bool(BooleanArray),
    Time(TimestampMicrosecondArray),
    LocalTime(TimestampMicrosecondArray),
    /// A type that no column of a reading is made from, such as a list.
    Nothing,
}

impl Values {
    fn new(column: &ArrayRef) -> Result<Self, ArrowError> {
        let as_type = |kind: &DataType| cast(column, kind);
        Ok(match column.data_type() {
            DataType::Dictionary(_, value) if value.is_primitive() => Self::new(&as_type(value)?)?,
            DataType::Utf8 | DataType::LargeUtf8 | DataType::Utf8View | DataType::Dictionary(..) => {
                Self::Text(as_type(&DataType::Utf8)?.as_string::<i32>().clone())
            }
            DataType::Boolean => Self::Bool(column.as_boolean().clone()),
            DataType::Timestamp(_, Some(_)) => {
                Self::Time(as_type(&timestamp_type())?.as_primitive::<TimestampMicrosecondType>().clone())
            }
            DataType::Timestamp(_, None) | DataType::Date32 | DataType::Date64 => {
                let micros = as_type(&DataType::Timestamp(TimeUnit::Microsecond, None))?;
                Self::LocalTime(micros.as_primitive::<TimestampMicrosecondType>().clone())
            }
            kind if kind.is_integer() => {
                Self::Int(as_type(&DataType::Int64)?.as_primitive::<Int64Type>().clone())
            }
            kind if kind.is_numeric() => {
                Self::Number(as_type(&DataType::Float64)?.as_primitive::<Float64Type>().clone())
            }
            _ => Self::Nothing,
        })
    }

    fn cell(&self, row: usize) -> Cell<'_> {
        let array: &dyn Array = match self {
            Self::Text(array) => array,
            Self::Number(array) => array,
            Self::Int(array) => array,
            Self::Bool(array) => array,
            Self::Time(array) | Self::LocalTime(array) => array,
            Self::Nothing => return Cell::Null,
        };
        if array.is_null(row) {
            return Cell::Null;
        }
        match self {
            Self::Text(array) => Cell::Text(array.value(row)),
            Self::Number(array) => Cell::Number(array.value(row)),
            Self::Int(array) => Cell::Int(array.value(row)),
            Self::Bool(array) => Cell::Bool(array.value(row)),
            Self::Time(array) => Cell::Time(array.value(row)),
            Self::LocalTime(array) => Cell::LocalTime(array.value(row)),
            Self::Nothing => Cell::Null,
        }
    }
}

impl Replay<'_> {
    pub(super) fn parquet(&self, send: &mut Send<'_>, summary: &mut Summary) -> Result<(), FileError> {
        let error = |reason: String| FileError::Parquet { path: self.file.path.clone(), reason };
        let file = File::open(&self.file.path).map_err(|source| self.file.read_error(source))?;
        let builder =
            ParquetRecordBatchReaderBuilder::try_new(file).map_err(|source| error(source.to_string()))?;
        let headers: Vec<String> =
            builder.schema().fields().iter().map(|field| field.name().clone()).collect();
        let total = u64::try_from(builder.metadata().file_metadata().num_rows()).unwrap_or(0);
        let mapping = self.mapping_for(&headers, summary);
        let mut writer = self.writer(&mapping, &headers)?;
        let size = self.file.size()?;
        let mut row_number = 0;
        for batch in builder.with_batch_size(8_192).build().map_err(|source| error(source.to_string()))? {
            let batch = batch.map_err(|source| error(source.to_string()))?;
            let columns: Vec<Values> = batch
                .columns()
                .iter()
                .map(Values::new)
                .collect::<Result<_, _>>()
                .map_err(|source| error(source.to_string()))?;
            for row in 0..batch.num_rows() {
                row_number += 1;
                let cells: Vec<Cell<'_>> = columns.iter().map(|column| column.cell(row)).collect();
                writer.row(("row", row_number), &cells, send, summary)?;
            }
            (self.progress)(size * batch.num_rows() as u64 / total.max(1));
        }
        writer.rejects.finish()
    }
}

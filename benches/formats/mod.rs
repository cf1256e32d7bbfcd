//! The readings of the bench as Avro and as Protobuf, in the registry's frame.

use std::sync::Arc;

use arrow::array::{Array, AsArray, RecordBatch};
use arrow::datatypes::{DataType, Float64Type, Int64Type, TimestampMicrosecondType};
use coldstream::schema::ReadingSchema;
use coldstream::source::decode::schemas::{Lookup, SchemaKind, WrittenSchema};
use coldstream::source::decode::{Absent, Decoder, Encoding, SchemaSource};
use coldstream::source::raw::RawBatch;

/// One schema, whatever the id.
#[derive(Debug)]
struct One(Arc<WrittenSchema>);

impl SchemaSource for One {
    fn schema(&self, _id: u32) -> Lookup {
        Lookup::Known(Arc::clone(&self.0))
    }
}

/// The sensors that the readings have; all but the mode are numbers.
fn sensors(readings: &RecordBatch) -> Vec<usize> {
    let last = readings.num_columns() - 2;
    (2..last).filter(|&column| readings.column(column).null_count() < readings.num_rows()).collect()
}

fn source(kind: SchemaKind, text: String) -> Arc<dyn SchemaSource> {
    Arc::new(One(Arc::new(WrittenSchema { kind, text, references: Vec::new() })))
}

fn varint(bytes: &mut Vec<u8>, mut value: u64) {
    while value >= 0x80 {
        bytes.push(value as u8 | 0x80);
        value >>= 7;
    }
    bytes.push(value as u8);
}

/// Adds the rows of a batch as messages; `write` appends one to the bytes after its frame.
fn messages(readings: &RecordBatch, write: impl Fn(&mut Vec<u8>, usize, i64)) -> RawBatch {
    let times = readings.column(0).as_primitive::<TimestampMicrosecondType>();
    let offsets = readings.column(readings.num_columns() - 1).as_primitive::<Int64Type>();
    let (mut raw, mut bytes) = (RawBatch::default(), Vec::new());
    for row in 0..readings.num_rows() {
        bytes.clear();
        bytes.extend([0, 0, 0, 0, 1]);
        write(&mut bytes, row, times.value(row));
        raw.push(&bytes, offsets.value(row), times.value(row));
    }
    raw
}

fn text(bytes: &mut Vec<u8>, zigzag: bool, text: &str) {
    varint(bytes, (text.len() as u64) << u32::from(zigzag));
    bytes.extend(text.bytes());
}

fn decoder(encoding: &Encoding) -> Decoder {
    Decoder::with_encoding("readings", &ReadingSchema::default(), 600_000_000, encoding)
}

/// A decoder of Avro, and the readings as it takes them.
pub fn avro(readings: &[RecordBatch]) -> (Decoder, Vec<RawBatch>) {
    let columns = sensors(&readings[0]);
    let schema = readings[0].schema();
    let kind = |column: usize| match schema.field(column).data_type() {
        DataType::Utf8 => "string",
        _ => "double",
    };
    let fields: String = columns
        .iter()
        .map(|&c| format!(r#",{{"name":"{}","type":["null","{}"]}}"#, schema.field(c).name(), kind(c)))
        .collect();
    let text_of = format!(
        r#"{{"type":"record","name":"Reading","fields":[{{"name":"timestamp","type":{{"type":"long","logicalType":"timestamp-micros"}}}},{{"name":"machine_id","type":"string"}}{fields}]}}"#
    );
    let encode = |batch: &RecordBatch| {
        let ids = batch.column(1).as_string::<i32>();
        messages(batch, |bytes, row, time| {
            varint(bytes, (time as u64) << 1);
            text(bytes, true, ids.value(row));
            for &c in &columns {
                let column = batch.column(c);
                bytes.push(if column.is_null(row) { 0 } else { 2 });
                match column.as_string_opt::<i32>() {
                    _ if column.is_null(row) => {}
                    Some(texts) => text(bytes, true, texts.value(row)),
                    None => bytes.extend(column.as_primitive::<Float64Type>().value(row).to_le_bytes()),
                }
            }
        })
    };
    let raw = readings.iter().map(encode).collect();
    (decoder(&Encoding::Avro(source(SchemaKind::Avro, text_of))), raw)
}

/// A decoder of Protobuf, and the readings as it takes them.
pub fn protobuf(readings: &[RecordBatch]) -> (Decoder, Vec<RawBatch>) {
    let columns = sensors(&readings[0]);
    let schema = readings[0].schema();
    let kind = |column: usize| match schema.field(column).data_type() {
        DataType::Utf8 => "string",
        _ => "double",
    };
    let fields: String = (3..)
        .zip(&columns)
        .map(|(number, &c)| format!("optional {} {} = {number};\n", kind(c), schema.field(c).name()))
        .collect();
    let text_of = format!(
        "syntax = \"proto3\";\nmessage Reading {{\nint64 timestamp = 1;\nstring machine_id = 2;\n{fields}}}"
    );
    let encode = |batch: &RecordBatch| {
        let ids = batch.column(1).as_string::<i32>();
        messages(batch, |bytes, row, time| {
            bytes.extend([0, 1 << 3]);
            varint(bytes, (time / 1_000) as u64);
            bytes.push(2 << 3 | 2);
            text(bytes, false, ids.value(row));
            for (number, &c) in (3u64..).zip(&columns) {
                let column = batch.column(c);
                match column.as_string_opt::<i32>() {
                    _ if column.is_null(row) => {}
                    Some(texts) => {
                        varint(bytes, number << 3 | 2);
                        text(bytes, false, texts.value(row));
                    }
                    None => {
                        varint(bytes, number << 3 | 1);
                        bytes.extend(column.as_primitive::<Float64Type>().value(row).to_le_bytes());
                    }
                }
            }
        })
    };
    let raw = readings.iter().map(encode).collect();
    (decoder(&Encoding::Protobuf(source(SchemaKind::Protobuf, text_of), Absent::Null)), raw)
}

use arrow::array::{Array, AsArray};
use arrow::datatypes::{Float64Type, Int64Type, TimestampMicrosecondType};

use super::*;
use crate::schema::ReadingSchema;

#[test]
fn json_shows_what_the_reading_holds() {
    let readings = all(fleet(4, 2, 60 * SECOND, 6 * HOUR, 0.0));
    let mut left_out = 0;
    for reading in &readings {
        let mut text = Vec::new();
        reading.write_json(&mut text);
        let json: serde_json::Value = serde_json::from_slice(&text).unwrap();
        assert_eq!(json["machine_id"], reading.machine);
        assert_eq!(json["operating_mode"], reading.mode.name());
        let time = chrono::DateTime::parse_from_rfc3339(json["timestamp"].as_str().unwrap()).unwrap();
        assert_eq!(time.timestamp_micros(), reading.timestamp);
        for sensor in Sensor::ALL {
            assert_eq!(json.get(sensor.column()).and_then(serde_json::Value::as_f64), reading.value(sensor));
            left_out += usize::from(reading.value(sensor).is_none());
        }
    }
    assert!(left_out > 0, "no machine ever stood still");
}

#[test]
fn json_keeps_signs_and_decimals() {
    let mut reading = Reading::new(START + 1_500, 17, Mode::Off);
    reading.set(Sensor::TempEvaporator, -0.54);
    reading.set(Sensor::PressureHigh, 12.0);
    reading.set(Sensor::Vibration, 0.0204);
    let mut text = Vec::new();
    reading.write_json(&mut text);
    assert_eq!(
        String::from_utf8(text).unwrap(),
        "{\"timestamp\":\"2024-01-15T10:00:00.001500Z\",\"machine_id\":17,\"operating_mode\":\"off\",\
         \"temp_evaporator\":-0.5,\"pressure_high\":12.00,\"vibration\":0.020}"
    );
}

#[test]
fn columns_hold_the_same_values_as_json() {
    let readings = all(fleet(3, 2, 60 * SECOND, 3 * HOUR, 0.0));
    let mut table = ReadingTable::default();
    let (first, second) = readings.split_at(100);
    first.iter().for_each(|reading| table.push(reading));
    assert_eq!(table.take().unwrap().num_rows(), 100);
    second.iter().for_each(|reading| table.push(reading));
    let batch = table.take().unwrap();
    assert_eq!(batch.schema(), ReadingSchema::default().arrow());
    assert_eq!(batch.num_rows(), second.len());
    let times = batch["timestamp"].as_primitive::<TimestampMicrosecondType>();
    let machines = batch["machine_id"].as_string::<i32>();
    assert_eq!(batch["kafka_offset"].as_primitive::<Int64Type>().value(0), 100);
    for (row, reading) in second.iter().enumerate() {
        assert_eq!(times.value(row), reading.timestamp);
        assert_eq!(machines.value(row), reading.machine.to_string());
        for sensor in Sensor::ALL {
            let column = batch[sensor.column()].as_primitive::<Float64Type>();
            let value = column.is_valid(row).then(|| column.value(row));
            assert_eq!(value, reading.value(sensor));
        }
    }
}

#[test]
fn the_fault_table_has_a_row_for_each_fault() {
    let fleet = fleet(20, 9, SECOND, HOUR, 0.5);
    let batch = fault_table(fleet.faults()).unwrap();
    assert_eq!(batch.schema(), fault_schema());
    assert_eq!(batch.num_rows(), 10);
    let onsets = batch["onset"].as_primitive::<TimestampMicrosecondType>();
    let names = batch["fault"].as_string::<i32>();
    for (row, fault) in fleet.faults().iter().enumerate() {
        assert_eq!((onsets.value(row), names.value(row)), (fault.onset, fault.kind.name()));
    }
}

use std::collections::HashMap;

use super::*;

mod dirt;
mod faults;
mod output;
mod physics;
mod signatures;

const START: i64 = 1_705_312_800_000_000; // 2024-01-15T10:00:00Z
const HOUR: i64 = 3_600_000_000;
const SECOND: i64 = 1_000_000;

fn config(machines: u32, seed: u64, period: i64, duration: i64, faulty_share: f64) -> FleetConfig {
    let duration = Some(duration);
    FleetConfig { machines, seed, start: START, period, duration, faulty_share, ..FleetConfig::default() }
}

fn fleet(machines: u32, seed: u64, period: i64, duration: i64, faulty_share: f64) -> Fleet {
    Fleet::new(&config(machines, seed, period, duration, faulty_share)).unwrap()
}

fn all(mut fleet: Fleet) -> Vec<Reading> {
    let mut readings = Vec::new();
    while let Some(batch) = fleet.step() {
        readings.extend_from_slice(batch);
    }
    readings
}

fn bytes(readings: &[Reading]) -> Vec<u8> {
    let mut out = Vec::new();
    for reading in readings {
        reading.write_json(&mut out);
        out.push(b'\n');
    }
    out
}

#[test]
fn the_same_seed_gives_the_same_bytes() {
    let run = |seed| bytes(&all(fleet(5, seed, SECOND, 300 * SECOND, 0.4)));
    assert_eq!(run(7), run(7));
    assert_ne!(run(7), run(8));
}

#[test]
fn a_machine_does_not_depend_on_the_size_of_the_fleet() {
    let third = |machines| {
        let mut readings = all(fleet(machines, 7, 10 * SECOND, HOUR, 0.5));
        readings.retain(|reading| reading.machine == 3);
        readings
    };
    assert_eq!(third(3), third(40));
    assert_eq!(third(3).len(), 360);
}

#[test]
fn machines_differ() {
    let readings = all(fleet(2, 7, SECOND, SECOND, 0.0));
    let values = |at: usize| Sensor::ALL.map(|sensor| readings[at].value(sensor));
    assert_ne!(values(0), values(1));
}

#[test]
fn readings_come_machine_by_machine_in_time_order() {
    let readings = all(fleet(3, 1, 10 * SECOND, 25 * SECOND, 0.0));
    let places: Vec<_> = readings.iter().map(|r| ((r.timestamp - START) / SECOND, r.machine)).collect();
    assert_eq!(places, [(0, 1), (0, 2), (0, 3), (10, 1), (10, 2), (10, 3), (20, 1), (20, 2), (20, 3)]);
}

#[test]
fn impossible_fleets_are_refused() {
    let good = FleetConfig::default();
    let refused = |config: FleetConfig| Fleet::new(&config).unwrap_err();
    assert_eq!(refused(FleetConfig { machines: 0, ..good.clone() }), FleetError::NoMachines);
    assert_eq!(refused(FleetConfig { period: 0, ..good.clone() }), FleetError::Period);
    assert_eq!(refused(FleetConfig { faulty_share: 1.1, ..good.clone() }), FleetError::Share(1.1));
    assert_eq!(refused(FleetConfig { start: -1, ..good.clone() }), FleetError::Time);
    assert_eq!(refused(FleetConfig { duration: Some(i64::MAX), ..good }), FleetError::Time);
}

#[test]
fn a_period_longer_than_the_physics_step_stays_stable() {
    for reading in all(fleet(5, 4, HOUR, 30 * 24 * HOUR, 0.0)) {
        let room = reading.value(Sensor::TempRoom).unwrap();
        assert!((-10.0..18.0).contains(&room), "{reading:?}");
    }
}

#[test]
fn durations_are_read_with_their_units() {
    for (text, micros) in [
        ("10s", 10 * SECOND),
        ("250ms", 250_000),
        ("5m", 300 * SECOND),
        ("1h30m", 5_400 * SECOND),
        ("1d", 24 * HOUR),
        ("2w", 14 * 24 * HOUR),
    ] {
        assert_eq!(parse_duration(text), Ok(micros), "{text}");
    }
    for text in ["", "10", "s", "1x", "-5s", "0s", "1.5h", "1h 30", "99999999999d"] {
        let error = parse_duration(text).unwrap_err();
        assert!(error.to_string().contains("is not a duration"), "{text}");
    }
}

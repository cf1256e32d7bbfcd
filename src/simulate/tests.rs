use std::collections::HashMap;

use arrow::array::{Array, AsArray};
use arrow::datatypes::{Float64Type, Int64Type, TimestampMicrosecondType};

use super::fault::Effect;
use super::plant::Plant;
use super::refrigerant::{Cycle, p_sat, t_sat};
use super::*;
use crate::schema::ReadingSchema;

const START: i64 = 1_705_312_800_000_000; // 2024-01-15T10:00:00Z
const HOUR: i64 = 3_600_000_000;
const SECOND: i64 = 1_000_000;

fn fleet(machines: u32, seed: u64, period: i64, duration: i64, faulty_share: f64) -> Fleet {
    let duration = Some(duration);
    Fleet::new(&FleetConfig { machines, seed, start: START, period, duration, faulty_share }).unwrap()
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
fn saturation_agrees_with_reference_values() {
    // R134a, °C and bar absolute, CoolProp 8.0.0.
    let reference = [
        (-40.0, 0.512_089_76),
        (-25.0, 1.063_998_7),
        (-10.0, 2.006_033_1),
        (0.0, 2.928_031_8),
        (20.0, 5.717_069_1),
        (40.0, 10.165_93),
        (55.0, 14.915_141),
        (65.0, 18.898_218),
    ];
    for (t, p) in reference {
        assert!((p_sat(t) / p - 1.0).abs() < 0.004, "{t} °C: {} bar instead of {p}", p_sat(t));
        assert!((t_sat(p) - t).abs() < 0.2, "{p} bar: {} °C instead of {t}", t_sat(p));
    }
}

#[test]
fn the_cycle_agrees_with_reference_values() {
    // R134a, superheat 8 K, subcooling 4 K, isentropic efficiency 0.65, CoolProp 8.0.0:
    // evaporation °C, condensation °C, discharge °C, COP, volumetric capacity kJ/m³.
    let reference = [
        (-20.0, 30.0, 66.037, 2.68953, 1_026.39),
        (-20.0, 55.0, 97.327, 1.47609, 783.747),
        (-10.0, 40.0, 71.878, 2.74815, 1_439.57),
        (-10.0, 55.0, 90.473, 1.87827, 1_220.76),
        (0.0, 30.0, 52.508, 5.27512, 2_353.17),
        (0.0, 50.0, 78.452, 2.78806, 1_944.93),
    ];
    for (te, tc, discharge, cop, capacity) in reference {
        let cycle = Cycle { te, tc, superheat: 8.0, subcooling: 4.0 };
        let duty = cycle.duty_with(p_sat(te), p_sat(tc) / p_sat(te), 1.0, 0.65);
        assert!((duty.discharge - discharge).abs() < 3.0, "{te}/{tc}: discharge {}", duty.discharge);
        let found = duty.cooling / duty.work;
        assert!((found / cop - 1.0).abs() < 0.03, "{te}/{tc}: COP {found} instead of {cop}");
        assert!((duty.cooling / capacity - 1.0).abs() < 0.02, "{te}/{tc}: capacity {}", duty.cooling);
    }
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
fn values_are_physical_and_agree_with_each_other() {
    let readings = all(fleet(12, 3, 20 * SECOND, 24 * HOUR, 0.0));
    let mut modes: HashMap<Mode, usize> = HashMap::new();
    for reading in &readings {
        *modes.entry(reading.mode).or_default() += 1;
        let get = |sensor| reading.value(sensor).unwrap();
        let (te, tc) = (get(Sensor::TempEvaporator), get(Sensor::TempCondenser));
        assert!((t_sat(get(Sensor::PressureLow)) - te).abs() < 2.5, "{reading:?}");
        assert!((t_sat(get(Sensor::PressureHigh)) - tc).abs() < 2.5, "{reading:?}");
        assert!((-8.0..16.0).contains(&get(Sensor::TempRoom)), "{reading:?}");
        assert!((5.0..40.0).contains(&get(Sensor::TempAmbient)), "{reading:?}");
        if reading.mode == Mode::Cooling {
            assert!((-30.0..12.0).contains(&te), "{reading:?}");
            assert!((8.0..60.0).contains(&tc), "{reading:?}");
            assert!(get(Sensor::TempDischarge) < 110.0, "{reading:?}");
            assert!((0.25..0.75).contains(&get(Sensor::Efficiency)), "{reading:?}");
            assert!((1.0..15.0).contains(&get(Sensor::CompressorCurrent)), "{reading:?}");
            assert!((0.008..0.05).contains(&get(Sensor::Vibration)), "{reading:?}");
            assert!((-1.0..18.0).contains(&get(Sensor::Superheat)), "{reading:?}");
            let superheat = get(Sensor::TempSuction) - te;
            assert!((superheat - get(Sensor::Superheat)).abs() < 2.5, "{reading:?}");
        } else {
            assert!(get(Sensor::CompressorCurrent) < 0.3, "{reading:?}");
            assert_eq!(reading.value(Sensor::Superheat), None, "{reading:?}");
            assert_eq!(reading.value(Sensor::Efficiency), None, "{reading:?}");
        }
    }
    let share = |mode| modes[&mode] as f64 / readings.len() as f64;
    assert!((0.4..0.95).contains(&share(Mode::Cooling)), "{modes:?}");
    assert!((0.01..0.10).contains(&share(Mode::Defrost)), "{modes:?}");
}

/// Mean of each sensor over the running time of the last hour of six, with and without a fault that grows
/// over these six hours: the differences between the two.
fn effect_of(kind: FaultKind) -> HashMap<Sensor, f64> {
    let failure = START + 6 * HOUR;
    let fault = Fault { machine: 1, kind, onset: START, grown: failure, failure, severity: 1.0 };
    let means = |fault: Option<Fault>| {
        let mut plant = Plant::new(11, 1, START);
        let mut sums: HashMap<Sensor, (f64, f64)> = HashMap::new();
        for step in 1..6 * 360 {
            let time = START + step * 10 * SECOND;
            let effect = fault.map_or(Effect::NONE, |fault| fault.effect(time));
            plant.advance(time, 10.0, &effect);
            let reading = plant.read(time, &effect);
            if time >= START + 5 * HOUR && reading.mode == Mode::Cooling {
                for sensor in Sensor::ALL {
                    let (sum, count) = sums.entry(sensor).or_default();
                    *sum += reading.value(sensor).unwrap();
                    *count += 1.0;
                }
            }
        }
        sums.into_iter().map(|(sensor, (sum, count))| (sensor, sum / count)).collect::<HashMap<_, _>>()
    };
    let (healthy, faulty) = (means(None), means(Some(fault)));
    Sensor::ALL.into_iter().map(|sensor| (sensor, faulty[&sensor] - healthy[&sensor])).collect()
}

#[test]
fn a_leak_lowers_subcooling_and_evaporation_and_raises_superheat() {
    let change = effect_of(FaultKind::SlowLeak);
    assert!(change[&Sensor::Subcooling] < -3.0, "{change:?}");
    assert!((-10.0..-2.0).contains(&change[&Sensor::TempEvaporator]), "{change:?}");
    assert!((5.0..13.0).contains(&change[&Sensor::Superheat]), "{change:?}");
    assert!(change[&Sensor::PressureLow] < -0.15, "{change:?}");
    assert!((4.0..20.0).contains(&change[&Sensor::TempDischarge]), "{change:?}");
    assert!((-2.0..-0.3).contains(&change[&Sensor::CompressorCurrent]), "{change:?}");
    assert!(change[&Sensor::TempCondenser] < 0.0, "{change:?}");
}

#[test]
fn a_fouled_condenser_raises_condensation_and_current() {
    let change = effect_of(FaultKind::FouledCondenser);
    assert!((4.0..12.0).contains(&change[&Sensor::TempCondenser]), "{change:?}");
    assert!(change[&Sensor::PressureHigh] > 0.8, "{change:?}");
    assert!((3.0..15.0).contains(&change[&Sensor::TempDischarge]), "{change:?}");
    assert!((0.2..1.5).contains(&change[&Sensor::CompressorCurrent]), "{change:?}");
    assert!(change[&Sensor::Superheat].abs() < 0.5, "{change:?}");
    assert!(change[&Sensor::Subcooling].abs() < 0.5, "{change:?}");
}

#[test]
fn a_failing_fan_is_fouling_but_stronger() {
    let change = effect_of(FaultKind::FailingFan);
    let fouling = effect_of(FaultKind::FouledCondenser);
    assert!((12.0..26.0).contains(&change[&Sensor::TempCondenser]), "{change:?}");
    for sensor in [Sensor::TempCondenser, Sensor::PressureHigh, Sensor::TempDischarge, Sensor::Power] {
        assert!(change[&sensor] > fouling[&sensor], "{sensor:?}: {change:?}");
    }
    assert!(change[&Sensor::Efficiency] < -0.01, "{change:?}");
}

#[test]
fn a_worn_bearing_shakes() {
    let change = effect_of(FaultKind::WornBearing);
    assert!(change[&Sensor::Vibration] > 0.06, "{change:?}");
    assert!((0.1..1.0).contains(&change[&Sensor::CompressorCurrent]), "{change:?}");
    assert!(change[&Sensor::TempDischarge] > 0.3, "{change:?}");
    assert!(change[&Sensor::TempCondenser].abs() < 1.0, "{change:?}");
    assert!(change[&Sensor::Subcooling].abs() < 0.3, "{change:?}");
}

#[test]
fn a_drifting_sensor_changes_its_own_channel_and_the_superheat_only() {
    let change = effect_of(FaultKind::DriftingSensor);
    assert!((-0.6..-0.4).contains(&change[&Sensor::PressureLow]), "{change:?}");
    assert!((4.0..15.0).contains(&change[&Sensor::Superheat]), "{change:?}");
    for sensor in Sensor::ALL {
        let derived = [Sensor::PressureLow, Sensor::Superheat].contains(&sensor);
        assert!(derived || change[&sensor] == 0.0, "{sensor:?}: {change:?}");
    }
    // The pressure and the temperature of evaporation no longer belong to one refrigerant.
    let (p, te, healthy) = (change[&Sensor::PressureLow], change[&Sensor::TempEvaporator], 2.0);
    assert!((t_sat(healthy + p) - t_sat(healthy) - te).abs() > 4.0);
}

#[test]
fn an_injected_fault_acts_from_the_next_reading_on_until_it_is_repaired() {
    let (period, duration) = (10 * SECOND, HOUR);
    let mut healthy = fleet(3, 5, period, duration, 0.0);
    let mut broken = fleet(3, 5, period, duration, 0.0);
    let mut differ = Vec::new();
    for step in 0..360 {
        if step == 60 {
            let fault = broken.inject(2, FaultKind::DriftingSensor, 0.5, 0, Some(600 * SECOND)).unwrap();
            assert_eq!((fault.onset, fault.failure), (START + 60 * period, START + 120 * period));
            assert_eq!(broken.faults(), [fault]);
        }
        let (with, without) = (broken.step().unwrap().to_vec(), healthy.step().unwrap().to_vec());
        for (with, without) in with.iter().zip(&without).filter(|(with, without)| with != without) {
            assert_eq!(with.machine, 2);
            let pressure = |reading: &Reading| reading.value(Sensor::PressureLow).unwrap();
            assert!((pressure(with) - pressure(without) + 0.3).abs() < 0.011, "{with:?} {without:?}");
            differ.push(step);
        }
    }
    assert_eq!(differ, (60..120).collect::<Vec<_>>());
}

#[test]
fn a_fault_of_the_same_kind_is_replaced_and_others_add_up() {
    let mut fleet = fleet(40, 5, SECOND, 4 * HOUR, 1.0);
    let planned = fleet.faults()[6];
    assert_eq!(planned.machine, 7);
    let other = FaultKind::ALL.into_iter().find(|kind| *kind != planned.kind).unwrap();
    let added = fleet.inject(7, other, 0.4, 60 * SECOND, None).unwrap();
    assert_eq!(added.grown, START + 60 * SECOND);
    let of_seven = |fleet: &Fleet| -> Vec<Fault> {
        fleet.faults().iter().filter(|fault| fault.machine == 7).copied().collect()
    };
    assert_eq!(of_seven(&fleet), [planned, added]);
    // One that is still to come never comes; one that acts ends now.
    let instead = fleet.inject(7, planned.kind, 1.0, 0, None).unwrap();
    assert_eq!(of_seven(&fleet), [added, instead]);
    fleet.step().unwrap();
    let repaired = fleet.inject(7, planned.kind, 0.0, 0, None).unwrap();
    assert_eq!(of_seven(&fleet), [added, Fault { failure: START + SECOND, ..instead }, repaired]);
    let machines: Vec<u32> = fleet.faults().iter().map(|fault| fault.machine).collect();
    assert!(machines.is_sorted() && machines.len() == 42, "{machines:?}");
}

#[test]
fn the_same_injections_give_the_same_bytes() {
    let run = |severity| {
        let mut fleet = fleet(5, 7, SECOND, 300 * SECOND, 0.4);
        let mut readings = Vec::new();
        for _ in 0..100 {
            readings.extend_from_slice(fleet.step().unwrap());
        }
        fleet.inject(3, FaultKind::DriftingSensor, severity, 30 * SECOND, None).unwrap();
        readings.extend(all(fleet));
        bytes(&readings)
    };
    assert!(run(1.0) == run(1.0));
    assert!(run(1.0) != run(0.5));
}

#[test]
fn a_bearing_at_its_worst_shakes_beyond_the_severe_limit_wherever_a_compressor_runs() {
    let mut fleet = fleet(20, 1, SECOND, HOUR, 0.0);
    for machine in 1..=20 {
        fleet.inject(machine, FaultKind::WornBearing, 1.0, 0, None).unwrap();
    }
    let first = fleet.machines_by_run()[0];
    let readings = all(fleet);
    let mut running = 0;
    for reading in readings.iter().filter(|reading| reading.mode == Mode::Cooling) {
        assert!(reading.value(Sensor::Vibration) > Some(0.12), "{reading:?}");
        running += 1;
    }
    assert!(running > 20_000, "{running}");
    // The machine that is named first runs long enough for an alarm with a delay.
    let of_first = readings.iter().filter(|reading| reading.machine == first).take(60);
    assert!(of_first.clone().all(|reading| reading.mode == Mode::Cooling), "machine {first}");
}

#[test]
fn machines_that_do_not_cool_are_named_last() {
    let mut fleet = fleet(30, 3, 20 * SECOND, 2 * HOUR, 0.0);
    for _ in 0..90 {
        fleet.step().unwrap();
    }
    let order = fleet.machines_by_run();
    let modes: HashMap<u32, Mode> = fleet.step().unwrap().iter().map(|r| (r.machine, r.mode)).collect();
    assert_eq!(order.len(), 30);
    assert_eq!(modes[&order[0]], Mode::Cooling);
    assert_ne!(modes[&order[29]], Mode::Cooling, "{modes:?}");
}

#[test]
fn every_fault_at_once_leaves_a_plant_that_can_be_simulated() {
    let mut fleet = fleet(4, 9, 10 * SECOND, 12 * HOUR, 0.0);
    for machine in 1..=4 {
        for kind in FaultKind::ALL {
            fleet.inject(machine, kind, 1.0, 0, None).unwrap();
        }
    }
    for reading in all(fleet) {
        for sensor in Sensor::ALL {
            let value = reading.value(sensor).unwrap_or_default();
            assert!((-100.0..300.0).contains(&value), "{sensor:?}: {reading:?}");
        }
    }
}

#[test]
fn impossible_faults_are_refused() {
    let mut fleet = fleet(3, 1, SECOND, 2 * SECOND, 0.0);
    let kind = FaultKind::SlowLeak;
    let missing = |machine| Err(InjectError::Machine { machine, machines: 3 });
    assert_eq!(fleet.inject(0, kind, 1.0, 0, None), missing(0));
    assert_eq!(fleet.inject(4, kind, 1.0, 0, None), missing(4));
    assert_eq!(fleet.inject(1, kind, 1.5, 0, None), Err(InjectError::Severity(1.5)));
    assert!(matches!(fleet.inject(1, kind, f64::NAN, 0, None), Err(InjectError::Severity(_))));
    assert_eq!(fleet.inject(1, kind, 1.0, -1, None), Err(InjectError::Growth));
    assert_eq!(fleet.inject(1, kind, 1.0, 0, Some(0)), Err(InjectError::Duration));
    assert!(fleet.faults().is_empty());
}

#[test]
fn names_of_faults_are_read_back() {
    for kind in FaultKind::ALL {
        assert_eq!(FaultKind::parse(kind.name()), Some(kind));
    }
    assert_eq!(FaultKind::parse("rust"), None);
}

#[test]
fn faults_match_the_ground_truth() {
    let (machines, duration) = (40, 4 * HOUR);
    let config = |share| fleet(machines, 5, 20 * SECOND, duration, share);
    let faulty = config(0.3);
    let faults: HashMap<u32, Fault> = faulty.faults().iter().map(|fault| (fault.machine, *fault)).collect();
    assert!((11..=13).contains(&faults.len()), "{}", faults.len());
    for fault in faults.values() {
        assert!(START < fault.onset && fault.onset < fault.failure && fault.failure < START + duration);
        assert!((0.6..=1.0).contains(&fault.severity), "{fault:?}");
    }
    let mut changed: HashMap<u32, usize> = HashMap::new();
    for (with, without) in all(faulty).iter().zip(&all(config(0.0))) {
        if with != without {
            let fault = faults.get(&with.machine).expect("only faulty machines differ");
            assert!(with.timestamp >= fault.onset, "{fault:?} acts before its onset");
            *changed.entry(with.machine).or_default() += 1;
        }
    }
    assert_eq!(changed.len(), faults.len(), "every fault shows");
}

#[test]
fn a_repaired_bearing_is_quiet() {
    let fleet = fleet(40, 5, 20 * SECOND, 4 * HOUR, 1.0);
    let worn = fleet.faults().iter().find(|fault| fault.kind == FaultKind::WornBearing).copied().unwrap();
    let readings = all(fleet);
    let loudest = |from: i64, to: i64| {
        let of_time =
            readings.iter().filter(|r| r.machine == worn.machine && (from..to).contains(&r.timestamp));
        of_time.filter_map(|reading| reading.value(Sensor::Vibration)).fold(0.0, f64::max)
    };
    let sick = loudest(worn.failure - HOUR / 2, worn.failure);
    let healthy = loudest(START, worn.onset);
    assert!(sick > 1.5 * healthy, "{sick} {healthy}");
    assert!(loudest(worn.failure, START + 4 * HOUR) < 1.3 * healthy);
}

#[test]
fn all_kinds_of_faults_occur() {
    let fleet = fleet(200, 1, SECOND, HOUR, 0.2);
    assert_eq!(fleet.faults().len(), 40);
    for kind in FaultKind::ALL {
        assert!(fleet.faults().iter().filter(|fault| fault.kind == kind).count() >= 3, "{kind:?}");
    }
}

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

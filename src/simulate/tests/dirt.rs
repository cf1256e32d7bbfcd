use super::*;

/// What a fleet of `machines` sends in a day of minutes, clean and with dirt of one kind on every machine.
fn both(machines: u32, kind: DirtKind) -> (Vec<Reading>, Vec<Reading>) {
    let config = config(machines, 5, 60 * SECOND, 24 * HOUR, 0.0);
    (all(Fleet::new(&config).unwrap()), soiled(&config, &Dirt::of(&[kind], 1.0)))
}

fn soiled(config: &FleetConfig, dirt: &Dirt) -> Vec<Reading> {
    let mut fleet = Fleet::new(config).unwrap();
    let mut soiler = Soiler::new(&fleet, config.seed, dirt);
    let mut out = Vec::new();
    while let Some(readings) = fleet.step() {
        soiler.pass(readings, &mut out);
    }
    soiler.finish(&mut out);
    out
}

fn sorted(mut readings: Vec<Reading>) -> Vec<Reading> {
    readings.sort_by_key(|reading| (reading.timestamp, reading.machine));
    readings
}

/// Change of a sensor from clean to dirty, reading by reading, where both have it.
fn changes(clean: &[Reading], dirty: &[Reading], sensor: Sensor) -> Vec<f64> {
    assert_eq!(clean.len(), dirty.len());
    let pairs = clean.iter().zip(dirty);
    pairs.filter_map(|(clean, dirty)| Some(dirty.value(sensor)? - clean.value(sensor)?)).collect()
}

const MIXED: [Sensor; 9] = [
    Sensor::TempEvaporator,
    Sensor::TempCondenser,
    Sensor::TempDischarge,
    Sensor::TempSuction,
    Sensor::TempAmbient,
    Sensor::TempRoom,
    Sensor::TempProduct,
    Sensor::PressureHigh,
    Sensor::PressureLow,
];

#[test]
fn noise_is_five_times_the_usual() {
    let (clean, dirty) = both(2, DirtKind::Noise);
    let changes = changes(&clean, &dirty, Sensor::TempRoom);
    let mean = changes.iter().sum::<f64>() / changes.len() as f64;
    let deviation = (changes.iter().map(|change| change * change).sum::<f64>() / changes.len() as f64).sqrt();
    assert!(mean.abs() < 0.05 && (0.45..0.55).contains(&deviation), "{mean} ± {deviation}");
}

#[test]
fn a_drift_grows_evenly_on_one_sensor() {
    let (clean, dirty) = both(1, DirtKind::Drift);
    let drifting: Vec<Vec<f64>> = Sensor::ALL
        .iter()
        .map(|sensor| changes(&clean, &dirty, *sensor))
        .filter(|changes| changes.iter().any(|change| *change != 0.0))
        .collect();
    let [changes] = &drifting[..] else { panic!("{} sensors drift", drifting.len()) };
    let (half, whole) = (changes[changes.len() / 2], changes[changes.len() - 1]);
    assert!((0.5..2.1).contains(&whole.abs()) && (whole - 2.0 * half).abs() < 0.11, "{half} {whole}");
}

#[test]
fn a_stuck_sensor_repeats_its_value_for_a_while() {
    let (clean, dirty) = both(4, DirtKind::Stuck);
    let mut longest = 0;
    for machine in 1..=4 {
        for sensor in MIXED {
            let of = |readings: &[Reading]| -> Vec<Option<f64>> {
                readings.iter().filter(|r| r.machine == machine).map(|r| r.value(sensor)).collect()
            };
            let (clean, dirty) = (of(&clean), of(&dirty));
            let mut run = 0;
            for at in 1..dirty.len() {
                if dirty[at] == clean[at] {
                    run = 0;
                    continue;
                }
                // What differs from the truth is what was shown before.
                assert_eq!(dirty[at], dirty[at - 1], "{sensor:?} of machine {machine} at {at}");
                run += 1;
                longest = longest.max(run);
            }
        }
    }
    assert!((10..=120).contains(&longest), "{longest} min");
}

#[test]
fn spikes_are_rare_and_high() {
    let (clean, dirty) = both(8, DirtKind::Spikes);
    let mut spikes = 0;
    for sensor in Sensor::ALL {
        for change in changes(&clean, &dirty, sensor).into_iter().filter(|change| *change != 0.0) {
            assert!((19.9..100.1).contains(&change.abs()), "{sensor:?} {change}");
            spikes += 1;
        }
    }
    // 11,520 readings.
    assert!((10..=40).contains(&spikes), "{spikes}");
}

#[test]
fn dropouts_lose_readings_in_bursts_and_values() {
    let (clean, dirty) = both(8, DirtKind::Dropouts);
    let lost = clean.len() - dirty.len();
    let known: HashMap<(i64, u32), &Reading> =
        clean.iter().map(|reading| ((reading.timestamp, reading.machine), reading)).collect();
    let mut without = 0;
    for reading in &dirty {
        let whole = known[&(reading.timestamp, reading.machine)];
        let gone =
            Sensor::ALL.into_iter().filter(|s| reading.value(*s) != whole.value(*s)).collect::<Vec<_>>();
        assert!(gone.len() <= 1 && gone.iter().all(|sensor| reading.value(*sensor).is_none()), "{gone:?}");
        without += gone.len();
    }
    assert!((25..=90).contains(&without), "{without}");
    let mut gaps: Vec<i64> = Vec::new();
    for machine in 1..=8 {
        let times: Vec<i64> =
            dirty.iter().filter(|r| r.machine == machine).map(|r| r.timestamp / 60 / SECOND).collect();
        assert!(times.is_sorted());
        gaps.extend(times.windows(2).map(|pair| pair[1] - pair[0] - 1).filter(|gap| *gap > 0));
    }
    assert!(
        lost > 300 && gaps.iter().any(|gap| *gap >= 20) && gaps.iter().filter(|gap| **gap == 1).count() > 20
    );
    assert!(gaps.iter().all(|gap| *gap <= 62), "{gaps:?}");
}

#[test]
fn duplicates_come_twice_and_nothing_else_changes() {
    let (clean, mut dirty) = both(8, DirtKind::Duplicates);
    let twice = dirty.len() - clean.len();
    assert!((70..=170).contains(&twice), "{twice}");
    dirty.dedup();
    assert!(clean == dirty);
}

#[test]
fn out_of_order_readings_come_later_than_newer_ones() {
    let (clean, dirty) = both(4, DirtKind::OutOfOrder);
    let mut newest = 0;
    let mut late = Vec::new();
    for reading in &dirty {
        newest = newest.max(reading.timestamp);
        if reading.timestamp < newest {
            late.push((newest - reading.timestamp) / SECOND);
        }
    }
    // 5,760 readings, of which a few are so little late that the minute hides it.
    assert!((70..=150).contains(&late.len()), "{}", late.len());
    assert!(late.iter().all(|late| *late <= 240) && late.iter().any(|late| *late >= 120), "{late:?}");
    assert!(clean == sorted(dirty));
}

#[test]
fn a_skewed_clock_is_wrong_by_the_same_time() {
    let (clean, dirty) = both(5, DirtKind::ClockSkew);
    let mut of: HashMap<u32, Vec<i64>> = HashMap::new();
    for (clean, dirty) in clean.iter().zip(&dirty) {
        of.entry(clean.machine).or_default().push(dirty.timestamp - clean.timestamp);
    }
    for skews in of.values() {
        assert!(skews.iter().all(|skew| *skew == skews[0]));
        assert!((20 * SECOND..=300 * SECOND).contains(&skews[0].abs()), "{}", skews[0]);
    }
    assert!(of.values().any(|skews| skews[0] > 0) && of.values().any(|skews| skews[0] < 0));
}

#[test]
fn a_replay_brings_an_outage_at_once_and_in_order() {
    let (clean, dirty) = both(1, DirtKind::Replay);
    assert!(clean == dirty, "of one machine nothing is missing and nothing is out of order");
    // Seen from outside: other machines go on while one is silent.
    let config = config(2, 5, 60 * SECOND, 24 * HOUR, 0.0);
    let mut fleet = Fleet::new(&config).unwrap();
    let mut soiler = Soiler::new(&fleet, 5, &Dirt::of(&[DirtKind::Replay], 1.0));
    let (mut silent, mut longest, mut burst) = (0, 0, 0);
    let mut out = Vec::new();
    while let Some(readings) = fleet.step() {
        out.clear();
        soiler.pass(readings, &mut out);
        let of_one = out.iter().filter(|reading| reading.machine == 1).count();
        silent = if of_one == 0 { silent + 1 } else { 0 };
        longest = longest.max(silent);
        burst = burst.max(of_one);
    }
    assert!((5..=61).contains(&longest) && burst > longest, "{longest} {burst}");
}

#[test]
fn mixed_up_units_are_exactly_those() {
    let (clean, gauge) = both(2, DirtKind::Gauge);
    for (clean, dirty) in clean.iter().zip(&gauge) {
        for sensor in MIXED {
            let air = clean.value(sensor).unwrap() - dirty.value(sensor).unwrap();
            let pressure = matches!(sensor, Sensor::PressureHigh | Sensor::PressureLow);
            assert!(if pressure { (0.91..1.03).contains(&air) } else { air == 0.0 }, "{sensor:?} {air}");
        }
    }
    let (_, psi) = both(2, DirtKind::Psi);
    let (_, fahrenheit) = both(2, DirtKind::Fahrenheit);
    for ((clean, psi), fahrenheit) in clean.iter().zip(&psi).zip(&fahrenheit) {
        let is = |dirty: &Reading, sensor, value: f64| (dirty.value(sensor).unwrap() - value).abs() < 0.06;
        let (high, room) = (Sensor::PressureHigh, Sensor::TempRoom);
        assert!(is(psi, high, clean.value(high).unwrap() * 14.503_8), "{psi:?}");
        assert!(is(psi, room, clean.value(room).unwrap()));
        assert!(is(fahrenheit, room, clean.value(room).unwrap() * 9.0 / 5.0 + 32.0), "{fahrenheit:?}");
        assert!(is(fahrenheit, high, clean.value(high).unwrap()));
        if let Some(superheat) = clean.value(Sensor::Superheat) {
            assert!(is(fahrenheit, Sensor::Superheat, superheat * 9.0 / 5.0));
        }
    }
    // A machine that reports gauge pressures is mixed up the other way.
    let config = FleetConfig { gauge_share: 1.0, ..config(2, 5, 60 * SECOND, HOUR, 0.0) };
    let mixed = soiled(&config, &Dirt::of(&[DirtKind::Gauge], 1.0));
    for (gauge, mixed) in all(Fleet::new(&config).unwrap()).iter().zip(&mixed) {
        let more = mixed.value(Sensor::PressureLow).unwrap() - gauge.value(Sensor::PressureLow).unwrap();
        assert!((0.91..1.03).contains(&more), "{more}");
    }
}

#[test]
fn dirt_befalls_its_share_of_the_machines_and_is_the_same_each_time() {
    let config = config(40, 5, 60 * SECOND, HOUR, 0.0);
    let dirt: Dirt = "psi=0.25".parse().unwrap();
    let dirty = soiled(&config, &dirt);
    let clean = all(Fleet::new(&config).unwrap());
    let befallen: std::collections::BTreeSet<u32> =
        clean.iter().zip(&dirty).filter(|(a, b)| a != b).map(|(a, _)| a.machine).collect();
    assert!((9..=11).contains(&befallen.len()), "{befallen:?}");
    let everything: Dirt = "all=0.5".parse().unwrap();
    assert!(soiled(&config, &everything) == soiled(&config, &everything));
    assert!(!everything.is_clean() && Dirt::default().is_clean());
    assert!(soiled(&config, &"all=0".parse().unwrap()) == clean);
}

#[test]
fn dirt_is_read_and_nonsense_is_refused() {
    assert_eq!("stuck, spikes=0.1".parse(), Ok(Dirt::of(&[DirtKind::Stuck, DirtKind::Spikes], 0.1)));
    assert_eq!("all".parse(), Ok(Dirt::of(&DirtKind::ALL, 0.1)));
    let error = |text: &str| text.parse::<Dirt>().unwrap_err().to_string();
    assert!(error("mud").contains("no dirt `mud`") && error("").contains("out_of_order"));
    assert!(
        error("psi=2").contains("`2`") && error("psi=x").contains("`x`") && error("psi=NaN").contains("NaN")
    );
}

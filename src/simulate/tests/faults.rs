use super::*;

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
    assert_eq!(
        of_seven(&fleet),
        [added, Fault { failure: START + SECOND, repair: START + SECOND, ..instead }, repaired]
    );
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
        assert!(START < fault.onset && fault.onset < fault.grown && fault.grown <= fault.failure);
        assert!(fault.failure < fault.repair && fault.repair < START + duration);
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
    let fleet = fleet(200, 1, SECOND, HOUR, 1.0);
    assert_eq!(fleet.faults().len(), 200);
    for kind in FaultKind::ALL {
        assert!(fleet.faults().iter().filter(|fault| fault.kind == kind).count() >= 5, "{kind:?}");
    }
}

#[test]
fn a_machine_that_has_failed_stands_until_it_is_repaired() {
    let mut fleet = fleet(20, 5, 20 * SECOND, 8 * HOUR, 1.0);
    let mut readings = Vec::new();
    while let Some(batch) = fleet.step() {
        readings.extend_from_slice(batch);
    }
    let mut failed = 0;
    for reading in &readings {
        let fault = fleet.faults()[reading.machine as usize - 1];
        let down = (fault.failure..fault.repair).contains(&reading.timestamp);
        let half = fault.failure + (fault.repair - fault.failure) / 2;
        match reading.mode {
            Mode::Standby => assert!(down && reading.timestamp >= half, "{reading:?} {fault:?}"),
            // The failure comes with the last of several trips.
            Mode::Fault => assert!(down || reading.timestamp < fault.failure, "{reading:?} {fault:?}"),
            // A lock-out is seen from the next step on.
            mode => assert!(!down || reading.timestamp == fault.failure, "{mode:?} {reading:?} {fault:?}"),
        }
        failed += usize::from(down);
    }
    assert!(failed > 20 * 10, "{failed}");
}

#[test]
fn safety_switches_lock_a_machine_out_before_its_planned_failure() {
    // In summer a condenser without its fan trips at high pressure.
    let hot =
        FleetConfig { start: START + (190 * 24 - 6) * HOUR, ..config(200, 5, 20 * SECOND, 24 * HOUR, 1.0) };
    let mut fleet = Fleet::new(&hot).unwrap();
    let planned = fleet.faults().to_vec();
    let mut trips = 0;
    while let Some(batch) = fleet.step() {
        trips += batch.iter().filter(|reading| reading.mode == Mode::Fault).count();
    }
    assert!(trips > 0);
    let mut earlier: HashMap<FaultKind, usize> = HashMap::new();
    for (planned, found) in planned.iter().zip(fleet.faults()) {
        assert_eq!((planned.onset, planned.kind), (found.onset, found.kind));
        assert_eq!(planned.repair - planned.failure, found.repair - found.failure);
        assert!(found.failure <= planned.failure && found.failure > found.onset);
        if found.failure < planned.failure {
            *earlier.entry(found.kind).or_default() += 1;
        }
    }
    assert!(earlier.contains_key(&FaultKind::FailingFan), "{earlier:?}");
    let innocent = [FaultKind::WornBearing, FaultKind::DriftingSensor, FaultKind::ExcessOil];
    assert!(innocent.iter().all(|kind| !earlier.contains_key(kind)), "{earlier:?}");
}

#[test]
fn real_faults_take_their_time() {
    let day = 24 * HOUR;
    let config = FleetConfig { growth: Growth::Real, ..config(400, 3, HOUR, 365 * day, 1.0) };
    let fleet = Fleet::new(&config).unwrap();
    let growth = |kind: FaultKind| {
        let of = fleet.faults().iter().filter(move |fault| fault.kind == kind);
        of.map(move |fault| (fault.grown - fault.onset) as f64 / day as f64).collect::<Vec<_>>()
    };
    let within = |kind, least: f64, most: f64| {
        let days = growth(kind);
        assert!(
            days.len() > 10 && days.iter().all(|days| (least..=most).contains(days)),
            "{kind:?}: {days:?}"
        );
    };
    within(FaultKind::FouledCondenser, 60.0, 180.0);
    within(FaultKind::Restriction, 2.0, 20.0);
    within(FaultKind::IcedEvaporator, 3.0, 10.0);
    within(FaultKind::WornBearing, 21.0, 81.0);
    within(FaultKind::FailingEvaporatorFan, 0.0, 0.1);
    // Most leaks take months, a broken pipe hours.
    let leaks = growth(FaultKind::SlowLeak);
    let fast = leaks.iter().filter(|days| **days < 1.0).count();
    assert!(fast > 0 && fast * 2 < leaks.len() && leaks.iter().any(|days| *days > 70.0), "{leaks:?}");
}

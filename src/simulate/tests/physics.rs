use std::collections::HashSet;

use proptest::prelude::*;

use super::super::balance::{Around, Balance};
use super::super::design::Design;
use super::super::fault::Effect;
use super::*;
use crate::machine::{Machines, Quantity};
use crate::thermo::{Line, Refrigerant};

fn room() -> (Design, Around) {
    let design = Design::new(Refrigerant::R134a, Application::Medium).unwrap();
    (design, Around { air: 2.0, ambient: 30.0, evaporator: 1.0, speed: 1.0 })
}

#[test]
fn the_balance_agrees_with_another_solver_over_coolprop() {
    // Bracketing root finders over the equations and CoolProp 8.0.0: evaporation, condensation, superheat, discharge (°C, K), kW.
    let (design, around) = room();
    let none = Effect::NONE;
    for (name, ambient, effect, expected) in [
        ("healthy", 30.0, none, [-11.243, 42.689, 8.0, 70.475, 7.914]),
        ("hot", 38.0, none, [-10.430, 50.311, 8.0, 80.040, 7.275]),
        ("leak 35 %", 30.0, Effect { charge: -0.35, ..none }, [-17.031, 39.908, 18.700, 82.775, 5.953]),
        ("valve 60 %", 30.0, Effect { valve: 0.6, ..none }, [-19.882, 39.023, 21.785, 87.668, 5.384]),
        ("condenser 35 %", 30.0, Effect { condenser: 0.35, ..none }, [-9.037, 62.969, 8.0, 96.052, 6.130]),
        (
            "1.5 bar of air",
            30.0,
            Effect { non_condensables: 1.5, ..none },
            [-11.034, 42.749, 8.0, 77.024, 7.774],
        ),
    ] {
        let mut balance = Balance::guess(-5.0, 35.0);
        balance.settle(&design.unit, &Around { ambient, ..around }, &effect, design.limits.search);
        let discharge = balance.discharge(&design.unit).unwrap();
        let found = [balance.te, balance.tc, balance.superheat, discharge, balance.cooling];
        for (found, expected) in found.into_iter().zip(expected) {
            assert!((found - expected).abs() < 0.06, "{name}: {found} instead of {expected}");
        }
    }
}

fn designs() -> Vec<Design> {
    let pairs = Refrigerant::ALL.into_iter().flat_map(|fluid| Application::ALL.map(|use_| (fluid, use_)));
    pairs.filter_map(|(fluid, use_)| Design::new(fluid, use_)).collect()
}

#[test]
fn every_refrigerant_has_its_use() {
    for refrigerant in Refrigerant::ALL {
        assert!(Application::ALL.iter().any(|use_| use_.suits(refrigerant)), "{}", refrigerant.name());
    }
    for design in designs() {
        let discharge = design.balance.discharge(&design.unit).unwrap();
        assert!(discharge > design.balance.tc && discharge < 115.0, "{discharge}");
        let gaps = (design.room - design.balance.te, design.balance.tc - design.ambient);
        let evaporator = [(10.0, 9.0), (2.0, 13.245), (-20.0, 10.0)];
        let evaporator = evaporator.into_iter().find(|(room, _)| *room == design.room).unwrap().1;
        assert!(
            (gaps.0 - evaporator).abs() < 0.05 && [12.688, 8.0].iter().any(|gap| (gaps.1 - gap).abs() < 0.05),
            "{gaps:?}"
        );
        assert!((design.balance.cooling - 7.913).abs() < 0.02, "{}", design.balance.cooling);
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    /// Wherever the search does not end at its limits, heat in equals heat out, and no more flows than the valve passes.
    #[test]
    fn a_balance_balances(
        at in 0usize..100,
        air in -3.0..8.0f64,
        ambient in -20.0..12.0f64,
        evaporator in 0.4..1.0f64,
        speed in 0.5..1.0f64,
        charge in -0.35..0.2f64,
        condenser in 0.4..1.0f64,
        valve in 0.5..1.0f64,
        non_condensables in 0.0..1.5f64,
    ) {
        let designs = designs();
        let design = &designs[at % designs.len()];
        let around = Around { air: design.room + air, ambient: design.ambient + ambient, evaporator, speed };
        let effect = Effect { charge, condenser, valve, non_condensables, ..Effect::NONE };
        let mut balance = design.balance;
        balance.settle(&design.unit, &around, &effect, design.limits.search);
        let (low, high) = design.limits.search;
        prop_assume!(balance.te > low + 0.1 && balance.tc < high - 0.1);
        // Once more from there: what is in balance stays.
        let again = balance.settle(&design.unit, &around, &effect, design.limits.search);
        prop_assert!(again < 40, "{} rounds", again);
        let unit = &design.unit;
        let fluid = unit.fluid;
        let (p_low, p_gas) = (fluid.p_sat(balance.te, Line::Dew).unwrap(), fluid.p_sat(balance.tc, Line::Dew).unwrap());
        let h4 = fluid.liquid_enthalpy(fluid.t_sat(p_gas, Line::Bubble).unwrap() - balance.subcooling).unwrap();
        let gap = around.air - balance.te;
        let wetted = unit.evaporator * evaporator * balance.sigma * gap;
        let boiled = balance.flow * (fluid.vapour_enthalpy(p_low, balance.te + 0.001).unwrap() - h4);
        prop_assert!((wetted / boiled - 1.0).abs() < 0.01, "evaporator {} {}", wetted, boiled);
        let surface = unit.condenser * condenser * (1.0 - 0.9 * charge.max(0.0)) * balance.fan.powf(0.6);
        let rejected = balance.cooling + unit.in_gas * balance.work;
        let given = surface * (balance.tc - around.ambient);
        prop_assert!((given / rejected - 1.0).abs() < 0.01, "condenser {} {}", given, rejected);
        let starve = (-charge - 0.16).max(0.0);
        let most = unit.valve * valve * ((balance.p_high - p_low) / 8.0).sqrt() * (1.0 - 1.6 * starve);
        prop_assert!(balance.flow <= most * 1.005, "valve {} {}", balance.flow, most);
        // An evaporator that is nearly dry warms its gas to the air.
        prop_assert!(balance.superheat > 0.0 && balance.superheat < gap + 0.01);
        prop_assert!(balance.p_high > p_low && balance.cooling > 0.0 && balance.work > 0.0);
        // More cold than work in a refrigerator of these temperatures, and less than Carnot's.
        let carnot = (balance.te + 273.15) / (balance.tc - balance.te);
        prop_assert!(balance.cooling / balance.work < carnot, "{balance:?}");
    }
}

/// Starts of the compressor and of defrosts, in microseconds since [`START`], of each machine.
fn begins(readings: &[Reading], begun: Mode) -> HashMap<u32, Vec<i64>> {
    let (mut before, mut begins): (HashMap<u32, Mode>, HashMap<u32, Vec<i64>>) = Default::default();
    for reading in readings {
        let before = before.insert(reading.machine, reading.mode);
        if reading.mode == begun && before.is_some_and(|before| before != begun) {
            begins.entry(reading.machine).or_default().push(reading.timestamp - START);
        }
    }
    begins
}

#[test]
fn a_healthy_day_is_physical() {
    let config = config(12, 3, 20 * SECOND, 24 * HOUR, 0.0);
    let config = FleetConfig { start: START + 180 * 24 * HOUR, ..config };
    let fluid = Refrigerant::R134a.properties();
    let t_sat = |p: f64| fluid.t_sat(p, Line::Dew).unwrap();
    let readings = all(Fleet::new(&config).unwrap());
    let mut modes: HashMap<Mode, usize> = HashMap::new();
    for reading in &readings {
        *modes.entry(reading.mode).or_default() += 1;
        let get = |sensor| reading.value(sensor).unwrap();
        let (te, tc) = (get(Sensor::TempEvaporator), get(Sensor::TempCondenser));
        assert!((t_sat(get(Sensor::PressureLow)) - te).abs() < 3.0, "{reading:?}");
        assert!((t_sat(get(Sensor::PressureHigh)) - tc).abs() < 3.0, "{reading:?}");
        assert!((-6.0..20.0).contains(&get(Sensor::TempRoom)), "{reading:?}");
        assert!((-3.0..8.0).contains(&get(Sensor::TempProduct)), "{reading:?}");
        assert!((-5.0..45.0).contains(&get(Sensor::TempAmbient)), "{reading:?}");
        assert!((0.0..=100.0).contains(&get(Sensor::FanSpeed)), "{reading:?}");
        if reading.mode == Mode::Cooling {
            assert!((-26.0..12.0).contains(&te), "{reading:?}");
            assert!((8.0..62.0).contains(&tc), "{reading:?}");
            assert!(get(Sensor::PressureHigh) > get(Sensor::PressureLow), "{reading:?}");
            assert!(get(Sensor::TempDischarge) < 110.0, "{reading:?}");
            assert!((0.25..0.75).contains(&get(Sensor::Efficiency)), "{reading:?}");
            assert!((1.0..15.0).contains(&get(Sensor::CompressorCurrent)), "{reading:?}");
            assert!((0.008..0.05).contains(&get(Sensor::Vibration)), "{reading:?}");
            assert!((-1.0..18.0).contains(&get(Sensor::Superheat)), "{reading:?}");
            let superheat = get(Sensor::TempSuction) - te;
            assert!((superheat - get(Sensor::Superheat)).abs() < 2.5, "{reading:?}");
        } else if !reading.mode.runs() {
            assert!(get(Sensor::CompressorCurrent) < 0.3, "{reading:?}");
            assert_eq!(get(Sensor::FanSpeed), 0.0, "{reading:?}");
        }
        if !reading.mode.cools() {
            assert_eq!(reading.value(Sensor::Superheat), None, "{reading:?}");
            assert_eq!(reading.value(Sensor::Subcooling), None, "{reading:?}");
            assert_eq!(reading.value(Sensor::Efficiency), None, "{reading:?}");
        }
    }
    let share = |mode| modes.get(&mode).copied().unwrap_or(0) as f64 / readings.len() as f64;
    assert!((0.4..0.95).contains(&share(Mode::Cooling)), "{modes:?}");
    assert!((0.02..0.08).contains(&share(Mode::Defrost)), "{modes:?}");
    for mode in [Mode::Off, Mode::Starting, Mode::PumpDown, Mode::Drip, Mode::FanDelay] {
        assert!(share(mode) > 0.001, "{modes:?}");
    }
    assert_eq!(share(Mode::Fault) + share(Mode::Standby), 0.0, "a healthy machine does not trip: {modes:?}");
}

#[test]
fn healthy_machines_of_every_kind_keep_their_product_cold_without_trips_or_short_cycles() {
    for day in [0, 190] {
        let config = FleetConfig {
            refrigerants: Refrigerant::ALL.to_vec(),
            applications: Application::ALL.to_vec(),
            start: START + day * 24 * HOUR,
            ..config(80, 3, 20 * SECOND, 16 * HOUR, 0.0)
        };
        let fleet = Fleet::new(&config).unwrap();
        let of: Vec<_> = fleet
            .builds()
            .map(|(_, build)| (build.set_point, build.refrigerant.name(), build.application.name()))
            .collect();
        assert!(
            of.iter().map(|(_, refrigerant, use_)| (refrigerant, use_)).collect::<HashSet<_>>().len() > 35
        );
        let machines = Machines::parse(&fleet.machines_toml(), "machines.toml").unwrap();
        let readings = all(fleet);
        within_derived_limits(&readings, &machines);
        for reading in &readings {
            let (set_point, ..) = of[reading.machine as usize - 1];
            let product = reading.value(Sensor::TempProduct).unwrap() - set_point;
            assert!(
                (-1.5..3.0).contains(&product),
                "{product}: {:?} {reading:?}",
                of[reading.machine as usize - 1]
            );
            assert_ne!(reading.mode, Mode::Fault, "{:?} {reading:?}", of[reading.machine as usize - 1]);
        }
        let starts = begins(&readings, Mode::Starting);
        // Machines of variable speed may run all day; most do not.
        assert!(starts.len() > 60, "{}", starts.len());
        for (machine, starts) in starts {
            for (at, start) in starts.iter().enumerate() {
                let in_hour = starts[at..].iter().take_while(|other| **other < start + HOUR).count();
                assert!(in_hour <= 6, "machine {machine} starts {in_hour} times in an hour");
            }
        }
    }
}

/// A machine that has cooled for ten minutes is outside of the limits that follow from what its owner knows of it for less than
/// five minutes.
fn within_derived_limits(readings: &[Reading], machines: &Machines) {
    let (mut settled, mut since): (usize, HashMap<u32, i64>) = Default::default();
    let mut outside: HashMap<(u32, Sensor), usize> = HashMap::new();
    for reading in readings {
        let since = since.entry(reading.machine).or_insert(reading.timestamp);
        if reading.mode != Mode::Cooling {
            *since = reading.timestamp;
        }
        if reading.timestamp - *since < HOUR / 6 {
            continue;
        }
        settled += 1;
        let (machine, known) = machines.machine(&reading.machine.to_string());
        assert!(known);
        for (sensor, least, most) in [
            (Sensor::TempEvaporator, Some(Quantity::EvaporatingMin), Some(Quantity::EvaporatingMax)),
            (Sensor::TempCondenser, None, Some(Quantity::CondensingMax)),
            (Sensor::PressureLow, Some(Quantity::PressureLowMin), None),
            (Sensor::PressureHigh, None, Some(Quantity::PressureHighMax)),
            (Sensor::Superheat, Some(Quantity::SuperheatMin), Some(Quantity::SuperheatMax)),
            (Sensor::TempDischarge, None, Some(Quantity::DischargeMax)),
            (Sensor::CompressorCurrent, None, Some(Quantity::CurrentMax)),
        ] {
            let value = reading.value(sensor).unwrap();
            let low = least.map(|least| machine.get(least).unwrap());
            let high = most.map(|most| machine.get(most).unwrap());
            let inside = low.is_none_or(|low| value >= low) && high.is_none_or(|high| value <= high);
            let outside = outside.entry((reading.machine, sensor)).or_default();
            *outside = if inside { 0 } else { *outside + 1 };
            assert!(*outside < 15, "{sensor:?} {value} outside {low:?}..{high:?}: {machine:?} {reading:?}");
        }
    }
    assert!(settled * 200 > readings.len(), "{settled} of {}", readings.len());
}

#[test]
fn defrosts_come_as_scheduled() {
    let fleet = fleet(12, 3, 20 * SECOND, 48 * HOUR, 0.0);
    let interval: HashMap<u32, f64> =
        fleet.builds().map(|(machine, build)| (machine, build.defrost_interval)).collect();
    let begins = begins(&all(fleet), Mode::Defrost);
    for (machine, interval) in interval {
        let defrosts = &begins[&machine];
        // Six to eight hours apart: six to eight in two days.
        assert!((5..=8).contains(&defrosts.len()), "{defrosts:?}");
        for pair in defrosts.windows(2) {
            let apart = (pair[1] - pair[0]) as f64 / 1e6;
            // A pump-down, or a start that is not over, may come first.
            assert!(
                (apart - interval).abs() <= 180.0,
                "machine {machine}: {apart} s instead of {interval} s"
            );
        }
    }
}

#[test]
fn a_fleet_in_another_thread_is_the_same_fleet() {
    let run = || bytes(&all(fleet(6, 9, 20 * SECOND, HOUR, 0.5)));
    let other = std::thread::spawn(run).join().unwrap();
    assert!(run() == other);
}

#[test]
fn machines_differ_by_some_fifteen_percent_and_every_pair_is_there_equally_often() {
    let refrigerants = vec![Refrigerant::R134a, Refrigerant::R449A, Refrigerant::R290, Refrigerant::R744];
    let applications = vec![Application::Medium, Application::Low];
    let config = FleetConfig {
        machines: 60,
        refrigerants,
        applications,
        gauge_share: 0.5,
        ..config(60, 1, SECOND, HOUR, 0.0)
    };
    let fleet = Fleet::new(&config).unwrap();
    let mut pairs: HashMap<(&str, &str), Vec<f64>> = HashMap::new();
    let mut gauges = 0;
    for (_, build) in fleet.builds() {
        let pair = (build.refrigerant.name(), build.application.name());
        pairs.entry(pair).or_default().push(build.unit.displacement);
        gauges += usize::from(build.gauge);
    }
    // R134a does not freeze food in one stage, carbon dioxide over brine does nothing else.
    let mut names: Vec<_> = pairs.keys().copied().collect();
    names.sort_unstable();
    assert_eq!(
        names,
        [
            ("R134a", "medium"),
            ("R290", "low"),
            ("R290", "medium"),
            ("R449A", "low"),
            ("R449A", "medium"),
            ("R744", "low")
        ]
    );
    assert!((29..=31).contains(&gauges), "{gauges}");
    for sizes in pairs.values() {
        assert!((9..=11).contains(&sizes.len()), "{pairs:?}");
        let mean = sizes.iter().sum::<f64>() / sizes.len() as f64;
        assert!(sizes.iter().all(|size| (size / mean - 1.0).abs() < 0.25), "{sizes:?}");
        let spread = sizes.iter().fold(0.0, |most: f64, size| most.max((size / mean - 1.0).abs()));
        assert!(spread > 0.03, "{sizes:?}");
    }
    // Which machines are faulty has nothing to do with what they are.
    let halves = FleetConfig { faulty_share: 0.5, machines: 240, ..config.clone() };
    let fleet = Fleet::new(&halves).unwrap();
    let faulty: HashSet<u32> = fleet.faults().iter().map(|fault| fault.machine).collect();
    let mut shares: HashMap<(&str, bool), (f64, f64)> = HashMap::new();
    for (machine, build) in fleet.builds() {
        let (of_kind, of_them) = shares.entry((build.refrigerant.name(), build.gauge)).or_default();
        *of_kind += 1.0;
        *of_them += f64::from(u8::from(faulty.contains(&machine)));
    }
    assert!(shares.values().all(|(all, faulty)| (0.3..0.7).contains(&(faulty / all))), "{shares:?}");
    let only = |refrigerants: Vec<Refrigerant>, applications: Vec<Application>| {
        Fleet::new(&FleetConfig { refrigerants, applications, ..config.clone() }).unwrap_err()
    };
    assert_eq!(
        only(vec![Refrigerant::R744], vec![Application::Medium]),
        FleetError::Refrigerant(Refrigerant::R744)
    );
    assert_eq!(
        only(vec![Refrigerant::R134a], vec![Application::Medium, Application::Low]),
        FleetError::Application(Application::Low)
    );
    assert_eq!(only(vec![], vec![]), FleetError::NoDesign);
}

#[test]
fn gauge_pressures_are_those_above_the_air() {
    let run = |gauge_share| {
        all(Fleet::new(&FleetConfig { gauge_share, ..config(4, 1, 60 * SECOND, HOUR, 0.0) }).unwrap())
    };
    for (absolute, gauge) in run(0.0).iter().zip(&run(1.0)) {
        for sensor in [Sensor::PressureHigh, Sensor::PressureLow] {
            let air = absolute.value(sensor).unwrap() - gauge.value(sensor).unwrap();
            // Between 0 and 800 m.
            assert!((0.91..1.03).contains(&air), "{air}");
        }
        assert_eq!(absolute.value(Sensor::TempRoom), gauge.value(Sensor::TempRoom));
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    /// Whatever breaks, in whatever machine: the readings stay such as a sensor can show.
    #[test]
    fn a_broken_machine_can_be_simulated(
        seed in 0u64..1_000,
        fluid in 0usize..15,
        kinds in proptest::collection::vec((0usize..13, 0.0..=1.0f64), 1..3),
        summer in proptest::bool::ANY,
    ) {
        let refrigerant = Refrigerant::ALL[fluid];
        let suited = Application::ALL.into_iter().filter(|use_| use_.suits(refrigerant));
        let config = FleetConfig {
            refrigerants: vec![refrigerant],
            applications: suited.collect(),
            start: START + if summer { 180 * 24 * HOUR } else { 0 },
            ..config(3, seed, 20 * SECOND, 4 * HOUR, 0.0)
        };
        let mut fleet = Fleet::new(&config).unwrap();
        for machine in 1..=3 {
            for (kind, severity) in &kinds {
                fleet.inject(machine, FaultKind::ALL[*kind], *severity, HOUR, None).unwrap();
            }
        }
        for reading in all(fleet) {
            let get = |sensor| reading.value(sensor).unwrap();
            if reading.mode == Mode::Cooling {
                prop_assert!(get(Sensor::PressureHigh) > get(Sensor::PressureLow), "{reading:?}");
                prop_assert!(get(Sensor::TempDischarge) < 150.0, "{reading:?}");
            }
            for sensor in Sensor::ALL {
                let value = reading.value(sensor).unwrap_or_default();
                prop_assert!((-60.0..200.0).contains(&value), "{sensor:?}: {reading:?}");
            }
            prop_assert!((-30.0..25.0).contains(&get(Sensor::TempProduct)), "{reading:?}");
        }
    }
}

//! Each fault against the table of signatures: its direction, and the figures of a steady-state model of the same equations for the R134a
//! room (Te -11.3, Tc 42.7, SH 8, SC 4, PR 5.7, 7.4 A, COP 2.25 at 2 °C and 30 °C outside).

use super::super::design::{Build, Design, Limits};
use super::super::fault::{Effect, Service};
use super::super::plant::Plant;
use super::super::weather::Weather;
use super::*;
use crate::thermo::{Line, Refrigerant};

/// The example room without the differences between machines, without frost, switches or sensor errors.
fn bench(ambient: f64) -> Plant {
    let design = Design::new(Refrigerant::R134a, Application::Medium).unwrap();
    let mut build = Build::new(1, 1, Refrigerant::R134a, Application::Medium, &design, false);
    build.unit = design.unit.clone();
    build.limits = Limits { te: -60.0, p_high: 99.0, discharge: 300.0, current: 99.0, ..design.limits };
    (build.set_point, build.defrost_interval, build.frosting) = (-30.0, 1e12, 0.0);
    (build.pumps_down, build.variable, build.electronic_valve) = (false, false, true);
    build.bias = [0.0; Sensor::COUNT];
    let mut plant = Plant::new(1, 1, START, build);
    plant.weather = Weather::still(ambient, &mut plant.stream);
    (plant.frost, plant.speed) = (0.0, 1.0);
    plant
}

/// What the sensors say on average, and what they imply.
#[derive(Debug)]
struct Steady {
    of: HashMap<Sensor, f64>,
    ratio: f64,
    /// Condensation as it follows from the high pressure, °C.
    apparent: f64,
    capacity: f64,
    cop: f64,
}

/// An hour at constant conditions, of which the last twenty minutes count.
fn steady(ambient: f64, effect: Effect) -> Steady {
    let mut plant = bench(ambient);
    let (mut of, mut capacity, mut electric): (HashMap<_, f64>, f64, f64) = Default::default();
    for step in 0..1_800 {
        (plant.air, plant.air_sensor) = (2.0, 2.0);
        let time = START + step * 2 * SECOND;
        assert!(!plant.advance(time, 2.0, &effect, Service::InUse));
        if step >= 1_200 {
            let reading = plant.read(time, &effect);
            assert_eq!(reading.mode, Mode::Cooling);
            for sensor in Sensor::ALL {
                *of.entry(sensor).or_default() += reading.value(sensor).unwrap_or_default() / 600.0;
            }
            capacity += plant.cooling / 600.0;
            electric += plant.work / 0.88 / 600.0;
        }
    }
    let ratio = of[&Sensor::PressureHigh] / of[&Sensor::PressureLow];
    let apparent = plant.build.unit.fluid.t_sat(of[&Sensor::PressureHigh], Line::Dew).unwrap();
    Steady { ratio, apparent, capacity, cop: capacity / electric, of }
}

/// The change that a fault at `level` of its full size makes: sensors, then pressure ratio, apparent condensation (K), and
/// capacity and COP (%).
struct Change {
    of: HashMap<Sensor, f64>,
    ratio: f64,
    apparent: f64,
    capacity: f64,
    cop: f64,
}

fn change(ambient: f64, effect: Effect) -> Change {
    let (healthy, faulty) = (steady(30.0, Effect::NONE), steady(ambient, effect));
    let percent = |faulty: f64, healthy: f64| 100.0 * (faulty / healthy - 1.0);
    Change {
        of: faulty.of.iter().map(|(sensor, value)| (*sensor, value - healthy.of[sensor])).collect(),
        ratio: faulty.ratio - healthy.ratio,
        apparent: faulty.apparent - healthy.apparent,
        capacity: percent(faulty.capacity, healthy.capacity),
        cop: percent(faulty.cop, healthy.cop),
    }
}

fn of(kind: FaultKind, level: f64) -> Change {
    change(30.0, kind.effect(level))
}

/// Within 8 % of the table's figure, and what rounding it and the sensors leaves: 0.3 K, 0.1 A, 0.1 bar, 1 % of capacity or COP.
#[track_caller]
fn close(found: f64, expected: f64, rounding: f64) {
    let tolerance = 0.08 * expected.abs() + rounding;
    assert!((found - expected).abs() <= tolerance, "{found} instead of {expected} ± {tolerance}");
}

impl Change {
    #[track_caller]
    fn kelvin(&self, sensor: Sensor, expected: f64) -> &Self {
        close(self.of[&sensor], expected, 0.3);
        self
    }

    #[track_caller]
    fn small(&self, sensor: Sensor, expected: f64) -> &Self {
        close(self.of[&sensor], expected, 0.1);
        self
    }

    #[track_caller]
    fn ratio(&self, expected: f64) -> &Self {
        close(self.ratio, expected, 0.07);
        self
    }

    #[track_caller]
    fn capacity(&self, expected: f64) -> &Self {
        close(self.capacity, expected, 1.0);
        self
    }

    #[track_caller]
    fn cop(&self, expected: f64) -> &Self {
        close(self.cop, expected, 1.0);
        self
    }

    /// These stay what they are.
    #[track_caller]
    fn same(&self, sensors: &[Sensor]) -> &Self {
        for sensor in sensors {
            assert!(self.of[sensor].abs() <= 0.4, "{sensor:?}: {}", self.of[sensor]);
        }
        self
    }
}

use Sensor::{
    CompressorCurrent as Current, PressureHigh, Subcooling, Superheat, TempCondenser as Tc,
    TempDischarge as T2, TempEvaporator as Te, ValveOpening, Vibration,
};

#[test]
fn the_healthy_room_is_the_example() {
    let room = steady(30.0, Effect::NONE);
    for (sensor, expected) in [(Te, -11.3), (Tc, 42.7), (Superheat, 8.0), (Subcooling, 4.0)] {
        close(room.of[&sensor], expected, 0.1);
    }
    close(room.of[&Current], 7.4, 0.0);
    close(room.ratio, 5.7, 0.0);
    close(room.cop, 2.25, 0.0);
    close(room.of[&T2], 70.5, 0.0);
    close(room.of[&Sensor::TempSuction], -3.3, 0.2);
}

#[test]
fn a_hot_day_is_as_large_as_a_fault() {
    let change = change(38.0, Effect::NONE);
    change.kelvin(Tc, 7.6).ratio(1.0).small(Current, 0.7).cop(-17.0);
}

#[test]
fn a_leak_lowers_subcooling_first_and_evaporation_late() {
    // Levels of a full leak of 35 %.
    of(FaultKind::SlowLeak, 10.0 / 35.0).kelvin(Subcooling, -2.5).same(&[Te, Tc, Superheat, T2]);
    of(FaultKind::SlowLeak, 20.0 / 35.0).kelvin(Subcooling, -4.0).kelvin(Superheat, 0.2).same(&[Te, Tc]);
    let full = of(FaultKind::SlowLeak, 1.0);
    full.kelvin(Te, -5.7).kelvin(Superheat, 10.6).kelvin(T2, 12.0).small(Current, -0.85);
    full.kelvin(Subcooling, -4.0).capacity(-24.0).cop(-12.0);
    assert!(full.of[&Tc] < 0.0 && full.of[&ValveOpening] > 5.0);
}

#[test]
fn an_overcharge_raises_condensation_and_subcooling() {
    let change = of(FaultKind::Overcharge, 1.0);
    change.kelvin(Tc, 3.0).kelvin(Subcooling, 5.0).kelvin(T2, 4.0).cop(-3.0).same(&[Te, Superheat]);
    assert!(change.of[&Current] > 0.1);
}

#[test]
fn a_fouled_condenser_raises_condensation_and_current() {
    // 30 of the full 40 %.
    let change = of(FaultKind::FouledCondenser, 0.75);
    change.kelvin(Tc, 5.1).ratio(0.7).kelvin(T2, 6.4).small(Current, 0.46).cop(-12.0);
    change.same(&[Superheat, Subcooling]);
    assert!(change.of[&Te] > 0.2);
}

#[test]
fn a_dead_condenser_fan_is_fouling_but_far_stronger() {
    let change = of(FaultKind::FailingFan, 1.0);
    change.kelvin(Tc, 20.0).small(PressureHigh, 7.0).cop(-39.0).same(&[Superheat, Subcooling]);
    assert!(change.of[&Te] > 1.0 && change.of[&T2] > 20.0 && change.of[&Current] > 1.4);
}

#[test]
fn ice_lowers_evaporation_and_capacity() {
    let change = of(FaultKind::IcedEvaporator, 1.0);
    change.kelvin(Te, -4.0).small(Current, -0.6).capacity(-16.0).same(&[Subcooling]);
    assert!(change.of[&Tc] < -1.0 && change.of[&Superheat] < -1.0 && change.of[&T2] < 0.0);
}

#[test]
fn a_dead_evaporator_fan_is_ice_but_far_stronger() {
    let change = of(FaultKind::FailingEvaporatorFan, 1.0);
    change.kelvin(Te, -12.7).capacity(-46.0).same(&[Subcooling]);
    assert!(change.of[&Tc] < -4.0 && change.of[&Superheat] < -2.0 && change.of[&Current] < -1.5);
}

#[test]
fn a_restriction_starves_the_evaporator_but_not_the_condenser() {
    let change = of(FaultKind::Restriction, 1.0);
    change.kelvin(Te, -8.6).kelvin(Superheat, 13.7).kelvin(T2, 17.0).capacity(-32.0).same(&[Subcooling]);
    assert!(change.of[&Tc] < -2.0 && change.of[&Current] < -1.0);
}

#[test]
fn leaking_valves_bring_the_pressures_together() {
    let change = of(FaultKind::LeakingValves, 1.0);
    change.kelvin(Te, 1.9).kelvin(Tc, -1.8).ratio(-0.65).kelvin(T2, 4.4).small(Current, -0.7).capacity(-16.0);
    assert!(change.cop < 0.0);
}

#[test]
fn non_condensables_raise_the_pressure_only_and_show_at_a_standstill() {
    let change = of(FaultKind::NonCondensables, 1.0);
    close(change.apparent, 5.0, 0.3);
    change.kelvin(Subcooling, 5.0).small(PressureHigh, 1.5).same(&[Te, Tc, Superheat]);
    assert!(change.of[&T2] > 3.0 && change.of[&Current] > 0.2 && change.cop < -3.0);
    let effect = FaultKind::NonCondensables.effect(1.0);
    let mut plant = bench(30.0);
    // Nothing drives the machine on: it has been taken out of use.
    for _ in 0..720 {
        plant.advance(START, 10.0, &effect, Service::Working);
    }
    let reading = plant.read(START, &effect);
    let fluid = Refrigerant::R134a.properties();
    let excess = reading.value(PressureHigh).unwrap() - fluid.p_sat(30.0, Line::Dew).unwrap();
    close(excess, 1.5, 0.2);
}

#[test]
fn a_floodback_lowers_superheat_and_discharge() {
    let change = of(FaultKind::Floodback, 1.0);
    change.kelvin(Superheat, -6.5).kelvin(T2, -7.0).same(&[Subcooling]);
    assert!(change.of[&Te] > 0.5 && change.of[&Tc] > 0.1 && change.of[&Current] > 0.0);
    let room = steady(30.0, FaultKind::Floodback.effect(1.0));
    assert!(room.of[&Superheat] < 3.0 && room.of[&T2] - room.of[&Tc] < 21.0, "{room:?}");
}

#[test]
fn a_worn_bearing_shakes_exponentially() {
    let vibration: Vec<f64> = [0.0, 0.5, 1.0]
        .map(|level| steady(30.0, FaultKind::WornBearing.effect(level)).of[&Vibration])
        .to_vec();
    close(vibration[1] / vibration[0], 1.35_f64.exp(), 0.0);
    close(vibration[2] / vibration[1], 1.35_f64.exp(), 0.0);
    let change = of(FaultKind::WornBearing, 1.0);
    change.same(&[Te, Tc, Superheat, Subcooling]);
    assert!((0.2..0.6).contains(&change.of[&Current]) && (1.0..4.5).contains(&change.of[&T2]));
    assert!((-8.0..-2.0).contains(&change.cop), "{}", change.cop);
}

#[test]
fn oil_lowers_evaporation_and_capacity_slightly() {
    let change = of(FaultKind::ExcessOil, 1.0);
    change.kelvin(Te, -0.65).kelvin(Superheat, 0.7).capacity(-5.0).same(&[Subcooling, T2]);
}

#[test]
fn a_drifting_sensor_changes_its_own_channel_and_the_superheat_only() {
    let change = of(FaultKind::DriftingSensor, 1.0);
    close(change.of[&Sensor::PressureLow], -0.6, 0.01);
    // 1.91 and 1.31 bar: 10.1 K apart.
    close(change.of[&Superheat], 10.1, 0.3);
    for sensor in Sensor::ALL {
        let derived = [Sensor::PressureLow, Superheat].contains(&sensor);
        assert!(derived || change.of[&sensor].abs() < 1e-9, "{sensor:?}: {}", change.of[&sensor]);
    }
}

use crate::machine::quantity::Quantity as Q;
use crate::machine::{Application, Machine, Machines, PressureReference, atmosphere};
use crate::thermo::Refrigerant;

fn resolved(machine: Machine) -> Machine {
    Machines::new(Machine::default(), vec![("1".into(), machine)]).unwrap().machine("1").0.clone()
}

/// ISO 2533, table 1: 898.75 hPa at 1,000 m, 794.95 hPa at 2,000 m, 616.40 hPa at 4,000 m.
#[test]
fn the_air_is_thinner_further_up() {
    for (altitude, bar) in [(0.0, 1.013_25), (1_000.0, 0.898_75), (2_000.0, 0.794_95), (4_000.0, 0.616_40)] {
        assert!((atmosphere(altitude) - bar).abs() < 2e-5, "{altitude} m: {}", atmosphere(altitude));
    }
}

#[test]
fn what_nobody_has_said_gives_no_limit() {
    let machine = resolved(Machine::default());
    for unknown in [
        Q::EvaporatingMin,
        Q::CondensingMax,
        Q::PressureLowMin,
        Q::PressureHighMax,
        Q::CurrentMax,
        Q::RoomMax,
    ] {
        assert_eq!(machine.get(unknown), None, "{unknown:?}");
    }
    assert_eq!(machine.get(Q::SuperheatMin), Some(3.0));
    assert_eq!(
        (machine.pressure_reference, machine.get(Q::Altitude)),
        (Some(PressureReference::Absolute), Some(0.0))
    );
}

#[test]
fn limits_follow_from_application_and_set_points() {
    let chill = Machine {
        application: Some(Application::Medium),
        refrigerant: Some(Refrigerant::R134a),
        ..Machine::default()
    };
    let chill =
        resolved(chill.with(Q::SetpointRoom, 4.0).with(Q::SetpointSuperheat, 6.0).with(Q::RatedCurrent, 9.0));
    let of = |quantity| chill.get(quantity).unwrap();
    assert_eq!((of(Q::EvaporatingMin), of(Q::EvaporatingMax)), (-20.0, 5.0));
    assert_eq!((of(Q::RoomMin), of(Q::RoomMax)), (1.0, 9.0));
    assert_eq!((of(Q::SuperheatMax), of(Q::CurrentMax), of(Q::DischargeMax)), (16.0, 9.0, 110.0));
    let frozen = Machine {
        application: Some(Application::Low),
        refrigerant: Some(Refrigerant::R717),
        ..Machine::default()
    };
    let frozen = resolved(frozen.with(Q::SetpointRoom, -20.0).with(Q::EvaporatingMin, -38.0));
    assert_eq!(frozen.get(Q::RoomMax), Some(-17.0));
    assert_eq!(frozen.get(Q::EvaporatingMin), Some(-38.0), "the file's own stays");
    assert_eq!(frozen.get(Q::DischargeMax), Some(150.0));
}

#[test]
fn pressure_limits_are_given_as_the_transmitters_show_them_and_are_absolute() {
    let machine = Machine { pressure_reference: Some(PressureReference::Gauge), ..Machine::default() };
    let machine =
        machine.with(Q::PressureLowMin, 0.5).with(Q::PressureHighMax, 18.0).with(Q::Altitude, 1_000.0);
    let machine = resolved(machine);
    assert!((machine.get(Q::PressureLowMin).unwrap() - 1.398_75).abs() < 1e-4);
    assert!((machine.get(Q::PressureHighMax).unwrap() - 18.898_75).abs() < 1e-4);
}

/// Saturation pressure of the vapour at the lowest evaporating and the highest condensing temperature, bar absolute: CoolProp 8.0.0,
/// PropsSI('P', 'T', t, 'Q', 1).
const REFERENCE: [(Refrigerant, Application, f64, f64); 7] = [
    (Refrigerant::R134a, Application::Medium, 1.327_350, 18.898_218),
    (Refrigerant::R404A, Application::Low, 1.036_518, 25.709_336),
    (Refrigerant::R717, Application::Low, 0.544_292, 20.329_727),
    (Refrigerant::R290, Application::Medium, 2.445_183, 21.167_529),
    (Refrigerant::R410A, Application::High, 6.783_103, 36.691_718),
    (Refrigerant::R744, Application::Low, 8.318_366, 64.342_443),
    (Refrigerant::R449A, Application::Low, 0.781_798, 25.014_682),
];

#[test]
fn pressure_limits_follow_from_saturation_temperatures() {
    for (refrigerant, application, low, high) in REFERENCE {
        let machine =
            Machine { refrigerant: Some(refrigerant), application: Some(application), ..Machine::default() };
        let machine = resolved(machine);
        let (found_low, found_high) =
            (machine.get(Q::PressureLowMin).unwrap(), machine.get(Q::PressureHighMax).unwrap());
        assert!((found_low / low - 1.0).abs() < 5e-4, "{refrigerant:?}: {found_low}, not {low}");
        assert!((found_high / high - 1.0).abs() < 5e-4, "{refrigerant:?}: {found_high}, not {high}");
    }
}

/// Every refrigerant has all limits in each application: the tables reach as far.
#[test]
fn every_refrigerant_has_pressure_limits() {
    for refrigerant in Refrigerant::ALL {
        for application in Application::ALL {
            let machine = Machine {
                refrigerant: Some(refrigerant),
                application: Some(application),
                ..Machine::default()
            };
            let machine = resolved(machine);
            for limit in [Q::PressureLowMin, Q::PressureHighMax] {
                assert!(machine.get(limit).is_some(), "{refrigerant:?} {application:?} {limit:?}");
            }
        }
    }
}

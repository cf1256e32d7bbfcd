//! What follows from what is said of a machine: its limits.
//!
//! Limits are saturation temperatures, which mean the same for every refrigerant; pressures follow from them. 16 bar is
//! 58 °C for R134a, 35 °C for R404A and 24 °C for R410A: no limit in bar holds for all. A limit that the file gives stays,
//! and one that would need what nobody has said (a refrigerant, an application, a rating) is absent.
//!
//! | limit | where the file gives none |
//! |---|---|
//! | `evaporating_min`, `evaporating_max` | by application: high -5 to 15, medium -20 to 5, low -45 to -15 °C |
//! | `condensing_min` | 15 °C, below which expansion valves starve; for R744 -15 °C |
//! | `condensing_max` | by refrigerant, about 0.9 of the pressure that usual components are built for |
//! | `pressure_low_min` | saturation pressure at `evaporating_min` |
//! | `pressure_high_max` | saturation pressure at `condensing_max` |
//! | `superheat_min` | 3 K |
//! | `superheat_max` | 10 K above the set-point, or 18 K |
//! | `discharge_max` | 110 °C; for R717, which is hotter at the same work, 150 °C |
//! | `current_max` | the rated current |
//! | `room_min` | 3 K below the set-point |
//! | `room_max` | above the set-point: 3 K where frozen goods are kept, else 5 K |
//!
//! They are general practice, good for a first alarm; a machine's own data sheet is better, and goes into the file.

use super::error::Fault;
use super::quantity::Quantity as Q;
use super::refrigerant;
use super::{Application, Machine, PressureReference};

/// Pressure of the air in bar at `altitude` m above the sea, by the international standard atmosphere (ISO 2533),
/// which holds to 11 km.
pub fn atmosphere(altitude: f64) -> f64 {
    1.013_25 * (1.0 - 2.255_77e-5 * altitude).powf(5.255_88)
}

/// The machine with everything that follows. Pressure limits of the file, which are as the transmitters show them, become
/// absolute.
pub(super) fn resolve(said: &Machine) -> Machine {
    let mut machine = said.clone();
    let reference = *machine.pressure_reference.get_or_insert(PressureReference::Absolute);
    let altitude = said.get(Q::Altitude).unwrap_or(0.0);
    machine.set(Q::Altitude, Some(altitude));
    let air = match reference {
        PressureReference::Absolute => 0.0,
        PressureReference::Gauge => atmosphere(altitude),
    };
    for pressure in [Q::PressureLowMin, Q::PressureHighMax] {
        machine.set(pressure, said.get(pressure).map(|shown| shown + air));
    }
    let (evaporating_min, evaporating_max) = match machine.application {
        Some(Application::High) => (Some(-5.0), Some(15.0)),
        Some(Application::Medium) => (Some(-20.0), Some(5.0)),
        Some(Application::Low) => (Some(-45.0), Some(-15.0)),
        None => (None, None),
    };
    let over_room = if machine.application == Some(Application::Low) { 3.0 } else { 5.0 };
    let room = machine.get(Q::SetpointRoom);
    for (limit, value) in [
        (Q::EvaporatingMin, evaporating_min),
        (Q::EvaporatingMax, evaporating_max),
        (Q::CondensingMin, machine.refrigerant.map(refrigerant::condensing_min)),
        (Q::CondensingMax, machine.refrigerant.map(refrigerant::condensing_max)),
        (Q::SuperheatMin, Some(3.0)),
        (Q::SuperheatMax, Some(machine.get(Q::SetpointSuperheat).map_or(18.0, |set| set + 10.0))),
        (Q::DischargeMax, Some(refrigerant::discharge_max(machine.refrigerant))),
        (Q::CurrentMax, machine.get(Q::RatedCurrent)),
        (Q::RoomMin, room.map(|set| set - 3.0)),
        (Q::RoomMax, room.map(|set| set + over_room)),
    ] {
        machine.set(limit, machine.get(limit).or(value));
    }
    for (limit, at) in [(Q::PressureLowMin, Q::EvaporatingMin), (Q::PressureHighMax, Q::CondensingMax)] {
        let saturated = || refrigerant::p_sat(machine.refrigerant?, machine.get(at)?);
        let pressure = machine.get(limit).or_else(saturated);
        machine.set(limit, pressure);
    }
    machine
}

/// Refuses limits that no state can keep.
pub(super) fn check(machine: &Machine) -> Result<(), Fault> {
    for (least, most) in [
        (Q::EvaporatingMin, Q::EvaporatingMax),
        (Q::CondensingMin, Q::CondensingMax),
        (Q::PressureLowMin, Q::PressureHighMax),
        (Q::SuperheatMin, Q::SuperheatMax),
        (Q::RoomMin, Q::RoomMax),
    ] {
        if let (Some(low), Some(high)) = (machine.get(least), machine.get(most))
            && low >= high
        {
            let (least, most) = (least.spec(), most.spec());
            let message =
                format!("{} is {low} {unit} and {} is {high} {unit}", least.key, most.key, unit = least.unit);
            let hint = "the first must be below the second; one that the file does not give follows from the rest: \
                        docs/machines.md says how";
            return Err(Fault::new(&format!("limits.{}", least.key), &message, hint));
        }
    }
    Ok(())
}

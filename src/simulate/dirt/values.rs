//! Dirt within a reading: its values and its time.

use super::{DirtKind, STUCK, Victim};
use crate::simulate::reading::{Reading, Sensor};

/// Sensors in °C.
pub(super) const TEMPERATURES: [Sensor; 7] = [
    Sensor::TempEvaporator,
    Sensor::TempCondenser,
    Sensor::TempDischarge,
    Sensor::TempSuction,
    Sensor::TempAmbient,
    Sensor::TempRoom,
    Sensor::TempProduct,
];
/// Sensors in K.
const DIFFERENCES: [Sensor; 2] = [Sensor::Superheat, Sensor::Subcooling];
/// Sensors in bar.
const PRESSURES: [Sensor; 2] = [Sensor::PressureHigh, Sensor::PressureLow];
/// psi in a bar.
const PSI: f64 = 14.503_774;
/// Microseconds of a day.
const DAY: f64 = 86_400e6;

impl Victim {
    /// Makes a reading as wrong as it will be.
    pub(super) fn soil(&mut self, reading: &mut Reading) {
        let now = reading.timestamp;
        if self.suffers(DirtKind::Noise) {
            for sensor in Sensor::ALL {
                let noise = 5.0 * sensor.noise() * self.stream.normal();
                change(reading, sensor, |value| value + noise);
            }
        }
        if self.suffers(DirtKind::Drift) {
            let (sensor, a_day) = self.drifting;
            let days = (now - self.start) as f64 / DAY;
            change(reading, sensor, |value| value + a_day * days);
        }
        self.mix_up(reading);
        if self.suffers(DirtKind::Stuck) {
            self.stick(reading, now);
        }
        if self.happens(DirtKind::Spikes, 0.002) {
            let (sensor, sign) = (self.any_sensor(), self.stream.between(-1.0, 1.0).signum());
            let jump = sign * self.stream.between(20.0, 100.0);
            change(reading, sensor, |value| value + jump);
        }
        if self.happens(DirtKind::Dropouts, 0.005) {
            let sensor = self.any_sensor();
            reading.clear(sensor);
        }
        if self.suffers(DirtKind::ClockSkew) {
            reading.timestamp = (now + self.skew).max(0);
        }
    }

    /// Another reference, other units.
    fn mix_up(&self, reading: &mut Reading) {
        if self.suffers(DirtKind::Gauge) {
            let more = if self.gauge { self.air } else { -self.air };
            PRESSURES.into_iter().for_each(|sensor| change(reading, sensor, |value| value + more));
        }
        if self.suffers(DirtKind::Psi) {
            PRESSURES.into_iter().for_each(|sensor| change(reading, sensor, |value| value * PSI));
        }
        if self.suffers(DirtKind::Fahrenheit) {
            TEMPERATURES.into_iter().for_each(|sensor| change(reading, sensor, |value| value * 1.8 + 32.0));
            DIFFERENCES.into_iter().for_each(|sensor| change(reading, sensor, |value| value * 1.8));
        }
    }

    /// A sensor that sticks shows what it showed when that began.
    fn stick(&mut self, reading: &mut Reading, now: i64) {
        if !self.stuck_times.on(now, STUCK.0, STUCK.1, &mut self.stream) {
            self.stuck = None;
            return;
        }
        let (sensor, value) = match self.stuck {
            Some(stuck) => stuck,
            None => {
                let sensor = self.any_sensor();
                let stuck = (sensor, reading.value(sensor));
                self.stuck = Some(stuck);
                stuck
            }
        };
        match value {
            Some(value) => reading.set(sensor, value),
            None => reading.clear(sensor),
        }
    }

    /// One of the sensors that every machine has.
    fn any_sensor(&mut self) -> Sensor {
        let every = TEMPERATURES.len() + PRESSURES.len();
        let at = (self.stream.uniform() * every as f64) as usize;
        TEMPERATURES.into_iter().chain(PRESSURES).nth(at).unwrap_or(Sensor::TempRoom)
    }
}

/// Changes a value that is there.
fn change(reading: &mut Reading, sensor: Sensor, to: impl FnOnce(f64) -> f64) {
    if let Some(value) = reading.value(sensor) {
        reading.set(sensor, to(value));
    }
}

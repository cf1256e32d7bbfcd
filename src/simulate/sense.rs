//! What the sensors of a plant say: the truth, their fixed errors, and noise.

use super::design::MOTOR;
use super::fault::Effect;
use super::plant::{HEATER, Plant};
use super::reading::{Mode, Reading, Sensor};
use crate::thermo::{Line, Properties};

/// The least absolute pressure that a sensor shows, bar.
const LEAST_PRESSURE: f64 = 0.1;
/// Fans, lamps and controls, kW.
const AUXILIARIES: f64 = 0.25;
/// Vibration of a compressor that stands, g.
const AT_REST: f64 = 0.001;

impl Plant {
    /// What the sensors say at `time`. Takes the same number of random numbers in every mode, so that a
    /// fault does not change the noise.
    pub(super) fn read(&mut self, time: i64, effect: &Effect) -> Reading {
        let mode = self.control.mode;
        let (running, cools) = (mode.runs(), mode.cools());
        let build = &self.build;
        let fluid = build.unit.fluid;
        let electric = self.work / MOTOR;
        let shaking =
            if running { build.vibration * effect.vibration * (0.7 + 0.3 * self.speed) } else { AT_REST };
        let suction = fluid.p_sat(self.te, Line::Dew).unwrap_or(LEAST_PRESSURE);
        let shown_suction = (suction + effect.suction_offset).max(LEAST_PRESSURE);
        let p_high = self.p_high(effect);
        let reference = if build.gauge { build.air_pressure() } else { 0.0 };
        // Neither is a sensor: the controller takes superheat from suction temperature and suction pressure, subcooling from the liquid
        // line's temperature and the high pressure. What is wrong with a pressure is wrong with them.
        let between = |shown, true_pressure, line| {
            if shown == true_pressure { 0.0 } else { difference(fluid, shown, true_pressure, line) }
        };
        let superheat = self.superheat - between(shown_suction, suction, Line::Dew);
        let air = effect.non_condensables;
        let subcooling = self.subcooling + between(p_high, p_high - air, Line::Bubble);
        let percent = |share: f64| if running { 100.0 * share } else { 0.0 };
        let mut reading = Reading::new(time, self.machine, mode);
        for (sensor, bias) in Sensor::ALL.into_iter().zip(build.bias) {
            let noise = self.stream.normal();
            let value = match sensor {
                Sensor::TempEvaporator => self.te,
                Sensor::TempCondenser => self.tc,
                Sensor::PressureHigh => p_high - reference,
                Sensor::PressureLow => shown_suction - reference,
                // Without flow these three have no meaning.
                Sensor::Superheat | Sensor::Subcooling | Sensor::Efficiency if !cools => continue,
                Sensor::Superheat => superheat,
                Sensor::Subcooling => subcooling,
                Sensor::CompressorCurrent => self.current() * (1.0 + 0.01 * noise),
                Sensor::Vibration => shaking * (0.15 * noise).exp(),
                Sensor::Efficiency => self.balance.isentropic / effect.friction,
                Sensor::TempDischarge => self.discharge,
                Sensor::TempSuction => self.te + self.superheat,
                Sensor::TempAmbient => self.ambient,
                Sensor::TempRoom => self.air_sensor,
                Sensor::TempProduct => self.product,
                Sensor::Power => {
                    let rest = if mode == Mode::Defrost { HEATER } else { 0.0 };
                    electric * (1.0 + 0.005 * noise) + AUXILIARIES + rest
                }
                Sensor::FanSpeed => percent(self.balance.fan),
                Sensor::CompressorSpeed if build.variable => percent(self.speed),
                Sensor::ValveOpening if build.electronic_valve => {
                    percent(if mode == Mode::PumpDown { 0.0 } else { self.balance.valve })
                }
                Sensor::CompressorSpeed | Sensor::ValveOpening => continue,
            };
            // A motor that stands draws nothing, whatever its sensor's noise.
            let noise = if sensor == Sensor::CompressorCurrent && !running { 0.0 } else { noise };
            let value = value + bias + sensor.noise() * noise;
            reading.set(sensor, if sensor.positive() { value.max(0.0) } else { value });
        }
        reading
    }
}

/// Saturation temperature at `shown` less that at `p`, K; zero where one is outside of the tables.
fn difference(fluid: &Properties, shown: f64, p: f64, line: Line) -> f64 {
    let at = |p| fluid.t_sat(p, line);
    at(shown).zip(at(p)).map_or(0.0, |(shown, p)| shown - p)
}

//! What comes from outside: the air at the condenser, and the heat that people and goods bring.

use super::design::Build;
use super::random::{Stream, Wander};

/// Heat that comes through an open door, kW.
const DOOR: f64 = 1.5;
/// Seconds that a door stays open, at least and at most.
const DOOR_OPEN: (f64, f64) = (20.0, 60.0);

/// The air (or brine) onto the condenser: mean + season + day + an AR(1) process of 2.5 K over two days.
#[derive(Debug, Clone)]
pub(super) struct Weather {
    mean: f64,
    season: f64,
    day: f64,
    wander: Wander,
    minute: i64,
    wave: f64,
}

impl Weather {
    pub(super) fn new(build: &Build, stream: &mut Stream) -> Self {
        // Brine is kept at its temperature by another machine.
        let (season, day, sd) = if build.brine { (0.0, 0.3, 0.4) } else { (9.0, 5.0, 2.5) };
        let wander = Wander::new(sd, 2.0 * 86_400.0, stream);
        Self { mean: build.ambient, season, day, wander, minute: i64::MIN, wave: 0.0 }
    }

    /// A day that never changes, for tests.
    #[cfg(test)]
    pub(super) fn still(ambient: f64, stream: &mut Stream) -> Self {
        let wander = Wander::new(0.0, 1.0, stream);
        Self { mean: ambient, season: 0.0, day: 0.0, wander, minute: i64::MIN, wave: 0.0 }
    }

    /// Goes on by `dt` seconds to `time` (microseconds since the epoch); °C.
    pub(super) fn advance(&mut self, time: i64, dt: f64, stream: &mut Stream) -> f64 {
        self.wander.advance(dt, stream);
        let minute = time.div_euclid(60_000_000);
        // The sun does not move within a minute, and two cosines are half of a step's time.
        if minute != self.minute {
            self.minute = minute;
            let hours = minute as f64 / 60.0;
            let wave = |period: f64, crest: f64| ((hours - crest) / period * std::f64::consts::TAU).cos();
            // Warmest at 15 h, and at the end of July.
            self.wave = self.season * wave(8_766.0, 5_088.0) + self.day * wave(24.0, 15.0);
        }
        self.mean + self.wave + self.wander.value
    }
}

/// The heat that the room takes up besides the coil's, kW.
#[derive(Debug, Clone)]
pub(super) struct Load {
    base: f64,
    walls: f64,
    doors: f64,
    wander: Wander,
    /// Seconds until the door is closed.
    open: f64,
}

impl Load {
    pub(super) fn new(build: &Build, stream: &mut Stream) -> Self {
        Self {
            base: build.load,
            walls: build.walls,
            doors: build.doors,
            wander: Wander::new(0.10, 1_800.0, stream),
            open: 0.0,
        }
    }

    /// The load over the `dt` seconds up to `time`, in a room of `air` °C within `ambient` °C. Takes the same number of random numbers
    /// whatever happens, so that a fault does not change what people do.
    pub(super) fn advance(&mut self, time: i64, dt: f64, air: f64, ambient: f64, stream: &mut Stream) -> f64 {
        self.wander.advance(dt, stream);
        let (chance, length) = (stream.uniform(), stream.uniform());
        let hours = time as f64 / 3.6e9;
        let hour = hours.rem_euclid(24.0);
        // The epoch was a Thursday.
        let day = (hours / 24.0).floor().rem_euclid(7.0);
        let weekend = (2.0..4.0).contains(&day);
        let busy = (7.0..20.0).contains(&hour);
        let restocking = !weekend && (6.0..9.0).contains(&hour);
        let people = match (busy, weekend) {
            (true, false) => 1.1,
            (true, true) => 0.95,
            (false, _) => 0.8,
        };
        let people = people + if restocking { 0.25 } else { 0.0 };
        if self.open <= 0.0 && busy && chance < self.doors / 3_600.0 * dt {
            self.open = DOOR_OPEN.0 + (DOOR_OPEN.1 - DOOR_OPEN.0) * length;
        }
        let door = DOOR * self.open.clamp(0.0, dt) / dt;
        self.open -= dt;
        // The lamps and fans are part of the base; a brine machine stands in the same kind of building.
        let outside = ambient.max(15.0);
        self.base * people * (1.0 + self.wander.value) + self.walls * (outside - air) + door
    }
}

//! The controller of a machine: thermostat, pump-down, defrost clock, safety switches.
//!
//! ```text
//! off ─▶ starting ─▶ cooling ─▶ (pump_down) ─▶ off            thermostat ±1 K, at least 3 min on and 4 min off
//!                       └─▶ (pump_down) ─▶ defrost ─▶ drip ─▶ fan_delay ─▶ cooling        by the clock
//! any ─▶ fault ─▶ off        a safety switch, 5 min; the third time in an hour locks the machine out
//! any ─▶ fault ─▶ standby ─▶ off        failed, then worked upon
//! ```

use super::design::Build;
use super::fault::Service;
use super::reading::Mode;

/// The thermostat switches this far from the set-point, K.
pub(super) const THERMOSTAT: f64 = 1.0;
/// Shortest times on and off, s.
const SHORTEST_ON: f64 = 180.0;
const SHORTEST_OFF: f64 = 240.0;
/// A machine is starting for this long, s.
const STARTING: f64 = 60.0;
/// A pump-down that does not end is ended, s.
const PUMP_DOWN: f64 = 90.0;
/// A defrost ends when the coil has this temperature, °C, or after so many seconds.
const COIL_CLEAR: f64 = 9.0;
const LONGEST_DEFROST: f64 = 1_800.0;
const DRIP: f64 = 150.0;
const FAN_DELAY: f64 = 90.0;
/// After a safety switch the machine waits, s; locked out and not repaired, it tries again later.
const TRIPPED: f64 = 300.0;
const LOCKED: f64 = 1_800.0;
/// So many trips in an hour lock the machine out.
const TRIPS: u32 = 3;
/// The low-pressure switch is not looked at while the machine starts, s.
const LOW_PRESSURE_DELAY: f64 = 120.0;

/// What the controller sees.
#[derive(Debug, Clone, Copy)]
pub(super) struct View {
    /// Its air sensor, °C.
    pub(super) air: f64,
    pub(super) te: f64,
    pub(super) p_high: f64,
    pub(super) discharge: f64,
    pub(super) current: f64,
    pub(super) service: Service,
}

/// The state of the controller.
#[derive(Debug, Clone)]
pub(super) struct Control {
    pub(super) mode: Mode,
    /// Seconds in this mode.
    in_mode: f64,
    /// Seconds since the compressor started.
    pub(super) running: f64,
    /// Seconds until the next defrost.
    pub(super) until_defrost: f64,
    /// Seconds that the machine still waits after a trip.
    wait: f64,
    trips: u32,
    /// Seconds since the first of these trips.
    first_trip: f64,
}

impl Control {
    pub(super) fn new(until_defrost: f64) -> Self {
        Self {
            mode: Mode::Cooling,
            in_mode: SHORTEST_ON,
            running: SHORTEST_ON,
            until_defrost,
            wait: 0.0,
            trips: 0,
            first_trip: 0.0,
        }
    }

    /// Lets `dt` seconds pass and decides. True when the machine locks itself out.
    pub(super) fn advance(&mut self, dt: f64, build: &Build, view: &View) -> bool {
        self.in_mode += dt;
        self.running = if self.mode.runs() { self.running + dt } else { 0.0 };
        self.until_defrost -= dt;
        self.wait -= dt;
        self.first_trip += dt;
        let tripped = self.mode.runs() && view.service == Service::InUse && self.unsafe_now(build, view);
        let next = match view.service {
            Service::Failed => Mode::Fault,
            Service::Working => Mode::Standby,
            Service::InUse if tripped => Mode::Fault,
            Service::InUse => self.next(build, view),
        };
        if next != self.mode {
            self.enter(next, build);
        }
        if view.service != Service::InUse {
            (self.trips, self.wait) = (0, 0.0);
        }
        tripped && self.count_trip()
    }

    fn next(&self, build: &Build, view: &View) -> Mode {
        let too_warm = view.air > build.set_point + THERMOSTAT;
        let too_cold = view.air < build.set_point - THERMOSTAT;
        let defrost_due = self.until_defrost <= 0.0;
        match self.mode {
            Mode::Starting if self.in_mode >= STARTING => Mode::Cooling,
            Mode::Cooling if defrost_due || (too_cold && self.running >= SHORTEST_ON) => {
                match build.pumps_down {
                    true => Mode::PumpDown,
                    false => self.stopped(),
                }
            }
            Mode::PumpDown if view.te <= build.limits.pump_down || self.in_mode >= PUMP_DOWN => {
                self.stopped()
            }
            Mode::Off if defrost_due => Mode::Defrost,
            Mode::Off if too_warm && self.in_mode >= SHORTEST_OFF => Mode::Starting,
            Mode::Defrost if view.te >= COIL_CLEAR || self.in_mode >= LONGEST_DEFROST => Mode::Drip,
            Mode::Drip if self.in_mode >= DRIP => Mode::FanDelay,
            Mode::FanDelay if self.in_mode >= FAN_DELAY => Mode::Cooling,
            Mode::Fault if self.wait <= 0.0 => Mode::Off,
            Mode::Standby => Mode::Off,
            mode => mode,
        }
    }

    fn stopped(&self) -> Mode {
        if self.until_defrost <= 0.0 { Mode::Defrost } else { Mode::Off }
    }

    fn enter(&mut self, mode: Mode, build: &Build) {
        // Back in use after a long stop, the machine need not wait once more.
        let rested = matches!(self.mode, Mode::Fault | Mode::Standby);
        self.mode = mode;
        self.in_mode = if rested && mode == Mode::Off { SHORTEST_OFF } else { 0.0 };
        if mode == Mode::Defrost {
            self.until_defrost = build.defrost_interval;
        }
    }

    /// Whether a safety switch acts.
    fn unsafe_now(&self, build: &Build, view: &View) -> bool {
        let limits = &build.limits;
        let settled = self.running >= LOW_PRESSURE_DELAY && self.mode == Mode::Cooling;
        view.p_high > limits.p_high
            || view.discharge > limits.discharge
            || (settled && (view.te < limits.te || view.current > limits.current))
    }

    /// True for one trip too many.
    fn count_trip(&mut self) -> bool {
        if self.trips == 0 || self.first_trip > 3_600.0 {
            (self.trips, self.first_trip) = (0, 0.0);
        }
        self.trips += 1;
        let locked = self.trips >= TRIPS;
        self.wait = if locked { LOCKED } else { TRIPPED };
        if locked {
            self.trips = 0;
        }
        locked
    }
}

//! What a machine is doing: as it says itself, or as its sensors show at one instant.
//!
//! One reading shows whether the compressor runs and whether the coil is being heated. What takes a memory (a start, a coil
//! that thaws in the air of its room, the minutes after a defrost) is made of these by queries: `queries/features.sql`.

use std::borrow::Cow;

/// An operating mode.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mode {
    /// The compressor stands.
    Off,
    /// It has just begun to run.
    Starting,
    /// It cools.
    Cooling,
    /// It empties the evaporator before a stop.
    PumpDown,
    /// The coil is freed of ice.
    Defrost,
    /// Water drips off the coil after a defrost.
    Drip,
    /// It cools the coil before the fans blow again.
    FanDelay,
    /// Ready, but not asked for.
    Standby,
    /// Stopped by its own protection.
    Fault,
}

/// A compressor that runs draws at least this much current, A. One that stands draws that of its crankcase heater or none.
pub const RUNNING_CURRENT: f64 = 0.5;
/// A compressor that runs draws at least this much power, kW: the smallest display cases take 60 to 100 W.
pub const RUNNING_POWER: f64 = 0.05;
/// Where neither is measured: a compressor that runs holds its pressures at least this far apart, bar.
pub const RUNNING_PRESSURE: f64 = 1.0;
/// A coil this much warmer than its air, K, is being heated.
pub const HEATED: f64 = 2.0;

impl Mode {
    /// All modes.
    pub const ALL: [Self; 9] = [
        Self::Off,
        Self::Starting,
        Self::Cooling,
        Self::PumpDown,
        Self::Defrost,
        Self::Drip,
        Self::FanDelay,
        Self::Standby,
        Self::Fault,
    ];

    /// Its name.
    pub fn name(self) -> &'static str {
        match self {
            Self::Off => "off",
            Self::Starting => "starting",
            Self::Cooling => "cooling",
            Self::PumpDown => "pump_down",
            Self::Defrost => "defrost",
            Self::Drip => "drip",
            Self::FanDelay => "fan_delay",
            Self::Standby => "standby",
            Self::Fault => "fault",
        }
    }

    /// Other words that controllers have for it.
    pub fn synonyms(self) -> &'static [&'static str] {
        match self {
            Self::Off => &["stop", "stopped"],
            Self::Starting => &["start", "start_up", "startup"],
            Self::Cooling => &["normal", "run", "running", "on", "cool", "refrigeration"],
            Self::PumpDown => &["pumpdown"],
            Self::Defrost => &["defrosting", "deicing"],
            Self::Drip => &["dripping", "drain", "draining"],
            Self::FanDelay => &["fan_start_delay"],
            Self::Standby => &["idle", "ready"],
            Self::Fault => &["alarm", "error", "failure", "trip", "tripped", "lockout"],
        }
    }

    /// The mode of this name, or of a synonym, in any case, with `-` or a space for `_`.
    pub fn parse(text: &str) -> Option<Self> {
        let exact = |text: &str| {
            Self::ALL.into_iter().find(|mode| mode.name() == text || mode.synonyms().contains(&text))
        };
        exact(text).or_else(|| match plain(text) {
            Cow::Borrowed(_) => None,
            Cow::Owned(text) => exact(&text),
        })
    }
}

/// Lower case, trimmed, with `_` between words; borrowed where it is that already.
fn plain(text: &str) -> Cow<'_, str> {
    if text.bytes().all(|b| b.is_ascii_lowercase() || b == b'_') {
        return Cow::Borrowed(text);
    }
    Cow::Owned(text.trim().to_lowercase().replace(['-', ' '], "_"))
}

/// What the sensors of one reading say.
#[derive(Debug, Clone, Copy, Default)]
pub struct Signs {
    /// Current of the compressor, A.
    pub current: Option<f64>,
    /// Electrical power, kW. A transformer that was mounted the wrong way round makes it negative.
    pub power: Option<f64>,
    /// High pressure, bar.
    pub high: Option<f64>,
    /// Low pressure, bar, to the same reference.
    pub low: Option<f64>,
    /// Temperature of the coil, °C.
    pub coil: Option<f64>,
    /// Temperature of the air that it cools, °C.
    pub room: Option<f64>,
}

impl Signs {
    /// Whether the compressor runs. Its current says it best; power may have fans in it; pressures stay apart for a while
    /// after a stop, so they are asked last.
    pub fn running(&self) -> Option<bool> {
        let electrical = self
            .current
            .map(|current| current.abs() >= RUNNING_CURRENT)
            .or_else(|| self.power.map(|power| power.abs() >= RUNNING_POWER));
        electrical.or_else(|| Some(self.high? - self.low? >= RUNNING_PRESSURE))
    }

    /// Whether the coil is heated: nothing else makes it warmer than its air, and the compressor may run for it (hot gas).
    fn heated(&self) -> bool {
        matches!((self.coil, self.room), (Some(coil), Some(room)) if coil > 0.0 && coil > room + HEATED)
    }

    /// Off, cooling or defrost; `None` where nothing tells whether the compressor runs.
    pub fn mode(&self) -> Option<Mode> {
        let running = self.running()?;
        Some(match (self.heated(), running) {
            (true, _) => Mode::Defrost,
            (false, true) => Mode::Cooling,
            (false, false) => Mode::Off,
        })
    }
}

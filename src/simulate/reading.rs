//! A simulated reading and its JSON.

use chrono::{DateTime, Datelike, Timelike};

/// What a machine is doing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Mode {
    /// The compressor stands: the room is cold enough.
    Off,
    /// The compressor has just started: nothing has settled yet.
    Starting,
    /// The compressor runs.
    Cooling,
    /// The compressor empties the evaporator before it stops.
    PumpDown,
    /// The evaporator's ice is melted; the compressor stands.
    Defrost,
    /// Water drips from the coil.
    Drip,
    /// The compressor cools the coil before the fan blows over it again.
    FanDelay,
    /// Out of use, for work on it.
    Standby,
    /// A safety switch has stopped the machine, or it has failed.
    Fault,
}

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

    /// The text in `operating_mode`.
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

    /// Whether the compressor runs.
    pub fn runs(self) -> bool {
        matches!(self, Self::Starting | Self::Cooling | Self::PumpDown | Self::FanDelay)
    }

    /// Whether refrigerant flows as the valve wills, so that superheat and subcooling have a meaning.
    pub fn cools(self) -> bool {
        matches!(self, Self::Starting | Self::Cooling)
    }
}

/// How a sensor is built: its column, decimals, fixed error at most, noise deviation, never negative.
struct Make(&'static str, u8, f64, f64, bool);

/// Declares the sensors once: the enum, the order of [`Sensor::ALL`] and what each is like.
macro_rules! sensors {
    ($($(#[$doc:meta])* $name:ident = $column:literal, $decimals:literal, $bias:literal, $noise:literal,
        $positive:literal;)*) => {
        /// A sensor of a simulated machine, in the order of the columns of a reading.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
        pub enum Sensor {
            $($(#[$doc])* $name,)*
        }

        impl Sensor {
            /// Number of sensors.
            pub const COUNT: usize = Self::ALL.len();
            /// All sensors.
            pub const ALL: [Self; [$(Self::$name),*].len()] = [$(Self::$name),*];

            const fn make(self) -> Make {
                match self {
                    $(Self::$name => Make($column, $decimals, $bias, $noise, $positive),)*
                }
            }

            /// The sensor's key in the JSON with its punctuation.
            const fn key(self) -> &'static str {
                match self {
                    $(Self::$name => concat!(",\"", $column, "\":"),)*
                }
            }
        }
    };
}

sensors! {
    /// Evaporation temperature, °C.
    TempEvaporator = "temp_evaporator", 1, 0.3, 0.1, false;
    /// Condensation temperature, °C.
    TempCondenser = "temp_condenser", 1, 0.3, 0.1, false;
    /// Discharge pressure, bar; absolute or gauge, as the machine's reference says.
    PressureHigh = "pressure_high", 2, 0.12, 0.06, true;
    /// Suction pressure, bar; absolute or gauge, as the machine's reference says.
    PressureLow = "pressure_low", 2, 0.05, 0.02, false;
    /// Superheat at the compressor, K; unknown while it stands.
    Superheat = "superheat", 1, 0.3, 0.14, false;
    /// Subcooling before the valve, K; unknown while the compressor stands.
    Subcooling = "subcooling", 1, 0.3, 0.14, false;
    /// Compressor current, A.
    CompressorCurrent = "compressor_current", 2, 0.0, 0.05, true;
    /// Compressor vibration, g.
    Vibration = "vibration", 3, 0.0, 0.0, true;
    /// Isentropic efficiency of the compressor, 0..1; unknown while it stands.
    Efficiency = "efficiency", 3, 0.0, 0.005, true;
    /// Discharge gas temperature, °C.
    TempDischarge = "temp_discharge", 1, 0.3, 0.1, false;
    /// Suction gas temperature, °C.
    TempSuction = "temp_suction", 1, 0.3, 0.1, false;
    /// Temperature of the air around the condenser, °C.
    TempAmbient = "temp_ambient", 1, 0.3, 0.1, false;
    /// Room temperature, °C.
    TempRoom = "temp_room", 1, 0.3, 0.1, false;
    /// Temperature within the product, °C.
    TempProduct = "temp_product", 1, 0.3, 0.05, false;
    /// Electrical power of the whole machine, kW.
    Power = "power", 2, 0.0, 0.01, true;
    /// Speed of the condenser's fan, % of its greatest.
    FanSpeed = "fan_speed", 1, 0.0, 0.0, true;
    /// Speed of the compressor, % of its greatest; machines with a variable one only.
    CompressorSpeed = "compressor_speed", 1, 0.0, 0.0, true;
    /// Opening of the expansion valve, %; machines with an electronic one only.
    ValveOpening = "valve_opening", 1, 0.0, 0.0, true;
}

impl Sensor {
    /// The column of the readings.
    pub fn column(self) -> &'static str {
        self.make().0
    }

    /// Number of decimals the sensor shows.
    pub fn decimals(self) -> u8 {
        self.make().1
    }

    /// A fixed error lies between minus and plus this, in the sensor's unit.
    pub(super) fn bias(self) -> f64 {
        self.make().2
    }

    /// Standard deviation of the noise, in the sensor's unit.
    pub(super) fn noise(self) -> f64 {
        self.make().3
    }

    /// Whether the sensor never shows less than zero.
    pub(super) fn positive(self) -> bool {
        self.make().4
    }
}

/// Powers of ten by number of decimals.
const SCALE: [f64; 4] = [1.0, 10.0, 100.0, 1_000.0];

/// One reading of one machine. Values are kept as the whole number of the sensor's last digit, so that JSON
/// and columns show exactly the same number.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Reading {
    /// Event time, microseconds since the epoch.
    pub timestamp: i64,
    /// The machine, 1..=N.
    pub machine: u32,
    /// What the machine is doing.
    pub mode: Mode,
    digits: [Option<i32>; Sensor::COUNT],
}

impl Reading {
    pub(super) fn new(timestamp: i64, machine: u32, mode: Mode) -> Self {
        Self { timestamp, machine, mode, digits: [None; Sensor::COUNT] }
    }

    /// Stores a value, rounded to the sensor's decimals.
    pub(super) fn set(&mut self, sensor: Sensor, value: f64) {
        let digits = (value * SCALE[sensor.decimals() as usize]).round();
        self.digits[sensor as usize] = Some(digits as i32);
    }

    /// Forgets a value.
    pub(super) fn clear(&mut self, sensor: Sensor) {
        self.digits[sensor as usize] = None;
    }

    /// A sensor's value in its unit; `None` where it has no meaning.
    pub fn value(&self, sensor: Sensor) -> Option<f64> {
        // The quotient of two exact numbers is the double nearest to the decimal text.
        self.digits[sensor as usize].map(|digits| f64::from(digits) / SCALE[sensor.decimals() as usize])
    }

    /// Appends the reading as one JSON object, without line end. Values without meaning are left out.
    pub fn write_json(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(b"{\"timestamp\":\"");
        write_timestamp(self.timestamp, out);
        out.extend_from_slice(b"\",\"machine_id\":");
        write_digits(self.machine, 1, out);
        out.extend_from_slice(b",\"operating_mode\":\"");
        out.extend_from_slice(self.mode.name().as_bytes());
        out.push(b'"');
        for sensor in Sensor::ALL {
            if let Some(digits) = self.digits[sensor as usize] {
                out.extend_from_slice(sensor.key().as_bytes());
                write_fixed(digits, usize::from(sensor.decimals()), out);
            }
        }
        out.push(b'}');
    }
}

/// Appends `time` (microseconds since the epoch) as RFC 3339 in UTC: `2024-01-15T10:30:00Z`, with six
/// decimals where it is not a whole second. A time outside of the years 0..=9999 is written as epoch 0.
pub fn write_timestamp(time: i64, out: &mut Vec<u8>) {
    let at = DateTime::from_timestamp_micros(time).filter(|at| (0..=9_999).contains(&at.year()));
    let at = at.unwrap_or_default();
    write_digits(at.year().unsigned_abs(), 4, out);
    for (mark, part) in
        [(b'-', at.month()), (b'-', at.day()), (b'T', at.hour()), (b':', at.minute()), (b':', at.second())]
    {
        out.push(mark);
        write_digits(part, 2, out);
    }
    let micros = at.timestamp_subsec_micros();
    if micros > 0 {
        out.push(b'.');
        write_digits(micros, 6, out);
    }
    out.push(b'Z');
}

/// Appends a number with at least `width` digits.
fn write_digits(mut number: u32, width: usize, out: &mut Vec<u8>) {
    let mut text = [b'0'; 10];
    let mut at = text.len();
    while number > 0 || text.len() - at < width {
        at -= 1;
        text[at] = b'0' + (number % 10) as u8;
        number /= 10;
    }
    out.extend_from_slice(&text[at..]);
}

/// Appends `digits` with the decimal point before the last `decimals` of them.
fn write_fixed(digits: i32, decimals: usize, out: &mut Vec<u8>) {
    if digits < 0 {
        out.push(b'-');
    }
    write_digits(digits.unsigned_abs(), decimals + 1, out);
    out.insert(out.len() - decimals, b'.');
}

//! Dirty data: what happens to readings between the sensor and the broker.
//!
//! The plant knows nothing of it. A [`Soiler`] takes the readings of each step and gives what arrives: values that are wrong, readings
//! that are missing, twice, late, or of another time. Every kind befalls a share of the machines; which, and when, follows from
//! the seed and the machine alone.

use std::collections::BTreeMap;
use std::str::FromStr;

use super::fleet::{Fleet, Spread};
use super::random::{Purpose, Stream};
use super::reading::{Reading, Sensor};

mod values;

/// Share of the machines that a kind befalls if nothing else is said.
const USUAL_SHARE: f64 = 0.1;
const SECOND: f64 = 1e6;
const MINUTE: f64 = 60.0 * SECOND;
const HOUR: f64 = 60.0 * MINUTE;

macro_rules! kinds {
    ($($(#[$doc:meta])* $name:ident = $text:literal,)*) => {
        /// A way in which data are dirty.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
        pub enum DirtKind {
            $($(#[$doc])* $name,)*
        }

        impl DirtKind {
            /// All of them.
            pub const ALL: [Self; [$(Self::$name),*].len()] = [$(Self::$name),*];

            /// Its name on the command line.
            pub fn name(self) -> &'static str {
                match self {
                    $(Self::$name => $text,)*
                }
            }
        }
    };
}

kinds! {
    /// Noise of five times the usual size on every sensor.
    Noise = "noise",
    /// One temperature sensor drifts by 0.5 to 2 K a day, either way: faster than real ones, so that a day shows it.
    Drift = "drift",
    /// Every few hours a sensor repeats its value for 10 to 120 minutes.
    Stuck = "stuck",
    /// In one reading of 500 a sensor jumps by 20 to 100 of its units.
    Spikes = "spikes",
    /// One reading of 200 is lost, one of 200 lacks a value, and every few hours all are lost for 1 to 60 minutes.
    Dropouts = "dropouts",
    /// One reading of 100 comes twice.
    Duplicates = "duplicates",
    /// One reading of 50 comes up to 3 minutes late, behind newer ones.
    OutOfOrder = "out_of_order",
    /// The machine's clock is 20 to 300 s fast or slow.
    ClockSkew = "clock_skew",
    /// Every few hours the connection is gone for 5 to 60 minutes; then all the readings of that time come at once.
    Replay = "replay",
    /// Pressures are of the other reference than the machine's: gauge for absolute, absolute for gauge.
    Gauge = "gauge",
    /// Pressures are in psi.
    Psi = "psi",
    /// Temperatures are in °F, and differences too.
    Fahrenheit = "fahrenheit",
}

/// What befalls a fleet: kinds, each with the share of the machines it befalls.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Dirt {
    kinds: Vec<(DirtKind, f64)>,
}

/// A text that is no dirt.
#[derive(Debug, Clone, thiserror::Error, PartialEq)]
pub enum DirtError {
    /// Not the name of a kind.
    #[error("there is no dirt `{kind}`: there are all, {known}")]
    Kind {
        /// The name asked for.
        kind: String,
        /// The names that there are.
        known: String,
    },
    /// Not a share.
    #[error("`{0}` is no share of the machines: write a number from 0 to 1, as in stuck=0.2")]
    Share(String),
}

impl Dirt {
    /// These kinds, each befalling `share` (0..=1) of the machines.
    pub fn of(kinds: &[DirtKind], share: f64) -> Self {
        Self { kinds: kinds.iter().map(|kind| (*kind, share)).collect() }
    }

    /// Whether the data stay clean.
    pub fn is_clean(&self) -> bool {
        self.kinds.iter().all(|(_, share)| *share == 0.0)
    }
}

impl FromStr for Dirt {
    type Err = DirtError;

    /// Reads `stuck,dropouts=0.5` or `all=0.2`; without a share it is 0.1.
    fn from_str(text: &str) -> Result<Self, DirtError> {
        let mut kinds = Vec::new();
        for part in text.split(',') {
            let (name, share) =
                part.split_once('=').map_or((part, None), |(name, share)| (name, Some(share)));
            let bad = |share: &str| DirtError::Share(share.to_owned());
            let share =
                share.map_or(Ok(USUAL_SHARE), |share| share.trim().parse().map_err(|_| bad(share)))?;
            if !(0.0..=1.0).contains(&share) {
                return Err(bad(&share.to_string()));
            }
            match name.trim() {
                "all" => kinds.extend(DirtKind::ALL.map(|kind| (kind, share))),
                name => {
                    let kind = DirtKind::ALL.into_iter().find(|kind| kind.name() == name);
                    let known = || DirtKind::ALL.map(DirtKind::name).join(", ");
                    let unknown = || DirtError::Kind { kind: name.to_owned(), known: known() };
                    kinds.push((kind.ok_or_else(unknown)?, share));
                }
            }
        }
        Ok(Self { kinds })
    }
}

/// What befalls one machine.
#[derive(Debug, Clone)]
struct Victim {
    kinds: [bool; DirtKind::ALL.len()],
    stream: Stream,
    /// Pressures are meant as gauge.
    gauge: bool,
    /// Pressure of the air there, bar.
    air: f64,
    start: i64,
    /// The sensor that drifts, K a day.
    drifting: (Sensor, f64),
    skew: i64,
    stuck: Option<(Sensor, Option<f64>)>,
    stuck_times: Episodes,
    silent: Episodes,
    cut_off: Episodes,
}

/// Times that come and go.
#[derive(Debug, Clone, Copy)]
struct Episodes {
    begin: i64,
    end: i64,
}

impl Episodes {
    /// The first episode of a length between `least` and `most`, about `gap` after `time`; microseconds.
    fn after(time: i64, gap: f64, (least, most): (f64, f64), stream: &mut Stream) -> Self {
        let begin = time + (gap * stream.between(0.2, 1.8)) as i64;
        Self { begin, end: begin + stream.between(least, most) as i64 }
    }

    /// Whether one is on at `time`; past ones are followed by the next.
    fn on(&mut self, time: i64, gap: f64, lengths: (f64, f64), stream: &mut Stream) -> bool {
        while time >= self.end {
            *self = Self::after(self.end, gap, lengths, stream);
        }
        time >= self.begin
    }
}

/// How far apart episodes are on average, and how long they last, microseconds.
const STUCK: (f64, (f64, f64)) = (3.0 * HOUR, (10.0 * MINUTE, 120.0 * MINUTE));
const SILENT: (f64, (f64, f64)) = (4.0 * HOUR, (1.0 * MINUTE, 60.0 * MINUTE));
const CUT_OFF: (f64, (f64, f64)) = (4.0 * HOUR, (5.0 * MINUTE, 60.0 * MINUTE));

impl Victim {
    fn new(
        seed: u64,
        machine: u32,
        start: i64,
        kinds: [bool; DirtKind::ALL.len()],
        gauge: bool,
        air: f64,
    ) -> Self {
        let mut stream = Stream::new(seed, machine, Purpose::Dirt);
        let sign = |stream: &mut Stream| if stream.uniform() < 0.5 { -1.0 } else { 1.0 };
        let sensor = values::TEMPERATURES[(stream.uniform() * values::TEMPERATURES.len() as f64) as usize];
        let drift = stream.between(0.5, 2.0) * sign(&mut stream);
        let skew = stream.between(20.0, 300.0) * SECOND * sign(&mut stream);
        let mut first = |(gap, lengths)| Episodes::after(start, gap, lengths, &mut stream);
        let (stuck_times, silent, cut_off) = (first(STUCK), first(SILENT), first(CUT_OFF));
        Self {
            kinds,
            gauge,
            air,
            start,
            drifting: (sensor, drift),
            skew: skew as i64,
            stuck: None,
            stuck_times,
            silent,
            cut_off,
            stream,
        }
    }

    fn suffers(&self, kind: DirtKind) -> bool {
        self.kinds[kind as usize]
    }
}

/// Makes readings dirty.
#[derive(Debug)]
pub struct Soiler {
    victims: Vec<Option<Victim>>,
    /// Readings on their way, by the time of their arrival and their number.
    held: BTreeMap<(i64, u64), Reading>,
    count: u64,
}

impl Soiler {
    /// Dirt on the readings of `fleet`, from its next step on. `seed` is best the fleet's.
    pub fn new(fleet: &Fleet, seed: u64, dirt: &Dirt) -> Self {
        let start = fleet.next_time().unwrap_or(0);
        let mut befallen = vec![[false; DirtKind::ALL.len()]; fleet.machines()];
        // Each kind befalls machines of its own, whichever other kinds there are.
        for kind in DirtKind::ALL {
            let spread = Spread::of_dirt(seed, kind as usize);
            for (_, share) in dirt.kinds.iter().filter(|(other, _)| *other == kind) {
                for (machine, kinds) in (1..).zip(&mut befallen) {
                    kinds[kind as usize] |= spread.place(machine) < *share;
                }
            }
        }
        let victim = |(machine, kinds): (u32, &[bool; DirtKind::ALL.len()])| {
            let (gauge, air) = fleet.pressure_reference(machine);
            kinds.contains(&true).then(|| Victim::new(seed, machine, start, *kinds, gauge, air))
        };
        let victims = (1..).zip(&befallen).map(victim).collect();
        Self { victims, held: BTreeMap::new(), count: 0 }
    }

    /// Takes the readings of one step of the fleet and appends to `out` what arrives by then, in the order of arrival.
    pub fn pass(&mut self, readings: &[Reading], out: &mut Vec<Reading>) {
        let Some(now) = readings.first().map(|reading| reading.timestamp) else { return };
        let late = self.held.split_off(&(now + 1, 0));
        out.extend(std::mem::replace(&mut self.held, late).into_values());
        for reading in readings {
            let victim = self.victims.get_mut((reading.machine as usize).wrapping_sub(1));
            let Some(Some(victim)) = victim else {
                out.push(*reading);
                continue;
            };
            let mut reading = *reading;
            victim.soil(&mut reading);
            let Some(arrival) = victim.send(now) else { continue };
            let copies = if victim.happens(DirtKind::Duplicates, 0.01) { 2 } else { 1 };
            for _ in 0..copies {
                match arrival {
                    Some(at) => {
                        self.count += 1;
                        self.held.insert((at, self.count), reading);
                    }
                    None => out.push(reading),
                }
            }
        }
    }

    /// Appends what is still on its way: at the end of a run everything arrives.
    pub fn finish(&mut self, out: &mut Vec<Reading>) {
        out.extend(std::mem::take(&mut self.held).into_values());
    }
}

impl Victim {
    /// Draws whether something of that chance happens; only if the machine suffers from it.
    fn happens(&mut self, kind: DirtKind, chance: f64) -> bool {
        self.suffers(kind) && self.stream.uniform() < chance
    }

    /// What becomes of a reading sent `now`: lost, there at once, or there at that time.
    fn send(&mut self, now: i64) -> Option<Option<i64>> {
        if self.suffers(DirtKind::Dropouts) {
            let silent = self.silent.on(now, SILENT.0, SILENT.1, &mut self.stream);
            if silent || self.stream.uniform() < 0.005 {
                return None;
            }
        }
        if self.suffers(DirtKind::Replay) && self.cut_off.on(now, CUT_OFF.0, CUT_OFF.1, &mut self.stream) {
            return Some(Some(self.cut_off.end));
        }
        if self.happens(DirtKind::OutOfOrder, 0.02) {
            return Some(Some(now + self.stream.between(2.0 * SECOND, 180.0 * SECOND) as i64));
        }
        Some(None)
    }
}

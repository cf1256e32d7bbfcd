//! What a machine is built like: its refrigerant and purpose, its size, its sensors' fixed errors.
//!
//! Every machine is the example room (R134a, +2 °C, about 8 kW) made for its own refrigerant and temperature: the displacement, the two
//! conductances and the valve follow from the same capacity and the same temperature differences. Then parts differ by up to 15 %, as
//! those of real machines of one type do.

use super::balance::{Around, Balance, Unit};
use super::fault::Effect;
use super::random::{Purpose, Stream};
use super::reading::Sensor;
use crate::thermo::{Line, Refrigerant};

/// Capacity of the example machine, kW.
const CAPACITY: f64 = 7.913;
/// Condensation less ambient of the example machine, K; ammonia's condensers are wet, and larger.
const CONDENSER_GAP: f64 = 12.688;
const WET_CONDENSER_GAP: f64 = 8.0;
/// The ambient machines are designed for, °C.
const AMBIENT: f64 = 30.0;
/// The brine that carbon dioxide condenses against, below another machine, °C.
const BRINE: f64 = -10.0;
/// Electrical power that becomes shaft power.
pub(super) const MOTOR: f64 = 0.88;
/// kW per ampere of a three-phase motor at 400 V and a power factor of 0.82.
pub(super) const KW_PER_AMPERE: f64 = 0.568;
/// Current of the idling motor, A.
pub(super) const IDLE_CURRENT: f64 = 1.2;
/// Discharge above this at the design point asks for a compressor that is cooled, °C.
const HOT_DISCHARGE: f64 = 85.0;
/// Full load: a room so much too warm, K, on a day so much too hot, K. A type plate says what the machine draws then.
const FULL_LOAD: (f64, f64) = (8.0, 14.0);

/// What a machine keeps cold.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum Application {
    /// Work rooms and fruit, about 10 °C.
    High,
    /// Fresh food, about 2 °C.
    #[default]
    Medium,
    /// Frozen food, about -20 °C.
    Low,
}

impl Application {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::High, Self::Medium, Self::Low];

    /// The name in `machines.toml`.
    pub fn name(self) -> &'static str {
        match self {
            Self::High => "high",
            Self::Medium => "medium",
            Self::Low => "low",
        }
    }

    /// The application of that name.
    pub fn parse(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|application| application.name() == name)
    }

    /// Whether one compressor with that refrigerant can do it.
    pub fn suits(self, refrigerant: Refrigerant) -> bool {
        Design::new(refrigerant, self).is_some()
    }

    /// Air less evaporation, and superheat, K: coils of work rooms are larger, so that they stay free of ice, those
    /// of freezers for the sake of the suction pressure.
    fn evaporator(self) -> (f64, f64) {
        match self {
            Self::High => (9.0, 7.0),
            Self::Medium => (13.245, 8.0),
            Self::Low => (10.0, 7.0),
        }
    }

    /// Room temperature of the design, and the set-points in use, °C.
    fn room(self) -> (f64, f64, f64) {
        match self {
            Self::High => (10.0, 8.0, 12.0),
            Self::Medium => (2.0, 0.0, 3.0),
            Self::Low => (-20.0, -22.0, -18.0),
        }
    }
}

/// Limits at which a machine protects itself.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Limits {
    /// Low-pressure switch, as a saturation temperature, °C.
    pub(super) te: f64,
    /// High-pressure switch, as a saturation temperature, °C, and in bar absolute.
    pub(super) tc: f64,
    pub(super) p_high: f64,
    /// Discharge gas, °C.
    pub(super) discharge: f64,
    /// Current, A: of the machine that is built, 1.25 times its rated one.
    pub(super) current: f64,
    /// A pump-down ends here, °C of evaporation.
    pub(super) pump_down: f64,
    /// Where the balance may look: lowest evaporation, highest condensation, °C.
    pub(super) search: (f64, f64),
}

/// A machine of one refrigerant for one purpose, at its design point.
#[derive(Debug, Clone)]
pub(super) struct Design {
    pub(super) unit: Unit,
    pub(super) room: f64,
    pub(super) ambient: f64,
    pub(super) balance: Balance,
    pub(super) limits: Limits,
}

impl Design {
    /// `None` where one compressor cannot do it: evaporation and condensation are outside of the refrigerant's range, too close to each
    /// other or too far apart.
    pub(super) fn new(refrigerant: Refrigerant, application: Application) -> Option<Self> {
        let fluid = refrigerant.properties();
        let (room, ..) = application.room();
        let ambient = if refrigerant == Refrigerant::R744 { BRINE } else { AMBIENT };
        let ((gap, superheat), subcooling) = (application.evaporator(), 4.0);
        let wet = refrigerant == Refrigerant::R717;
        let condenser_gap = if wet { WET_CONDENSER_GAP } else { CONDENSER_GAP };
        let (te, tc) = (room - gap, ambient + condenser_gap);
        let (p_low, p_high) = (fluid.p_sat(te, Line::Dew)?, fluid.p_sat(tc, Line::Dew)?);
        let ratio = p_high / p_low;
        if !(1.8..=12.0).contains(&ratio) {
            return None;
        }
        let h1 = fluid.vapour_enthalpy(p_low, te + superheat)?;
        let h4 = fluid.liquid_enthalpy(fluid.t_sat(p_high, Line::Bubble)? - subcooling)?;
        let flow = CAPACITY / (h1 - h4);
        let latent = fluid.vapour_enthalpy(p_low, te + 0.05)? - h4;
        // The equations of the balance, solved for the parts.
        let dry = -(1.0 - superheat / gap).ln() * flow * 0.9 / 0.35;
        let mut unit = Unit {
            fluid,
            displacement: flow
                / fluid.vapour_density(p_low, te + superheat)?
                / (1.04 - 0.04 * ratio.powf(1.0 / 1.12)),
            evaporator: flow * latent / gap + dry,
            condenser: 1.0,
            valve: 1.079 * flow / ((p_high - p_low) / 8.0).sqrt(),
            superheat,
            subcooling,
            in_gas: 0.93,
            p_most: fluid.range().p.1 * 0.999,
            head_floor: ambient.max(te + 25.0),
        };
        let mut balance = Balance::guess(te, tc);
        let around = Around { air: room, ambient, evaporator: 1.0, speed: 1.0 };
        let search = (te - 30.0, tc + 45.0);
        // The work at the design point does not depend on the condenser, whose size follows from it.
        for in_gas in [0.93, 0.6, 0.4] {
            unit.in_gas = in_gas;
            let fixed = Unit { condenser: 1e9, head_floor: f64::MIN, ..unit.clone() };
            balance.settle(&fixed, &Around { ambient: tc, ..around }, &Effect::NONE, search);
            if balance.discharge(&fixed)? < HOT_DISCHARGE {
                break;
            }
        }
        let shaft = balance.work;
        unit.condenser = (CAPACITY + unit.in_gas * shaft) / condenser_gap;
        balance.settle(&unit, &around, &Effect::NONE, search);
        if balance.discharge(&unit)? > HOT_DISCHARGE + 25.0 {
            return None;
        }
        let range = fluid.range();
        let trip = if refrigerant == Refrigerant::R744 { 22.0 } else { 65.0_f64.min(range.t.1 - 4.0) };
        let limits = Limits {
            te: te - 13.0,
            tc: trip,
            p_high: fluid.p_sat(trip, Line::Dew)?,
            discharge: 125.0,
            current: f64::INFINITY,
            pump_down: te - 9.0,
            search: ((te - 20.0).max(range.t.0 + 0.5), (trip + 12.0).min(range.t.1 - 0.5)),
        };
        Some(Self { unit, room, ambient, balance, limits })
    }
}

/// A machine's own size and its sensors' fixed errors.
#[derive(Debug, Clone)]
pub(super) struct Build {
    pub(super) refrigerant: Refrigerant,
    pub(super) application: Application,
    pub(super) unit: Unit,
    pub(super) limits: Limits,
    /// Where the balance starts from.
    pub(super) balance: Balance,
    pub(super) set_point: f64,
    pub(super) vibration: f64,
    /// Heat that comes by goods, people, fans and lamps by day, kW.
    pub(super) load: f64,
    /// Heat that comes through the walls, kW/K.
    pub(super) walls: f64,
    /// Doors opened in an hour of the day.
    pub(super) doors: f64,
    /// Mean of the year, °C.
    pub(super) ambient: f64,
    /// Condenses against brine, not air.
    pub(super) brine: bool,
    pub(super) defrost_interval: f64,
    /// Growth of frost for each kilogram of water too much in a kilogram of air, 1/s.
    pub(super) frosting: f64,
    /// Closes its liquid line and empties the evaporator before it stops.
    pub(super) pumps_down: bool,
    /// Has a compressor of variable speed.
    pub(super) variable: bool,
    /// Has an electronic valve, whose opening is known.
    pub(super) electronic_valve: bool,
    /// Reports pressures above that of the air.
    pub(super) gauge: bool,
    /// Height above the sea, m.
    pub(super) altitude: f64,
    /// Current at full load, A, and electrical power, kW.
    pub(super) rated: (f64, f64),
    pub(super) bias: [f64; Sensor::COUNT],
}

impl Build {
    /// The machine of that number, of a `design` for these two.
    pub(super) fn new(
        seed: u64,
        machine: u32,
        refrigerant: Refrigerant,
        application: Application,
        design: &Design,
        gauge: bool,
    ) -> Self {
        let Design { unit, room, ambient, mut balance, mut limits } = design.clone();
        let mut stream = Stream::new(seed, machine, Purpose::Build);
        let brine = ambient < 0.0;
        // Whoever planned the room chose parts that fit each other, and its load.
        let size = stream.between(0.92, 1.08);
        let mut part = |nominal: f64| nominal * size * stream.between(0.93, 1.065);
        let unit = Unit {
            displacement: part(unit.displacement),
            evaporator: part(unit.evaporator),
            condenser: part(unit.condenser),
            valve: part(unit.valve),
            ..unit
        };
        let load = part(2.4);
        let electronic_valve = stream.uniform() < 0.5;
        let unit = Unit {
            // In winter less pressure drives the liquid: a thermostatic valve of just the right size then runs short a little, and
            // an electronic one is chosen larger. Freezers feel it most.
            valve: unit.valve
                * match (electronic_valve, application) {
                    (true, _) => 1.3,
                    (false, Application::Low) => 1.25,
                    (false, _) => 1.2,
                },
            superheat: unit.superheat * stream.between(0.85, 1.15),
            subcooling: unit.subcooling * stream.between(0.85, 1.15),
            ..unit
        };
        let (_, least, most) = application.room();
        let set_point = stream.between(least, most);
        let vibration = 0.020 * stream.between(0.85, 1.15);
        let ambient = if brine { ambient } else { stream.between(18.0, 22.0) };
        let defrost_interval = 3_600.0 * stream.between(6.0, 8.0);
        let pumps_down = stream.uniform() < 0.5;
        let variable = stream.uniform() < 0.2;
        let doors = stream.between(5.0, 25.0);
        let altitude = (stream.between(0.0, 800.0) / 10.0).round() * 10.0;
        let bias = std::array::from_fn(|i| Sensor::ALL[i].bias() * stream.between(-1.0, 1.0));
        let around = Around { air: room, ambient: design.ambient, evaporator: 1.0, speed: 1.0 };
        balance.settle(&unit, &around, &Effect::NONE, limits.search);
        let mut full = balance;
        let hot = Around { air: room + FULL_LOAD.0, ambient: design.ambient + FULL_LOAD.1, ..around };
        full.settle(&unit, &hot, &Effect::NONE, limits.search);
        let electric = full.work / MOTOR;
        let rated = (IDLE_CURRENT + electric / KW_PER_AMPERE, electric);
        limits.current = 1.25 * rated.0;
        // Ice on a fifth of the example's conductance between two defrosts; the air of a freezer is dry, but more comes in by the door.
        let dampness = HUMIDITY * saturated(2.0) - saturated(-11.245);
        let infiltration = if application == Application::Low { 3.0 } else { 1.0 };
        let walls = if application == Application::Low { 0.035 } else { 0.06 };
        Self {
            refrigerant,
            application,
            unit,
            limits,
            balance,
            set_point,
            vibration,
            load,
            doors,
            ambient,
            brine,
            defrost_interval,
            frosting: infiltration * 0.4 / (0.55 * defrost_interval * dampness),
            walls,
            pumps_down,
            variable,
            electronic_valve,
            gauge,
            altitude,
            rated,
            bias,
        }
    }

    /// Pressure of the air at the machine, bar (the international standard atmosphere).
    pub(super) fn air_pressure(&self) -> f64 {
        1.013_25 * (1.0 - 2.255_77e-5 * self.altitude).powf(5.255_88)
    }
}

/// Relative humidity of a cold room's air.
pub(super) const HUMIDITY: f64 = 0.85;

/// Water in a kilogram of saturated air at `t` °C, kg: exponentials over ice and over water that meet at 0 °C; within 10 % between -35 and
/// 15 °C.
pub(super) fn saturated(t: f64) -> f64 {
    0.003_8 * (if t < 0.0 { 0.094 } else { 0.07 } * t.min(30.0)).exp()
}

//! One plant: a cold room with its machine.

use super::fault::Effect;
use super::random::{Purpose, Stream, Wander};
use super::reading::{Mode, Reading, Sensor};
use super::refrigerant::{Cycle, p_sat, t_sat};

/// Heat capacity of the room's air and goods as the thermostat sees it, kJ/K.
const ROOM_CAPACITY: f64 = 2_000.0;
/// Heat that comes through the walls, kW/K.
const WALLS: f64 = 0.06;
/// The thermostat switches this far from the set-point, K.
const THERMOSTAT: f64 = 1.0;
/// Shortest time on or off, s.
const SHORTEST_CYCLE: f64 = 180.0;
/// A defrost takes this long, s.
const DEFROST: f64 = 900.0;
/// Heat of the defrost heater that reaches the room, kW.
const HEATER: f64 = 2.0;
/// Condensation is kept above this temperature in winter, °C.
const HEAD_FLOOR: f64 = 25.0;
/// Displacement of a machine of 8 kW, m³/s.
const NOMINAL_DISPLACEMENT: f64 = 0.007_0;
/// Electrical power that becomes shaft power.
const MOTOR: f64 = 0.88;
/// kW per ampere of a three-phase motor at 400 V and a power factor of 0.82.
const KW_PER_AMPERE: f64 = 0.568;
/// The least that a suction pressure sensor shows, bar.
const LEAST_PRESSURE: f64 = 0.1;
/// Current of the idling motor, A.
const IDLE_CURRENT: f64 = 1.2;

/// A machine's own size and its sensors' fixed errors.
#[derive(Debug, Clone)]
struct Build {
    displacement: f64,
    evaporator: f64,
    condenser: f64,
    set_point: f64,
    superheat: f64,
    subcooling: f64,
    vibration: f64,
    load: f64,
    ambient: f64,
    defrost_interval: f64,
    bias: [f64; Sensor::COUNT],
}

impl Build {
    /// Machines differ by up to 15 % in size, as real ones of one type do.
    fn new(stream: &mut Stream) -> Self {
        let mut size = |nominal: f64| nominal * stream.between(0.85, 1.15);
        let displacement = size(NOMINAL_DISPLACEMENT);
        let (evaporator, condenser) = (size(0.70), size(0.85));
        let (superheat, subcooling) = (size(8.0), size(5.0));
        // Whoever planned the room chose a machine that fits its load.
        let load = size(4.8) * displacement / NOMINAL_DISPLACEMENT;
        let vibration = size(0.020);
        let defrost_interval = size(8.0 * 3_600.0);
        let set_point = stream.between(0.0, 3.0);
        let ambient = stream.between(20.0, 24.0);
        let bias = std::array::from_fn(|i| Sensor::ALL[i].bias() * stream.between(-1.0, 1.0));
        Self {
            displacement,
            evaporator,
            condenser,
            set_point,
            superheat,
            subcooling,
            vibration,
            load,
            ambient,
            defrost_interval,
            bias,
        }
    }
}

/// A plant between two steps.
#[derive(Debug, Clone)]
pub(super) struct Plant {
    machine: u32,
    build: Build,
    stream: Stream,
    weather: Wander,
    use_of_room: Wander,
    hunting: Wander,
    mode: Mode,
    /// Seconds in this mode.
    in_mode: f64,
    /// Seconds until the next defrost.
    until_defrost: f64,
    room: f64,
    ambient: f64,
    te: f64,
    tc: f64,
    superheat: f64,
    subcooling: f64,
    discharge: f64,
    /// Power into the gas, kW.
    work: f64,
    efficiency: f64,
}

impl Plant {
    /// Plant number `machine` at `start`, run in for up to an hour, so that the machines of a fleet do not
    /// switch together.
    pub(super) fn new(seed: u64, machine: u32, start: i64) -> Self {
        let mut stream = Stream::new(seed, machine, Purpose::Plant);
        let build = Build::new(&mut stream);
        let weather = Wander::new(2.5, 2.0 * 86_400.0, &mut stream);
        let use_of_room = Wander::new(0.10, 1_800.0, &mut stream);
        let hunting = Wander::new(0.5, 120.0, &mut stream);
        let room = build.set_point + stream.between(-0.5, 1.0);
        let until_defrost = build.defrost_interval * stream.uniform() + DEFROST;
        let mut plant = Self {
            machine,
            stream,
            weather,
            use_of_room,
            hunting,
            mode: Mode::Cooling,
            in_mode: SHORTEST_CYCLE,
            until_defrost,
            room,
            ambient: build.ambient,
            te: room - 11.0,
            tc: build.ambient + 13.0,
            superheat: build.superheat,
            subcooling: build.subcooling,
            discharge: 65.0,
            work: 3.0,
            efficiency: 0.68,
            build,
        };
        let steps = 20 + (plant.stream.uniform() * 100.0) as u32;
        for _ in 0..steps {
            plant.advance(start, 30.0, &Effect::NONE);
        }
        plant
    }

    /// Lets `dt` seconds (at most 60) pass, up to `time` in microseconds since the epoch.
    pub(super) fn advance(&mut self, time: i64, dt: f64, effect: &Effect) {
        let stream = &mut self.stream;
        self.weather.advance(dt, stream);
        self.use_of_room.advance(dt, stream);
        self.hunting.advance(dt, stream);
        let hours = time as f64 / 3.6e9;
        let wave = |period: f64, crest: f64| ((hours - crest) / period * std::f64::consts::TAU).cos();
        // Warmest at 15 h, and at the end of July; the machine room softens both.
        let season = 6.0 * wave(8_766.0, 5_088.0);
        self.ambient = self.build.ambient + season + 5.0 * wave(24.0, 15.0) + self.weather.value;

        self.switch(dt);
        let cooling = match self.mode {
            Mode::Cooling => self.run(dt, effect),
            Mode::Off => {
                self.rest(dt, self.room);
                0.0
            }
            Mode::Defrost => {
                self.rest(dt, 10.0);
                -HEATER
            }
        };
        let by_day = if (7.0..20.0).contains(&hours.rem_euclid(24.0)) { 1.1 } else { 0.85 };
        let load =
            self.build.load * by_day * (1.0 + self.use_of_room.value) + WALLS * (self.ambient - self.room);
        self.room += dt * (load - cooling) / ROOM_CAPACITY;
    }

    /// The thermostat and the defrost clock.
    fn switch(&mut self, dt: f64) {
        self.in_mode += dt;
        self.until_defrost -= dt;
        let too_warm = self.room > self.build.set_point + THERMOSTAT;
        let too_cold = self.room < self.build.set_point - THERMOSTAT;
        let settled = self.in_mode >= SHORTEST_CYCLE;
        let next = match self.mode {
            Mode::Cooling | Mode::Off if self.until_defrost <= 0.0 => {
                self.until_defrost = self.build.defrost_interval;
                Mode::Defrost
            }
            Mode::Cooling if too_cold && settled => Mode::Off,
            Mode::Off if too_warm && settled => Mode::Cooling,
            Mode::Defrost if self.in_mode >= DEFROST => Mode::Off,
            mode => mode,
        };
        if next != self.mode {
            self.mode = next;
            self.in_mode = 0.0;
        }
    }

    /// The compressor runs; the answer is the cooling capacity, kW.
    fn run(&mut self, dt: f64, effect: &Effect) -> f64 {
        let build = &self.build;
        // A receiver's worth of refrigerant can go before the valve gets gas with its liquid.
        let starved = ((effect.charge_lost - 0.16) / 0.19).max(0.0);
        let sh_target = build.superheat + 10.6 * starved + self.hunting.value;
        let sc_target = (build.subcooling - 25.0 * effect.charge_lost).max(0.0);
        self.superheat += lag(dt, 60.0) * (sh_target - self.superheat);
        self.subcooling += lag(dt, 90.0) * (sc_target - self.subcooling);

        let cycle =
            Cycle { te: self.te, tc: self.tc, superheat: self.superheat, subcooling: self.subcooling };
        let duty = cycle.duty(effect.friction);
        let cooling = duty.cooling * build.displacement;
        self.work = duty.work * build.displacement;
        self.efficiency = duty.efficiency;
        // A starved evaporator is dry over half of its surface.
        let evaporator = build.evaporator * (1.0 - 0.5 * starved);
        let te_target = self.room - cooling / evaporator;
        // 7 % of the work leaves through the compressor's shell.
        let rejected = cooling + 0.93 * self.work;
        let tc_target = (self.ambient + rejected / (build.condenser * effect.condenser)).max(HEAD_FLOOR);
        // The longest step is bounded, or the evaporator would overshoot: its balance pulls back by half.
        self.te += lag(dt, 30.0).min(0.5) * (te_target - self.te);
        self.tc += lag(dt, 90.0) * (tc_target - self.tc);
        self.discharge += lag(dt, 200.0) * (duty.discharge - self.discharge);
        cooling
    }

    /// The compressor stands: the pressures drift to those of the coil (at `coil` °C) and of the ambient.
    fn rest(&mut self, dt: f64, coil: f64) {
        self.te += lag(dt, 300.0) * (coil - self.te);
        self.tc += lag(dt, 400.0) * (self.ambient - self.tc);
        self.discharge += lag(dt, 1_200.0) * (self.ambient - self.discharge);
        self.superheat += lag(dt, 300.0) * -self.superheat;
        self.subcooling += lag(dt, 300.0) * -self.subcooling;
        self.work = 0.0;
    }

    /// While it cools: how far the room is above the temperature at which the thermostat switches the compressor
    /// off, K.
    pub(super) fn still_to_cool(&self) -> Option<f64> {
        let cooling = self.mode == Mode::Cooling && self.until_defrost > DEFROST;
        cooling.then_some(self.room - (self.build.set_point - THERMOSTAT))
    }

    /// What the sensors say at `time`. Takes the same number of random numbers in every mode, so that a
    /// fault does not change the noise.
    pub(super) fn read(&mut self, time: i64, effect: &Effect) -> Reading {
        let running = self.mode == Mode::Cooling;
        let electric = self.work / MOTOR;
        let shaking = if running { self.build.vibration * effect.vibration } else { 0.001 };
        let suction = p_sat(self.te);
        let shown_suction = (suction + effect.suction_offset).max(LEAST_PRESSURE);
        // Superheat is no sensor: the controller takes it from suction temperature and suction pressure.
        let drifted = effect.suction_offset != 0.0;
        let superheat_error = if drifted { t_sat(suction) - t_sat(shown_suction) } else { 0.0 };
        let mut reading = Reading::new(time, self.machine, self.mode);
        for (sensor, bias) in Sensor::ALL.into_iter().zip(self.build.bias) {
            let noise = self.stream.normal();
            let value = match sensor {
                Sensor::TempEvaporator => self.te,
                Sensor::TempCondenser => self.tc,
                Sensor::PressureHigh => p_sat(self.tc),
                Sensor::PressureLow => shown_suction,
                // Without flow these three have no meaning.
                Sensor::Superheat | Sensor::Subcooling | Sensor::Efficiency if !running => continue,
                Sensor::Superheat => self.superheat + superheat_error,
                Sensor::Subcooling => self.subcooling,
                Sensor::CompressorCurrent if running => {
                    (IDLE_CURRENT + electric / KW_PER_AMPERE) * (1.0 + 0.01 * noise)
                }
                Sensor::CompressorCurrent => 0.0,
                Sensor::Vibration => shaking * (0.15 * noise).exp(),
                Sensor::Efficiency => self.efficiency,
                Sensor::TempDischarge => self.discharge,
                Sensor::TempSuction => self.te + self.superheat,
                Sensor::TempAmbient => self.ambient,
                Sensor::TempRoom => self.room,
                Sensor::Power => {
                    let rest = if self.mode == Mode::Defrost { HEATER } else { 0.0 };
                    electric * (1.0 + 0.005 * noise) + 0.25 + rest
                }
            };
            let value = value + bias + sensor.noise() * noise;
            reading.set(sensor, if sensor.positive() { value.max(0.0) } else { value });
        }
        reading
    }
}

/// The share of a gap that a first-order lag of `tau` seconds closes in `dt` seconds (implicit Euler, which
/// never overshoots).
fn lag(dt: f64, tau: f64) -> f64 {
    dt / (dt + tau)
}

//! The numbers of a machine: where each stands in `machines.toml`, its column, its unit and what it may be.

/// A number that is known of a machine.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
#[repr(usize)]
#[expect(missing_docs, reason = "`spec` says of each what it is")]
pub enum Quantity {
    Altitude,
    SetpointRoom,
    SetpointEvaporating,
    SetpointCondensing,
    SetpointSuperheat,
    Displacement,
    RatedCurrent,
    RatedPower,
    ElectricityPrice,
    EvaporatingMin,
    EvaporatingMax,
    CondensingMin,
    CondensingMax,
    PressureLowMin,
    PressureHighMax,
    SuperheatMin,
    SuperheatMax,
    DischargeMax,
    CurrentMax,
    RoomMin,
    RoomMax,
}

/// What a quantity is.
#[derive(Debug, Clone, Copy)]
pub struct Spec {
    /// Table of `machines.toml` inside a machine's entry; empty where the key stands in the entry itself.
    pub table: &'static str,
    /// Key in that table.
    pub key: &'static str,
    /// Column of the table `machines`.
    pub column: &'static str,
    /// Its unit.
    pub unit: &'static str,
    /// The least it can be.
    pub low: f64,
    /// The most it can be.
    pub high: f64,
    /// What it is.
    pub about: &'static str,
}

/// Tables of `machines.toml` inside a machine's entry.
pub const TABLES: [&str; 2] = ["setpoints", "limits"];

const fn spec(
    (table, key, column): (&'static str, &'static str, &'static str),
    unit: &'static str,
    (low, high): (f64, f64),
    about: &'static str,
) -> Spec {
    Spec { table, key, column, unit, low, high, about }
}

const SPECS: [Spec; Quantity::COUNT] = [
    spec(("", "altitude", "altitude"), "m", (-500.0, 6000.0), "height above the sea, for gauge pressures"),
    spec(
        ("setpoints", "room", "setpoint_room"),
        "°C",
        (-60.0, 60.0),
        "air temperature that the thermostat holds",
    ),
    spec(
        ("setpoints", "evaporating", "setpoint_evaporating"),
        "°C",
        (-70.0, 40.0),
        "evaporating temperature that the suction control holds",
    ),
    spec(
        ("setpoints", "condensing", "setpoint_condensing"),
        "°C",
        (-30.0, 90.0),
        "condensing temperature that the head control holds",
    ),
    spec(
        ("setpoints", "superheat", "setpoint_superheat"),
        "K",
        (1.0, 40.0),
        "superheat that the valve holds",
    ),
    spec(("", "displacement", "displacement"), "m³/h", (0.01, 20_000.0), "swept volume of the compressor"),
    spec(
        ("", "rated_current", "rated_current"),
        "A",
        (0.01, 5_000.0),
        "current at full load, from the type plate",
    ),
    spec(("", "rated_power", "rated_power"), "kW", (0.01, 5_000.0), "electrical power at full load"),
    spec(
        ("", "electricity_price", "electricity_price"),
        "1/kWh",
        (0.0, 100.0),
        "price in the site's currency",
    ),
    spec(
        ("limits", "evaporating_min", "evaporating_min"),
        "°C",
        (-70.0, 40.0),
        "lowest evaporating temperature in operation (dew)",
    ),
    spec(
        ("limits", "evaporating_max", "evaporating_max"),
        "°C",
        (-70.0, 40.0),
        "highest evaporating temperature (dew)",
    ),
    spec(
        ("limits", "condensing_min", "condensing_min"),
        "°C",
        (-40.0, 90.0),
        "lowest condensing temperature (dew)",
    ),
    spec(
        ("limits", "condensing_max", "condensing_max"),
        "°C",
        (-40.0, 100.0),
        "highest condensing temperature (dew)",
    ),
    spec(
        ("limits", "pressure_low_min", "pressure_low_min"),
        "bar",
        (-1.0, 200.0),
        "lowest suction pressure, absolute; in the file as the machine's transmitters show it",
    ),
    spec(
        ("limits", "pressure_high_max", "pressure_high_max"),
        "bar",
        (-1.0, 200.0),
        "highest discharge pressure, absolute; in the file as the machine's transmitters show it",
    ),
    spec(
        ("limits", "superheat_min", "superheat_min"),
        "K",
        (0.0, 60.0),
        "least superheat: below it liquid comes back",
    ),
    spec(("limits", "superheat_max", "superheat_max"), "K", (0.0, 80.0), "most superheat"),
    spec(("limits", "discharge_max", "discharge_max"), "°C", (20.0, 250.0), "highest discharge temperature"),
    spec(("limits", "current_max", "current_max"), "A", (0.01, 10_000.0), "highest current in operation"),
    spec(("limits", "room_min", "room_min"), "°C", (-80.0, 60.0), "lowest room temperature"),
    spec(("limits", "room_max", "room_max"), "°C", (-80.0, 60.0), "highest room temperature"),
];

impl Quantity {
    /// How many there are.
    pub const COUNT: usize = 21;

    /// All of them, in the order of the columns.
    pub const ALL: [Self; Self::COUNT] = [
        Self::Altitude,
        Self::SetpointRoom,
        Self::SetpointEvaporating,
        Self::SetpointCondensing,
        Self::SetpointSuperheat,
        Self::Displacement,
        Self::RatedCurrent,
        Self::RatedPower,
        Self::ElectricityPrice,
        Self::EvaporatingMin,
        Self::EvaporatingMax,
        Self::CondensingMin,
        Self::CondensingMax,
        Self::PressureLowMin,
        Self::PressureHighMax,
        Self::SuperheatMin,
        Self::SuperheatMax,
        Self::DischargeMax,
        Self::CurrentMax,
        Self::RoomMin,
        Self::RoomMax,
    ];

    /// What it is.
    pub fn spec(self) -> &'static Spec {
        &SPECS[self as usize]
    }

    /// The quantity under `key` in `table` of an entry.
    pub fn of_key(table: &str, key: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|quantity| quantity.spec().table == table && quantity.spec().key == key)
    }
}

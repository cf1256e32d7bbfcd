//! The functions, each declared once.

use super::declare::{
    Argument, Body, Declaration, Example, Kind, LINE, REFRIGERANT, Topic, number, optional,
};
use super::formula;

const PROPERTIES: &str =
    "CoolProp 8, equations of state of the reference fluids and mixtures, through our tables";
const TABLES: &str = "the table of the refrigerant (below); no extrapolation";
const P_LOW: Argument = number("p_low", "bar abs");
const P_HIGH: Argument = number("p_high", "bar abs");
const T_SUCTION: Argument = number("t_suction", "°C");
const T_DISCHARGE: Argument = number("t_discharge", "°C");
const T_EVAP: Argument = number("t_evap", "°C, dew");
const T_COND: Argument = number("t_cond", "°C, dew");
const EFFICIENCY: Argument = number("isentropic_efficiency", "0 to 1");

const fn text(name: &'static str) -> Argument {
    Argument { name, kind: Kind::Text, unit: "text", otherwise: None }
}

const fn example(call: &'static str, gives: &'static str) -> Example {
    Example { call, gives }
}

/// All functions, in the order of the page.
pub const FUNCTIONS: &[Declaration] = &[
    Declaration {
        name: "to_absolute",
        topic: Topic::Pressure,
        arguments: &[
            number("p", "bar"),
            Argument {
                name: "pressure_reference",
                kind: Kind::Reference,
                unit: "`'absolute'` or `'gauge'`",
                otherwise: None,
            },
            optional("altitude", "m", "0"),
        ],
        result: "bar abs",
        summary: "A pressure as its transmitter gives it, as an absolute one. A gauge pressure gets the pressure of the air at the \
                  altitude of the machine added; ratios, saturation and efficiencies need absolute pressures.",
        range: "altitude -500 to 11,000 m; NULL where the result is not above 0",
        source: "standard atmosphere, ISO 2533: 1.01325 bar × (1 − 2.25577e-5 h)^5.25588",
        examples: &[
            example("to_absolute(9.15, 'gauge')", "10.16325"),
            example("to_absolute(9.15, 'gauge', 1500)", "9.9956"),
            example("to_absolute(9.15, 'absolute', 1500)", "9.15"),
        ],
        body: Body::Absolute,
    },
    Declaration {
        name: "pressure_ratio",
        topic: Topic::Pressure,
        arguments: &[P_HIGH, P_LOW],
        result: "1",
        summary: "High over low pressure: the burden of the compressor.",
        range: "both above 0",
        source: "definition",
        examples: &[
            example("pressure_ratio(10.166, 2.006)", "5.068"),
            example("pressure_ratio(10.166, 0)", "NULL"),
        ],
        body: Body::Numbers(formula::pressure_ratio),
    },
    Declaration {
        name: "t_sat",
        topic: Topic::Properties,
        arguments: &[REFRIGERANT, number("p", "bar abs"), LINE],
        result: "°C",
        summary: "Temperature at which the refrigerant evaporates or condenses under this pressure. Blends do so over a range: \
                  the dew line is its warm end, the bubble line the cold one.",
        range: TABLES,
        source: PROPERTIES,
        examples: &[
            example("t_sat('R134a', 2.006)", "-10.0"),
            example("t_sat('R449A', 16.52, 'bubble')", "35.2"),
            example("t_sat('R449A', 16.52, 'dew')", "40.0"),
            example("t_sat('R134a', 100)", "NULL"),
        ],
        body: Body::Fluid(formula::t_sat),
    },
    Declaration {
        name: "p_sat",
        topic: Topic::Properties,
        arguments: &[REFRIGERANT, number("t", "°C"), LINE],
        result: "bar abs",
        summary: "Pressure at which the refrigerant evaporates or condenses at this temperature.",
        range: TABLES,
        source: PROPERTIES,
        examples: &[example("p_sat('R134a', -10)", "2.006"), example("p_sat('R717', 0)", "4.29")],
        body: Body::Fluid(formula::p_sat),
    },
    Declaration {
        name: "superheat",
        topic: Topic::Properties,
        arguments: &[REFRIGERANT, P_LOW, T_SUCTION],
        result: "K",
        summary: "How far suction gas is above its dew temperature. Below 0 the sensors contradict each other, or liquid comes \
                  back.",
        range: TABLES,
        source: "dew line; CoolProp 8, through our tables",
        examples: &[example("superheat('R134a', 2.006, -2)", "8.0")],
        body: Body::Fluid(formula::superheat),
    },
    Declaration {
        name: "subcooling",
        topic: Topic::Properties,
        arguments: &[REFRIGERANT, P_HIGH, number("t_liquid", "°C")],
        result: "K",
        summary: "How far liquid is below its bubble temperature. At 0 or below there is vapour in the liquid line.",
        range: TABLES,
        source: "bubble line; CoolProp 8, through our tables",
        examples: &[
            example("subcooling('R134a', 10.166, 36)", "4.0"),
            example("subcooling('R449A', 16.52, 31.2)", "4.0"),
        ],
        body: Body::Fluid(formula::subcooling),
    },
    Declaration {
        name: "enthalpy",
        topic: Topic::Properties,
        arguments: &[REFRIGERANT, number("p", "bar abs"), number("t", "°C")],
        result: "kJ/kg",
        summary: "Enthalpy of vapour at or above the dew temperature, or of liquid at or below the bubble temperature. Between the \
                  two lines it is NULL: pressure and temperature do not tell how much of it is vapour.",
        range: TABLES,
        source: "IIR reference, 200 kJ/kg for saturated liquid at 0 °C; only differences mean something. CoolProp 8, through our tables",
        examples: &[
            example("enthalpy('R134a', 10, 0)", "200"),
            example("enthalpy('R134a', 2, 0) - enthalpy('R134a', 10, 0)", "201.0"),
        ],
        body: Body::Fluid(formula::enthalpy),
    },
    Declaration {
        name: "cop_carnot",
        topic: Topic::Cycle,
        arguments: &[T_EVAP, T_COND],
        result: "1",
        summary: "COP of the ideal refrigerator between two temperatures, T₀ / (T − T₀) in kelvin: what no machine reaches.",
        range: "condensing above evaporating temperature",
        source: "second law",
        examples: &[example("cop_carnot(-10, 40)", "5.263"), example("cop_carnot(40, -10)", "NULL")],
        body: Body::Numbers(formula::cop_carnot),
    },
    Declaration {
        name: "cop_cycle",
        topic: Topic::Cycle,
        arguments: &[
            REFRIGERANT,
            T_EVAP,
            T_COND,
            number("superheat", "K"),
            number("subcooling", "K"),
            EFFICIENCY,
        ],
        result: "1",
        summary: "Cold over work of the cycle: suction gas at the dew temperature plus superheat, compression with losses, liquid at \
                  the bubble temperature less subcooling, expansion without work. No pressure drops, no motor.",
        range: "superheat and subcooling from 0, efficiency above 0 up to 1; and the table of the refrigerant",
        source: "vapour-compression cycle; CoolProp 8, through our tables",
        examples: &[
            example("cop_cycle('R134a', -10, 40, 8, 4, 0.65)", "2.748"),
            example("cop_cycle('R717', -10, 35, 5, 2, 0.70)", "3.39"),
            example("cop_cycle('R134a', -10, 40, -1, 4, 0.65)", "NULL"),
        ],
        body: Body::Fluid(formula::cop_cycle),
    },
    Declaration {
        name: "carnot_efficiency",
        topic: Topic::Cycle,
        arguments: &[number("cop", "1"), T_EVAP, T_COND],
        result: "1",
        summary: "A COP as a share of the ideal one between the same temperatures: it compares days and machines.",
        range: "COP above 0, condensing above evaporating temperature",
        source: "definition",
        examples: &[example("carnot_efficiency(2.748, -10, 40)", "0.522")],
        body: Body::Numbers(formula::carnot_efficiency),
    },
    Declaration {
        name: "isentropic_efficiency",
        topic: Topic::Cycle,
        arguments: &[REFRIGERANT, P_LOW, T_SUCTION, P_HIGH, T_DISCHARGE],
        result: "1",
        summary: "Work of a compression without losses over the work that the discharge temperature shows. The heat that leaves \
                  through the shell is not counted, so it is a little too high; above 1 the discharge sensor is wrong, and it is NULL.",
        range: "suction and discharge gas superheated, high above low pressure; and the table of the refrigerant",
        source: "(h2s − h1) / (h2 − h1); CoolProp 8, through our tables",
        examples: &[example("isentropic_efficiency('R134a', 2.006, -2, 10.166, 71.9)", "0.65")],
        body: Body::Fluid(formula::isentropic_efficiency),
    },
    Declaration {
        name: "discharge_temperature",
        topic: Topic::Cycle,
        arguments: &[REFRIGERANT, P_LOW, T_SUCTION, P_HIGH, EFFICIENCY],
        result: "°C",
        summary: "Temperature of the gas after a compression of this efficiency: what the discharge sensor should show.",
        range: "efficiency above 0 up to 1, suction gas superheated; and the table of the refrigerant",
        source: "h1 + (h2s − h1) / η; CoolProp 8, through our tables",
        examples: &[example("discharge_temperature('R134a', 2.006, -2, 10.166, 0.65)", "71.9")],
        body: Body::Fluid(formula::discharge_temperature),
    },
    Declaration {
        name: "mass_flow",
        topic: Topic::Cycle,
        arguments: &[
            REFRIGERANT,
            P_LOW,
            T_SUCTION,
            P_HIGH,
            T_DISCHARGE,
            number("power", "kW"),
            optional("heat_loss", "0 to 1", "0.07"),
        ],
        result: "kg/s",
        summary: "Refrigerant that the compressor moves, from its energy balance: electrical power, less the share that leaves through \
                  the shell, over the gain in enthalpy. Power must be the compressor's alone.",
        range: "power above 0; as `isentropic_efficiency`",
        source: "power × (1 − heat loss) / (h2 − h1), the internal method; CoolProp 8, through our tables",
        examples: &[
            example("mass_flow('R134a', 2.006, -2, 10.166, 71.9, 3.0)", "0.0514"),
            example("mass_flow('R134a', 2.006, -2, 10.166, 71.9, -3.0)", "NULL"),
        ],
        body: Body::Fluid(formula::mass_flow),
    },
    Declaration {
        name: "cooling_capacity",
        topic: Topic::Cycle,
        arguments: &[REFRIGERANT, number("mass_flow", "kg/s"), P_LOW, T_SUCTION, number("t_liquid", "°C")],
        result: "kW",
        summary: "Heat that the refrigerant takes up between the expansion valve and the compressor.",
        range: "flow above 0; and the table of the refrigerant",
        source: "flow × (h1 − h4); CoolProp 8, through our tables",
        examples: &[example("cooling_capacity('R134a', 0.05, 2.006, -2, 36)", "7.45")],
        body: Body::Fluid(formula::cooling_capacity),
    },
    Declaration {
        name: "volumetric_efficiency",
        topic: Topic::Cycle,
        arguments: &[
            REFRIGERANT,
            number("mass_flow", "kg/s"),
            number("displacement", "m³/h"),
            P_LOW,
            T_SUCTION,
        ],
        result: "1",
        summary: "Volume that the compressor draws in over the volume that it sweeps. It falls with a leaking valve.",
        range: "flow and displacement above 0; and the table of the refrigerant",
        source: "flow / (displacement × ρ1); CoolProp 8, through our tables",
        examples: &[example("volumetric_efficiency('R134a', 0.05, 25.2, 2.006, -2)", "0.74")],
        body: Body::Fluid(formula::volumetric_efficiency),
    },
    Declaration {
        name: "operating_mode",
        topic: Topic::Mode,
        arguments: &[
            text("reported"),
            number("compressor_current", "A"),
            number("power", "kW"),
            number("pressure_high", "bar"),
            number("pressure_low", "bar, same reference"),
            number("temp_evaporator", "°C"),
            number("temp_room", "°C"),
        ],
        result: "text",
        summary: "What a machine is doing at this instant. A mode that it reports itself is taken, under its own name or a synonym. \
                  Where none is reported, or one that is not known, the sensors say `off`, `cooling` or `defrost`; NULL where they do \
                  not tell whether the compressor runs.",
        range: "each argument may be NULL; the rules and the synonyms are below",
        source: "our rules (below), checked on the recording of a display case",
        examples: &[
            example("operating_mode('Pump-Down', 7.4, NULL, NULL, NULL, NULL, NULL)", "'pump_down'"),
            example("operating_mode('normal', NULL, NULL, NULL, NULL, NULL, NULL)", "'cooling'"),
            example("operating_mode(NULL, 7.4, NULL, 10.2, 2.0, -12, 4)", "'cooling'"),
            example("operating_mode(NULL, 0.1, -0.01, 3.9, 3.8, 0.2, 11)", "'off'"),
            example("operating_mode('?', 0.1, NULL, 6.0, 5.9, 9, 4)", "'defrost'"),
            example("operating_mode(NULL, NULL, NULL, NULL, NULL, -12, 4)", "NULL"),
        ],
        body: Body::Mode,
    },
];

//! Calls as users write them, in a session as every part of the program makes it.

use arrow::array::{Array, ArrayRef, AsArray, Float64Array, RecordBatch, StringArray};
use arrow::datatypes::{DataType, Float64Type};
use datafusion::prelude::SessionContext;
use futures::executor::block_on;
use std::sync::Arc;

use super::catalog::FUNCTIONS;
use super::mode::{Mode, Signs};
use super::page::page;
use crate::dataflow::sql::{Extensions, session};

fn context() -> SessionContext {
    session(&Extensions::default(), 1)
}

fn column(context: &SessionContext, sql: &str) -> Result<ArrayRef, String> {
    let rows = block_on(async { context.sql(sql).await?.collect().await });
    let rows = rows.map_err(|error| error.strip_backtrace())?;
    Ok(Arc::clone(rows[0].column(0)))
}

fn number(context: &SessionContext, sql: &str) -> Option<f64> {
    let column = column(context, &format!("SELECT {sql}")).unwrap_or_else(|error| panic!("{sql}: {error}"));
    let column = column.as_primitive::<Float64Type>();
    column.is_valid(0).then(|| column.value(0))
}

/// What is written is what the digits say: half a unit of the last one off at most.
fn agrees(found: Option<f64>, written: &str) -> bool {
    let Some(found) = found else { return written == "NULL" };
    let digits = written.split_once('.').map_or(0, |(_, digits)| digits.len());
    let half = 0.5 * 10f64.powi(-(digits as i32));
    written.parse::<f64>().is_ok_and(|written| (found - written).abs() <= half * (1.0 + 1e-6))
}

#[test]
fn every_example_gives_what_is_written() {
    let context = context();
    let mut wrong = Vec::new();
    for example in FUNCTIONS.iter().flat_map(|function| function.examples) {
        let found = column(&context, &format!("SELECT {}", example.call)).unwrap();
        let text = found.data_type() == &DataType::Utf8;
        let right = if text {
            let found = found.as_string::<i32>();
            let found = if found.is_null(0) { "NULL".into() } else { format!("'{}'", found.value(0)) };
            found == example.gives
        } else {
            agrees(number(&context, example.call), example.gives)
        };
        if !right {
            wrong.push(format!("{} gives {found:?}, not {}", example.call, example.gives));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn every_function_has_examples_of_its_own_with_and_without_an_answer() {
    for function in FUNCTIONS {
        assert!(!function.examples.is_empty(), "{}", function.name);
        assert!(function.examples.iter().all(|e| e.call.contains(&format!("{}(", function.name))));
        assert!(function.examples.iter().any(|e| e.gives != "NULL"), "{}", function.name);
    }
    let nulls = FUNCTIONS.iter().flat_map(|function| function.examples).filter(|e| e.gives == "NULL");
    assert!(nulls.count() >= 5);
}

/// `make functions` writes it.
#[test]
fn the_page_of_the_functions_is_not_stale() {
    let path = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/sql-functions.md");
    let page = page().unwrap();
    if std::env::var("COLDSTREAM_DOCS").is_ok_and(|mode| mode == "write") {
        std::fs::write(&path, &page).unwrap();
    }
    let found = std::fs::read_to_string(&path).unwrap_or_default();
    assert!(found == page, "docs/sql-functions.md is stale: `make functions` writes it");
}

#[test]
fn columns_and_constants_give_the_same_to_the_last_bit() {
    let context = context();
    let refrigerants = ["R134a", "R449A", "R290", "R12", "R134a"];
    let pressures = [Some(2.0), Some(16.52), Some(4.7), Some(2.0), None];
    let batch = RecordBatch::try_from_iter([
        ("r", Arc::new(StringArray::from(refrigerants.to_vec())) as ArrayRef),
        ("p", Arc::new(Float64Array::from(pressures.to_vec()))),
    ]);
    context.register_batch("t", batch.unwrap()).unwrap();
    for call in ["t_sat({r}, {p})", "t_sat({r}, {p}, 'bubble')", "superheat({r}, {p}, 41.5)"] {
        let sql = |r: &str, p: &str| call.replace("{r}", r).replace("{p}", p);
        let found = column(&context, &format!("SELECT {} FROM t", sql("r", "p"))).unwrap();
        let found: Vec<Option<f64>> = found.as_primitive::<Float64Type>().iter().collect();
        // A refrigerant that nobody knows is NULL in a column and refused as a constant.
        assert_eq!((found[3], found[4]), (None, None), "{call}");
        for row in 0..3 {
            let p = format!("CAST({} AS DOUBLE)", pressures[row].unwrap());
            let constant = number(&context, &sql(&format!("'{}'", refrigerants[row]), &p));
            assert!(constant.is_some(), "{call}");
            assert_eq!(found[row].map(f64::to_bits), constant.map(f64::to_bits), "{call} of {row}");
        }
    }
}

#[test]
fn calls_that_cannot_be_right_are_refused_when_they_are_planned() {
    let context = context();
    for (call, reason) in [
        ("t_sat('R12', 2)", "t_sat(): unknown refrigerant `R12`; known: R134a, R404A"),
        ("t_sat('R134a', 2, 'middle')", "t_sat(): the line is 'dew' or 'bubble', not `middle`"),
        ("t_sat('R134a')", "t_sat() is called as t_sat(refrigerant, p[, line])"),
        ("superheat('R134a', 2, 'cold')", "superheat(): t_suction is a number (°C), not Utf8"),
        ("superheat(2, 2, 2)", "superheat(): refrigerant is a text (name), not Int64"),
        ("to_absolute(2, 'relative')", "to_absolute(): a pressure is 'absolute' or 'gauge', not `relative`"),
    ] {
        let planned = block_on(context.state().create_logical_plan(&format!("SELECT {call}")));
        let error = planned.map(|_| ()).unwrap_err().strip_backtrace();
        assert!(error.contains(reason), "{call}: {error}");
    }
}

/// A NULL anywhere is NULL: of any number, and of the refrigerant.
#[test]
fn nulls_and_what_is_no_number_give_null() {
    let context = context();
    for call in [
        "superheat('R134a', NULL, -2)",
        "superheat(NULL, 2, -2)",
        "superheat('R134a', 2, CAST('NaN' AS DOUBLE))",
        "superheat('R134a', CAST('Infinity' AS DOUBLE), -2)",
        "t_sat('R134a', 2, NULL)",
        "cop_carnot(NULL, 40)",
        "to_absolute(2, NULL, 0)",
        "to_absolute(2, 'gauge', NULL)",
        // Deeper than vacuum: a transmitter that is off.
        "to_absolute(-1.5, 'gauge', 0)",
        "mass_flow('R134a', 2, -2, 10, 72, 3, 1)",
        "enthalpy('R449A', 16.52, 38)",
    ] {
        assert_eq!(number(&context, call), None, "{call}");
    }
    // A machine with absolute transmitters need not say how high it stands.
    assert_eq!(number(&context, "to_absolute(2, 'absolute', NULL)"), Some(2.0));
}

/// The pressure of the air at round altitudes, from the published table of the standard atmosphere (hPa). The formula counts
/// in geopotential metres, which makes 0.3 hPa at 5 km.
#[test]
fn gauge_pressures_are_counted_from_the_air_at_the_altitude() {
    let context = context();
    for (altitude, hectopascal) in
        [(0, 1013.25), (500, 954.61), (1_000, 898.76), (2_000, 795.01), (5_000, 540.48)]
    {
        let found = number(&context, &format!("to_absolute(0, 'gauge', {altitude})")).unwrap();
        assert!((found * 1_000.0 - hectopascal).abs() < 0.3, "{altitude} m: {found}");
    }
}

/// Flow, capacity and efficiencies fit each other: power is what the cycle needs, capacity is COP times work.
#[test]
fn the_energy_balance_closes() {
    let context = context();
    let of = |call: &str| number(&context, call).unwrap_or_else(|| panic!("{call} is NULL"));
    let (low, high) = (of("p_sat('R290', -10)"), of("p_sat('R290', 45)"));
    let discharge = of(&format!("discharge_temperature('R290', {low}, -2, {high}, 0.65)"));
    let efficiency = of(&format!("isentropic_efficiency('R290', {low}, -2, {high}, {discharge})"));
    assert!((efficiency - 0.65).abs() < 1e-3, "{efficiency}");
    let flow = of(&format!("mass_flow('R290', {low}, -2, {high}, {discharge}, 2.0, 0.0)"));
    let liquid = of(&format!("t_sat('R290', {high}, 'bubble')")) - 4.0;
    let capacity = of(&format!("cooling_capacity('R290', {flow}, {low}, -2, {liquid})"));
    let cop = of("cop_cycle('R290', -10, 45, 8, 4, 0.65)");
    assert!((capacity / 2.0 / cop - 1.0).abs() < 2e-3, "{capacity} kW of 2 kW, COP {cop}");
    assert!((cop - 2.373).abs() < 0.005, "{cop}");
}

#[test]
fn modes_are_known_under_all_their_names() {
    for mode in Mode::ALL {
        for name in std::iter::once(&mode.name()).chain(mode.synonyms()) {
            assert_eq!(Mode::parse(name), Some(mode), "{name}");
            assert_eq!(
                Mode::parse(&format!(" {} ", name.to_uppercase().replace('_', "-"))),
                Some(mode),
                "{name}"
            );
        }
    }
    assert_eq!((Mode::parse(""), Mode::parse("7"), Mode::parse("Kühlung")), (None, None, None));
}

#[test]
fn sensors_tell_what_they_can() {
    let signs = Signs::default();
    assert_eq!(signs.mode(), None);
    let current = Signs { current: Some(7.0), ..signs };
    assert_eq!(current.mode(), Some(Mode::Cooling));
    // The current knows better than the power, which may have fans in it, and this than the pressures.
    let fans = Signs { current: Some(0.1), power: Some(0.3), high: Some(9.0), low: Some(2.0), ..signs };
    assert_eq!(fans.mode(), Some(Mode::Off));
    let reversed = Signs { power: Some(-2.4), ..signs };
    assert_eq!(reversed.mode(), Some(Mode::Cooling));
    let idle = Signs { power: Some(-0.010), ..signs };
    assert_eq!(idle.mode(), Some(Mode::Off));
    let equalised = Signs { high: Some(3.9), low: Some(3.8), ..signs };
    assert_eq!(equalised.mode(), Some(Mode::Off));
    let apart = Signs { high: Some(10.0), low: Some(2.0), ..signs };
    assert_eq!(apart.mode(), Some(Mode::Cooling));
    // A heater, and hot gas. A coil in the air of its room is not heated.
    let heated = |current, coil, room| Signs { current, coil, room, ..signs }.mode();
    assert_eq!(heated(Some(0.0), Some(9.0), Some(-15.0)), Some(Mode::Defrost));
    assert_eq!(heated(Some(6.0), Some(20.0), Some(4.0)), Some(Mode::Defrost));
    assert_eq!(heated(Some(0.0), Some(9.0), Some(12.0)), Some(Mode::Off));
    assert_eq!(heated(Some(0.0), Some(-1.0), Some(-15.0)), Some(Mode::Off));
    assert_eq!(heated(None, Some(9.0), Some(-15.0)), None);
}

//! The tables against rows that CoolProp's Python package computed: another program than the generator, with its own calls.

use std::collections::HashMap;
use std::fs::File;
use std::path::Path;

use flate2::read::GzDecoder;

use super::*;

/// The numbers of a row by column, and the refrigerant.
struct Row {
    refrigerant: Refrigerant,
    numbers: HashMap<String, f64>,
}

impl Row {
    fn get(&self, column: &str) -> f64 {
        *self.numbers.get(column).unwrap_or_else(|| panic!("no number in {column}"))
    }
}

fn rows(input: impl std::io::Read) -> Vec<Row> {
    let mut reader = csv::Reader::from_reader(input);
    let header = reader.headers().unwrap().clone();
    let row = |record: csv::StringRecord| {
        let cells = header.iter().zip(&record);
        Row {
            refrigerant: Refrigerant::parse(&record[0]).unwrap(),
            numbers: cells.filter_map(|(name, cell)| Some((name.to_owned(), cell.parse().ok()?))).collect(),
        }
    };
    reader.records().map(|record| row(record.unwrap())).collect()
}

fn open(name: &str) -> File {
    File::open(Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/thermo").join(name)).unwrap()
}

/// Within a limit, absolute or by share; where not, what it was.
#[track_caller]
fn close(what: &str, row: &Row, ours: Option<f64>, reference: f64, limit: f64) {
    let ours = ours.unwrap_or_else(|| panic!("{what} of {}: nothing for {reference}", row.refrigerant));
    let error = (ours - reference).abs();
    assert!(error <= limit, "{what} of {}: {ours}, not {reference}: {:?}", row.refrigerant, row.numbers);
}

#[test]
fn saturation_is_that_of_the_reference_rows() {
    let rows = rows(open("saturation.csv"));
    // Only differences of enthalpies mean anything; the rows of blends have another zero.
    let zero: HashMap<Refrigerant, f64> = rows
        .iter()
        .filter(|row| row.get("t_c") == 0.0)
        .map(|row| (row.refrigerant, row.get("h_bubble_j_kg") / 1e3 - 200.0))
        .collect();
    let mut checked = 0;
    for row in &rows {
        let (fluid, t) = (row.refrigerant.properties(), row.get("t_c"));
        if t < fluid.range().t.0 || t > fluid.range().t.1 {
            assert!(fluid.p_sat(t, Line::Dew).is_none());
            continue;
        }
        let (dew, bubble) = (row.get("p_dew_kpa_abs") / 100.0, row.get("p_bubble_kpa_abs") / 100.0);
        close("dew pressure", row, fluid.p_sat(t, Line::Dew), dew, 5e-4 * dew);
        close("bubble pressure", row, fluid.p_sat(t, Line::Bubble), bubble, 5e-4 * bubble);
        close("dew temperature", row, fluid.t_sat(dew, Line::Dew), t, 0.01);
        close("bubble temperature", row, fluid.t_sat(bubble, Line::Bubble), t, 0.01);
        let zero = zero[&row.refrigerant];
        close("vapour", row, fluid.vapour_enthalpy(dew, t), row.get("h_dew_j_kg") / 1e3 - zero, 0.05);
        close("liquid", row, fluid.liquid_enthalpy(t), row.get("h_bubble_j_kg") / 1e3 - zero, 0.05);
        let density = row.get("rho_dew_kg_m3");
        close("density", row, fluid.vapour_density(dew, t), density, 5e-4 * density);
        checked += 1;
    }
    assert!(checked > 200, "only {checked} rows are in range");
}

#[test]
fn cycles_are_those_of_the_reference_rows() {
    let rows = rows(GzDecoder::new(open("cycles.csv.gz")));
    let (mut discharges, mut wet) = (0, 0);
    for row in &rows {
        let fluid = row.refrigerant.properties();
        let cycle = Cycle {
            t_evap: row.get("t_evap_dew_c"),
            t_cond: row.get("t_cond_dew_c"),
            superheat: row.get("superheat_k"),
            subcooling: row.get("subcooling_k"),
            isentropic_efficiency: row.get("eta_isentropic"),
        };
        let points = cycle.points(fluid).unwrap_or_else(|| panic!("{}: {cycle:?}", row.refrigerant));
        let (cooling, work) = (row.get("q_evap_j_kg") / 1e3, row.get("w_comp_j_kg") / 1e3);
        close(
            "ratio",
            row,
            Some(points.pressure_ratio),
            row.get("pressure_ratio"),
            1e-3 * points.pressure_ratio,
        );
        close("cooling", row, Some(points.h1 - points.h3), cooling, 1e-3 * cooling);
        close("work", row, Some(points.h2 - points.h1), work, 1e-3 * work);
        close("COP", row, Some(points.cop), row.get("cop_cooling"), 2e-3 * points.cop);
        close("Carnot", row, Some(points.cop_carnot), row.get("cop_carnot"), 1e-6 * points.cop_carnot);
        let share = carnot_efficiency(points.cop, cycle.t_evap, cycle.t_cond);
        close("share of Carnot", row, share, row.get("carnot_efficiency"), 2e-3);
        let capacity = row.get("vol_refrig_capacity_kj_m3");
        close("capacity", row, Some(points.volumetric_capacity), capacity, 2e-3 * capacity);
        close("liquid", row, Some(points.t3), row.get("t3_liquid_c"), 0.01);
        wet += usize::from(row.get("wet_isentropic_endpoint") == 1.0);
        // Above what its equation of state was made for, a refrigerant has no temperature here; the reference goes on.
        if row.get("t2_discharge_c") < fluid.range().t_vapour {
            close("discharge", row, points.t2, row.get("t2_discharge_c"), 0.1);
            close("isentropic discharge", row, points.t2s, row.get("t2s_isentropic_c"), 0.1);
            discharges += 1;
        } else {
            assert_eq!(points.t2, None);
        }
    }
    assert_eq!(rows.len(), 1932);
    assert!(discharges > 1850 && wet == 56, "{discharges} discharge temperatures, {wet} wet end points");
}

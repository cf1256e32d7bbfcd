use super::*;

#[test]
fn every_table_is_read() {
    for refrigerant in Refrigerant::ALL {
        super::table::parse(refrigerant.table()).unwrap_or_else(|error| panic!("{refrigerant}: {error}"));
    }
}

/// The figures that the issue gives.
#[test]
fn a_cycle_of_r134a() {
    let cycle =
        Cycle { t_evap: -10.0, t_cond: 40.0, superheat: 8.0, subcooling: 4.0, isentropic_efficiency: 0.65 };
    let points = cycle.points(Refrigerant::R134a.properties()).unwrap();
    println!("{points:?}");
    assert!((points.pressure_ratio - 5.068).abs() < 0.0005, "{points:?}");
    assert!((points.t2.unwrap() - 71.9).abs() < 0.05, "{points:?}");
    assert!((points.cop - 2.748).abs() < 0.0005, "{points:?}");
}

use super::*;

fn near(found: Option<f64>, expected: f64, limit: f64) -> bool {
    found.is_some_and(|found| (found - expected).abs() <= limit)
}

/// The figures of the issue: by CoolProp, rounded.
#[test]
fn a_cycle_of_r134a() {
    let fluid = Refrigerant::R134a.properties();
    let cycle =
        Cycle { t_evap: -10.0, t_cond: 40.0, superheat: 8.0, subcooling: 4.0, isentropic_efficiency: 0.65 };
    let points = cycle.points(fluid).unwrap();
    assert!((points.pressure_ratio - 5.068).abs() < 0.0005, "{points:?}");
    assert!(near(points.t2, 71.9, 0.05), "{points:?}");
    assert!((points.cop - 2.748).abs() < 0.0005, "{points:?}");
    assert!((points.cop_carnot - 5.263).abs() < 0.0005, "{points:?}");

    // The measured cycle is the planned one.
    let Points { p_low, p_high, t1, t3, h1, h2, h3, density, .. } = points;
    let t2 = points.t2.unwrap();
    assert!(near(superheat(fluid, p_low, t1), 8.0, 1e-3));
    assert!(near(subcooling(fluid, p_high, t3), 4.0, 1e-3));
    assert!(near(isentropic_efficiency(fluid, p_low, t1, p_high, t2), 0.65, 1e-6));
    assert!(near(discharge_temperature(fluid, p_low, t1, p_high, 0.65), t2, 1e-6));
    assert!(near(cop_cycle(fluid, (p_low, t1), (p_high, t2), t3), points.cop, 1e-6));
    assert!(near(carnot_efficiency(points.cop, -10.0, 40.0), 2.748 / 5.263, 1e-3));
    // 3 kW less 7 % over 54.22 kJ/kg; times 149.0 kJ/kg of cooling; 9.661 kg/m³ through 25 m³/h.
    let flow = mass_flow(3.0, 0.07, h1, h2);
    assert!(near(flow, 0.05146, 1e-4), "{flow:?}");
    assert!(near(cooling_capacity(flow.unwrap(), h1, h3), 7.668, 2e-2));
    assert!(near(volumetric_efficiency(flow.unwrap(), density, 25.0), 0.767, 2e-3));
}

#[test]
fn a_wet_end_of_compression_has_the_temperature_of_the_dew_line() {
    let fluid = Refrigerant::R1234yf.properties();
    let cycle =
        Cycle { t_evap: -10.0, t_cond: 50.0, superheat: 0.0, subcooling: 0.0, isentropic_efficiency: 1.0 };
    let points = cycle.points(fluid).unwrap();
    assert!(points.h2s < fluid.vapour_enthalpy(points.p_high, 50.0).unwrap());
    assert!(near(points.t2s, 50.0, 1e-3) && near(points.t2, 50.0, 1e-3), "{points:?}");
    assert!(near(discharge_temperature(fluid, points.p_low, -10.0, points.p_high, 1.0), 50.0, 1e-3));
    // The other way round nobody can tell: every wet enthalpy has this temperature.
    assert_eq!(fluid.vapour_temperature(points.p_high, points.h2s), None);
}

/// Subcooling of a blend counts from its bubble line: from the dew line it would be 4.8 K more (R449A at 40 °C).
#[test]
fn a_blend_has_two_lines() {
    let fluid = Refrigerant::R449A.properties();
    let p = fluid.p_sat(40.0, Line::Dew).unwrap();
    assert!((p - 16.52).abs() < 0.01, "{p}");
    assert!(near(fluid.t_sat(p, Line::Bubble), 35.2, 0.05));
    assert!(near(subcooling(fluid, p, 31.2), 4.0, 0.05));
    assert!(near(superheat(fluid, p, 45.0), 5.0, 1e-3));
}

#[test]
fn what_means_nothing_is_not_known() {
    let fluid = Refrigerant::R134a.properties();
    assert_eq!([cop_carnot(40.0, 40.0), cop_carnot(40.0, -10.0), cop_carnot(-300.0, 0.0)], [None; 3]);
    assert_eq!([cop_carnot(f64::NAN, 40.0), cop_carnot(0.0, f64::INFINITY)], [None, Some(0.0)]);
    assert_eq!(
        [pressure_ratio(10.0, 0.0), pressure_ratio(-1.0, 2.0), pressure_ratio(f64::NAN, 2.0)],
        [None; 3]
    );
    // The high pressure below the low one; a discharge colder than the suction; wet suction.
    assert_eq!(isentropic_efficiency(fluid, 10.0, 60.0, 2.0, 70.0), None);
    assert_eq!(isentropic_efficiency(fluid, 2.0, 60.0, 10.0, 45.0), None);
    assert_eq!(isentropic_efficiency(fluid, 2.0, -20.0, 10.0, 70.0), None);
    assert_eq!(discharge_temperature(fluid, 2.0, 0.0, 10.0, 0.0), None);
    assert_eq!(discharge_temperature(fluid, 2.0, 0.0, 10.0, 1.1), None);
    // Liquid that boils.
    assert_eq!(cop_cycle(fluid, (2.0, 0.0), (10.0, 70.0), 45.0), None);
    assert_eq!([mass_flow(3.0, 0.07, 450.0, 400.0), mass_flow(-1.0, 0.07, 400.0, 450.0)], [None; 2]);
    assert_eq!([mass_flow(3.0, 1.0, 400.0, 450.0), cooling_capacity(0.1, 250.0, 400.0)], [None; 2]);
    assert_eq!([volumetric_efficiency(0.1, 10.0, 0.0), carnot_efficiency(0.0, -10.0, 40.0)], [None; 2]);
    let cycle =
        Cycle { t_evap: -10.0, t_cond: 40.0, superheat: 8.0, subcooling: 4.0, isentropic_efficiency: 0.65 };
    for wrong in [
        Cycle { t_evap: -90.0, ..cycle },
        Cycle { t_cond: -20.0, ..cycle },
        Cycle { t_cond: 99.0, ..cycle },
        Cycle { superheat: -1.0, ..cycle },
        Cycle { subcooling: f64::NAN, ..cycle },
        Cycle { isentropic_efficiency: 0.0, ..cycle },
    ] {
        assert_eq!(wrong.points(fluid), None, "{wrong:?}");
    }
}

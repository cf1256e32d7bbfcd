mod accuracy;
mod batch;
#[allow(dead_code)] // the generator of the tables uses the rest
mod coolprop;
mod cycle;
mod reference;
mod spline;

use proptest::prelude::*;

use super::*;

#[test]
fn every_table_is_read() {
    for refrigerant in Refrigerant::ALL {
        super::table::parse(refrigerant.table()).unwrap_or_else(|error| panic!("{refrigerant}: {error}"));
        // About what a machine can see.
        let range = refrigerant.properties().range();
        let top = if refrigerant == Refrigerant::R744 { 29.0 } else { 65.0 };
        assert!(
            range.t.0 <= -50.0 && range.t.1 >= top && range.superheat > 130.0,
            "{refrigerant}: {range:?}"
        );
        assert!(range.t_vapour > 136.0, "{refrigerant}: {range:?}");
    }
}

#[test]
fn a_damaged_table_says_where() {
    let text = Refrigerant::R134a.table();
    let error = |text: &str| super::table::parse(text).unwrap_err().to_string();
    assert!(
        error(&text.replace("gas_constant ", "gas_constant x"))
            .starts_with("line 2 of the table: the gas constant")
    );
    assert!(error(&text.replace("surface z", "surface zz")).contains("unknown entry \"zz\""));
    assert!(error(&text.replace("t_max", "# t_max")).contains("has no t_max"));
    let lines: Vec<&str> = text.lines().collect();
    assert!(error(&lines[..lines.len() - 1].join("\n")).contains("no last lines"));
    let (all, _) = text.rsplit_once(' ').unwrap();
    assert!(error(all).contains("a coefficient is missing"));
    assert_eq!(error(""), "the table has no t_dew; make it again with `make thermo-tables`");
}

#[test]
fn names_as_people_write_them() {
    for refrigerant in Refrigerant::ALL {
        assert_eq!(Refrigerant::parse(refrigerant.name()), Some(refrigerant));
        assert_eq!(Refrigerant::parse(&refrigerant.to_string().to_uppercase()), Some(refrigerant));
    }
    for (text, refrigerant) in [
        ("R-134A", Refrigerant::R134a),
        (" r 404a ", Refrigerant::R404A),
        ("HFC-32", Refrigerant::R32),
        ("HC-600a", Refrigerant::R600a),
        ("HFO-1234yf", Refrigerant::R1234yf),
        ("R1234ze", Refrigerant::R1234zeE),
        ("NH3", Refrigerant::R717),
        ("CO2", Refrigerant::R744),
        ("propane", Refrigerant::R290),
        ("R507", Refrigerant::R507A),
        ("744", Refrigerant::R744),
    ] {
        assert_eq!(Refrigerant::parse(text), Some(refrigerant), "{text}");
    }
    // R1234ze(Z) boils 29 K higher than its isomer; R404 is no refrigerant.
    for text in ["", "R", "R22", "R404", "R1234ze(Z)", "water", "RR134a", "134", "R134a R404A"] {
        assert_eq!(Refrigerant::parse(text), None, "{text}");
    }
    assert_eq!(
        [Line::parse("dew"), Line::parse("BUBBLE"), Line::parse("mid")],
        [Some(Line::Dew), Some(Line::Bubble), None]
    );
}

#[test]
fn outside_the_range_nothing_is_known() {
    for refrigerant in Refrigerant::ALL {
        let fluid = refrigerant.properties();
        let Range { p, t, t_vapour, superheat, subcooling } = fluid.range();
        for line in [Line::Dew, Line::Bubble] {
            for outside in [0.0, -1.0, p.0 * 0.9, p.1 * 1.1, f64::NAN, f64::INFINITY] {
                assert_eq!(fluid.t_sat(outside, line), None, "{refrigerant} at {outside} bar");
                assert_eq!(fluid.vapour_enthalpy(outside, t.1), None);
                assert_eq!(fluid.isentropic_enthalpy(p.0, t.0, outside), None);
                assert_eq!(fluid.vapour_temperature(outside, 400.0), None);
                assert_eq!(fluid.subcooled_enthalpy(outside, t.0), None);
            }
            for outside in [t.0 - 0.1, t.1 + 0.1, f64::NAN, f64::INFINITY, f64::NEG_INFINITY] {
                assert_eq!(fluid.p_sat(outside, line), None, "{refrigerant} at {outside} °C");
                assert_eq!(fluid.liquid_enthalpy(outside), None);
            }
            // The ends themselves are inside.
            for t in [t.0, t.1] {
                assert!(
                    fluid.p_sat(t, line).and_then(|p| fluid.t_sat(p, line)).is_some(),
                    "{refrigerant} {t}"
                );
            }
        }
        // Of another phase, or hotter than the table.
        let middle = fluid.p_sat(0.0, Line::Dew).unwrap();
        let hottest = superheat.min(t_vapour);
        for quantity in [Quantity::Enthalpy, Quantity::Entropy, Quantity::Density] {
            assert!(
                fluid.vapour(quantity, middle, 0.0).is_some()
                    && fluid.vapour(quantity, middle, -0.005).is_some()
            );
            assert_eq!(fluid.vapour(quantity, middle, -0.05), None, "{refrigerant}");
            assert!(fluid.vapour(quantity, middle, hottest - 0.1).is_some(), "{refrigerant}");
            assert_eq!(fluid.vapour(quantity, middle, hottest + 0.1), None, "{refrigerant}");
        }
        let dew = fluid.vapour_enthalpy(middle, 0.0).unwrap();
        assert_eq!(fluid.vapour_temperature(middle, dew - 0.1), None);
        assert_eq!(fluid.vapour_temperature(middle, dew + 5_000.0), None);
        assert_eq!(fluid.isentropic_enthalpy(middle, 10.0, 0.9 * middle), None, "no expansion");
        let bubble = fluid.t_sat(p.1 * 0.8, Line::Bubble).unwrap();
        assert!(fluid.subcooled_enthalpy(p.1 * 0.8, bubble - 5.0).is_some());
        assert_eq!(fluid.subcooled_enthalpy(p.1 * 0.8, bubble + 0.05), None, "it boils");
        assert_eq!(fluid.subcooled_enthalpy(p.1 * 0.8, bubble - subcooling - 0.1), None);
    }
}

proptest! {
    /// What belongs together, whatever the state: inverses, and the thermodynamic identity T = (dh/ds) at constant pressure,
    /// which the surfaces of enthalpy and entropy, fitted each for itself, know nothing of.
    #[test]
    fn properties_agree_with_each_other(n in 0..15_usize, saturated in 0.01..0.99, hotter in 0.01..0.8) {
        let fluid = Refrigerant::ALL[n].properties();
        let range = fluid.range();
        let dew = range.t.0 + saturated * (range.t.1 - range.t.0);
        let p = fluid.p_sat(dew, Line::Dew).unwrap();
        prop_assert!((fluid.t_sat(p, Line::Dew).unwrap() - dew).abs() < 1e-4);
        // A blend's bubble line begins at a higher pressure than its dew line.
        prop_assert!(fluid.t_sat(p, Line::Bubble).is_none_or(|bubble| bubble < dew + 1e-3), "bubbles come first");

        let t = dew + hotter * range.superheat.min(range.t_vapour - dew - 1.0);
        let h = fluid.vapour_enthalpy(p, t).unwrap();
        prop_assert!((fluid.vapour_temperature(p, h).unwrap() - t).abs() < 1e-5);
        let more = fluid.vapour_enthalpy(p, t + 0.1).unwrap() - h;
        let entropy = fluid.vapour_entropy(p, t + 0.1).unwrap() - fluid.vapour_entropy(p, t).unwrap();
        let kelvin = t + 0.05 + ZERO_CELSIUS;
        prop_assert!((more / entropy / kelvin - 1.0).abs() < 0.03, "{} K, not {}", more / entropy, kelvin);

        // An isentropic compression by nothing changes nothing.
        prop_assert!((fluid.isentropic_enthalpy(p, t, p).unwrap() - h).abs() < 1e-6);
    }
}

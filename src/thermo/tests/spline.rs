use proptest::prelude::*;

use super::super::spline::{Axis, Curve, Surface};

/// The cubic B-spline by its recursion (de Boor 1978), which shares nothing with the polynomials of the module.
fn basis(n: usize, x: f64, degree: usize) -> f64 {
    let n_x = n as f64;
    if degree == 0 {
        return if (n_x..n_x + 1.0).contains(&x) { 1.0 } else { 0.0 };
    }
    let d = degree as f64;
    (x - n_x) / d * basis(n, x, degree - 1) + (n_x + d + 1.0 - x) / d * basis(n + 1, x, degree - 1)
}

proptest! {
    #[test]
    fn a_curve_is_the_sum_of_b_splines(
        coefficients in prop::collection::vec(-10.0..10.0, 4..20),
        start in -5.0..5.0, step in 0.01..3.0, share in 0.0..1.0,
    ) {
        let axis = Axis::new(start, step, coefficients.len() - 3);
        let steps = share * axis.cells as f64;
        let naive: f64 = coefficients.iter().enumerate().map(|(n, c): (usize, &f64)| *c * basis(n, steps + 3.0, 3)).sum();
        let value = Curve::new(axis, &coefficients).unwrap().at(start + steps * step);
        prop_assert!((value - naive).abs() < 1e-9, "{} is not {}", value, naive);
    }

    #[test]
    fn a_surface_is_the_sum_of_products(
        coefficients in prop::collection::vec(-10.0..10.0, 6 * 9),
        u in 0.0..3.0, v in 0.0..6.0,
    ) {
        let (x, y) = (Axis::new(1.0, 0.5, 3), Axis::new(-2.0, 0.25, 6));
        let terms = coefficients.iter().enumerate();
        let naive: f64 = terms.map(|(n, c): (usize, &f64)| *c * basis(n / 9, u + 3.0, 3) * basis(n % 9, v + 3.0, 3)).sum();
        let surface = Surface::new(x, y, coefficients).unwrap();
        let (at_x, at_y) = (1.0 + 0.5 * u, -2.0 + 0.25 * v);
        prop_assert!((surface.at(x.place(at_x), y.place(at_y)) - naive).abs() < 1e-9);
        prop_assert!((surface.section(x.place(at_x)).at(at_y) - naive).abs() < 1e-9);
    }
}

#[test]
fn nothing_is_outside() {
    let axis = Axis::new(1.0, 0.5, 4);
    let curve = Curve::new(axis, &[1.0; 7]).unwrap();
    assert_eq!([curve.at(1.0), curve.at(2.2), curve.at(3.0)], [1.0; 3]);
    for outside in [0.999, 3.001, f64::NAN, f64::INFINITY, f64::NEG_INFINITY, 1e300, -1e300] {
        assert!(curve.at(outside).is_nan(), "{outside}");
    }
    assert!(Curve::default().at(0.0).is_nan());
    assert_eq!(Curve::new(axis, &[1.0; 6]), None);
}

#[test]
fn a_value_is_found_where_it_is_and_only_there() {
    let axis = Axis::new(0.0, 1.0, 4);
    // Rises from 2 to 6 along y: equidistant coefficients make a straight line.
    let rows: Vec<f64> = (0..7).flat_map(|_| (1..8).map(f64::from)).collect();
    let surface = Surface::new(axis, axis, rows).unwrap();
    let section = surface.section(axis.place(1.5));
    for guess in [-3.0, 0.0, 1.0, 4.0, 9.0] {
        assert!((section.find(3.25, guess) - 1.25).abs() < 1e-9);
        assert!(section.find(1.9, guess).is_nan() && section.find(6.1, guess).is_nan());
    }
    assert!(section.find(f64::NAN, 1.0).is_nan());
}

//! The tables against CoolProp itself over the whole range, between the nodes as well.
//!
//! Prints the table of `docs/thermodynamics.md`: `cargo test --lib thermo::tests::accuracy -- --nocapture`.

use super::coolprop::{Fluid, State};
use super::*;

/// The largest errors of a refrigerant.
#[derive(Debug, Default)]
struct Errors {
    /// K.
    t_sat: f64,
    /// Share.
    p_sat: f64,
    /// kJ/kg, on the bubble line.
    liquid: f64,
    /// kJ/kg, superheated vapour.
    vapour: f64,
    /// kJ/(kg K).
    entropy: f64,
    /// Share.
    density: f64,
    /// Shares of cycles: cooling, work, coefficient of performance.
    cooling: f64,
    work: f64,
    cop: f64,
    /// K, discharge temperature.
    discharge: f64,
    /// Points compared.
    points: usize,
}

/// Keeps the larger error; NaN stays.
fn keep(worst: &mut f64, error: f64) {
    if error.is_nan() || error.abs() > *worst {
        *worst = error.abs();
    }
}

fn share(ours: Option<f64>, reference: f64) -> f64 {
    difference(ours, reference) / reference
}

fn difference(ours: Option<f64>, reference: f64) -> f64 {
    ours.map_or(f64::NAN, |ours| ours - reference)
}

/// CoolProp's name.
fn coolprop(refrigerant: Refrigerant) -> String {
    use Refrigerant::{R407C, R448A, R449A, R513A};
    let blend = matches!(refrigerant, R407C | R448A | R449A | R513A);
    format!("{refrigerant}{}", if blend { ".mix" } else { "" })
}

/// From one end to the other in steps that meet no nodes.
fn steps((from, to): (f64, f64), step: f64) -> impl Iterator<Item = f64> {
    (0..).map(move |n| from + step * f64::from(n)).take_while(move |&at| at < to).chain([to])
}

impl Errors {
    fn saturation(&mut self, ours: &Properties, fluid: &mut Fluid) {
        let (mut found, mut all) = (0, 0);
        for t in steps(ours.range().t, 0.77) {
            for (line, quality) in [(Line::Dew, 1.0), (Line::Bubble, 0.0)] {
                all += 1;
                // For a few temperatures of a blend CoolProp finds no equilibrium.
                let Ok(state) = fluid.saturated(t, quality) else { continue };
                found += 1;
                keep(&mut self.t_sat, difference(ours.t_sat(state.p, line), t));
                keep(&mut self.p_sat, share(ours.p_sat(t, line), state.p));
                if line == Line::Bubble {
                    keep(&mut self.liquid, difference(ours.liquid_enthalpy(t), state.h));
                } else {
                    keep(&mut self.vapour, difference(ours.vapour_enthalpy(state.p, t), state.h));
                }
            }
        }
        assert!(found * 100 >= all * 95, "CoolProp knows {found} of {all} only");
        self.points += found;
    }

    fn superheated(&mut self, ours: &Properties, fluid: &mut Fluid) {
        let range = ours.range();
        for dew in steps(range.t, 2.3) {
            let p = ours.p_sat(dew, Line::Dew).unwrap();
            for superheat in steps((0.0, range.superheat), 3.7) {
                // Not quite to the end, which rounding may pass.
                let t = dew + superheat.min(range.superheat - 1e-3);
                if t > range.t_vapour {
                    assert_eq!(ours.vapour_enthalpy(p, t), None);
                    continue;
                }
                let state = fluid.vapour(p, t).unwrap();
                keep(&mut self.vapour, difference(ours.vapour_enthalpy(p, t), state.h));
                keep(&mut self.entropy, difference(ours.vapour_entropy(p, t), state.s));
                keep(&mut self.density, share(ours.vapour_density(p, t), state.rho));
                self.points += 1;
            }
        }
    }

    fn cycles(
        &mut self,
        ours: &Properties,
        fluid: &mut Fluid,
        (evaporating, condensing): ((f64, f64), (f64, f64)),
    ) {
        // Saturation is what takes CoolProp long.
        let ends: Vec<_> = steps(condensing, 4.3)
            .filter_map(|t| {
                let dew = fluid.saturated(t, 1.0).ok()?;
                Some((dew, fluid.saturated_at(dew.p, 0.0).ok()?))
            })
            .collect();
        for t_evap in steps(evaporating, 4.9) {
            let low = fluid.saturated(t_evap, 1.0).unwrap().p;
            for &(dew, bubble) in &ends {
                for (superheat, subcooling, isentropic_efficiency) in [
                    (0.0, 0.0, 1.0),
                    (3.0, 1.0, 0.75),
                    (8.0, 4.0, 0.65),
                    (12.0, 6.0, 0.60),
                    (25.0, 10.0, 0.5),
                ] {
                    let cycle = Cycle { t_evap, t_cond: dew.t, superheat, subcooling, isentropic_efficiency };
                    if let Some(reference) = points(&cycle, fluid, (low, dew, bubble)) {
                        self.cycle(&cycle, ours, reference);
                    }
                }
            }
        }
    }

    fn cycle(&mut self, cycle: &Cycle, ours: &Properties, [one, ideal, two, three]: [State; 4]) {
        let found = cycle.points(ours).unwrap_or_else(|| panic!("no {cycle:?}"));
        let (cooling, work) = (one.h - three.h, (ideal.h - one.h) / cycle.isentropic_efficiency);
        keep(&mut self.cooling, (found.h1 - found.h3) / cooling - 1.0);
        keep(&mut self.work, (found.h2 - found.h1) / work - 1.0);
        keep(&mut self.cop, found.cop * work / cooling - 1.0);
        if two.t < ours.range().t_vapour && two.t - cycle.t_cond < ours.range().superheat {
            keep(&mut self.discharge, difference(found.t2, two.t));
        }
        self.points += 1;
    }
}

/// The corners 1, 2s, 2 and 3 by CoolProp. `None` where the compression of a blend ends wet, for which it has no answer.
fn points(cycle: &Cycle, fluid: &mut Fluid, (low, dew, bubble): (f64, State, State)) -> Option<[State; 4]> {
    let high = dew.p;
    let one = fluid.vapour(low, cycle.t_evap + cycle.superheat).unwrap();
    let ideal = if one.s < dew.s {
        fluid.wet(high, one.s).ok()?
    } else {
        fluid.vapour_of(high, dew.t, |state| state.s - one.s)
    };
    let h2 = one.h + (ideal.h - one.h) / cycle.isentropic_efficiency;
    let two = if h2 < dew.h { ideal } else { fluid.vapour_of(high, dew.t, |state| state.h - h2) };
    // From a density that is too high the search goes straight down; from one that is too low it may leave the liquid.
    let three = fluid.liquid(high, bubble.t - cycle.subcooling, 1.25 * bubble.rho).unwrap();
    Some([one, ideal, two, three])
}

impl Fluid {
    /// Vapour at `p`, from its dew temperature on, where this is zero: by the secant method.
    fn vapour_of(&mut self, p: f64, dew: f64, error: impl Fn(&State) -> f64) -> State {
        let (mut a, mut b) = (self.vapour(p, dew).unwrap(), self.vapour(p, dew + 30.0).unwrap());
        while (b.t - a.t).abs() > 1e-7 {
            let t = b.t - error(&b) * (b.t - a.t) / (error(&b) - error(&a));
            (a, b) = (b, self.vapour(p, t).unwrap());
        }
        b
    }
}

#[test]
fn tables_are_coolprop_within_the_promised_limits() {
    println!(
        "| refrigerant | Tsat, mK | psat, % | liquid, J/kg | vapour, J/kg | entropy, J/(kg K) | density, % | cooling, % | work, % | COP, % | T2, mK | points |"
    );
    println!("|---|---|---|---|---|---|---|---|---|---|---|---|");
    let mut wrong = Vec::new();
    for refrigerant in Refrigerant::ALL {
        let ours = refrigerant.properties();
        let mut fluid = Fluid::new(&coolprop(refrigerant)).unwrap();
        let mut errors = Errors::default();
        errors.saturation(ours, &mut fluid);
        errors.superheated(ours, &mut fluid);
        let grid = if refrigerant == Refrigerant::R744 {
            ((-50.0, 0.0), (5.0, 28.0))
        } else {
            ((-45.0, 15.0), (20.0, 64.0))
        };
        errors.cycles(ours, &mut fluid, grid);
        let Errors { t_sat, p_sat, liquid, vapour, entropy, density, cooling, work, cop, discharge, points } =
            errors;
        println!(
            "| {refrigerant} | {:.3} | {:.5} | {:.1} | {:.1} | {:.4} | {:.4} | {:.4} | {:.4} | {:.4} | {:.2} | {points} |",
            t_sat * 1e3,
            p_sat * 100.0,
            liquid * 1e3,
            vapour * 1e3,
            entropy * 1e3,
            density * 100.0,
            cooling * 100.0,
            work * 100.0,
            cop * 100.0,
            discharge * 1e3,
        );
        let good = t_sat <= 0.01 && p_sat <= 5e-4 && cooling <= 1e-3 && work <= 1e-3 && cop <= 2e-3;
        // Of evaporation, some 100 to 1200 kJ/kg; and all compare false with NaN.
        let good = good && liquid <= 0.1 && vapour <= 0.1 && density <= 1e-3 && discharge <= 0.1;
        if !good {
            wrong.push(refrigerant);
        }
    }
    assert_eq!(wrong, [], "beyond the limits");
}

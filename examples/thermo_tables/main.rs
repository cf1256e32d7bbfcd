//! Makes the tables of `src/thermo/tables` from CoolProp: `make thermo-tables`.
//!
//! Arguments are names of refrigerants; none means all. What is in a table, and why in these variables: `src/thermo/table.rs`.

#[path = "../../src/thermo/tests/coolprop.rs"]
#[allow(dead_code)] // the tests use more of it
mod coolprop;
mod fit;

use std::fmt::Write as _;
use std::path::Path;

use coolprop::{Fluid, Result, State};
use fit::{Axis, Fit, surface};

/// What is chosen for a refrigerant. Everything else CoolProp knows.
struct Plan {
    name: &'static str,
    /// CoolProp's name.
    fluid: &'static str,
    /// The equation of state.
    source: &'static str,
    /// Saturation between these temperatures, °C.
    t: (f64, f64),
    /// Vapour up to this superheat, K.
    superheat: f64,
    /// Intervals of the saturation curves, and of the surfaces in pressure and superheat.
    cells: (usize, usize, usize),
}

const BLEND: &str =
    "a mixture of its components; binary parameters of Lemmon and Jacobsen 2004, Bell 2022, 2023 and 2025";

const fn plan(name: &'static str, fluid: &'static str, source: &'static str, t: (f64, f64)) -> Plan {
    Plan { name, fluid, source, t, superheat: 145.0, cells: (64, 40, 24) }
}

fn plans() -> Vec<Plan> {
    vec![
        plan("R134a", "R134a", "Tillner-Roth and Baehr 1994", (-50.0, 95.0)),
        plan("R404A", "R404A", "pseudo-pure, Lemmon 2003", (-60.0, 67.0)),
        plan("R410A", "R410A", "pseudo-pure, Lemmon 2003", (-60.0, 66.0)),
        Plan { superheat: 190.0, ..plan("R32", "R32", "Tillner-Roth and Yokozeki 1997", (-60.0, 73.0)) },
        plan("R290", "R290", "Lemmon, McLinden and Wagner 2009", (-60.0, 90.0)),
        plan("R600a", "R600a", "Bücker and Wagner 2006", (-50.0, 125.0)),
        Plan { superheat: 360.0, ..plan("R717", "R717", "Gao, Wu, Bell and Lemmon 2020", (-60.0, 122.0)) },
        Plan {
            superheat: 150.0,
            cells: (96, 56, 30),
            ..plan("R744", "R744", "Span and Wagner 1996", (-56.0, 29.0))
        },
        plan("R448A", "R448A.mix", BLEND, (-60.0, 69.0)),
        plan("R449A", "R449A.mix", BLEND, (-60.0, 70.0)),
        plan("R407C", "R407C.mix", BLEND, (-60.0, 76.0)),
        plan("R507A", "R507A", "pseudo-pure, Lemmon 2003", (-60.0, 66.0)),
        plan("R513A", "R513A.mix", BLEND, (-50.0, 88.0)),
        plan("R1234yf", "R1234yf", "Lemmon and Akasaka 2022", (-50.0, 89.0)),
        plan("R1234ze(E)", "R1234ze(E)", "Thol and Lemmon 2016", (-50.0, 103.0)),
    ]
}

/// The offset of superheat and subcooling in the second variable of the surfaces, K.
const OFFSET: f64 = 4.0;

/// Liquid up to this subcooling, K.
const SUBCOOLING: f64 = 60.0;

fn main() -> Result<()> {
    let wanted: Vec<String> = std::env::args().skip(1).collect();
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/thermo/tables");
    for plan in plans().iter().filter(|plan| wanted.is_empty() || wanted.iter().any(|name| name == plan.name))
    {
        let text = table(plan).map_err(|error| format!("{}: {error}", plan.name))?;
        let file = folder.join(format!("{}.txt", plan.name));
        println!("{}: {} bytes", plan.name, text.len());
        std::fs::write(file, text)?;
    }
    Ok(())
}

fn table(plan: &Plan) -> Result<String> {
    let mut fluid = Fluid::new(plan.fluid)?;
    let (cells, cells_x, cells_y) = plan.cells;
    let pure = !plan.fluid.ends_with(".mix") && !plan.source.starts_with("pseudo");
    let mut text = String::new();
    writeln!(text, "# {}: CoolProp 8.0.0, {}, {}", plan.name, plan.fluid, plan.source)?;
    writeln!(text, "gas_constant {:.9}", fluid.gas_constant()?)?;
    writeln!(text, "t_max {:.2}", fluid.t_max()?)?;
    writeln!(text, "offset {OFFSET}")?;

    let t = Axis::new(plan.t.0, plan.t.1, cells);
    let ts = t.samples(8);
    let of_t = Fit::new(t, &ts);
    let mut t_dew = None;
    for (line, quality) in [("dew", 1.0), ("bubble", 0.0)] {
        if line == "bubble" && pure {
            continue;
        }
        let states = saturation(&mut fluid, &ts, quality)?;
        let ln_p: Vec<f64> = states.iter().map(|state| state.p.ln()).collect();
        let x = Axis::new(ln_p[0], ln_p[ln_p.len() - 1], cells);
        let fitted = Fit::new(x, &ln_p).coefficients(&ts);
        curve(&mut text, &format!("t_{line}"), x, 1e-5, &fitted)?;
        curve(&mut text, &format!("ln_p_{line}"), t, 1e-7, &of_t.coefficients(&ln_p))?;
        if line == "dew" {
            t_dew = Some((x, fitted));
        }
    }
    let bubble = saturation(&mut fluid, &ts, 0.0)?;
    let h: Vec<f64> = bubble.iter().map(|state| state.h).collect();
    curve(&mut text, "h_liquid", t, 1e-4, &of_t.coefficients(&h))?;
    text.push_str(&dh_dp(&mut fluid, t, &bubble)?);

    let (dew_axis, fitted) = t_dew.ok_or("no dew line")?;
    let x = Axis::new(dew_axis.start, dew_axis.start + dew_axis.step * cells as f64, cells_x);
    let y = Axis::new(OFFSET.sqrt(), (OFFSET + plan.superheat).sqrt(), cells_y);
    let (xs, ys) = (x.samples(3), y.samples(3));
    let mut states = Vec::new();
    for &x in &xs {
        let dew = dew_axis.value(&fitted, x);
        for &y in &ys {
            let superheat = y * y - OFFSET;
            let state = fluid.vapour(x.exp(), dew + superheat);
            states.push(state.map_err(|error| format!("{} bar, {superheat} K superheat: {error}", x.exp()))?);
        }
    }
    let (of_x, of_y) = (Fit::new(x, &xs), Fit::new(y, &ys));
    let r = fluid.gas_constant()?;
    let mut put = |name: &str, scale: f64, value: &dyn Fn(&State) -> f64| {
        let values: Vec<f64> = states.iter().map(value).collect();
        patch(&mut text, name, (x, y), scale, &surface(&of_x, &of_y, &values))
    };
    put("h", 1e-4, &|state| state.h)?;
    put("s", 1e-7, &|state| state.s)?;
    // 100 turns bar m³/kg into kJ/kg.
    put("z", 1e-6, &|state| 100.0 * state.p / (state.rho * r * (state.t + coolprop::ZERO_CELSIUS)))?;
    Ok(text)
}

/// The line of saturation at these temperatures. For a few temperatures of a blend CoolProp finds no equilibrium; there the six
/// temperatures nearby stand in, by the polynomial through them.
fn saturation(fluid: &mut Fluid, ts: &[f64], quality: f64) -> Result<Vec<State>> {
    let found: Vec<State> = ts.iter().filter_map(|&t| fluid.saturated(t, quality).ok()).collect();
    let (first, last) = (found.first().ok_or("no saturation")?, found.last().ok_or("no saturation")?);
    if first.t > ts[0] + 1e-6 || last.t < ts[ts.len() - 1] - 1e-6 {
        return Err(format!("saturation from {} to {} °C only", first.t, last.t).into());
    }
    let at = |t: f64| {
        let next = found.partition_point(|state| state.t < t - 1e-6);
        if (found[next].t - t).abs() < 1e-6 {
            return found[next];
        }
        let from = next.saturating_sub(3).min(found.len() - 6);
        let near = &found[from..from + 6];
        let through = |value: &dyn Fn(&State) -> f64| -> f64 {
            let others = |a: &State| -> f64 {
                near.iter().filter(|b| b.t != a.t).map(|b| (t - b.t) / (a.t - b.t)).product()
            };
            near.iter().map(|a| value(a) * others(a)).sum()
        };
        State {
            p: through(&|state| state.p.ln()).exp(),
            t,
            h: through(&|state| state.h),
            s: through(&|state| state.s),
            rho: through(&|state| state.rho),
        }
    };
    if found.len() < ts.len() {
        println!(
            "quality {quality}: {} of {} temperatures by their neighbours",
            ts.len() - found.len(),
            ts.len()
        );
    }
    Ok(ts.iter().map(|&t| at(t)).collect())
}

/// What pressure adds to the enthalpy of liquid, by temperature and subcooling.
fn dh_dp(fluid: &mut Fluid, t: Axis, bubble: &[State]) -> Result<String> {
    let x = Axis::new(t.start, t.start + t.step * t.cells as f64, t.cells);
    let y = Axis::new(OFFSET.sqrt(), (OFFSET + SUBCOOLING).sqrt(), 8);
    let (xs, ys) = (x.samples(4), y.samples(3));
    let mut values = Vec::new();
    for &at in &xs {
        let n = bubble.iter().position(|state| (state.t - at).abs() < 1e-6).ok_or("places that differ")?;
        let state = bubble[n];
        // From the same liquid: the bubble line of a pseudo-pure fluid is no solution of its equation of state.
        let low = fluid.liquid(state.p, state.t, state.rho)?;
        // Beyond the table the pressure goes on as the vapour pressure of a pure fluid does; only the spline needs to know.
        let (a, b) = (bubble[n.min(bubble.len() - 2)], bubble[n.min(bubble.len() - 2) + 1]);
        let slope = (b.p / a.p).ln() / (1.0 / kelvin(a.t) - 1.0 / kelvin(b.t));
        let mut rho = low.rho;
        for &y in &ys {
            let hot = state.t + (y * y - OFFSET).max(0.05);
            let beyond = bubble.partition_point(|state| state.t < hot);
            let p = match beyond {
                0 => return Err("a bubble line without temperatures".into()),
                n if n < bubble.len() => {
                    let (a, b) = (bubble[n - 1], bubble[n]);
                    ((b.p / a.p).ln() * (hot - a.t) / (b.t - a.t)).exp() * a.p
                }
                _ => state.p * (slope * (1.0 / kelvin(state.t) - 1.0 / kelvin(hot))).exp(),
            };
            let high = fluid.liquid(p, state.t, rho)?;
            rho = high.rho;
            values.push((high.h - low.h) / (p - state.p));
        }
    }
    let mut text = String::new();
    patch(&mut text, "dh_dp", (x, y), 1e-6, &surface(&Fit::new(x, &xs), &Fit::new(y, &ys), &values))?;
    Ok(text)
}

fn kelvin(t: f64) -> f64 {
    t + coolprop::ZERO_CELSIUS
}

fn curve(text: &mut String, name: &str, axis: Axis, scale: f64, coefficients: &[f64]) -> Result<()> {
    writeln!(text, "curve {name} {:.12} {:.12} {} {scale:e}", axis.start, axis.step, axis.cells)?;
    integers(text, coefficients, scale)
}

fn patch(
    text: &mut String,
    name: &str,
    (x, y): (Axis, Axis),
    scale: f64,
    coefficients: &[f64],
) -> Result<()> {
    write!(text, "surface {name} {:.12} {:.12} {} ", x.start, x.step, x.cells)?;
    writeln!(text, "{:.12} {:.12} {} {scale:e}", y.start, y.step, y.cells)?;
    coefficients.chunks(y.cells + 3).try_for_each(|row| integers(text, row, scale))
}

/// One line: the first number, then the differences.
fn integers(text: &mut String, values: &[f64], scale: f64) -> Result<()> {
    let mut before = 0;
    for (n, value) in values.iter().enumerate() {
        let number = (value / scale).round() as i64;
        write!(text, "{}{}", if n == 0 { "" } else { " " }, number - before)?;
        before = number;
    }
    writeln!(text)?;
    Ok(())
}

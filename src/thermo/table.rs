//! The text of a table.
//!
//! Lines that begin with `#` say where it is from. Then follow `key value` lines, curves and surfaces:
//!
//! ```text
//! curve NAME start step cells scale
//! (cells + 3 integers)
//! surface NAME start step cells start step cells scale
//! (cells + 3 lines of cells + 3 integers)
//! ```
//!
//! Each line of integers holds the first one and then the differences, which are shorter. The integers times `scale` are coefficients of uniform cubic B-splines ([`super::spline`]), fitted by least squares to values of
//! CoolProp. The variables are those in which the properties are nearly straight:
//!
//! | | of | |
//! |---|---|---|
//! | `t_dew`, `t_bubble` | ln(p / bar) | saturation temperature, °C; without `t_bubble` the two are the same |
//! | `ln_p_dew`, `ln_p_bubble` | °C | ln of the saturation pressure in bar |
//! | `h_liquid` | °C | enthalpy on the bubble line, kJ/kg |
//! | `dh_dp` | °C, sqrt(`offset` + subcooling / K) | what each bar above the bubble pressure adds to it, kJ/kg |
//! | `h`, `s`, `z` | ln(p / bar), sqrt(`offset` + superheat / K) | of vapour: enthalpy, entropy, compressibility factor |
//!
//! The square root sets nodes close where the heat capacity changes fast, near the dew line. The compressibility factor is
//! nearly straight where the density spans three decades.

use std::str::{FromStr, SplitWhitespace};

use super::Properties;
use super::spline::{Axis, Curve, Surface};

/// What may be wrong with a table.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(super) enum TableError {
    /// A word that is no number, or none where one is due.
    #[error(
        "line {line} of the table: {what} is missing or no number; make the table again with `make thermo-tables`"
    )]
    Number {
        /// From 1 on.
        line: usize,
        /// What was expected.
        what: &'static str,
    },
    /// A line that begins with something else.
    #[error(
        "line {line} of the table: unknown entry {name:?}; make the table again with `make thermo-tables`"
    )]
    Unknown {
        /// From 1 on.
        line: usize,
        /// What it is called.
        name: String,
    },
    /// Something that every table has.
    #[error("the table has no {0}; make it again with `make thermo-tables`")]
    Missing(&'static str),
}

/// The words of a line.
struct Words<'a> {
    line: usize,
    words: SplitWhitespace<'a>,
}

impl Words<'_> {
    fn number<T: FromStr>(&mut self, what: &'static str) -> Result<T, TableError> {
        let number = self.words.next().and_then(|word| word.parse().ok());
        number.ok_or(TableError::Number { line: self.line, what })
    }

    fn axis(&mut self) -> Result<Axis, TableError> {
        let (start, step) = (self.number("the first node")?, self.number("the distance of nodes")?);
        Ok(Axis::new(start, step, self.number("the number of intervals")?))
    }
}

/// The lines of a table.
struct Lines<'a> {
    lines: std::iter::Enumerate<std::str::Lines<'a>>,
}

impl<'a> Lines<'a> {
    fn next(&mut self) -> Option<Words<'a>> {
        let (n, line) = self.lines.next()?;
        Some(Words { line: n + 1, words: line.split_whitespace() })
    }

    fn coefficients(&mut self, rows: usize, columns: usize, scale: f64) -> Result<Vec<f64>, TableError> {
        let mut all = Vec::with_capacity(rows * columns);
        for _ in 0..rows {
            let mut row = self.next().ok_or(TableError::Missing("last lines"))?;
            let mut number = 0;
            for _ in 0..columns {
                number += row.number::<i64>("a coefficient")?;
                all.push(number as f64 * scale);
            }
        }
        Ok(all)
    }

    fn curve(&mut self, mut head: Words<'_>) -> Result<Option<Curve>, TableError> {
        let (axis, scale) = (head.axis()?, head.number("the scale")?);
        Ok(Curve::new(axis, &self.coefficients(1, axis.cells + 3, scale)?))
    }

    fn surface(&mut self, mut head: Words<'_>) -> Result<Option<Surface>, TableError> {
        let (x, y, scale) = (head.axis()?, head.axis()?, head.number("the scale")?);
        Ok(Surface::new(x, y, self.coefficients(x.cells + 3, y.cells + 3, scale)?))
    }
}

/// Reads a table.
pub(super) fn parse(text: &str) -> Result<Properties, TableError> {
    let mut lines = Lines { lines: text.lines().enumerate() };
    let (mut gas_constant, mut t_max, mut offset) = (None, None, None);
    let (mut t_dew, mut t_bubble, mut ln_p_dew, mut ln_p_bubble) = (None, None, None, None);
    let (mut h_liquid, mut dh_dp, mut h, mut s, mut z) = (None, None, None, None, None);
    while let Some(mut head) = lines.next() {
        let line = head.line;
        let kind = head.words.next().unwrap_or("#");
        let name =
            if matches!(kind, "curve" | "surface") { head.words.next().unwrap_or_default() } else { kind };
        match (kind, name) {
            (kind, _) if kind.starts_with('#') => {}
            ("gas_constant", _) => gas_constant = Some(head.number("the gas constant")?),
            ("t_max", _) => t_max = Some(head.number("the highest temperature")?),
            ("offset", _) => offset = Some(head.number("the offset")?),
            ("curve", "t_dew") => t_dew = lines.curve(head)?,
            ("curve", "t_bubble") => t_bubble = lines.curve(head)?,
            ("curve", "ln_p_dew") => ln_p_dew = lines.curve(head)?,
            ("curve", "ln_p_bubble") => ln_p_bubble = lines.curve(head)?,
            ("curve", "h_liquid") => h_liquid = lines.curve(head)?,
            ("surface", "dh_dp") => dh_dp = lines.surface(head)?,
            ("surface", "h") => h = lines.surface(head)?,
            ("surface", "s") => s = lines.surface(head)?,
            ("surface", "z") => z = lines.surface(head)?,
            _ => return Err(TableError::Unknown { line, name: name.to_owned() }),
        }
    }
    let missing = TableError::Missing;
    let (t_dew, ln_p_dew) = (t_dew.ok_or(missing("t_dew"))?, ln_p_dew.ok_or(missing("ln_p_dew"))?);
    Ok(Properties {
        gas_constant: gas_constant.ok_or(missing("gas_constant"))?,
        t_max: t_max.ok_or(missing("t_max"))?,
        offset: offset.ok_or(missing("offset"))?,
        t_bubble: t_bubble.unwrap_or_else(|| t_dew.clone()),
        ln_p_bubble: ln_p_bubble.unwrap_or_else(|| ln_p_dew.clone()),
        t_dew,
        ln_p_dew,
        h_liquid: h_liquid.ok_or(missing("h_liquid"))?,
        dh_dp: dh_dp.ok_or(missing("dh_dp"))?,
        h: h.ok_or(missing("h"))?,
        s: s.ok_or(missing("s"))?,
        z: z.ok_or(missing("z"))?,
    })
}

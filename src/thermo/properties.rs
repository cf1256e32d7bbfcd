//! Properties of one refrigerant by its table.

use super::spline::{Curve, Place, Surface};

/// 0 °C in kelvin.
pub const ZERO_CELSIUS: f64 = 273.15;

/// How far below the dew line a temperature still counts as on it, K: what the tables leave open.
const ON_THE_LINE: f64 = 0.01;

/// Which of the two ends of evaporation: a blend begins to boil at the bubble line and is all vapour at the dew line.
///
/// Superheat counts from dew, subcooling from bubble. For a pure refrigerant both are the same.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Line {
    /// All vapour.
    Dew,
    /// All liquid.
    Bubble,
}

impl Line {
    /// `dew` or `bubble`; `None` for anything else.
    pub fn parse(text: &str) -> Option<Self> {
        [("dew", Self::Dew), ("bubble", Self::Bubble)]
            .into_iter()
            .find_map(|(name, line)| name.eq_ignore_ascii_case(text).then_some(line))
    }
}

/// A property of vapour.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Quantity {
    /// kJ/kg, 200 for liquid on the bubble line at 0 °C.
    Enthalpy,
    /// kJ/(kg K), 1 for liquid on the bubble line at 0 °C.
    Entropy,
    /// kg/m³.
    Density,
}

/// Where a table has values.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Range {
    /// Saturation pressure on the dew line, bar absolute: also the pressures of vapour.
    pub p: (f64, f64),
    /// Saturation temperature, °C.
    pub t: (f64, f64),
    /// The highest temperature of vapour, °C: that of the equation of state.
    pub t_vapour: f64,
    /// The highest superheat of vapour, K.
    pub superheat: f64,
    /// The highest subcooling of liquid, K.
    pub subcooling: f64,
}

/// Properties of one refrigerant.
///
/// Pressures are bar absolute, temperatures °C, enthalpies kJ/kg and entropies kJ/(kg K) with the IIR reference (200
/// and 1 for liquid on the bubble line at 0 °C). Every function gives `None` outside the range of the table, for NaN and
/// where the state is of another phase.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Properties {
    pub(super) gas_constant: f64,
    pub(super) t_max: f64,
    pub(super) offset: f64,
    pub(super) t_dew: Curve,
    pub(super) t_bubble: Curve,
    pub(super) ln_p_dew: Curve,
    pub(super) ln_p_bubble: Curve,
    pub(super) h_liquid: Curve,
    pub(super) dh_dp: Surface,
    pub(super) h: Surface,
    pub(super) s: Surface,
    pub(super) z: Surface,
}

/// A number where there is one.
#[inline]
fn known(value: f64) -> Option<f64> {
    (!value.is_nan()).then_some(value)
}

impl Properties {
    /// Where the table has values.
    pub fn range(&self) -> Range {
        let (ln_p, t) = (self.t_dew.axis, self.ln_p_dew.axis);
        let difference = |surface: &Surface| surface.y.end() * surface.y.end() - self.offset;
        Range {
            p: (ln_p.start.exp(), ln_p.end().exp()),
            t: (t.start, t.end()),
            t_vapour: self.t_max,
            superheat: difference(&self.h),
            subcooling: difference(&self.dh_dp),
        }
    }

    /// Saturation temperature at `p`, °C.
    #[inline]
    pub fn t_sat(&self, p: f64, line: Line) -> Option<f64> {
        known(match line {
            Line::Dew => self.t_dew.at(p.ln()),
            Line::Bubble => self.t_bubble.at(p.ln()),
        })
    }

    /// Saturation pressure at `t`, bar absolute.
    #[inline]
    pub fn p_sat(&self, t: f64, line: Line) -> Option<f64> {
        let ln_p = match line {
            Line::Dew => self.ln_p_dew.at(t),
            Line::Bubble => self.ln_p_bubble.at(t),
        };
        known(ln_p.exp())
    }

    /// A property of vapour, superheated or on the dew line. A temperature up to 0.01 K below the dew line counts as on it.
    #[inline]
    pub fn vapour(&self, quantity: Quantity, p: f64, t: f64) -> Option<f64> {
        let (x, y) = self.places(p, t);
        known(match quantity {
            Quantity::Enthalpy => self.h.at(x, y),
            Quantity::Entropy => self.s.at(x, y),
            // 100 turns bar m³/kg into kJ/kg.
            Quantity::Density => 100.0 * p / (self.z.at(x, y) * self.gas_constant * (t + ZERO_CELSIUS)),
        })
    }

    /// Enthalpy of vapour, kJ/kg: [`Quantity::Enthalpy`].
    #[inline]
    pub fn vapour_enthalpy(&self, p: f64, t: f64) -> Option<f64> {
        self.vapour(Quantity::Enthalpy, p, t)
    }

    /// Entropy of vapour, kJ/(kg K): [`Quantity::Entropy`].
    #[inline]
    pub fn vapour_entropy(&self, p: f64, t: f64) -> Option<f64> {
        self.vapour(Quantity::Entropy, p, t)
    }

    /// Density of vapour, kg/m³: [`Quantity::Density`].
    #[inline]
    pub fn vapour_density(&self, p: f64, t: f64) -> Option<f64> {
        self.vapour(Quantity::Density, p, t)
    }

    /// Enthalpy of liquid on the bubble line at `t`, kJ/kg. What pressure adds to it is [`Self::subcooled_enthalpy`].
    #[inline]
    pub fn liquid_enthalpy(&self, t: f64) -> Option<f64> {
        known(self.h_liquid.at(t))
    }

    /// Enthalpy of subcooled liquid at `p` and `t`, kJ/kg: that of the bubble line at `t` and what the higher pressure adds. The addition
    /// is below 0.1 % of a refrigerating effect but near the critical point, where it matters. Within 0.01 K the bubble line counts as reached.
    #[inline]
    pub fn subcooled_enthalpy(&self, p: f64, t: f64) -> Option<f64> {
        let subcooling = self.t_bubble.at(p.ln()) - t;
        let subcooling = if (-ON_THE_LINE..0.0).contains(&subcooling) { 0.0 } else { subcooling };
        let slope =
            self.dh_dp.at(self.dh_dp.x.place(t), self.dh_dp.y.place((subcooling + self.offset).sqrt()));
        known(self.h_liquid.at(t) + slope * (p - self.ln_p_bubble.at(t).exp()))
    }

    /// Enthalpy after an isentropic compression of vapour at `p1` and `t1` to `p2`, kJ/kg. `None` where `p2` is below `p1`.
    ///
    /// A refrigerant whose dew line leans over (R1234yf, R600a) may come out wet from little superheat; then the enthalpy is
    /// that of the mixture, and the temperature is the one of the dew line at `p2`.
    pub fn isentropic_enthalpy(&self, p1: f64, t1: f64, p2: f64) -> Option<f64> {
        let s1 = self.vapour_entropy(p1, t1)?;
        let x = self.h.x.place(if p2 >= p1 { p2.ln() } else { f64::NAN });
        let section = self.s.section(x);
        let s_dew = section.at(self.h.y.start);
        if s1 < s_dew {
            // Along an isobar dh = T ds, and in a mixture of liquid and vapour T stays what it is.
            let t_dew = self.t_sat(p2, Line::Dew)? + ZERO_CELSIUS;
            return known(self.h.section(x).at(self.h.y.start) - t_dew * (s_dew - s1));
        }
        let y = section.find(s1, self.guess(s1, s_dew, section.at(self.h.y.end())));
        known(self.h.section(x).at(y))
    }

    /// Temperature of vapour of this enthalpy at `p`, °C.
    pub fn vapour_temperature(&self, p: f64, h: f64) -> Option<f64> {
        let section = self.h.section(self.h.x.place(p.ln()));
        let (first, last) = (section.at(self.h.y.start), section.at(self.h.y.end()));
        let t_dew = self.t_sat(p, Line::Dew)?;
        // Vapour has about 1 kJ/(kg K).
        let h = if h < first && first - h < ON_THE_LINE { first } else { h };
        let y = section.find(h, self.guess(h, first, last));
        known(t_dew + y * y - self.offset).filter(|&t| t <= self.t_max)
    }

    /// Where a pressure and a temperature lie on the surfaces of vapour.
    #[inline]
    fn places(&self, p: f64, t: f64) -> (Place, Place) {
        let ln_p = p.ln();
        let superheat = t - self.t_dew.at(ln_p);
        let superheat = if (-ON_THE_LINE..0.0).contains(&superheat) { 0.0 } else { superheat };
        let superheat = if t <= self.t_max { superheat } else { f64::NAN };
        (self.h.x.place(ln_p), self.h.y.place((superheat + self.offset).sqrt()))
    }

    /// The second variable of the surfaces, if the value rises evenly with the superheat.
    fn guess(&self, value: f64, first: f64, last: f64) -> f64 {
        let range = self.h.y.end() * self.h.y.end() - self.offset;
        (self.offset + range * ((value - first) / (last - first)).max(0.0)).sqrt()
    }
}

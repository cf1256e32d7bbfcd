//! Cubic splines over equidistant nodes, of one and of two variables.
//!
//! Both are sums of the uniform cubic B-spline: smooth to the second derivative, so that Newton's method works on them, and
//! local, so that a value needs four coefficients of a curve and sixteen of a surface. Equidistant nodes make the
//! place in the table a multiplication instead of a search. Outside its nodes a spline is NaN: there is no branch a
//! row, and nobody can mistake an extrapolation for a value.

/// How far beyond its last node a variable may lie, in steps: what the tables do to a value that was made from the node itself, such as a
/// pressure from a temperature. It is less than a thousandth of a kelvin.
const EDGE: f64 = 1e-4;

/// Equidistant nodes. The default has none: every value lies outside.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub(super) struct Axis {
    /// The first node.
    pub(super) start: f64,
    /// The distance of two nodes.
    pub(super) step: f64,
    /// Its reciprocal: a multiplication is several times faster than a division.
    pub(super) per_step: f64,
    /// Intervals between nodes; a spline has three coefficients more.
    pub(super) cells: usize,
}

/// Where a value lies on an [`Axis`].
#[derive(Debug, Clone, Copy)]
pub(super) struct Place {
    /// The interval.
    pub(super) cell: usize,
    /// From its beginning, 0..1; NaN outside the axis.
    pub(super) share: f64,
}

impl Axis {
    /// So many intervals from `start` on.
    pub(super) fn new(start: f64, step: f64, cells: usize) -> Self {
        Self { start, step, per_step: 1.0 / step, cells }
    }

    /// The last node.
    pub(super) fn end(&self) -> f64 {
        self.start + self.step * self.cells as f64
    }

    /// Where `x` lies.
    #[inline]
    pub(super) fn place(&self, x: f64) -> Place {
        let steps = (x - self.start) * self.per_step;
        let cells = self.cells as f64;
        // A cast of NaN or of a negative number gives 0.
        let cell = (steps as usize).min(self.cells.saturating_sub(1));
        let inside = steps >= -EDGE && steps <= cells + EDGE && self.cells > 0;
        Place { cell, share: if inside { steps - cell as f64 } else { f64::NAN } }
    }
}

/// The four cubic B-splines that are not zero at `t` of an interval.
#[inline]
pub(super) fn weights(t: f64) -> [f64; 4] {
    let s = 1.0 - t;
    let (t2, s2) = (t * t, s * s);
    let sixth = 1.0 / 6.0;
    [
        sixth * s2 * s,
        sixth * (4.0 - 3.0 * t2 * (2.0 - t)),
        sixth * (4.0 - 3.0 * s2 * (2.0 - s)),
        sixth * t2 * t,
    ]
}

/// Their derivatives by `t`.
#[inline]
pub(super) fn slopes(t: f64) -> [f64; 4] {
    let s = 1.0 - t;
    [-0.5 * s * s, t * (1.5 * t - 2.0), s * (2.0 - 1.5 * s), 0.5 * t * t]
}

#[inline]
fn dot(a: [f64; 4], b: &[f64]) -> f64 {
    match b {
        [b0, b1, b2, b3] => a[0] * b0 + a[1] * b1 + (a[2] * b2 + a[3] * b3),
        _ => f64::NAN,
    }
}

/// A function of one variable: one polynomial for each interval.
#[derive(Debug, Clone, Default, PartialEq)]
pub(super) struct Curve {
    pub(super) axis: Axis,
    cells: Vec<[f64; 4]>,
}

impl Curve {
    /// The curve of `axis.cells + 3` coefficients; `None` where it is another number.
    pub(super) fn new(axis: Axis, coefficients: &[f64]) -> Option<Self> {
        if axis.cells == 0 || coefficients.len() != axis.cells + 3 {
            return None;
        }
        let polynomial = |c: &[f64]| match *c {
            [a, b, c, d] => [
                (a + 4.0 * b + c) / 6.0,
                (c - a) / 2.0,
                (a - 2.0 * b + c) / 2.0,
                (d - a + 3.0 * (b - c)) / 6.0,
            ],
            _ => [f64::NAN; 4],
        };
        Some(Self { axis, cells: coefficients.windows(4).map(polynomial).collect() })
    }

    /// The value at `x`, NaN outside the axis.
    #[inline]
    pub(super) fn at(&self, x: f64) -> f64 {
        let Place { cell, share } = self.axis.place(x);
        let [a, b, c, d] = self.cells.get(cell).copied().unwrap_or([f64::NAN; 4]);
        a + share * (b + share * (c + share * d))
    }
}

/// A function of two variables.
#[derive(Debug, Clone, Default, PartialEq)]
pub(super) struct Surface {
    pub(super) x: Axis,
    pub(super) y: Axis,
    /// `y` runs fastest.
    coefficients: Vec<f64>,
}

impl Surface {
    /// The surface of `(x.cells + 3) * (y.cells + 3)` coefficients; `None` where it is another number.
    pub(super) fn new(x: Axis, y: Axis, coefficients: Vec<f64>) -> Option<Self> {
        let fits = x.cells > 0 && y.cells > 0 && coefficients.len() == (x.cells + 3) * (y.cells + 3);
        fits.then_some(Self { x, y, coefficients })
    }

    /// The four coefficients from `(row, column)` on, along `y`.
    #[inline]
    fn four(&self, row: usize, column: usize) -> &[f64] {
        let from = row * (self.y.cells + 3) + column;
        self.coefficients.get(from..from + 4).unwrap_or(&[])
    }

    /// The value at a place of each variable, NaN outside.
    #[inline]
    pub(super) fn at(&self, x: Place, y: Place) -> f64 {
        let (wx, wy) = (weights(x.share), weights(y.share));
        let row = |n: usize| wx[n] * dot(wy, self.four(x.cell + n, y.cell));
        row(0) + row(1) + (row(2) + row(3))
    }

    /// The curve over `y` at a place of `x`.
    #[inline]
    pub(super) fn section(&self, x: Place) -> Section<'_> {
        Section { surface: self, cell: x.cell, weights: weights(x.share) }
    }
}

/// A curve over the second variable of a [`Surface`].
#[derive(Debug, Clone, Copy)]
pub(super) struct Section<'a> {
    surface: &'a Surface,
    cell: usize,
    weights: [f64; 4],
}

impl Section<'_> {
    /// Its four coefficients from `column` on.
    #[inline]
    fn four(&self, column: usize) -> [f64; 4] {
        let mut sum = [0.0; 4];
        for (n, weight) in self.weights.iter().enumerate() {
            for (sum, c) in sum.iter_mut().zip(self.surface.four(self.cell + n, column)) {
                *sum += weight * c;
            }
        }
        sum
    }

    /// The value at `y`, NaN outside the axis.
    #[inline]
    pub(super) fn at(&self, y: f64) -> f64 {
        let place = self.surface.y.place(y);
        dot(weights(place.share), &self.four(place.cell))
    }

    /// Where the curve, which must rise, has a value: Newton's method from a guess. NaN where it has none within the axis.
    pub(super) fn find(&self, value: f64, guess: f64) -> f64 {
        let axis = self.surface.y;
        let mut y = guess.clamp(axis.start, axis.end());
        for _ in 0..12 {
            let place = axis.place(y);
            let four = self.four(place.cell);
            let slope = dot(slopes(place.share), &four) / axis.step;
            let next = y - (dot(weights(place.share), &four) - value) / slope;
            if (next - y).abs() < 1e-10 * (axis.end() - axis.start) {
                return next;
            }
            // One step may overshoot; two beyond the end mean that the value is not there.
            let clamped = next.clamp(axis.start, axis.end());
            if clamped == y {
                return f64::NAN;
            }
            y = clamped;
        }
        f64::NAN
    }
}

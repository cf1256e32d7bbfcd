//! Least squares with uniform cubic B-splines.

/// Equidistant nodes, as in `src/thermo/spline.rs`.
#[derive(Debug, Clone, Copy)]
pub struct Axis {
    pub start: f64,
    pub step: f64,
    pub cells: usize,
}

impl Axis {
    pub fn new(start: f64, end: f64, cells: usize) -> Self {
        Self { start, step: (end - start) / cells as f64, cells }
    }

    /// `per_cell` equidistant places in each interval, and the end.
    pub fn samples(&self, per_cell: usize) -> Vec<f64> {
        let place = |n| self.start + self.step * n as f64 / per_cell as f64;
        (0..=self.cells * per_cell).map(place).collect()
    }

    fn basis(&self, x: f64) -> (usize, [f64; 4]) {
        let steps = (x - self.start) / self.step;
        let cell = (steps.max(0.0) as usize).min(self.cells - 1);
        let t = steps - cell as f64;
        let s = 1.0 - t;
        let weights =
            [s * s * s, 3.0 * t * t * t - 6.0 * t * t + 4.0, 3.0 * s * s * s - 6.0 * s * s + 4.0, t * t * t];
        (cell, weights.map(|w| w / 6.0))
    }

    /// The value at `x` of the spline with these coefficients.
    pub fn value(&self, coefficients: &[f64], x: f64) -> f64 {
        let (cell, weights) = self.basis(x);
        weights.iter().zip(&coefficients[cell..]).map(|(w, c)| w * c).sum()
    }
}

/// Fits splines over one axis to values at fixed places; the normal equations are solved by Cholesky's method.
pub struct Fit {
    axis: Axis,
    xs: Vec<f64>,
    /// The lower triangle.
    factor: Vec<Vec<f64>>,
}

impl Fit {
    pub fn new(axis: Axis, xs: &[f64]) -> Self {
        let n = axis.cells + 3;
        let mut a = vec![vec![0.0; n]; n];
        for (k, &x) in xs.iter().enumerate() {
            let (cell, weights) = axis.basis(x);
            for (i, wi) in weights.iter().enumerate() {
                for (j, wj) in weights.iter().enumerate() {
                    a[cell + i][cell + j] += wi * wj * weight(k, xs.len());
                }
            }
        }
        for i in 0..n {
            for j in i.saturating_sub(3)..=i {
                let sum: f64 = (i.saturating_sub(3)..j).map(|k| a[i][k] * a[j][k]).sum();
                a[i][j] = if i == j { (a[i][i] - sum).sqrt() } else { (a[i][j] - sum) / a[j][j] };
            }
        }
        Self { axis, xs: xs.to_vec(), factor: a }
    }

    /// The coefficients for these values.
    pub fn coefficients(&self, ys: &[f64]) -> Vec<f64> {
        let (n, a) = (self.axis.cells + 3, &self.factor);
        let mut b = vec![0.0; n];
        for (k, (&x, y)) in self.xs.iter().zip(ys).enumerate() {
            let (cell, weights) = self.axis.basis(x);
            for (i, w) in weights.iter().enumerate() {
                b[cell + i] += w * y * weight(k, self.xs.len());
            }
        }
        for i in 0..n {
            let sum: f64 = (i.saturating_sub(3)..i).map(|k| a[i][k] * b[k]).sum();
            b[i] = (b[i] - sum) / a[i][i];
        }
        for i in (0..n).rev() {
            let sum: f64 = (i + 1..n.min(i + 4)).map(|k| a[k][i] * b[k]).sum();
            b[i] = (b[i] - sum) / a[i][i];
        }
        b
    }
}

/// The ends count more: nothing lies beyond them that would hold the spline.
fn weight(k: usize, n: usize) -> f64 {
    if k == 0 || k + 1 == n { 10.0 } else { 1.0 }
}

/// Coefficients of a surface over `x` and `y` (which runs fastest) for the values at all pairs of places.
pub fn surface(x: &Fit, y: &Fit, values: &[f64]) -> Vec<f64> {
    let rows: Vec<Vec<f64>> = values.chunks(y.xs.len()).map(|row| y.coefficients(row)).collect();
    let columns: Vec<Vec<f64>> = (0..y.axis.cells + 3)
        .map(|j| x.coefficients(&rows.iter().map(|row| row[j]).collect::<Vec<_>>()))
        .collect();
    (0..x.axis.cells + 3).flat_map(|i| columns.iter().map(move |column| column[i])).collect()
}

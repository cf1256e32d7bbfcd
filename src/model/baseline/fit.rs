//! Learning a baseline: ridge regression of each machine around the slopes that the fleet shares.

use std::collections::BTreeMap;

use arrow::record_batch::RecordBatch;
use smartcore::linalg::basic::arrays::Array;
use smartcore::linalg::basic::matrix::DenseMatrix;
use smartcore::linalg::traits::cholesky::CholeskyDecomposable;

use super::file::{BaselineCard, BaselineFile, Condition, MachineBaseline, Parameters};
use super::set::{BaselineSet, Row};
use super::{expand, terms};
use crate::model::file::{sha256_hex, tidy};
use crate::model::train::TrainError;

/// A machine needs so many rows for each coefficient.
const ROWS_PER_TERM: usize = 5;

/// What to learn, besides the rows.
#[derive(Debug, Clone)]
pub struct BaselineOptions {
    /// Name in SQL.
    pub name: String,
    /// The column that is expected.
    pub label: String,
    /// Text of the training query, for the card.
    pub query: String,
    /// What the data is, in words, for the card.
    pub data: String,
    /// How many rows of its own weigh as much for a machine's slopes as those of the fleet; more than 0.
    pub prior_rows: f64,
}

/// Learns a baseline from the rows of `batches`, which share one schema: `machine_id`, a column of time, the label, and
/// the conditions, which are all other numeric columns.
///
/// Rows without label, and rows with a condition that is NULL or not finite, are left out and counted on the card; machines
/// with fewer than five rows for each coefficient are left out and named there.
pub fn train(batches: &[RecordBatch], options: &BaselineOptions) -> Result<BaselineFile, TrainError> {
    if !(options.prior_rows > 0.0 && options.prior_rows.is_finite()) {
        return Err(TrainError::Prior(options.prior_rows));
    }
    let set = BaselineSet::read(batches, &options.label)?;
    let needed = ROWS_PER_TERM * terms(set.conditions.len());
    let (machines, few): (BTreeMap<_, _>, BTreeMap<_, _>) =
        set.machines.iter().partition(|(_, rows)| rows.len() >= needed);
    if machines.is_empty() {
        return Err(TrainError::TooFewRows {
            machines: few.len(),
            most: few.values().map(|rows| rows.len()).max().unwrap_or_default(),
            needed,
        });
    }
    let conditions = conditions(&set.conditions, machines.values().copied().flatten())?;
    let all = fit(&conditions, &machines, options.prior_rows, |_, _| true)?;
    let of_most = fit(&conditions, &machines, options.prior_rows, |at, of| !held_out(at, of))?;
    let (mut errors, mut total, mut of_mean, mut tested) = (BTreeMap::new(), 0.0, 0.0, 0);
    for (name, rows) in &machines {
        let count = rows.len();
        let learned = || rows.iter().enumerate().filter(|(at, _)| !held_out(*at, count)).map(|(_, row)| row);
        let tests = || rows.iter().enumerate().filter(|(at, _)| held_out(*at, count)).map(|(_, row)| row);
        let mean = learned().map(|row| row.label).sum::<f64>() / learned().count() as f64;
        let squares: f64 = tests().map(|row| residual(&conditions, &of_most[*name], row).powi(2)).sum();
        errors.insert((*name).clone(), (squares / tests().count() as f64).sqrt());
        total += squares;
        of_mean += tests().map(|row| (row.label - mean).powi(2)).sum::<f64>();
        tested += tests().count();
    }
    let of_machine = |(name, rows): (&&String, &&Vec<Row>)| {
        let coefficients = all[*name].iter().copied().map(tidy).collect();
        let baseline = MachineBaseline { rows: rows.len(), error: tidy(errors[*name]), coefficients };
        ((*name).clone(), baseline)
    };
    let card = BaselineCard {
        label: options.label.clone(),
        data: options.data.clone(),
        query: options.query.clone(),
        query_sha: sha256_hex(options.query.as_bytes()),
        prior_rows: options.prior_rows,
        rows: machines.values().map(|rows| rows.len()).sum(),
        rows_without_label: set.rows_without_label,
        rows_without_condition: set.rows_without_condition,
        machines_without_rows: few.keys().map(|name| (*name).clone()).collect(),
        error: tidy((total / tested as f64).sqrt()),
        error_of_mean: tidy((of_mean / tested as f64).sqrt()),
    };
    let parameters = Parameters { machines: machines.iter().map(of_machine).collect(), conditions };
    Ok(BaselineFile::new(&options.name, parameters, card)?)
}

/// Whether a row, of so many in order of time, is held out to test the others: every fourth of twenty stretches of time.
/// Never single rows, since neighbours are nearly copies; and not the last quarter, which is another season.
fn held_out(at: usize, rows: usize) -> bool {
    (at * 20 / rows) % 4 == 3
}

fn conditions<'a>(
    names: &[String],
    rows: impl Iterator<Item = &'a Row> + Clone,
) -> Result<Vec<Condition>, TrainError> {
    let count = rows.clone().count() as f64;
    let condition = |(at, name): (usize, &String)| {
        let values = || rows.clone().map(move |row| row.conditions[at]);
        let mean = values().sum::<f64>() / count;
        let scale = tidy((values().map(|value| (value - mean).powi(2)).sum::<f64>() / count).sqrt());
        if scale == 0.0 {
            return Err(TrainError::Constant(name.clone()));
        }
        let low = values().fold(f64::INFINITY, f64::min);
        let high = values().fold(f64::NEG_INFINITY, f64::max);
        // A hair wider than what was seen, so that writing the edges with fewer digits leaves nothing of it out.
        let (low, high) = (tidy(low - 1e-9 * scale), tidy(high + 1e-9 * scale));
        Ok(Condition { name: name.clone(), mean: tidy(mean), scale, low, high })
    };
    names.iter().enumerate().map(condition).collect()
}

fn standardised(conditions: &[Condition], row: &Row) -> Vec<f64> {
    conditions.iter().zip(&row.conditions).map(|(by, value)| (value - by.mean) / by.scale).collect()
}

fn residual(conditions: &[Condition], coefficients: &[f64], row: &Row) -> f64 {
    let mut terms = Vec::new();
    expand(&standardised(conditions, row), &mut terms);
    row.label - terms.iter().zip(coefficients).map(|(term, coefficient)| term * coefficient).sum::<f64>()
}

/// Sums over the rows of one machine, around their own means: what a regression needs.
struct Sums {
    mean: Vec<f64>,
    label: f64,
    /// `XᵀX`, row after row.
    squares: Vec<f64>,
    /// `Xᵀy`.
    products: Vec<f64>,
}

impl Sums {
    fn of(conditions: &[Condition], rows: &[&Row]) -> Self {
        let width = terms(conditions.len()) - 1;
        let mut expanded = Vec::new();
        let slopes: Vec<Vec<f64>> = rows
            .iter()
            .map(|row| {
                expand(&standardised(conditions, row), &mut expanded);
                expanded[1..].to_vec()
            })
            .collect();
        let count = rows.len() as f64;
        let mean: Vec<f64> =
            (0..width).map(|at| slopes.iter().map(|row| row[at]).sum::<f64>() / count).collect();
        let label = rows.iter().map(|row| row.label).sum::<f64>() / count;
        let (mut squares, mut products) = (vec![0.0; width * width], vec![0.0; width]);
        for (slopes, row) in slopes.iter().zip(rows) {
            let centred: Vec<f64> = slopes.iter().zip(&mean).map(|(value, mean)| value - mean).collect();
            for a in 0..width {
                products[a] += centred[a] * (row.label - label);
                for b in 0..width {
                    squares[a * width + b] += centred[a] * centred[b];
                }
            }
        }
        Self { mean, label, squares, products }
    }
}

/// The coefficients of each machine, from the rows that `takes` of it: by position and number of them.
fn fit<'a>(
    conditions: &[Condition],
    machines: &BTreeMap<&'a String, &Vec<Row>>,
    prior: f64,
    takes: impl Fn(usize, usize) -> bool,
) -> Result<BTreeMap<&'a String, Vec<f64>>, TrainError> {
    let sums = machines.iter().map(|(name, rows)| {
        let taken = rows.iter().enumerate().filter(|(at, _)| takes(*at, rows.len())).map(|(_, row)| row);
        (*name, Sums::of(conditions, &taken.collect::<Vec<_>>()))
    });
    let sums: Vec<(&String, Sums)> = sums.collect();
    let width = terms(conditions.len()) - 1;
    let total = |of: fn(&Sums) -> &Vec<f64>| -> Vec<f64> {
        let mut total = vec![0.0; of(&sums[0].1).len()];
        for (_, sums) in &sums {
            total.iter_mut().zip(of(sums)).for_each(|(total, value)| *total += value);
        }
        total
    };
    // One row's worth of penalty keeps conditions that always move together from having no solution.
    let fleet = ridge(total(|sums| &sums.squares), total(|sums| &sums.products), 1.0, width)?;
    let mut fitted = BTreeMap::new();
    for (name, Sums { mean, label, squares, mut products }) in sums {
        // Around the fleet's slopes: what they leave unexplained is fitted, with a penalty on going far from them.
        for a in 0..width {
            let explained: f64 = (0..width).map(|b| squares[a * width + b] * fleet[b]).sum();
            products[a] -= explained;
        }
        let own = ridge(squares, products, prior, width)?;
        let slopes: Vec<f64> = fleet.iter().zip(&own).map(|(fleet, own)| fleet + own).collect();
        let level = label - slopes.iter().zip(&mean).map(|(slope, mean)| slope * mean).sum::<f64>();
        fitted.insert(name, [&[level][..], &slopes].concat());
    }
    Ok(fitted)
}

/// The solution of `(squares + penalty) · x = products`.
fn ridge(
    mut squares: Vec<f64>,
    products: Vec<f64>,
    penalty: f64,
    width: usize,
) -> Result<Vec<f64>, TrainError> {
    for at in 0..width {
        squares[at * width + at] += penalty;
    }
    let squares = DenseMatrix::new(width, width, squares, false).map_err(TrainError::Fit)?;
    let products = DenseMatrix::new(width, 1, products, false).map_err(TrainError::Fit)?;
    let solution = squares.cholesky_solve_mut(products).map_err(TrainError::Fit)?;
    Ok((0..width).map(|at| *solution.get((at, 0))).collect())
}

//! Aggregate functions whose results depend on the order of the rows and on nothing else.
//!
//! ```text
//! function(arguments) DISTINCT / ORDER BY / FILTER
//!        │ recipe: settled when the query is planned
//!        ├─ exact by itself ─────────────▶ its own vectorised accumulator (count, sum, min, avg, stddev, …)
//!        ├─ min, max of floats ──────────▶ float
//!        ├─ first_value, last_value ─────▶ kept: the best row of each group
//!        ├─ DISTINCT, or an ORDER BY ────▶ kept: the rows, handed over once and in a settled order
//!        └─ any other, also a user's ────▶ chunked: its accumulator sees so many rows at a time, always the same ones
//! ```
//!
//! Two things must not reach a result: how the rows were cut into batches, and how often the state was taken out and put
//! back in between. Each accumulator here holds to both, so that a stream, a stream that was restarted, and a backtest give the same bits.

mod chunked;
mod float;
mod kept;
mod recipe;
mod rows;
#[cfg(test)]
mod tests;

pub use recipe::Recipe;

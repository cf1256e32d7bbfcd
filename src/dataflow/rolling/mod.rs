//! Rolling functions: `f(…) OVER (PARTITION BY machine_id ORDER BY timestamp …)` as a stateful step of a stream.
//!
//! Every row of the input comes out once, with one more column for each function. What a function sees of the
//! machine's other rows is its *frame*, and a frame is bounded, so what has to be remembered is bounded too:
//!
//! | function | sees |
//! |---|---|
//! | `lag(x[, k[, default]])` | the row `k` rows before (1 if not given) |
//! | any aggregate, `first_value`, `last_value`, `nth_value`, with `ROWS n PRECEDING` | the `n` rows before and the row itself |
//! | the same with `RANGE INTERVAL '…' PRECEDING` | the rows whose event time is at most that much before, and all of the same event time |
//! | the same with `BETWEEN … PRECEDING AND … PRECEDING` | a stretch of the past without the row itself |
//!
//! **Order.** Rows are taken in the order of event time, and rows of one event time in the order in which they came. So a
//! row is held back until the watermark has passed it (`ts < watermark`): from then on nothing can come before it, nor
//! beside it. Rows are given in this same order, over all machines. A row that is older than the watermark when it comes
//! is late: it is left out, and reported.
//!
//! **To the last bit.** A result is computed anew from the rows of its frame, with an accumulator of its own, never by
//! adding the row that enters to, and subtracting the row that leaves from, the result before: sums of floats would
//! drift apart from a run that began elsewhere. So a result depends on its frame alone, and neither on batches nor on
//! checkpoints.
//!
//! ```text
//! rows ─▶ held (heap by event time) ─ watermark ─▶ released rows, by machine
//!                                                     │  tail of the machine ++ its released rows
//!                                                     ▼
//!                                                 frames ─▶ results ─▶ in the order of event time
//!                                                     └─▶ new tail: what later frames can reach
//! ```
//!
//! **State.** The rows that are held, whole; and of each machine the event times and arguments that later frames can
//! reach. Both are put away in *stretches* (`stretch`): all that came between two checkpoints. One that has lost
//! nothing is not written again. A chunk of a checkpoint is one row with two lists, `held` and `tail`, one of which is
//! empty. The marks name the watermark and the stretches in order.
//!
//! A machine's `ROWS` and `lag` tail is kept however long the machine is silent: that is what they ask for. `RANGE` alone
//! forgets a silent machine.

mod evaluate;
mod frame;
mod held;
mod operator;
mod plan;
pub mod refuse;
mod stretch;
pub mod table;
mod tail;
#[cfg(test)]
mod tests;

pub use operator::RollingOperator;
pub use plan::{RollingPlan, compile};

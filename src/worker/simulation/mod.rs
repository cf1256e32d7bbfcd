//! The worker in a world that fails, step by step and the same again for the same seed.
//!
//! What runs is the worker's own code: [`PartitionWork`](super::partition::PartitionWork),
//! [`Commits`](super::committer::Commits) and the archive. What is made up is the world around it: a broker, an object
//! store, the clocks, the file of machines, and a group that moves partitions between workers, with or without the old owner noticing.
//! There is one thread, and whatever happens next is drawn from the seed.
//!
//! ```text
//!  broker ──▶ worker ──▶ store of that worker ──▶ objects          (what is in them outlives everybody)
//!                             │
//!                             └ at any operation: fail before or after its effect, stall there, or die
//! ```
//!
//! A worker that stalls goes on later, when the partition may have long had another owner: so every pair of
//! operations of two workers meets in every order. At the end the store is healed, fresh workers read the topic to its
//! end, and every table is compared with the [`oracle`], which knows nothing of the engine.
//!
//! `COLDSTREAM_SEEDS=10000` sets how many seeds run, `COLDSTREAM_SEED=17` runs that one and tells what happens in it.

mod broker;
mod dice;
mod file;
mod oracle;
mod setup;
mod store;
mod tables;
mod tests;
mod worker;
mod world;

//! The one integration-test binary: Coldstream against real parts.
//!
//! A broker, an S3-compatible server and Python readers are started by [`parts`]; `make parts` installs them.
//! A part that is not there is a failed test with that hint, never a skipped one.

// The lints keep failures out of the data path; a test fails by panicking. clippy.toml allows this inside
// `#[test]` functions only, not in the helpers they call.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod alarms;
mod chaos;
mod consumer_group;
mod dashboard;
mod dead_letters;
mod deploy;
mod display_case;
mod doctor;
mod end_to_end;
mod formats;
mod golden;
mod machines;
mod parts;
mod parts_work;
mod python_client;
mod quality;
mod refusals;
mod rest;
mod serving;
mod worker;

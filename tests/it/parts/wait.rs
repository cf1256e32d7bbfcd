//! Waiting for a condition instead of sleeping for a guess.

use std::time::{Duration, Instant};

const PAUSE: Duration = Duration::from_millis(20);

/// Asks `probe` again and again until it answers `Ok`. Its `Err` says what it saw instead; after `limit` the
/// test fails with `what` and the last of these.
#[track_caller]
pub fn until<T>(what: &str, limit: Duration, mut probe: impl FnMut() -> Result<T, String>) -> T {
    let start = Instant::now();
    loop {
        match probe() {
            Ok(value) => return value,
            Err(seen) if start.elapsed() > limit => panic!("{}", too_late(what, limit, &seen)),
            Err(_) => std::thread::sleep(PAUSE),
        }
    }
}

/// [`until`] for a probe that awaits.
pub async fn until_async<T>(
    what: &str,
    limit: Duration,
    mut probe: impl AsyncFnMut() -> Result<T, String>,
) -> T {
    let start = Instant::now();
    loop {
        match probe().await {
            Ok(value) => return value,
            Err(seen) if start.elapsed() > limit => panic!("{}", too_late(what, limit, &seen)),
            Err(_) => tokio::time::sleep(PAUSE).await,
        }
    }
}

fn too_late(what: &str, limit: Duration, seen: &str) -> String {
    format!("waited {limit:?} for {what}; last seen: {seen}")
}

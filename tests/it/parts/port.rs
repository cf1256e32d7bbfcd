//! Free loopback ports.

use std::collections::BTreeSet;
use std::net::TcpListener;
use std::ops::Range;
use std::sync::Mutex;

/// Below the range from which systems give ports to outgoing connections: a port found here is not taken by
/// a passing connection before its server binds it.
const RANGE: Range<u16> = 15_000..30_000;

/// Ports handed out by this process; their servers may not have bound them yet.
static TAKEN: Mutex<BTreeSet<u16>> = Mutex::new(BTreeSet::new());

/// A port on 127.0.0.1 that nobody listens on, and that no other call in this process returns.
pub fn free() -> u16 {
    // Test processes that run side by side search from different places.
    let first = std::process::id() as usize * 101 % RANGE.len();
    let mut taken = TAKEN.lock().unwrap_or_else(|poisoned| poisoned.into_inner());
    let port = RANGE
        .skip(first)
        .chain(RANGE.take(first))
        .find(|port| !taken.contains(port) && TcpListener::bind(("127.0.0.1", *port)).is_ok())
        .expect("there is a free port between 15000 and 30000");
    taken.insert(port);
    port
}

//! The clocks: this machine's against the store's and the senders'.
//!
//! A store's clock can be compared both ways, because it stamps an object while we wait. A message only shows a clock
//! that is ahead: one that is old may just have been sent long ago.

use super::{Finding, span};

/// A difference that no store's resolution and no slow request explains, microseconds.
const NOTABLE: i64 = 5_000_000;

/// `store` and `newest_message` are how far each is ahead of this machine's clock, microseconds; `max_skew` is the
/// difference beyond which readings become dead letters.
pub(super) fn judge(store: Option<i64>, newest_message: Option<i64>, max_skew: i64) -> Finding {
    let mut compared = Vec::new();
    let mut worst = 0;
    if let Some(ahead) = store {
        compared.push(match ahead {
            0 => "the archive's clock agrees".into(),
            ahead => format!("the archive's clock is {} {}", span(ahead), direction(ahead)),
        });
        worst = worst.max(ahead.abs());
    }
    if let Some(ahead) = newest_message {
        let ahead = ahead.max(0);
        compared.push(match ahead {
            ..=NOTABLE => "no message is from the future".into(),
            _ => format!("the newest message is dated {} ahead", span(ahead)),
        });
        worst = worst.max(ahead);
    }
    if compared.is_empty() {
        return Finding::unchecked("clock", "neither the archive nor a message told its time");
    }
    let seen = compared.join(", ");
    let cure = || Some("set the clocks by NTP (`timedatectl set-ntp true`) on every machine".into());
    match worst {
        ..=NOTABLE => Finding::ok("clock", seen),
        _ if worst > max_skew => Finding::failure("clock", seen, cure()),
        _ => Finding::warning("clock", seen, cure()),
    }
}

fn direction(ahead: i64) -> &'static str {
    if ahead > 0 { "ahead" } else { "behind" }
}

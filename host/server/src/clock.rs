//! The one place that looks at the machine's clock.

use chrono::{DateTime, Utc};
use phagen_domain::clock::Clock;

pub struct SystemClock;

impl Clock for SystemClock {
    #[expect(
        clippy::disallowed_methods,
        reason = "this is the clock that everyone else is handed"
    )]
    fn now(&self) -> DateTime<Utc> {
        Utc::now()
    }
}

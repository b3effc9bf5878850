//! How often, and how many at once, this process asks its sources.

use std::{collections::BTreeMap, num::NonZeroU32, time::Duration};

use phagen_analysis::{SourceLimit, SourceLimits};
use phagen_domain::plugin::SlotName;
use serde::{Deserialize, Serialize};

use super::SettingsError;

/// Of each process: what an API allows is to be divided by the processes with workers.
#[derive(Debug, Clone, PartialEq, Deserialize, Serialize)]
#[serde(deny_unknown_fields, default)]
pub struct SourceSettings {
    /// Calls of one source under way at once; 0: any number.
    pub n_in_flight: u32,
    /// Calls of one source begun in a second, such as 3 or 0.5; 0: any number.
    pub calls_per_second: f64,
    /// Longest that a job's first call of one source waits for its turn.
    pub wait_milliseconds: u64,
    /// What else holds for the source in one slot.
    pub slots: BTreeMap<SlotName, SlotSourceSettings>,
}

/// What is left out is as for all.
#[derive(Debug, Clone, Copy, PartialEq, Default, Deserialize, Serialize)]
#[serde(deny_unknown_fields, default)]
pub struct SlotSourceSettings {
    pub n_in_flight: Option<u32>,
    pub calls_per_second: Option<f64>,
}

impl Default for SourceSettings {
    fn default() -> Self {
        Self {
            n_in_flight: 0,
            calls_per_second: 0.0,
            wait_milliseconds: 5_000,
            slots: BTreeMap::new(),
        }
    }
}

impl SourceSettings {
    const MIN_PER_SECOND: f64 = 0.001;
    const MAX_PER_SECOND: f64 = 1_000.0;
    const MAX_IN_FLIGHT: u32 = 1_000;
    const MAX_WAIT_MILLISECONDS: u64 = 600_000;

    pub(super) fn check(&self) -> Result<(), SettingsError> {
        let rates = self.slots.values().filter_map(|slot| slot.calls_per_second);
        for rate in rates.chain([self.calls_per_second]) {
            if rate != 0.0 && !(Self::MIN_PER_SECOND..=Self::MAX_PER_SECOND).contains(&rate) {
                return Err(SettingsError::OutOfRange {
                    key: "source.calls_per_second",
                    found: rate.to_string(),
                    expected: "0, or 0.001 to 1000",
                });
            }
        }
        let numbers = self.slots.values().filter_map(|slot| slot.n_in_flight);
        for n_in_flight in numbers.chain([self.n_in_flight]) {
            if n_in_flight > Self::MAX_IN_FLIGHT {
                return Err(SettingsError::OutOfRange {
                    key: "source.n_in_flight",
                    found: n_in_flight.to_string(),
                    expected: "0 to 1000",
                });
            }
        }
        if self.wait_milliseconds > Self::MAX_WAIT_MILLISECONDS {
            return Err(SettingsError::OutOfRange {
                key: "source.wait_milliseconds",
                found: self.wait_milliseconds.to_string(),
                expected: "0 to 600000",
            });
        }
        Ok(())
    }

    pub fn limits(&self) -> SourceLimits {
        let of_slot = self.slots.iter().map(|(slot, own)| {
            let n_in_flight = own.n_in_flight.unwrap_or(self.n_in_flight);
            let calls_per_second = own.calls_per_second.unwrap_or(self.calls_per_second);
            (slot.clone(), limit(n_in_flight, calls_per_second))
        });
        SourceLimits {
            usual: limit(self.n_in_flight, self.calls_per_second),
            of_slot: of_slot.collect(),
            patience: Duration::from_millis(self.wait_milliseconds),
        }
    }
}

fn limit(n_in_flight: u32, calls_per_second: f64) -> SourceLimit {
    let interval = if calls_per_second > 0.0 {
        Duration::from_secs_f64(1.0 / calls_per_second)
    } else {
        Duration::ZERO
    };
    SourceLimit {
        n_in_flight: NonZeroU32::new(n_in_flight),
        interval,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn read(settings: Value) -> SourceSettings {
        serde_json::from_value(settings).unwrap()
    }

    #[test]
    fn a_slot_may_differ_from_the_rest() {
        let settings = read(json!({
            "n_in_flight": 4,
            "slots": { "clinical": { "calls_per_second": 0.5 }, "patent": { "n_in_flight": 0 } },
        }));
        settings.check().unwrap();
        let limits = settings.limits();
        let four = NonZeroU32::new(4);
        assert_eq!(
            limits.usual,
            SourceLimit {
                n_in_flight: four,
                interval: Duration::ZERO
            }
        );
        let of = |slot: &str| limits.of_slot[&slot.parse().unwrap()];
        let slow = Duration::from_secs(2);
        assert_eq!(
            of("clinical"),
            SourceLimit {
                n_in_flight: four,
                interval: slow
            }
        );
        assert_eq!(of("patent"), SourceLimit::default());
        assert_eq!(limits.patience, Duration::from_secs(5));
        assert_eq!(SourceSettings::default().limits(), SourceLimits::default());
        let patient = read(json!({ "wait_milliseconds": 600_000 }));
        patient.check().unwrap();
        assert_eq!(patient.limits().patience, Duration::from_mins(10));
    }

    #[test]
    fn limits_that_cannot_work_are_refused() {
        let not_a_number = SourceSettings {
            calls_per_second: f64::NAN,
            ..SourceSettings::default()
        };
        let wrong = [
            json!({ "n_in_flight": 1_001 }),
            json!({ "calls_per_second": 1_000.5 }),
            json!({ "wait_milliseconds": 600_001 }),
            json!({ "calls_per_second": -1.0 }),
            json!({ "slots": { "clinical": { "calls_per_second": 0.0001 } } }),
            json!({ "slots": { "clinical": { "n_in_flight": 5_000 } } }),
        ];
        for wrong in wrong.map(read).into_iter().chain([not_a_number]) {
            let error = wrong.check().unwrap_err().to_string();
            assert!(
                error.contains("source.") && error.contains("expected"),
                "{error}"
            );
        }
    }
}

//! What a call leaves in logs and metrics.

use std::sync::{
    Arc, Mutex,
    atomic::{AtomicU64, Ordering},
};

use metrics::{
    Counter, CounterFn, Gauge, Histogram, HistogramFn, Key, KeyName, Metadata, Recorder,
    SharedString, Unit,
};
use tracing::{Event, Subscriber, span};

use crate::common::{Room, query};

/// Counts the lines of guests and nothing else.
#[derive(Clone, Default)]
struct GuestLines(Arc<AtomicU64>);

impl Subscriber for GuestLines {
    fn enabled(&self, metadata: &tracing::Metadata<'_>) -> bool {
        metadata.target() == "phagen::guest" && *metadata.level() >= tracing::Level::INFO
    }

    fn new_span(&self, _: &span::Attributes<'_>) -> span::Id {
        span::Id::from_u64(1)
    }

    fn record(&self, _: &span::Id, _: &span::Record<'_>) {}

    fn record_follows_from(&self, _: &span::Id, _: &span::Id) {}

    fn event(&self, _: &Event<'_>) {
        self.0.fetch_add(1, Ordering::Relaxed);
    }

    fn enter(&self, _: &span::Id) {}

    fn exit(&self, _: &span::Id) {}
}

#[tokio::test]
async fn a_flood_of_log_lines_is_cut() {
    let source = Room::new().source("log-flood");
    let lines = GuestLines::default();
    let _guard = tracing::subscriber::set_default(lines.clone());
    for n_calls in 1..=2 {
        source.search(&query(), 3, None).await.expect("a page");
        assert_eq!(lines.0.load(Ordering::Relaxed), n_calls * 200);
    }
}

/// Remembers each value under its metric and labels.
#[derive(Clone, Default)]
struct Recorded(Arc<Mutex<Vec<(Key, f64)>>>);

struct Series(Key, Recorded);

impl HistogramFn for Series {
    fn record(&self, value: f64) {
        let mut recorded = self.1.0.lock().expect("not poisoned");
        recorded.push((self.0.clone(), value));
    }
}

impl CounterFn for Series {
    fn increment(&self, value: u64) {
        #[expect(clippy::cast_precision_loss, reason = "counts of a test are small")]
        HistogramFn::record(self, value as f64);
    }

    fn absolute(&self, value: u64) {
        self.increment(value);
    }
}

impl Recorder for Recorded {
    fn describe_counter(&self, _: KeyName, _: Option<Unit>, _: SharedString) {}

    fn describe_gauge(&self, _: KeyName, _: Option<Unit>, _: SharedString) {}

    fn describe_histogram(&self, _: KeyName, _: Option<Unit>, _: SharedString) {}

    fn register_counter(&self, key: &Key, _: &Metadata<'_>) -> Counter {
        Counter::from_arc(Arc::new(Series(key.clone(), self.clone())))
    }

    fn register_gauge(&self, _: &Key, _: &Metadata<'_>) -> Gauge {
        Gauge::noop()
    }

    fn register_histogram(&self, key: &Key, _: &Metadata<'_>) -> Histogram {
        Histogram::from_arc(Arc::new(Series(key.clone(), self.clone())))
    }
}

#[tokio::test]
async fn every_call_is_counted_under_its_outcome() {
    let room = Room::new();
    let (ok, trap) = (room.source("ok"), room.source("trap"));
    let recorded = Recorded::default();
    let guard = metrics::set_default_local_recorder(&recorded);
    ok.search(&query(), 3, None).await.expect("a page");
    trap.search(&query(), 3, None).await.expect_err("a trap");
    drop(guard);

    let recorded = recorded.0.lock().expect("not poisoned");
    let label = |key: &Key, name| {
        let mut labels = key.labels();
        labels
            .find(|label| label.key() == name)
            .map(|label| label.value().to_owned())
    };
    let outcomes: Vec<_> = recorded
        .iter()
        .filter(|(key, _)| key.name() == "phagen_plugin_call_seconds")
        .map(|(key, seconds)| {
            assert!(*seconds > 0.0 && *seconds < 5.0, "{seconds}");
            assert_eq!(label(key, "slot").as_deref(), Some("test"));
            assert_eq!(label(key, "call").as_deref(), Some("search"));
            let digest = ok.plugin.digest().short();
            assert_eq!(label(key, "version"), Some(digest));
            assert_eq!(label(key, "plugin").as_deref(), Some(ok.plugin.name()));
            label(key, "outcome").expect("an outcome")
        })
        .collect();
    assert_eq!(outcomes, ["ok", "plugin_trap"]);
    let n_bytes: Vec<f64> = recorded
        .iter()
        .filter(|(key, _)| key.name() == "phagen_plugin_memory_bytes")
        .map(|(_, bytes)| *bytes)
        .collect();
    assert_eq!(n_bytes.len(), 2);
    assert!(
        n_bytes.iter().all(|bytes| *bytes >= 65_536.0),
        "{n_bytes:?}"
    );
}

#[tokio::test]
async fn what_a_guest_computes_is_counted_in_ticks_also_when_it_is_ended() {
    let room = Room::hasty();
    let looping = room.source("loop");
    let recorded = Recorded::default();
    let guard = metrics::set_default_local_recorder(&recorded);
    let ended = looping.search(&query(), 3, None).await;
    assert_eq!(ended.expect_err("a timeout").code(), "plugin_timeout");
    drop(guard);
    let recorded = recorded.0.lock().expect("not poisoned");
    let ticks = recorded
        .iter()
        .find(|(key, _)| key.name() == "phagen_plugin_ticks_total");
    // It was stopped at one, so there was one.
    let (_, n_ticks) = ticks.expect("a count");
    assert!(*n_ticks >= 1.0, "{n_ticks}");
}

//! What trials saw.

use chrono::{DateTime, TimeDelta, Utc};
use phagen_domain::{
    job::JobId,
    plugin::{Compared, Comparison, ComparisonOutcome},
};

use super::{Harness, plugin_specimen::digest, specimen::slot_name};
use crate::Store;

fn at(seconds: i64) -> DateTime<Utc> {
    DateTime::UNIX_EPOCH + TimeDelta::days(20_000) + TimeDelta::seconds(seconds)
}

pub(super) fn compared() -> Compared {
    Compared {
        kendall_tau: -0.25,
        overlap_at_10: 0.5,
        max_score_change: 0.125,
        serving_milliseconds: 1.5,
        candidate_milliseconds: 2.75,
        serving_ranking: vec!["PMID:1".to_owned(), "NCT00000001".to_owned()],
        candidate_ranking: vec!["NCT00000001".to_owned(), "PMID:1".to_owned()],
    }
}

pub(super) fn comparison(seconds: i64, outcome: ComparisonOutcome) -> Comparison {
    Comparison {
        job: JobId::new(),
        slot: slot_name("reranker"),
        serving: digest("old"),
        candidate: digest("new"),
        at: at(seconds),
        outcome,
    }
}

async fn listed(store: &dyn Store, limit: u32) -> Vec<Comparison> {
    store
        .list_comparisons(&slot_name("reranker"), digest("new"), limit)
        .await
        .expect("comparisons")
}

pub async fn comparisons_are_listed_newest_first(harness: &dyn Harness) {
    let store = harness.store();
    assert_eq!(listed(&*store, 10).await, []);
    let failed = ComparisonOutcome::Failed {
        code: "plugin_trap".to_owned(),
        message: "it trapped in \"rerank\"".to_owned(),
    };
    let middle = comparison(2, ComparisonOutcome::Compared(compared()));
    let newest = comparison(3, failed);
    let oldest = comparison(1, ComparisonOutcome::Compared(compared()));
    let of_another_slot = Comparison {
        slot: slot_name("second"),
        ..comparison(4, ComparisonOutcome::Compared(compared()))
    };
    let of_another_candidate = Comparison {
        candidate: digest("newer"),
        ..comparison(5, ComparisonOutcome::Compared(compared()))
    };
    for comparison in [
        &middle,
        &newest,
        &oldest,
        &of_another_slot,
        &of_another_candidate,
    ] {
        store.record_comparison(comparison).await.expect("a record");
    }
    let all = [newest.clone(), middle.clone(), oldest];
    assert_eq!(listed(&*store, 10).await, all, "each whole");
    assert_eq!(listed(&*store, 2).await, [newest, middle]);
    assert_eq!(listed(&*store, 0).await, []);
}

pub async fn a_job_counts_once_in_a_trial(harness: &dyn Harness) {
    let store = harness.store();
    let first = comparison(1, ComparisonOutcome::Compared(compared()));
    let second_attempt = Comparison {
        at: at(2),
        serving: digest("between"),
        outcome: ComparisonOutcome::Failed {
            code: "plugin_timeout".to_owned(),
            message: "it took too long".to_owned(),
        },
        ..first.clone()
    };
    for comparison in [&first, &second_attempt] {
        store.record_comparison(comparison).await.expect("a record");
    }
    assert_eq!(listed(&*store, 10).await, [second_attempt]);
}

pub async fn a_comparison_out_of_range_is_refused(harness: &dyn Harness) {
    let store = harness.store();
    let many = vec!["PMID:1".to_owned(); 101];
    for wrong in [
        Compared {
            kendall_tau: f64::NAN,
            ..compared()
        },
        Compared {
            overlap_at_10: 1.5,
            ..compared()
        },
        Compared {
            max_score_change: f64::INFINITY,
            ..compared()
        },
        Compared {
            candidate_ranking: many,
            ..compared()
        },
    ] {
        let wrong = comparison(1, ComparisonOutcome::Compared(wrong));
        let refused = store.record_comparison(&wrong).await;
        assert!(refused.is_err(), "{wrong:?}");
    }
    assert_eq!(listed(&*store, 10).await, []);
}

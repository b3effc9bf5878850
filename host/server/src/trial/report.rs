//! What a trial has shown so far, and whether that is enough to let the candidate serve.

use std::collections::BTreeMap;

use phagen_domain::{
    digest::Digest,
    feedback::Vote,
    job::JobId,
    plugin::{Compared, Comparison, ComparisonOutcome, Share, Slot, SlotName, TrialMode},
};
use phagen_ranking::ndcg_at;
use phagen_store::{Store, StoreError};
use serde::Serialize;
use utoipa::ToSchema;

/// Newest comparisons that a report is made of.
const MAX_COMPARISONS: u32 = 500;

/// What a candidate has to reach before it is promoted without force.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, ToSchema)]
pub struct TrialThresholds {
    /// Jobs on which both worked.
    pub min_compared: u32,
    /// Part of the candidate's calls that failed.
    pub max_failed: f64,
    /// Mean over the jobs.
    pub min_kendall_tau: f64,
    /// Mean over the jobs.
    pub min_overlap_at_10: f64,
    /// Median over the jobs of candidate over serving.
    pub max_latency_ratio: f64,
    /// How much nDCG@10 from votes may be lost; asked only once jobs were voted on.
    pub max_ndcg_loss: f64,
}

impl Default for TrialThresholds {
    fn default() -> Self {
        Self {
            min_compared: 20,
            max_failed: 0.02,
            min_kendall_tau: 0.5,
            min_overlap_at_10: 0.6,
            max_latency_ratio: 2.0,
            max_ndcg_loss: 0.02,
        }
    }
}

/// A candidate beside what serves, over the newest jobs of its trial.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub struct TrialReport {
    pub slot: SlotName,
    #[schema(value_type = String)]
    pub serving: Digest,
    #[schema(value_type = String)]
    pub candidate: Digest,
    pub mode: TrialMode,
    pub share: Share,
    pub n_compared: u32,
    pub n_failed: u32,
    /// The newest failure of the candidate.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub last_failure: Option<String>,
    /// Agreement of the two orders; none before the first comparison.
    pub agreement: Option<Agreement>,
    /// Quality of the two orders by votes; none before the first voted job.
    pub votes: Option<VotedQuality>,
    pub thresholds: TrialThresholds,
    /// Promotion needs no force.
    pub passes: bool,
    /// What is missing for that, with both numbers.
    pub shortfalls: Vec<String>,
}

#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub struct Agreement {
    /// Mean and smallest of Kendall's tau-b, −1 to 1.
    pub kendall_tau: f64,
    pub min_kendall_tau: f64,
    /// Mean part of the first ten that both share, 0 to 1.
    pub overlap_at_10: f64,
    pub max_score_change: f64,
    /// Median of candidate over serving.
    pub latency_ratio: f64,
}

#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub struct VotedQuality {
    pub n_jobs: u32,
    /// Mean nDCG@10: an upvote is grade 1, a downvote or a flag 0.
    pub serving_ndcg_at_10: f64,
    pub candidate_ndcg_at_10: f64,
}

/// The report on what is being tried in `slot`; none when nothing is.
pub async fn report(store: &dyn Store, slot: &Slot) -> Result<Option<TrialReport>, StoreError> {
    let Some(candidate) = &slot.candidate else {
        return Ok(None);
    };
    let digest = candidate.activation.plugin_digest;
    let mut seen = store
        .list_comparisons(&slot.name, digest, MAX_COMPARISONS)
        .await?;
    // What was compared with an older serving version says nothing about this one.
    seen.retain(|comparison| comparison.serving == slot.serving.plugin_digest);
    let votes = voted_quality(store, &seen).await?;
    let compared: Vec<&Compared> = seen.iter().filter_map(compared).collect();
    let last_failure = seen
        .iter()
        .find_map(|comparison| match &comparison.outcome {
            ComparisonOutcome::Failed { code, message } => Some(format!("{message} (`{code}`)")),
            ComparisonOutcome::Compared(_) => None,
        });
    let mut report = TrialReport {
        slot: slot.name.clone(),
        serving: slot.serving.plugin_digest,
        candidate: digest,
        mode: candidate.mode,
        share: candidate.share,
        n_compared: count(compared.len()),
        n_failed: count(seen.len() - compared.len()),
        last_failure,
        agreement: agreement(&compared),
        votes,
        thresholds: TrialThresholds::default(),
        passes: false,
        shortfalls: Vec::new(),
    };
    report.shortfalls = shortfalls(&report);
    report.passes = report.shortfalls.is_empty();
    Ok(Some(report))
}

fn compared(comparison: &Comparison) -> Option<&Compared> {
    match &comparison.outcome {
        ComparisonOutcome::Compared(compared) => Some(compared),
        ComparisonOutcome::Failed { .. } => None,
    }
}

fn agreement(compared: &[&Compared]) -> Option<Agreement> {
    if compared.is_empty() {
        return None;
    }
    let of = |value: fn(&Compared) -> f64| compared.iter().map(move |c| value(c));
    let mut ratios: Vec<f64> = compared
        .iter()
        .map(|c| c.candidate_milliseconds / c.serving_milliseconds.max(0.001))
        .collect();
    ratios.sort_by(f64::total_cmp);
    Some(Agreement {
        kendall_tau: mean(of(|c| c.kendall_tau)),
        min_kendall_tau: of(|c| c.kendall_tau).fold(1.0, f64::min),
        overlap_at_10: mean(of(|c| c.overlap_at_10)),
        max_score_change: of(|c| c.max_score_change).fold(0.0, f64::max),
        latency_ratio: ratios[ratios.len() / 2],
    })
}

async fn voted_quality(
    store: &dyn Store,
    seen: &[Comparison],
) -> Result<Option<VotedQuality>, StoreError> {
    let (mut serving, mut candidate) = (Vec::new(), Vec::new());
    for comparison in seen {
        let Some(compared) = compared(comparison) else {
            continue;
        };
        let grades = grades(store, comparison.job).await?;
        let judged: Vec<f64> = grades.values().copied().collect();
        // Without anything good there is no order to be found.
        if judged.iter().all(|grade| *grade <= 0.0) {
            continue;
        }
        serving.push(ndcg(&compared.serving_ranking, &grades, &judged));
        candidate.push(ndcg(&compared.candidate_ranking, &grades, &judged));
    }
    Ok((!serving.is_empty()).then(|| VotedQuality {
        n_jobs: count(serving.len()),
        serving_ndcg_at_10: mean(serving.into_iter()),
        candidate_ndcg_at_10: mean(candidate.into_iter()),
    }))
}

/// Grade of each piece of evidence that was voted on in a job; the newest vote counts.
async fn grades(store: &dyn Store, job: JobId) -> Result<BTreeMap<String, f64>, StoreError> {
    let mut votes = store.list_job_feedback(job).await?;
    votes.sort_by_key(|vote| vote.created_at);
    Ok(votes
        .into_iter()
        .map(|vote| {
            let grade = if vote.vote == Vote::Upvote { 1.0 } else { 0.0 };
            (vote.evidence_id.as_str().to_owned(), grade)
        })
        .collect())
}

fn ndcg(ranking: &[String], grades: &BTreeMap<String, f64>, judged: &[f64]) -> f64 {
    let in_order: Vec<f64> = ranking
        .iter()
        .map(|id| grades.get(id).copied().unwrap_or(0.0))
        .collect();
    ndcg_at(10, &in_order, judged)
}

fn shortfalls(report: &TrialReport) -> Vec<String> {
    let wanted = report.thresholds;
    let mut missing = Vec::new();
    if report.n_compared < wanted.min_compared {
        missing.push(format!(
            "{} jobs compared, at least {} are needed",
            report.n_compared, wanted.min_compared
        ));
    }
    let n_calls = report.n_compared + report.n_failed;
    let failed = f64::from(report.n_failed) / f64::from(n_calls.max(1));
    if failed > wanted.max_failed {
        missing.push(format!(
            "{} of {n_calls} calls failed, at most {:.0} % may",
            report.n_failed,
            wanted.max_failed * 100.0
        ));
    }
    if let Some(agreement) = &report.agreement {
        let mut hold = |what: &str, value: f64, bound: f64, is_short: bool| {
            if is_short {
                missing.push(format!("{what} is {value:.3}, the bound is {bound}"));
            }
        };
        let Agreement {
            kendall_tau,
            overlap_at_10,
            latency_ratio,
            ..
        } = *agreement;
        let bound = wanted.min_kendall_tau;
        hold("mean Kendall tau", kendall_tau, bound, kendall_tau < bound);
        let bound = wanted.min_overlap_at_10;
        hold(
            "mean overlap@10",
            overlap_at_10,
            bound,
            overlap_at_10 < bound,
        );
        let bound = wanted.max_latency_ratio;
        hold("latency ratio", latency_ratio, bound, latency_ratio > bound);
    }
    if let Some(votes) = &report.votes {
        let loss = votes.serving_ndcg_at_10 - votes.candidate_ndcg_at_10;
        if loss > wanted.max_ndcg_loss {
            missing.push(format!(
                "nDCG@10 by votes falls from {:.3} to {:.3}, at most {} may be lost",
                votes.serving_ndcg_at_10, votes.candidate_ndcg_at_10, wanted.max_ndcg_loss
            ));
        }
    }
    missing
}

#[expect(clippy::cast_precision_loss, reason = "counts stay far below 2^52")]
fn mean(values: impl ExactSizeIterator<Item = f64>) -> f64 {
    let n = values.len().max(1) as f64;
    values.sum::<f64>() / n
}

fn count(n: usize) -> u32 {
    u32::try_from(n).unwrap_or(u32::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn compared(tau: f64, overlap: f64, ratio: f64) -> Compared {
        Compared {
            kendall_tau: tau,
            overlap_at_10: overlap,
            max_score_change: 0.5,
            serving_milliseconds: 2.0,
            candidate_milliseconds: 2.0 * ratio,
            serving_ranking: Vec::new(),
            candidate_ranking: Vec::new(),
        }
    }

    fn report(n_compared: u32, n_failed: u32, agreement: Option<Agreement>) -> TrialReport {
        TrialReport {
            slot: "reranker".parse().unwrap(),
            serving: Digest::of(b"a"),
            candidate: Digest::of(b"b"),
            mode: TrialMode::Shadow,
            share: Share::ALL,
            n_compared,
            n_failed,
            last_failure: None,
            agreement,
            votes: None,
            thresholds: TrialThresholds::default(),
            passes: false,
            shortfalls: Vec::new(),
        }
    }

    #[test]
    fn agreement_is_averaged_over_the_jobs() {
        let jobs = [
            compared(1.0, 1.0, 1.0),
            compared(0.5, 0.8, 3.0),
            compared(0.6, 0.9, 1.5),
        ];
        let agreement = agreement(&jobs.iter().collect::<Vec<_>>()).unwrap();
        assert!((agreement.kendall_tau - 0.7).abs() < 1e-9);
        assert!((agreement.min_kendall_tau - 0.5).abs() < 1e-9);
        assert!((agreement.overlap_at_10 - 0.9).abs() < 1e-9);
        assert!((agreement.latency_ratio - 1.5).abs() < 1e-9);
        assert_eq!(super::agreement(&[]), None);
    }

    #[test]
    fn each_shortfall_is_named_with_both_numbers() {
        let good = || agreement(&[&compared(0.9, 0.9, 1.0)]);
        assert_eq!(shortfalls(&report(20, 0, good())), [""; 0]);
        let bad = agreement(&[&compared(0.1, 0.2, 5.0)]);
        let said = shortfalls(&report(19, 1, bad)).join("; ");
        for named in [
            "19 jobs",
            "1 of 20 calls",
            "Kendall tau is 0.100",
            "overlap@10 is 0.200",
            "latency ratio is 5.000",
        ] {
            assert!(said.contains(named), "{said}");
        }
        let mut voted = report(20, 0, good());
        voted.votes = Some(VotedQuality {
            n_jobs: 3,
            serving_ndcg_at_10: 0.8,
            candidate_ndcg_at_10: 0.7,
        });
        assert!(shortfalls(&voted)[0].contains("from 0.800 to 0.700"));
    }
}

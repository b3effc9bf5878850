//! One recorded call, answered by the other version too.

use std::{collections::HashMap, time::Instant};

use phagen_domain::plugin::{Compared, ComparisonOutcome};
use phagen_plugin::{CallAnswer, CallInput, RecordedCall, Recording, ask};
use phagen_ranking::{kendall_tau, overlap_at};

use crate::fleet::Trial;

/// Places of a ranking that are kept for votes to come.
const MAX_KEPT: usize = 100;

/// Runs the version that the job did not run with on the job's first call in the slot. None when
/// the job made no such call (a cache answered) or what serves failed itself.
pub(super) async fn compare(trial: &Trial, recording: &Recording) -> Option<ComparisonOutcome> {
    let call = recording
        .calls
        .iter()
        .find(|call| call.slot == *trial.slot())?;
    let candidate = trial.candidate.activation.plugin_digest;
    // A canary's own calls are in the recording; a shadow's are still to be made.
    let candidate_ran = call.plugin_digest == candidate;
    if candidate_ran && let Err(failure) = &call.answer {
        return Some(ComparisonOutcome::Failed {
            code: failure.code.clone(),
            message: failure.message.clone(),
        });
    }
    let recorded = call.answer.as_ref().ok()?;
    let other = if candidate_ran {
        &trial.serving
    } else {
        &trial.candidate
    };
    let begun = Instant::now();
    let again = ask(other, call).await;
    let milliseconds = begun.elapsed().as_secs_f64() * 1_000.0;
    let again = match again {
        Ok(answer) => answer,
        Err(_) if candidate_ran => return None,
        Err(error) => {
            return Some(ComparisonOutcome::Failed {
                code: error.code().to_owned(),
                message: error.to_string(),
            });
        }
    };
    let recorded = (ranking(call, recorded), call.milliseconds);
    let again = (ranking(call, &again), milliseconds);
    let (serving, candidate) = if candidate_ran {
        (again, recorded)
    } else {
        (recorded, again)
    };
    Some(ComparisonOutcome::Compared(compared(&serving, &candidate)))
}

/// Things by name with their scores, best first.
type Ranking = Vec<(String, f64)>;

fn ranking(call: &RecordedCall, answer: &CallAnswer) -> Ranking {
    let mut ranking: Ranking = match (answer, &call.input) {
        (CallAnswer::Page(page), _) => {
            // A source gives an order and no scores: the place is the score.
            let ids = page.candidates.iter().rev();
            ids.map(|candidate| candidate.evidence.evidence_id.as_str().to_owned())
                .zip((1_u32..).map(f64::from))
                .collect()
        }
        (CallAnswer::Findings(findings), _) => {
            let mut surest: HashMap<&str, f32> = HashMap::new();
            for finding in findings {
                let score = surest
                    .entry(finding.mesh_id.as_str())
                    .or_insert(finding.score);
                *score = score.max(finding.score);
            }
            let descriptors = surest.into_iter();
            descriptors
                .map(|(id, score)| (id.to_owned(), f64::from(score)))
                .collect()
        }
        (CallAnswer::Reranked(reranked), CallInput::Rerank { candidates, .. }) => candidates
            .iter()
            .map(|candidate| candidate.evidence.evidence_id.as_str().to_owned())
            .zip(reranked.scores.iter().copied().map(f64::from))
            .collect(),
        (CallAnswer::Reranked(_), _) => Vec::new(),
    };
    ranking.sort_by(|a, b| b.1.total_cmp(&a.1).then_with(|| a.0.cmp(&b.0)));
    ranking
}

fn compared(serving: &(Ranking, f64), candidate: &(Ranking, f64)) -> Compared {
    let of_candidate: HashMap<&str, f64> = candidate
        .0
        .iter()
        .map(|(id, score)| (id.as_str(), *score))
        .collect();
    let (a, b): (Vec<f64>, Vec<f64>) = serving
        .0
        .iter()
        .filter_map(|(id, score)| Some((*score, *of_candidate.get(id.as_str())?)))
        .unzip();
    let ids = |ranking: &Ranking| -> Vec<String> {
        ranking
            .iter()
            .take(MAX_KEPT)
            .map(|(id, _)| id.clone())
            .collect()
    };
    let (serving_ranking, candidate_ranking) = (ids(&serving.0), ids(&candidate.0));
    Compared {
        kendall_tau: kendall_tau(&a, &b),
        overlap_at_10: overlap_at(10, &serving_ranking, &candidate_ranking),
        max_score_change: a
            .iter()
            .zip(&b)
            .map(|(a, b)| (a - b).abs())
            .fold(0.0, f64::max),
        serving_milliseconds: serving.1,
        candidate_milliseconds: candidate.1,
        serving_ranking,
        candidate_ranking,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ranking(pairs: &[(&str, f64)]) -> Ranking {
        pairs
            .iter()
            .map(|(id, score)| ((*id).to_owned(), *score))
            .collect()
    }

    #[test]
    fn two_rankings_are_compared_where_they_share_things() {
        let serving = ranking(&[("a", 3.0), ("b", 2.0), ("c", 1.0)]);
        let candidate = ranking(&[("b", 9.0), ("a", 2.5), ("d", 1.0)]);
        let compared = compared(&(serving, 2.0), &(candidate, 3.0));
        assert!((compared.kendall_tau + 1.0).abs() < 1e-9);
        assert!((compared.overlap_at_10 - 2.0 / 3.0).abs() < 1e-9);
        assert!((compared.max_score_change - 7.0).abs() < 1e-9);
        assert_eq!(compared.candidate_ranking, ["b", "a", "d"]);
    }
}

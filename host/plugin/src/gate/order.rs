//! Whether scores stand where their candidates stand: the same candidates in reverse must get the
//! same scores in reverse. No host can see from one answer that its scores were sorted or shifted.

use chrono::NaiveDate;
use phagen_package::golden::{GoldenCall, RerankCall};

use super::question::ask_golden;
use crate::{
    PluginError,
    record::CallAnswer,
    slot::{ActiveSlot, Reranked},
};

/// A score may depend on the order of a sum in its last digits.
const TOLERANCE: f32 = 1e-4;

/// Asks what `answer` answered once more, with its candidates in reverse. Of other worlds, of a
/// single candidate and of a plugin that says it reads the order, nothing is asked.
pub(super) async fn holds(
    slot: &ActiveSlot,
    call: &GoldenCall,
    as_of: NaiveDate,
    answer: &CallAnswer,
) -> Result<(), PluginError> {
    let (GoldenCall::Rerank(asked), CallAnswer::Reranked(given)) = (call, answer) else {
        return Ok(());
    };
    let manifest = slot.plugin.manifest();
    let reads_order = manifest.is_some_and(|manifest| manifest.self_test.reads_order);
    if asked.candidates.len() < 2 || reads_order {
        return Ok(());
    }
    let mut reversed = asked.clone();
    reversed.candidates.reverse();
    let reversed = GoldenCall::Rerank(reversed);
    let CallAnswer::Reranked(turned) = ask_golden(slot, &reversed, as_of).await? else {
        return Ok(());
    };
    match misplaced(given, &turned) {
        None => Ok(()),
        Some(at) => Err(out_of_order(asked, (given, &turned), at)),
    }
}

/// The first candidate whose score depends on its place.
fn misplaced(given: &Reranked, turned: &Reranked) -> Option<usize> {
    let mut both = given.scores.iter().zip(turned.scores.iter().rev());
    both.position(|(a, b)| (a - b).abs() > TOLERANCE * a.abs().max(1.0))
}

fn out_of_order(
    asked: &RerankCall,
    (given, turned): (&Reranked, &Reranked),
    at: usize,
) -> PluginError {
    PluginError::OutOfOrder {
        candidate: asked.candidates[at].evidence.evidence_id.to_string(),
        score: given.scores[at],
        turned: turned.scores[turned.scores.len() - 1 - at],
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn reranked(scores: &[f32]) -> Reranked {
        Reranked {
            feature_names: Vec::new(),
            features: vec![Vec::new(); scores.len()],
            scores: scores.to_vec(),
        }
    }

    #[test]
    fn a_score_follows_its_candidate() {
        let given = reranked(&[0.3, 0.9, -4.0]);
        assert_eq!(misplaced(&given, &reranked(&[-4.0, 0.9, 0.3])), None);
        // Sorted by the guest, whatever stood where.
        let sorted = reranked(&[0.9, 0.3, -4.0]);
        assert_eq!(misplaced(&sorted, &sorted), Some(0));
        // A sum in another order.
        assert_eq!(misplaced(&given, &reranked(&[-4.000_1, 0.9, 0.3])), None);
        assert_eq!(misplaced(&given, &reranked(&[-4.0, 0.91, 0.3])), Some(1));
    }
}

//! How well a reranker orders what people voted on. The arithmetic is `phagen-ranking`'s.

use phagen_domain::{
    artifact::{LinearReranker, RankingQuality},
    feedback::Feedback,
};
use phagen_ranking::{ndcg_at, pair_accuracy};

use crate::{
    ModelError,
    dataset::{VotedEvidence, VotedQuery, Votes, as_f64},
    inference,
};

/// Means over the molecules that have an upvote and a downvote; none when there is no such
/// molecule among the votes cast on the reranker's own features.
pub fn evaluate(
    reranker: &LinearReranker,
    votes: &[Feedback],
) -> Result<Option<RankingQuality>, ModelError> {
    inference::check(reranker)?;
    let votes = Votes::collect(votes, &reranker.feature_names)?;
    Ok(quality(reranker, &votes.queries))
}

/// Means over queries: a molecule with many votes counts no more than one with few.
pub(crate) fn quality(reranker: &LinearReranker, queries: &[VotedQuery]) -> Option<RankingQuality> {
    let of_queries: Vec<RankingQuality> = queries
        .iter()
        .filter_map(|query| quality_of_query(reranker, query))
        .collect();
    if of_queries.is_empty() {
        return None;
    }
    let n = as_f64(of_queries.len());
    Some(RankingQuality {
        pair_accuracy: of_queries.iter().map(|q| q.pair_accuracy).sum::<f64>() / n,
        ndcg_at_10: of_queries.iter().map(|q| q.ndcg_at_10).sum::<f64>() / n,
    })
}

fn quality_of_query(reranker: &LinearReranker, query: &VotedQuery) -> Option<RankingQuality> {
    let mut ranked: Vec<(f32, &VotedEvidence)> = query
        .evidence
        .iter()
        .map(|evidence| (inference::score(reranker, &evidence.features), evidence))
        .collect();
    // As the host sorts: ties by evidence id.
    ranked.sort_by(|(a, left), (b, right)| {
        b.total_cmp(a)
            .then_with(|| left.evidence_id.cmp(&right.evidence_id))
    });
    let grades: Vec<f64> = ranked
        .iter()
        .map(|(_, evidence)| f64::from(u8::from(evidence.is_upvoted)))
        .collect();
    let scores = |upvoted: bool| {
        ranked
            .iter()
            .filter(move |(_, evidence)| evidence.is_upvoted == upvoted)
            .map(|(score, _)| f64::from(*score))
    };
    let pairs = scores(true).flat_map(|up| scores(false).map(move |down| (up, down)));
    Some(RankingQuality {
        pair_accuracy: pair_accuracy(pairs)?,
        ndcg_at_10: ndcg_at(10, &grades, &grades),
    })
}

/// The weight of one kind of evidence, before and after training.
#[derive(Debug, Clone, PartialEq)]
pub struct KindWeight {
    /// Such as `clinical`.
    pub kind: String,
    /// 0 where the artifact has no feature for the kind: it then adds nothing to the score.
    pub before: f32,
    pub after: f32,
}

/// The weights of the features named `kind_<kind>`, in the order of `after`, then those that only
/// `before` has.
pub fn weights_by_kind(before: &LinearReranker, after: &LinearReranker) -> Vec<KindWeight> {
    let mut kinds: Vec<&str> = Vec::new();
    for name in after.feature_names.iter().chain(&before.feature_names) {
        if let Some(kind) = name.strip_prefix("kind_")
            && !kinds.contains(&kind)
        {
            kinds.push(kind);
        }
    }
    kinds
        .into_iter()
        .map(|kind| KindWeight {
            kind: kind.to_owned(),
            before: weight_of_kind(before, kind),
            after: weight_of_kind(after, kind),
        })
        .collect()
}

fn weight_of_kind(reranker: &LinearReranker, kind: &str) -> f32 {
    reranker
        .feature_names
        .iter()
        .position(|name| name.strip_prefix("kind_") == Some(kind))
        .and_then(|index| reranker.weights.get(index).copied())
        .unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use phagen_domain::feedback::Vote;
    use proptest::prelude::*;

    use super::*;
    use crate::toy;

    #[test]
    fn quality_is_a_mean_over_molecules() {
        let votes = [
            // Right: 2 above 1.
            toy::vote("aspirin", "PMID:1", Vote::Upvote, &[2.0]),
            toy::vote("aspirin", "PMID:2", Vote::Downvote, &[1.0]),
            // Wrong, so the only upvote stands second of two.
            toy::vote("metformin", "PMID:3", Vote::Upvote, &[1.0]),
            toy::vote("metformin", "PMID:4", Vote::Downvote, &[2.0]),
        ];
        let quality = evaluate(&toy::reranker(&[1.0]), &votes).unwrap().unwrap();
        assert!((quality.pair_accuracy - 0.5).abs() < 1e-9);
        let second_place = 1.0 / 3.0_f64.log2();
        assert!((quality.ndcg_at_10 - f64::midpoint(1.0, second_place)).abs() < 1e-9);
    }

    #[test]
    fn no_pair_has_no_quality() {
        let votes = [toy::vote("aspirin", "PMID:1", Vote::Upvote, &[2.0])];
        assert_eq!(evaluate(&toy::reranker(&[1.0]), &votes).unwrap(), None);
    }

    #[test]
    fn kinds_are_found_by_the_names_of_their_features() {
        let mut before = toy::reranker(&[1.0, 2.0, 3.0]);
        before.feature_names = vec![
            "kind_clinical".into(),
            "recency".into(),
            "kind_patent".into(),
        ];
        let mut after = toy::reranker(&[0.5, 2.0]);
        after.feature_names = vec!["kind_clinical".into(), "kind_literature".into()];
        let weight = |kind: &str, before, after| KindWeight {
            kind: kind.to_owned(),
            before,
            after,
        };
        assert_eq!(
            weights_by_kind(&before, &after),
            [
                weight("clinical", 1.0, 0.5),
                weight("literature", 0.0, 2.0),
                weight("patent", 3.0, 0.0),
            ]
        );
    }

    proptest! {
        #[test]
        fn quality_lies_between_zero_and_one(
            values in prop::collection::vec((-1e6_f32..1e6, any::<bool>()), 2..40),
        ) {
            let votes: Vec<_> = values
                .iter()
                .enumerate()
                .map(|(i, (value, up))| {
                    let vote = if *up { Vote::Upvote } else { Vote::Downvote };
                    toy::vote("aspirin", &format!("PMID:{i}1"), vote, &[*value])
                })
                .collect();
            if let Some(quality) = evaluate(&toy::reranker(&[1.0]), &votes).unwrap() {
                prop_assert!((0.0..=1.0).contains(&quality.pair_accuracy));
                prop_assert!((0.0..=1.0 + 1e-12).contains(&quality.ndcg_at_10));
            }
        }
    }
}

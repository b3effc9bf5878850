//! Votes, added up by molecule and evidence.

use std::collections::BTreeMap;

use phagen_domain::{
    digest::Digest,
    evidence::EvidenceId,
    feedback::{Feedback, Vote},
};

use crate::ModelError;

/// One piece of evidence that the votes agree on.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct VotedEvidence {
    pub(crate) evidence_id: EvidenceId,
    /// Of the newest vote: what is nearest to what the guest computes today.
    pub(crate) features: Vec<f32>,
    pub(crate) is_upvoted: bool,
}

/// All votes on one molecule: a training query.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct VotedQuery {
    pub(crate) molecule: String,
    /// By evidence id.
    pub(crate) evidence: Vec<VotedEvidence>,
}

impl VotedQuery {
    pub(crate) fn upvoted(&self) -> impl Iterator<Item = &VotedEvidence> {
        self.evidence.iter().filter(|e| e.is_upvoted)
    }

    pub(crate) fn downvoted(&self) -> impl Iterator<Item = &VotedEvidence> {
        self.evidence.iter().filter(|e| !e.is_upvoted)
    }

    /// Whether it says anything about order.
    fn has_pair(&self) -> bool {
        self.upvoted().next().is_some() && self.downvoted().next().is_some()
    }
}

/// What became of the votes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct VoteUse {
    pub n_votes: usize,
    /// Trained on or judged by, as far as their molecule has an upvote and a downvote.
    pub n_used: usize,
    /// Left out: a flag says that the text is wrong, not that it ranks too high.
    pub n_flags: usize,
    /// Left out: cast on features of other names than the artifact's.
    pub n_other_features: usize,
    /// Pieces of evidence left out because upvotes and downvotes cancel out.
    pub n_tied_evidence: usize,
    /// Of the used: cast under another build of the reranker, whose features have the same names.
    /// Counted where a plugin is given, so in training.
    pub n_other_plugin: usize,
}

/// Votes in the form that training and evaluation share.
pub(crate) struct Votes {
    /// By molecule; only those with an upvote and a downvote.
    pub(crate) queries: Vec<VotedQuery>,
    pub(crate) usage: VoteUse,
    pub(crate) digest: Digest,
}

impl Votes {
    pub(crate) fn collect(
        votes: &[Feedback],
        feature_names: &[String],
    ) -> Result<Self, ModelError> {
        let mut usage = VoteUse {
            n_votes: votes.len(),
            ..VoteUse::default()
        };
        let mut used = Vec::new();
        for vote in votes {
            if is_used(vote, feature_names) {
                check_features(vote)?;
                used.push((query_key(&vote.molecule), vote));
            } else if vote.vote == Vote::Flag {
                usage.n_flags += 1;
            } else {
                usage.n_other_features += 1;
            }
        }
        usage.n_used = used.len();
        used.sort_by(|(key, a), (other_key, b)| {
            key.cmp(other_key)
                .then_with(|| a.evidence_id.cmp(&b.evidence_id))
                .then_with(|| a.created_at.cmp(&b.created_at))
                .then_with(|| a.job_id.cmp(&b.job_id))
                .then_with(|| a.voter.cmp(&b.voter))
        });
        let digest = digest_of(&used)?;
        let queries = add_up(&used, &mut usage);
        Ok(Self {
            queries,
            usage,
            digest,
        })
    }
}

/// Whether it can be trained on at all.
pub(crate) fn is_used(vote: &Feedback, feature_names: &[String]) -> bool {
    vote.vote != Vote::Flag && vote.feature_names == feature_names
}

/// Letter case and spacing do not make another molecule. Synonyms do: a vote does not tell what
/// its molecule resolved to.
fn query_key(molecule: &str) -> String {
    let words: Vec<_> = molecule.split_whitespace().collect();
    words.join(" ").to_lowercase()
}

fn check_features(vote: &Feedback) -> Result<(), ModelError> {
    let invalid = |reason| ModelError::InvalidVote {
        evidence_id: vote.evidence_id.clone(),
        molecule: vote.molecule.clone(),
        reason,
    };
    let (n_features, n_names) = (vote.features.len(), vote.feature_names.len());
    if n_features != n_names {
        return Err(invalid(format!(
            "it has {n_features} features for {n_names} names"
        )));
    }
    let bad = vote.features.iter().position(|value| !value.is_finite());
    match bad {
        Some(i) => Err(invalid(format!(
            "feature `{}` is {}",
            vote.feature_names[i], vote.features[i]
        ))),
        None => Ok(()),
    }
}

/// Comments do not train, so correcting one changes nothing.
fn digest_of(sorted: &[(String, &Feedback)]) -> Result<Digest, ModelError> {
    let mut bytes = Vec::new();
    for (_, vote) in sorted {
        let silent = Feedback {
            comment: None,
            ..(*vote).clone()
        };
        serde_json::to_writer(&mut bytes, &silent).map_err(ModelError::Json)?;
        bytes.push(b'\n');
    }
    Ok(Digest::of(&bytes))
}

/// `sorted` is by molecule, evidence and time.
fn add_up(sorted: &[(String, &Feedback)], usage: &mut VoteUse) -> Vec<VotedQuery> {
    let mut queries: BTreeMap<&str, Vec<VotedEvidence>> = BTreeMap::new();
    for votes in sorted.chunk_by(|a, b| a.0 == b.0 && a.1.evidence_id == b.1.evidence_id) {
        let n_upvotes = votes.iter().filter(|v| v.1.vote == Vote::Upvote).count();
        let n_downvotes = votes.len() - n_upvotes;
        if n_upvotes == n_downvotes {
            usage.n_tied_evidence += 1;
            continue;
        }
        if let Some((molecule, newest)) = votes.last() {
            queries.entry(molecule).or_default().push(VotedEvidence {
                evidence_id: newest.evidence_id.clone(),
                features: newest.features.clone(),
                is_upvoted: n_upvotes > n_downvotes,
            });
        }
    }
    queries
        .into_iter()
        .map(|(molecule, evidence)| VotedQuery {
            molecule: molecule.to_owned(),
            evidence,
        })
        .filter(VotedQuery::has_pair)
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::toy;

    fn collect(votes: &[Feedback]) -> Votes {
        Votes::collect(votes, &toy::names(2)).unwrap()
    }

    #[test]
    fn flags_and_other_features_are_counted_and_left_out() {
        let mut other = toy::vote("aspirin", "PMID:4", Vote::Upvote, &[1.0, 0.0]);
        other.feature_names = vec!["old".into(), "names".into()];
        let votes = collect(&[
            toy::vote("aspirin", "PMID:1", Vote::Upvote, &[1.0, 0.0]),
            toy::vote("aspirin", "PMID:2", Vote::Downvote, &[0.0, 1.0]),
            toy::vote("aspirin", "PMID:3", Vote::Flag, &[0.0, 1.0]),
            other,
        ]);
        assert_eq!(votes.queries[0].evidence.len(), 2);
        let usage = votes.usage;
        assert_eq!(
            (usage.n_used, usage.n_flags, usage.n_other_features),
            (2, 1, 1)
        );
    }

    #[test]
    fn votes_on_one_piece_of_evidence_add_up_and_a_tie_says_nothing() {
        let up = |id| toy::vote("Aspirin", id, Vote::Upvote, &[1.0, 0.0]);
        let down = |id| toy::vote(" aspirin", id, Vote::Downvote, &[0.0, 1.0]);
        let votes = collect(&[
            up("PMID:1"),
            up("PMID:1"),
            down("PMID:1"),
            down("PMID:2"),
            up("PMID:3"),
            down("PMID:3"),
        ]);
        assert_eq!(votes.queries.len(), 1, "letter case makes no molecule");
        let evidence: Vec<_> = votes.queries[0]
            .evidence
            .iter()
            .map(|e| (e.evidence_id.as_str(), e.is_upvoted))
            .collect();
        assert_eq!(evidence, [("PMID:1", true), ("PMID:2", false)]);
        assert_eq!(votes.usage.n_tied_evidence, 1);
    }

    #[test]
    fn a_molecule_without_a_pair_is_no_query() {
        let votes = collect(&[
            toy::vote("aspirin", "PMID:1", Vote::Upvote, &[1.0, 0.0]),
            toy::vote("metformin", "PMID:2", Vote::Downvote, &[0.0, 1.0]),
        ]);
        assert!(votes.queries.is_empty());
    }

    #[test]
    fn a_feature_that_is_not_finite_is_refused_by_name() {
        for value in [f32::NAN, f32::INFINITY] {
            let vote = toy::vote("aspirin", "PMID:1", Vote::Upvote, &[1.0, value]);
            let error = Votes::collect(&[vote], &toy::names(2)).err().unwrap();
            assert!(error.to_string().contains("`feature_1`"), "{error}");
        }
    }

    #[test]
    fn a_vote_with_missing_features_is_refused() {
        let mut vote = toy::vote("aspirin", "PMID:1", Vote::Upvote, &[1.0, 0.0]);
        vote.features.pop();
        assert!(Votes::collect(&[vote], &toy::names(2)).is_err());
    }

    #[test]
    fn a_comment_does_not_change_the_digest() {
        let plain = toy::vote("aspirin", "PMID:1", Vote::Upvote, &[1.0, 0.0]);
        let mut commented = plain.clone();
        commented.comment = Some("wrong species".into());
        let mut turned = plain.clone();
        turned.vote = Vote::Downvote;
        assert_eq!(
            collect(std::slice::from_ref(&plain)).digest,
            collect(&[commented]).digest
        );
        assert_ne!(collect(&[plain]).digest, collect(&[turned]).digest);
    }
}

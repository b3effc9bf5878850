//! Orders evidence by a linear model over features of the query and the evidence. What the model
//! looks at is the table in `feature.rs`, how much each counts is in the artifact; neither knows any
//! molecule, and nothing here invents a value: what is not known is neutral.

mod artifact;
mod feature;
mod moment;
mod names;

use phagen_sdk::{
    Candidate, CandidateView, Context, Description, Failure, Query, Reranked, Reranker, with_views,
};

use artifact::LinearModel;
use feature::{Extractor, NAMES};

/// The model, read from the slot's artifact.
pub struct EvidenceReranker {
    model: LinearModel,
}

impl Reranker for EvidenceReranker {
    fn describe() -> Description {
        phagen_sdk::describe!("Orders evidence by a linear model whose weights are its artifact")
    }

    fn init(context: &Context) -> Result<Self, Failure> {
        let artifact = context.artifact()?;
        let model = LinearModel::parse(&artifact.read_all()?)
            .map_err(|why| why.of_artifact(&artifact.name()))?;
        Ok(Self { model })
    }

    fn feature_names(&self) -> Vec<String> {
        NAMES.map(str::to_owned).into()
    }

    fn features(&self, query: &Query, candidates: &[Candidate]) -> Result<Vec<Vec<f32>>, Failure> {
        let reranked = with_views(candidates, |views| self.rerank(query, views))?;
        let rows = reranked.features.chunks_exact(NAMES.len());
        Ok(rows.map(<[f32]>::to_vec).collect())
    }

    fn score(&self, query: &Query, candidates: &[Candidate]) -> Result<Vec<f32>, Failure> {
        let reranked = with_views(candidates, |views| self.rerank(query, views))?;
        Ok(reranked.scores)
    }

    /// Reads every text once, where it lies.
    fn rerank(&self, query: &Query, candidates: &[CandidateView<'_>]) -> Result<Reranked, Failure> {
        let mut extractor = Extractor::of(query)?;
        let mut features = Vec::with_capacity(candidates.len() * NAMES.len());
        let mut scores = Vec::with_capacity(candidates.len());
        for candidate in candidates {
            let row = extractor.features(candidate);
            scores.push(self.model.score(&row));
            features.extend(row);
        }
        Ok(Reranked {
            feature_names: self.feature_names(),
            features,
            scores,
        })
    }
}

phagen_sdk::export_reranker!(EvidenceReranker);

#[cfg(test)]
mod tests {
    use phagen_sdk::{
        Attribute, Evidence, Passage, Signal,
        testing::{Harness, TestReranker},
    };

    use super::*;

    fn reranker() -> TestReranker<EvidenceReranker> {
        let artifact = include_bytes!("../artifact.json");
        Harness::new()
            .artifact("reranker-default", artifact)
            .reranker()
            .unwrap()
    }

    fn candidate(title: &str, body: &str, attributes: &[(&str, &str)]) -> Candidate {
        Candidate {
            evidence: Evidence {
                evidence_id: "PMID:1".into(),
                kind: "literature".into(),
                title: title.into(),
                passages: vec![Passage::body(1, body)],
                attributes: attributes
                    .iter()
                    .map(|&(key, value)| Attribute::new(key, value))
                    .collect(),
                ..Evidence::default()
            },
            signals: vec![Signal::new("source_rank", 3.0)],
        }
    }

    fn scores(candidates: &[Candidate]) -> Vec<f32> {
        let query = Query::of("aspirin", "2026-11-22");
        reranker().score(&query, candidates).unwrap()
    }

    #[test]
    fn the_default_puts_evidence_about_the_molecule_first() {
        let scores = scores(&[
            candidate("Aspirin in stroke", "We gave aspirin to all.", &[]),
            candidate("Statins in stroke", "Some took aspirin.", &[]),
            candidate("Statins in stroke", "Nobody took anything else.", &[]),
        ]);
        assert!(scores.is_sorted_by(|a, b| a > b), "{scores:?}");
    }

    #[test]
    fn the_default_prefers_later_phases_and_completed_trials() {
        let trial = |phase, status| {
            candidate(
                "Aspirin in stroke",
                "We give aspirin.",
                &[("phase", phase), ("status", status)],
            )
        };
        let scores = scores(&[
            trial("PHASE3", "COMPLETED"),
            trial("PHASE1/PHASE2", "COMPLETED"),
            trial("PHASE1/PHASE2", "RECRUITING"),
            trial("PHASE1/PHASE2", "TERMINATED"),
        ]);
        assert!(scores.is_sorted_by(|a, b| a > b), "{scores:?}");
    }

    #[test]
    fn the_default_prefers_the_cited_the_recent_and_what_its_source_put_first() {
        let plain = candidate("Aspirin in stroke", "We gave aspirin.", &[]);
        let score = |change: fn(&mut Candidate)| {
            let mut changed = plain.clone();
            change(&mut changed);
            let scores = scores(&[changed, plain.clone()]);
            scores[0] - scores[1]
        };
        let cite = |c: &mut Candidate| {
            c.evidence
                .attributes
                .push(Attribute::new("citation_count", "250"));
        };
        assert!(score(cite) > 0.0);
        assert!(score(|c| c.evidence.date = Some("2025".into())) > 0.0);
        assert!(score(|c| c.evidence.date = Some("1990".into())) < 0.0);
        assert!(score(|c| c.signals[0].value = 1.0) > 0.0);
        assert!(score(|c| c.signals.push(Signal::new("bm25_title", 9.0))) > 0.0);
    }

    #[test]
    fn a_score_is_the_weighted_sum_of_the_features() {
        let reranker = reranker();
        let query = Query::of("aspirin", "2026-11-22");
        let candidates = [
            candidate("Aspirin", "aspirin", &[("phase", "PHASE2")]),
            candidate("Other", "x", &[]),
        ];
        let model = LinearModel::parse(include_bytes!("../artifact.json")).unwrap();
        let rows = reranker.features(&query, &candidates).unwrap();
        let scores = reranker.score(&query, &candidates).unwrap();
        assert_eq!(reranker.feature_names(), NAMES);
        let at_once = reranker.rerank(&query, &candidates).unwrap();
        assert_eq!(at_once.scores, scores);
        for (row, score) in rows.iter().zip(scores) {
            let row: [f32; NAMES.len()] = row.as_slice().try_into().unwrap();
            assert_eq!(model.score(&row).to_bits(), score.to_bits());
        }
    }

    #[test]
    fn nothing_to_order_is_no_failure() {
        assert_eq!(scores(&[]), [0.0; 0]);
    }

    #[test]
    fn without_an_artifact_there_are_no_scores() {
        let failure = Harness::new().reranker::<EvidenceReranker>().err().unwrap();
        assert_eq!(failure.code, "not-found");
    }

    #[test]
    fn a_foreign_artifact_is_refused_by_name() {
        let harness = Harness::new().artifact("reranker-20261122-1", b"{}");
        let failure = harness.reranker::<EvidenceReranker>().err().unwrap();
        assert_eq!(failure.code, "artifact-mismatch");
        assert!(
            failure.message.contains("`reranker-20261122-1`"),
            "{failure:?}"
        );
    }
}

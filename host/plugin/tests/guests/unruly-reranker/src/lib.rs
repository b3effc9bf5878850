//! A reranker that misbehaves as its configuration says, for tests of the plugin room. Never
//! shipped. When it behaves, a score is the length of the title.
//!
//! | `mode` | what it does |
//! |---|---|
//! | `ok` | one feature, `title_length`, which is the score |
//! | `short` `long` | one score, or row, too few or too many |
//! | `nan` `infinite` | the last score, or feature, is that |
//! | `sorted` | the scores stand by size and not by candidate |
//! | `ragged` | the last row of features lacks a column |
//! | `random` | the first score is the day of the clock since 1970, the others are random |
//! | `loop` `memory` `trap` | never returns, allocates for ever, panics |
//! | `fail` | fails |

use std::{
    collections::hash_map::RandomState,
    hash::{BuildHasher, Hasher},
    hint::black_box,
    time::{SystemTime, UNIX_EPOCH},
};

use phagen_sdk::{Candidate, Context, Description, Failure, Query, Reranker};

/// Does as its mode says.
pub struct UnrulyReranker {
    mode: String,
}

impl Reranker for UnrulyReranker {
    fn describe() -> Description {
        phagen_sdk::describe!("Misbehaves as configured, for tests")
    }

    fn init(context: &Context) -> Result<Self, Failure> {
        let mode = context
            .config("mode")
            .ok_or_else(|| Failure::invalid_config("`mode` is missing"))?;
        Ok(Self {
            mode: mode.to_owned(),
        })
    }

    fn feature_names(&self) -> Vec<String> {
        vec!["title_length".into()]
    }

    fn features(&self, query: &Query, candidates: &[Candidate]) -> Result<Vec<Vec<f32>>, Failure> {
        let scores = self.score(query, candidates)?;
        let mut rows: Vec<Vec<f32>> = scores.into_iter().map(|score| vec![score]).collect();
        if let (Some(last), "ragged") = (rows.last_mut(), self.mode.as_str()) {
            last.clear();
        }
        Ok(rows)
    }

    fn score(&self, _: &Query, candidates: &[Candidate]) -> Result<Vec<f32>, Failure> {
        let mut scores: Vec<f32> = candidates.iter().map(title_length).collect();
        match self.mode.as_str() {
            "ok" | "ragged" => {}
            "short" => drop(scores.pop()),
            "long" => scores.push(0.0),
            "nan" => set_last(&mut scores, f32::NAN),
            "infinite" => set_last(&mut scores, f32::INFINITY),
            "sorted" => scores.sort_by(|a, b| b.total_cmp(a)),
            "random" => scores = chance_and_time(candidates.len()),
            "loop" => loop {
                std::hint::spin_loop();
            },
            "memory" => {
                let mut hoard = Vec::new();
                loop {
                    hoard.push(black_box(vec![1_u8; 1 << 20]));
                }
            }
            "trap" => panic!("told to trap in `score`"),
            "fail" => return Err(Failure::internal("told to fail")),
            other => return Err(Failure::invalid_config(format!("`mode` is `{other}`"))),
        }
        Ok(scores)
    }
}

phagen_sdk::export_reranker!(UnrulyReranker);

fn title_length(candidate: &Candidate) -> f32 {
    let length = candidate.evidence.title.len();
    u16::try_from(length).map_or(f32::MAX, f32::from)
}

fn set_last(scores: &mut [f32], value: f32) {
    if let Some(last) = scores.last_mut() {
        *last = value;
    }
}

/// Sixteen bits at a time, so that each is a whole number of an `f32`.
fn chance_and_time(n_scores: usize) -> Vec<f32> {
    let time = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .unwrap_or_default();
    let days = u16::try_from(time.as_secs() / 86_400).unwrap_or(u16::MAX);
    let chance = || RandomState::new().build_hasher().finish().to_le_bytes();
    let random = std::iter::repeat_with(|| {
        let bytes = chance();
        f32::from(u16::from_le_bytes([bytes[0], bytes[1]]))
    });
    std::iter::once(f32::from(days))
        .chain(random)
        .take(n_scores)
        .collect()
}

#[cfg(test)]
mod tests {
    use phagen_sdk::testing::Harness;

    use super::*;

    #[test]
    fn the_harness_sees_what_breaks_the_contract() {
        let query = Query::of("aspirin", "2026-11-22");
        let candidates = [Candidate::default(), Candidate::default()];
        let reranker = |mode| {
            let harness = Harness::new().config("mode", mode);
            harness.reranker::<UnrulyReranker>().unwrap()
        };
        assert_eq!(reranker("ok").score(&query, &candidates).unwrap(), [0.0; 2]);
        for mode in ["short", "long", "nan", "infinite"] {
            assert!(reranker(mode).score(&query, &candidates).is_err(), "{mode}");
            assert!(
                reranker(mode).features(&query, &candidates).is_err(),
                "{mode}"
            );
        }
        assert!(reranker("ragged").features(&query, &candidates).is_err());
    }
}

use std::cell::Cell;

use phagen_domain::feedback::Vote;
use rand::seq::SliceRandom;

use super::*;
use crate::{evaluate, toy, weights_by_kind};

fn train(
    votes: &[Feedback],
    current: &LinearReranker,
    settings: &TrainingSettings,
) -> Result<Trained, ModelError> {
    train_reranker(
        votes,
        current,
        toy::plugin(),
        settings,
        &mut |_| {},
        &|| false,
    )
}

fn free() -> TrainingSettings {
    TrainingSettings {
        weight_decay: 0.0,
        learning_rate: 0.2,
        n_epochs: 300,
        ..TrainingSettings::default()
    }
}

#[test]
fn a_toy_set_is_overfitted_and_unseen_molecules_gain() {
    let votes = toy::votes(12, 10, 3);
    // It starts by ranking on noise.
    let current = toy::reranker(&[0.0, 0.0, 1.0]);
    let settings = free();
    let mut heard = Vec::new();
    let trained = train_reranker(
        &votes,
        &current,
        toy::plugin(),
        &settings,
        &mut |progress| heard.push(progress.clone()),
        &|| false,
    )
    .unwrap();

    assert_eq!(heard.len(), settings.n_epochs);
    assert!(heard[settings.n_epochs - 1].loss < 0.3 * heard[0].loss);
    assert!(heard[0].held_out_pair_accuracy.is_some());
    let all = evaluate(&trained.artifact, &votes).unwrap().unwrap();
    assert!(all.pair_accuracy > 0.99, "{all:?}");
    let record = trained.artifact.training.unwrap();
    let (after, before) = (record.trained.unwrap(), record.baseline.unwrap());
    assert!(after.pair_accuracy > before.pair_accuracy + 0.2);
    assert!(after.ndcg_at_10 > before.ndcg_at_10);
    assert_eq!(record.n_train_queries + record.n_held_out_queries, 12);
}

/// Votes that like literature and dislike clinical records, whatever else they are.
fn literature_lovers(n_molecules: usize) -> (Vec<Feedback>, LinearReranker) {
    let mut votes = Vec::new();
    let names: Vec<String> = ["kind_clinical", "kind_literature", "kind_patent", "recency"]
        .map(String::from)
        .to_vec();
    for molecule in 0..n_molecules {
        for (i, recency) in [0.1, 0.5, 0.9].into_iter().enumerate() {
            for (vote, kinds) in [
                (Vote::Upvote, [0.0, 1.0, 0.0]),
                (Vote::Downvote, [1.0, 0.0, 0.0]),
            ] {
                let [a, b, c] = kinds;
                let number = 1 + 6 * molecule + 2 * i + usize::from(vote == Vote::Upvote);
                let mut vote = toy::vote(
                    &format!("molecule {molecule}"),
                    &format!("PMID:{number}"),
                    vote,
                    &[a, b, c, recency],
                );
                vote.feature_names.clone_from(&names);
                votes.push(vote);
            }
        }
    }
    let mut current = toy::reranker(&[0.8, 0.3, 0.1, 0.5]);
    current.feature_names = names;
    (votes, current)
}

#[test]
fn votes_for_literature_turn_the_weights_of_the_kinds() {
    let (votes, current) = literature_lovers(10);
    let trained = train(&votes, &current, &TrainingSettings::default()).unwrap();
    let kinds = weights_by_kind(&current, &trained.artifact);
    assert_eq!(kinds[0].kind, "clinical");
    assert!(kinds[0].after < kinds[0].before, "{kinds:?}");
    assert!(kinds[1].after > kinds[1].before, "{kinds:?}");
    assert!(kinds[1].after > kinds[0].after, "{kinds:?}");
    // No vote tells anything of patents.
    assert_eq!(kinds[2].after.to_bits(), kinds[2].before.to_bits());
}

#[test]
fn few_votes_move_the_weights_less_than_many() {
    let moved_by = |n_molecules| {
        let (votes, current) = literature_lovers(n_molecules);
        let settings = TrainingSettings {
            held_out_share: 0.0,
            ..TrainingSettings::default()
        };
        let after = train(&votes, &current, &settings).unwrap().artifact;
        after.weights[1] - current.weights[1]
    };
    let (few, many) = (moved_by(1), moved_by(40));
    // Six votes of one mind are not enough to put literature first: it started 0.5 behind.
    assert!(few > 0.0 && few < 0.3, "{few}");
    assert!(many > 3.0 * few, "{many} {few}");
}

#[test]
fn a_constant_feature_keeps_its_weight_to_the_bit() {
    let mut votes = toy::votes(5, 10, 3);
    for vote in &mut votes {
        vote.features[2] = 7.0;
    }
    let current = toy::reranker(&[0.1, 0.2, 0.3]);
    let trained = train(&votes, &current, &free()).unwrap();
    assert_eq!(
        trained.artifact.weights[2].to_bits(),
        current.weights[2].to_bits()
    );
    assert!(trained.artifact.weights[0] > current.weights[0]);
}

#[test]
fn the_mean_score_stays_where_it_was() {
    let mut votes = toy::votes(5, 10, 3);
    for vote in &mut votes {
        vote.features[0] += 100.0;
    }
    let current = toy::reranker(&[0.1, 0.2, 0.3]);
    let settings = TrainingSettings {
        held_out_share: 0.0,
        ..TrainingSettings::default()
    };
    let after = train(&votes, &current, &settings).unwrap().artifact;
    let mean = |reranker: &LinearReranker| {
        let scores = votes.iter().map(|v| crate::score(reranker, &v.features));
        scores.sum::<f32>() / 50.0
    };
    assert!(after.weights[0] > current.weights[0] + 0.1);
    assert!((mean(&after) - mean(&current)).abs() < 1e-3);
}

#[test]
fn the_same_seed_makes_the_same_bytes_in_any_order_of_votes() {
    let votes = toy::votes(6, 10, 3);
    let current = toy::reranker(&[0.1, 0.2, 0.3]);
    // Small enough that batches are drawn and pairs left out.
    let settings = TrainingSettings {
        n_epochs: 20,
        n_pairs_per_batch: 16,
        max_pairs_per_query: 10,
        ..TrainingSettings::default()
    };
    let first = train(&votes, &current, &settings).unwrap();
    assert_eq!(first, train(&votes, &current, &settings).unwrap());
    let mut shuffled = votes.clone();
    shuffled.shuffle(&mut StdRng::seed_from_u64(9));
    assert_ne!(shuffled, votes);
    assert_eq!(
        first.bytes,
        train(&shuffled, &current, &settings).unwrap().bytes
    );
    let other = TrainingSettings {
        seed: 2,
        ..settings
    };
    assert_ne!(
        first.artifact.weights,
        train(&votes, &current, &other).unwrap().artifact.weights
    );
}

#[test]
fn the_bytes_are_the_artifact_and_the_digest_is_theirs() {
    let trained = train(
        &toy::votes(3, 6, 3),
        &toy::reranker(&[0.1, 0.2, 0.3]),
        &TrainingSettings::default(),
    )
    .unwrap();
    let read: LinearReranker = serde_json::from_slice(&trained.bytes).unwrap();
    assert_eq!(read, trained.artifact);
    assert_eq!(trained.digest, Digest::of(&trained.bytes));
}

#[test]
fn one_molecule_is_trained_on_and_its_quality_is_left_open() {
    let votes = toy::votes(1, 6, 3);
    let current = toy::reranker(&[0.1, 0.2, 0.3]);
    let record = train(&votes, &current, &TrainingSettings::default())
        .unwrap()
        .artifact
        .training
        .unwrap();
    assert_eq!((record.n_train_queries, record.n_held_out_queries), (1, 0));
    assert_eq!((record.trained, record.baseline), (None, None));
}

#[test]
fn too_few_votes_say_what_is_needed() {
    let current = toy::reranker(&[0.1, 0.2]);
    let up = toy::vote("aspirin", "PMID:1", Vote::Upvote, &[1.0, 0.0]);
    let down = toy::vote("metformin", "PMID:2", Vote::Downvote, &[1.0, 0.0]);
    let flag = toy::vote("aspirin", "PMID:3", Vote::Flag, &[1.0, 0.0]);
    for votes in [vec![], vec![up.clone()], vec![up.clone(), down, flag]] {
        let error = train(&votes, &current, &free()).err().unwrap();
        assert!(matches!(error, ModelError::TooFewVotes { .. }));
        let message = error.to_string();
        assert!(
            message.contains("at least one molecule with an upvote and a downvote"),
            "{message}"
        );
    }
    let mut other = up;
    other.feature_names = vec!["a".into(), "b".into()];
    let error = train(&[other], &current, &free()).err().unwrap();
    assert!(matches!(error, ModelError::OtherFeatures { n_votes: 1 }));
}

#[test]
fn a_feature_that_is_not_a_number_is_refused() {
    let mut votes = toy::votes(3, 6, 3);
    votes[4].features[1] = f32::NAN;
    let error = train(&votes, &toy::reranker(&[0.1, 0.2, 0.3]), &free())
        .err()
        .unwrap();
    assert!(matches!(error, ModelError::InvalidVote { .. }), "{error}");
}

#[test]
fn votes_cast_under_another_build_are_used_and_counted() {
    let mut votes = toy::votes(3, 6, 3);
    votes[0].reranker_digest = Digest::of(b"an older build");
    let usage = train(&votes, &toy::reranker(&[0.1, 0.2, 0.3]), &free())
        .unwrap()
        .usage;
    assert_eq!((usage.n_used, usage.n_other_plugin), (18, 1));
}

#[test]
fn training_stops_when_asked() {
    let asked = Cell::new(0);
    let error = train_reranker(
        &toy::votes(3, 6, 3),
        &toy::reranker(&[0.1, 0.2, 0.3]),
        toy::plugin(),
        &free(),
        &mut |_| {},
        &|| {
            asked.set(asked.get() + 1);
            asked.get() > 3
        },
    )
    .err()
    .unwrap();
    assert!(matches!(error, ModelError::Stopped { epoch: 4 }), "{error}");
}

#[test]
fn features_of_any_size_end_in_finite_weights_or_a_clear_error() {
    for size in [1e-30_f32, 1e30] {
        let mut votes = toy::votes(3, 6, 3);
        for vote in &mut votes {
            for value in &mut vote.features {
                *value *= size;
            }
        }
        match train(&votes, &toy::reranker(&[0.1, 0.2, 0.3]), &free()) {
            Ok(trained) => assert!(trained.artifact.weights.iter().all(|w| w.is_finite())),
            Err(error) => assert!(matches!(error, ModelError::Diverged { .. }), "{error}"),
        }
    }
}
#[test]
fn the_default_settings_run_until_the_weights_rest() {
    let votes = toy::votes(8, 10, 3);
    let current = toy::reranker(&[0.1, 0.2, 0.3]);
    let first_weight = |n_epochs| {
        let settings = TrainingSettings {
            n_epochs,
            ..TrainingSettings::default()
        };
        train(&votes, &current, &settings).unwrap().artifact.weights[0]
    };
    let (rested, longer) = (first_weight(200), first_weight(1_000));
    assert!((rested - longer).abs() < 0.02 * longer, "{rested} {longer}");
}

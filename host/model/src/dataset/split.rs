//! Which queries are held out.

use phagen_domain::digest::Digest;

use super::VotedQuery;

/// Splits off the queries that training never sees.
///
/// The hash of a molecule's name decides, whatever the seed: a molecule that was held out once
/// stays so in later runs, when the artifact to start from has been trained on the others. With
/// two queries or more each side gets at least one; a single query is trained on, and nothing is
/// left to judge by.
pub(crate) fn split(
    mut queries: Vec<VotedQuery>,
    held_out_share: f64,
) -> (Vec<VotedQuery>, Vec<VotedQuery>) {
    if queries.len() < 2 || held_out_share <= 0.0 {
        return (queries, Vec::new());
    }
    let last = queries.len() - 1;
    queries.sort_by(|a, b| place(a).total_cmp(&place(b)));
    let n_held_out = queries
        .partition_point(|query| place(query) < held_out_share)
        .clamp(1, last);
    let mut training = queries.split_off(n_held_out);
    training.sort_by(|a, b| a.molecule.cmp(&b.molecule));
    queries.sort_by(|a, b| a.molecule.cmp(&b.molecule));
    (training, queries)
}

/// Where a molecule lies in 0..1, by its name alone.
fn place(query: &VotedQuery) -> f64 {
    let digest = Digest::of(query.molecule.as_bytes());
    let mut first = [0; 4];
    first.copy_from_slice(&digest.as_bytes()[..4]);
    f64::from(u32::from_le_bytes(first)) / f64::from(u32::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn queries(n: usize) -> Vec<VotedQuery> {
        (0..n)
            .map(|i| VotedQuery {
                molecule: format!("molecule {i}"),
                evidence: Vec::new(),
            })
            .collect()
    }

    #[test]
    fn the_share_is_kept_over_many_queries() {
        let (training, held_out) = split(queries(2_000), 0.2);
        assert_eq!(training.len() + held_out.len(), 2_000);
        assert!((350..450).contains(&held_out.len()), "{}", held_out.len());
    }

    #[test]
    fn a_molecule_keeps_its_side_when_others_come() {
        let (_, few) = split(queries(200), 0.2);
        let (_, many) = split(queries(400), 0.2);
        assert!(few.iter().all(|query| many.contains(query)));
    }

    #[test]
    fn two_queries_give_one_to_each_side_and_one_is_trained_on() {
        let (training, held_out) = split(queries(2), 0.01);
        assert_eq!((training.len(), held_out.len()), (1, 1));
        let (training, held_out) = split(queries(2), 0.99);
        assert_eq!((training.len(), held_out.len()), (1, 1));
        let (training, held_out) = split(queries(1), 0.99);
        assert_eq!((training.len(), held_out.len()), (1, 0));
    }
}

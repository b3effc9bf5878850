//! A source that misbehaves as its configuration says, for tests of the plugin room. Never shipped.
//!
//! | `mode` | what it does |
//! |---|---|
//! | `ok` | answers with one piece of evidence that repeats what was asked |
//! | `loop` `init-loop` | never returns |
//! | `memory` | allocates for ever |
//! | `stack` | recurses for ever |
//! | `trap` `init-trap` | panics |
//! | `giant` | answers with one passage of `bytes` (64 MiB when not given) |
//! | `crowd` | answers with ten times as many candidates as it was asked for |
//! | `bad-evidence` | answers with an id, a kind and a date that are none, one each, and a good one |
//! | `endless` | has a next page for ever |
//! | `log-flood` | logs 10,000 lines, then answers |
//! | `corpus` | answers with what the host's corpus answers |
//! | `artifact` | answers with the name, digest and size of its artifact |
//! | `http` | asks <http://127.0.0.1:9/> and fails with what came of it |
//! | `random` | answers with random bytes and the time |
//! | `fail-retryable` | fails as `rate-limited`, to be tried again after 20 ms |
//! | `fail-unknown` | fails, retryable, by a code that is not of the contract |

mod http;
mod tantrum;

use phagen_sdk::{
    Attribute, Candidate, Context, CorpusRequest, Description, Evidence, Failure, Page, Passage,
    Query, Signal, Source, log,
};

/// Lines that `log-flood` logs.
const N_FLOOD_LINES: u32 = 10_000;
/// Bytes of text that `giant` answers with when its configuration does not say.
const GIANT_BYTES: usize = 64 << 20;

/// Does as its mode says.
pub struct Unruly {
    mode: String,
    giant_bytes: usize,
}

impl Source for Unruly {
    fn describe() -> Description {
        phagen_sdk::describe!("Misbehaves as configured, for tests")
    }

    fn init(context: &Context) -> Result<Self, Failure> {
        let mode = context
            .config("mode")
            .ok_or_else(|| Failure::invalid_config("`mode` is missing"))?;
        match mode {
            "init-loop" => tantrum::spin(),
            "init-trap" => panic!("told to trap in `init`"),
            _ => {}
        }
        let giant_bytes = match context.config("bytes").map(str::parse) {
            Some(bytes) => bytes.map_err(|_| Failure::invalid_config("`bytes` is not a number"))?,
            None => GIANT_BYTES,
        };
        Ok(Self {
            mode: mode.to_owned(),
            giant_bytes,
        })
    }

    fn search(
        &self,
        context: &Context,
        query: &Query,
        limit: u32,
        cursor: Option<&str>,
    ) -> Result<Page, Failure> {
        match self.mode.as_str() {
            "ok" => Ok(page(vec![echo(query, limit, cursor)])),
            "loop" => tantrum::spin(),
            "memory" => tantrum::hoard(),
            "stack" => Ok(page(vec![numbered(tantrum::dig(u64::from(limit)))])),
            "trap" => panic!("told to trap in `search`"),
            "giant" => Ok(page(vec![giant(self.giant_bytes)])),
            "crowd" => Ok(page((1..=10 * u64::from(limit)).map(numbered).collect())),
            "bad-evidence" => Ok(page(bad_evidence())),
            "endless" => Ok(Page {
                cursor: Some("again".into()),
                ..page(vec![numbered(1)])
            }),
            "log-flood" => {
                for line in 0..N_FLOOD_LINES {
                    log::info("flood", &[("line", &line.to_string())]);
                }
                Ok(page(vec![numbered(1)]))
            }
            "corpus" => context.search_corpus(&CorpusRequest {
                names: query.molecule.names().map(str::to_owned).collect(),
                limit,
                cursor: cursor.map(str::to_owned),
                ..CorpusRequest::default()
            }),
            "artifact" => artifact(context),
            "http" => Err(Failure::denied(http::get_nothing())),
            "random" => Ok(page(vec![told(&tantrum::chance_and_time())])),
            "fail-retryable" => Err(Failure::rate_limited(Some(20), "told to be tried again")),
            "fail-unknown" => Err(Failure {
                retryable: true,
                ..Failure::new("gremlins", "told to fail by an unknown code")
            }),
            other => Err(Failure::invalid_config(format!("`mode` is `{other}`"))),
        }
    }

    fn self_test(&self) -> Result<(), Failure> {
        match self.mode.as_str() {
            "ok" => Ok(()),
            mode => Err(Failure::internal(format!("`{mode}` is no way to behave"))),
        }
    }
}

phagen_sdk::export_source!(Unruly);

fn page(candidates: Vec<Candidate>) -> Page {
    Page {
        candidates,
        cursor: None,
    }
}

fn numbered(number: u64) -> Candidate {
    Candidate {
        evidence: Evidence {
            evidence_id: format!("PMID:{number}"),
            kind: "literature".into(),
            title: format!("A title of number {number}"),
            citation: format!("Unruly {number}"),
            ..Evidence::default()
        },
        signals: vec![Signal::new("source_rank", 1.0)],
    }
}

fn told(facts: &[(&str, String)]) -> Candidate {
    let mut candidate = numbered(1);
    candidate.evidence.attributes = facts
        .iter()
        .map(|(key, value)| Attribute::new(*key, value))
        .collect();
    candidate
}

/// Every field filled, and what was asked among the attributes.
fn echo(query: &Query, limit: u32, cursor: Option<&str>) -> Candidate {
    let mut candidate = told(&[
        ("molecule", query.molecule.name.clone()),
        ("synonyms", query.molecule.synonyms.join("|")),
        ("smiles", query.molecule.smiles.clone().unwrap_or_default()),
        (
            "inchi_key",
            query.molecule.inchi_key.clone().unwrap_or_default(),
        ),
        ("as_of", query.as_of.clone()),
        ("limit", limit.to_string()),
        ("cursor", cursor.unwrap_or_default().to_owned()),
    ]);
    candidate.evidence.title = format!("A title that names {}", query.molecule.name);
    candidate.evidence.url = Some("https://example.org/1".into());
    candidate.evidence.date = Some("2019-03".into());
    candidate.evidence.passages = vec![Passage {
        section: Some("RESULTS".into()),
        ..Passage::body(1, format!("A passage that names {}.", query.molecule.name))
    }];
    candidate
}

fn giant(n_bytes: usize) -> Candidate {
    let mut candidate = numbered(1);
    candidate.evidence.passages = vec![Passage::body(1, "x".repeat(n_bytes))];
    candidate
}

fn bad_evidence() -> Vec<Candidate> {
    let mut candidates: Vec<_> = (1..=4).map(numbered).collect();
    candidates[0].evidence.evidence_id = "not an id#1".into();
    candidates[1].evidence.kind = "genomic".into();
    candidates[2].evidence.date = Some("yesterday".into());
    candidates
}

fn artifact(context: &Context) -> Result<Page, Failure> {
    let artifact = context.artifact()?;
    let bytes = artifact.read_all()?;
    Ok(page(vec![told(&[
        ("name", artifact.name()),
        ("digest", artifact.digest()),
        ("size", artifact.size().to_string()),
        ("n_read", bytes.len().to_string()),
    ])]))
}

#[cfg(test)]
mod tests {
    use phagen_sdk::testing::Harness;

    use super::*;

    fn search(mode: &str) -> Result<Page, Failure> {
        let source = Harness::new().config("mode", mode).source::<Unruly>()?;
        source.search(&Query::of("aspirin", "2026-11-22"), 3, None)
    }

    #[test]
    fn the_harness_sees_what_breaks_the_contract() {
        assert!(search("ok").is_ok());
        for mode in ["crowd", "bad-evidence"] {
            assert_eq!(search(mode).unwrap_err().code, "internal", "{mode}");
        }
    }

    #[test]
    fn what_is_not_granted_is_refused() {
        assert_eq!(search("corpus").unwrap_err().code, "denied");
        assert_eq!(search("artifact").unwrap_err().code, "not-found");
        assert_eq!(search("http").unwrap_err().code, "denied");
    }

    #[test]
    fn an_unknown_mode_is_refused() {
        assert_eq!(search("polite").unwrap_err().code, "invalid-config");
    }
}

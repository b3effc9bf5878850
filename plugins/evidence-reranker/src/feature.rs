//! What the model looks at. Every feature is finite and lies in its range, whatever the candidate
//! holds; what is not known is 0, or where 0 would be a verdict, its middle.
//!
//! | feature | range | what |
//! |---|---|---|
//! | `name_in_title` | 0, 1 | the title names the molecule |
//! | `name_in_subject` | 0, 1 | an attribute `intervention(s)` or `drug(s)` names it |
//! | `passage_share` | 0..=1 | share of passages that name it |
//! | `earliest_position` | 0..=1 | 1 when the body begins with the name, towards 0 the later it comes; 0 when it never does |
//! | `distinct_names` | 0..=1 | different names in title, subject and body: a quarter each, at most 1 |
//! | `kind_clinical` `kind_literature` `kind_regulatory` `kind_patent` `kind_market` | 0, 1 | the kind; all 0 for another |
//! | `recency` | 0..=1 | 10 / (10 + age in years) on the query's `as-of`; 0.5 when the date is not known |
//! | `phase` | 0..=1 | attribute `phase`: 0.25 a phase, two phases their mean, `EARLY_PHASE1` 0.125; 0 for `NA` and none |
//! | `trial_completed` | 0, 1 | attribute `status` is `COMPLETED` |
//! | `trial_stopped` | 0, 1 | `status` is `TERMINATED`, `WITHDRAWN` or `SUSPENDED` |
//! | `has_results` | 0, 1 | attribute `has_results` is `true` |
//! | `citations` | 0..=1 | attribute `citation_count` on a log scale: log2(1 + n) / 16, at most 1; 0 when not known |
//! | `source_rank` | 0..=1 | signal, 10 / (9 + rank): 1 for the first, ½ for the eleventh; 0 when not known |
//! | `bm25_title` `bm25_body` | 0..=1 | signals, x / (x + 8); 0 when not known |
//! | `previous_rank` | 0..=1 | signal, as `source_rank` |
//! | `previous_score` | -1..=1 | signal, x / (1 + abs x); 0 when not known |
//! | `passage_length` | 0..=1 | bytes of the body, x / (x + 1000) |
//!
//! Only additions, multiplications and divisions: a guest and a native build agree to the bit.

use phagen_sdk::{CandidateView, Failure, Query};

use crate::{moment, names::Names};

/// The features in their order, which is the artifact's.
pub(crate) const NAMES: [&str; 22] = [
    "name_in_title",
    "name_in_subject",
    "passage_share",
    "earliest_position",
    "distinct_names",
    "kind_clinical",
    "kind_literature",
    "kind_regulatory",
    "kind_patent",
    "kind_market",
    "recency",
    "phase",
    "trial_completed",
    "trial_stopped",
    "has_results",
    "citations",
    "source_rank",
    "bm25_title",
    "bm25_body",
    "previous_rank",
    "previous_score",
    "passage_length",
];

/// Computes features for one query.
pub(crate) struct Extractor {
    names: Names,
    /// Fractional years.
    as_of: f32,
}

impl Extractor {
    pub(crate) fn of(query: &Query) -> Result<Self, Failure> {
        let as_of = moment::years(&query.as_of).ok_or_else(|| {
            Failure::invalid_input(format!(
                "`as-of` is `{}`: expected a date such as `2026-11-22`",
                query.as_of
            ))
        })?;
        Ok(Self {
            names: Names::of(&query.molecule),
            as_of,
        })
    }

    pub(crate) fn features(&mut self, candidate: &CandidateView<'_>) -> [f32; NAMES.len()] {
        let naming = self.naming(candidate);
        let [clinical, literature, regulatory, patent, market] = kinds(candidate.evidence.kind);
        let facts = Facts::of(candidate);
        let numbers = Numbers::of(candidate);
        [
            naming.title,
            naming.subject,
            naming.passage_share,
            naming.earliest_position,
            naming.distinct_names,
            clinical,
            literature,
            regulatory,
            patent,
            market,
            self.recency(candidate.evidence.date),
            facts.phase,
            facts.completed,
            facts.stopped,
            facts.has_results,
            facts.citations,
            numbers.source_rank,
            numbers.bm25_title,
            numbers.bm25_body,
            numbers.previous_rank,
            numbers.previous_score,
            saturate(naming.n_body_bytes, 1000.0),
        ]
    }

    fn naming(&mut self, candidate: &CandidateView<'_>) -> Naming {
        let evidence = &candidate.evidence;
        self.names.begin_group();
        let title = self.names.find(evidence.title).is_some();
        let mut subject = false;
        for attribute in evidence.attributes {
            if is_subject(attribute.key) {
                subject |= self.names.find(attribute.value).is_some();
            }
        }
        let mut n_bytes = 0;
        let mut n_named = 0_u16;
        let mut earliest = None;
        for passage in evidence.passages {
            if let Some(at) = self.names.find(passage.text) {
                n_named = n_named.saturating_add(1);
                earliest = earliest.or(Some(n_bytes + at));
            }
            n_bytes += passage.text.len();
        }
        let n_body_bytes = as_f32(n_bytes);
        Naming {
            title: f32::from(title),
            subject: f32::from(subject),
            passage_share: f32::from(n_named) / as_f32(evidence.passages.len().max(1)),
            earliest_position: earliest.map_or(0.0, |at| 1.0 - as_f32(at) / n_body_bytes),
            distinct_names: (as_f32(self.names.n_seen()) / 4.0).min(1.0),
            n_body_bytes,
        }
    }

    fn recency(&self, date: Option<&str>) -> f32 {
        let age = date.and_then(moment::years).map(|date| self.as_of - date);
        age.map_or(0.5, |age| 10.0 / (10.0 + age.max(0.0)))
    }
}

/// Where the evidence names the molecule.
struct Naming {
    title: f32,
    subject: f32,
    passage_share: f32,
    earliest_position: f32,
    distinct_names: f32,
    n_body_bytes: f32,
}

/// Attributes that say outright which substances a trial or a label is about.
fn is_subject(key: &str) -> bool {
    matches!(key, "intervention" | "interventions" | "drug" | "drugs")
}

fn kinds(kind: &str) -> [f32; 5] {
    ["clinical", "literature", "regulatory", "patent", "market"].map(|name| f32::from(name == kind))
}

/// What the attributes say.
#[derive(Default)]
struct Facts {
    phase: f32,
    completed: f32,
    stopped: f32,
    has_results: f32,
    citations: f32,
}

impl Facts {
    fn of(candidate: &CandidateView<'_>) -> Self {
        let mut facts = Self::default();
        for attribute in candidate.evidence.attributes {
            let value = attribute.value;
            match attribute.key {
                "phase" => facts.phase = phase(value),
                "status" => {
                    let stopped = matches!(value, "TERMINATED" | "WITHDRAWN" | "SUSPENDED");
                    facts.completed = f32::from(value == "COMPLETED");
                    facts.stopped = f32::from(stopped);
                }
                "has_results" => facts.has_results = f32::from(value == "true"),
                "citation_count" => facts.citations = citations(value),
                _ => {}
            }
        }
        facts
    }
}

fn phase(value: &str) -> f32 {
    let mut sum = 0.0;
    let mut n_known = 0.0;
    for part in value.split('/') {
        sum += match part {
            "EARLY_PHASE1" => 0.125,
            "PHASE1" => 0.25,
            "PHASE2" => 0.5,
            "PHASE3" => 0.75,
            "PHASE4" => 1.0,
            _ => continue,
        };
        n_known += 1.0;
    }
    if n_known > 0.0 { sum / n_known } else { 0.0 }
}

/// log2 by straight lines between the powers of two: close enough, and the same everywhere.
fn citations(value: &str) -> f32 {
    let count = value.trim().parse::<u32>().unwrap_or(0);
    let whole = count.saturating_add(1);
    let exponent = whole.ilog2();
    let power = 1_u32 << exponent;
    let fraction = f64::from(whole - power) / f64::from(power);
    let log = f64::from(exponent) + fraction;
    #[expect(
        clippy::cast_possible_truncation,
        reason = "0..=1 with digits to spare"
    )]
    let scaled = (log / 16.0).min(1.0) as f32;
    scaled
}

/// What the signals say.
#[derive(Default)]
struct Numbers {
    source_rank: f32,
    bm25_title: f32,
    bm25_body: f32,
    previous_rank: f32,
    previous_score: f32,
}

impl Numbers {
    fn of(candidate: &CandidateView<'_>) -> Self {
        let mut numbers = Self::default();
        let finite = candidate.signals.iter().filter(|s| s.value.is_finite());
        for signal in finite {
            let value = signal.value;
            match signal.name {
                "source_rank" => numbers.source_rank = rank(value),
                "bm25_title" => numbers.bm25_title = saturate(value, 8.0),
                "bm25_body" => numbers.bm25_body = saturate(value, 8.0),
                "previous_rank" => numbers.previous_rank = rank(value),
                "previous_score" => numbers.previous_score = value / (1.0 + value.abs()),
                _ => {}
            }
        }
        numbers
    }
}

/// 1 for rank 1, falling; what is no rank counts as the first.
fn rank(value: f32) -> f32 {
    10.0 / (9.0 + value.max(1.0))
}

/// From 0 towards 1, ½ at `half`; nothing is below 0.
fn saturate(value: f32, half: f32) -> f32 {
    let value = value.max(0.0);
    value / (value + half)
}

#[expect(clippy::cast_precision_loss, reason = "a ratio needs no more digits")]
fn as_f32(count: usize) -> f32 {
    count as f32
}

#[cfg(test)]
mod tests {
    use phagen_sdk::{Attribute, Candidate, Evidence, Molecule, Passage, Signal, with_views};

    use super::*;

    fn extractor() -> Extractor {
        Extractor::of(&Query {
            molecule: Molecule {
                name: "aspirin".into(),
                synonyms: vec!["acetylsalicylic acid".into(), "ASA".into()],
                ..Molecule::default()
            },
            ..Query::of("", "2026-07-01")
        })
        .unwrap()
    }

    fn features(candidate: &Candidate) -> [f32; NAMES.len()] {
        let candidates = std::slice::from_ref(candidate);
        with_views(candidates, |views| extractor().features(&views[0]))
    }

    /// One feature of a candidate that is blank but for `change`.
    fn feature(name: &str, change: impl FnOnce(&mut Candidate)) -> f32 {
        let mut candidate = Candidate::default();
        change(&mut candidate);
        let column = NAMES.iter().position(|n| *n == name).unwrap();
        features(&candidate)[column]
    }

    fn attribute(name: &str, key: &str, value: &str) -> f32 {
        feature(name, |c| {
            c.evidence.attributes.push(Attribute::new(key, value));
        })
    }

    fn signal(name: &str, value: f32) -> f32 {
        feature(name, |c| c.signals.push(Signal::new(name, value)))
    }

    fn near(a: f32, b: f32) -> bool {
        (a - b).abs() < 1e-3
    }

    #[test]
    fn a_blank_candidate_is_neutral() {
        let features = features(&Candidate::default());
        for (name, value) in NAMES.iter().zip(features) {
            let neutral = if *name == "recency" { 0.5 } else { 0.0 };
            assert_eq!(value.to_bits(), f32::to_bits(neutral), "{name}");
        }
    }

    #[test]
    fn the_text_is_searched_for_every_name() {
        let text = |c: &mut Candidate| {
            c.evidence.title = "Low-dose ASPIRIN".into();
            c.evidence.passages = vec![
                Passage::body(1, "Nothing of it here."),
                Passage::body(2, "x acetylsalicylic acid (ASA)"),
            ];
            c.evidence.attributes = vec![Attribute::new("interventions", "Drug: Aspirin 81 mg")];
        };
        assert!(near(feature("name_in_title", text), 1.0));
        assert!(near(feature("name_in_subject", text), 1.0));
        assert!(near(feature("passage_share", text), 0.5));
        assert!(near(feature("earliest_position", text), 1.0 - 21.0 / 47.0));
        assert!(near(feature("distinct_names", text), 0.75));
        assert!(near(feature("passage_length", text), 47.0 / 1047.0));
        assert!(near(
            attribute("name_in_subject", "conditions", "aspirin"),
            0.0
        ));
    }

    #[test]
    fn names_of_one_candidate_do_not_count_for_the_next() {
        let mut extractor = extractor();
        let mut named = Candidate::default();
        named.evidence.title = "aspirin".into();
        let mut bits = |candidate: &Candidate| {
            let candidates = std::slice::from_ref(candidate);
            with_views(candidates, |views| extractor.features(&views[0])).map(f32::to_bits)
        };
        let first = bits(&named);
        assert_ne!(first, bits(&Candidate::default()));
        assert_eq!(first, bits(&named));
    }

    #[test]
    fn a_kind_has_one_column_and_an_unknown_one_none() {
        for kind in ["clinical", "literature", "regulatory", "patent", "market"] {
            let set = |c: &mut Candidate| c.evidence.kind = kind.into();
            assert!(near(feature(&format!("kind_{kind}"), set), 1.0));
        }
        let other = |c: &mut Candidate| c.evidence.kind = "genomic".into();
        assert!(near(feature("kind_clinical", other), 0.0));
    }

    #[test]
    fn recency_falls_with_age_and_is_neutral_without_a_date() {
        let at = |date: &str| feature("recency", |c| c.evidence.date = Some(date.into()));
        assert!(near(at("2026-07-01"), 1.0));
        assert!(near(at("2016-07-01"), 0.5));
        assert!(near(at("1996"), 0.25));
        assert!(near(at("2030"), 1.0));
        assert!(near(at("spring"), 0.5));
    }

    #[test]
    fn a_query_without_a_date_is_refused() {
        let failure = Extractor::of(&Query::of("aspirin", "today")).err().unwrap();
        assert_eq!(failure.code, "invalid-input");
        assert!(failure.message.contains("`today`"));
    }

    #[test]
    fn phases_rise() {
        for (value, expected) in [
            ("NA", 0.0),
            ("", 0.0),
            ("EARLY_PHASE1", 0.125),
            ("PHASE1", 0.25),
            ("PHASE1/PHASE2", 0.375),
            ("PHASE2", 0.5),
            ("PHASE2/PHASE3", 0.625),
            ("PHASE3", 0.75),
            ("PHASE4", 1.0),
        ] {
            assert!(
                near(attribute("phase", "phase", value), expected),
                "{value}"
            );
        }
    }

    #[test]
    fn a_trial_is_completed_or_stopped_or_neither() {
        for (status, completed, stopped) in [
            ("COMPLETED", 1.0, 0.0),
            ("TERMINATED", 0.0, 1.0),
            ("WITHDRAWN", 0.0, 1.0),
            ("SUSPENDED", 0.0, 1.0),
            ("RECRUITING", 0.0, 0.0),
        ] {
            assert!(near(
                attribute("trial_completed", "status", status),
                completed
            ));
            assert!(near(attribute("trial_stopped", "status", status), stopped));
        }
        assert!(near(attribute("has_results", "has_results", "true"), 1.0));
        assert!(near(attribute("has_results", "has_results", "false"), 0.0));
    }

    #[test]
    fn citations_count_by_their_logarithm() {
        for (count, expected) in [
            ("0", 0.0),
            ("1", 1.0 / 16.0),
            ("255", 0.5),
            ("383", 8.5 / 16.0),
            ("65535", 1.0),
            ("4294967295", 1.0),
            ("-3", 0.0),
            ("many", 0.0),
        ] {
            assert!(
                near(attribute("citations", "citation_count", count), expected),
                "{count}"
            );
        }
    }

    #[test]
    fn signals_are_squashed() {
        for name in ["source_rank", "previous_rank"] {
            assert!(near(signal(name, 1.0), 1.0));
            assert!(near(signal(name, 11.0), 0.5));
            assert!(near(signal(name, -5.0), 1.0));
        }
        for name in ["bm25_title", "bm25_body"] {
            assert!(near(signal(name, 8.0), 0.5));
            assert!(near(signal(name, -1.0), 0.0));
        }
        assert!(near(signal("previous_score", -1.0), -0.5));
    }

    #[test]
    fn no_candidate_makes_a_feature_leave_its_range() {
        let numbers = [
            f32::NAN,
            f32::INFINITY,
            f32::NEG_INFINITY,
            f32::MAX,
            f32::MIN,
            f32::MIN_POSITIVE,
        ];
        for value in numbers {
            let mut candidate = Candidate {
                evidence: Evidence {
                    date: Some("9999-12-31".into()),
                    passages: vec![Passage::body(1, ""), Passage::body(2, "aspirin")],
                    ..Evidence::default()
                },
                ..Candidate::default()
            };
            for name in NAMES {
                candidate.signals.push(Signal::new(name, value));
            }
            let features = features(&candidate);
            for (name, feature) in NAMES.iter().zip(features) {
                assert!((-1.0..=1.0).contains(&feature), "{name} {value} {feature}");
            }
        }
    }
}

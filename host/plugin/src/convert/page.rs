//! Pages of evidence, from a source and (out of the corpus) to one.

use phagen_domain::PartialDate;
use phagen_domain::evidence::{
    Attribute, Candidate, Evidence, EvidenceKind, Page, Passage, Signal,
};

use crate::bindings::v0_1_0::types;

/// Bytes of a cursor.
const MAX_CURSOR_BYTES: usize = 4_096;
/// Attributes of one piece of evidence, and signals of one candidate.
const MAX_ATTRIBUTES: usize = 256;

/// A source's page, at most `limit` candidates long, or what is wrong with it.
pub(crate) fn page(page: types::Page, limit: u32) -> Result<Page, String> {
    let n = page.candidates.len();
    if n > limit as usize {
        return Err(format!("{n} candidates where {limit} were asked for"));
    }
    if let Some(cursor) = &page.cursor
        && cursor.len() > MAX_CURSOR_BYTES
    {
        let n = cursor.len();
        return Err(format!(
            "a cursor of {n} bytes; at most {MAX_CURSOR_BYTES} are kept"
        ));
    }
    Ok(Page {
        candidates: page
            .candidates
            .into_iter()
            .map(candidate)
            .collect::<Result<_, _>>()?,
        cursor: page.cursor,
    })
}

fn candidate(candidate: types::CandidateResult) -> Result<Candidate, String> {
    let evidence = evidence(candidate.evidence)?;
    let id = &evidence.evidence_id;
    let n = candidate.signals.len();
    if n > MAX_ATTRIBUTES {
        return Err(format!(
            "`{id}` has {n} signals; at most {MAX_ATTRIBUTES} are kept"
        ));
    }
    let signal = |signal: types::SignalResult| {
        if signal.value.is_finite() {
            Ok(Signal {
                name: signal.name,
                value: signal.value,
            })
        } else {
            Err(format!(
                "signal `{}` of `{id}` is {}",
                signal.name, signal.value
            ))
        }
    };
    let signals = candidate
        .signals
        .into_iter()
        .map(signal)
        .collect::<Result<_, _>>()?;
    Ok(Candidate { evidence, signals })
}

fn evidence(evidence: types::EvidenceResult) -> Result<Evidence, String> {
    let evidence_id = evidence
        .evidence_id
        .parse()
        .map_err(|error: phagen_domain::evidence::InvalidEvidenceId| error.to_string())?;
    let n = evidence.attributes.len();
    if n > MAX_ATTRIBUTES {
        return Err(format!(
            "`{evidence_id}` has {n} attributes; at most {MAX_ATTRIBUTES} are kept"
        ));
    }
    let ordinals = evidence.passages.iter().map(|passage| passage.ordinal);
    if !std::iter::once(0)
        .chain(ordinals.clone())
        .is_sorted_by(|a, b| a < b)
    {
        let ordinals: Vec<u32> = ordinals.take(20).collect();
        return Err(format!(
            "passages of `{evidence_id}` are numbered {ordinals:?}; the body counts up from 1"
        ));
    }
    let mut attributes: Vec<Attribute> = evidence
        .attributes
        .into_iter()
        .map(Attribute::from)
        .collect();
    Ok(Evidence {
        evidence_id,
        kind: EvidenceKind::from_name(&evidence.kind),
        title: evidence.title,
        citation: evidence.citation,
        url: evidence
            .url
            .and_then(|url| keep_or_note(url, is_web_address, "url_raw", &mut attributes)),
        date: evidence
            .date
            .and_then(|date| {
                keep_or_note(
                    date,
                    |date| date.parse::<PartialDate>().is_ok(),
                    "date_raw",
                    &mut attributes,
                )
            })
            .and_then(|date| date.parse().ok()),
        passages: evidence.passages.into_iter().map(Passage::from).collect(),
        attributes,
    })
}

/// `text` if it is `valid`; else it moves to an attribute, where a reader may still find it.
fn keep_or_note(
    text: String,
    valid: impl Fn(&str) -> bool,
    key: &str,
    attributes: &mut Vec<Attribute>,
) -> Option<String> {
    if valid(&text) {
        return Some(text);
    }
    if !text.trim().is_empty() {
        attributes.push(Attribute {
            key: key.to_owned(),
            value: text,
        });
    }
    None
}

/// Pages link to it, and `javascript:` must not get there.
fn is_web_address(url: &str) -> bool {
    ["https://", "http://"].iter().any(|scheme| {
        url.get(..scheme.len())
            .is_some_and(|start| start.eq_ignore_ascii_case(scheme))
    })
}

impl From<types::PassageResult> for Passage {
    fn from(passage: types::PassageResult) -> Self {
        Self {
            ordinal: passage.ordinal,
            section: passage.section,
            text: passage.text,
        }
    }
}

impl From<Passage> for types::PassageResult {
    fn from(passage: Passage) -> Self {
        Self {
            ordinal: passage.ordinal,
            section: passage.section,
            text: passage.text,
        }
    }
}

impl From<Evidence> for types::EvidenceResult {
    fn from(evidence: Evidence) -> Self {
        Self {
            evidence_id: evidence.evidence_id.into(),
            kind: evidence.kind.as_str().to_owned(),
            title: evidence.title,
            citation: evidence.citation,
            url: evidence.url,
            date: evidence.date.map(String::from),
            passages: evidence.passages.into_iter().map(Into::into).collect(),
            attributes: evidence.attributes.into_iter().map(Into::into).collect(),
        }
    }
}

impl From<Candidate> for types::CandidateResult {
    fn from(candidate: Candidate) -> Self {
        let signal = |signal: Signal| types::SignalResult {
            name: signal.name,
            value: signal.value,
        };
        Self {
            evidence: candidate.evidence.into(),
            signals: candidate.signals.into_iter().map(signal).collect(),
        }
    }
}

impl From<Page> for types::Page {
    fn from(page: Page) -> Self {
        Self {
            candidates: page.candidates.into_iter().map(Into::into).collect(),
            cursor: page.cursor,
        }
    }
}

#[cfg(test)]
pub(super) mod tests {
    use proptest::{collection::vec, option, prelude::*};

    use super::*;

    fn passages() -> impl Strategy<Value = Vec<Passage>> {
        vec((1..9_u32, option::of(".{0,9}"), ".{0,40}"), 0..4).prop_map(|passages| {
            let mut ordinal = 0;
            let number = |(step, section, text)| {
                ordinal += step;
                Passage {
                    ordinal,
                    section,
                    text,
                }
            };
            passages.into_iter().map(number).collect()
        })
    }

    fn attributes() -> impl Strategy<Value = Vec<Attribute>> {
        let attribute = ("[a-z_]{1,9}", ".{0,9}").prop_map(|(key, value)| Attribute { key, value });
        vec(attribute, 0..4)
    }

    fn date() -> impl Strategy<Value = String> {
        prop_oneof![
            "[12][0-9]{3}",
            "[12][0-9]{3}-0[1-9]",
            "[12][0-9]{3}-1[0-2]-[012][1-8]",
        ]
    }

    pub(in crate::convert) fn candidates() -> impl Strategy<Value = Candidate> {
        let words = (
            ".{0,30}",
            ".{0,30}",
            option::of("https://[a-z]{1,9}\\.org/.{0,9}"),
        );
        let id = prop_oneof!["PMID:[1-9][0-9]{0,7}", "NCT[0-9]{8}", "label:[a-f0-9-]{9}"];
        let signal =
            ("[a-z_]{1,9}", -1e30_f32..1e30).prop_map(|(name, value)| Signal { name, value });
        (
            (id, 0..EvidenceKind::ALL.len(), words, option::of(date())),
            passages(),
            attributes(),
            vec(signal, 0..4),
        )
            .prop_map(|((id, kind, words, date), passages, attributes, signals)| {
                Candidate {
                    evidence: Evidence {
                        evidence_id: id.parse().unwrap(),
                        kind: EvidenceKind::ALL[kind],
                        title: words.0,
                        citation: words.1,
                        url: words.2,
                        date: date.map(|date| date.parse().unwrap()),
                        passages,
                        attributes,
                    },
                    signals,
                }
            })
    }

    proptest! {
        #[test]
        fn a_page_crosses_twice_unchanged(
            candidates in vec(candidates(), 0..4),
            cursor in option::of(".{0,20}"),
        ) {
            let given = Page { candidates, cursor };
            let there = types::Page::from(given.clone());
            prop_assert_eq!(page(there, 4), Ok(given));
        }
    }

    fn evidence_of(change: impl FnOnce(&mut types::EvidenceResult)) -> types::Page {
        let mut evidence = types::EvidenceResult {
            evidence_id: "PMID:1".to_owned(),
            kind: "literature".to_owned(),
            title: "A title".to_owned(),
            citation: "A citation".to_owned(),
            url: None,
            date: None,
            passages: Vec::new(),
            attributes: Vec::new(),
        };
        change(&mut evidence);
        types::Page {
            candidates: vec![types::CandidateResult {
                evidence,
                signals: Vec::new(),
            }],
            cursor: None,
        }
    }

    fn passage(ordinal: u32) -> types::PassageResult {
        types::PassageResult {
            ordinal,
            section: None,
            text: String::new(),
        }
    }

    #[test]
    fn broken_promises_are_named() {
        let attribute = types::AttributeResult {
            key: String::new(),
            value: String::new(),
        };
        let mut noisy = evidence_of(|_| ());
        noisy.candidates[0].signals.push(types::SignalResult {
            name: "bm25_title".to_owned(),
            value: f32::NAN,
        });
        let mut signals = evidence_of(|_| ());
        signals.candidates[0].signals = vec![
            types::SignalResult {
                name: String::new(),
                value: 0.0
            };
            MAX_ATTRIBUTES + 1
        ];
        for (broken, named) in [
            (
                evidence_of(|e| e.evidence_id = "PMID 1".to_owned()),
                "`PMID 1` is not an evidence id",
            ),
            (
                evidence_of(|e| e.passages = vec![passage(0)]),
                "numbered [0]",
            ),
            (
                evidence_of(|e| e.passages = vec![passage(2), passage(2)]),
                "numbered [2, 2]",
            ),
            (
                evidence_of(|e| e.attributes = vec![attribute; MAX_ATTRIBUTES + 1]),
                "257 attributes",
            ),
            (noisy, "signal `bm25_title` of `PMID:1` is NaN"),
            (signals, "257 signals"),
            (
                types::Page {
                    cursor: Some("x".repeat(MAX_CURSOR_BYTES + 1)),
                    ..evidence_of(|_| ())
                },
                "a cursor of 4097 bytes",
            ),
        ] {
            let what = page(broken, 1).unwrap_err();
            assert!(what.contains(named), "{what}");
        }
        let what = page(evidence_of(|_| ()), 0).unwrap_err();
        assert_eq!(what, "1 candidates where 0 were asked for");
    }

    #[test]
    fn what_a_source_passes_on_is_noted_where_it_does_not_parse() {
        let page = page(
            evidence_of(|e| {
                e.kind = "genomic".to_owned();
                e.date = Some("spring 2019".to_owned());
                e.url = Some("javascript:alert(1)".to_owned());
            }),
            1,
        )
        .unwrap();
        let evidence = &page.candidates[0].evidence;
        assert_eq!(
            (evidence.kind, evidence.date, &evidence.url),
            (EvidenceKind::Other, None, &None)
        );
        assert_eq!(evidence.attribute("date_raw"), Some("spring 2019"));
        assert_eq!(evidence.attribute("url_raw"), Some("javascript:alert(1)"));
    }
}

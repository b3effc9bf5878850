//! The shapes in which documents come, told apart line by line.
//!
//! Every line is one JSON object. Its keys say which shape it has:
//!
//! | keys | shape | evidence id, kind |
//! |---|---|---|
//! | `kind` | our own, below | `id`, else `url:<blake3 of url>` |
//! | `pmid` | PubMed abstract: `title` or `question`; `abstract` or `sections` (a list of `label`, `text`); `conclusion`, `year` or `date`, `journal`, `diseases` or `disease_mesh` (MeSH ids) | `PMID:…`, literature |
//! | `_id` and `text` | SciFact: `title`. The id is a Semantic Scholar corpus id; there is no date | `S2:…`, literature |
//! | `nct_id` | trial record, flat | `NCT…`, clinical |
//! | `protocolSection`, or `studies` with many of them | ClinicalTrials.gov v2 study, or a page of them | `NCT…`, clinical |
//! | `set_id` and `text` | indications of a drug label: `drugs` | `label:…`, regulatory |
//! | `set_id`, or `results` with many of them | openFDA drug label, or a page of them | `label:…`, regulatory |
//!
//! Our own shape: `kind` (clinical, literature, regulatory, patent, market, other), `title`, and at
//! will `id`, `text` or `sections` (a list of `label`, `text`), `citation`, `date` (`2019`, `2019-03`,
//! `2019-03-07`), `url`, `mesh_ids` (a list of `D…`), `attributes` (`key`: a value or a list of values).
//! `id` or `url` must be there. Unknown keys are refused, so that a slip of the pen is seen.
//!
//! A trial gets the attributes `status`, `phase` (`PHASE1/PHASE2` when it has two), `why_stopped`,
//! `has_results`, `study_type`, `conditions`, `interventions`, `start_date`, `completion_date`,
//! `enrollment`, `sponsor`, and the sections SUMMARY, DESCRIPTION, CONDITIONS, KEYWORDS,
//! INTERVENTIONS, PRIMARY OUTCOMES, OFFICIAL TITLE. A label gets `drugs` and `route`, and the sections
//! INDICATIONS AND USAGE, BOXED WARNING, CONTRAINDICATIONS, WARNINGS, WARNINGS AND CAUTIONS, ADVERSE
//! REACTIONS. MeSH ids become attributes `mesh_ids`. An attribute with several values stands several
//! times. Text is kept as it is, HTML entities and markup included.

mod abstracts;
mod label;
mod own;
mod study;
mod trial;

use phagen_domain::evidence::Evidence;
use serde::de::DeserializeOwned;
use serde_json::{Map, Value};

use crate::document::Document;

/// What one line holds: each document, or why it is none.
pub(crate) fn documents(line: &str) -> Vec<Result<Evidence, String>> {
    let object = match serde_json::from_str::<Value>(line) {
        Ok(Value::Object(object)) => object,
        Ok(_) => return vec![Err("is not a JSON object".to_owned())],
        Err(error) => {
            return vec![Err(format!(
                "is not JSON ({error}); every line must hold one whole document"
            ))];
        }
    };
    for (key, of_one) in [
        ("studies", study::from_study as OneOfPage),
        ("results", label::from_openfda as OneOfPage),
    ] {
        if let Some(Value::Array(_)) = object.get(key) {
            return page(object, key, of_one);
        }
    }
    vec![document(object).and_then(Document::into_evidence)]
}

type OneOfPage = fn(Map<String, Value>) -> Result<Document, String>;

fn page(
    mut object: Map<String, Value>,
    key: &str,
    of_one: OneOfPage,
) -> Vec<Result<Evidence, String>> {
    let Some(Value::Array(items)) = object.remove(key) else {
        return Vec::new();
    };
    (1..)
        .zip(items)
        .map(|(n, item)| {
            let of_one = match item {
                Value::Object(item) => of_one(item).and_then(Document::into_evidence),
                _ => Err("is not a JSON object".to_owned()),
            };
            of_one.map_err(|reason| format!("{n} of `{key}`: {reason}"))
        })
        .collect()
}

fn document(object: Map<String, Value>) -> Result<Document, String> {
    let has = |key: &str| object.contains_key(key);
    if has("kind") {
        own::from_own(object)
    } else if has("protocolSection") {
        study::from_study(object)
    } else if has("nct_id") {
        trial::from_flat(object)
    } else if has("set_id") && has("text") {
        label::from_flat(object)
    } else if has("set_id") {
        label::from_openfda(object)
    } else if has("pmid") {
        abstracts::from_pubmed(object)
    } else if has("_id") && has("text") {
        abstracts::from_scifact(object)
    } else {
        let keys: Vec<_> = object
            .keys()
            .take(8)
            .map(|key| format!("`{key}`"))
            .collect();
        Err(format!(
            "has no known shape: none of the keys `kind`, `pmid`, `_id`, `nct_id`, `protocolSection`, `set_id` is among its own ({})",
            keys.join(", ")
        ))
    }
}

/// Reads the fields of a shape; the error names the one that is missing or wrong.
fn read<T: DeserializeOwned>(object: Map<String, Value>, shape: &str) -> Result<T, String> {
    serde_json::from_value(Value::Object(object)).map_err(|error| format!("is no {shape}: {error}"))
}

/// Text that some sources write as a number.
#[derive(serde::Deserialize)]
#[serde(untagged)]
enum TextOrNumber {
    Text(String),
    Number(serde_json::Number),
}

impl TextOrNumber {
    fn into_text(self) -> String {
        match self {
            Self::Text(text) => text,
            Self::Number(number) => number.to_string(),
        }
    }
}

/// A section as most sources write it.
#[derive(serde::Deserialize)]
#[serde(deny_unknown_fields)]
struct LabelledText {
    #[serde(default, alias = "heading")]
    label: Option<String>,
    text: String,
}

fn date(text: &str) -> Result<phagen_domain::PartialDate, String> {
    text.parse()
        .map_err(|error: <phagen_domain::PartialDate as std::str::FromStr>::Err| error.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn reason(line: &str) -> String {
        documents(line).remove(0).unwrap_err()
    }

    #[test]
    fn a_line_that_is_no_document_says_why() {
        for (line, expected) in [
            ("{\"pmid\":", "is not JSON (EOF while parsing"),
            ("[1]", "is not a JSON object"),
            ("{\"pmid\":\"1\"}", "neither `title` nor `question`"),
            ("{\"_id\":\"1\",\"text\":\"t\"}", "missing field `title`"),
            (
                "{\"_id\":\"MED-1\",\"title\":\"t\",\"text\":\"t\"}",
                "is a number",
            ),
            ("{\"nct_id\":\"NCT1\"}", "missing field `brief_title`"),
            (
                "{\"protocolSection\":{}}",
                "missing field `identificationModule`",
            ),
            (
                "{\"kind\":\"clinical\",\"title\":\"t\"}",
                "neither `id` nor `url`",
            ),
            (
                "{\"kind\":\"clincal\",\"title\":\"t\",\"id\":\"a\"}",
                "`clincal` is none of",
            ),
            (
                "{\"kind\":\"other\",\"titel\":\"t\",\"id\":\"a\"}",
                "unknown field `titel`",
            ),
            (
                "{\"kind\":\"other\",\"title\":\" \",\"id\":\"a\"}",
                "empty title",
            ),
            (
                "{\"kind\":\"other\",\"title\":\"t\",\"id\":\"a b\"}",
                "not an evidence id",
            ),
            (
                "{\"kind\":\"other\",\"title\":\"t\",\"id\":\"a\",\"date\":\"1.2.2019\"}",
                "not a date",
            ),
            ("{\"set_id\":\"x\"}", "none of the sections"),
            ("{\"a\":1,\"b\":2}", "no known shape"),
        ] {
            let reason = reason(line);
            assert!(reason.contains(expected), "{line}: {reason}");
        }
    }

    #[test]
    fn one_bad_entry_of_a_page_leaves_the_others() {
        let line = r#"{"results":[{"openfda":{}},{"set_id":"a-1","indications_and_usage":["For pain."],"openfda":{"generic_name":["ASPIRIN"]}},7]}"#;
        let read = documents(line);
        assert!(
            read[0]
                .as_ref()
                .unwrap_err()
                .starts_with("1 of `results`: ")
        );
        assert_eq!(read[1].as_ref().unwrap().evidence_id.as_str(), "label:a-1");
        assert_eq!(
            read[2].as_ref().unwrap_err(),
            "3 of `results`: is not a JSON object"
        );
    }
}

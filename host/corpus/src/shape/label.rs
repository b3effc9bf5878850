//! Drug labels: the indication texts of `LabeledIn`, and openFDA's records.

use phagen_domain::evidence::{EvidenceId, EvidenceKind};
use serde::Deserialize;
use serde_json::{Map, Value};

use super::{date, read};
use crate::document::{Attributes, Document, Section};

#[derive(Deserialize)]
struct FlatLabel {
    set_id: String,
    #[serde(default)]
    drugs: Vec<String>,
    text: String,
}

pub(super) fn from_flat(object: Map<String, Value>) -> Result<Document, String> {
    let label: FlatLabel = read(object, "drug label")?;
    let sections = Section::new(Some("INDICATIONS AND USAGE"), label.text);
    let mut attributes = Attributes::default();
    attributes.push_all("drugs", &label.drugs);
    document(
        &label.set_id,
        &label.drugs,
        sections.into_iter().collect(),
        attributes,
    )
}

/// The part of an openFDA label that is read; the sections are told apart by name.
#[derive(Deserialize)]
struct OpenFdaLabel {
    set_id: String,
    effective_time: Option<String>,
    #[serde(default)]
    openfda: OpenFda,
    #[serde(default)]
    route: Texts,
    #[serde(flatten)]
    rest: Map<String, Value>,
}

#[derive(Deserialize, Default)]
struct OpenFda {
    #[serde(default)]
    generic_name: Texts,
    #[serde(default)]
    brand_name: Texts,
    #[serde(default)]
    substance_name: Texts,
    #[serde(default)]
    route: Texts,
}

/// openFDA writes lists; some copies of it write the only value alone.
#[derive(Deserialize)]
#[serde(untagged)]
enum Texts {
    Many(Vec<String>),
    One(String),
}

impl Default for Texts {
    fn default() -> Self {
        Self::Many(Vec::new())
    }
}

impl Texts {
    fn into_vec(self) -> Vec<String> {
        match self {
            Self::Many(texts) => texts,
            Self::One(text) => vec![text],
        }
    }
}

/// Sections that say what a drug is for and what it does to people, in this order.
const SECTIONS: [&str; 6] = [
    "indications_and_usage",
    "boxed_warning",
    "contraindications",
    "warnings",
    "warnings_and_cautions",
    "adverse_reactions",
];

pub(super) fn from_openfda(object: Map<String, Value>) -> Result<Document, String> {
    let mut label: OpenFdaLabel = read(object, "openFDA drug label")?;
    let mut sections = Vec::new();
    for key in SECTIONS {
        let Some(value) = label.rest.remove(key) else {
            continue;
        };
        let texts: Texts = serde_json::from_value(value)
            .map_err(|_| format!("is no openFDA drug label: `{key}` is no list of texts"))?;
        let heading = key.replace('_', " ");
        let texts = texts.into_vec().into_iter();
        sections.extend(texts.filter_map(|text| Section::new(Some(&heading), text)));
    }
    if sections.is_empty() {
        return Err(format!(
            "is no openFDA drug label: none of the sections {} has a text",
            SECTIONS.join(", ")
        ));
    }
    let mut drugs = label.openfda.generic_name.into_vec();
    drugs.extend(label.openfda.substance_name.into_vec());
    drugs.extend(label.openfda.brand_name.into_vec());
    drugs = without_repeats(drugs);
    let mut routes = label.openfda.route.into_vec();
    routes.extend(label.route.into_vec());
    let mut attributes = Attributes::default();
    attributes.push_all("drugs", &drugs);
    attributes.push_all("route", without_repeats(routes));
    let mut document = document(&label.set_id, &drugs, sections, attributes)?;
    document.date = label
        .effective_time
        .as_deref()
        .map(compact_date)
        .transpose()?;
    Ok(document)
}

fn document(
    set_id: &str,
    drugs: &[String],
    sections: Vec<Section>,
    attributes: Attributes,
) -> Result<Document, String> {
    let set_id = set_id.trim();
    let id: EvidenceId = format!("label:{set_id}")
        .parse()
        .map_err(|error| format!("is no drug label: {error}"))?;
    let title = if drugs.is_empty() {
        format!("Drug label {set_id}")
    } else {
        format!("{}: drug label", drugs.join(" / "))
    };
    Ok(Document {
        id,
        kind: EvidenceKind::Regulatory,
        title,
        sections,
        citation: format!("DailyMed, drug label, set id {set_id}"),
        date: None,
        url: Some(format!(
            "https://dailymed.nlm.nih.gov/dailymed/drugInfo.cfm?setid={set_id}"
        )),
        attributes,
    })
}

/// `20150401`, as openFDA writes dates.
fn compact_date(text: &str) -> Result<phagen_domain::PartialDate, String> {
    match (text.get(..4), text.get(4..6), text.get(6..)) {
        (Some(year), Some(month), Some(day)) if text.len() == 8 => {
            date(&format!("{year}-{month}-{day}"))
        }
        _ => date(text),
    }
}

fn without_repeats(names: Vec<String>) -> Vec<String> {
    let mut kept: Vec<String> = Vec::new();
    for name in names {
        if !kept.iter().any(|other| other.eq_ignore_ascii_case(&name)) {
            kept.push(name);
        }
    }
    kept
}

//! Trials: their facts, read from flat records here and from studies in `study`, become documents.

use phagen_domain::{
    PartialDate,
    evidence::{EvidenceId, EvidenceKind},
};
use serde::Deserialize;
use serde_json::{Map, Value};

use super::{date, read};
use crate::document::{Attributes, Document, Section};

/// The facts of a trial, whichever way they were written.
#[derive(Deserialize, Default)]
pub(super) struct Trial {
    pub(super) nct_id: String,
    pub(super) brief_title: String,
    pub(super) official_title: Option<String>,
    pub(super) brief_summary: Option<String>,
    pub(super) detailed_description: Option<String>,
    #[serde(default)]
    pub(super) conditions: Vec<String>,
    #[serde(default)]
    pub(super) keywords: Vec<String>,
    #[serde(default)]
    pub(super) interventions: Vec<Intervention>,
    #[serde(default)]
    pub(super) phases: Vec<String>,
    pub(super) study_type: Option<String>,
    pub(super) status: Option<String>,
    pub(super) why_stopped: Option<String>,
    pub(super) start_date: Option<String>,
    pub(super) completion_date: Option<String>,
    pub(super) enrollment: Option<u64>,
    pub(super) sponsor: Option<String>,
    #[serde(default)]
    pub(super) primary_outcomes: Vec<String>,
    #[serde(default)]
    pub(super) condition_mesh: Vec<MeshTerm>,
    pub(super) has_results: Option<bool>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Intervention {
    #[serde(rename = "type")]
    kind: Option<String>,
    name: String,
    #[serde(default)]
    other_names: Vec<String>,
    description: Option<String>,
}

#[derive(Deserialize)]
pub(super) struct MeshTerm {
    id: String,
}

pub(super) fn from_flat(object: Map<String, Value>) -> Result<Document, String> {
    read::<Trial>(object, "trial record")?.into_document()
}

impl Trial {
    pub(super) fn into_document(self) -> Result<Document, String> {
        let nct_id = self.nct_id.trim();
        if !nct_id.to_ascii_uppercase().starts_with("NCT") {
            return Err(format!("is no trial: `{nct_id}` is not an NCT number"));
        }
        let id: EvidenceId = nct_id.parse().map_err(|e| format!("is no trial: {e}"))?;
        let date = self.start_date.as_deref().map(date).transpose()?;
        Ok(Document {
            kind: EvidenceKind::Clinical,
            citation: self.citation(&id, date),
            date,
            url: Some(format!("https://clinicaltrials.gov/study/{id}")),
            attributes: self.attributes(),
            sections: self.sections(),
            title: self.brief_title,
            id,
        })
    }

    fn citation(&self, id: &EvidenceId, date: Option<PartialDate>) -> String {
        let mut citation = format!("ClinicalTrials.gov {id}");
        if let Some(sponsor) = &self.sponsor {
            citation = format!("{sponsor}. {citation}");
        }
        if let Some(date) = date {
            citation = format!("{citation}, started {date}");
        }
        citation
    }

    fn attributes(&self) -> Attributes {
        let mut attributes = Attributes::default();
        let mut push = |key: &str, value: Option<&str>| {
            if let Some(value) = value {
                attributes.push(key, value);
            }
        };
        push("status", self.status.as_deref());
        push("phase", Some(&self.phases.join("/")));
        push("why_stopped", self.why_stopped.as_deref());
        let has_results = self.has_results.map(|yes| yes.to_string());
        push("has_results", has_results.as_deref());
        push("study_type", self.study_type.as_deref());
        push("start_date", self.start_date.as_deref());
        push("completion_date", self.completion_date.as_deref());
        let enrollment = self.enrollment.map(|n| n.to_string());
        push("enrollment", enrollment.as_deref());
        push("sponsor", self.sponsor.as_deref());
        attributes.push_all("conditions", self.conditions.iter().map(String::as_str));
        let names = self.interventions.iter().map(|i| i.name.as_str());
        attributes.push_all("interventions", names);
        attributes.push_mesh_ids(self.condition_mesh.iter().map(|term| term.id.as_str()));
        attributes
    }

    fn sections(&self) -> Vec<Section> {
        let interventions: Vec<_> = self.interventions.iter().map(Intervention::text).collect();
        let official_title = self.official_title.as_deref();
        [
            ("SUMMARY", self.brief_summary.clone()),
            ("DESCRIPTION", self.detailed_description.clone()),
            ("CONDITIONS", Some(self.conditions.join("; "))),
            ("KEYWORDS", Some(self.keywords.join("; "))),
            ("INTERVENTIONS", Some(interventions.join("\n\n"))),
            ("PRIMARY OUTCOMES", Some(self.primary_outcomes.join("; "))),
            (
                "OFFICIAL TITLE",
                official_title
                    .filter(|title| *title != self.brief_title)
                    .map(str::to_owned),
            ),
        ]
        .into_iter()
        .filter_map(|(heading, text)| Section::new(Some(heading), text?))
        .collect()
    }
}

impl Intervention {
    /// As the registry's own page shows it: `DRUG: aspirin (ASA): 81 mg daily`.
    fn text(&self) -> String {
        let mut text = self.name.clone();
        if let Some(kind) = &self.kind {
            text = format!("{kind}: {text}");
        }
        if !self.other_names.is_empty() {
            text = format!("{text} ({})", self.other_names.join(", "));
        }
        if let Some(description) = &self.description {
            text = format!("{text}: {description}");
        }
        text
    }
}

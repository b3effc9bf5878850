//! A study as the second API of ClinicalTrials.gov writes it: many nested modules, of which those
//! are read that tell what was tried, for what, and how it went.

use serde::Deserialize;
use serde_json::{Map, Value};

use super::{
    read,
    trial::{Intervention, MeshTerm, Trial},
};
use crate::document::Document;

pub(super) fn from_study(object: Map<String, Value>) -> Result<Document, String> {
    Trial::from(read::<Study>(object, "ClinicalTrials.gov study")?).into_document()
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Study {
    protocol_section: Protocol,
    #[serde(default)]
    derived_section: Derived,
    has_results: Option<bool>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
#[expect(clippy::struct_field_names, reason = "the registry's own words")]
struct Protocol {
    identification_module: Identification,
    #[serde(default)]
    status_module: Status,
    #[serde(default)]
    sponsor_collaborators_module: Sponsors,
    #[serde(default)]
    description_module: Description,
    #[serde(default)]
    conditions_module: Conditions,
    #[serde(default)]
    design_module: Design,
    #[serde(default)]
    arms_interventions_module: Arms,
    #[serde(default)]
    outcomes_module: Outcomes,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Identification {
    nct_id: String,
    brief_title: String,
    official_title: Option<String>,
}

#[derive(Deserialize, Default)]
#[serde(rename_all = "camelCase")]
struct Status {
    #[serde(rename = "overallStatus")]
    overall: Option<String>,
    why_stopped: Option<String>,
    start_date_struct: Option<Dated>,
    completion_date_struct: Option<Dated>,
}

#[derive(Deserialize)]
struct Dated {
    date: Option<String>,
}

#[derive(Deserialize, Default)]
#[serde(rename_all = "camelCase")]
struct Sponsors {
    lead_sponsor: Option<Sponsor>,
}

#[derive(Deserialize)]
struct Sponsor {
    name: String,
}

#[derive(Deserialize, Default)]
#[serde(rename_all = "camelCase")]
struct Description {
    brief_summary: Option<String>,
    detailed_description: Option<String>,
}

#[derive(Deserialize, Default)]
struct Conditions {
    #[serde(default)]
    conditions: Vec<String>,
    #[serde(default)]
    keywords: Vec<String>,
}

#[derive(Deserialize, Default)]
#[serde(rename_all = "camelCase")]
struct Design {
    study_type: Option<String>,
    #[serde(default)]
    phases: Vec<String>,
    enrollment_info: Option<Enrollment>,
}

#[derive(Deserialize)]
struct Enrollment {
    count: Option<u64>,
}

#[derive(Deserialize, Default)]
struct Arms {
    #[serde(default)]
    interventions: Vec<Intervention>,
}

#[derive(Deserialize, Default)]
#[serde(rename_all = "camelCase")]
struct Outcomes {
    #[serde(default)]
    primary_outcomes: Vec<Outcome>,
}

#[derive(Deserialize)]
struct Outcome {
    measure: String,
}

#[derive(Deserialize, Default)]
#[serde(rename_all = "camelCase")]
struct Derived {
    #[serde(default)]
    condition_browse_module: Browse,
}

#[derive(Deserialize, Default)]
struct Browse {
    #[serde(default)]
    meshes: Vec<MeshTerm>,
}

impl From<Study> for Trial {
    fn from(study: Study) -> Self {
        let protocol = study.protocol_section;
        let status = protocol.status_module;
        let design = protocol.design_module;
        let outcomes = protocol.outcomes_module.primary_outcomes;
        Self {
            nct_id: protocol.identification_module.nct_id,
            brief_title: protocol.identification_module.brief_title,
            official_title: protocol.identification_module.official_title,
            brief_summary: protocol.description_module.brief_summary,
            detailed_description: protocol.description_module.detailed_description,
            conditions: protocol.conditions_module.conditions,
            keywords: protocol.conditions_module.keywords,
            interventions: protocol.arms_interventions_module.interventions,
            phases: design.phases,
            study_type: design.study_type,
            status: status.overall,
            why_stopped: status.why_stopped,
            start_date: status.start_date_struct.and_then(|dated| dated.date),
            completion_date: status.completion_date_struct.and_then(|dated| dated.date),
            enrollment: design.enrollment_info.and_then(|info| info.count),
            sponsor: protocol
                .sponsor_collaborators_module
                .lead_sponsor
                .map(|sponsor| sponsor.name),
            primary_outcomes: outcomes.into_iter().map(|o| o.measure).collect(),
            condition_mesh: study.derived_section.condition_browse_module.meshes,
            has_results: study.has_results,
        }
    }
}

//! What a caller asks, checked once for both doors: the API and the command line.

use phagen_domain::{
    job::JobRequest,
    plugin::{Slot, SlotName, World},
};

/// A request as it comes in.
#[derive(Debug, Clone, Default)]
pub struct RequestDraft {
    pub molecule: String,
    pub smiles: Option<String>,
    pub synonyms: Vec<String>,
    pub sources: Option<Vec<String>>,
    pub limit: Option<u32>,
    pub record: bool,
}

/// What is wrong with one field.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FieldError {
    /// Such as `synonyms[3]`.
    pub field: String,
    pub message: String,
}

impl FieldError {
    fn new(field: impl Into<String>, message: impl Into<String>) -> Self {
        Self {
            field: field.into(),
            message: message.into(),
        }
    }
}

impl RequestDraft {
    /// Every fault at once, so that one round trip mends them all.
    pub fn check(self, slots: &[Slot]) -> Result<JobRequest, Vec<FieldError>> {
        let mut errors = Vec::new();
        check_name("molecule", &self.molecule, &mut errors);
        if self.synonyms.len() > JobRequest::MAX_SYNONYMS {
            let message = format!(
                "has {} entries: at most {} are allowed",
                self.synonyms.len(),
                JobRequest::MAX_SYNONYMS
            );
            errors.push(FieldError::new("synonyms", message));
        } else {
            for (index, synonym) in self.synonyms.iter().enumerate() {
                check_name(&format!("synonyms[{index}]"), synonym, &mut errors);
            }
        }
        if let Some(smiles) = &self.smiles {
            check_smiles(smiles, &mut errors);
        }
        let sources = self
            .sources
            .map(|names| check_sources(names, slots, &mut errors));
        let limit = self.limit.unwrap_or(JobRequest::DEFAULT_LIMIT);
        if !(1..=JobRequest::MAX_LIMIT).contains(&limit) {
            errors.push(FieldError::new(
                "limit",
                format!("is {limit}: expected 1 to {}", JobRequest::MAX_LIMIT),
            ));
        }
        if !errors.is_empty() {
            return Err(errors);
        }
        Ok(JobRequest {
            molecule: self.molecule.trim().to_owned(),
            smiles: self.smiles,
            synonyms: self
                .synonyms
                .iter()
                .map(|name| name.trim().to_owned())
                .collect(),
            sources,
            limit,
            record: self.record,
        })
    }
}

fn check_name(field: &str, name: &str, errors: &mut Vec<FieldError>) {
    let n_chars = name.chars().count();
    if name.trim().is_empty() {
        errors.push(FieldError::new(field, "is blank"));
    } else if n_chars > JobRequest::MAX_NAME_CHARS {
        let message = format!(
            "has {n_chars} characters: at most {} are allowed",
            JobRequest::MAX_NAME_CHARS
        );
        errors.push(FieldError::new(field, message));
    } else if let Some(position) = name.chars().position(char::is_control) {
        errors.push(FieldError::new(
            field,
            format!("holds a control character at position {}", position + 1),
        ));
    }
}

fn check_smiles(smiles: &str, errors: &mut Vec<FieldError>) {
    if let Err(error) = phagen_analysis::check_smiles(smiles) {
        errors.push(FieldError::new("smiles", error.to_string()));
    }
}

fn check_sources(
    names: Vec<String>,
    slots: &[Slot],
    errors: &mut Vec<FieldError>,
) -> Vec<SlotName> {
    let known: Vec<&SlotName> = slots
        .iter()
        .filter(|slot| slot.world == World::Source)
        .map(|slot| &slot.name)
        .collect();
    if names.is_empty() {
        errors.push(FieldError::new(
            "sources",
            "is empty: leave it out to ask every source",
        ));
    }
    let mut checked: Vec<SlotName> = Vec::new();
    for (index, name) in names.into_iter().enumerate() {
        match known.iter().find(|slot| slot.as_str() == name) {
            Some(slot) if !checked.contains(slot) => checked.push((*slot).clone()),
            Some(_) => {}
            None => {
                let list: Vec<&str> = known.iter().map(|slot| slot.as_str()).collect();
                let message = format!(
                    "`{name}` is not a source slot: expected one of {}",
                    list.join(", ")
                );
                errors.push(FieldError::new(format!("sources[{index}]"), message));
            }
        }
    }
    checked
}

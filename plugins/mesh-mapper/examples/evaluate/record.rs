//! Reads the fields of the corpora's records, whichever corpus they are of.

use std::collections::BTreeSet;

use serde_json::Value;

pub(crate) fn strings(value: Option<&Value>) -> Vec<String> {
    match value {
        Some(Value::String(text)) => vec![text.clone()],
        Some(Value::Array(items)) => items
            .iter()
            .filter_map(|item| item.as_str().map(str::to_owned))
            .collect(),
        _ => Vec::new(),
    }
}

pub(crate) fn texts(record: &Value) -> Vec<String> {
    [
        "title",
        "brief_title",
        "question",
        "abstract",
        "text",
        "conditions",
        "conclusion",
    ]
    .iter()
    .flat_map(|key| strings(record.get(*key)))
    .collect()
}

pub(crate) fn gold(record: &Value) -> BTreeSet<String> {
    let headings = record.get("condition_mesh").and_then(Value::as_array);
    let registry = headings
        .into_iter()
        .flatten()
        .filter_map(|heading| heading.get("id")?.as_str().map(str::to_owned));
    let listed = ["diseases", "disease_mesh"]
        .iter()
        .flat_map(|key| strings(record.get(*key)));
    let mut ids: BTreeSet<String> = registry.chain(listed).collect();
    if record.get("diseases").is_none() && record.get("pmid").is_some() {
        ids.extend(mentions(record).flat_map(|mention| strings(mention.get("ids"))));
    }
    ids
}

pub(crate) fn mentions(record: &Value) -> impl Iterator<Item = &Value> {
    record
        .get("mentions")
        .and_then(Value::as_array)
        .into_iter()
        .flatten()
}

pub(crate) fn mention_of(record: &Value, id: &str) -> String {
    let mention = mentions(record)
        .find(|mention| strings(mention.get("ids")).iter().any(|known| known == id));
    mention
        .and_then(|mention| mention.get("text")?.as_str())
        .unwrap_or_default()
        .to_lowercase()
}

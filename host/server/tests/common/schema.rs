//! Holds answers against the OpenAPI document: as much of JSON Schema as the document uses, and
//! one rule more, that an answer says nothing the document keeps silent about.

use serde_json::Value;

/// Panics with the place and the reason when `value` is not what `schema` promises.
pub(crate) fn assert_conforms(document: &Value, schema: &Value, value: &Value, place: &str) {
    if let Err(reason) = check(document, schema, value, place) {
        panic!("{reason}");
    }
}

type Checked = Result<(), String>;

fn check(document: &Value, schema: &Value, value: &Value, place: &str) -> Checked {
    if let Some(reference) = schema["$ref"].as_str() {
        let pointer = reference.trim_start_matches('#');
        let target = document.pointer(pointer);
        let target = target.ok_or_else(|| format!("{place}: `{reference}` leads nowhere"))?;
        return check(document, target, value, place);
    }
    for alternatives in ["oneOf", "anyOf"] {
        if let Some(schemas) = schema[alternatives].as_array() {
            return check_any(document, schemas, value, place);
        }
    }
    if schema["allOf"].is_array() {
        return check_object(document, &merged(document, schema)?, value, place);
    }
    check_type(schema, value, place)?;
    if let Some(allowed) = schema["enum"].as_array()
        && !allowed.contains(value)
    {
        return Err(format!("{place}: {value} is not one of {allowed:?}"));
    }
    match value {
        Value::Object(_) => check_object(document, schema, value, place),
        Value::Array(items) => items.iter().enumerate().try_for_each(|(index, item)| {
            check(
                document,
                &schema["items"],
                item,
                &format!("{place}[{index}]"),
            )
        }),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => Ok(()),
    }
}

fn check_any(document: &Value, schemas: &[Value], value: &Value, place: &str) -> Checked {
    let reasons: Vec<String> = schemas
        .iter()
        .map_while(|schema| check(document, schema, value, place).err())
        .collect();
    if reasons.len() < schemas.len() {
        return Ok(());
    }
    Err(format!(
        "{place}: fits no alternative: {}",
        reasons.join(" | ")
    ))
}

fn check_type(schema: &Value, value: &Value, place: &str) -> Checked {
    let found = match value {
        Value::Null => "null",
        Value::Bool(_) => "boolean",
        Value::Number(number) if number.is_u64() || number.is_i64() => "integer",
        Value::Number(_) => "number",
        Value::String(_) => "string",
        Value::Array(_) => "array",
        Value::Object(_) => "object",
    };
    let fits = |name: &Value| name == found || (name == "number" && found == "integer");
    let is_right = match &schema["type"] {
        Value::Array(names) => names.iter().any(fits),
        Value::Null => return Err(format!("{place}: the document gives no type")),
        name => fits(name),
    };
    if is_right {
        Ok(())
    } else {
        Err(format!("{place}: {found} instead of {}", schema["type"]))
    }
}

fn check_object(document: &Value, schema: &Value, value: &Value, place: &str) -> Checked {
    for name in schema["required"].as_array().into_iter().flatten() {
        let name = name.as_str().unwrap_or_default();
        if value.get(name).is_none() {
            return Err(format!("{place}: `{name}` is missing"));
        }
    }
    let open = schema.get("properties").is_none() && schema.get("additionalProperties").is_none();
    for (name, field) in value.as_object().into_iter().flatten() {
        let place = format!("{place}.{name}");
        match schema["properties"].get(name) {
            Some(known) => check(document, known, field, &place)?,
            None if schema["additionalProperties"].is_object() => {
                check(document, &schema["additionalProperties"], field, &place)?;
            }
            None if open => {}
            None => return Err(format!("{place} is not in the document")),
        }
    }
    Ok(())
}

/// One object schema with the properties of every part.
fn merged(document: &Value, schema: &Value) -> Result<Value, String> {
    let mut whole = serde_json::json!({ "type": "object", "properties": {}, "required": [] });
    for part in schema["allOf"].as_array().into_iter().flatten() {
        let mut part = part.clone();
        if let Some(reference) = part["$ref"].as_str() {
            let target = document.pointer(reference.trim_start_matches('#'));
            part = target
                .cloned()
                .ok_or_else(|| format!("`{reference}` leads nowhere"))?;
        }
        if part["allOf"].is_array() {
            part = merged(document, &part)?;
        }
        for (name, property) in part["properties"].as_object().into_iter().flatten() {
            whole["properties"][name] = property.clone();
        }
        let required = part["required"].as_array().cloned().unwrap_or_default();
        whole["required"]
            .as_array_mut()
            .expect("made above")
            .extend(required);
    }
    Ok(whole)
}

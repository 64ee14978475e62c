//! Whether a document is as a JSON Schema says, with those of its keywords that ours have; others are refused.

use serde_json::{Map, Value};

/// What is wrong with a document.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Findings {
    /// By the schema.
    pub(crate) wrong: Vec<String>,
    /// Members that the schema does not have, which is allowed.
    pub(crate) unknown: Vec<String>,
}

/// Looks at a document by one of a schema's definitions, or by the schema itself.
pub(crate) fn check(schema: &Value, definition: Option<&str>, document: &Value) -> Findings {
    let mut findings = Findings::default();
    let rule = definition.map_or(schema, |name| &schema["$defs"][name]);
    assert!(rule.is_object(), "there is no definition {definition:?}");
    look(schema, rule, document, "$", &mut findings);
    findings
}

fn look(schema: &Value, rule: &Value, value: &Value, at: &str, findings: &mut Findings) {
    let nothing = Map::new();
    let mut members = &nothing;
    for (keyword, wanted) in rule.as_object().unwrap() {
        let good = match keyword.as_str() {
            "$schema" | "$defs" | "title" | "description" => true,
            "$ref" => {
                let name = wanted.as_str().unwrap().strip_prefix("#/$defs/").unwrap();
                let rule = schema["$defs"].get(name).unwrap_or_else(|| panic!("there is no {name}"));
                look(schema, rule, value, at, findings);
                true
            }
            "type" => match wanted {
                Value::Array(kinds) => kinds.iter().any(|kind| is(kind.as_str().unwrap(), value)),
                kind => is(kind.as_str().unwrap(), value),
            },
            "enum" => wanted.as_array().unwrap().contains(value),
            "minimum" => value.as_f64().is_none_or(|value| value >= wanted.as_f64().unwrap()),
            "required" => {
                for name in wanted.as_array().unwrap().iter().map(|name| name.as_str().unwrap()) {
                    if value.as_object().is_some_and(|object| !object.contains_key(name)) {
                        findings.wrong.push(format!("{at}.{name} is missing"));
                    }
                }
                true
            }
            "items" => {
                for item in value.as_array().into_iter().flatten() {
                    look(schema, wanted, item, &format!("{at}[]"), findings);
                }
                true
            }
            "properties" => {
                members = wanted.as_object().unwrap();
                true
            }
            other => panic!("{at}: the keyword {other} is not known here"),
        };
        if !good {
            findings.wrong.push(format!("{at}: {keyword} {wanted} is not so of {value}"));
        }
    }
    for (name, value) in value.as_object().filter(|_| !members.is_empty()).into_iter().flatten() {
        let at = format!("{at}.{name}");
        match members.get(name) {
            Some(rule) => look(schema, rule, value, &at, findings),
            None => findings.unknown.push(at),
        }
    }
}

fn is(kind: &str, value: &Value) -> bool {
    match kind {
        "object" => value.is_object(),
        "array" => value.is_array(),
        "string" => value.is_string(),
        "null" => value.is_null(),
        "boolean" => value.is_boolean(),
        "number" => value.is_number(),
        "integer" => value.is_u64() || value.is_i64(),
        other => panic!("there is no type {other}"),
    }
}

//! What `vault-unseal status --json` prints, which is always as its schema says.

use super::json_schema::{Findings, check};
use serde_json::Value;

const SCHEMA: &str = include_str!("../../docs/usage/status.schema.json");

/// The document; its schema has each member that is in it.
pub fn status_document(stdout: &[u8]) -> Value {
    let text = String::from_utf8_lossy(stdout);
    let document = serde_json::from_str(&text).unwrap_or_else(|error| panic!("{error}: {text}"));
    let schema = serde_json::from_str(SCHEMA).unwrap();
    assert_eq!(check(&schema, None, &document), Findings::default(), "{text}");
    document
}

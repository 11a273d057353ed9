//! The JSON Schema of scenario files, for editors and other tools.

use super::file::ScenarioFile;

/// The schema.
pub fn schema() -> serde_json::Value {
    schemars::schema_for!(ScenarioFile).to_value()
}

/// The schema as it is committed in `scenarios/schema.json`.
pub fn schema_text() -> String {
    format!("{:#}\n", schema())
}

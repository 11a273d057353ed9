//! A figure of the properties: name, unit, value.
//!
//! Promises numbers that are finite, in seconds or as probabilities. Leaves which of them are needed to the
//! importer.

use serde::Deserialize;
use serde_json::Value;

use super::error::ImportError;
use super::warning::ImportWarning;

#[derive(Deserialize)]
pub(super) struct Parameter {
    pub(super) name: String,
    #[serde(default)]
    pub(super) unit: String,
    #[serde(default)]
    value: Value,
}

impl Parameter {
    pub(super) fn number(&self) -> Option<f64> {
        self.value.as_f64().filter(|value| value.is_finite())
    }

    /// The value as a probability; one that cannot be counts as not given, with a warning about `what`.
    pub(super) fn error(&self, what: impl Fn() -> String, warnings: &mut Vec<ImportWarning>) -> Option<f64> {
        let value = self.number()?;
        // IBM writes figures above 1 for what is out of order.
        if value < 0.0 {
            warnings.push(ImportWarning::OutOfRange { what: what(), value: value.to_string() });
            return None;
        }
        Some(value.min(1.0))
    }

    /// The value in seconds; `None` when it is missing or negative.
    pub(super) fn seconds(&self) -> Result<Option<f64>, ImportError> {
        // Both µ: U+00B5 and U+03BC; an empty unit comes with an empty value.
        let scale = match self.unit.as_str() {
            "s" => 1.0,
            "ms" => 1e-3,
            "us" | "\u{b5}s" | "\u{3bc}s" => 1e-6,
            "ns" => 1e-9,
            _ if self.number().is_none() => return Ok(None),
            unit => {
                return Err(ImportError::Unit {
                    what: self.name.clone(),
                    unit: unit.chars().take(20).collect(),
                });
            }
        };
        Ok(self.number().map(|value| value * scale).filter(|&seconds| seconds >= 0.0))
    }
}

pub(super) fn find<'a>(parameters: &'a [Parameter], name: &str) -> Option<&'a Parameter> {
    parameters.iter().find(|parameter| parameter.name == name)
}

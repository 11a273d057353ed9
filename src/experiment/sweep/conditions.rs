//! Conditions on combinations: labels by the name of what varies, under `exclude` and `expected: where`.
//!
//! Promises errors with line and valid names, and that a number matches the label that is written another way (`1`
//! and `1.0`). Leaves what to do with a match to the plan.

use indexmap::IndexMap;
use serde_json::Value;

use super::file::Choice;
use super::listing::Dimension;
use crate::config_file::shown::choices;
use crate::config_file::{ConfigFileError, YamlFile};

/// For some dimensions, the labels of which one must be there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Conditions(Vec<(usize, Vec<String>)>);

impl Conditions {
    /// The conditions that stand at the path `at` of the plan.
    pub fn read(
        file: &YamlFile,
        at: &[&str],
        entry: &IndexMap<String, Choice>,
        dimensions: &[Dimension],
    ) -> Result<Self, ConfigFileError> {
        Self::check_names(file, at, entry.keys(), dimensions)?;
        let mut conditions = Vec::new();
        for (number, dimension) in dimensions.iter().enumerate() {
            let Some(Choice(values)) = entry.get(&dimension.name) else { continue };
            let at: Vec<&str> = at.iter().copied().chain([dimension.name.as_str()]).collect();
            if values.is_empty() {
                return Err(file.error_at(&at, "an empty list matches nothing; hint: name a label"));
            }
            let mut labels = Vec::new();
            for value in values {
                match Self::position(value, &dimension.labels) {
                    Some(position) => labels.push(dimension.labels[position].clone()),
                    None => return Err(Self::unknown_label(file, &at, value, dimension)),
                }
            }
            conditions.push((number, labels));
        }
        Ok(Self(conditions))
    }

    /// Whether a combination with these labels is meant.
    pub fn hold(&self, labels: &[String]) -> bool {
        self.0.iter().all(|(number, any)| labels.get(*number).is_some_and(|label| any.contains(label)))
    }

    /// Refuses names that nothing which varies has.
    pub fn check_names<'a>(
        file: &YamlFile,
        at: &[&str],
        names: impl Iterator<Item = &'a String>,
        dimensions: &[Dimension],
    ) -> Result<(), ConfigFileError> {
        let known: Vec<&str> = dimensions.iter().map(|dimension| dimension.name.as_str()).collect();
        for name in names {
            if !known.contains(&name.as_str()) {
                let hint = match known.is_empty() {
                    true => "the plan has neither variants nor a matrix".to_owned(),
                    false => choices(name, "names are", &known),
                };
                let at: Vec<&str> = at.iter().copied().chain([name.as_str()]).collect();
                return Err(
                    file.error_at(&at, format!("nothing that varies is called `{name}`; hint: {hint}"))
                );
            }
        }
        Ok(())
    }

    /// Where among the labels a value stands: by its text, or as a number.
    pub fn position(value: &Value, labels: &[String]) -> Option<usize> {
        let text = label_of(value);
        let number: Option<f64> = text.parse().ok();
        let same = |label: &String| number.is_some() && label.parse().ok() == number;
        labels.iter().position(|label| *label == text).or_else(|| labels.iter().position(same))
    }

    /// The error about a label that there is not.
    pub fn unknown_label(
        file: &YamlFile,
        at: &[&str],
        value: &Value,
        dimension: &Dimension,
    ) -> ConfigFileError {
        let known: Vec<&str> = dimension.labels.iter().map(String::as_str).collect();
        let text = label_of(value);
        let hint = choices(&text, "labels are", &known);
        file.error_at(at, format!("`{}` has no label `{text}`; hint: {hint}", dimension.name))
    }
}

/// What a value is called: a text as it is, anything else as it would be written on one line.
pub(super) fn label_of(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        other => other.to_string(),
    }
}

//! YAML files of other kinds than scenarios (plans of sweeps), read with the same care.
//!
//! Promises that every error, of syntax, type or meaning, names line, column and key. Leaves what the keys mean to
//! whoever asks.

use std::path::Path;

use serde::de::DeserializeOwned;

use super::document::{Node, Value};
use super::error::{Fault, ScenarioError, choices};
use super::read_text;

/// A YAML file in which every key and value knows where it stands.
#[derive(Debug, Clone)]
pub struct YamlFile {
    origin: String,
    text: String,
    tree: Node,
}

impl YamlFile {
    /// Reads the file at `path`, which is to be a `kind` (as in "plan") such as `example`.
    pub fn load(path: &Path, kind: &str, example: &str) -> Result<Self, ScenarioError> {
        Self::read(read_text(path, kind, example)?, &path.display().to_string())
    }

    /// Reads `text`; `origin` names it in errors.
    pub fn read(text: String, origin: &str) -> Result<Self, ScenarioError> {
        match Node::read(&text) {
            Ok(tree) => Ok(Self { origin: origin.to_owned(), text, tree }),
            Err(fault) => Err(ScenarioError::new(fault, origin, &text, &[])),
        }
    }

    /// What was read.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// Whether there is such a key at the top.
    pub fn has(&self, key: &str) -> bool {
        match &self.tree.value {
            Value::Map(entries) => entries.iter().any(|entry| entry.key == key),
            _ => false,
        }
    }

    /// The whole file as a typed value.
    pub fn parse<T: DeserializeOwned>(&self) -> Result<T, ScenarioError> {
        T::deserialize(&self.tree).map_err(|fault| self.error(fault))
    }

    /// An error about what stands below the keys and list numbers of `path`, or about the nearest above it that there
    /// is. What follows `; hint: ` in the message is the hint.
    pub fn error_at(&self, path: &[&str], message: impl Into<String>) -> ScenarioError {
        let mark = self.tree.nearest(path.iter().copied());
        self.error(Fault::new(message).or_at(mark))
    }

    fn error(&self, fault: Fault) -> ScenarioError {
        ScenarioError::new(fault, &self.origin, &self.text, &[])
    }
}

/// The hint of an error about a wrong name: the nearest of the valid ones, then all of them after `lead`.
pub fn valid_names(name: &str, lead: &str, known: &[&str]) -> String {
    choices(name, lead, known)
}

//! A YAML file with its name, its text and its tree.
//!
//! Promises that every error, of syntax, type or meaning, names line, column and key. Leaves what the keys
//! mean to whoever asks.

use std::path::Path;

use serde::de::DeserializeOwned;

use super::document::{MAX_BYTES, Node, Value};
use super::error::ConfigFileError;
use super::fault::Fault;
use super::kind::Kind;
use crate::input_file;

/// A YAML file in which every key and value knows where it stands.
#[derive(Debug, Clone)]
pub struct YamlFile {
    kind: &'static Kind,
    origin: String,
    text: String,
    tree: Node,
}

impl YamlFile {
    /// Reads the file at `path`, which is to be of this kind.
    pub fn load(path: &Path, kind: &'static Kind) -> Result<Self, ConfigFileError> {
        Self::read(read_text(path, kind)?, &path.display().to_string(), kind)
    }

    /// Reads `text`; `origin` names it in errors.
    pub fn read(text: String, origin: &str, kind: &'static Kind) -> Result<Self, ConfigFileError> {
        match Node::read(&text, kind) {
            Ok(tree) => Ok(Self { kind, origin: origin.to_owned(), text, tree }),
            Err(fault) => Err(ConfigFileError::new(fault, kind, origin, &text, &[])),
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
    pub fn parse<T: DeserializeOwned>(&self) -> Result<T, ConfigFileError> {
        T::deserialize(&self.tree).map_err(|fault| self.error(fault))
    }

    /// An error about what stands below the keys and list numbers of `path`, or about the nearest above it
    /// that there is. What follows `; hint: ` in the message is the hint.
    pub fn error_at(&self, path: &[&str], message: impl Into<String>) -> ConfigFileError {
        let mark = self.tree.nearest(path.iter().copied());
        self.error(Fault::new(message).or_at(mark))
    }

    fn error(&self, fault: Fault) -> ConfigFileError {
        ConfigFileError::new(fault, self.kind, &self.origin, &self.text, &[])
    }
}

/// The text of the file at `path`, which is to be of this kind.
pub(crate) fn read_text(path: &Path, kind: &Kind) -> Result<String, ConfigFileError> {
    let unreadable = |reason: &str| ConfigFileError::unreadable(path, kind, reason);
    input_file::text(path, MAX_BYTES).map_err(|error| match error.kind() {
        std::io::ErrorKind::NotFound => unreadable("there is no such file"),
        _ => unreadable(&error.to_string()),
    })
}

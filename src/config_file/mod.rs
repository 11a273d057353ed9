//! YAML files in which every key and value knows where it stands: scenarios, plans of sweeps, devices.
//!
//! Promises that any text, however large, deep or broken, becomes a value or an error quickly, and that an
//! error names file, line, key and the valid choices. Leaves what the keys mean to the layers above, which
//! say by a [`Kind`] what their files are called and what their hints show.
//!
//! Two ways of reading: [`YamlFile`] keeps a tree, which overrides change and whose places later checks can
//! ask for; `typed` reads straight into types, for files with figures of 100,000 elements.
#![deny(clippy::disallowed_types, clippy::disallowed_methods)]

pub(crate) mod document;
mod error;
pub(crate) mod fault;
mod kind;
mod reader;
mod set;
pub(crate) mod shown;
pub(crate) mod typed;
mod yaml_file;

pub use document::MAX_BYTES;
pub use error::ConfigFileError;
pub use kind::{Kind, Synonyms};
pub use set::{Overlap, SetError, SetOverride};
pub use yaml_file::YamlFile;
pub(crate) use yaml_file::read_text;

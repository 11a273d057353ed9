//! Files that a command writes where its user says.
//!
//! Promises that only a missing or empty file, or one of the same kind, is overwritten: a mistyped path must not cost
//! anybody a scenario or a table.

use std::path::Path;

use crate::experiment::writing;
use crate::report::into_folder::PAGE_BEGINS;

use super::failure::Failure;

/// What a file holds, told by how it begins.
#[derive(Debug, Clone, Copy)]
pub enum Kind {
    Answers,
    Baseline,
    Journal,
    Junit,
    Markdown,
    Page,
    Png,
    Svg,
}

impl Kind {
    fn begins(self) -> &'static [u8] {
        match self {
            Self::Answers => b"device,busy,pattern,outcome,",
            Self::Baseline => b"{\n  \"kind\": \"rmsim baseline\"",
            Self::Journal => b"{\"journal\"",
            Self::Junit => b"<?xml",
            Self::Markdown => b"### ",
            Self::Page => PAGE_BEGINS,
            Self::Png => b"\x89PNG",
            Self::Svg => b"<svg",
        }
    }

    fn name(self) -> &'static str {
        match self {
            Self::Answers => "table of placements",
            Self::Baseline => "baseline",
            Self::Journal => "journal",
            Self::Junit => "XML file",
            Self::Markdown => "summary of a check",
            Self::Page => "page",
            Self::Png => "PNG picture",
            Self::Svg => "SVG picture",
        }
    }
}

/// Refuses a path that holds something else. `option` names where the path was given.
pub fn free(path: &Path, kind: Kind, option: &str) -> Result<(), Failure> {
    if writing::is_free_for(path, kind.begins()) {
        return Ok(());
    }
    Err(Failure::input(format!(
        "{option} {} exists and is no {}; hint: choose another file, or remove it first",
        path.display(),
        kind.name()
    )))
}

/// Writes a file in one step, over an older one of its kind alone.
pub fn write(path: &Path, bytes: &[u8], kind: Kind, option: &str) -> Result<(), Failure> {
    debug_assert!(bytes.starts_with(kind.begins()), "{kind:?}");
    free(path, kind, option)?;
    writing::replace(path, bytes).map_err(|error| unwritten(path, &error))
}

/// Why a file could not be written.
pub fn unwritten(path: &Path, error: &dyn std::fmt::Display) -> Failure {
    Failure::failed(format!("cannot write {}: {error}", path.display()))
}

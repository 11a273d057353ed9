//! Settings of a plan that touch the same place.
//!
//! Promises that every label tells the truth: no setting that a label stands for is hidden, or changed in part, by another
//! one. Settings of all combinations may be refined by what varies (`workload` by `workload.arrivals`), and a variant may
//! differ from them. Leaves reading settings to [`super::plan`].

use serde_json::Value;

use super::listing::Dimension;
use crate::config_file::{ConfigFileError, Overlap, SetOverride, YamlFile};

/// A setting and where in the plan it stands.
#[derive(Debug, Clone)]
pub(super) struct Setting {
    pub path: String,
    pub value: Value,
    pub at: Vec<String>,
}

/// Checks the settings of all combinations, `common`, and of each label of each dimension.
pub(super) fn check(
    file: &YamlFile,
    common: &[Setting],
    dimensions: &[Dimension],
    choices: &[Vec<Vec<Setting>>],
) -> Result<(), ConfigFileError> {
    distinct(file, common)?;
    for (number, (dimension, labels)) in dimensions.iter().zip(choices).enumerate() {
        let is_axis = dimension.path.is_some();
        for own in labels {
            distinct(file, own)?;
            for later in own {
                for earlier in common {
                    match overlap(earlier, later) {
                        None | Some(Overlap::Around) => {}
                        Some(Overlap::Same) if !is_axis => {}
                        Some(_) => return Err(hidden(file, earlier, later)),
                    }
                }
            }
        }
        for earlier in choices[..number].iter().flatten().flatten() {
            let touches = |later: &&Setting| overlap(earlier, later).is_some();
            if let Some(later) = labels.iter().flatten().find(touches) {
                return Err(hidden(file, earlier, later));
            }
        }
    }
    Ok(())
}

fn distinct(file: &YamlFile, settings: &[Setting]) -> Result<(), ConfigFileError> {
    for (index, later) in settings.iter().enumerate() {
        if let Some(earlier) = settings[..index].iter().find(|earlier| overlap(earlier, later).is_some()) {
            return Err(hidden(file, earlier, later));
        }
    }
    Ok(())
}

/// `None` for paths that are none: what reads them says so.
fn overlap(earlier: &Setting, later: &Setting) -> Option<Overlap> {
    let place = |setting: &Setting| SetOverride::new(&setting.path, "").ok();
    place(earlier)?.overlap(&place(later)?)
}

/// The error at the line of the setting that would lose.
fn hidden(file: &YamlFile, earlier: &Setting, later: &Setting) -> ConfigFileError {
    let at: Vec<&str> = earlier.at.iter().map(String::as_str).collect();
    let section = later.at.first().map_or("plan", String::as_str);
    let message = format!(
        "`{}` under `{section}` sets the same place as `{}` and would hide it, or a part of it; hint: keep one of them",
        later.path, earlier.path
    );
    file.error_at(&at, message)
}

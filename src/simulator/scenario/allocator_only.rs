//! Overrides of an allocator's configuration alone, where there is no scenario around it.

use serde::Deserialize;

use super::kind::SCENARIO;
use crate::allocator::config::AllocatorConfig;
use crate::config_file::document::Node;
use crate::config_file::fault::Fault;
use crate::config_file::{ConfigFileError, SetOverride};

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct AllocatorOnly {
    allocator: AllocatorConfig,
}

/// The configuration after the overrides, whose paths begin with `allocator`; `origin` names where it comes from.
pub fn allocator_with_sets(
    config: &AllocatorConfig,
    sets: &[SetOverride],
    origin: &str,
) -> Result<AllocatorConfig, ConfigFileError> {
    let text = serde_json::json!({ "allocator": config }).to_string();
    let changed = || -> Result<AllocatorConfig, Fault> {
        let mut tree = Node::read(&text, &SCENARIO)?;
        for (index, set) in sets.iter().enumerate() {
            set.apply(&mut tree, index, &SCENARIO)?;
        }
        let AllocatorOnly { allocator } = AllocatorOnly::deserialize(&tree)?;
        allocator.validate().map_err(|error| {
            let path = format!("allocator.{}", error.key());
            Fault::new(error.to_string()).or_at(tree.nearest(path.split('.')))
        })?;
        Ok(allocator)
    };
    changed().map_err(|fault| ConfigFileError::new(fault, &SCENARIO, origin, &text, sets))
}

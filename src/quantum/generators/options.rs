//! The values of the options that a circuit is generated with.
//!
//! Promises a value for every name. Leaves which names and values there may be to the families.

/// Values of all options of a family.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Options(pub(super) Vec<(&'static str, u64)>);

impl Options {
    /// 0 for a name that the family does not have.
    pub(super) fn get(&self, name: &str) -> u64 {
        self.0.iter().find(|(known, _)| *known == name).map_or(0, |(_, value)| *value)
    }
}

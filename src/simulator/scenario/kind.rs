//! What errors about scenario files show.
//!
//! Promises examples that are right. Leaves the form of errors to [`crate::config_file`].

use crate::config_file::{Kind, Synonyms};

/// Scenario files.
pub const SCENARIO: Kind = Kind {
    name: "scenario",
    example: "scenarios/quickstart.yaml",
    empty_hint: "see scenarios/quickstart.yaml, or `rmsim schema` for all keys",
    second_hint: "one scenario per file",
    too_large: "too many values for a scenario",
    keys: &[
        ("scenario", "scenario: my-first"),
        ("fleet", "fleet: [{device: ibm_fez}]"),
        ("workload", "workload: {arrivals: {poisson: {rate: 60/h}}, jobs: ibm_like}"),
        ("rate", "rate: 60/h"),
    ],
    synonyms: &[
        Synonyms { below: "allocator", names: ["strategy", "default_strategy"] },
        Synonyms { below: "allocator", names: ["selection", "algorithm"] },
    ],
};

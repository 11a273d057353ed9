//! The names of job mixes that come with the program.
//!
//! Promises types and spelling. Leaves what is in them to the presets.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// A mix of jobs that comes with the program.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Preset {
    /// Jobs as measured on IBM's devices (Ravi et al., IISWC'21): shots median 4,000 with modes 1,000, 4,000 and 8,000;
    /// circuits median 1, p75 40, p90 90; qubits median 5, p75 7, p99 19; depth median 114, p90 487, p99 4,672;
    /// 5.8 % cancelled, 3.1 % in error. Shapes (half any region, 40 % lines, 10 % heavy-hex patches) are an assumption,
    /// and so is the independence of the numbers.
    IbmLike,
}

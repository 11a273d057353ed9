//! What device selection weighs: turns of devices, what counts how much, and which devices are too loaded. Devices have the
//! same form of weights where their time counts for shares.
//!
//! Promises whole numbers, and devices by their own names. Leaves patterns, vendors and aliases to whoever reads files, and
//! what comes of the settings to [`crate::allocator::candidates`].

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::fixed_point::ThreeDecimals;

/// How much each device counts in proportion to the others, by its name. In files also by patterns, vendors,
/// technologies and aliases, for each device that is called so; of several names that say something about one device, the
/// closest counts: its own, a pattern, an alias, its vendor, its technology.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(transparent)]
pub struct DeviceWeights(pub BTreeMap<String, ThreeDecimals>);

impl DeviceWeights {
    /// Whether all devices have the same.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The weight of a device, in thousandths; 1 where nothing is said.
    pub fn of(&self, device: &str) -> u32 {
        // At most a million.
        self.0.get(device).map_or(1_000, |weight| weight.0 as u32)
    }
}

/// Most that one part of a score counts.
const SCORE_MAX: u32 = 1_000;

/// How much each part counts in `weighted_score`. Each is first put on a scale from 0, the best of the devices that meet
/// the job's need, to 1,000, the worst; what is not known counts as the worst.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct ScoreWeights {
    /// The share of qubits in use or asked for. Default 1.
    #[schemars(range(max = 1_000))]
    pub load: u32,
    /// The loss of predicted fidelity, as if the device were empty, in thousandths; where the worst device loses less than 1 %
    /// more than the best, it counts as much less than 1,000. Default 1.
    #[schemars(range(max = 1_000))]
    pub fidelity: u32,
    /// When the job is expected to end, as for `earliest_completion`. Default 1.
    #[schemars(range(max = 1_000))]
    pub completion: u32,
    /// The price of the job, as for `cheapest`. Default 1.
    #[schemars(range(max = 1_000))]
    pub price: u32,
}

impl Default for ScoreWeights {
    fn default() -> Self {
        Self { load: 1, fidelity: 1, completion: 1, price: 1 }
    }
}

impl ScoreWeights {
    pub(super) fn validate(self) -> Result<(), ScoreError> {
        let Self { load, fidelity, completion, price } = self;
        let weights = [
            ("score.load", load),
            ("score.fidelity", fidelity),
            ("score.completion", completion),
            ("score.price", price),
        ];
        if let Some((key, value)) = weights.into_iter().find(|(_, weight)| *weight > SCORE_MAX) {
            return Err(ScoreError::TooMuch { key, value });
        }
        if weights.iter().all(|(_, weight)| *weight == 0) { Err(ScoreError::Nothing) } else { Ok(()) }
    }
}

/// A score that is none.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, thiserror::Error)]
pub enum ScoreError {
    /// Nothing counts.
    #[error("all weights of score are 0; hint: at least one above 0, as in `score: {{completion: 1}}`")]
    Nothing,
    /// Something counts beyond all measure.
    #[error("{key} is {value}; hint: valid are 0 to {SCORE_MAX}")]
    TooMuch {
        /// The setting.
        key: &'static str,
        /// The value.
        value: u32,
    },
}

impl ScoreError {
    /// The setting, as a path below that of the allocator.
    pub(super) fn key(self) -> &'static str {
        match self {
            Self::Nothing => "score",
            Self::TooMuch { key, .. } => key,
        }
    }
}

/// Which devices are tried only when no other one could place a job.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum AvoidOverloaded {
    /// None.
    #[default]
    Off,
    /// Those with a larger share of their qubits in use or waited for than this; above 1 with queues per device.
    Above(ThreeDecimals),
}

impl AvoidOverloaded {
    /// The largest load of a device that is not avoided, in millionths.
    pub fn most_ppm(self) -> Option<u64> {
        match self {
            Self::Off => None,
            Self::Above(share) => Some(share.0 * 1_000),
        }
    }
}

//! What jobs cost on a device.
//!
//! Promises whole numbers: in files decimals, inside millionths of a unit of money. Leaves which unit that is to
//! whoever writes the files: prices of one fleet are in the same one.

use serde::{Deserialize, Serialize};

use crate::fixed_point::SixDecimals;
use crate::time::Span;

const NS_PER_S: u128 = 1_000_000_000;

/// The price of a device's time and shots, in any unit of money that is the same for the whole fleet.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default, Serialize, Deserialize, schemars::JsonSchema,
)]
#[serde(deny_unknown_fields, default)]
pub struct Price {
    /// Per second that a job holds qubits, whatever their number; 0 to 1,000,000, at most 6 decimals. Default 0.
    pub per_second: SixDecimals,
    /// Per shot of a circuit; 0 to 1,000,000, at most 6 decimals. Default 0.
    pub per_shot: SixDecimals,
}

impl Price {
    /// What a job of `circuits` circuits with `shots` shots each costs that takes so long: exactly, in millionths of a
    /// billionth of the unit.
    pub fn of(self, time: Span, circuits: u32, shots: u64) -> u128 {
        let shots = u128::from(circuits) * u128::from(shots);
        let seconds = u128::from(time.0) * u128::from(self.per_second.0);
        seconds.saturating_add(shots.saturating_mul(u128::from(self.per_shot.0) * NS_PER_S))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fixed_point::Fixed;

    #[test]
    fn time_and_shots_add_up() {
        let price = Price { per_second: SixDecimals::whole(2), per_shot: Fixed(500) };
        // 2 x 10 s + 0.0005 x 3 x 1000 shots = 21.5.
        assert_eq!(price.of(Span::from_secs(10), 3, 1_000), 21_500_000 * NS_PER_S);
        let largest =
            Price { per_second: SixDecimals::whole(1_000_000), per_shot: SixDecimals::whole(1_000_000) };
        assert_eq!(largest.of(Span(u64::MAX), u32::MAX, u64::MAX), u128::MAX);
        assert_eq!(Price::default().of(Span(u64::MAX), u32::MAX, u64::MAX), 0);
    }
}

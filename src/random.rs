//! Keyed random streams: every draw comes from a generator keyed by what it is for, never from a shared one.
//!
//! Promises that a stream depends on (root seed, replication, purpose, entity, attempt) alone, so that two
//! strategies see the same arrivals, failures and drift whatever they do. Leaves distributions to its callers.

use rand_pcg::Pcg64Dxsm;
use serde::{Deserialize, Serialize};

/// The generator behind every stream: small, fast and the same bits on every platform.
pub type Stream = Pcg64Dxsm;

/// What a stream is for. The number is part of the key: never reuse or renumber one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(u32)]
pub enum Purpose {
    /// Gaps between arrivals; entity: index of the arrival source.
    Arrivals = 1,
    /// All attributes of a job; entity: job number.
    JobAttributes = 2,
    /// What happens during service; entity: job number, attempt: attempt number.
    ServiceOutcome = 3,
    /// Drift of hardware elements; entity: device and element.
    Drift = 4,
    /// Failures and repairs; entity: device.
    Failures = 5,
    /// Measurement noise and duration of calibrations; entity: device, attempt: calibration number.
    Calibration = 6,
    /// Crosstalk map of a device; entity: device.
    Crosstalk = 7,
    /// Sampling of synthetic devices; entity: device.
    SyntheticDevice = 8,
    /// Choice of a device in the core; entity: job number, attempt: attempt number.
    DeviceSelection = 9,
    /// Resampling of statistics (bootstrap); entity: metric.
    Resampling = 10,
    /// Arrivals and departures of the placement benchmark; entity: step.
    PlacementChurn = 40,
    /// Circuits made by generators; entity: number of qubits.
    Circuit = 11,
    /// Futures that starts are estimated by; entity: job, device or round, attempt: future and number.
    Futures = 50,
    /// Destroy and repair of batches in the core; entity: size of the batch.
    BatchPlacement = 30,
}

/// All streams of one purpose: hashes the key once, then derives a stream per entity with a few multiplications.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct StreamFamily {
    key: [u64; 4],
}

impl StreamFamily {
    /// The streams of `purpose` in replication `replication` of the experiment with root seed `seed`.
    pub fn new(seed: u64, replication: u32, purpose: Purpose) -> Self {
        let mut bytes = [0_u8; 16];
        bytes[..8].copy_from_slice(&seed.to_le_bytes());
        bytes[8..12].copy_from_slice(&replication.to_le_bytes());
        bytes[12..].copy_from_slice(&(purpose as u32).to_le_bytes());
        let hash = blake3::hash(&bytes);
        let mut key = [0_u64; 4];
        for (word, chunk) in key.iter_mut().zip(hash.as_bytes().chunks_exact(8)) {
            *word = u64::from_le_bytes(chunk.try_into().expect("chunks of 8 bytes"));
        }
        Self { key }
    }

    /// The stream of one entity and attempt.
    pub fn stream(&self, entity: u64, attempt: u64) -> Stream {
        let low = mix(self.key[0] ^ mix(entity ^ self.key[1]));
        let high = mix(self.key[2] ^ mix(attempt ^ self.key[3] ^ low.rotate_left(17)));
        Pcg64Dxsm::new(
            u128::from(low) << 64 | u128::from(high),
            u128::from(high ^ entity) << 64 | u128::from(low),
        )
    }

    /// One 64-bit draw of one entity and attempt, for choices that need no more.
    pub fn draw(&self, entity: u64, attempt: u64) -> u64 {
        mix(self.key[2] ^ mix(attempt ^ self.key[3] ^ mix(self.key[0] ^ mix(entity ^ self.key[1]))))
    }
}

/// The finalizer of SplitMix64 (Steele, Lea, Flood 2014): a bijection on 64 bits in which every input bit moves half of the output bits.
fn mix(word: u64) -> u64 {
    let mut z = word.wrapping_add(0x9E37_79B9_7F4A_7C15);
    z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    z ^ (z >> 31)
}

#[cfg(test)]
mod tests {
    use rand::RngExt;

    use super::*;

    #[test]
    fn streams_differ_in_every_part_of_their_key() {
        let draw = |seed, replication, purpose, entity, attempt| -> u64 {
            StreamFamily::new(seed, replication, purpose).stream(entity, attempt).random()
        };
        let base = draw(1, 0, Purpose::Drift, 7, 0);
        assert_eq!(base, draw(1, 0, Purpose::Drift, 7, 0));
        for other in [
            draw(2, 0, Purpose::Drift, 7, 0),
            draw(1, 1, Purpose::Drift, 7, 0),
            draw(1, 0, Purpose::Failures, 7, 0),
            draw(1, 0, Purpose::Drift, 8, 0),
            draw(1, 0, Purpose::Drift, 7, 1),
        ] {
            assert_ne!(base, other);
        }
    }

    /// The bits are part of the promise "same seed, same bytes": a change here changes every published result.
    #[test]
    fn the_bits_of_a_stream_never_change() {
        let mut stream = StreamFamily::new(42, 0, Purpose::Arrivals).stream(3, 1);
        let bits: [u64; 2] = [stream.random(), stream.random()];
        insta::assert_snapshot!(format!("{bits:x?}"), @"[9caade8b58e26d45, ae614a439cbf9d86]");
    }

    /// First draws of neighbouring entities must look independent: mean and lag-1 correlation of 100,000 of them.
    #[test]
    fn neighbouring_entities_are_uncorrelated() {
        let family = StreamFamily::new(5, 0, Purpose::JobAttributes);
        let draws: Vec<f64> = (0..100_000).map(|job| family.stream(job, 0).random::<f64>()).collect();
        let mean = draws.iter().sum::<f64>() / draws.len() as f64;
        let lag1 = draws.windows(2).map(|pair| (pair[0] - 0.5) * (pair[1] - 0.5)).sum::<f64>()
            / draws.len() as f64
            * 12.0;
        assert!((mean - 0.5).abs() < 4.0 * (1.0 / 12.0_f64 / 1e5).sqrt(), "mean {mean}");
        assert!(lag1.abs() < 4.0 / 1e5_f64.sqrt(), "lag-1 correlation {lag1}");
    }
}

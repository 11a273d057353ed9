//! From random bits to variates: uniform, exponential, Gaussian, gamma, and choices by weight.
//!
//! Promises the same bits on every machine: logarithms, roots and sines come from `libm`, choices compare integers.
//! Leaves the keys of the streams to [`crate::random`].

use rand::Rng;

use crate::random::Stream;

/// A uniform variate strictly between 0 and 1: the middle of one of 2^52 cells.
#[inline]
pub(super) fn uniform(stream: &mut Stream) -> f64 {
    ((stream.next_u64() >> 12) as f64 + 0.5) * (1.0 / (1_u64 << 52) as f64)
}

/// An exponential variate with mean 1.
#[inline]
pub(super) fn exponential(stream: &mut Stream) -> f64 {
    -libm::log(uniform(stream))
}

/// A standard Gaussian variate (Box and Muller 1958; the second one is thrown away, so that streams stay simple).
pub(super) fn standard_normal(stream: &mut Stream) -> f64 {
    let radius = libm::sqrt(2.0 * exponential(stream));
    radius * libm::cos(2.0 * std::f64::consts::PI * uniform(stream))
}

/// A gamma variate with the given shape above 0 and scale 1 (Marsaglia and Tsang, ACM TOMS 26, 2000).
pub(super) fn gamma(shape: f64, stream: &mut Stream) -> f64 {
    if shape < 1.0 {
        let boost = libm::pow(uniform(stream), 1.0 / shape);
        return gamma(shape + 1.0, stream) * boost;
    }
    let d = shape - 1.0 / 3.0;
    let c = 1.0 / libm::sqrt(9.0 * d);
    loop {
        let x = standard_normal(stream);
        let v = 1.0 + c * x;
        if v > 0.0 {
            let v = v * v * v;
            if libm::log(uniform(stream)) < 0.5 * x * x + d - d * v + d * libm::log(v) {
                return d * v;
            }
        }
    }
}

/// A choice among `0..n` by weight, as thresholds on 64 bits.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct WeightedIndex(Vec<u64>);

impl WeightedIndex {
    /// `None` when a weight is negative or not finite, or all are zero.
    pub(super) fn new(weights: impl IntoIterator<Item = f64>) -> Option<Self> {
        let mut total = 0.0;
        let mut sums = Vec::new();
        for weight in weights {
            if !(weight.is_finite() && weight >= 0.0) {
                return None;
            }
            total += weight;
            sums.push(total);
        }
        if !(total.is_finite() && total > 0.0) {
            return None;
        }
        // The cast saturates, so that everything from the last positive weight on is reached by the largest bits.
        Some(Self(sums.into_iter().map(|sum| (sum / total * 18_446_744_073_709_551_616.0) as u64).collect()))
    }

    /// The chosen index; an index of weight zero is never chosen. Draws nothing when there is only one.
    #[inline]
    pub(super) fn draw(&self, stream: &mut Stream) -> usize {
        if self.0.len() == 1 {
            return 0;
        }
        let bits = stream.next_u64();
        // The largest bits would fall behind the last threshold, which is 2^64 - 1.
        self.0.partition_point(|threshold| *threshold <= bits.min(u64::MAX - 1))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::random::{Purpose, StreamFamily};

    fn moments(mut draw: impl FnMut(&mut Stream) -> f64) -> (f64, f64) {
        let mut stream = StreamFamily::new(11, 0, Purpose::JobAttributes).stream(0, 0);
        let draws: Vec<f64> = (0..200_000).map(|_| draw(&mut stream)).collect();
        let mean = draws.iter().sum::<f64>() / draws.len() as f64;
        let variance = draws.iter().map(|x| (x - mean) * (x - mean)).sum::<f64>() / draws.len() as f64;
        (mean, variance)
    }

    /// Mean and variance against the closed forms, within about five standard errors.
    #[test]
    fn variates_have_their_moments() {
        let cases: [(f64, f64, (f64, f64)); 5] = [
            (0.5, 1.0 / 12.0, moments(uniform)),
            (1.0, 1.0, moments(exponential)),
            (0.0, 1.0, moments(standard_normal)),
            (4.0, 4.0, moments(|stream| gamma(4.0, stream))),
            (0.3, 0.3, moments(|stream| gamma(0.3, stream))),
        ];
        for (mean, variance, (seen_mean, seen_variance)) in cases {
            assert!((seen_mean - mean).abs() < 5.0 * (variance / 2e5).sqrt(), "{seen_mean} for {mean}");
            assert!((seen_variance / variance - 1.0).abs() < 0.05, "{seen_variance} for {variance}");
        }
    }

    #[test]
    fn choices_follow_their_weights() {
        let index = WeightedIndex::new([1.0, 0.0, 3.0, 0.0]).unwrap();
        let mut stream = StreamFamily::new(1, 0, Purpose::JobAttributes).stream(0, 0);
        let mut seen = [0_u32; 4];
        for _ in 0..40_000 {
            seen[index.draw(&mut stream)] += 1;
        }
        assert_eq!((seen[1], seen[3]), (0, 0));
        assert!((f64::from(seen[0]) - 10_000.0).abs() < 5.0 * 86.6, "{seen:?}");
        for bad in [&[][..], &[0.0], &[-1.0, 2.0], &[f64::NAN]] {
            assert_eq!(WeightedIndex::new(bad.iter().copied()), None);
        }
    }
}

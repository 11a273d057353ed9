//! From 64 random bits to a variate: uniform, exponential, Gaussian, log-normal.
//!
//! Promises one draw per variate (so that variates can be keyed one by one) and the same bits on every machine, which
//! the system's `ln` and `exp` do not. Leaves the keys to [`crate::random`].

/// A uniform variate strictly between 0 and 1: the middle of one of 2^52 cells (with 2^53, the last middle is 1).
pub(crate) fn uniform(bits: u64) -> f64 {
    ((bits >> 12) as f64 + 0.5) * (1.0 / (1_u64 << 52) as f64)
}

/// An exponential variate with mean 1.
pub(crate) fn exponential(bits: u64) -> f64 {
    -libm::log(uniform(bits))
}

/// A log-normal variate with median 1 and the given standard deviation of its logarithm.
pub(crate) fn log_normal(bits: u64, log_sd: f64) -> f64 {
    libm::exp(log_sd * standard_normal(bits))
}

/// A standard Gaussian variate: the inverse of its distribution function at a uniform variate.
///
/// Algorithm AS 241, PPND16 (Wichura, Applied Statistics 37, 1988): three rational approximations of degree 7,
/// relative error about 1e-16. The first one, without logarithm or root, serves 85 % of the draws.
pub(crate) fn standard_normal(bits: u64) -> f64 {
    const CENTRE: ([f64; 8], [f64; 8]) = (
        [
            3.387_132_872_796_366_6,
            1.331_416_678_917_843_8e2,
            1.971_590_950_306_551_4e3,
            1.373_169_376_550_946e4,
            4.592_195_393_154_987e4,
            6.726_577_092_700_87e4,
            3.343_057_558_358_813e4,
            2.509_080_928_730_122_7e3,
        ],
        [
            1.0,
            4.231_333_070_160_091e1,
            6.871_870_074_920_579e2,
            5.394_196_021_424_751e3,
            2.121_379_430_158_659_7e4,
            3.930_789_580_009_271e4,
            2.872_908_573_572_194_3e4,
            5.226_495_278_852_855e3,
        ],
    );
    const SHOULDER: ([f64; 8], [f64; 8]) = (
        [
            1.423_437_110_749_683_6,
            4.630_337_846_156_546,
            5.769_497_221_460_691,
            3.647_848_324_763_204_5,
            1.270_458_252_452_368_4,
            2.417_807_251_774_506e-1,
            2.272_384_498_926_918_5e-2,
            7.745_450_142_783_414e-4,
        ],
        [
            1.0,
            2.053_191_626_637_759,
            1.676_384_830_183_803_8,
            6.897_673_349_851e-1,
            1.481_039_764_274_800_7e-1,
            1.519_866_656_361_645_7e-2,
            5.475_938_084_995_345e-4,
            1.050_750_071_644_416_9e-9,
        ],
    );
    const TAIL: ([f64; 8], [f64; 8]) = (
        [
            6.657_904_643_501_104,
            5.463_784_911_164_114,
            1.784_826_539_917_291_3,
            2.965_605_718_285_048_7e-1,
            2.653_218_952_657_612_4e-2,
            1.242_660_947_388_078_4e-3,
            2.711_555_568_743_487_6e-5,
            2.010_334_399_292_288_1e-7,
        ],
        [
            1.0,
            5.998_322_065_558_88e-1,
            1.369_298_809_227_358e-1,
            1.487_536_129_085_061_5e-2,
            7.868_691_311_456_133e-4,
            1.846_318_317_510_054_8e-5,
            1.421_511_758_316_446e-7,
            2.044_263_103_389_939_8e-15,
        ],
    );
    let ratio = |(p, q): &([f64; 8], [f64; 8]), r: f64| {
        let horner = |c: &[f64; 8]| c.iter().rev().fold(0.0, |sum, &next| sum * r + next);
        horner(p) / horner(q)
    };
    let u = uniform(bits);
    let q = u - 0.5;
    if q.abs() <= 0.425 {
        return q * ratio(&CENTRE, 0.180_625 - q * q);
    }
    // `1 - u` is exact here; `uniform` never gives 0 or 1, so the logarithm is finite.
    let r = libm::sqrt(-libm::log(if q < 0.0 { u } else { 1.0 - u }));
    let magnitude = if r <= 5.0 {
        ratio(&SHOULDER, r - 1.6)
    } else {
        ratio(&TAIL, r - 5.0)
    };
    if q < 0.0 { -magnitude } else { magnitude }
}

#[cfg(test)]
mod tests {
    use statrs::distribution::{ContinuousCDF, Normal};

    use super::*;

    /// Oracle: the distribution function of statrs undoes the inverse, from one end of the bits to the other.
    #[test]
    fn the_gaussian_agrees_with_its_distribution_function() {
        let normal = Normal::standard();
        let steps = (0..4_096_u64).map(|step| step << 52 | step << 20);
        for bits in steps.chain((12..64).map(|shift| 1 << shift)) {
            let u = uniform(bits);
            let back = normal.cdf(standard_normal(bits));
            assert!((back - u).abs() <= 1e-9 * u + 1e-15, "u {u}, back {back}");
        }
        assert_eq!(standard_normal(0), -standard_normal(u64::MAX));
        assert!((8.0..8.5).contains(&standard_normal(u64::MAX)));
    }

    #[test]
    fn medians_are_where_they_should_be() {
        let half = 1 << 63;
        assert!((exponential(half) - std::f64::consts::LN_2).abs() < 1e-15);
        assert!(standard_normal(half).abs() < 1e-15);
        assert!((log_normal(half, 2.0) - 1.0).abs() < 1e-15);
    }
}

//! A value of a scenario file that is either constant or drawn: `4000`, `{uniform: [5, 20]}`, `{exponential: {mean: 1m}}`.
//!
//! Promises that a sampler, once built, never fails and stays within its bounds. Leaves the meaning of the values
//! (qubits, shots, durations) to its users.

use std::borrow::Cow;
use std::fmt;
use std::marker::PhantomData;

use rand::Rng;
use schemars::JsonSchema;
use serde::de::value::MapAccessDeserializer;
use serde::de::{DeserializeOwned, MapAccess, Visitor};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::variates::{self, WeightedIndex};
use crate::random::Stream;
use crate::time::Span;

/// A kind of number that files may draw: counts, spans and plain numbers.
pub trait Quantity:
    Copy + PartialOrd + fmt::Debug + Serialize + DeserializeOwned + JsonSchema + 'static
{
    /// What it is called in messages.
    const WHAT: &'static str;
    /// Name of the drawn value in the schema.
    const SCHEMA_NAME: &'static str;
    /// As a number (spans: nanoseconds).
    fn to_f64(self) -> f64;
    /// The nearest value; beyond the range, the bound of the range.
    fn from_f64(value: f64) -> Self;
    /// The value at the share `bits / 2^64` of the way from `low` to `high`, both included.
    fn between(low: Self, high: Self, bits: u64) -> Self;
    /// From a scalar of the file, if this kind of number is written so.
    fn from_scalar(scalar: Scalar<'_>) -> Result<Self, String>;
}

/// A scalar of a file.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Scalar<'a> {
    /// A whole number.
    Unsigned(u64),
    /// A negative whole number.
    Signed(i64),
    /// Another number.
    Float(f64),
    /// A text.
    Text(&'a str),
}

impl fmt::Display for Scalar<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unsigned(value) => value.fmt(f),
            Self::Signed(value) => value.fmt(f),
            Self::Float(value) => value.fmt(f),
            Self::Text(text) => text.chars().take(40).collect::<String>().fmt(f),
        }
    }
}

/// `low` and the whole steps above it up to `high`; the multiplication keeps the high half (Lemire 2019, without his
/// rejection step: the bias is below range / 2^64).
fn whole_between(low: u64, high: u64, bits: u64) -> u64 {
    let steps = u128::from(high.saturating_sub(low)) + 1;
    low + ((u128::from(bits) * steps) >> 64) as u64
}

macro_rules! count {
    ($type:ty, $name:literal) => {
        impl Quantity for $type {
            const WHAT: &'static str = "a whole number of 0 or more";
            const SCHEMA_NAME: &'static str = $name;
            fn to_f64(self) -> f64 {
                self as f64
            }
            fn from_f64(value: f64) -> Self {
                value.round() as Self
            }
            fn between(low: Self, high: Self, bits: u64) -> Self {
                whole_between(u64::from(low), u64::from(high), bits) as Self
            }
            fn from_scalar(scalar: Scalar<'_>) -> Result<Self, String> {
                let value = match scalar {
                    Scalar::Unsigned(value) => Self::try_from(value).ok(),
                    Scalar::Float(value)
                        if value.fract() == 0.0 && value >= 0.0 && value < 2_f64.powi(53) =>
                    {
                        Self::try_from(value as u64).ok()
                    }
                    _ => None,
                };
                value.ok_or_else(|| format!("`{scalar}` is not {}", Self::WHAT))
            }
        }
    };
}
count!(u32, "DrawnCount32");
count!(u64, "DrawnCount");

impl Quantity for f64 {
    const WHAT: &'static str = "a number";
    const SCHEMA_NAME: &'static str = "DrawnNumber";
    fn to_f64(self) -> f64 {
        self
    }
    fn from_f64(value: f64) -> Self {
        value
    }
    fn between(low: Self, high: Self, bits: u64) -> Self {
        low + (high - low) * ((bits >> 11) as f64 * (1.0 / (1_u64 << 53) as f64))
    }
    fn from_scalar(scalar: Scalar<'_>) -> Result<Self, String> {
        match scalar {
            Scalar::Unsigned(value) => Ok(value as f64),
            Scalar::Signed(value) => Ok(value as f64),
            Scalar::Float(value) => Ok(value),
            Scalar::Text(_) => Err(format!("`{scalar}` is not {}", Self::WHAT)),
        }
    }
}

impl Quantity for Span {
    const WHAT: &'static str = "a duration with its unit, such as 30s";
    const SCHEMA_NAME: &'static str = "DrawnDuration";
    fn to_f64(self) -> f64 {
        self.0 as f64
    }
    fn from_f64(value: f64) -> Self {
        Self(value.round() as u64)
    }
    fn between(low: Self, high: Self, bits: u64) -> Self {
        Self(whole_between(low.0, high.0, bits))
    }
    fn from_scalar(scalar: Scalar<'_>) -> Result<Self, String> {
        match scalar {
            Scalar::Text(text) => text.parse(),
            number => number.to_string().parse(),
        }
        .map_err(|error: crate::time::SpanError| error.to_string())
    }
}

/// A constant or a distribution.
#[derive(Debug, Clone, PartialEq)]
pub enum Draw<V> {
    /// Always this value.
    Constant(V),
    /// A value drawn for every job.
    Law(Law<V>),
}

/// A distribution. Values are rounded to whole ones where the quantity is whole.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
#[serde(bound(serialize = "V: Quantity", deserialize = "V: Quantity"))]
#[schemars(bound = "V: Quantity", rename = "{V}Law")]
pub enum Law<V> {
    /// Uniform between both bounds, both included.
    Uniform(V, V),
    /// Log-normal.
    LogNormal {
        /// The median, above 0.
        median: V,
        /// Standard deviation of the natural logarithm.
        sigma: f64,
        /// Smaller draws become this.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        min: Option<V>,
        /// Larger draws become this.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        max: Option<V>,
    },
    /// Exponential.
    Exponential {
        /// The mean, above 0.
        mean: V,
        /// Smaller draws become this.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        min: Option<V>,
        /// Larger draws become this.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        max: Option<V>,
    },
    /// Gamma (Erlang when 1 / cv^2 is whole).
    Gamma {
        /// The mean, above 0.
        mean: V,
        /// Coefficient of variation, above 0.
        cv: f64,
        /// Smaller draws become this.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        min: Option<V>,
        /// Larger draws become this.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        max: Option<V>,
    },
    /// One of the listed values: `[[value, weight], ...]`.
    Choice(Vec<(V, f64)>),
    /// Given by quantiles: `[[0, least], [0.5, median], ..., [1, largest]]`; between two of them the value grows by
    /// equal factors (by equal steps where one is 0).
    Quantiles(Vec<(f64, V)>),
    /// 1, 2, ..., n with probabilities proportional to 1 / value^s.
    Zipf {
        /// The largest value, at most 1,000,000.
        #[schemars(range(min = 1, max = 1_000_000))]
        n: u32,
        /// The exponent, 0 or more.
        s: f64,
    },
}

impl<V: Quantity> Serialize for Draw<V> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Constant(value) => value.serialize(serializer),
            Self::Law(law) => law.serialize(serializer),
        }
    }
}

impl<'de, V: Quantity> Deserialize<'de> for Draw<V> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(DrawVisitor(PhantomData))
    }
}

struct DrawVisitor<V>(PhantomData<V>);

impl<'de, V: Quantity> Visitor<'de> for DrawVisitor<V> {
    type Value = Draw<V>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} or a distribution such as {{uniform: [a, b]}}", V::WHAT)
    }

    fn visit_u64<E: serde::de::Error>(self, value: u64) -> Result<Draw<V>, E> {
        constant(Scalar::Unsigned(value))
    }

    fn visit_i64<E: serde::de::Error>(self, value: i64) -> Result<Draw<V>, E> {
        constant(u64::try_from(value).map_or(Scalar::Signed(value), Scalar::Unsigned))
    }

    fn visit_f64<E: serde::de::Error>(self, value: f64) -> Result<Draw<V>, E> {
        constant(Scalar::Float(value))
    }

    fn visit_str<E: serde::de::Error>(self, text: &str) -> Result<Draw<V>, E> {
        constant(Scalar::Text(text))
    }

    fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Draw<V>, A::Error> {
        Law::deserialize(MapAccessDeserializer::new(map)).map(Draw::Law)
    }
}

fn constant<V: Quantity, E: serde::de::Error>(scalar: Scalar<'_>) -> Result<Draw<V>, E> {
    V::from_scalar(scalar).map(Draw::Constant).map_err(E::custom)
}

impl<V: Quantity> JsonSchema for Draw<V> {
    fn schema_name() -> Cow<'static, str> {
        V::SCHEMA_NAME.into()
    }

    fn json_schema(generator: &mut schemars::SchemaGenerator) -> schemars::Schema {
        let value = generator.subschema_for::<V>();
        let law = Law::<V>::json_schema(generator);
        schemars::json_schema!({ "description": "A constant or a distribution.", "anyOf": [value, law] })
    }
}

/// Why a distribution makes no sense.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum DistributionError {
    /// A parameter out of its range.
    #[error("{0} must be {1}, not {2}")]
    Parameter(&'static str, &'static str, f64),
    /// Bounds the wrong way round.
    #[error("the lower bound is above the upper bound")]
    EmptyRange,
    /// Nothing to choose from.
    #[error("weights must be 0 or more, and not all 0; hint: write [[value, weight], ...]")]
    Weights,
    /// Quantiles that do not rise from 0 to 1.
    #[error(
        "quantiles must rise from 0 to 1, and their values must not fall; hint: write [[0, least], [0.5, median], [1, largest]]"
    )]
    Quantiles,
}

/// A distribution, checked and prepared for drawing.
#[derive(Debug, Clone, PartialEq)]
pub struct Sampler<V> {
    shape: Shape<V>,
    /// Least and largest value.
    range: (V, V),
}

#[derive(Debug, Clone, PartialEq)]
enum Shape<V> {
    Constant,
    Uniform,
    LogNormal { median: f64, sigma: f64 },
    Exponential { mean: f64 },
    Gamma { shape: f64, scale: f64 },
    Choice(WeightedIndex, Vec<V>),
    Quantiles(Vec<(f64, f64)>),
    Zipf(WeightedIndex),
}

impl<V: Quantity> Sampler<V> {
    /// Checks a distribution and prepares it.
    pub fn new(draw: &Draw<V>) -> Result<Self, DistributionError> {
        let law = match draw {
            Draw::Constant(value) => {
                return if value.to_f64().is_finite() {
                    Ok(Self { shape: Shape::Constant, range: (*value, *value) })
                } else {
                    Err(DistributionError::Parameter("a constant", "finite", value.to_f64()))
                };
            }
            Draw::Law(law) => law,
        };
        let above_zero = |name, value: f64| {
            if value.is_finite() && value > 0.0 {
                Ok(value)
            } else {
                Err(DistributionError::Parameter(name, "above 0", value))
            }
        };
        let not_negative = |name, value: f64| {
            if value.is_finite() && value >= 0.0 {
                Ok(value)
            } else {
                Err(DistributionError::Parameter(name, "0 or more", value))
            }
        };
        let range = |min: &Option<V>, max: &Option<V>| {
            let low = min.unwrap_or(V::from_f64(0.0));
            let high = max.unwrap_or(V::from_f64(f64::MAX));
            if low <= high { Ok((low, high)) } else { Err(DistributionError::EmptyRange) }
        };
        let (shape, range) = match law {
            Law::Uniform(low, high) if low <= high && (high.to_f64() - low.to_f64()).is_finite() => {
                (Shape::Uniform, (*low, *high))
            }
            Law::Uniform(..) => return Err(DistributionError::EmptyRange),
            Law::LogNormal { median, sigma, min, max } => (
                Shape::LogNormal {
                    median: above_zero("median", median.to_f64())?,
                    sigma: not_negative("sigma", *sigma)?,
                },
                range(min, max)?,
            ),
            Law::Exponential { mean, min, max } => {
                (Shape::Exponential { mean: above_zero("mean", mean.to_f64())? }, range(min, max)?)
            }
            Law::Gamma { mean, cv, min, max } => {
                let mean = above_zero("mean", mean.to_f64())?;
                let shape = above_zero("1 / cv^2", 1.0 / (cv * cv))?;
                (Shape::Gamma { shape, scale: mean / shape }, range(min, max)?)
            }
            Law::Choice(list) => {
                let index =
                    WeightedIndex::new(list.iter().map(|item| item.1)).ok_or(DistributionError::Weights)?;
                let likely = || list.iter().filter(|item| item.1 > 0.0).map(|item| item.0);
                let low = likely().reduce(|a, b| if b < a { b } else { a });
                let high = likely().reduce(|a, b| if b > a { b } else { a });
                let range = low.zip(high).ok_or(DistributionError::Weights)?;
                (Shape::Choice(index, list.iter().map(|item| item.0).collect()), range)
            }
            Law::Quantiles(points) => {
                let (Some(first), Some(last)) = (points.first(), points.last()) else {
                    return Err(DistributionError::Quantiles);
                };
                let rising = points.windows(2).all(|pair| pair[0].0 < pair[1].0 && pair[0].1 <= pair[1].1);
                if !rising
                    || first.0 != 0.0
                    || last.0 != 1.0
                    || !(last.1.to_f64() - first.1.to_f64()).is_finite()
                {
                    return Err(DistributionError::Quantiles);
                }
                let points = points.iter().map(|point| (point.0, point.1.to_f64())).collect();
                (Shape::Quantiles(points), (first.1, last.1))
            }
            Law::Zipf { n, s } => {
                not_negative("s", *s)?;
                if !(1..=1_000_000).contains(n) {
                    return Err(DistributionError::Parameter("n", "1 to 1,000,000", f64::from(*n)));
                }
                let weights = zipf_weights(*n, *s).ok_or(DistributionError::Weights)?;
                (Shape::Zipf(weights), (V::from_f64(1.0), V::from_f64(f64::from(*n))))
            }
        };
        Ok(Self { shape, range })
    }

    /// The value, if it is always the same.
    pub fn constant(&self) -> Option<V> {
        matches!(self.shape, Shape::Constant).then_some(self.range.0)
    }

    /// Least and largest value that can be drawn.
    pub fn range(&self) -> (V, V) {
        self.range
    }

    /// Draws a value; a constant takes nothing from the stream.
    #[inline]
    pub fn draw(&self, stream: &mut Stream) -> V {
        let value = match &self.shape {
            Shape::Constant => return self.range.0,
            Shape::Uniform => return V::between(self.range.0, self.range.1, stream.next_u64()),
            Shape::Choice(index, values) => return values[index.draw(stream)],
            Shape::Exponential { mean } => variates::exponential(stream) * mean,
            Shape::LogNormal { median, sigma } => {
                median * libm::exp(sigma * variates::standard_normal(stream))
            }
            Shape::Gamma { shape, scale } => variates::gamma(*shape, stream) * scale,
            Shape::Quantiles(points) => at_quantile(points, variates::uniform(stream)),
            Shape::Zipf(index) => index.draw(stream) as f64 + 1.0,
        };
        let value = V::from_f64(value);
        if value < self.range.0 {
            self.range.0
        } else if value > self.range.1 {
            self.range.1
        } else {
            value
        }
    }
}

/// The choice among `n` ranks with probabilities proportional to 1 / rank^s.
pub(super) fn zipf_weights(n: u32, s: f64) -> Option<WeightedIndex> {
    WeightedIndex::new((1..=n).map(|rank| libm::pow(f64::from(rank), -s)))
}

fn at_quantile(points: &[(f64, f64)], p: f64) -> f64 {
    let upper = points.partition_point(|point| point.0 < p).clamp(1, points.len() - 1);
    let ((p0, v0), (p1, v1)) = (points[upper - 1], points[upper]);
    let share = (p - p0) / (p1 - p0);
    if v0 > 0.0 { v0 * libm::pow(v1 / v0, share) } else { v0 + (v1 - v0) * share }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::random::{Purpose, StreamFamily};

    fn sorted<V: Quantity>(law: Law<V>) -> Vec<f64> {
        let sampler = Sampler::new(&Draw::Law(law)).unwrap();
        let family = StreamFamily::new(3, 0, Purpose::JobAttributes);
        let mut draws: Vec<f64> =
            (0..100_000).map(|job| sampler.draw(&mut family.stream(job, 0)).to_f64()).collect();
        draws.sort_by(f64::total_cmp);
        draws
    }

    #[test]
    fn whole_numbers_are_uniform_with_both_bounds() {
        let draws = sorted(Law::Uniform(5_u32, 20));
        assert_eq!((draws[0], draws[99_999]), (5.0, 20.0));
        let mean = draws.iter().sum::<f64>() / 1e5;
        assert!((mean - 12.5).abs() < 5.0 * 4.61 / 1e5_f64.sqrt(), "{mean}");
        assert_eq!(u64::between(0, u64::MAX, u64::MAX), u64::MAX);
    }

    #[test]
    fn quantiles_come_back() {
        let draws = sorted(Law::Quantiles(vec![(0.0, 1_u32), (0.5, 1), (0.75, 40), (1.0, 100)]));
        assert_eq!(draws[49_000], 1.0);
        assert!((draws[75_000] - 40.0).abs() <= 1.0, "{}", draws[75_000]);
        let draws = sorted(Law::LogNormal { median: Span::from_secs(60), sigma: 1.0, min: None, max: None });
        let p84 = draws[84_134] / 60e9;
        assert!((p84.ln() - 1.0).abs() < 0.03, "{p84}");
        let draws = sorted(Law::Zipf::<u32> { n: 1_000, s: 1.0 });
        let first = draws.iter().filter(|draw| **draw == 1.0).count() as f64 / 1e5;
        assert!((first - 1.0 / 7.485).abs() < 0.006, "{first}");
    }

    #[test]
    fn senseless_distributions_are_refused() {
        let errors = [
            Sampler::new(&Draw::Law(Law::Uniform(3_u32, 2))),
            Sampler::new(&Draw::Law(Law::Exponential { mean: 0, min: None, max: None })),
            Sampler::new(&Draw::Law(Law::Exponential { mean: 1, min: Some(3), max: Some(2) })),
            Sampler::new(&Draw::Law(Law::LogNormal { median: 1, sigma: f64::NAN, min: None, max: None })),
            Sampler::new(&Draw::Law(Law::Gamma { mean: 1, cv: 0.0, min: None, max: None })),
            Sampler::new(&Draw::Law(Law::Choice(vec![]))),
            Sampler::new(&Draw::Law(Law::Quantiles(vec![(0.0, 5), (0.5, 4), (1.0, 6)]))),
            Sampler::new(&Draw::Law(Law::Zipf { n: 0, s: 1.0 })),
        ];
        let messages = errors.map(|result| result.unwrap_err().to_string());
        insta::assert_snapshot!(messages.join("\n"), @"
        the lower bound is above the upper bound
        mean must be above 0, not 0
        the lower bound is above the upper bound
        sigma must be 0 or more, not NaN
        1 / cv^2 must be above 0, not inf
        weights must be 0 or more, and not all 0; hint: write [[value, weight], ...]
        quantiles must rise from 0 to 1, and their values must not fall; hint: write [[0, least], [0.5, median], [1, largest]]
        n must be 1 to 1,000,000, not 0
        ");
    }
}

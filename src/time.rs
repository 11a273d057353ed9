//! Time as a value: instants and spans in whole nanoseconds.
//!
//! Promises that sums and comparisons are exact and the same on every machine: nothing below the drivers ever
//! asks a clock. Leaves civil time (calendars, time zones) to the scenario and the service.

use std::fmt;
use std::ops::{Add, AddAssign, Div, Mul, Sub};
use std::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

const NS_PER_S: u64 = 1_000_000_000;

/// An instant: nanoseconds since the driver's epoch (the start of the simulation, or of the service's journal).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Time(pub u64);

/// A length of time in nanoseconds, up to 584 years.
///
/// In files a span always carries its unit: `30s`, `1h 30m`, `120us`, `120µs` (both µ characters).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Span(pub u64);

impl Time {
    /// The driver's epoch.
    pub const ZERO: Self = Self(0);
    /// Later than everything.
    pub const MAX: Self = Self(u64::MAX);

    /// The span from `earlier` to `self`; zero when `earlier` is not earlier.
    pub fn since(self, earlier: Self) -> Span {
        Span(self.0.saturating_sub(earlier.0))
    }

    /// Seconds since the epoch, for files and screens only.
    pub fn as_secs_f64(self) -> f64 {
        Span(self.0).as_secs_f64()
    }
}

impl Span {
    /// No time at all.
    pub const ZERO: Self = Self(0);
    /// The longest span.
    pub const MAX: Self = Self(u64::MAX);

    /// A span of whole seconds.
    pub const fn from_secs(seconds: u64) -> Self {
        Self(seconds.saturating_mul(NS_PER_S))
    }

    /// A span of whole milliseconds.
    pub const fn from_millis(millis: u64) -> Self {
        Self(millis.saturating_mul(1_000_000))
    }

    /// A span of seconds, rounded to the nearest nanosecond; negative and not-a-number become zero, too long the maximum.
    pub fn from_secs_f64(seconds: f64) -> Self {
        // The cast saturates and maps NaN to 0, which is what is promised.
        Self((seconds * 1e9).round() as u64)
    }

    /// The length in seconds, for files and screens only.
    pub fn as_secs_f64(self) -> f64 {
        // One correctly rounded division up to 2^53 ns (104 days); beyond, the double is 16 ns off at most.
        self.0 as f64 / NS_PER_S as f64
    }
}

impl Add<Span> for Time {
    type Output = Self;
    fn add(self, span: Span) -> Self {
        Self(self.0.saturating_add(span.0))
    }
}

impl AddAssign<Span> for Time {
    fn add_assign(&mut self, span: Span) {
        *self = *self + span;
    }
}

impl Sub<Span> for Time {
    type Output = Self;
    fn sub(self, span: Span) -> Self {
        Self(self.0.saturating_sub(span.0))
    }
}

impl Add for Span {
    type Output = Self;
    fn add(self, other: Self) -> Self {
        Self(self.0.saturating_add(other.0))
    }
}

impl AddAssign for Span {
    fn add_assign(&mut self, other: Self) {
        *self = *self + other;
    }
}

impl Mul<u64> for Span {
    type Output = Self;
    fn mul(self, factor: u64) -> Self {
        Self(self.0.saturating_mul(factor))
    }
}

impl Div<u64> for Span {
    type Output = Self;
    fn div(self, divisor: u64) -> Self {
        Self(self.0 / divisor)
    }
}

impl fmt::Display for Time {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        Span(self.0).fmt(f)
    }
}

/// Prints what [`Span::from_str`] reads back, largest unit first: `1h 30m`.
impl fmt::Display for Span {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        const UNITS: [(u64, &str); 7] = [
            (86_400 * NS_PER_S, "d"),
            (3_600 * NS_PER_S, "h"),
            (60 * NS_PER_S, "m"),
            (NS_PER_S, "s"),
            (1_000_000, "ms"),
            (1_000, "us"),
            (1, "ns"),
        ];
        if self.0 == 0 {
            return f.write_str("0s");
        }
        let mut rest = self.0;
        let mut gap = "";
        for (unit_ns, unit) in UNITS {
            if rest >= unit_ns {
                write!(f, "{gap}{}{unit}", rest / unit_ns)?;
                rest %= unit_ns;
                gap = " ";
            }
        }
        Ok(())
    }
}

/// Why a text is not a span.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SpanError {
    /// A number without a unit.
    #[error("`{0}` has no unit; hint: write a duration with its unit, such as 30s, 5m, 7d or 120us")]
    NoUnit(String),
    /// A µ that was read in the wrong encoding.
    #[error("`{0}` holds a garbled µ (UTF-8 read as Latin-1); hint: write {1}")]
    Garbled(String, String),
    /// Negative durations do not exist here.
    #[error("`{0}` is negative; hint: a duration is zero or more")]
    Negative(String),
    /// Anything else.
    #[error("`{0}` is not a duration: {1}; hint: units are ns, us, ms, s, m, h, d, as in 30s or 1h 30m")]
    Invalid(String, String),
}

impl FromStr for Span {
    type Err = SpanError;

    fn from_str(text: &str) -> Result<Self, SpanError> {
        let trimmed = text.trim();
        let shown = || trimmed.chars().take(40).collect::<String>();
        if trimmed.starts_with('-') {
            return Err(SpanError::Negative(shown()));
        }
        if trimmed.parse::<f64>().is_ok() {
            return if trimmed == "0" { Ok(Self::ZERO) } else { Err(SpanError::NoUnit(shown())) };
        }
        if trimmed.contains(['Â', 'Ã', 'Î']) {
            let repaired = shown().replace("Âµ", "u").replace("Î¼", "u").replace(['Â', 'Ã', 'Î'], "");
            return Err(SpanError::Garbled(shown(), repaired));
        }
        // U+03BC (Greek mu) and U+00B5 (micro sign) look alike; humantime knows only the latter.
        let normal = trimmed.replace('\u{3bc}', "\u{b5}");
        let span = humantime::parse_duration(&normal)
            .map_err(|error| SpanError::Invalid(shown(), error.to_string()))?;
        u64::try_from(span.as_nanos())
            .map(Self)
            .map_err(|_| SpanError::Invalid(shown(), "longer than 584 years".to_owned()))
    }
}

impl Serialize for Span {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Span {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        text.parse().map_err(serde::de::Error::custom)
    }
}

impl schemars::JsonSchema for Span {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "Duration".into()
    }

    fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
        schemars::json_schema!({
            "type": ["string", "integer"],
            "description": "A duration with its unit: 30s, 5m, 7d, 120us, 1h 30m. Units: ns, us, ms, s, m, h, d.",
            "examples": ["30s", "5m", "1h 30m", "7d", "120us"],
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spans_are_read_with_their_units() {
        let cases = [
            ("30s", 30 * NS_PER_S),
            ("5m", 300 * NS_PER_S),
            ("7d", 7 * 86_400 * NS_PER_S),
            ("120us", 120_000),
            ("120\u{b5}s", 120_000),
            ("120\u{3bc}s", 120_000),
            ("1h 30m", 5_400 * NS_PER_S),
            ("1.5h", 5_400 * NS_PER_S),
            ("0", 0),
        ];
        for (text, ns) in cases {
            assert_eq!(text.parse::<Span>(), Ok(Span(ns)), "{text}");
        }
    }

    #[test]
    fn bad_spans_say_what_to_write_instead() {
        let messages: Vec<String> = ["30", "120Âµs", "-5s", "5 parsecs", ""]
            .map(|text| text.parse::<Span>().unwrap_err().to_string())
            .into();
        insta::assert_snapshot!(messages.join("\n"), @r#"
        `30` has no unit; hint: write a duration with its unit, such as 30s, 5m, 7d or 120us
        `120Âµs` holds a garbled µ (UTF-8 read as Latin-1); hint: write 120us
        `-5s` is negative; hint: a duration is zero or more
        `5 parsecs` is not a duration: unknown time unit "parsecs", supported units: ns, us/µs, ms, sec, min, hours, days, weeks, months, years (and few variations); hint: units are ns, us, ms, s, m, h, d, as in 30s or 1h 30m
        `` is not a duration: value was empty; hint: units are ns, us, ms, s, m, h, d, as in 30s or 1h 30m
        "#);
    }

    proptest::proptest! {
        #[test]
        fn printing_and_reading_agree(ns: u64) {
            proptest::prop_assert_eq!(Span(ns).to_string().parse::<Span>(), Ok(Span(ns)));
        }
    }
}

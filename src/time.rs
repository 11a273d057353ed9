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

    /// The instant so much later; nothing where no time can hold it.
    pub fn checked_add(self, span: Span) -> Option<Self> {
        self.0.checked_add(span.0).map(Self)
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

    /// Whether it is no time at all.
    pub const fn is_zero(&self) -> bool {
        self.0 == 0
    }

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

    /// Reads a number of seconds, exact to the nanosecond whatever its size: `12.5`, `1700000000.000000001`, `1e3`. Further
    /// decimal places are rounded.
    pub fn from_decimal_seconds(text: &str) -> Result<Self, SecondsError> {
        let (negative, plain) = match text.strip_prefix('-') {
            Some(plain) => (true, plain),
            None => (false, text.strip_prefix('+').unwrap_or(text)),
        };
        let number = Decimal::read(plain).ok_or(SecondsError::NotANumber)?;
        if negative && !number.digits.is_empty() {
            return Err(SecondsError::Negative);
        }
        number.times(NS_PER_S).map(|(ns, _)| Self(ns))
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
        // U+03BC (Greek mu) and U+00B5 (micro sign) look alike; the units know only the latter.
        let normal = trimmed.replace('\u{3bc}', "\u{b5}");
        match parts(&normal) {
            Some(Ok(span)) => Ok(span),
            Some(Err(error)) => Err(SpanError::Invalid(shown(), error.to_string())),
            None => Err(SpanError::Invalid(shown(), why_no_parts(&normal))),
        }
    }
}

/// The sum of numbers with units, or nothing where the text is something else. In integers throughout: a double
/// holds nanoseconds for 104 days only.
fn parts(text: &str) -> Option<Result<Span, SecondsError>> {
    let mut rest = text.trim_start();
    let mut total = 0_u64;
    while !rest.is_empty() {
        let end = rest.find(|c: char| !(c.is_ascii_digit() || c == '.'))?;
        let (number, behind) = rest.split_at(end);
        let behind = behind.trim_start();
        let end = behind.find(|c: char| !c.is_alphabetic()).unwrap_or(behind.len());
        let (unit, behind) = behind.split_at(end);
        let part = Decimal::read(number)?.times(unit_ns(unit)?);
        let exact = part.and_then(|(ns, exact)| if exact { Ok(ns) } else { Err(SecondsError::TooFine) });
        match exact.and_then(|ns| total.checked_add(ns).ok_or(SecondsError::TooLong)) {
            Ok(sum) => total = sum,
            Err(error) => return Some(Err(error)),
        }
        rest = behind.trim_start();
    }
    (!text.trim().is_empty()).then_some(Ok(Span(total)))
}

/// Nanoseconds of a unit of time. A month is 30.44 days, a year 365.25.
fn unit_ns(unit: &str) -> Option<u64> {
    Some(match unit {
        "nanos" | "nsec" | "ns" => 1,
        "usec" | "us" | "\u{b5}s" => 1_000,
        "millis" | "msec" | "ms" => 1_000_000,
        "seconds" | "second" | "secs" | "sec" | "s" => NS_PER_S,
        "minutes" | "minute" | "min" | "mins" | "m" => 60 * NS_PER_S,
        "hours" | "hour" | "hr" | "hrs" | "h" => 3_600 * NS_PER_S,
        "days" | "day" | "d" => 86_400 * NS_PER_S,
        "weeks" | "week" | "wk" | "wks" | "w" => 7 * 86_400 * NS_PER_S,
        "months" | "month" | "M" => 2_630_016 * NS_PER_S,
        "years" | "year" | "yr" | "yrs" | "y" => 31_557_600 * NS_PER_S,
        _ => return None,
    })
}

/// What is wrong with a text that has no parts.
fn why_no_parts(text: &str) -> String {
    // With so few digits the reader that words the message cannot overflow.
    if text.bytes().filter(u8::is_ascii_digit).count() > 18 {
        return "the number is too large, or has no unit".to_owned();
    }
    match humantime::parse_duration(text) {
        Err(error) => error.to_string(),
        Ok(_) => "a number stands before each unit".to_owned(),
    }
}

/// Why a number is no time in seconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum SecondsError {
    /// Not a decimal number.
    #[error("no number")]
    NotANumber,
    /// Below zero.
    #[error("below zero")]
    Negative,
    /// No whole number of nanoseconds, where it has to be one.
    #[error("finer than a nanosecond")]
    TooFine,
    /// More than a time can hold.
    #[error("longer than 584 years")]
    TooLong,
}

/// A decimal number of 0 or more as it was written: digits and where the point stands.
struct Decimal {
    /// Digits without leading zeros.
    digits: Vec<u8>,
    /// Digits behind the point; below zero when zeros follow the digits.
    places: i64,
}

impl Decimal {
    /// Reads `12`, `12.5`, `.5`, `1.25e9`; nothing for any other text.
    fn read(text: &str) -> Option<Self> {
        let (mantissa, exponent) = match text.split_once(['e', 'E']) {
            Some((mantissa, exponent)) => {
                let plain = exponent.strip_prefix(['+', '-']).unwrap_or(exponent);
                if plain.is_empty() || !plain.bytes().all(|byte| byte.is_ascii_digit()) {
                    return None;
                }
                // An exponent beyond all bounds is as good as one just beyond them.
                let size = plain.parse::<i64>().unwrap_or(i64::MAX).min(1 << 40);
                (mantissa, if exponent.starts_with('-') { -size } else { size })
            }
            None => (text, 0),
        };
        let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
        let both = || whole.bytes().chain(fraction.bytes());
        if both().next().is_none() || !both().all(|byte| byte.is_ascii_digit()) {
            return None;
        }
        let digits = both().skip_while(|byte| *byte == b'0').map(|byte| byte - b'0').collect();
        Some(Self { digits, places: fraction.len() as i64 - exponent })
    }

    /// The number times `factor`, rounded to the nearest whole number (halves up), and whether that is exact.
    fn times(&self, factor: u64) -> Result<(u64, bool), SecondsError> {
        if self.digits.is_empty() {
            return Ok((0, true));
        }
        let before_point = self.digits.len() as i64 - self.places;
        if before_point > 20 {
            return Err(SecondsError::TooLong);
        }
        // Below 10^-21 even the longest unit rounds to zero.
        if before_point < -20 {
            return Ok((0, false));
        }
        let whole_digits = before_point.max(0) as usize;
        let digit = |index: usize| u128::from(self.digits.get(index).copied().unwrap_or(0));
        let whole = (0..whole_digits).fold(0_u128, |sum, index| sum * 10 + digit(index));
        let whole = whole.checked_mul(u128::from(factor)).ok_or(SecondsError::TooLong)?;
        // Digits behind the 18th place weigh less than a twentieth of a nanosecond in the longest unit.
        const PLACES: usize = 18;
        let zeros = (-before_point).max(0) as usize;
        let mut behind = std::iter::repeat_n(0, zeros).chain((whole_digits..self.digits.len()).map(digit));
        let scale = 10_u128.pow(PLACES as u32);
        let fraction = (0..PLACES).fold(0_u128, |sum, _| sum * 10 + behind.next().unwrap_or(0));
        let exact = (fraction * u128::from(factor)).is_multiple_of(scale) && behind.all(|digit| digit == 0);
        let fraction = (fraction * u128::from(factor) * 2 + scale) / (2 * scale);
        let value = u64::try_from(whole.saturating_add(fraction)).map_err(|_| SecondsError::TooLong)?;
        Ok((value, exact))
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

    #[test]
    fn seconds_are_exact_at_any_magnitude() {
        let cases = [
            ("0", 0),
            ("-0.0", 0),
            (".5", 500_000_000),
            ("5.", 5 * NS_PER_S),
            ("1700000000.000000003", 1_700_000_000_000_000_003),
            ("18446744073.709551615", u64::MAX),
            ("1.356996147000000001e9", 1_356_996_147_000_000_001),
            ("0.0000000014", 1),
            ("0.0000000015", 2),
            ("1e-400", 0),
            ("0e999999999999999999999", 0),
            ("000000000000000000000000012", 12 * NS_PER_S),
            ("0.30000000000000004", 300_000_000),
        ];
        for (text, ns) in cases {
            assert_eq!(Span::from_decimal_seconds(text), Ok(Span(ns)), "{text}");
        }
        for (text, error) in [
            ("18446744073.709551616", SecondsError::TooLong),
            ("1e400", SecondsError::TooLong),
            ("1e99999999999999999999", SecondsError::TooLong),
            ("99999999999999999999999999999999999999999", SecondsError::TooLong),
            ("-1e-9", SecondsError::Negative),
            ("nan", SecondsError::NotANumber),
            ("inf", SecondsError::NotANumber),
            ("", SecondsError::NotANumber),
            (".", SecondsError::NotANumber),
            ("1e", SecondsError::NotANumber),
            ("--1", SecondsError::NotANumber),
        ] {
            assert_eq!(Span::from_decimal_seconds(text), Err(error), "{text}");
        }
    }

    #[test]
    fn spans_beyond_what_a_time_holds_are_refused_and_never_panic() {
        assert_eq!("18446744073.709551615s".parse(), Ok(Span::MAX));
        assert_eq!("1700000000.000000001s".parse(), Ok(Span(1_700_000_000_000_000_001)));
        assert_eq!("0.0001h".parse(), Ok(Span(360_000_000)));
        for text in [
            "18446744073.709551616s",
            "300y 300y",
            "213504d",
            "18446744073709551615s 1000000000ns",
            "9999999999999999999s 8446744073709551616s 1000000000ns",
        ] {
            let error = text.parse::<Span>().unwrap_err().to_string();
            assert!(error.contains("longer than 584 years"), "{error}");
        }
        for text in ["1s2", "18446744073709551615s 1000000000ns 5parsecs", "s", "1.2.3s", "1e3s"] {
            assert!(text.parse::<Span>().is_err(), "{text}");
        }
    }

    proptest::proptest! {
        #[test]
        fn printing_and_reading_agree(ns: u64) {
            proptest::prop_assert_eq!(Span(ns).to_string().parse::<Span>(), Ok(Span(ns)));
        }
    }
}

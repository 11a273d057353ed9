//! A rate as it is written in files: `60/h`, `1/s`, `0.5/m`.
//!
//! Promises a finite rate above zero that prints as it was written. Leaves what arrives to its users.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::time::Span;

/// So many events per span of time; above zero.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Rate {
    events: f64,
    per: Span,
}

/// Why a text is not a rate.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum RateError {
    /// A bare number.
    #[error("`{0}` has no unit of time; hint: write a rate as 60/h, 1/s or 0.5/m")]
    NoUnit(String),
    /// Zero, negative, infinite or not a number.
    #[error("`{0}` is not a rate above zero; hint: write a rate as 60/h, 1/s or 0.5/m")]
    NotPositive(String),
    /// Anything else.
    #[error("`{0}` is not a rate; hint: write a rate as 60/h, 1/s or 0.5/m (units: ns, us, ms, s, m, h, d)")]
    Invalid(String),
}

impl Rate {
    /// `events` per `per`; `None` unless it is finite and above zero.
    pub fn new(events: f64, per: Span) -> Option<Self> {
        let rate = events / per.as_secs_f64();
        (rate.is_finite() && rate > 0.0).then_some(Self { events, per })
    }

    /// Events per second.
    pub fn per_second(self) -> f64 {
        self.events / self.per.as_secs_f64()
    }

    /// Mean gap between events, nanoseconds.
    pub fn mean_gap_ns(self) -> f64 {
        self.per.0 as f64 / self.events
    }
}

impl FromStr for Rate {
    type Err = RateError;

    fn from_str(text: &str) -> Result<Self, RateError> {
        let shown = || text.trim().chars().take(40).collect::<String>();
        let Some((events, per)) = text.split_once('/') else {
            return Err(match text.trim().parse::<f64>() {
                Ok(_) => RateError::NoUnit(shown()),
                Err(_) => RateError::Invalid(shown()),
            });
        };
        let events: f64 = events.trim().parse().map_err(|_| RateError::Invalid(shown()))?;
        let per = per.trim();
        let span = if per.starts_with(|c: char| c.is_ascii_digit()) {
            per.parse()
        } else {
            format!("1{per}").parse::<Span>()
        };
        let per = span.map_err(|_| RateError::Invalid(shown()))?;
        Self::new(events, per).ok_or_else(|| RateError::NotPositive(shown()))
    }
}

impl fmt::Display for Rate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let per = self.per.to_string();
        let unit = per.strip_prefix('1').filter(|rest| rest.chars().all(|c| c.is_ascii_alphabetic()));
        write!(f, "{}/{}", self.events, unit.unwrap_or(&per))
    }
}

impl Serialize for Rate {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Rate {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        text.parse().map_err(serde::de::Error::custom)
    }
}

impl schemars::JsonSchema for Rate {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "Rate".into()
    }

    fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
        schemars::json_schema!({
            "type": "string",
            "description": "A rate above zero with its unit of time: 60/h, 1/s, 0.5/m, 10/30s.",
            "pattern": "^\\s*[0-9.eE+-]+\\s*/\\s*\\S.*$",
            "examples": ["60/h", "1/s", "0.5/m"],
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rates_are_read_and_printed() {
        for (text, per_second) in
            [("60/h", 1.0 / 60.0), ("1/s", 1.0), ("0.5/m", 0.5 / 60.0), ("10/30s", 1.0 / 3.0)]
        {
            let rate: Rate = text.parse().unwrap();
            assert!((rate.per_second() - per_second).abs() < 1e-15, "{text}");
            assert_eq!(rate.to_string(), text);
        }
    }

    #[test]
    fn bad_rates_say_what_to_write_instead() {
        let messages = ["3", "0/s", "-1/m", "inf/s", "1/0s", "1/parsec", "fast"]
            .map(|text| text.parse::<Rate>().unwrap_err());
        insta::assert_snapshot!(messages.map(|error| error.to_string()).join("\n"), @"
        `3` has no unit of time; hint: write a rate as 60/h, 1/s or 0.5/m
        `0/s` is not a rate above zero; hint: write a rate as 60/h, 1/s or 0.5/m
        `-1/m` is not a rate above zero; hint: write a rate as 60/h, 1/s or 0.5/m
        `inf/s` is not a rate above zero; hint: write a rate as 60/h, 1/s or 0.5/m
        `1/0s` is not a rate above zero; hint: write a rate as 60/h, 1/s or 0.5/m
        `1/parsec` is not a rate; hint: write a rate as 60/h, 1/s or 0.5/m (units: ns, us, ms, s, m, h, d)
        `fast` is not a rate; hint: write a rate as 60/h, 1/s or 0.5/m (units: ns, us, ms, s, m, h, d)
        ");
    }
}

//! Decimal numbers of files as whole numbers: weights in thousandths, prices in millionths.
//!
//! Promises that what is read is exactly what was written, and that anything finer, negative or too large is an error.
//! Leaves units to whoever uses them.

use std::fmt;

use serde::de::{Error, Unexpected, Visitor};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// A number from 0 to `MOST`, counted in parts of which `ONE` make one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Fixed<const ONE: u64, const MOST: u64>(pub u64);

/// Up to three decimals.
pub type ThreeDecimals = Fixed<1_000, 1_000>;

/// Up to six decimals.
pub type SixDecimals = Fixed<1_000_000, 1_000_000>;

impl<const ONE: u64, const MOST: u64> Fixed<ONE, MOST> {
    /// So many whole ones.
    pub const fn whole(number: u64) -> Self {
        Self(number * ONE)
    }

    /// The nearest number of parts, if the value is one.
    fn exactly(value: f64) -> Option<Self> {
        let parts = value * ONE as f64;
        let near = (parts - parts.round()).abs() <= 1e-6 * parts.clamp(1.0, 1e3);
        ((0.0..=MOST as f64).contains(&value) && near).then(|| Self(parts.round() as u64))
    }
}

impl<const ONE: u64, const MOST: u64> fmt::Display for Fixed<ONE, MOST> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (whole, part) = (self.0 / ONE, self.0 % ONE);
        if part == 0 {
            return write!(f, "{whole}");
        }
        let digits = format!("{part:0width$}", width = ONE.ilog10() as usize);
        write!(f, "{whole}.{}", digits.trim_end_matches('0'))
    }
}

impl<const ONE: u64, const MOST: u64> Serialize for Fixed<ONE, MOST> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self.0 % ONE {
            0 => serializer.serialize_u64(self.0 / ONE),
            _ => serializer.serialize_f64(self.0 as f64 / ONE as f64),
        }
    }
}

struct FixedVisitor<const ONE: u64, const MOST: u64>;

impl<const ONE: u64, const MOST: u64> Visitor<'_> for FixedVisitor<ONE, MOST> {
    type Value = Fixed<ONE, MOST>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "a number from 0 to {MOST} with at most {} decimals", ONE.ilog10())
    }

    fn visit_u64<E: Error>(self, value: u64) -> Result<Self::Value, E> {
        if value > MOST {
            return Err(E::invalid_value(Unexpected::Unsigned(value), &self));
        }
        Ok(Fixed::whole(value))
    }

    fn visit_i64<E: Error>(self, value: i64) -> Result<Self::Value, E> {
        match u64::try_from(value) {
            Ok(value) => self.visit_u64(value),
            Err(_) => Err(E::invalid_value(Unexpected::Signed(value), &self)),
        }
    }

    fn visit_f64<E: Error>(self, value: f64) -> Result<Self::Value, E> {
        Fixed::exactly(value).ok_or_else(|| E::invalid_value(Unexpected::Float(value), &self))
    }
}

impl<'de, const ONE: u64, const MOST: u64> Deserialize<'de> for Fixed<ONE, MOST> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(FixedVisitor)
    }
}

impl<const ONE: u64, const MOST: u64> schemars::JsonSchema for Fixed<ONE, MOST> {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        format!("Decimal{}", ONE.ilog10()).into()
    }

    fn inline_schema() -> bool {
        true
    }

    fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
        schemars::json_schema!({"type": "number", "minimum": 0, "maximum": MOST})
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Result<SixDecimals, String> {
        serde_json::from_str(text).map_err(|error| error.to_string())
    }

    #[test]
    fn decimals_are_read_exactly_and_written_as_they_were() {
        for (text, parts) in
            [("0", 0), ("1.6", 1_600_000), ("0.00035", 350), ("0.000001", 1), ("1000000", 1_000_000_000_000)]
        {
            let number = read(text).unwrap();
            assert_eq!(number.0, parts);
            assert_eq!(number.to_string(), text);
            assert_eq!(read(&serde_json::to_string(&number).unwrap()), Ok(number));
        }
        assert_eq!(read("999999.999999").unwrap().0, 999_999_999_999);
        for wrong in ["-1", "-0.5", "0.0000001", "1000001", "1e300", "\"1\""] {
            assert!(
                read(wrong).unwrap_err().contains("a number from 0 to 1000000 with at most 6 decimals"),
                "{wrong}"
            );
        }
    }
}

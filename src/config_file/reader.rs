//! From the tree of a file to typed values, with the place of whatever does not fit.
//!
//! Promises that every error carries the mark of the key or value it is about, wherever that was written: in
//! the file or in an override. Leaves the meaning of the values to whoever asks.

use serde::Deserializer;
use serde::de::value::StrDeserializer;
use serde::de::{
    DeserializeSeed, EnumAccess, IntoDeserializer, MapAccess, SeqAccess, VariantAccess, Visitor,
};

use super::document::{Entry, Node, Value};
use super::fault::{Fault, Mark};
use super::shown::crop;

impl Node {
    fn at(&self, fault: Fault) -> Fault {
        fault.or_at(self.mark)
    }

    /// A number or boolean as a text: so that `30` is answered by the reader of durations, which knows
    /// better.
    fn scalar_text(&self) -> Option<String> {
        match &self.value {
            Value::Bool(value) => Some(value.to_string()),
            Value::Unsigned(value) => Some(value.to_string()),
            Value::Signed(value) => Some(value.to_string()),
            Value::Float(value) => Some(value.to_string()),
            Value::Text(text) => Some(text.clone()),
            _ => None,
        }
    }

    fn whole<'de, V: Visitor<'de>>(&'de self, visitor: V) -> Result<V::Value, Fault> {
        match self.value {
            // `2.5e6` is a whole number to the one who writes it.
            Value::Float(value) if value.fract() == 0.0 && value >= 0.0 && value < 2_f64.powi(53) => {
                visitor.visit_u64(value as u64).map_err(|fault| self.at(fault))
            }
            _ => self.deserialize_any(visitor),
        }
    }

    fn texts<'de, V: Visitor<'de>>(&'de self, visitor: V) -> Result<V::Value, Fault> {
        match self.scalar_text() {
            Some(text) => visitor.visit_str(&text).map_err(|fault| self.at(fault)),
            None => self.deserialize_any(visitor),
        }
    }

    fn keyed<'de, V: Visitor<'de>>(&'de self, visitor: V) -> Result<V::Value, Fault> {
        match self.value {
            // What serde would read field by field.
            Value::List(_) => Err(self.at(Fault::new("expected keys with values, found a list"))),
            // `output:` with nothing below it means the defaults.
            Value::Null => visitor.visit_map(Entries::of(&[])).map_err(|fault| self.at(fault)),
            _ => self.deserialize_any(visitor),
        }
    }
}

macro_rules! forward {
    ($to:ident: $($method:ident)*) => {
        $(fn $method<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Fault> {
            self.$to(visitor)
        })*
    };
}

impl<'de> Deserializer<'de> for &'de Node {
    type Error = Fault;

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Fault> {
        let result = match &self.value {
            Value::Null => visitor.visit_unit(),
            Value::Bool(value) => visitor.visit_bool(*value),
            Value::Unsigned(value) => visitor.visit_u64(*value),
            Value::Signed(value) => visitor.visit_i64(*value),
            Value::Float(value) => visitor.visit_f64(*value),
            Value::Text(text) => visitor.visit_borrowed_str(text),
            Value::List(items) => {
                let mut rest = items.iter();
                visitor.visit_seq(Items(&mut rest)).and_then(|value| match rest.next() {
                    Some(extra) => Err(Fault::new("one value too many").or_at(extra.mark)),
                    None => Ok(value),
                })
            }
            Value::Map(entries) => {
                let mut map = Entries::of(entries);
                visitor.visit_map(&mut map).and_then(|value| match map.rest.next() {
                    // A union that was satisfied by its first key.
                    Some(extra) => Err(Fault::new(format!("`{}` is one choice too many", crop(&extra.key)))
                        .with_hint("give exactly one of them")
                        .or_at(extra.mark)),
                    None => Ok(value),
                })
            }
        };
        result.map_err(|fault| self.at(fault))
    }

    forward!(whole: deserialize_u8 deserialize_u16 deserialize_u32 deserialize_u64 deserialize_u128
        deserialize_i8 deserialize_i16 deserialize_i32 deserialize_i64 deserialize_i128);
    forward!(texts: deserialize_str deserialize_string deserialize_identifier deserialize_char);
    forward!(keyed: deserialize_map);
    forward!(deserialize_any: deserialize_bool deserialize_f32 deserialize_f64 deserialize_bytes
        deserialize_byte_buf deserialize_unit deserialize_seq);

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Fault> {
        match self.value {
            Value::Null => visitor.visit_none(),
            _ => visitor.visit_some(self),
        }
        .map_err(|fault| self.at(fault))
    }

    fn deserialize_unit_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        visitor: V,
    ) -> Result<V::Value, Fault> {
        self.deserialize_any(visitor)
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        visitor: V,
    ) -> Result<V::Value, Fault> {
        visitor.visit_newtype_struct(self).map_err(|fault| self.at(fault))
    }

    fn deserialize_tuple<V: Visitor<'de>>(self, length: usize, visitor: V) -> Result<V::Value, Fault> {
        if let Value::List(items) = &self.value
            && items.len() != length
        {
            return Err(self.at(Fault::new(format!("expected {length} values, found {}", items.len()))));
        }
        self.deserialize_any(visitor)
    }

    fn deserialize_tuple_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        length: usize,
        visitor: V,
    ) -> Result<V::Value, Fault> {
        self.deserialize_tuple(length, visitor)
    }

    fn deserialize_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        _: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Fault> {
        self.keyed(visitor)
    }

    fn deserialize_enum<V: Visitor<'de>>(
        self,
        _: &'static str,
        variants: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Fault> {
        let choices = || format!("choose one of {}", variants.join(", "));
        let choice = match &self.value {
            Value::Map(entries) => match &entries[..] {
                [entry] => Choice { name: &entry.key, mark: entry.mark, body: Some(&entry.node) },
                [] => return Err(self.at(Fault::new("expected a choice, found no key").with_hint(choices()))),
                [first, second, ..] => {
                    let message =
                        format!("`{}` and `{}` exclude each other", crop(&first.key), crop(&second.key));
                    return Err(Fault::new(message).with_hint(choices()).or_at(second.mark));
                }
            },
            Value::Text(text) => Choice { name: text, mark: self.mark, body: None },
            other => {
                let message = format!("expected a choice, found {}", other.kind());
                return Err(self.at(Fault::new(message).with_hint(choices())));
            }
        };
        visitor.visit_enum(choice).map_err(|fault| self.at(fault))
    }

    fn deserialize_ignored_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Fault> {
        visitor.visit_unit()
    }
}

impl Value {
    fn kind(&self) -> &'static str {
        match self {
            Self::Null => "nothing",
            Self::Bool(_) => "true or false",
            Self::Unsigned(_) | Self::Signed(_) | Self::Float(_) => "a number",
            Self::Text(_) => "a text",
            Self::List(_) => "a list",
            Self::Map(_) => "keys with values",
        }
    }
}

struct Items<'a, 'de>(&'a mut std::slice::Iter<'de, Node>);

impl<'de> SeqAccess<'de> for Items<'_, 'de> {
    type Error = Fault;

    fn next_element_seed<T: DeserializeSeed<'de>>(&mut self, seed: T) -> Result<Option<T::Value>, Fault> {
        self.0.next().map(|item| seed.deserialize(item).map_err(|fault| item.at(fault))).transpose()
    }

    fn size_hint(&self) -> Option<usize> {
        Some(self.0.len())
    }
}

struct Entries<'de> {
    rest: std::slice::Iter<'de, Entry>,
    value: Option<&'de Node>,
}

impl<'de> Entries<'de> {
    fn of(entries: &'de [Entry]) -> Self {
        Self { rest: entries.iter(), value: None }
    }
}

impl<'de> MapAccess<'de> for Entries<'de> {
    type Error = Fault;

    fn next_key_seed<K: DeserializeSeed<'de>>(&mut self, seed: K) -> Result<Option<K::Value>, Fault> {
        let Some(entry) = self.rest.next() else {
            return Ok(None);
        };
        self.value = Some(&entry.node);
        let key: StrDeserializer<'de, Fault> = entry.key.as_str().into_deserializer();
        seed.deserialize(key).map(Some).map_err(|fault| fault.or_at(entry.mark))
    }

    fn next_value_seed<V: DeserializeSeed<'de>>(&mut self, seed: V) -> Result<V::Value, Fault> {
        match self.value.take() {
            Some(node) => seed.deserialize(node).map_err(|fault| node.at(fault)),
            None => Err(Fault::new("a value was asked for before its key")),
        }
    }
}

/// One variant of an enum: `name`, or `name: body`.
struct Choice<'de> {
    name: &'de str,
    mark: Mark,
    body: Option<&'de Node>,
}

impl<'de> EnumAccess<'de> for Choice<'de> {
    type Error = Fault;
    type Variant = Self;

    fn variant_seed<V: DeserializeSeed<'de>>(self, seed: V) -> Result<(V::Value, Self), Fault> {
        let name: StrDeserializer<'de, Fault> = self.name.into_deserializer();
        let variant = seed.deserialize(name).map_err(|fault| fault.or_at(self.mark))?;
        Ok((variant, self))
    }
}

impl<'de> Choice<'de> {
    fn body(&self, shape: &str) -> Result<&'de Node, Fault> {
        self.body.ok_or_else(|| {
            Fault::new(format!("`{}` needs {shape}", crop(self.name)))
                .with_hint(format!("write {{{}: ...}}", crop(self.name)))
                .or_at(self.mark)
        })
    }
}

impl<'de> VariantAccess<'de> for Choice<'de> {
    type Error = Fault;

    fn unit_variant(self) -> Result<(), Fault> {
        match self.body {
            None => Ok(()),
            Some(node) if node.value == Value::Null => Ok(()),
            Some(node) => Err(Fault::new(format!("`{}` takes no value", crop(self.name)))
                .with_hint(format!("write `{}` alone", crop(self.name)))
                .or_at(node.mark)),
        }
    }

    fn newtype_variant_seed<T: DeserializeSeed<'de>>(self, seed: T) -> Result<T::Value, Fault> {
        let body = self.body("a value")?;
        seed.deserialize(body).map_err(|fault| body.at(fault))
    }

    fn tuple_variant<V: Visitor<'de>>(self, length: usize, visitor: V) -> Result<V::Value, Fault> {
        self.body("a list")?.deserialize_tuple(length, visitor)
    }

    fn struct_variant<V: Visitor<'de>>(
        self,
        _: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Fault> {
        match self.body {
            Some(node) => node.keyed(visitor),
            // `queue: global` means `queue: {global: {}}`.
            None => visitor.visit_map(Entries::of(&[])).map_err(|fault| fault.or_at(self.mark)),
        }
    }
}

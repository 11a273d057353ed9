//! A YAML file as a tree in which every key and value knows where it stands.
//!
//! Promises that any text, however large, deep or broken, becomes a tree or an error quickly: sizes are
//! limited before and while reading. Leaves types to [`super::reader`] and meaning to whoever asks.

use std::collections::BTreeMap;
use std::fmt;

use serde::de::{MapAccess, SeqAccess, Visitor};
use serde::{Deserialize, Deserializer};
use serde_yaml::budget::BudgetBreach;
use serde_yaml::options::MergeKeyPolicy;
use serde_yaml::{DefaultMessageFormatter, Error as YamlError, Location, MessageFormatter, Spanned};

use super::fault::{Fault, Mark};
use super::kind::Kind;
use super::shown::crop;

/// Largest file that is read into a tree, bytes.
pub const MAX_BYTES: usize = 16 << 20;

/// Deepest nesting; a scenario, the deepest kind, needs about 10.
const MAX_DEPTH: usize = 48;

/// Most nodes, aliases expanded.
const MAX_NODES: usize = 2_000_000;

/// A value and where it stands.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Node {
    pub(crate) mark: Mark,
    pub(crate) value: Value,
}

/// What YAML knows.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Value {
    Null,
    Bool(bool),
    Unsigned(u64),
    Signed(i64),
    Float(f64),
    Text(String),
    List(Vec<Node>),
    Map(Vec<Entry>),
}

/// A key with its value.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Entry {
    pub(crate) key: String,
    pub(crate) mark: Mark,
    pub(crate) node: Node,
}

impl Node {
    /// Reads one YAML document.
    pub(crate) fn read(text: &str, kind: &Kind) -> Result<Self, Fault> {
        if text.len() > MAX_BYTES {
            return Err(Fault::new(format!("the file has {} bytes, the most is {MAX_BYTES}", text.len())));
        }
        // Comments and document markers alone are an empty file, too.
        let blank = |line: &str| {
            let line = line.trim();
            line.is_empty() || line.starts_with('#') || line == "---" || line == "..."
        };
        if text.trim_start_matches('\u{feff}').lines().all(blank) {
            return Err(Fault::new("the file is empty").with_hint(kind.empty_hint));
        }
        let options = serde_yaml::options! {
            budget: serde_yaml::budget! {
                max_depth: MAX_DEPTH,
                flow_nesting_limit: MAX_DEPTH,
                max_nodes: MAX_NODES,
                max_events: 2 * MAX_NODES,
                max_total_scalar_bytes: MAX_BYTES,
                max_documents: 1,
            },
            merge_keys: MergeKeyPolicy::Error,
            // YAML 1.2: `off` is a text.
            strict_booleans: true,
        };
        serde_yaml::from_str_with_options::<Spanned<Value>>(text, options)
            .map(Self::from)
            .map_err(|error| fault(&error, kind))
    }

    /// The value below `path`, or the nearest above it that exists; with the mark of its key where it has
    /// one.
    pub(crate) fn nearest<'a>(&self, path: impl IntoIterator<Item = &'a str>) -> Mark {
        let mut node = self;
        let mut mark = self.mark;
        for step in path {
            match &node.value {
                Value::Map(entries) => {
                    let Some(entry) = entries.iter().find(|entry| entry.key == step) else {
                        break;
                    };
                    node = &entry.node;
                    mark = if matches!(node.value, Value::List(_) | Value::Map(_)) {
                        entry.mark
                    } else {
                        node.mark
                    };
                }
                Value::List(items) => {
                    let Some(item) = step.parse::<usize>().ok().and_then(|index| items.get(index)) else {
                        break;
                    };
                    node = item;
                    mark = item.mark;
                }
                _ => break,
            }
        }
        mark
    }
}

impl Node {
    /// The steps of a path whose keys are joined by dots, for [`Self::nearest`]. A key may hold dots itself,
    /// as `qubit_utilization[my.device]` does: the longest one that fits counts.
    pub(crate) fn steps<'a>(&self, path: &'a str) -> Vec<&'a str> {
        let first = path.split('.').next().unwrap_or_default();
        let (step, below) = match &self.value {
            Value::Map(entries) => {
                let fits = |entry: &&Entry| {
                    path.strip_prefix(&entry.key).is_some_and(|rest| rest.is_empty() || rest.starts_with('.'))
                };
                let longest = entries.iter().filter(fits).max_by_key(|entry| entry.key.len());
                longest.map_or((first, None), |entry| (&path[..entry.key.len()], Some(&entry.node)))
            }
            Value::List(items) => (first, first.parse::<usize>().ok().and_then(|index| items.get(index))),
            _ => (first, None),
        };
        let mut steps = vec![step];
        if let (Some(below), Some(rest)) = (below, path[step.len()..].strip_prefix('.')) {
            steps.extend(below.steps(rest));
        }
        steps
    }

    /// The value of a key, where this is keys with values and has it.
    pub(crate) fn below(&self, key: &str) -> Option<&Self> {
        match &self.value {
            Value::Map(entries) => entries.iter().find(|entry| entry.key == key).map(|entry| &entry.node),
            _ => None,
        }
    }

    /// A hash of each top-level section, whatever the order of its keys and the layout of the file.
    pub(crate) fn sections(&self) -> BTreeMap<String, String> {
        let Value::Map(entries) = &self.value else { return BTreeMap::new() };
        let hash = |node: &Self| {
            let mut text = String::new();
            node.value.write(&mut text);
            blake3::hash(text.as_bytes()).to_hex()[..16].to_owned()
        };
        entries.iter().map(|entry| (entry.key.clone(), hash(&entry.node))).collect()
    }
}

impl Value {
    /// One text per value: keys sorted, texts quoted.
    fn write(&self, text: &mut String) {
        match self {
            Self::Null => text.push_str("null"),
            Self::Bool(value) => text.push_str(&value.to_string()),
            Self::Unsigned(value) => text.push_str(&value.to_string()),
            Self::Signed(value) => text.push_str(&value.to_string()),
            Self::Float(value) => text.push_str(&value.to_string()),
            Self::Text(value) => text.push_str(&format!("{value:?}")),
            Self::List(items) => {
                text.push('[');
                for item in items {
                    item.value.write(text);
                    text.push(',');
                }
                text.push(']');
            }
            Self::Map(entries) => {
                let mut sorted: Vec<&Entry> = entries.iter().collect();
                sorted.sort_by(|a, b| a.key.cmp(&b.key));
                text.push('{');
                for entry in sorted {
                    text.push_str(&format!("{:?}:", entry.key));
                    entry.node.value.write(text);
                    text.push(',');
                }
                text.push('}');
            }
        }
    }
}

impl From<Spanned<Value>> for Node {
    fn from(spanned: Spanned<Value>) -> Self {
        Self { mark: mark(spanned.referenced), value: spanned.value }
    }
}

/// Where the YAML reader says that something stands.
pub(super) fn mark(location: Location) -> Mark {
    let number = |n: u64| u32::try_from(n).unwrap_or(u32::MAX).max(1);
    Mark::File {
        line: number(location.line()),
        column: number(location.column()),
        width: number(location.span().len()),
    }
}

impl<'de> Deserialize<'de> for Value {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(ValueVisitor)
    }
}

struct ValueVisitor;

impl<'de> Visitor<'de> for ValueVisitor {
    type Value = Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a value")
    }

    fn visit_unit<E>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_none<E>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_some<D: Deserializer<'de>>(self, deserializer: D) -> Result<Value, D::Error> {
        deserializer.deserialize_any(self)
    }

    fn visit_bool<E>(self, value: bool) -> Result<Value, E> {
        Ok(Value::Bool(value))
    }

    fn visit_u64<E>(self, value: u64) -> Result<Value, E> {
        Ok(Value::Unsigned(value))
    }

    fn visit_i64<E>(self, value: i64) -> Result<Value, E> {
        Ok(u64::try_from(value).map_or(Value::Signed(value), Value::Unsigned))
    }

    fn visit_u128<E>(self, value: u128) -> Result<Value, E> {
        Ok(Value::Float(value as f64))
    }

    fn visit_i128<E>(self, value: i128) -> Result<Value, E> {
        Ok(Value::Float(value as f64))
    }

    fn visit_f64<E>(self, value: f64) -> Result<Value, E> {
        Ok(Value::Float(value))
    }

    fn visit_str<E>(self, text: &str) -> Result<Value, E> {
        Ok(Value::Text(text.to_owned()))
    }

    fn visit_string<E>(self, text: String) -> Result<Value, E> {
        Ok(Value::Text(text))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Value, A::Error> {
        let mut items = Vec::new();
        while let Some(item) = seq.next_element::<Spanned<Value>>()? {
            items.push(item.into());
        }
        Ok(Value::List(items))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Value, A::Error> {
        let mut entries = Vec::new();
        while let Some((key, value)) = map.next_entry::<Spanned<String>, Spanned<Value>>()? {
            entries.push(Entry { key: key.value, mark: mark(key.referenced), node: value.into() });
        }
        Ok(Value::Map(entries))
    }
}

/// What the YAML reader found, in our words.
fn fault(error: &YamlError, kind: &Kind) -> Fault {
    let location = error.location().filter(|location| *location != Location::UNKNOWN);
    let mut fault = explain(error.without_snippet(), kind);
    fault.mark = location.map(mark).map(|mark| match mark {
        // The reader's own spans may cover the rest of the file.
        Mark::File { line, column, .. } => Mark::File { line, column, width: 1 },
        set => set,
    });
    fault
}

fn explain(error: &YamlError, kind: &Kind) -> Fault {
    match error {
        YamlError::DuplicateMappingKey { key: Some(key), .. } => {
            Fault::new(format!("the key `{}` is given twice", crop(key))).with_hint("keep one of them")
        }
        YamlError::Budget { breach: BudgetBreach::Documents { .. }, .. }
        | YamlError::MultipleDocuments { .. } => {
            Fault::new("a second document begins here").with_hint(kind.second_hint)
        }
        YamlError::Budget { breach: BudgetBreach::Depth { .. }, .. } => {
            Fault::new(format!("nested deeper than {MAX_DEPTH} levels")).with_hint("is a bracket left open?")
        }
        YamlError::Budget { .. } => Fault::new(kind.too_large),
        YamlError::MergeKeyNotAllowed { .. } => Fault::new("merge keys (`<<`) are not supported")
            .with_hint("write the keys out, or use an alias for the whole value"),
        YamlError::AliasError { error, .. } => explain(error, kind),
        other => {
            let message = crop(&DefaultMessageFormatter.format_message(other));
            match message.contains("tab") {
                true => Fault::new(message).with_hint("indent with spaces"),
                false => Fault::new(message),
            }
        }
    }
}

//! Overrides from the command line: `--set path=value`.
//!
//! Promises that an override is read and checked like the file itself, and that its errors name it. Keys are
//! separated by dots, list items are numbers; the value is YAML, or else a text.

use std::fmt;
use std::str::FromStr;

use super::document::{Entry, Node, Value};
use super::fault::{Fault, Mark};
use super::kind::Kind;
use super::shown::crop;

/// One override.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SetOverride {
    path: Vec<String>,
    value: String,
    /// The option that it was written with, for errors.
    option: &'static str,
}

/// Why a text is no override.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SetError {
    /// No equals sign.
    #[error("`{0}` has no `=`; hint: write path=value, as in allocator.strategy=first_fit")]
    NoValue(String),
    /// Nothing between two dots, or before the equals sign.
    #[error(
        "`{0}` has an empty key; hint: keys are separated by dots, list items by number, as in fleet.0.count=2"
    )]
    EmptyKey(String),
}

/// How the places of two settings lie to each other, where they touch.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Overlap {
    /// Both are about the same place.
    Same,
    /// The first one's place lies within the second one's: `a.b.c` within `a.b`.
    Within,
    /// The other way round.
    Around,
}

impl SetOverride {
    /// The override of `path` (keys separated by dots) with the YAML text `value`.
    pub fn new(path: &str, value: impl Into<String>) -> Result<Self, SetError> {
        let keys: Vec<String> = path.split('.').map(|key| key.trim().to_owned()).collect();
        if keys.iter().any(String::is_empty) {
            return Err(SetError::EmptyKey(crop(path)));
        }
        Ok(Self { path: keys, value: value.into(), option: "--set" })
    }

    /// The same, written with another option than `--set`: errors name that one.
    #[must_use]
    pub fn written_as(self, option: &'static str) -> Self {
        Self { option, ..self }
    }

    /// The path, keys separated by dots.
    pub fn path(&self) -> String {
        self.path.join(".")
    }

    /// How the place of this setting lies to that of another one; `None` where one leaves the other as it is.
    /// Items of lists are compared by number: `fleet.00` is `fleet.0`.
    pub fn overlap(&self, other: &Self) -> Option<Overlap> {
        let number = |key: &str| key.parse::<usize>().ok();
        let same = |(a, b): (&String, &String)| a == b || (number(a).is_some() && number(a) == number(b));
        let touches = self.path.iter().zip(&other.path).all(same);
        touches.then(|| match self.path.len().cmp(&other.path.len()) {
            std::cmp::Ordering::Equal => Overlap::Same,
            std::cmp::Ordering::Greater => Overlap::Within,
            std::cmp::Ordering::Less => Overlap::Around,
        })
    }

    /// The option that it was written with: `--set` unless said otherwise.
    pub fn option(&self) -> &'static str {
        self.option
    }

    /// The value as it was written.
    pub fn value(&self) -> &str {
        &self.value
    }

    /// Puts the value into the tree of a file of this kind; `index` is the number of this override.
    pub(crate) fn apply(&self, tree: &mut Node, index: usize, kind: &Kind) -> Result<(), Fault> {
        let mark = Mark::Set(index);
        let mut node = tree;
        for (depth, key) in self.path.iter().enumerate() {
            let parent = || crop(&self.path[..depth].join("."));
            node = match &mut node.value {
                Value::List(items) => {
                    let length = items.len();
                    let item = key.parse::<usize>().ok().and_then(|number| items.get_mut(number));
                    item.ok_or_else(|| {
                        let message =
                            format!("`{}` is a list of {length} and has no item `{}`", parent(), crop(key));
                        let fault = match length {
                            0 => Fault::new(message),
                            _ => Fault::new(message)
                                .with_hint(format!("items are numbered 0..={}", length - 1)),
                        };
                        fault.or_at(mark)
                    })?
                }
                Value::Map(entries) => {
                    let parent = depth.checked_sub(1).map_or("", |parent| self.path[parent].as_str());
                    child(entries, written(entries, kind, parent, key), mark)
                }
                value @ Value::Null => {
                    *value = Value::Map(Vec::new());
                    let Value::Map(entries) = value else { unreachable!("just assigned") };
                    child(entries, key, mark)
                }
                scalar => {
                    let shown = match scalar {
                        Value::Text(text) => format!("`{}`", crop(text)),
                        _ => "a value without keys".to_owned(),
                    };
                    let message = format!("`{}` is {shown}; it has no key `{}`", parent(), crop(key));
                    return Err(Fault::new(message).or_at(mark));
                }
            };
        }
        *node = self.parsed(mark, kind);
        Ok(())
    }

    /// The value as YAML, or else as a text.
    fn parsed(&self, mark: Mark, kind: &Kind) -> Node {
        let value = match Node::read(&self.value, kind) {
            Ok(node) => node.value,
            Err(_) => Value::Text(self.value.clone()),
        };
        remark(Node { mark, value }, mark)
    }
}

/// The name under which the file has a key already: it may stand there once.
fn written<'a>(entries: &[Entry], kind: &Kind, parent: &str, key: &'a str) -> &'a str {
    let has = |name: &str| entries.iter().any(|entry| entry.key == name);
    kind.other_name(parent, key).filter(|other| has(other) && !has(key)).unwrap_or(key)
}

fn child<'a>(entries: &'a mut Vec<Entry>, key: &str, mark: Mark) -> &'a mut Node {
    let index = entries.iter().position(|entry| entry.key == key).unwrap_or_else(|| {
        entries.push(Entry { key: key.to_owned(), mark, node: Node { mark, value: Value::Null } });
        entries.len() - 1
    });
    &mut entries[index].node
}

/// Everything below an override points at it.
fn remark(node: Node, mark: Mark) -> Node {
    let value = match node.value {
        Value::List(items) => Value::List(items.into_iter().map(|item| remark(item, mark)).collect()),
        Value::Map(entries) => Value::Map(
            entries
                .into_iter()
                .map(|entry| Entry { key: entry.key, mark, node: remark(entry.node, mark) })
                .collect(),
        ),
        scalar => scalar,
    };
    Node { mark, value }
}

impl FromStr for SetOverride {
    type Err = SetError;

    fn from_str(text: &str) -> Result<Self, SetError> {
        let (path, value) = text.split_once('=').ok_or_else(|| SetError::NoValue(crop(text)))?;
        Self::new(path, value)
    }
}

impl fmt::Display for SetOverride {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.option {
            "--set" | "--vary" => {
                write!(f, "{} {}={}", self.option, crop(&self.path()), crop(&self.value))
            }
            option => write!(f, "{option} {}", crop(&self.value)),
        }
    }
}

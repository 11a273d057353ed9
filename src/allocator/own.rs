//! Policies of the user's own, by the names that scenario files, journals and snapshots call them.
//!
//! Promises that a name is given once in a program and never to what is shipped, so that it means one thing wherever it is
//! read. Leaves what a name stands for to [`super::placement::own`],
//! [`super::candidates::own`] and [`super::order::own`].

use std::borrow::Cow;
use std::sync::{Arc, PoisonError, RwLock};

use serde::{Deserialize, Deserializer};

/// Longest name, characters.
const NAME_MAX: usize = 40;

/// What can be brought along.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// A placement strategy.
    Strategy,
    /// A device selector.
    Selector,
    /// An order of waiting jobs.
    Order,
}

/// How many kinds there are.
const KINDS: usize = 3;

/// The name of something that was registered in this program.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct OwnName(&'static str);

impl OwnName {
    /// As it is written in files.
    pub fn as_str(self) -> &'static str {
        self.0
    }
}

/// Why a name cannot be given.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum OwnNameError {
    /// Not a name.
    #[error(
        "`{0}` is no name for a policy; hint: lower-case letters, digits and _, beginning with a letter, at most {NAME_MAX}"
    )]
    Invalid(String),
    /// Given to something that is shipped, or given before.
    #[error("the name `{0}` is taken; hint: another one")]
    Taken(String),
}

/// The names of each [`Kind`], in the order in which they were given.
static NAMES: RwLock<[Vec<&'static str>; KINDS]> = RwLock::new([const { Vec::new() }; KINDS]);

/// Gives a name, for as long as the program runs; `shipped` are those that cannot be given.
fn give_name(
    kind: Kind,
    name: &str,
    shipped: impl IntoIterator<Item = &'static str>,
) -> Result<OwnName, OwnNameError> {
    let letters = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_';
    if name.len() > NAME_MAX
        || !name.starts_with(|c: char| c.is_ascii_lowercase())
        || !name.chars().all(letters)
    {
        return Err(OwnNameError::Invalid(name.chars().take(2 * NAME_MAX).collect()));
    }
    let mut names = NAMES.write().unwrap_or_else(PoisonError::into_inner);
    let known = &mut names[kind as usize];
    if known.contains(&name) || shipped.into_iter().any(|shipped| shipped == name) {
        return Err(OwnNameError::Taken(name.to_owned()));
    }
    // Once for each policy of a program.
    let kept: &'static str = Box::leak(name.to_owned().into_boxed_str());
    known.push(kept);
    Ok(OwnName(kept))
}

/// All names of a kind that were given, in order.
pub fn names(kind: Kind) -> Vec<&'static str> {
    NAMES.read().unwrap_or_else(PoisonError::into_inner)[kind as usize].clone()
}

/// Reads the name of something that is shipped, or of the user's own.
pub(super) fn read<'de, D: Deserializer<'de>, T: Copy>(
    deserializer: D,
    kind: Kind,
    shipped: &[(&'static str, T)],
    own: fn(OwnName) -> T,
) -> Result<T, D::Error> {
    let name = Cow::<'de, str>::deserialize(deserializer)?;
    if let Some((_, found)) = shipped.iter().find(|(known, _)| *known == name) {
        return Ok(*found);
    }
    let given = names(kind);
    if let Some(found) = given.iter().find(|known| **known == name) {
        return Ok(own(OwnName(found)));
    }
    let all = shipped.iter().map(|(known, _)| *known).chain(given).collect();
    Err(serde::de::Error::unknown_variant(&name, choices(kind, all)))
}

/// Makes one of a kind, for each allocator anew.
pub type Make<T> = dyn Fn() -> Box<T> + Send + Sync;

/// What the names of one kind stand for.
pub(super) struct Makers<T: ?Sized>(RwLock<Vec<(OwnName, Arc<Make<T>>)>>);

impl<T: ?Sized> Makers<T> {
    /// None yet.
    pub const fn new() -> Self {
        Self(RwLock::new(Vec::new()))
    }

    /// Gives a name to what `make` makes. Nobody who reads the name finds it without.
    pub fn register(
        &self,
        kind: Kind,
        name: &str,
        shipped: impl IntoIterator<Item = &'static str>,
        make: Arc<Make<T>>,
    ) -> Result<OwnName, OwnNameError> {
        let mut makers = self.0.write().unwrap_or_else(PoisonError::into_inner);
        let name = give_name(kind, name, shipped)?;
        makers.push((name, make));
        Ok(name)
    }

    /// Makes what a name stands for.
    pub fn make(&self, name: OwnName) -> Box<T> {
        let makers = self.0.read().unwrap_or_else(PoisonError::into_inner);
        let known = makers.iter().find(|(known, _)| *known == name).map(|(_, make)| Arc::clone(make));
        drop(makers);
        known.expect("a name is given together with its maker")()
    }
}

/// The lists of names that errors have spoken of, per kind.
static CHOICES: RwLock<[&[&str]; KINDS]> = RwLock::new([&[]; KINDS]);

/// A list of names for as long as the program runs, as errors of readers want it: one per kind, until a name is added.
fn choices(kind: Kind, all: Vec<&'static str>) -> &'static [&'static str] {
    let mut choices = CHOICES.write().unwrap_or_else(PoisonError::into_inner);
    let kept = &mut choices[kind as usize];
    if *kept != all {
        *kept = all.leak();
    }
    kept
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_given_once() {
        let give = |name: &str| give_name(Kind::Selector, name, ["first"]).map_err(|error| error.to_string());
        assert_eq!(give("names_are_given_once").map(OwnName::as_str), Ok("names_are_given_once"));
        assert!(names(Kind::Selector).contains(&"names_are_given_once"));
        assert!(!names(Kind::Strategy).contains(&"names_are_given_once"));
        let taken = |name: &str| Err(format!("the name `{name}` is taken; hint: another one"));
        assert_eq!(give("names_are_given_once"), taken("names_are_given_once"));
        assert_eq!(give("first"), taken("first"));
        for wrong in ["", "Greedy", "9lives", "a b", "a-b", "ä", &"a".repeat(41)] {
            assert!(give(wrong).unwrap_err().contains("is no name"), "{wrong}");
        }
    }
}

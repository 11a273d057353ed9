//! What files of one kind are called, and what errors about them show.
//!
//! Promises nothing: plain words. Leaves them to the layer that knows what the keys mean.

/// A kind of file, such as scenarios, in the words of its errors.
#[derive(Debug)]
pub struct Kind {
    /// What one is called, as in "scenario".
    pub name: &'static str,
    /// One that everybody has, as in "scenarios/quickstart.yaml".
    pub example: &'static str,
    /// How to begin, for whoever gives an empty file.
    pub empty_hint: &'static str,
    /// What to do with a second document.
    pub second_hint: &'static str,
    /// What is wrong with a file of too many values.
    pub too_large: &'static str,
    /// Keys with an example of each, for whoever leaves one out: `("rate", "rate: 60/h")`.
    pub keys: &'static [(&'static str, &'static str)],
    /// Keys that may be written in two ways.
    pub synonyms: &'static [Synonyms],
}

/// A key with two names.
#[derive(Debug)]
pub struct Synonyms {
    /// The key below which it stands; empty for the top.
    pub below: &'static str,
    /// Both names.
    pub names: [&'static str; 2],
}

impl Kind {
    /// How `key` is written.
    pub(super) fn example_of(&self, key: &str) -> Option<&'static str> {
        self.keys.iter().find(|(known, _)| *known == key).map(|(_, example)| *example)
    }

    /// The other name of `key` below `parent`.
    pub(super) fn other_name(&self, parent: &str, key: &str) -> Option<&'static str> {
        self.synonyms.iter().filter(|synonyms| synonyms.below == parent).find_map(|synonyms| {
            match synonyms.names {
                [one, two] if one == key => Some(two),
                [one, two] if two == key => Some(one),
                _ => None,
            }
        })
    }
}

//! The variants of a comparison, from what stands on a command line.
//!
//! Promises the product of all values of every `--vary` and all named variants, each with a name of its own, and that
//! every setting holds which a name tells: none is hidden behind another one. Leaves loading and running them to
//! [`super::compare`].

use crate::config_file::shown::escaped;
use crate::config_file::{Overlap, SetError, SetOverride};
use crate::label::{self, LabelError};

/// Most variants of one comparison.
pub const MAX_VARIANTS: usize = 1_000;

/// One setting that is varied, with its values: `allocator.strategy=first_fit,noise_aware`.
#[derive(Debug, Clone, PartialEq)]
pub struct Vary {
    /// Where the setting stands.
    pub path: String,
    /// Its values, as YAML.
    pub values: Vec<String>,
}

/// A named variant and its settings: `careful: allocator.strategy=noise_aware; allocator.isolation.guard=1s`.
#[derive(Debug, Clone, PartialEq)]
pub struct Named {
    /// Its name in tables.
    pub name: String,
    /// Path and value of each setting; none: the scenario as it is.
    pub settings: Vec<(String, String)>,
}

/// Why variants cannot be read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum VaryError {
    /// No equals sign, or nothing on one side of it.
    #[error("`{0}` is not of the form path=v1,v2; hint: as in allocator.strategy=first_fit,noise_aware")]
    Form(String),
    /// Fewer than two values.
    #[error(
        "`{0}` has one value; hint: a comparison needs at least two, as in allocator.strategy=first_fit,noise_aware"
    )]
    OneValue(String),
    /// One setting given twice.
    #[error("`{0}` is varied twice; hint: give all of its values at once")]
    Twice(String),
    /// Two settings of which one hides the other, or a part of it.
    #[error(transparent)]
    Hidden(#[from] Hidden),
    /// No path.
    #[error(transparent)]
    Set(#[from] SetError),
    /// No name.
    #[error(
        "`{0}` is not of the form NAME: path=value; path=value; hint: as in \"careful: allocator.strategy=noise_aware\""
    )]
    Unnamed(String),
    /// A name that a table cannot show.
    #[error("`{0}` cannot be the name of a variant: {1}")]
    Name(String, LabelError),
    /// One name for two variants.
    #[error("two variants are called `{0}`; hint: give every variant a name of its own")]
    SameName(String),
    /// Nothing to compare.
    #[error(
        "nothing to compare; hint: --vary allocator.strategy=first_fit,noise_aware, or two or more --variant"
    )]
    Nothing,
    /// A setting that changes the world.
    #[error(
        "`{0}` cannot be varied: variants are compared on the same worlds; hint: use --seed or --replications"
    )]
    OtherWorlds(String),
    /// More combinations than anybody can read.
    #[error("more than {MAX_VARIANTS} combinations; hint: vary less at a time")]
    TooMany,
}

/// Two settings of which the later one would hide the earlier one, or a part of it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{earlier}` ({earlier_option}) and `{later}` ({later_option}) set the same place: {}; hint: keep one of them", self.how())]
pub struct Hidden {
    earlier: String,
    earlier_option: &'static str,
    later: String,
    later_option: &'static str,
    overlap: Overlap,
}

impl Hidden {
    fn of(earlier: &SetOverride, later: &SetOverride, overlap: Overlap) -> Self {
        Self {
            earlier: earlier.path(),
            earlier_option: earlier.option(),
            later: later.path(),
            later_option: later.option(),
            overlap,
        }
    }

    fn how(&self) -> &'static str {
        match self.overlap {
            Overlap::Same => "the second would hide the first",
            Overlap::Within => "the second contains the first and would hide it",
            Overlap::Around => "the second would change a part of the first",
        }
    }
}

/// Refuses settings that were all written for the same scenario, of which one hides another.
pub fn distinct(settings: &[SetOverride]) -> Result<(), Hidden> {
    for (index, later) in settings.iter().enumerate() {
        for earlier in &settings[..index] {
            if let Some(overlap) = earlier.overlap(later) {
                return Err(Hidden::of(earlier, later, overlap));
            }
        }
    }
    Ok(())
}

/// Refuses a setting of all variants that one of a single variant, whose name tells it, would hide. That it is refined
/// (`workload={...}` and then `workload.arrivals`) is what settings of all variants are for; so is, with
/// `may_differ`, that a variant differs from it.
pub fn not_hidden(common: &[SetOverride], own: &[SetOverride], may_differ: bool) -> Result<(), Hidden> {
    for later in own {
        for earlier in common {
            match earlier.overlap(later) {
                None | Some(Overlap::Around) => {}
                Some(Overlap::Same) if may_differ => {}
                Some(overlap) => return Err(Hidden::of(earlier, later, overlap)),
            }
        }
    }
    Ok(())
}

impl std::str::FromStr for Vary {
    type Err = VaryError;

    fn from_str(text: &str) -> Result<Self, VaryError> {
        let form = || VaryError::Form(text.to_owned());
        let (path, values) = text.split_once('=').ok_or_else(form)?;
        let values = split(values, ',');
        if path.trim().is_empty() || values.iter().any(String::is_empty) {
            return Err(form());
        }
        if values.len() < 2 {
            return Err(VaryError::OneValue(text.to_owned()));
        }
        Ok(Self { path: path.trim().to_owned(), values })
    }
}

impl std::str::FromStr for Named {
    type Err = VaryError;

    fn from_str(text: &str) -> Result<Self, VaryError> {
        let unnamed = || VaryError::Unnamed(text.to_owned());
        let (name, settings) = text.split_once(':').ok_or_else(unnamed)?;
        let name = name.trim().to_owned();
        if name.is_empty() || name.contains('=') {
            return Err(unnamed());
        }
        label::check(&name).map_err(|error| VaryError::Name(escaped(&name), error))?;
        let settings = split(settings, ';').into_iter().filter(|setting| !setting.is_empty());
        let settings = settings.map(|setting| {
            let (path, value) = setting.split_once('=').ok_or_else(unnamed)?;
            let (path, value) = (path.trim(), value.trim());
            let whole = !path.is_empty() && !value.is_empty();
            whole.then(|| (path.to_owned(), value.to_owned())).ok_or_else(unnamed)
        });
        Ok(Self { name, settings: settings.collect::<Result<_, _>>()? })
    }
}

/// Splits outside brackets and braces, so that `{global: {skip_ahead: 1}},{global: {skip_ahead: 2}}` works.
fn split(text: &str, separator: char) -> Vec<String> {
    let mut values = vec![String::new()];
    let mut depth = 0_usize;
    for c in text.chars() {
        match c {
            '{' | '[' => depth += 1,
            '}' | ']' => depth = depth.saturating_sub(1),
            _ => {}
        }
        match values.last_mut() {
            Some(last) if c != separator || depth > 0 => last.push(c),
            _ => values.push(String::new()),
        }
    }
    values.into_iter().map(|value| value.trim().to_owned()).collect()
}

/// Checks that the settings can be varied together, that none of them or of `common`, the settings of all variants, is
/// hidden, and that replications of all variants can be paired.
pub fn check(common: &[SetOverride], named: &[Named], varies: &[Vary]) -> Result<(), VaryError> {
    if varies.is_empty() && named.len() < 2 {
        return Err(VaryError::Nothing);
    }
    let varied: Vec<SetOverride> = varies.iter().map(Vary::place).collect::<Result<_, _>>()?;
    for (index, later) in varied.iter().enumerate() {
        check_world(&later.path())?;
        if varied[..index].iter().any(|earlier| earlier.overlap(later) == Some(Overlap::Same)) {
            return Err(VaryError::Twice(later.path()));
        }
    }
    not_hidden(common, &varied, false)?;
    if named.is_empty() {
        distinct(&varied)?;
    }
    for (index, variant) in named.iter().enumerate() {
        if named[..index].iter().any(|earlier| earlier.name == variant.name) {
            return Err(VaryError::SameName(variant.name.clone()));
        }
        let own = variant.overrides()?;
        own.iter().try_for_each(|setting| check_world(&setting.path()))?;
        not_hidden(common, &own, true)?;
        distinct(&[own, varied.clone()].concat())?;
    }
    let variants =
        varies.iter().try_fold(named.len().max(1), |product, vary| product.checked_mul(vary.values.len()));
    match variants {
        Some(variants) if variants <= MAX_VARIANTS => Ok(()),
        _ => Err(VaryError::TooMany),
    }
}

/// Refuses settings under which variants would meet different worlds.
fn check_world(path: &str) -> Result<(), VaryError> {
    match path {
        "seed" | "replications" => Err(VaryError::OtherWorlds(path.to_owned())),
        _ => Ok(()),
    }
}

impl Vary {
    /// Its place, with the first of its values.
    fn place(&self) -> Result<SetOverride, SetError> {
        self.set(self.values.first().map_or("", String::as_str))
    }

    fn set(&self, value: &str) -> Result<SetOverride, SetError> {
        Ok(SetOverride::new(&self.path, value)?.written_as("--vary"))
    }
}

impl Named {
    fn overrides(&self) -> Result<Vec<SetOverride>, SetError> {
        let set = |(path, value): &(String, String)| {
            Ok(SetOverride::new(path, value.clone())?.written_as("--variant"))
        };
        self.settings.iter().map(set).collect()
    }
}

/// What each varied setting is called in names: its last keys, as many as it takes to tell them apart.
fn short_names(varies: &[Vary]) -> Vec<String> {
    let tail = |vary: &Vary, keys: usize| {
        let all: Vec<&str> = vary.path.split('.').map(str::trim).collect();
        all[all.len().saturating_sub(keys)..].join(".")
    };
    let longest = varies.iter().map(|vary| vary.path.split('.').count()).max().unwrap_or(1);
    let of = |vary: &Vary| {
        let alone =
            |keys: &usize| varies.iter().filter(|other| tail(other, *keys) == tail(vary, *keys)).count() == 1;
        tail(vary, (1..=longest).find(alone).unwrap_or(longest))
    };
    varies.iter().map(of).collect()
}

/// The settings of all variants: the named ones, each with the product of the values of every [`Vary`], the first varying
/// slowest.
pub fn product(named: &[Named], varies: &[Vary]) -> Result<Vec<(String, Vec<SetOverride>)>, SetError> {
    let mut variants: Vec<(String, Vec<SetOverride>)> = Vec::new();
    for variant in named {
        variants.push((variant.name.clone(), variant.overrides()?));
    }
    if named.is_empty() {
        variants.push((String::new(), Vec::new()));
    }
    for (vary, short) in varies.iter().zip(short_names(varies)) {
        let mut next = Vec::new();
        for (name, sets) in &variants {
            for value in &vary.values {
                let name = format!("{name}{}{short}={value}", if name.is_empty() { "" } else { " " });
                let mut sets = sets.clone();
                sets.push(vary.set(value)?);
                next.push((name, sets));
            }
        }
        variants = next;
    }
    // A value given twice is compared with itself: both need a name.
    let names: Vec<String> = variants.iter().map(|variant| variant.0.clone()).collect();
    for (index, variant) in variants.iter_mut().enumerate() {
        let earlier = names[..index].iter().filter(|name| **name == variant.0).count();
        if earlier > 0 {
            variant.0 = format!("{} #{}", variant.0, earlier + 1);
        }
    }
    Ok(variants)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_that_a_table_cannot_show_is_refused() {
        for name in ["a\u{202e}b", "a\u{1}b"] {
            let error = format!("{name}: seed=1").parse::<Named>().unwrap_err();
            assert!(matches!(error, VaryError::Name(..)), "{error}");
        }
    }

    #[test]
    fn values_are_split_outside_brackets() {
        let vary: Vary =
            "allocator.queue={global: {skip_ahead: 1}},{global: {skip_ahead: 2}}".parse().unwrap();
        assert_eq!(vary.values, ["{global: {skip_ahead: 1}}", "{global: {skip_ahead: 2}}"]);
        assert!("allocator.strategy".parse::<Vary>().is_err());
        assert!("=a,b".parse::<Vary>().is_err());
        assert!("x=a,,b".parse::<Vary>().is_err());
        let one = "x=a".parse::<Vary>().unwrap_err();
        assert!(one.to_string().contains("at least two"), "{one}");
    }

    #[test]
    fn named_variants_hold_several_settings() {
        let named = ["plain:", "careful: a.strategy=x; a.queue={global: {skip_ahead: 1}}"];
        let named = named.map(|text| text.parse::<Named>().unwrap());
        assert_eq!(named[0].settings, []);
        assert_eq!(named[1].settings[1].1, "{global: {skip_ahead: 1}}");
        let vary = "b.y=3,4".parse::<Vary>().unwrap();
        check(&[], &named, std::slice::from_ref(&vary)).unwrap();
        let names: Vec<String> =
            product(&named, &[vary]).unwrap().into_iter().map(|(name, _)| name).collect();
        assert_eq!(names, ["plain y=3", "plain y=4", "careful y=3", "careful y=4"]);
        let errors = ["a.x=1", ": a=1", "x: y", "x: =1"].map(|text| text.parse::<Named>().is_err());
        assert_eq!(errors, [true; 4]);
        let twins = ["a:", "a: x=1"].map(|text| text.parse::<Named>().unwrap());
        assert_eq!(check(&[], &twins, &[]), Err(VaryError::SameName("a".to_owned())));
        assert_eq!(check(&[], &named[..1], &[]), Err(VaryError::Nothing));
        let world = ["a:", "b: seed=1"].map(|text| text.parse::<Named>().unwrap());
        assert_eq!(check(&[], &world, &[]), Err(VaryError::OtherWorlds("seed".to_owned())));
    }

    /// `allocator.isolation` holds `buffer_distance`: the later of both would win, and the name of the variant would lie.
    #[test]
    fn no_setting_hides_another_one() {
        let set = |text: &str| text.parse::<SetOverride>().unwrap();
        let said = |sets: &[&str], named: &[&str], varies: &[&str]| {
            let sets: Vec<SetOverride> = sets.iter().map(|text| set(text)).collect();
            let named: Vec<Named> = named.iter().map(|text| text.parse().unwrap()).collect();
            let varies: Vec<Vary> = varies.iter().map(|text| text.parse().unwrap()).collect();
            let found = distinct(&sets).map_err(VaryError::from).and_then(|()| check(&sets, &named, &varies));
            found.map_or_else(|error| error.to_string(), |()| "fine".to_owned())
        };
        let wide = "wide: a.isolation={b: 3}";
        let found = [
            said(&[], &[wide, "narrow:"], &["a.isolation.b=1,2"]),
            said(&[], &["x: a.isolation.b=1", "narrow:"], &["a.isolation={b: 1},{b: 2}"]),
            said(&[], &[], &["a.isolation.b=1,2", "a.isolation={b: 1},{b: 2}"]),
            said(&[], &[], &["fleet.0.count=1,2", "fleet.00.count=3,4"]),
            said(&[], &["x: a.b=1; a={b: 2}", "y:"], &[]),
            said(&["a.isolation.b=1"], &[wide, "y:"], &[]),
            said(&["a.b=1"], &[], &["a.b=1,2"]),
            said(&["a.b=1", "a.b=2"], &[], &["c=1,2"]),
            said(&["a={b: 1}", "a.b=2"], &[], &["c=1,2"]),
            said(&["a={b: 1}"], &[], &["a.b=1,2"]),
            said(&["a.b=1"], &["x: a.b=2", "y:"], &[]),
            said(&["a.bc=1"], &["x: a.b=2", "y:"], &["a.bd=1,2"]),
        ];
        insta::assert_snapshot!(found.join("\n"), @"
        `a.isolation` (--variant) and `a.isolation.b` (--vary) set the same place: the second would change a part of the first; hint: keep one of them
        `a.isolation.b` (--variant) and `a.isolation` (--vary) set the same place: the second contains the first and would hide it; hint: keep one of them
        `a.isolation.b` (--vary) and `a.isolation` (--vary) set the same place: the second contains the first and would hide it; hint: keep one of them
        `fleet.00.count` is varied twice; hint: give all of its values at once
        `a.b` (--variant) and `a` (--variant) set the same place: the second contains the first and would hide it; hint: keep one of them
        `a.isolation.b` (--set) and `a.isolation` (--variant) set the same place: the second contains the first and would hide it; hint: keep one of them
        `a.b` (--set) and `a.b` (--vary) set the same place: the second would hide the first; hint: keep one of them
        `a.b` (--set) and `a.b` (--set) set the same place: the second would hide the first; hint: keep one of them
        `a` (--set) and `a.b` (--set) set the same place: the second would change a part of the first; hint: keep one of them
        fine
        fine
        fine
        ");
    }

    #[test]
    fn settings_that_end_alike_have_names_of_their_own() {
        let varies = ["a.mode=1,2", "b.mode=3,4", "c=5,6"].map(|text| text.parse::<Vary>().unwrap());
        let first = &product(&[], &varies).unwrap()[0].0;
        assert_eq!(first, "a.mode=1 b.mode=3 c=5");
    }

    #[test]
    fn variants_are_the_product_and_twins_have_names() {
        let varies = ["a.x=1,2", "b.y=3,3"].map(|text| text.parse::<Vary>().unwrap());
        let names: Vec<String> =
            product(&[], &varies).unwrap().into_iter().map(|variant| variant.0).collect();
        assert_eq!(names, ["x=1 y=3", "x=1 y=3 #2", "x=2 y=3", "x=2 y=3 #2"]);
    }
}

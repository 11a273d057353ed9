//! What devices may be called in a scenario: their own names, patterns, vendors, technologies and aliases.
//!
//! Promises one meaning of a name wherever devices are named, that a name which stands for nothing is an error with the
//! nearest choices, and devices in the order of the fleet. Leaves what they are named for to whoever asks.

use std::collections::{BTreeMap, BTreeSet};

use smallvec::SmallVec;

use super::problem::Problem;
use crate::allocator::config::DeviceWeights;
use crate::config_file::shown::{crop, near};
use crate::fixed_point::ThreeDecimals;
use crate::quantum::DeviceId;
use crate::quantum::device::{DeviceSpec, Technology};
use crate::simulator::scenario::FleetDevice;

/// Most names that an error lists of each kind.
const LISTED_MAX: usize = 30;

/// Aliases that need not be listed: names of clouds and families of devices. One that stands for no device of the fleet
/// is an error where it is used.
const SHIPPED: [(&str, &[&str]); 5] = [
    ("ibm_quantum", &["ibm", "ibm_*"]),
    ("rigetti", &["rigetti", "rigetti_*"]),
    ("rigetti_aspen", &["rigetti_aspen*", "aspen*"]),
    ("ionq", &["ionq", "ionq_*"]),
    ("simulator", &["simulator"]),
];

/// How closely a name describes the devices that it stands for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Closeness {
    /// How they are made.
    Technology,
    /// Who makes them.
    Vendor,
    /// A list.
    Alias,
    /// A pattern of names.
    Pattern,
    /// The name of one device.
    Name,
}

/// What devices may be called.
#[derive(Debug, Clone, Copy)]
pub struct DeviceNames<'a> {
    /// The devices, each under its number.
    pub(super) fleet: &'a [FleetDevice],
    aliases: &'a BTreeMap<String, Vec<String>>,
}

impl<'a> DeviceNames<'a> {
    /// Checks the aliases of a fleet: each stands for something, and hides no device.
    pub(super) fn new(
        fleet: &'a [FleetDevice],
        aliases: &'a BTreeMap<String, Vec<String>>,
    ) -> Result<Self, Problem> {
        let names = Self { fleet, aliases };
        for (alias, parts) in aliases {
            let at = format!("aliases.{alias}");
            if alias.is_empty() || alias.contains('*') {
                let message = format!("`{}` is no name for several devices", crop(alias));
                return Err(Problem::new(at, message).hint("a word without `*`, as in `fast`"));
            }
            if fleet.iter().any(|device| device.spec.name == *alias) {
                let message = format!("`{}` is the name of a device", crop(alias));
                return Err(Problem::new(at, message).hint("give the alias another name"));
            }
            if parts.is_empty() {
                return Err(Problem::new(at, format!("alias `{}` stands for nothing", crop(alias))));
            }
            for (index, part) in parts.iter().enumerate() {
                // Aliases do not contain each other, so that none contains itself.
                if names.plain(part).is_none() {
                    return Err(names.unknown(part, &format!("{at}.{index}")));
                }
            }
        }
        Ok(names)
    }

    /// The devices with one of the names, in the order of the list.
    pub(super) fn all(self, names: &[String], at: &str) -> Result<SmallVec<[DeviceId; 2]>, Problem> {
        let mut found: SmallVec<[DeviceId; 2]> = SmallVec::new();
        let mut seen = BTreeSet::new();
        for (index, name) in names.iter().enumerate() {
            let (_, devices) = self.find(name, &format!("{at}.{index}"))?;
            found.extend(devices.into_iter().filter(|id| seen.insert(*id)));
        }
        Ok(found)
    }

    /// The same; or a sentence about why there are none.
    pub(in crate::simulator::scenario) fn in_list(
        self,
        names: &[String],
    ) -> Result<SmallVec<[DeviceId; 2]>, String> {
        self.all(names, "").map_err(|problem| match problem.fault.hint {
            Some(hint) => format!("{}; hint: {hint}", problem.fault.message),
            None => problem.fault.message,
        })
    }

    /// The devices that a name stands for, at least one, and how closely it describes them.
    pub(super) fn find(self, name: &str, at: &str) -> Result<(Closeness, Vec<DeviceId>), Problem> {
        let named = self.plain(name).filter(|(closeness, _)| *closeness >= Closeness::Pattern);
        let aliased = || self.parts(name).map(|parts| (Closeness::Alias, self.union(&parts)));
        let found = named.or_else(aliased).or_else(|| self.plain(name));
        found.filter(|(_, devices)| !devices.is_empty()).ok_or_else(|| self.unknown(name, at))
    }

    /// The weights of all devices that one of the names stands for, each by its own name; the closest one counts.
    pub(super) fn weights(self, named: &DeviceWeights, key: &str) -> Result<DeviceWeights, Problem> {
        let mut closest: BTreeMap<DeviceId, (Closeness, &str, ThreeDecimals)> = BTreeMap::new();
        for (name, weight) in &named.0 {
            let at = format!("{key}.{name}");
            let (closeness, devices) = self.find(name, &at)?;
            for id in devices {
                if let Some((known, other, its)) = closest.get(&id)
                    && *known >= closeness
                {
                    if *known == closeness && its != weight {
                        let device = &self.fleet[id.index()].spec.name;
                        let message = format!("`{other}` and `{}` give `{device}` two weights", crop(name));
                        return Err(
                            Problem::new(at, message).hint(format!("say which, as in `{device}: {weight}`"))
                        );
                    }
                    continue;
                }
                closest.insert(id, (closeness, name, *weight));
            }
        }
        let by_name = closest
            .into_iter()
            .map(|(id, (_, _, weight))| (self.fleet[id.index()].spec.name.clone(), weight));
        let weights = DeviceWeights(by_name.collect());
        if !weights.is_empty() && self.fleet.iter().all(|device| weights.of(&device.spec.name) == 0) {
            let problem = Problem::new(key, "all devices of the fleet have weight 0");
            return Err(problem.hint("at least one above 0"));
        }
        Ok(weights)
    }

    /// What an alias stands for; those that are listed go before those that are shipped.
    fn parts(self, alias: &str) -> Option<Vec<&'a str>> {
        let listed = self.aliases.get(alias).map(|parts| parts.iter().map(String::as_str).collect());
        let shipped = || SHIPPED.iter().find(|(name, _)| *name == alias).map(|(_, parts)| parts.to_vec());
        listed.or_else(shipped)
    }

    fn union(self, parts: &[&str]) -> Vec<DeviceId> {
        let all = parts.iter().filter_map(|part| self.plain(part)).flat_map(|(_, devices)| devices);
        all.collect::<BTreeSet<DeviceId>>().into_iter().collect()
    }

    /// The devices of a name that is no alias, if there are any.
    fn plain(self, name: &str) -> Option<(Closeness, Vec<DeviceId>)> {
        let pattern = name.contains('*');
        let is_called = |closeness: Closeness, spec: &DeviceSpec| match closeness {
            Closeness::Name => spec.name == name,
            Closeness::Pattern => pattern && matches(name, &spec.name),
            Closeness::Alias => false,
            Closeness::Vendor => spec.vendor.eq_ignore_ascii_case(name),
            Closeness::Technology => word_of(spec.technology) == name,
        };
        let kinds = [Closeness::Name, Closeness::Pattern, Closeness::Vendor, Closeness::Technology];
        kinds.into_iter().find_map(|closeness| {
            let called = self.fleet.iter().filter(|device| is_called(closeness, &device.spec));
            let devices: Vec<DeviceId> = called.map(|device| device.id).collect();
            (!devices.is_empty()).then_some((closeness, devices))
        })
    }

    /// The error about a name that stands for no device, with the nearest ones.
    fn unknown(self, name: &str, at: &str) -> Problem {
        let devices: Vec<&str> = self.fleet.iter().map(|device| &*device.spec.name).collect();
        let mut others: BTreeSet<&str> = self.aliases.keys().map(String::as_str).collect();
        for device in self.fleet {
            others.extend([&*device.spec.vendor, word_of(device.spec.technology)]);
        }
        let shipped = SHIPPED
            .iter()
            .map(|(alias, _)| *alias)
            .filter(|alias| self.parts(alias).is_some_and(|parts| !self.union(&parts).is_empty()));
        others.extend(shipped);
        let known = devices.iter().chain(&others).copied();
        let lead = match near(name, known).first() {
            Some(nearest) => format!("did you mean `{nearest}`? "),
            None => String::new(),
        };
        let list =
            |names: &mut dyn Iterator<Item = &str>| names.take(LISTED_MAX).collect::<Vec<_>>().join(", ");
        Problem::new(at, format!("no device of the fleet is called `{}`", crop(name))).hint(format!(
            "{lead}devices are {}; `*` stands for any text; vendors, technologies and aliases are {}",
            list(&mut devices.iter().copied()),
            list(&mut others.into_iter()),
        ))
    }
}

/// How files call a technology.
fn word_of(technology: Technology) -> &'static str {
    match technology {
        Technology::Superconducting => "superconducting",
        Technology::TrappedIon => "trapped_ion",
        Technology::NeutralAtom => "neutral_atom",
        Technology::Simulator => "simulator",
    }
}

/// Whether `name` is `pattern`, in which `*` stands for any text.
fn matches(pattern: &str, name: &str) -> bool {
    let mut parts = pattern.split('*');
    let Some(mut rest) = parts.next().and_then(|first| name.strip_prefix(first)) else {
        return false;
    };
    let mut parts = parts.peekable();
    if parts.peek().is_none() {
        return rest.is_empty();
    }
    while let Some(part) = parts.next() {
        if parts.peek().is_none() {
            return rest.ends_with(part);
        }
        match rest.find(part) {
            Some(start) => rest = &rest[start + part.len()..],
            None => return false,
        }
    }
    true
}

#[cfg(test)]
mod tests {
    use super::matches;

    #[test]
    fn patterns_match_as_in_a_shell() {
        for (pattern, name, fits) in [
            ("ibm_fez", "ibm_fez", true),
            ("ibm_fez", "ibm_fez-1", false),
            ("ibm_*", "ibm_fez", true),
            ("*", "", true),
            ("*_f*z", "ibm_fez", true),
            ("a*a", "a", false),
            ("*-1", "server-11", false),
        ] {
            assert_eq!(matches(pattern, name), fits, "{pattern} {name}");
        }
    }
}

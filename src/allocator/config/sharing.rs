//! Who has which share of the machines: a tree of groups, projects and users.
//!
//! Promises that a name stands for the same number for ever, whoever else is named beside it. Leaves what was used to
//! [`crate::allocator::state`].

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use smallvec::{SmallVec, smallvec};

use super::quota::Quota;
use crate::allocator::protocol::Tenant;
use crate::time::Span;

/// Whether those come first who have used least of what is theirs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum FairShare {
    /// Nobody's usage counts.
    #[default]
    Off,
    /// The group that has used least for each of its shares goes first, with all its projects; inside, the project that
    /// has used least, then the user; a user's own jobs go by `order`. It orders and never holds: whoever is alone may use
    /// everything.
    Tree {
        /// After this time usage counts half. Default 7d.
        #[serde(default = "half_life")]
        half_life: Span,
    },
    /// The group that has used least for each of its shares in the last so many days goes first, then the project; its users
    /// share one line, which goes by `order`. Usage counts in full from the start of a job until it leaves the window.
    Window {
        /// How long usage counts, and at most 1/32 longer: it leaves in 32 parts. Default 28d.
        #[serde(default = "length")]
        length: Span,
    },
}

impl FairShare {
    /// The tree with its default.
    pub const TREE: Self = Self::Tree { half_life: half_life() };
}

const fn length() -> Span {
    Span::from_secs(28 * 24 * 3600)
}

const fn half_life() -> Span {
    Span::from_secs(7 * 24 * 3600)
}

/// Groups, their projects, and the users of these, with their shares and quotas. Whoever is not listed has one share among its
/// siblings, and no quota of its own.
///
/// A key is a name or a number. A name stands for a number that follows from the name alone; a number for itself.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Tenants {
    /// Groups by name.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub groups: BTreeMap<String, Group>,
}

/// A group.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Group {
    /// How much it may use, in proportion to the other groups. Default 1.
    #[schemars(range(min = 1))]
    pub shares: u32,
    /// The most that it may have at a time. Default: no limit.
    #[serde(skip_serializing_if = "Quota::is_none")]
    pub quota: Quota,
    /// Its projects by name.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub projects: BTreeMap<String, Project>,
}

/// A project.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Project {
    /// How much it may use, in proportion to the other projects of its group. Default 1.
    #[schemars(range(min = 1))]
    pub shares: u32,
    /// The most that it may have at a time. Default: no limit.
    #[serde(skip_serializing_if = "Quota::is_none")]
    pub quota: Quota,
    /// Its users by name.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub users: BTreeMap<String, User>,
}

/// A user.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct User {
    /// How much they may use, in proportion to the other users of the project. Default 1.
    #[schemars(range(min = 1))]
    pub shares: u32,
    /// The most that they may have at a time in this project. Default: no limit.
    #[serde(skip_serializing_if = "Quota::is_none")]
    pub quota: Quota,
}

impl Default for Group {
    fn default() -> Self {
        Self { shares: 1, quota: Quota::default(), projects: BTreeMap::new() }
    }
}

impl Default for Project {
    fn default() -> Self {
        Self { shares: 1, quota: Quota::default(), users: BTreeMap::new() }
    }
}

impl Default for User {
    fn default() -> Self {
        Self { shares: 1, quota: Quota::default() }
    }
}

/// Shares that are none.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, thiserror::Error)]
pub enum TenantsError {
    /// Somebody without any share.
    #[error("shares must be at least 1; hint: they are proportions among siblings")]
    NoShares,
    /// Something is borrowed beyond no quota.
    #[error(
        "a quota under tenants has borrow.{0}, but no {0}; hint: without a quota of {0} there is no limit"
    )]
    BorrowsBeyondNothing(&'static str),
    /// A quota of nothing, or of nothing at any time.
    #[error(
        "per and at_most of qubit_seconds must be at least 1; hint: per is a time, at_most qubit-seconds in it"
    )]
    EmptyPeriod,
    /// A name that tables would read as a number.
    #[error(
        "a name under tenants is empty, or begins like a number and is none; hint: tables would take it for a number"
    )]
    NotAName,
    /// Two names that cannot be told apart.
    #[error(
        "two names under tenants stand for the number {0}; hint: give one of them another name, or a number"
    )]
    OneNumber(u32),
}

/// Names stand for numbers from here on, so that they are not taken for those that drivers count from 0.
const NAMED: u32 = 1 << 31;

/// The number that a key stands for: the number that it is, or one from 2^31 on that follows from the name (FNV-1a).
pub fn number_of(key: &str) -> u32 {
    match key.parse::<u32>() {
        // "+1" and "01" are names.
        Ok(number) if number.to_string() == key => number,
        _ => {
            let hash = key
                .bytes()
                .fold(0x811c_9dc5_u32, |hash, byte| (hash ^ u32::from(byte)).wrapping_mul(0x0100_0193));
            hash | NAMED
        }
    }
}

impl Tenants {
    /// Whether nobody is listed.
    pub fn is_empty(&self) -> bool {
        self.groups.is_empty()
    }

    /// The shares of a tenant's group, of its project in it, and of its user in that.
    pub fn shares_of(&self, tenant: Tenant) -> [u32; 3] {
        let group = find(&self.groups, tenant.group);
        let project = group.and_then(|group| find(&group.projects, tenant.project));
        let user = project.and_then(|project| find(&project.users, tenant.user));
        [
            group.map_or(1, |group| group.shares),
            project.map_or(1, |project| project.shares),
            user.map_or(1, |user| user.shares),
        ]
    }

    /// The name of a group, if it is listed under one.
    pub fn group_name(&self, number: u32) -> Option<&str> {
        name_in(self.groups.keys(), number)
    }

    /// The name of a project, if it is listed under one.
    pub fn project_name(&self, number: u32) -> Option<&str> {
        name_in(self.groups.values().flat_map(|group| group.projects.keys()), number)
    }

    /// The name of a user, if it is listed under one.
    pub fn user_name(&self, number: u32) -> Option<&str> {
        let projects = self.groups.values().flat_map(|group| group.projects.values());
        name_in(projects.flat_map(|project| project.users.keys()), number)
    }

    /// Everybody who is listed, with the names of its group, its project and itself; those without projects or users come
    /// with as many names as there are.
    pub fn paths(&self) -> impl Iterator<Item = (&str, Option<&str>, Option<&str>)> {
        self.groups.iter().flat_map(|(group, of)| {
            let projects = of.projects.iter().flat_map(move |(project, of)| {
                let users = of.users.keys().map(move |user| (&**group, Some(&**project), Some(&**user)));
                std::iter::once((&**group, Some(&**project), None)).chain(users)
            });
            std::iter::once((&**group, None, None)).chain(projects)
        })
    }

    /// The quotas of all who are listed, each with the numbers of its group, its project and itself; a group before its
    /// projects, and these before their users.
    pub fn quotas(&self) -> impl Iterator<Item = (SmallVec<[u32; 3]>, &Quota)> {
        self.groups.iter().flat_map(|(group, of)| {
            let group = number_of(group);
            let projects = of.projects.iter().flat_map(move |(project, of)| {
                let project = number_of(project);
                let users = of.users.iter();
                let users =
                    users.map(move |(user, of)| (smallvec![group, project, number_of(user)], &of.quota));
                std::iter::once((smallvec![group, project], &of.quota)).chain(users)
            });
            std::iter::once((smallvec![group], &of.quota)).chain(projects)
        })
    }

    /// Nobody has a quota any more.
    pub fn lift_quotas(&mut self) {
        for group in self.groups.values_mut() {
            group.quota = Quota::default();
            for project in group.projects.values_mut() {
                project.quota = Quota::default();
                project.users.values_mut().for_each(|user| user.quota = Quota::default());
            }
        }
    }

    /// Checks ranges, and that no two names of one kind stand for one number.
    pub(super) fn validate(&self) -> Result<(), TenantsError> {
        let projects = || self.groups.values().flat_map(|group| &group.projects);
        let users = || projects().flat_map(|(_, project)| &project.users);
        let none = self.groups.values().any(|group| group.shares == 0)
            || projects().any(|(_, project)| project.shares == 0)
            || users().any(|(_, user)| user.shares == 0);
        if none {
            return Err(TenantsError::NoShares);
        }
        if let Some(what) = self.quotas().find_map(|(_, quota)| quota.borrows_beyond_nothing()) {
            return Err(TenantsError::BorrowsBeyondNothing(what));
        }
        if self.quotas().any(|(_, quota)| quota.has_empty_period()) {
            return Err(TenantsError::EmptyPeriod);
        }
        let names = self.groups.keys().chain(projects().map(|(name, _)| name));
        if names.chain(users().map(|(name, _)| name)).any(|name| !is_name(name)) {
            return Err(TenantsError::NotAName);
        }
        distinct(self.groups.keys())?;
        distinct(projects().map(|(name, _)| name))?;
        distinct(users().map(|(name, _)| name))
    }
}

fn name_in<'a>(mut names: impl Iterator<Item = &'a String>, number: u32) -> Option<&'a str> {
    names.find(|name| number_of(name) == number).map(String::as_str)
}

fn find<T>(of: &BTreeMap<String, T>, number: u32) -> Option<&T> {
    of.iter().find(|(key, _)| number_of(key) == number).map(|(_, value)| value)
}

/// Whether a key is a name or a number, and no table could take the one for the other.
fn is_name(key: &str) -> bool {
    let numeric = key.starts_with(|first: char| first.is_ascii_digit() || matches!(first, '-' | '+' | '.'));
    !key.is_empty() && (!numeric || key.parse::<u32>().is_ok_and(|number| number.to_string() == key))
}

/// The same name may be there more than once: a user of two projects.
fn distinct<'a>(names: impl Iterator<Item = &'a String>) -> Result<(), TenantsError> {
    let mut known: BTreeMap<u32, &String> = BTreeMap::new();
    for name in names {
        if known.insert(number_of(name), name).is_some_and(|other| other != name) {
            return Err(TenantsError::OneNumber(number_of(name)));
        }
    }
    Ok(())
}

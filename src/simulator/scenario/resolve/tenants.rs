//! Whose jobs those of a template are: names become numbers.

use super::problem::Problem;
use crate::allocator::config::{Tenants, number_of};
use crate::allocator::protocol::Tenant;
use crate::config_file::shown::{choices, crop};
use crate::simulator::scenario::file::jobs::{TenantFile, TenantKey};

/// What the levels of the tree are called, from the top.
const LEVELS: [&str; 3] = ["group", "project", "user"];

/// The tenant that a template names; `at` is the path of its key.
pub(super) fn tenant(file: &TenantFile, tenants: &Tenants, at: &str) -> Result<Tenant, Problem> {
    let asked = [&file.group, &file.project, &file.user].map(Option::as_ref);
    let named = asked.iter().flatten().any(|key| matches!(key, TenantKey::Name(_)));
    let number = |key: &TenantKey| match key {
        TenantKey::Number(number) => *number,
        TenantKey::Name(name) => number_of(name),
    };
    let mut numbers = asked.map(|key| key.map_or(0, number));
    let deepest = asked.iter().rposition(Option::is_some);
    if let (true, Some(deepest)) = (named, deepest) {
        for (level, key) in asked.iter().enumerate() {
            if let Some(TenantKey::Name(name)) = key {
                check_listed(tenants, level, name, at)?;
            }
        }
        let path_of = |(group, project, user)| [Some(group), project, user];
        let fits = |path: &[Option<&str>; 3]| {
            path.iter().flatten().count() == deepest + 1
                && asked.iter().zip(path).all(|(key, name)| match (key, name) {
                    (Some(key), Some(name)) => number(key) == number_of(name),
                    _ => true,
                })
        };
        let found: Vec<[Option<&str>; 3]> = tenants.paths().map(path_of).filter(fits).collect();
        match found[..] {
            [path] => {
                for (number, name) in numbers.iter_mut().zip(path) {
                    *number = name.map_or(*number, number_of);
                }
            }
            [] => {
                return Err(Problem::new(at, "no such user in such a project of such a group is listed")
                    .hint("allocator.tenants says who belongs where"));
            }
            _ => {
                let list: Vec<String> = found
                    .iter()
                    .map(|path| path.iter().flatten().copied().collect::<Vec<_>>().join("/"))
                    .collect();
                return Err(Problem::new(at, "more than one is listed who is called so")
                    .hint(format!("say which, by group and project: {}", list.join(", "))));
            }
        }
    }
    let [group, project, user] = numbers;
    Ok(Tenant { user, group, project })
}

fn check_listed(tenants: &Tenants, level: usize, name: &str, at: &str) -> Result<(), Problem> {
    let path_of = |(group, project, user)| [Some(group), project, user];
    let mut known: Vec<&str> = tenants.paths().filter_map(|path| path_of(path)[level]).collect();
    known.sort_unstable();
    known.dedup();
    if known.contains(&name) {
        return Ok(());
    }
    let what = LEVELS[level];
    let problem = Problem::new(format!("{at}.{what}"), format!("no {what} is called `{}`", crop(name)));
    Err(match known.is_empty() {
        true => problem.hint(format!("list it under allocator.tenants, or give the {what} a number")),
        false => problem.hint(choices(name, &format!("{what}s are"), &known)),
    })
}

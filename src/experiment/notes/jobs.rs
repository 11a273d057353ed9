//! Which jobs of a scenario something is said of, in words.
//!
//! Promises one pass over recorded jobs, and none over drawn ones: of these the templates say enough.

use indexmap::IndexSet;

use super::note::{count, grouped};
use crate::simulator::scenario::Scenario;
use crate::simulator::workload::jobs::Template;
use crate::simulator::workload::replay::{Replay, ReplayedJob};

/// Of drawn jobs the names of those templates, of recorded ones how many, in words; nothing of none.
pub(super) fn some_jobs(
    scenario: &Scenario,
    of_template: impl Fn(&Template) -> bool,
    of_recorded: impl Fn(&Replay, &ReplayedJob) -> bool,
) -> Option<String> {
    if let Some(replay) = scenario.workload.replay.as_deref() {
        let some = replay.jobs().iter().filter(|job| of_recorded(replay, job)).count();
        return (some > 0).then(|| match replay.len() {
            all if all == some => "all recorded jobs".to_owned(),
            all => format!("{} of {}", grouped(some as u64), count(all as u64, "recorded job")),
        });
    }
    let templates = || scenario.workload.sources.iter().flat_map(|source| source.mix.templates());
    let names: IndexSet<&str> =
        templates().filter(|template| of_template(template)).map(|template| template.name.as_str()).collect();
    let all = templates().map(|template| template.name.as_str()).collect::<IndexSet<_>>();
    some_names(&names, all.len())
}

/// Names in words, the first few of them; nothing of none.
fn some_names(names: &IndexSet<&str>, all: usize) -> Option<String> {
    const SHOWN: usize = 3;
    if names.is_empty() {
        return None;
    }
    if names.len() == all && all > 1 {
        return Some(format!("all {all} templates"));
    }
    let shown: Vec<String> = names.iter().take(SHOWN).map(|name| format!("`{name}`")).collect();
    let rest = match names.len().saturating_sub(SHOWN) {
        0 => String::new(),
        rest => format!(" and {rest} more"),
    };
    Some(format!("{}{rest}", shown.join(", ")))
}

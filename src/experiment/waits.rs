//! `waits.csv`: for what the jobs of each template, group, project and user waited.
//!
//! Promises that the causes of each row add up to its wait, and that the rows of a level add up to the row of the fleet, to the
//! nanosecond. Leaves the sums to [`crate::simulator::wait_tally`].

use std::collections::BTreeMap;
use std::io::{self, Write};

use super::accounts::{Node, path_of, shown};
use crate::allocator::config::Tenants;
use crate::allocator::protocol::WaitCause;
use crate::simulator::csv_row::RowWriter;
use crate::simulator::wait_tally::{CauseSums, WaitTally};

/// Who a row is about: the level, and the names at it.
type Row = (&'static str, [String; 4], CauseSums);

/// The causes that a simulated core puts waits down to, which knows of all of them.
pub fn causes() -> impl Iterator<Item = (WaitCause, &'static str)> {
    WaitCause::ALL.into_iter().filter(|(cause, _)| *cause != WaitCause::Unrecorded)
}

/// Writes the waits of replications; `templates` are the names of the templates of each source.
pub fn write<'a>(
    sink: &mut impl Write,
    templates: &[Vec<String>],
    tenants: &Tenants,
    replications: impl Iterator<Item = (u32, &'a WaitTally)>,
) -> io::Result<()> {
    let mut header: Vec<String> =
        ["replication", "level", "template", "group", "project", "user", "jobs", "waited_s"]
            .map(str::to_owned)
            .to_vec();
    header.extend(causes().map(|(_, name)| format!("{name}_s")));
    let mut csv = RowWriter::new(sink);
    csv.record(&header)?;
    for (number, tally) in replications {
        for (level, names, sums) in rows(tally, templates, tenants) {
            let mut record = vec![number.to_string(), level.to_owned()];
            record.extend(names);
            record.extend([sums.jobs.to_string(), seconds(sums.total())]);
            record.extend(causes().map(|(cause, _)| seconds(sums.of(cause))));
            csv.record(&record)?;
        }
    }
    csv.finish()?.flush()
}

/// The fleet, then templates by name, then each group with its projects and their users.
fn rows(tally: &WaitTally, templates: &[Vec<String>], tenants: &Tenants) -> Vec<Row> {
    let nothing = || [const { String::new() }; 4];
    let mut rows: Vec<Row> = vec![("fleet", nothing(), tally.all())];
    for (name, sums) in by_name(tally, templates) {
        rows.push(("template", [name, String::new(), String::new(), String::new()], sums));
    }
    let mut nodes: BTreeMap<Vec<Node<'_>>, CauseSums> = BTreeMap::new();
    for (tenant, sums) in &tally.by_tenant {
        let path = path_of(tenants, *tenant);
        for levels in 1..=path.len() {
            nodes.entry(path[..levels].to_vec()).or_default().add_all(sums);
        }
    }
    for (path, sums) in nodes {
        let mut names = nothing();
        names[1..].iter_mut().zip(&path).for_each(|(name, of)| *name = shown(of));
        rows.push((["group", "project", "user"][path.len() - 1], names, sums));
    }
    rows
}

/// The sums of the templates by their names, those of one name together.
pub fn by_name(tally: &WaitTally, templates: &[Vec<String>]) -> BTreeMap<String, CauseSums> {
    let mut named: BTreeMap<String, CauseSums> = BTreeMap::new();
    for ((source, template), sums) in &tally.by_template {
        let name = templates.get(*source as usize).and_then(|list| list.get(*template as usize));
        named.entry(name.cloned().unwrap_or_default()).or_default().add_all(sums);
    }
    named
}

/// Nanoseconds as seconds, exactly.
fn seconds(nanoseconds: u128) -> String {
    let (whole, rest) = (nanoseconds / 1_000_000_000, nanoseconds % 1_000_000_000);
    if rest == 0 {
        return whole.to_string();
    }
    format!("{whole}.{rest:09}").trim_end_matches('0').to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn seconds_are_exact() {
        let all = [0, 1, 1_000_000_000, 1_500_000_000, u128::from(u64::MAX)].map(seconds);
        assert_eq!(all, ["0", "0.000000001", "1", "1.5", "18446744073.709551615"]);
    }
}

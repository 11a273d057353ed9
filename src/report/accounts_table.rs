//! What groups and projects were charged beside their shares, as lines of text.

use super::table::{Align, Cell, Table, duration, number, percent};
use crate::experiment::accounts::AccountsSummary;

/// A terminal is no place for more; `accounts.csv` has them all.
const SHOWN: usize = 24;

/// Groups and their projects; users are in the files.
pub fn accounts_table(accounts: &AccountsSummary, color: bool) -> String {
    let columns = [
        ("group", Align::Left),
        ("project", Align::Left),
        ("shares", Align::Right),
        ("due", Align::Right),
        ("charged", Align::Right),
        ("qubit-seconds", Align::Right),
        ("jobs", Align::Right),
        ("mean wait", Align::Right),
        ("stopped by quotas", Align::Right),
    ];
    let mut table = Table::new(&columns);
    let rows: Vec<_> =
        accounts.tenants.iter().filter(|row| matches!(&*row.level, "group" | "project")).collect();
    for row in rows.iter().take(SHOWN) {
        let name = |name: &Option<String>| Cell::from(name.clone().unwrap_or_default());
        table.row([
            name(&row.group),
            name(&row.project),
            Cell::from(row.shares.map_or(String::new(), |shares| shares.to_string())),
            Cell::from(percent(row.due_share)),
            Cell::from(percent(row.charged_share)),
            Cell::from(number(Some(row.charged_qubit_s))),
            Cell::from(number(Some(row.jobs))),
            Cell::from(duration(row.waiting_time_mean_s)),
            Cell::from(duration(Some(row.quota_stopped_job_s).filter(|stopped| *stopped > 0.0))),
        ]);
    }
    let mut text = table.render(color);
    text.push_str("due and charged: parts of what those beside it have; ");
    text.push_str(&accounts.usage);
    text.push('\n');
    if rows.len() > SHOWN {
        text.push_str(&format!("... and {} more, see accounts.csv\n", rows.len() - SHOWN));
    }
    text
}

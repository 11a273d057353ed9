//! What every group, project and user was charged, beside its share, and what became of all qubits: `accounts.csv`, and
//! `accounts` in `summary.json`.
//!
//! Promises rows in an order of their own, names where there are any, and that what is charged and refunded in the row of
//! the fleet is the sum of the groups' rows, as theirs are of their projects'. Both files are made of the same rows. Leaves
//! what is charged to [`crate::observe::metrics::accounts`].

use std::collections::BTreeMap;
use std::io::{self, Write};

use serde::{Deserialize, Serialize};

use crate::allocator::config::{AllocatorConfig, FairShare, Tenants};
use crate::allocator::protocol::Tenant;
use crate::observe::metrics::Capacity;
use crate::observe::metrics::accounts::{Account, Usage, qubit_seconds};

/// Most rows of `summary.json`; `accounts.csv` has them all.
const ROWS_MAX: usize = 200;

/// The accounts of one replication.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Accounts {
    /// By tenant.
    pub tenants: BTreeMap<Tenant, Account>,
    /// What became of all qubits.
    pub capacity: Capacity,
}

/// A group, a project or a user, or all of them.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Row {
    /// `fleet`, `group`, `project` or `user`.
    pub level: String,
    /// Names, or numbers where there are none; those below the level are missing.
    pub group: Option<String>,
    /// The same.
    pub project: Option<String>,
    /// The same.
    pub user: Option<String>,
    /// Its shares among its siblings.
    pub shares: Option<u32>,
    /// Jobs submitted in the measured interval.
    pub jobs: f64,
    /// Of these, started.
    pub started: f64,
    /// Of these, completed.
    pub completed: f64,
    /// Mean time from submission to first start, seconds.
    pub waiting_time_mean_s: Option<f64>,
    /// Qubit-seconds held.
    pub held_qubit_s: f64,
    /// Qubit-seconds kept idle around jobs, and after them.
    pub kept_idle_qubit_s: f64,
    /// Both together.
    pub charged_qubit_s: f64,
    /// What it counts for by the weights of the devices (`charge_weights`).
    pub counted_qubit_s: f64,
    /// Qubit-seconds of attempts that their hardware ended.
    pub refunded_qubit_s: f64,
    /// Its part of what counts of what its siblings were charged.
    pub charged_share: Option<f64>,
    /// Its part of their shares.
    pub due_share: Option<f64>,
    /// For how long its waiting jobs were stopped by a quota, summed over jobs; see `quota_stopped_job_s` of the metrics.
    pub quota_stopped_job_s: f64,
}

/// What became of all qubits, in qubit-seconds: charged + refunded + undivided + idle + calibration = capacity.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct CapacityRow {
    /// Held, or kept idle around jobs.
    pub charged_qubit_s: f64,
    /// The same of attempts that their hardware ended.
    pub refunded_qubit_s: f64,
    /// Kept idle by more than 16 attempts at a time, which is charged to nobody.
    pub undivided_qubit_s: f64,
    /// In service, and neither held nor kept idle.
    pub idle_qubit_s: f64,
    /// The same under calibration.
    pub calibration_qubit_s: f64,
    /// In service, or held.
    pub capacity_qubit_s: f64,
    /// Neither in service nor held.
    pub outage_qubit_s: f64,
}

impl CapacityRow {
    fn of(capacity: &Capacity, replications: f64) -> Self {
        let mean = |parts: u128| qubit_seconds(parts) / replications;
        Self {
            charged_qubit_s: mean(capacity.charged.parts()),
            refunded_qubit_s: mean(capacity.refunded.parts()),
            undivided_qubit_s: mean(capacity.undivided),
            idle_qubit_s: mean(capacity.idle),
            calibration_qubit_s: mean(capacity.calibrating),
            capacity_qubit_s: mean(capacity.capacity),
            outage_qubit_s: mean(capacity.outage),
        }
    }
}

/// `accounts` in `summary.json`: means over the replications that measured anything.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct AccountsSummary {
    /// Whether, and how, usage matters.
    pub usage: String,
    /// Over so many replications.
    pub replications: usize,
    /// What became of all qubits.
    pub capacity: CapacityRow,
    /// The fleet, then each group with its projects and their users.
    pub tenants: Vec<Row>,
    /// So many rows, those of users first, are in `accounts.csv` alone.
    pub left_out: usize,
}

/// The accounts of a run; `None` where nothing was measured.
pub fn summary<'a>(
    config: &AllocatorConfig,
    replications: impl Iterator<Item = &'a Accounts>,
) -> Option<AccountsSummary> {
    let (mut all, mut count) = (Accounts::default(), 0);
    for one in replications {
        count += 1;
        all.capacity.add(&one.capacity);
        for (tenant, account) in &one.tenants {
            all.tenants.entry(*tenant).or_default().add(account);
        }
    }
    let mut tenants = rows(&config.tenants, &all.tenants, count as f64);
    let found = tenants.len();
    // Users are many, and what they come to is in their projects.
    if tenants.len() > ROWS_MAX {
        tenants.retain(|row| row.level != "user");
        tenants.truncate(ROWS_MAX);
    }
    let usage = match (config.fair_share(), config.tenants.is_empty()) {
        (FairShare::Tree { .. }, _) => "usage for each share orders the queue (fair_share)",
        (FairShare::Window { .. }, _) => {
            "usage for each share within a window orders the queue (fair_share); users of a project share one line"
        }
        (FairShare::Off, false) => {
            "groups have shares or quotas, but usage orders nothing: fair_share is off"
        }
        (FairShare::Off, true) => "no shares are configured: everybody has one, and usage orders nothing",
    };
    (count > 0).then(|| AccountsSummary {
        usage: usage.to_owned(),
        replications: count,
        capacity: CapacityRow::of(&all.capacity, count as f64),
        left_out: found - tenants.len(),
        tenants,
    })
}

/// The header.
const COLUMNS: [&str; 23] = [
    "replication",
    "level",
    "group",
    "project",
    "user",
    "shares",
    "jobs",
    "started",
    "completed",
    "waiting_time_mean_s",
    "held_qubit_s",
    "kept_idle_qubit_s",
    "charged_qubit_s",
    "counted_qubit_s",
    "refunded_qubit_s",
    "charged_share",
    "due_share",
    "quota_stopped_job_s",
    "undivided_qubit_s",
    "idle_qubit_s",
    "calibration_qubit_s",
    "capacity_qubit_s",
    "outage_qubit_s",
];

/// Writes the accounts of replications.
pub fn write<'a>(
    sink: &mut impl Write,
    tenants: &Tenants,
    replications: impl Iterator<Item = (u32, &'a Accounts)>,
) -> io::Result<()> {
    let mut csv = csv::Writer::from_writer(sink);
    csv.write_record(COLUMNS)?;
    for (number, accounts) in replications {
        let capacity = CapacityRow::of(&accounts.capacity, 1.0);
        for row in rows(tenants, &accounts.tenants, 1.0) {
            let mut record = vec![number.to_string()];
            record.extend(cells(&row, &capacity));
            csv.write_record(&record)?;
        }
    }
    csv.flush()
}

/// The cells of a row; what became of all qubits is known of the fleet alone.
fn cells(row: &Row, capacity: &CapacityRow) -> Vec<String> {
    fn text<T: ToString>(value: Option<T>) -> String {
        value.map_or(String::new(), |value| value.to_string())
    }
    let fleet = row.level == "fleet";
    let of_fleet = [
        capacity.undivided_qubit_s,
        capacity.idle_qubit_s,
        capacity.calibration_qubit_s,
        capacity.capacity_qubit_s,
        capacity.outage_qubit_s,
    ];
    let mut cells = vec![
        row.level.clone(),
        text(row.group.as_ref()),
        text(row.project.as_ref()),
        text(row.user.as_ref()),
        text(row.shares),
        row.jobs.to_string(),
        row.started.to_string(),
        row.completed.to_string(),
        text(row.waiting_time_mean_s),
        row.held_qubit_s.to_string(),
        row.kept_idle_qubit_s.to_string(),
        row.charged_qubit_s.to_string(),
        row.counted_qubit_s.to_string(),
        row.refunded_qubit_s.to_string(),
        text(row.charged_share),
        text(row.due_share),
        row.quota_stopped_job_s.to_string(),
    ];
    cells.extend(of_fleet.map(|value| text(Some(value).filter(|_| fleet))));
    cells
}

/// A group, a project or a user of one: its name, if it has one, and its number.
pub(super) type Node<'t> = (Option<&'t str>, u32);

/// One node of the tree, as many levels down: those without names first, then by name.
type Path<'t> = Vec<Node<'t>>;

/// The way to a tenant: its group, its project, itself.
pub(super) fn path_of(tenants: &Tenants, tenant: Tenant) -> [Node<'_>; 3] {
    let Tenant { group, project, user } = tenant;
    [
        (tenants.group_name(group), group),
        (tenants.project_name(project), project),
        (tenants.user_name(user), user),
    ]
}

/// The name of a node, or its number.
pub(super) fn shown((name, number): &Node<'_>) -> String {
    name.map_or_else(|| number.to_string(), str::to_owned)
}

/// The fleet, then each group with its projects and their users: means over so many replications.
fn rows(tenants: &Tenants, accounts: &BTreeMap<Tenant, Account>, replications: f64) -> Vec<Row> {
    let mut nodes: BTreeMap<Path<'_>, Account> = BTreeMap::new();
    for (tenant, account) in accounts {
        let path = path_of(tenants, *tenant);
        for levels in 0..=path.len() {
            nodes.entry(path[..levels].to_vec()).or_default().add(account);
        }
    }
    let shares = |path: &Path<'_>| {
        let number = |level: usize| path.get(level).map_or(0, |(_, number)| *number);
        let tenant = Tenant { group: number(0), project: number(1), user: number(2) };
        path.len().checked_sub(1).map(|level| tenants.shares_of(tenant)[level])
    };
    // What a node's children were charged, and how many shares they have together.
    let mut together: BTreeMap<Path<'_>, (f64, u64)> = BTreeMap::new();
    for (path, account) in &nodes {
        if let Some((_, above)) = path.split_last() {
            let sums = together.entry(above.to_vec()).or_default();
            sums.0 += qubit_seconds(account.counted);
            sums.1 += u64::from(shares(path).unwrap_or(1));
        }
    }
    let row = |(path, account): (&Path<'_>, &Account)| {
        let named = |level: usize| path.get(level).map(shown);
        let own = shares(path);
        let above = path.split_last().and_then(|(_, above)| together.get(above));
        let Usage { held, kept_idle } = account.charged;
        Row {
            level: ["fleet", "group", "project", "user"][path.len()].to_owned(),
            group: named(0),
            project: named(1),
            user: named(2),
            shares: own,
            jobs: account.jobs as f64 / replications,
            started: account.started as f64 / replications,
            completed: account.completed as f64 / replications,
            waiting_time_mean_s: account.mean_wait_s(),
            held_qubit_s: qubit_seconds(held) / replications,
            kept_idle_qubit_s: qubit_seconds(kept_idle) / replications,
            charged_qubit_s: account.charged.seconds() / replications,
            counted_qubit_s: qubit_seconds(account.counted) / replications,
            refunded_qubit_s: account.refunded.seconds() / replications,
            charged_share: above
                .filter(|sums| sums.0 > 0.0)
                .map(|sums| qubit_seconds(account.counted) / sums.0),
            due_share: above.zip(own).map(|(sums, own)| f64::from(own) / sums.1 as f64),
            quota_stopped_job_s: account.stopped as f64 / 1e9 / replications,
        }
    };
    nodes.iter().map(row).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::observe::metrics::accounts::PARTS;

    #[test]
    fn sums_shares_and_names() {
        let tenants: Tenants =
            serde_json::from_str(r#"{"groups": {"lab": {"shares": 3}, "7": {"projects": {"x": {}}}}}"#)
                .unwrap();
        let number = crate::allocator::config::number_of;
        let account = |jobs, held: u128| Account {
            jobs,
            started: jobs,
            completed: 1,
            waited: 5_000_000_000,
            charged: Usage { held: held * u128::from(PARTS) * 1_000_000_000, kept_idle: 0 },
            counted: 2 * held * u128::from(PARTS) * 1_000_000_000,
            refunded: Usage::default(),
            stopped: 2_500_000_000,
        };
        let accounts = BTreeMap::from([
            (Tenant { group: number("lab"), project: 0, user: 1 }, account(2, 30)),
            (Tenant { group: number("lab"), project: 0, user: 2 }, account(1, 10)),
            (Tenant { group: 7, project: number("x"), user: 1 }, account(2, 40)),
        ]);
        let parts = u128::from(PARTS) * 1_000_000_000;
        let capacity =
            Capacity { idle: 20 * parts, capacity: 100 * parts, outage: 5 * parts, ..Capacity::default() };
        let accounts = Accounts { tenants: accounts, capacity };
        let mut bytes = Vec::new();
        write(&mut bytes, &tenants, [(0, &accounts)].into_iter()).unwrap();
        insta::assert_snapshot!(String::from_utf8(bytes).unwrap(), @"
        replication,level,group,project,user,shares,jobs,started,completed,waiting_time_mean_s,held_qubit_s,kept_idle_qubit_s,charged_qubit_s,counted_qubit_s,refunded_qubit_s,charged_share,due_share,quota_stopped_job_s,undivided_qubit_s,idle_qubit_s,calibration_qubit_s,capacity_qubit_s,outage_qubit_s
        0,fleet,,,,,5,5,3,3,80,0,80,160,0,,,7.5,0,20,0,100,5
        0,group,7,,,1,2,2,1,2.5,40,0,40,80,0,0.5,0.25,2.5,,,,,
        0,project,7,x,,1,2,2,1,2.5,40,0,40,80,0,1,1,2.5,,,,,
        0,user,7,x,1,1,2,2,1,2.5,40,0,40,80,0,1,1,2.5,,,,,
        0,group,lab,,,3,3,3,2,3.3333333333333335,40,0,40,80,0,0.5,0.75,5,,,,,
        0,project,lab,0,,1,3,3,2,3.3333333333333335,40,0,40,80,0,1,1,5,,,,,
        0,user,lab,0,1,1,2,2,1,2.5,30,0,30,60,0,0.75,0.5,2.5,,,,,
        0,user,lab,0,2,1,1,1,1,5,10,0,10,20,0,0.25,0.5,2.5,,,,,
        ");
    }
}

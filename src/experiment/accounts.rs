//! `accounts.csv`: what every group, project and user was charged, beside its share.
//!
//! Promises rows in an order of their own, names where there are any, and that what is charged and refunded in the row of
//! the fleet is the sum of the groups' rows, as theirs are of their projects'. Leaves what is charged to
//! [`crate::observe::metrics::accounts`].

use std::collections::BTreeMap;
use std::io::{self, Write};

use crate::allocator::config::Tenants;
use crate::allocator::protocol::Tenant;
use crate::observe::metrics::accounts::{Account, qubit_seconds};

/// The header.
const COLUMNS: [&str; 16] = [
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
    "refunded_qubit_s",
    "charged_share",
    "due_share",
];

/// Writes the accounts of replications, each the accounts of its tenants.
pub fn write<'a>(
    sink: &mut impl Write,
    tenants: &Tenants,
    replications: impl Iterator<Item = (u32, &'a BTreeMap<Tenant, Account>)>,
) -> io::Result<()> {
    let mut csv = csv::Writer::from_writer(sink);
    csv.write_record(COLUMNS)?;
    for (number, accounts) in replications {
        for row in rows(tenants, accounts) {
            let mut record = vec![number.to_string()];
            record.extend(row);
            csv.write_record(&record)?;
        }
    }
    csv.flush()
}

/// One node of the tree, as many levels down: those without names first, then by name.
type Path<'t> = Vec<(Option<&'t str>, u32)>;

fn rows(tenants: &Tenants, accounts: &BTreeMap<Tenant, Account>) -> Vec<Vec<String>> {
    let mut nodes: BTreeMap<Path<'_>, Account> = BTreeMap::new();
    for (tenant, account) in accounts {
        let Tenant { group, project, user } = *tenant;
        let path = [
            (tenants.group_name(group), group),
            (tenants.project_name(project), project),
            (tenants.user_name(user), user),
        ];
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
            sums.0 += account.charged.seconds();
            sums.1 += u64::from(shares(path).unwrap_or(1));
        }
    }
    let row = |(path, account): (&Path<'_>, &Account)| {
        let level = ["fleet", "group", "project", "user"][path.len()];
        let mut row = vec![level.to_owned()];
        row.extend((0..3).map(|level| match path.get(level) {
            Some((name, number)) => name.map_or_else(|| number.to_string(), str::to_owned),
            None => String::new(),
        }));
        let text = |value: Option<f64>| value.map_or(String::new(), |value| value.to_string());
        let own = shares(path);
        row.push(own.map_or(String::new(), |shares| shares.to_string()));
        row.extend([account.jobs, account.started, account.completed].map(|count| count.to_string()));
        row.push(text(account.mean_wait_s()));
        let charged = account.charged;
        row.push(qubit_seconds(charged.held).to_string());
        row.push(qubit_seconds(charged.kept_idle).to_string());
        row.push(charged.seconds().to_string());
        row.push(account.refunded.seconds().to_string());
        let above = path.split_last().and_then(|(_, above)| together.get(above));
        row.push(text(above.filter(|sums| sums.0 > 0.0).map(|sums| charged.seconds() / sums.0)));
        row.push(text(above.zip(own).map(|(sums, own)| f64::from(own) / sums.1 as f64)));
        row
    };
    // The fleet, then each group with its projects and their users.
    nodes.iter().map(row).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::observe::metrics::accounts::{PARTS, Usage};

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
            refunded: Usage::default(),
        };
        let accounts = BTreeMap::from([
            (Tenant { group: number("lab"), project: 0, user: 1 }, account(2, 30)),
            (Tenant { group: number("lab"), project: 0, user: 2 }, account(1, 10)),
            (Tenant { group: 7, project: number("x"), user: 1 }, account(2, 40)),
        ]);
        let mut bytes = Vec::new();
        write(&mut bytes, &tenants, [(0, &accounts)].into_iter()).unwrap();
        insta::assert_snapshot!(String::from_utf8(bytes).unwrap(), @"
        replication,level,group,project,user,shares,jobs,started,completed,waiting_time_mean_s,held_qubit_s,kept_idle_qubit_s,charged_qubit_s,refunded_qubit_s,charged_share,due_share
        0,fleet,,,,,5,5,3,3,80,0,80,0,,
        0,group,7,,,1,2,2,1,2.5,40,0,40,0,0.5,0.25
        0,project,7,x,,1,2,2,1,2.5,40,0,40,0,1,1
        0,user,7,x,1,1,2,2,1,2.5,40,0,40,0,1,1
        0,group,lab,,,3,3,3,2,3.3333333333333335,40,0,40,0,0.5,0.75
        0,project,lab,0,,1,3,3,2,3.3333333333333335,40,0,40,0,1,1
        0,user,lab,0,1,1,2,2,1,2.5,30,0,30,0,0.75,0.5
        0,user,lab,0,2,1,1,1,1,5,10,0,10,0,0.25,0.5
        ");
    }
}

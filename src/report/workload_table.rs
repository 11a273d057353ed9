//! What a file of jobs holds, for the terminal and as JSON.
//!
//! Promises plain text without colour, aligned. Leaves printing to the binary.

use std::fmt::Write;

use serde_json::{Map, Value, json};

use super::device_table::aligned;
use super::table::{Align, Cell, Table, duration, number};
use crate::simulator::scenario::replay::{COLUMNS, SwfHeader};
use crate::simulator::workload::census::{Census, QUANTILES};

/// Keys of a trace's own comments that are shown.
const SHOWN: [&str; 6] =
    ["Computer", "Installation", "MaxProcs", "MaxNodes", "UnixStartTime", "TimeZoneString"];

/// The names of the quantiles.
const NAMES: [&str; QUANTILES.len()] = ["least", "p25", "p50", "p75", "p90", "p99", "most"];

/// The table of `rmsim workload show`.
pub fn text(census: &Census, header: &SwfHeader) -> String {
    let mut facts: Vec<[String; 2]> = Vec::new();
    let mut fact = |key: &str, value: String| facts.push([key.to_owned(), value]);
    for key in SHOWN {
        if let Some(value) = header.get(key) {
            fact(key, value.to_owned());
        }
    }
    fact("jobs", number(Some(census.jobs as f64)));
    for (why, count) in &census.left_out {
        fact("left out", format!("{} {why}", number(Some(*count as f64))));
    }
    fact("from first to last", duration(Some(census.span_s)));
    if census.span_s > 0.0 {
        fact("jobs per hour", number(Some(census.jobs as f64 * 3600.0 / census.span_s)));
    }
    if let Some(variation) = census.gap_variation {
        fact("variation of gaps", format!("{} (1: Poisson)", number(Some(variation))));
    }
    if census.at_walltime > 0 {
        fact("run to their walltime", number(Some(census.at_walltime as f64)));
    }
    let [users, groups, projects] = census.tenants;
    fact("tenants", format!("{users} users, {groups} groups, {projects} projects"));
    for (key, counts) in [("shapes", &census.shapes), ("outcomes", &census.outcomes)] {
        let list = counts.iter().map(|(name, count)| format!("{name} {}", number(Some(*count as f64))));
        fact(key, list.collect::<Vec<_>>().join(", "));
    }
    let mut text = aligned(&facts, 2);
    let mut columns = vec![("", Align::Left), ("jobs", Align::Right), ("mean", Align::Right)];
    columns.extend(NAMES.map(|name| (name, Align::Right)));
    let mut table = Table::new(&columns);
    for quantity in &census.quantities {
        let figures = [quantity.count as f64, quantity.mean].into_iter().chain(quantity.quantiles);
        let cells = figures.map(|figure| Cell::from(number(Some(figure))));
        table.row(std::iter::once(Cell::from(quantity.name.to_owned())).chain(cells));
    }
    if !table.is_empty() {
        text.push('\n');
        text.push_str(&table.render(false));
    }
    text
}

/// The same as JSON.
pub fn json(census: &Census, header: &SwfHeader) -> Value {
    let quantities: Map<String, Value> = census
        .quantities
        .iter()
        .map(|quantity| {
            let mut figures = Map::new();
            figures.insert("count".to_owned(), json!(quantity.count));
            figures.insert("mean".to_owned(), json!(quantity.mean));
            for (name, value) in NAMES.iter().zip(quantity.quantiles) {
                figures.insert((*name).to_owned(), json!(value));
            }
            (quantity.name.to_owned(), Value::Object(figures))
        })
        .collect();
    let left_out: Map<String, Value> =
        census.left_out.iter().map(|(why, count)| ((*why).to_owned(), json!(count))).collect();
    let entries: Map<String, Value> =
        header.entries.iter().map(|(key, value)| (key.clone(), json!(value))).collect();
    let [users, groups, projects] = census.tenants;
    json!({
        "jobs": census.jobs,
        "left_out": left_out,
        "span_s": census.span_s,
        "gap_variation": census.gap_variation,
        "at_walltime": census.at_walltime,
        "users": users,
        "groups": groups,
        "projects": projects,
        "shapes": census.shapes,
        "outcomes": census.outcomes,
        "quantities": quantities,
        "header": entries,
    })
}

/// The table of `rmsim workload columns`.
pub fn columns() -> String {
    let mut text = String::from(
        "Columns of a table of jobs, in any order, all but one of qubits, topology and circuit optional.\n\
         Times are seconds (12.5), or carry a unit (5m). Lines that begin with # are comments.\n\n",
    );
    for def in COLUMNS {
        // Writing to a string cannot fail.
        let _ = writeln!(text, "{:<24}{}", def.name, def.meaning);
        if !def.aliases.is_empty() {
            let _ = writeln!(text, "{:<24}also: {}", "", def.aliases.join(", "));
        }
    }
    text
}

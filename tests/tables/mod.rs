//! Reads the traces of a run as text.
//!
//! Promises times in whole nanoseconds and rows of one replication. Leaves all judgement to the checks.

#![allow(dead_code, reason = "each test file uses a part of it")]

use std::collections::BTreeMap;

/// A row of `events.csv`.
pub struct Row {
    pub sequence: u64,
    pub at: u64,
    pub event: String,
    pub job: Option<u64>,
    pub allocation: Option<u64>,
    pub device: String,
    pub detail: String,
}

/// A row of `jobs.csv`, by column.
pub struct JobRow(BTreeMap<String, String>);

impl JobRow {
    pub fn text(&self, column: &str) -> &str {
        self.0.get(column).map_or("", String::as_str)
    }

    pub fn number(&self, column: &str) -> u64 {
        self.text(column).parse().unwrap_or(u64::MAX)
    }

    /// `None` for an empty cell.
    pub fn time(&self, column: &str) -> Option<u64> {
        nanoseconds(self.text(column))
    }

    pub fn real(&self, column: &str) -> Option<f64> {
        self.text(column).parse().ok()
    }
}

/// Seconds with up to nine digits after the point.
pub fn nanoseconds(text: &str) -> Option<u64> {
    let (whole, fraction) = text.split_once('.').unwrap_or((text, ""));
    let fraction = format!("{fraction:0<9}");
    Some(whole.parse::<u64>().ok()? * 1_000_000_000 + fraction.get(..9)?.parse::<u64>().ok()?)
}

/// All rows, headers given or, in the files of further replications, not.
fn records(text: &str, header: &str) -> Result<(Vec<String>, Vec<csv::StringRecord>), String> {
    let text = if text.starts_with("replication") { text.to_owned() } else { format!("{header}\n{text}") };
    let mut reader = csv::Reader::from_reader(text.as_bytes());
    let names = reader.headers().map_err(|error| error.to_string())?;
    let names = names.iter().map(str::to_owned).collect();
    let rows: Result<Vec<csv::StringRecord>, _> = reader.records().collect();
    Ok((names, rows.map_err(|error| error.to_string())?))
}

pub fn events(text: &str) -> Result<Vec<Row>, String> {
    let header = "replication,sequence,time_s,event,job,allocation,device,detail";
    let (_, rows) = records(text, header)?;
    let row = |row: csv::StringRecord| {
        let number = |cell: usize| row[cell].parse::<u64>().ok();
        Some(Row {
            sequence: number(1)?,
            at: nanoseconds(&row[2])?,
            event: row[3].to_owned(),
            job: number(4),
            allocation: number(5),
            device: row[6].to_owned(),
            detail: row[7].to_owned(),
        })
    };
    rows.into_iter().map(|one| row(one).ok_or_else(|| "an event without number or time".to_owned())).collect()
}

pub fn jobs(text: &str) -> Result<Vec<JobRow>, String> {
    by_column(text, resource_manager::simulator::traces::JOBS_HEADER)
}

/// All rows of `estimates.csv`.
pub fn estimates(text: &str) -> Result<Vec<JobRow>, String> {
    by_column(text, resource_manager::simulator::traces::ESTIMATES_HEADER)
}

fn by_column(text: &str, header: &[&str]) -> Result<Vec<JobRow>, String> {
    let (names, rows) = records(text, &header.join(","))?;
    let row =
        |row: csv::StringRecord| JobRow(names.iter().cloned().zip(row.iter().map(str::to_owned)).collect());
    Ok(rows.into_iter().map(row).collect())
}

/// `3-5 9` as 3, 4, 5, 9.
pub fn interval_set(text: &str) -> Option<Vec<usize>> {
    let mut all = Vec::new();
    for part in text.split_whitespace() {
        let (low, high) = part.split_once('-').unwrap_or((part, part));
        all.extend(low.parse::<usize>().ok()?..=high.parse::<usize>().ok()?);
    }
    Some(all)
}

/// Some columns of a table, by name, one row per line.
pub fn columns(table: &str, names: &[&str]) -> String {
    let mut rows = csv::Reader::from_reader(table.as_bytes());
    let header = rows.headers().unwrap().clone();
    let places: Vec<usize> =
        names.iter().map(|name| header.iter().position(|found| found == *name).unwrap()).collect();
    let rows = rows.records().map(|row| {
        let row = row.unwrap();
        places.iter().map(|place| row[*place].to_owned()).collect::<Vec<_>>().join(" ")
    });
    rows.collect::<Vec<_>>().join("\n")
}

//! The checker can fail: faults planted into the texts of a right run, each of which it must name.

use std::collections::BTreeSet;

use super::course::{Left, run};
use super::draw::Drawn;
use super::judge;
use super::world::World;

/// Two devices, buffers, a calibration-free week of nothing special: every job is easy, and some overlap.
const RIGHT: &str = r#"{
  "scenario": "right", "seed": 3, "horizon": {"jobs": 60},
  "fleet": [
    {"synthetic": {"line": {"qubits": 12}}, "name": "line", "noise": "ideal", "limits": {"max_concurrent_tasks": 3}},
    {"synthetic": {"grid": {"rows": 2, "columns": 3}}, "name": "grid", "noise": "ideal"}],
  "workload": {"arrivals": {"poisson": {"rate": "12/m"}},
    "jobs": [{"name": "free", "topology": "any", "qubits": 3, "excluded_devices": ["grid"]},
             {"name": "small", "topology": "any", "qubits": 2}]},
  "allocator": {"queue": {"global": {"skip_ahead": 64}}, "isolation": {"default_level": "medium", "buffer_distance": 1}},
  "hardware": {"runtime": {"fixed": "20s"}, "drift": {"enabled": false}},
  "calibration": {"mode": "off"}}"#;

type Table = Vec<Vec<String>>;

#[derive(Clone)]
struct Texts {
    events: Table,
    jobs: Table,
    summary: Vec<(String, Option<f64>)>,
}

fn cells(text: &str) -> Table {
    let mut reader = csv::ReaderBuilder::new().has_headers(false).from_reader(text.as_bytes());
    reader.records().map(|row| row.unwrap().iter().map(str::to_owned).collect()).collect()
}

fn text(table: &Table) -> String {
    let mut writer = csv::Writer::from_writer(Vec::new());
    table.iter().for_each(|row| writer.write_record(row).unwrap());
    String::from_utf8(writer.into_inner().unwrap()).unwrap()
}

/// Numbers the events anew, so that only the planted fault shows.
fn renumber(events: &mut Table) {
    for (number, row) in events.iter_mut().skip(1).enumerate() {
        row[1] = number.to_string();
    }
}

impl Texts {
    /// The number of the `nth` event of this name.
    fn event(&self, name: &str, nth: usize) -> usize {
        let found = self.events.iter().enumerate().filter(|(_, row)| row[3] == name);
        found.map(|(index, _)| index).nth(nth).unwrap()
    }

    /// A start on `line` while another job runs there: both event numbers.
    fn neighbours(&self) -> (usize, usize) {
        let mut running: Vec<(usize, String)> = Vec::new();
        for (index, row) in self.events.iter().enumerate() {
            match row[3].as_str() {
                "job_started" if row[6] == "line" => {
                    if let Some((other, _)) = running.last() {
                        return (*other, index);
                    }
                    running.push((index, row[5].clone()));
                }
                "job_finished" => running.retain(|(_, allocation)| *allocation != row[5]),
                _ => {}
            }
        }
        panic!("no two jobs overlap on the line");
    }

    /// Puts a start on these qubits.
    fn place(&mut self, index: usize, qubits: &str) {
        let detail = self.events[index][7].clone();
        let start = detail.split(" on ").next().unwrap();
        self.events[index][7] = format!("{start} on {qubits}");
    }

    fn cell(&mut self, column: &str, value: &str) {
        let place = self.jobs[0].iter().position(|name| name == column).unwrap();
        self.jobs[5][place] = value.to_owned();
    }

    fn metric(&mut self, name: &str) {
        let value = self.summary.iter_mut().find(|(known, _)| known == name).unwrap();
        value.1 = value.1.map(|value| value * 1.01 + 0.01);
    }
}

type Plant = (&'static str, fn(&mut Texts));

const EVENTS: [Plant; 19] = [
    ("illegal step", |texts| {
        let index = texts.event("job_started", 4);
        texts.events.remove(index);
    }),
    ("illegal step", |texts| {
        let index = texts.event("job_finished", 4);
        texts.events.insert(index, texts.events[index].clone());
    }),
    ("allocation given twice", |texts| {
        let (one, two) = texts.neighbours();
        texts.events[two][5] = texts.events[one][5].clone();
    }),
    ("held twice", |texts| {
        let (one, two) = texts.neighbours();
        texts.events[two][7] = texts.events[one][7].clone();
    }),
    ("buffer", |texts| {
        let (one, two) = texts.neighbours();
        texts.place(one, "0 1 2");
        texts.place(two, "3 4 5");
    }),
    ("no such qubit", |texts| texts.place(texts.event("job_started", 3), "98 99")),
    ("not connected", |texts| texts.place(texts.event("job_started", 3), "0 2 5")),
    ("layout", |texts| texts.place(texts.event("job_started", 3), "1 1")),
    ("size", |texts| texts.place(texts.event("job_started", 3), "0 1 2 3 4")),
    ("malformed event", |texts| {
        let index = texts.event("job_started", 3);
        texts.events[index][7] = "attempt one".to_owned();
    }),
    ("not in service", |texts| {
        let index = texts.event("job_started", 3);
        let mut row = texts.events[index].clone();
        row[3] = "status_changed".to_owned();
        (row[4], row[5]) = (String::new(), String::new());
        row[7] = "Online to Draining (Operator)".to_owned();
        texts.events.insert(index, row);
    }),
    ("dead qubit", |texts| {
        let index = texts.event("job_started", 3);
        let mut row = texts.events[index].clone();
        row[3] = "status_changed".to_owned();
        (row[4], row[5]) = (String::new(), String::new());
        row[7] = "qubit 0: Online to Offline (Fault)".to_owned();
        texts.events.insert(index, row);
        texts.place(index + 1, "0 1");
    }),
    ("attempts", |texts| {
        let index = texts.event("job_started", 3);
        texts.events[index][7] = texts.events[index][7].replace("attempt 1", "attempt 2");
    }),
    ("fence", |texts| {
        let (one, two) = texts.neighbours();
        let of = |detail: &str| detail.split(' ').nth(3).unwrap().to_owned();
        let (first, second) = (of(&texts.events[one][7]), of(&texts.events[two][7]));
        let same = format!("fence {first}");
        texts.events[two][7] = texts.events[two][7].replace(&format!("fence {second}"), &same);
    }),
    ("unknown device", |texts| {
        let index = texts.event("job_started", 3);
        texts.events[index][6] = "nowhere".to_owned();
    }),
    ("excluded device", |texts| {
        let free = texts.jobs.iter().filter(|row| row[2] == "free").map(|row| row[1].clone());
        let free: BTreeSet<String> = free.collect();
        let starts = |row: &Vec<String>| row[3] == "job_started" && free.contains(&row[4]);
        let index = texts.events.iter().position(starts).unwrap();
        texts.events[index][6] = "grid".to_owned();
    }),
    ("time runs backwards", |texts| {
        let index = texts.event("job_finished", 3);
        texts.events[index][2] = "0".to_owned();
    }),
    ("membership", |texts| {
        let index = texts.event("device_registered", 0);
        texts.events.insert(index, texts.events[index].clone());
    }),
    ("waits beside an idle device", |texts| {
        let job = texts.events[texts.event("job_started", 0)][4].clone();
        texts.events.retain(|row| row[4] != job || row[3] == "job_queued");
    }),
];

const ROWS: [Plant; 15] = [
    ("column final_state", |texts| texts.cell("final_state", "expired")),
    ("column success", |texts| texts.cell("success", "false")),
    ("column submission_time", |texts| texts.cell("submission_time", "0.5")),
    ("column starting_time", |texts| texts.cell("starting_time", "0.5")),
    ("column finish_time", |texts| texts.cell("finish_time", "0.5")),
    ("column waiting_time", |texts| texts.cell("waiting_time", "1234.5")),
    ("column turnaround_time", |texts| texts.cell("turnaround_time", "1234.5")),
    ("column execution_time", |texts| texts.cell("execution_time", "19")),
    ("column stretch", |texts| texts.cell("stretch", "0.9")),
    ("column attempts", |texts| texts.cell("attempts", "2")),
    ("column device", |texts| texts.cell("device", "nowhere")),
    ("column allocated_resources", |texts| texts.cell("allocated_resources", "0-11")),
    ("column buffer_distance", |texts| texts.cell("buffer_distance", "0")),
    ("column measured", |texts| texts.cell("measured", "0")),
    ("column job_id", |texts| {
        texts.jobs.remove(5);
    }),
];

const METRICS: [&str; 8] = [
    "jobs_completed",
    "waiting_time_s.mean",
    "turnaround_time_s.p95",
    "qubit_utilization",
    "queue_length",
    "active_allocations",
    "makespan_s",
    "throughput_jobs_per_s",
];

fn kinds(world: &World, right: &Left, texts: &Texts) -> BTreeSet<&'static str> {
    let left = Left {
        events: text(&texts.events),
        jobs: text(&texts.jobs),
        timeline: String::new(),
        estimates: right.estimates.clone(),
        journal: String::new(),
        summary: texts.summary.clone(),
        broken: Vec::new(),
        ..*right
    };
    judge(world, &left, &mut BTreeSet::new()).into_iter().map(|finding| finding.kind).collect()
}

#[test]
fn every_planted_fault_is_named() {
    let drawn = Drawn { seed: 0, tree: serde_json::from_str(RIGHT).unwrap(), files: Vec::new() };
    let Ok((scenario, left)) = run(&drawn, 1) else { panic!("the right scenario does not run") };
    let (world, right) = (World::of(&scenario), &left[0]);
    let texts =
        Texts { events: cells(&right.events), jobs: cells(&right.jobs), summary: right.summary.clone() };
    assert_eq!(kinds(&world, right, &texts), BTreeSet::new(), "nothing is wrong without a fault");
    let mut missed = Vec::new();
    for (number, (kind, plant)) in (0..).zip(EVENTS.iter().chain(&ROWS)) {
        let mut bent = texts.clone();
        plant(&mut bent);
        renumber(&mut bent.events);
        let found = kinds(&world, right, &bent);
        if !found.contains(kind) {
            missed.push(format!("fault {number}, `{kind}`: found are {found:?}"));
        }
    }
    for name in METRICS {
        let mut bent = texts.clone();
        bent.metric(name);
        let found = kinds(&world, right, &bent);
        if found.len() != 1 || !found.iter().all(|kind| name.starts_with(kind)) {
            missed.push(format!("metric {name}: found are {found:?}"));
        }
    }
    let mut bent = texts.clone();
    bent.events.remove(texts.event("job_queued", 3));
    if !kinds(&world, right, &bent).contains("sequence") {
        missed.push("a dropped event".to_owned());
    }
    assert!(missed.is_empty(), "{}", missed.join("\n"));
}

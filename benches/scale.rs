//! How the cost of a start grows with devices, with the jobs that wait, and with the qubits of a device.
//!
//! `cargo bench --bench scale -- [DIR]` runs `scenarios/scale/thousand_devices.yaml` cut to other sizes, each in a process of
//! its own on one thread, and prints what a start costs in the core, the longest of a hundred passes, and the memory; of each
//! row of sizes the exponent of a power law through them, and what a job takes in the core alone while it waits and while it
//! runs. Writes `scale.csv` and plots to DIR. Memory is that of the whole process, simulator and metrics included, and is only
//! known on Linux.

use std::path::{Path, PathBuf};
use std::process::Command as Program;
use std::sync::Arc;

use resource_manager::allocator::Allocator;
use resource_manager::allocator::protocol::{Command, Event, JobId, JobRequest, Tenant, Topology};
use resource_manager::experiment::run::{Settings, run};
use resource_manager::quantum::DeviceId;
use resource_manager::random::{Purpose, StreamFamily};
use resource_manager::report::plots::{Plot, ResponsePlot, ResponsePoint, ResponseSeries};
use resource_manager::simulator::scenario::{Scenario, SetOverride};
use resource_manager::time::{Span, Time};

const SCENARIO: &str = "scenarios/scale/thousand_devices.yaml";
/// The argument by which this program calls itself.
const POINT: &str = "--point";
/// The argument by which it asks for the memory of jobs in the core alone.
const MEMORY: &str = "--memory";
const ORDERS: [&str; 2] = ["fifo", "fair_share"];
/// Of the devices of the scenario, in its order.
const SHARES: [f64; 5] = [0.3, 0.25, 0.2, 0.15, 0.1];
/// Jobs that run on a device of the scenario, about.
const RUNNING: usize = 16;

/// What varies.
#[derive(Clone, Copy)]
struct Row {
    name: &'static str,
    /// For the axis.
    what: &'static str,
    sizes: &'static [usize],
    /// The settings for one of the sizes.
    settings: fn(usize) -> Vec<String>,
}

const ROWS: [Row; 3] = [
    Row {
        name: "devices",
        what: "devices, with a hundred waiting jobs each",
        sizes: &[10, 30, 100, 300, 1_000],
        settings: |devices| sized(devices, 104 * devices, 30 * devices),
    },
    Row {
        name: "waiting",
        what: "waiting jobs, on a hundred devices",
        sizes: &[1_000, 10_000, 100_000, 1_000_000],
        settings: |waiting| sized(100, waiting, 3_000),
    },
    Row {
        name: "qubits",
        what: "qubits of each of a hundred devices",
        sizes: &[127, 156, 433, 1_121],
        settings: |qubits| {
            let mut settings = sized(100, 10_400, 3_000);
            settings.retain(|setting| !setting.starts_with("fleet"));
            settings.push(format!(
                "fleet=[{{synthetic: {{heavy_hex: {{qubits: {qubits}}}}}, name: hex, count: 100}}]"
            ));
            settings
        },
    },
];

/// So many devices, jobs that wait and jobs that come besides.
fn sized(devices: usize, waiting: usize, coming: usize) -> Vec<String> {
    let at_start = waiting + RUNNING * devices;
    let counts = SHARES.iter().enumerate();
    let counts = counts.map(|(at, share)| {
        let count = (share * devices as f64).round().max(1.0);
        format!("fleet.{at}.count={count}")
    });
    let mut settings: Vec<String> = counts.collect();
    settings.push(format!("workload.arrivals.at_start.jobs={at_start}"));
    settings.push(format!("horizon.jobs={}", at_start + coming));
    // As many arrivals as ends, about.
    let rate = 0.4 * devices as f64;
    settings.push(format!("workload.sources.0.arrivals.poisson.rate={rate}/s"));
    settings
}

/// What was measured of one run.
#[derive(Debug, Clone, Copy)]
struct Found {
    starts: f64,
    us_per_start: f64,
    mean_pass_us: f64,
    p99_pass_us: f64,
    mib: f64,
}

impl Found {
    const COLUMNS: &str = "starts,core_us_per_start,pass_us_mean,pass_us_p99,peak_mib";

    fn cells(&self) -> String {
        let Self { starts, us_per_start, mean_pass_us, p99_pass_us, mib } = self;
        format!("{starts},{us_per_start:.1},{mean_pass_us:.1},{p99_pass_us:.1},{mib:.1}")
    }

    fn read(cells: &str) -> Option<Self> {
        let numbers: Vec<f64> =
            cells.trim().split(',').map(|cell| cell.parse().ok()).collect::<Option<_>>()?;
        let [starts, us_per_start, mean_pass_us, p99_pass_us, mib] = numbers[..] else { return None };
        Some(Self { starts, us_per_start, mean_pass_us, p99_pass_us, mib })
    }
}

fn main() {
    let words: Vec<String> = std::env::args().skip(1).collect();
    match words.first().map(String::as_str) {
        Some(POINT) => println!("{}", measure(&words[1..]).cells()),
        Some(MEMORY) => println!("{}", memory_of_jobs()),
        _ => all(words.iter().find(|word| !word.starts_with("--")).map(PathBuf::from)),
    }
}

/// Runs the scenario with settings.
fn measure(settings: &[String]) -> Found {
    let overrides: Vec<SetOverride> = settings
        .iter()
        .map(|setting| setting.parse().unwrap_or_else(|error| panic!("{setting}: {error}")))
        .collect();
    let scenario = Scenario::load(Path::new(SCENARIO), &overrides).unwrap_or_else(|error| panic!("{error}"));
    let sinks = |_| Ok(None);
    let how = Settings { threads: 1, sinks: &sinks, collect: false, timing: true, progress: None };
    let replications = run(&scenario, &how).unwrap_or_else(|error| panic!("{error}"));
    let [replication] = &replications[..] else { panic!("one replication") };
    let timing = replication.timing.as_ref().expect("it was asked for");
    let starts = replication.course.started as f64;
    Found {
        starts,
        us_per_start: timing.allocator.as_secs_f64() * 1e6 / starts,
        mean_pass_us: timing.pass.mean() / 1e3,
        p99_pass_us: timing.pass.value_at_quantile(0.99) as f64 / 1e3,
        mib: peak_mib(),
    }
}

/// What jobs of four qubits take in a core of a thousand devices of 127 qubits, without anything around it, under the settings of
/// the scenario with fair shares. Half of them have come and run before anything is measured, so that whatever is remembered of
/// their kind is there.
fn memory_of_jobs() -> String {
    const JOBS: u64 = 3_000;
    let set = |text: &str| -> SetOverride { text.parse().unwrap_or_else(|error| panic!("{text}: {error}")) };
    let fleet = "fleet=[{synthetic: {heavy_hex: {qubits: 127}}, name: hex, count: 1000}]";
    let overrides = [set(fleet), set("allocator.order=fair_share")];
    let scenario = Scenario::load(Path::new(SCENARIO), &overrides).unwrap_or_else(|error| panic!("{error}"));
    let draws = StreamFamily::new(1, 0, Purpose::DeviceSelection);
    let mut core =
        Allocator::new(scenario.allocator.clone(), draws).unwrap_or_else(|error| panic!("{error}"));
    let mut events = Vec::new();
    let mut tell = |command| {
        core.handle(Time::ZERO, command, &mut events).unwrap_or_else(|error| panic!("{error}"));
        let started = events.iter().filter(|event| matches!(event, Event::JobStarted { .. })).count();
        events.clear();
        started
    };
    for (id, device) in (0..).zip(&scenario.fleet) {
        tell(Command::RegisterDevice { device: DeviceId(id), spec: device.spec.clone() });
    }
    let mut wave = |from: u64| {
        let before = status_mib("VmRSS:");
        for id in from..from + JOBS {
            let line = JobRequest::new(JobId(id), 4, Topology::Line);
            let tenant = Tenant { group: (id % 3) as u32, project: (id % 7) as u32, user: (id % 50) as u32 };
            let estimated_duration = Some(Span::from_secs(60));
            tell(Command::Submit(Arc::new(JobRequest { tenant, estimated_duration, ..line })));
        }
        let waiting = status_mib("VmRSS:");
        let started = tell(Command::Wake);
        assert_eq!(started as u64, JOBS, "all of them run");
        let each = |mib: f64| mib * 1024.0 * 1024.0 / JOBS as f64;
        (each(waiting - before), each(status_mib("VmRSS:") - waiting))
    };
    wave(0);
    let (waiting, running) = wave(JOBS);
    format!(
        "memory: in the core alone {waiting:.0} bytes for a job that waits, {running:.0} more while it runs"
    )
}

/// The most memory that this process has had.
fn peak_mib() -> f64 {
    status_mib("VmHWM:")
}

/// What Linux says of the memory of this process.
fn status_mib(key: &str) -> f64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix(key));
    let kib = line.and_then(|line| line.trim().strip_suffix("kB")?.trim().parse::<f64>().ok());
    kib.map_or(f64::NAN, |kib| kib / 1024.0)
}

/// Runs all sizes of all rows, one after the other.
fn all(folder: Option<PathBuf>) {
    let program = std::env::current_exe().unwrap_or_else(|error| panic!("{error}"));
    let done = Program::new(program).arg(MEMORY).output().unwrap_or_else(|error| panic!("{error}"));
    print!("{}{}", String::from_utf8_lossy(&done.stdout), String::from_utf8_lossy(&done.stderr));
    let mut csv = format!("row,order,size,{}\n", Found::COLUMNS);
    let mut plots: Vec<(String, ResponsePlot)> = Vec::new();
    for row in ROWS {
        let mut costs: Vec<ResponseSeries> = Vec::new();
        for order in ORDERS {
            let found: Vec<(f64, Found)> =
                row.sizes.iter().map(|&size| (size as f64, point(&row, order, size, &mut csv))).collect();
            for (what, of) in [
                ("core time per start", (|found| found.us_per_start) as fn(&Found) -> f64),
                ("p99 of a pass", |found| found.p99_pass_us),
            ] {
                let points: Vec<(f64, f64)> =
                    found.iter().map(|(size, found)| (size.log10(), of(found).log10())).collect();
                let exponent = slope(&points);
                println!("{}: {what} under {order} grows with the power {exponent:.2}", row.name);
                costs.push(ResponseSeries {
                    name: format!("{what}, {order}: power {exponent:.2}"),
                    points: points
                        .iter()
                        .map(|&(x, mean)| ResponsePoint { x, mean, interval: None, reserved: false })
                        .collect(),
                    expected: Vec::new(),
                });
            }
            if let [.., (fewer, less), (more, most)] = found[..] {
                let bytes = (most.mib - less.mib) * 1024.0 * 1024.0 / (more - fewer);
                println!("{}: {bytes:.0} bytes more for each of them, under {order}", row.name);
            }
        }
        plots.push((format!("scale_{}", row.name), ResponsePlot {
            title: format!("What a start costs over {}", row.what),
            subtitle: "scenario thousand_devices cut to these sizes, one thread, one run each; both axes in powers of ten".to_owned(),
            x_name: format!("{}, power of ten", row.name),
            x_labels: None,
            y_name: "microseconds, power of ten".to_owned(),
            series: costs,
            reference: String::new(),
        }));
    }
    let Some(folder) = folder else { return };
    std::fs::create_dir_all(&folder).unwrap_or_else(|error| panic!("{}: {error}", folder.display()));
    for (file, plot) in plots {
        let figure = Plot::Response(plot).render().unwrap_or_else(|error| panic!("{error}"));
        figure.write(&folder, &file).unwrap_or_else(|error| panic!("{error}"));
    }
    let path = folder.join("scale.csv");
    std::fs::write(&path, csv).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
}

/// Measures one size in a process of its own.
fn point(row: &Row, order: &str, size: usize, csv: &mut String) -> Found {
    let mut settings = (row.settings)(size);
    settings.push(format!("allocator.order={order}"));
    let program = std::env::current_exe().unwrap_or_else(|error| panic!("{error}"));
    let done = Program::new(program).arg(POINT).args(&settings).output();
    let done = done.unwrap_or_else(|error| panic!("{error}"));
    let text = String::from_utf8_lossy(&done.stdout);
    let found = Found::read(&text).unwrap_or_else(|| {
        panic!("{settings:?}: {}\n{text}{}", done.status, String::from_utf8_lossy(&done.stderr))
    });
    let line = format!("{},{order},{size},{}", row.name, found.cells());
    println!("{line}");
    csv.push_str(&line);
    csv.push('\n');
    found
}

/// The slope of the line through the points with the least squares.
fn slope(points: &[(f64, f64)]) -> f64 {
    let mean = |of: fn(&(f64, f64)) -> f64| points.iter().map(of).sum::<f64>() / points.len() as f64;
    let (x, y) = (mean(|point| point.0), mean(|point| point.1));
    let both: f64 = points.iter().map(|point| (point.0 - x) * (point.1 - y)).sum();
    both / points.iter().map(|point| (point.0 - x) * (point.0 - x)).sum::<f64>()
}

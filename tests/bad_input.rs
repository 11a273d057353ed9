//! What users see when a scenario or device file is wrong: place, line and valid choices, never a panic.
//!
//! Each snapshot holds several cases, separated by rules; together they are the list of acceptance, and more.

use std::path::Path;
use std::time::{Duration, Instant};

use resource_manager::quantum::catalogue;
use resource_manager::quantum::device::DeviceSpec;
use resource_manager::simulator::scenario::{Scenario, SetOverride};

const GOOD: &str = "\
scenario: demo
seed: 1
horizon: {jobs: 100}
fleet:
  - device: ibm_guadalupe
  - synthetic: {grid: {rows: 4, columns: 4}}
workload:
  arrivals:
    poisson: {rate: 60/h}
  jobs:
    - qubits: {uniform: [2, 5]}
      topology: line
      shots: 1000
";

/// A snapshot without the expression, which would repeat the whole list of cases.
macro_rules! snapshot {
    ($text:expr) => {
        insta::with_settings!({ omit_expression => true }, { insta::assert_snapshot!($text) })
    };
}

fn read(text: &str, sets: &[&str]) -> Result<Scenario, String> {
    let sets: Vec<SetOverride> = sets.iter().map(|set| set.parse().unwrap()).collect();
    Scenario::from_yaml(text, "demo.yaml", Path::new("tests"), &sets).map_err(|error| error.to_string())
}

fn error(text: &str, sets: &[&str]) -> String {
    match read(text, sets) {
        Ok(_) => format!("ACCEPTED:\n{text}"),
        Err(error) => error,
    }
}

/// The errors of the good scenario with one piece replaced.
fn replaced(cases: &[(&str, &str)]) -> String {
    let errors = cases.iter().map(|(from, to)| {
        assert!(GOOD.contains(from), "{from}");
        error(&GOOD.replace(from, to), &[])
    });
    errors.collect::<Vec<_>>().join("\n----\n")
}

#[test]
fn the_good_scenario_is_good() {
    read(GOOD, &["seed=7", "workload.jobs.0.shots={uniform: [1, 10]}", "allocator.strategy=first_fit"])
        .unwrap();
}

#[test]
fn keys_and_choices() {
    snapshot!(replaced(&[
        ("seed: 1", "sed: 1"),
        ("seed: 1", "seed: 1\nseed: 2"),
        ("horizon: {jobs: 100}\n", ""),
        ("horizon: {jobs: 100}", "horizon: {job: 100}"),
        ("horizon: {jobs: 100}", "horizon: {jobs: 100, time: 7d}"),
        ("poisson:", "poison:"),
        ("topology: line", "topology: lien"),
        ("topology: line", "topology: {circuit: bell.qasm}"),
        ("topology: line", "topology: {circuit: data/circuits/constructs.txt}"),
        ("topology: line", "topology: {circuit: gzh:5}"),
        ("topology: line", "topology: {circuit: ghz:5}"),
        ("qubits:", "qubit:"),
        ("{uniform: [2, 5]}", "{unifrom: [2, 5]}"),
        ("{uniform: [2, 5]}", "{uniform: [2, 5], zipf: {n: 3, s: 1}}"),
        ("workload:", "allocator: {strategy: noise_awair}\nworkload:"),
        ("workload:", "allocator: {strategy: first_fit, default_strategy: first_fit}\nworkload:"),
        ("workload:", "hardware: {runtime: {clops: {template: 5}}}\nworkload:"),
        ("poisson: {rate: 60/h}", "poisson"),
        ("  jobs:\n", "  jobs: ibm-like\n  sources:\n"),
    ]));
}

#[test]
fn values_and_units() {
    snapshot!(replaced(&[
        ("shots: 1000", "shots: -5"),
        ("shots: 1000", "shots: many"),
        ("shots: 1000", "shots: 10.5"),
        ("seed: 1", "seed: -1"),
        ("seed: 1", "start: tomorrow"),
        ("60/h", "60"),
        ("60/h", "0/h"),
        ("60/h", "-3/m"),
        ("{jobs: 100}", "{time: 30}"),
        ("{jobs: 100}", "{time: 120Âµs}"),
        ("{jobs: 100}", "{time: -5s}"),
        ("{jobs: 100}", "{time: 5 parsecs}"),
        ("{uniform: [2, 5]}", "{uniform: [2]}"),
        ("{uniform: [2, 5]}", "{uniform: [5, 2]}"),
        ("{uniform: [2, 5]}", "[2, 5]"),
        ("shots: 1000", "shots: {choice: []}"),
        ("shots: 1000", "priority: urgent"),
        ("shots: 1000", "isolation: extreme"),
        ("shots: 1000", "estimated_duration: 5"),
        ("seed: 1", "targets: {waiting_time_s: {p95: 600}}"),
        ("fleet:\n", "fleet: ibm_fez\nflet:\n"),
    ]));
}

#[test]
fn meaning() {
    snapshot!(replaced(&[
        ("scenario: demo", "scenario: ../demo"),
        ("{jobs: 100}", "{jobs: 0}"),
        ("seed: 1", "warm_up: {jobs: 100}"),
        ("{uniform: [2, 5]}", "{exponential: {mean: 3}}"),
        ("ibm_guadalupe", "ibm_guadaloupe"),
        ("ibm_guadalupe", "./missing.yaml"),
        ("device: ibm_guadalupe", "count: 2"),
        ("device: ibm_guadalupe", "{device: ibm_guadalupe, noise: ideal}"),
        ("device: ibm_guadalupe", "device: ibm_guadalupe\n  - device: ibm_guadalupe"),
        ("{grid: {rows: 4, columns: 4}}", "{heavy_hex: {qubits: 100}}"),
        ("{grid: {rows: 4, columns: 4}}", "{grid: {rows: 4000000, columns: 4}}"),
        (
            "qubits: {uniform: [2, 5]}\n      topology: line",
            "qubits: 5\n      topology: {grid: {rows: 2, columns: 3}}"
        ),
        ("topology: line", "topology: ring"),
        ("topology: line", "topology: {custom: {edges: [[0, 0]]}}"),
        ("topology: line", "topology: {custom: {matrix: [[0, 1], [0, 0]]}}"),
        ("{uniform: [2, 5]}\n      topology: line", "6\n      max_swap_operations: 0\n      topology: star"),
        ("{uniform: [2, 5]}", "17"),
        ("qubits: {uniform: [2, 5]}", "qubits: 0"),
        ("      shots: 1000", "      shots: 0"),
        ("shots: 1000", "checkpoint_interval: 1h"),
        ("shots: 1000", "redundancy: 2"),
        ("shots: 1000", "noise_budget: 1.5"),
        (
            "qubits: {uniform: [2, 5]}\n      topology: line",
            "min_qubits: 4\n      max_qubits: 8\n      topology: heavy_hex"
        ),
        (
            "qubits: {uniform: [2, 5]}\n      topology: line",
            "min_qubits: 4\n      max_qubits: 8\n      topology: {choice: [[line, 1], [complete, 1]]}"
        ),
        ("shots: 1000", "excluded_devices: [ibm_guadelupe]"),
        ("shots: 1000", "excluded_devices: ['*']"),
        ("shots: 1000", "execution_time: 5s"),
        ("shots: 1000", "outcomes: {cancelled: 0.8, error: 0.3}"),
        ("poisson: {rate: 60/h}", "batch: {rate: 60/h, mean_size: 0.5}"),
        ("    poisson: {rate: 60/h}\n", "    burst: {every: 1h, jobs: 5, over: 2h}\n"),
        ("  arrivals:\n    poisson: {rate: 60/h}\n", ""),
        ("workload:", "hardware: {failures: [{mtbf: {devices: [ibm_fez]}}]}\nworkload:"),
        (
            "workload:",
            "hardware: {failures: [{at: {time: 1h, devices: [ibm_guadalupe], target: {qubit: 99}}}]}\nworkload:"
        ),
        ("workload:", "hardware: {runtime: {clops: {}}}\nworkload:"),
        ("workload:", "hardware: {drift: {scale: -1}}\nworkload:"),
        ("workload:", "allocator: {retry: {every: 0s}}\nworkload:"),
        ("workload:", "calibration: {mode: off, on_request: true}\nworkload:"),
    ]));
}

#[test]
fn overrides_are_named() {
    let sets = [
        "sed=5",
        "seed=many",
        "workload.jobs.3.shots=5",
        "workload.jobs.0.shots=-5",
        "workload.arrivals.deterministic.every=1s",
        "workload.jobs.0.topology.grid.rows=2",
        "fleet.0.device=ibm_nowhere",
        "allocator.strategy=[",
        "horizon.jobs=0",
        "workload.jobs.0.topology={grid: {rows: 2, columns: 3}}",
    ];
    snapshot!(sets.map(|set| error(GOOD, &[set])).join("\n----\n"));
    snapshot!(
        ["noequals", "=5", "a..b=5"]
            .map(|set| set.parse::<SetOverride>().unwrap_err().to_string())
            .join("\n")
    );
}

/// A device file lies next to the scenario; what is wrong with it is said with both places.
#[test]
fn a_device_file_of_a_scenario() {
    let folder = tempfile::tempdir().unwrap();
    let text = GOOD.replace("ibm_guadalupe", "./mine.yaml");
    std::fs::write(folder.path().join("demo.yaml"), &text).unwrap();
    let load = || Scenario::load(&folder.path().join("demo.yaml"), &[]);
    let device = catalogue::text("ibm_guadalupe").unwrap();
    std::fs::write(folder.path().join("mine.yaml"), device).unwrap();
    assert_eq!(load().unwrap().fleet[0].spec.coupling_map.qubits(), 16);
    std::fs::write(folder.path().join("mine.yaml"), device.replace("qubits: 16", "qubits: -16")).unwrap();
    let shown = load().unwrap_err().to_string().replace(&*folder.path().to_string_lossy(), "FOLDER");
    snapshot!(shown);
}

#[test]
fn broken_files() {
    let texts = [
        "",
        "# only a comment\n---\n",
        "just some text",
        "- a\n- list\n",
        "scenario: [unclosed",
        "scenario: demo\n\tseed: 1\n",
        "scenario: demo\n---\nscenario: two\n",
        "<<: *base\n",
        "scenario: \"\u{7}\u{1b}[31mred\"\n",
    ];
    snapshot!(texts.map(|text| error(text, &[])).join("\n----\n"));
    let missing = Scenario::load(Path::new("no/such.yaml"), &[]).unwrap_err().to_string();
    snapshot!(missing);
    let folder = Scenario::load(Path::new("/"), &[]).unwrap_err().to_string();
    assert!(folder.starts_with("error: cannot read the scenario `/`: "), "{folder}");
}

/// Nonsense of 100 MB, 50,000 brackets and a bomb of aliases are refused within seconds and without a large stack.
#[test]
fn hostile_files_are_refused_quickly() {
    let started = Instant::now();
    let nonsense = "x: [a, b, {c: d}]\n".repeat(100_000_000 / 18);
    let long = error(&nonsense, &[]);
    assert!(long.contains("bytes, the most is"), "{long}");
    let below_limit = &nonsense[..16_000_000];
    assert!(error(below_limit, &[]).starts_with("error: "));
    for text in [
        "[".repeat(50_000),
        "{a: ".repeat(50_000),
        "- ".repeat(50_000),
        format!("fleet: {}", "[".repeat(50_000)),
        format!("a: {}{}", "[".repeat(50_000), "]".repeat(50_000)),
        (0..50_000).map(|depth| format!("{}a:\n", " ".repeat(depth.min(5_000)))).collect(),
    ] {
        let message = error(&text, &[]);
        assert!(message.starts_with("error: ") && message.len() < 1_000, "{message}");
    }
    let mut bomb = "a0: &a0 [1, 1, 1, 1, 1, 1, 1, 1, 1, 1]\n".to_owned();
    for level in 1..12 {
        let alias = format!("*a{}", level - 1);
        bomb += &format!("a{level}: &a{level} [{}]\n", vec![alias; 10].join(", "));
    }
    assert!(error(&bomb, &[]).starts_with("error: "));
    let path = std::env::temp_dir().join(format!("nonsense-{}.yaml", std::process::id()));
    std::fs::write(&path, &nonsense).unwrap();
    let from_file = Scenario::load(&path, &[]).unwrap_err().to_string();
    std::fs::remove_file(&path).unwrap();
    assert!(from_file.contains("larger than 16 MiB"), "{from_file}");
    assert!(started.elapsed() < Duration::from_secs(60), "{:?}", started.elapsed());
}

#[test]
fn device_files() {
    const DEVICE: &str = "\
name: demo
vendor: nobody
technology: superconducting
qubits: 6
topology: grid
lattice: {rows: 2, columns: 3}
noise_profile: {t1: 100us, t2: 80us, readout_error: 0.01, one_qubit_error: 0.001, two_qubit_error: 0.01}
";
    let device = |text: &str| match DeviceSpec::from_yaml(text, "demo.yaml") {
        Ok(_) => format!("ACCEPTED:\n{text}"),
        Err(error) => error.to_string(),
    };
    DeviceSpec::from_yaml(DEVICE, "demo.yaml").unwrap();
    let cases = [
        ("qubits: 6", "qubit: 6"),
        ("qubits: 6", "qubits: -6"),
        ("qubits: 6", "qubits: 7"),
        ("qubits: 6", "qubits: 6\nqubits: 6"),
        ("topology: grid", "topology: gird"),
        ("t1: 100us", "t1: 100"),
        ("t1: 100us", "t1: 100Âµs"),
        ("t2: 80us", "t2: 800us"),
        ("readout_error: 0.01", "readout_error: 1.5"),
        ("readout_error: 0.01", "readout_error: -0.01"),
        ("topology: grid\nlattice: {rows: 2, columns: 3}\n", "couplers: [{qubits: [0, 6]}]\n"),
        ("technology: superconducting", "technology: superconduction"),
    ];
    let mut errors: Vec<String> = cases.iter().map(|(from, to)| device(&DEVICE.replace(from, to))).collect();
    errors.extend(["", "[", "name: x"].map(device));
    errors.push(catalogue::load("ibm_fes").unwrap_err().to_string());
    snapshot!(errors.join("\n----\n"));
    for text in ["[".repeat(50_000), "x: [a, b]\n".repeat(1_000_000)] {
        assert!(device(&text).len() < 2_000);
    }
}

/// Names go into tables, XML, metric names and paths: what would break one of them is refused at its key.
#[test]
fn names_that_would_break_an_output_are_refused_at_the_door() {
    let named = |name: &str| {
        GOOD.replace("device: ibm_guadalupe", &format!("{{device: ibm_guadalupe, name: {name}}}"))
    };
    for (name, rule) in [
        ("fleet", "tables use that name for all devices"),
        ("\"a[b]\"", "a device name has no `[`"),
        ("a/b", "a device name has no `/`"),
        (r#""a\u0001b""#, "no control character (U+0001)"),
        (r#""a\uFFFFb""#, "no control character (U+FFFF)"),
        (r#""a\u202Eb""#, "no invisible character (U+202E)"),
        (r#""a\u200Bb""#, "no invisible character (U+200B)"),
        ("\" a\"", "does not begin or end with a space"),
        (&"x".repeat(300), "at most 200 characters"),
    ] {
        let said = error(&named(name), &[]);
        assert!(said.contains(rule) && said.contains("demo.yaml:5:"), "{name}: {said}");
    }
    read(&named("\"=Lab <2> & 'west'\""), &[]).unwrap();
    for (name, rule) in
        [(r#""a\u0007b""#, "(U+0007)"), (r#""a\u2066b""#, "(U+2066)"), ("\"\"", "is not empty")]
    {
        let text = GOOD.replace("- qubits:", &format!("- name: {name}\n      qubits:"));
        let said = error(&text, &[]);
        assert!(said.contains(rule) && said.contains("no name for jobs"), "{name}: {said}");
    }
}

/// What would compute without end, or without coming forward, is refused with its key.
#[test]
fn nothing_that_never_ends_is_accepted() {
    let cases = [
        ("poisson: {rate: 60/h}", "mmpp: {rates: [1/h, 2/h], sojourn: [1ns, 1ns]}", "sojourn"),
        ("poisson: {rate: 60/h}", "batch: {rate: 60/h, mean_size: 1e300}", "mean_size"),
        ("seed: 1", "calibration: {interval: 1ns}", "calibration"),
        ("seed: 1", "output: {timeline_every: 1ns}", "timeline_every"),
        ("seed: 1", "hardware: {drift: {step: 1ns}}", "drift"),
        ("seed: 1", "hardware: {drift: {coupler_death_per_day: 1e300}}", "coupler_death_per_day"),
        ("seed: 1", "hardware: {failures: [{mtbf: {mean_time_between: 1ns}}]}", "time between failures"),
        ("seed: 1", "allocator: {retry: {every: 1ns}}", "retry"),
        (
            "device: ibm_guadalupe",
            "device: ibm_guadalupe\n    limits: {calibration_interval: 1ns}",
            "calibrations",
        ),
    ];
    for (from, to, key) in cases {
        let said = error(&GOOD.replace(from, to), &[]);
        assert!(!said.starts_with("ACCEPTED") && said.contains(key), "{to}: {said}");
    }
    let endless = GOOD
        .replace("poisson: {rate: 60/h}", "at_start: {jobs: 1000000000000000000}")
        .replace("{jobs: 100}", "{time: 1d}");
    assert!(
        error(&endless, &[]).contains("jobs would arrive within the horizon"),
        "{}",
        error(&endless, &[])
    );
}

/// Files without end, and files that nobody writes: each reader says so at once and names the file.
#[cfg(unix)]
#[test]
fn no_reader_waits_or_reads_for_ever() {
    use resource_manager::config_file::YamlFile;
    use resource_manager::experiment::check::baseline::Baseline;
    use resource_manager::experiment::placements::InstanceFile;
    use resource_manager::experiment::sweep::file::PLAN;
    use resource_manager::quantum::import::qiskit;
    use resource_manager::quantum::qasm;

    let folder = tempfile::tempdir().unwrap();
    let pipe = folder.path().join("pipe");
    assert!(std::process::Command::new("mkfifo").arg(&pipe).status().unwrap().success());
    let start = Instant::now();
    for path in [pipe.as_path(), Path::new("/dev/zero"), folder.path()] {
        let shown = path.display().to_string();
        let jobs = |key: &str| {
            let text =
                GOOD.replace(GOOD.split_once("workload:").unwrap().1, &format!(" {{{key}: {shown}}}\n"));
            error(&text, &[])
        };
        let device = GOOD.replace("device: ibm_guadalupe", &format!("device: {shown}/"));
        let answers = [
            jobs("csv"),
            jobs("swf"),
            jobs("trace"),
            Scenario::load(path, &[]).unwrap_err().to_string(),
            YamlFile::load(path, &PLAN).unwrap_err().to_string(),
            DeviceSpec::from_file(path).unwrap_err().to_string(),
            qasm::profile_file(path).unwrap_err().to_string(),
            qiskit::import_files(path, path, "").unwrap_err().to_string(),
            InstanceFile::load(path).unwrap_err().to_string(),
            Baseline::load(path).unwrap_err().to_string(),
        ];
        for answer in answers {
            let kind = ["it is a pipe", "it is a device", "it is a directory"];
            assert!(kind.iter().any(|kind| answer.contains(kind)) && answer.contains(&shown), "{answer}");
        }
        assert!(!error(&device, &[]).starts_with("ACCEPTED"));
    }
    assert!(start.elapsed() < Duration::from_secs(20));
}

/// A small file that unpacks to one endless row stops at the bound of a row.
#[test]
fn a_compressed_endless_row_stops_at_its_bound() {
    use std::io::Write;

    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("bomb.csv.gz");
    let mut packed =
        flate2::write::GzEncoder::new(std::fs::File::create(&path).unwrap(), flate2::Compression::fast());
    packed.write_all(b"submission_time,qubits\n0,\"").unwrap();
    for _ in 0..20 {
        packed.write_all(&vec![b'1'; 1 << 20]).unwrap();
    }
    packed.finish().unwrap();
    let text =
        GOOD.replace(GOOD.split_once("workload:").unwrap().1, &format!(" {{csv: {}}}\n", path.display()));
    let said = error(&text, &[]);
    assert!(said.contains("bomb.csv.gz") && said.contains("a row is longer than 8 MiB"), "{said}");
}

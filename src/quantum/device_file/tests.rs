use std::time::Instant;

use proptest::prelude::*;

use super::*;
use crate::quantum::PhysicalQubit;

const FULL: &str = "\
schema: 1
name: toy
vendor: Somebody
technology: superconducting
granularity: per_element
source: made up
calibrated_at: 2025-02-26T15:16:25-05:00
native_gates: [cz, rz, sx]
speed: {job_overhead: 3.1s, circuit_overhead: 88ms, repetition_delay: 250us, layer: 229ns, clops: 195000}
limits: {max_concurrent_tasks: 3, min_qubit_separation: 1, calibration_interval: 1d, reconfiguration_time: 0s}
qubits: 3
noise_profile: {one_qubit_duration: 24ns, readout_duration: 1.56us}
qubit_calibration:
  - {qubit: 0, t1: 48.81us, t2: 42.38us, readout_error: 0.01147, one_qubit_error: 7.641e-4}
  - {qubit: 1, t1: 148.1us, t2: 180us, readout_error: 0.5, one_qubit_error: 2.5e-4, dead: true}
  - {qubit: 2, t1: 90us, t2: 180us, readout_error: 0.003, one_qubit_error: 0.002}
couplers:
  - {qubits: [0, 1], two_qubit_error: 0.0028, two_qubit_duration: 84ns}
  - {qubits: [1, 2], two_qubit_error: 1, two_qubit_duration: 68ns, dead: true}
";

#[test]
fn the_full_form_is_read_and_written_word_for_word() {
    let device = DeviceSpec::from_yaml(FULL, "toy.yaml").unwrap();
    assert_eq!(device.to_yaml(), FULL.replace("2025-02-26T15:16:25-05:00", "\"2025-02-26T15:16:25-05:00\""));
    let qubits = &device.calibration.qubits;
    assert!(qubits[1].dead && device.calibration.couplers[1].dead && !qubits[0].dead);
    assert_eq!((qubits[0].t1_s, qubits[2].t2_s), (48.81e-6, 180e-6));
    assert_eq!(device.limits.calibration_interval, Some(Span::from_secs(86_400)));
}

/// The two devices of the requirement documents, with either µ.
#[test]
fn the_short_form_of_the_requirement_documents_is_read() {
    let text = "\
devices:
  - id: \"ibm_guadalupe\"
    type: \"superconducting\"
    qubits: 16
    topology: \"heavy_hex\"
    noise_profile:
      t1_avg: \"120\u{b5}s\"
      t2_avg: \"80\u{3bc}s\"
      single_qubit_error: 0.001
      two_qubit_error: 0.01
    allocation_constraints:
      max_concurrent_tasks: 3
      min_qubit_separation: 1
      calibration_interval: \"4h\"

  - id: \"ionq_harmony\"
    type: \"trapped_ion\"
    qubits: 11
    topology: \"all_to_all\"
    noise_profile:
      t1_avg: \"10s\"
      t2_avg: \"1s\"
      single_qubit_error: 0.0005
      two_qubit_error: 0.005
    allocation_constraints:
      max_concurrent_tasks: 1  # Full device exclusive
      reconfiguration_time: \"100ms\"
";
    let devices = DeviceSpec::list_from_yaml(text, "short.yaml").unwrap();
    let [guadalupe, harmony] = &devices[..] else { panic!("two devices") };
    assert_eq!(guadalupe.coupling_map.couplers().len(), 16);
    assert_eq!(guadalupe.granularity, Granularity::DeviceAverage);
    assert_eq!(guadalupe.calibration.qubits[7].t2_s, 80e-6);
    assert_eq!(guadalupe.limits.calibration_interval, Some(Span::from_secs(4 * 3600)));
    assert!(harmony.coupling_map.is_complete());
    assert_eq!(harmony.limits.max_concurrent_tasks, Some(1));
    assert_eq!(harmony.limits.reconfiguration_time, Span::from_millis(100));
    for device in &devices {
        assert_eq!(DeviceSpec::from_yaml(&device.to_yaml(), "again").as_ref(), Ok(device));
    }
    let error = DeviceSpec::from_yaml(text, "short.yaml").unwrap_err();
    assert_eq!(error.to_string(), "short.yaml: expected one device, found 2; hint: one file per device");
}

/// `FULL` with one piece replaced must fail with a message that says where and what else.
#[test]
fn bad_files_say_where_and_what_is_right() {
    let cases = [
        ("vendor:", "vendro:"),
        ("superconducting", "super"),
        ("schema: 1", "schema: 2"),
        ("name: toy\n", ""),
        ("name: toy", "name: a/b"),
        ("qubits: 3", "qubits: 3\nqubits: 4"),
        ("qubits: 3", "qubits: -3"),
        ("qubits: 3", "qubits: 0"),
        ("qubits: 3", "qubits: 3000000000"),
        ("qubit: 2,", "qubit: 7,"),
        ("qubit: 2,", "qubit: 1,"),
        ("[1, 2]", "[1, 3]"),
        ("[1, 2]", "[1, 1]"),
        ("[1, 2]", "[1, 0]"),
        ("[1, 2]", "[1, 2, 0]"),
        ("0.0028", "1.5"),
        ("0.0028", "-0.1"),
        ("0.0028", ".nan"),
        ("0.0028", "low"),
        ("48.81us", "-48us"),
        ("48.81us", "48"),
        ("48.81us", "48.81\u{c2}\u{b5}s"),
        ("42.38us", "98us"),
        ("84ns", "84 parsecs"),
        ("2025-02-26T15:16:25-05:00", "yesterday"),
        ("tasks: 3", "tasks: 0"),
        ("clops: 195000", "clops: fast"),
        ("couplers:", "lattice: {rows: 1, columns: 3}\ncouplers:"),
        ("couplers:", "topology: heavy_hex\ncouplers:"),
        ("couplers:", "topology: grid\ncouplers:"),
        ("couplers:", "topology: hexagon\ncouplers:"),
        ("couplers:", "topology: ring\ncouplers:"),
        ("dead: true}\n", "dead: perhaps}\n"),
        ("native_gates: [cz", "native_gates: [[cz]"),
        ("native_gates: [cz", "native_gates: [cz, [cz"),
    ];
    let mut messages = String::new();
    for (right, wrong) in cases {
        let text = FULL.replacen(right, wrong, 1);
        assert_ne!(text, FULL, "{right}");
        let case = match DeviceSpec::from_yaml(&text, "toy.yaml") {
            Ok(_) => "read without an error".to_owned(),
            Err(error) => error.to_string(),
        };
        messages += &format!("{wrong:?}\n{case}\n\n");
    }
    insta::assert_snapshot!(messages, @r#"
    "vendro:"
    toy.yaml:3:1: unknown key `vendro`; hint: did you mean `vendor`? known keys are schema, id, name, vendor, technology, type, granularity, source, calibrated_at, native_gates, qubits, topology, lattice, noise_profile, speed, allocation_constraints, limits, price, qubit_calibration, couplers
      |
    3 | vendro: Somebody
      | ^

    "super"
    toy.yaml:4:13: unknown value `super`; hint: choose one of superconducting, trapped_ion, neutral_atom, simulator
      |
    4 | technology: super
      |             ^

    "schema: 2"
    toy.yaml:1:9: schema 2 is not known; hint: this version reads schema 1
      |
    1 | schema: 2
      |         ^

    ""
    toy.yaml:16:1: the key `name` is missing
       |
    16 | couplers:
       | ^

    "name: a/b"
    toy.yaml:2:7: not a device name; hint: up to 64 letters, digits, `_`, `-` and `.`, as in ibm_fez
      |
    2 | name: a/b
      |       ^

    "qubits: 3\nqubits: 4"
    toy.yaml:12:1: the key `qubits` is given twice; hint: keep one of them
       |
    12 | qubits: 4
       | ^

    "qubits: -3"
    toy.yaml:11:9: found `-3`, expected a whole number of 0 or more
       |
    11 | qubits: -3
       |         ^

    "qubits: 0"
    toy.yaml:11:9: 0 qubits; hint: from 1 to 100000
       |
    11 | qubits: 0
       |         ^

    "qubits: 3000000000"
    toy.yaml:11:9: 3000000000 qubits; hint: from 1 to 100000
       |
    11 | qubits: 3000000000
       |         ^

    "qubit: 7,"
    toy.yaml:16:13: qubit 7 is out of range; hint: the device has qubits 0..=2
       |
    16 |   - {qubit: 7, t1: 90us, t2: 180us, readout_error: 0.003, one_qubit_error: 0.002}
       |             ^

    "qubit: 1,"
    toy.yaml:16:13: qubit 1 is given twice
       |
    16 |   - {qubit: 1, t1: 90us, t2: 180us, readout_error: 0.003, one_qubit_error: 0.002}
       |             ^

    "[1, 3]"
    toy.yaml:19:5: coupler [1, 3] names a qubit out of range; hint: the device has qubits 0..=2
       |
    19 |   - {qubits: [1, 3], two_qubit_error: 1, two_qubit_duration: 68ns, dead: true}
       |     ^

    "[1, 1]"
    toy.yaml:19:5: coupler [1, 1] joins a qubit with itself
       |
    19 |   - {qubits: [1, 1], two_qubit_error: 1, two_qubit_duration: 68ns, dead: true}
       |     ^

    "[1, 0]"
    toy.yaml:19:5: coupler [1, 0] is given twice
       |
    19 |   - {qubits: [1, 0], two_qubit_error: 1, two_qubit_duration: 68ns, dead: true}
       |     ^

    "[1, 2, 0]"
    toy.yaml:19:6: invalid length 3, expected a tuple of size 2
       |
    19 |   - {qubits: [1, 2, 0], two_qubit_error: 1, two_qubit_duration: 68ns, dead: true}
       |      ^

    "1.5"
    toy.yaml:18:39: 1.5 is not an error rate; hint: a probability from 0 to 1, as in 0.004
       |
    18 |   - {qubits: [0, 1], two_qubit_error: 1.5, two_qubit_duration: 84ns}
       |                                       ^

    "-0.1"
    toy.yaml:18:39: -0.1 is not an error rate; hint: a probability from 0 to 1, as in 0.004
       |
    18 |   - {qubits: [0, 1], two_qubit_error: -0.1, two_qubit_duration: 84ns}
       |                                       ^

    ".nan"
    toy.yaml:18:39: NaN is not an error rate; hint: a probability from 0 to 1, as in 0.004
       |
    18 |   - {qubits: [0, 1], two_qubit_error: .nan, two_qubit_duration: 84ns}
       |                                       ^

    "low"
    toy.yaml:18:39: found `low`, expected a number
       |
    18 |   - {qubits: [0, 1], two_qubit_error: low, two_qubit_duration: 84ns}
       |                                       ^

    "-48us"
    toy.yaml:14:20: `-48us` is negative; hint: a duration is zero or more
       |
    14 |   - {qubit: 0, t1: -48us, t2: 42.38us, readout_error: 0.01147, one_qubit_error: 7.641e-4}
       |                    ^

    "48"
    toy.yaml:14:20: `48` has no unit; hint: write a duration with its unit, such as 30s, 5m, 7d or 120us
       |
    14 |   - {qubit: 0, t1: 48, t2: 42.38us, readout_error: 0.01147, one_qubit_error: 7.641e-4}
       |                    ^

    "48.81Âµs"
    toy.yaml:14:20: `48.81Âµs` holds a garbled µ (UTF-8 read as Latin-1); hint: write 48.81us
       |
    14 |   - {qubit: 0, t1: 48.81Âµs, t2: 42.38us, readout_error: 0.01147, one_qubit_error: 7.641e-4}
       |                    ^

    "98us"
    toy.yaml:14:33: T2 of 98us is longer than twice the T1 of 48us 810ns; hint: T2 <= 2 T1
       |
    14 |   - {qubit: 0, t1: 48.81us, t2: 98us, readout_error: 0.01147, one_qubit_error: 7.641e-4}
       |                                 ^

    "84 parsecs"
    toy.yaml:18:67: `84 parsecs` is not a duration: unknown time unit "parsecs", supported units: ns, us/µs, ms, sec, min, hours, days, weeks, months, years (and few variations); hint: units are ns, us, ms, s, m, h, d, as in 30s or 1h 30m
       |
    18 |  1], two_qubit_error: 0.0028, two_qubit_duration: 84 parsecs}
       |                                                   ^

    "yesterday"
    toy.yaml:7:16: not a time stamp; hint: RFC 3339 with offset, as in 2025-02-26T15:16:25-05:00
      |
    7 | calibrated_at: yesterday
      |                ^

    "tasks: 0"
    toy.yaml:10:10: found integer `0`, expected a whole number of 1 or more
       |
    10 | limits: {max_concurrent_tasks: 0, min_qubit_separation: 1, calibration_interval: 1d, reconfiguration
       |          ^

    "clops: fast"
    toy.yaml:9:99: found `fast`, expected a whole number of 0 or more
      |
    9 | ms, repetition_delay: 250us, layer: 229ns, clops: fast}
      |                                                   ^

    "lattice: {rows: 1, columns: 3}\ncouplers:"
    toy.yaml:17:10: `lattice` without `topology`; hint: add `topology: grid` or `topology: heavy_hex`
       |
    17 | lattice: {rows: 1, columns: 3}
       |          ^

    "topology: heavy_hex\ncouplers:"
    toy.yaml:17:11: no heavy_hex device has 3 qubits; hint: 16, 27, 65, 127, 133, 156, 433, 1121, or add `lattice: {rows: R, columns: C}`
       |
    17 | topology: heavy_hex
       |           ^

    "topology: grid\ncouplers:"
    toy.yaml:17:11: 3 qubits make no square grid; hint: add `lattice: {rows: R, columns: C}`
       |
    17 | topology: grid
       |           ^

    "topology: hexagon\ncouplers:"
    toy.yaml:17:11: unknown value `hexagon`; hint: choose one of heavy_hex, grid, line, ring, all_to_all
       |
    17 | topology: hexagon
       |           ^

    "topology: ring\ncouplers:"
    read without an error

    "dead: perhaps}\n"
    toy.yaml:15:91: found `perhaps`, expected true or false
       |
    15 | eadout_error: 0.5, one_qubit_error: 2.5e-4, dead: perhaps}
       |                                                   ^

    "native_gates: [[cz]"
    toy.yaml:8:16: expected string scalar
      |
    8 | native_gates: [[cz], rz, sx]
      |                ^

    "native_gates: [cz, [cz"
    toy.yaml:9:6: illegal placement of ':' indicator
      |
    9 | speed: {job_overhead: 3.1s, circuit_overhead: 88ms, repetition_delay: 250us, layer: 229ns, clops: 19
      |      ^
    "#);
}

#[test]
fn bad_files_as_a_whole() {
    let read = |text: &str| match DeviceSpec::from_yaml(text, "x.yaml") {
        Ok(device) => device.name,
        Err(error) => error.to_string(),
    };
    let messages = [
        "",
        "# nothing\n\n",
        "devices: []",
        "[1, 2]",
        "nonsense",
        "\u{0}\u{1}\u{2}",
        "name: x\ntechnology: simulator\nqubits: 5",
        "name: x\ntechnology: simulator\nqubits: 2\ntopology: line\n---\nname: y",
        "a: &a [*a, *a]",
    ]
    .map(read);
    insta::assert_snapshot!(messages.join("\n\n"), @r"
    x.yaml: the file is empty; hint: start with `schema: 1` and `name:`

    x.yaml: the file is empty; hint: start with `schema: 1` and `name:`

    x.yaml: the list `devices` is empty

    x.yaml:1:1: expected keys with values, as in `name: ibm_fez`
      |
    1 | [1, 2]
      | ^

    x.yaml:1:1: expected keys with values, as in `name: ibm_fez`
      |
    1 | nonsense
      | ^

    x.yaml:1:1: unexpected character: `\u{0}'
      |
    1 | 
      | ^

    x.yaml:1:7: neither `topology` nor `couplers`; hint: list the couplers or name one of heavy_hex, grid, line, ring, all_to_all
      |
    1 | name: x
      |       ^

    x.yaml:5:1: a second document begins here; hint: one device per file, or a list `devices:`
      |
    5 | ---
      | ^

    x.yaml:1:1: unknown key `a`; hint: known keys are schema, id, name, vendor, technology, type, granularity, source, calibrated_at, native_gates, qubits, topology, lattice, noise_profile, speed, allocation_constraints, limits, price, qubit_calibration, couplers
      |
    1 | a: &a [*a, *a]
      | ^
    ");
}

/// None of these may take long, overflow the stack or panic. The bound is far above what they take in a debug build.
#[test]
fn hostile_files_are_refused_quickly() {
    let started = Instant::now();
    let hostile = [
        "[".repeat(50_000),
        "{a: ".repeat(50_000),
        "- ".repeat(50_000),
        format!("name: {}", "(".repeat(1_000_000)),
        (0..50_000).map(|i| " ".repeat(i.min(500)) + "a:\n").collect(),
        "x".repeat(5_000_000),
        "?\u{0}\u{feff}\n\t".repeat(100_000),
        "name: x\n".repeat(100_000),
        format!("name: x\ntechnology: simulator\nqubits: 9\ntopology: line\nsource: {}", "*".repeat(100)),
        "a: &a [x, x, x, x]\nb: &b [*a, *a, *a, *a]\nc: &c [*b, *b, *b, *b]\n".repeat(2),
        "name: x\ntechnology: simulator\nqubits: 100001\ntopology: all_to_all".to_owned(),
        "name: x\ntechnology: simulator\nqubits: 9\ntopology: grid\nlattice: {rows: 4000000000, columns: 4000000000}"
            .to_owned(),
        " ".repeat(MAX_BYTES + 1),
    ];
    for text in hostile {
        let error = DeviceSpec::from_yaml(&text, "bad.yaml").unwrap_err().to_string();
        assert!(error.starts_with("bad.yaml") && error.len() < 1_000, "{} bytes: {error}", error.len());
    }
    assert!(started.elapsed().as_secs() < 20, "{:?}", started.elapsed());
}

/// Its pairs share one figure, and no pair has one of its own.
#[test]
fn a_machine_of_many_processors_reads_back() {
    let text = "name: machine\ntechnology: simulator\nqubits: 100000\ntopology: all_to_all\n\
                noise_profile: {two_qubit_error: 0.01, readout_error: 0.02}";
    let device = DeviceSpec::from_yaml(text, "machine").unwrap();
    assert!(device.coupling_map.is_alike() && device.calibration.couplers.len() == 1);
    assert_eq!(DeviceSpec::from_yaml(&device.to_yaml(), "machine"), Ok(device));
    let own = format!("{text}\ncouplers: [{{qubits: [0, 1], two_qubit_error: 0.5}}]\n");
    let error = DeviceSpec::from_yaml(&own, "machine").unwrap_err().to_string();
    assert!(error.contains("all its pairs have the figures of `noise_profile`"), "{error}");
}

#[test]
fn a_device_with_more_than_a_thousand_qubits_reads_back() {
    let text = "name: condor\ntechnology: superconducting\nqubits: 1121\ntopology: heavy_hex\n\
                noise_profile: {t1: 100us, t2: 90us, spread: {seed: 1}}";
    let device = DeviceSpec::from_yaml(text, "condor").unwrap();
    assert_eq!(device.granularity, Granularity::DeviceAverage);
    assert_ne!(device.calibration.qubits[0], device.calibration.qubits[1]);
    assert_eq!(DeviceSpec::from_yaml(&device.to_yaml(), "condor"), Ok(device));
}

#[test]
fn figures_can_be_added_to_a_named_topology() {
    let text = "name: x\ntechnology: superconducting\nqubits: 4\ntopology: grid\ncouplers:\n  - {qubits: [2, 0], dead: true}";
    let device = DeviceSpec::from_yaml(text, "x").unwrap();
    let coupler = device.coupling_map.coupler(PhysicalQubit(0), PhysicalQubit(2)).unwrap();
    let dead: Vec<bool> = device.calibration.couplers.iter().map(|c| c.dead).collect();
    assert_eq!((dead.len(), dead.iter().filter(|dead| **dead).count(), dead[coupler.index()]), (4, 1, true));
}

#[test]
fn the_schema_names_every_key() {
    let schema = json_schema();
    let keys: Vec<&String> = schema["properties"].as_object().unwrap().keys().collect();
    assert_eq!(keys.len(), 17);
    let committed: serde_json::Value =
        serde_json::from_str(include_str!("../../../devices/schema.json")).unwrap();
    assert!(
        committed == schema,
        "devices/schema.json is out of date: write `device_file::json_schema()` to it"
    );
    assert_eq!(schema["additionalProperties"], false);
    assert_eq!(schema["required"], serde_json::json!(["name", "technology", "qubits"]));
}

proptest! {
    #[test]
    fn any_text_is_answered(text in "\\PC{0,200}") {
        let _ = DeviceSpec::list_from_yaml(&text, "fuzz");
    }

    #[test]
    fn any_damage_to_a_file_is_answered(from in 0..FULL.len(), length in 0_usize..40, junk in "[\\PC\n\t]{0,12}") {
        let to = (from + length).min(FULL.len());
        let text = format!("{}{junk}{}", &FULL[..from], &FULL[to..]);
        if let Ok(device) = DeviceSpec::from_yaml(&text, "fuzz") {
            prop_assert_eq!(DeviceSpec::from_yaml(&device.to_yaml(), "again"), Ok(device));
        }
    }
}

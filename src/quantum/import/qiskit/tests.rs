use super::zz::split_pair;
use super::*;

const CONFIGURATION: &str = include_str!("../../../../tests/data/qiskit/conf_trap.json");
const PROPERTIES: &str = include_str!("../../../../tests/data/qiskit/props_trap.json");

fn trap() -> Imported {
    import(CONFIGURATION, PROPERTIES, "synthetic").unwrap()
}

/// The fixture holds every trap that real files hold; see its `description`.
#[test]
fn every_trap_is_clamped_or_taken_out_with_a_warning() {
    let imported = trap();
    let warnings: Vec<String> = imported.warnings.iter().map(ToString::to_string).collect();
    insta::assert_snapshot!(warnings.join("\n"), @"
    qubit 1: T2 clamped to twice T1
    qubit 2 is dead: readout not calibrated, or wrong half of the time
    qubit 4 is dead: no T1
    qubit 5 is dead: one-qubit gates not calibrated
    readout duration of 1 qubits not given: 4us assumed
    1 couplers have gates of different errors: the lowest counts
    coupler [2, 3] is dead: its gate is not calibrated
    coupler [4, 5] is dead: it has no gate
    gate duration of 1 elements not given: 400ns assumed
    1 entries `zz_AB` fit no single coupler and were left out
    times around shots are not in the files: 3s 100ms per job, 88ms per circuit, 229ns per layer, 250us between shots assumed
    ");
    insta::assert_snapshot!(imported.device.to_yaml(), @r#"
    schema: 1
    name: ibm_trap
    vendor: IBM
    technology: superconducting
    granularity: per_element
    source: synthetic
    calibrated_at: "2025-02-26T15:16:25-05:00"
    native_gates: [ecr, cz, id, rz, sx, x]
    speed: {job_overhead: 3.1s, circuit_overhead: 88ms, repetition_delay: 250us, layer: 229ns}
    limits: {min_qubit_separation: 0, calibration_interval: 1d, reconfiguration_time: 0s}
    qubits: 6
    noise_profile: {one_qubit_duration: 24ns}
    qubit_calibration:
      - {qubit: 0, t1: 100.5us, t2: 90.25us, readout_error: 0.01, one_qubit_error: 2e-4, readout_duration: 1.56us}
      - {qubit: 1, t1: 50us, t2: 100us, readout_error: 0.02, one_qubit_error: 3e-4, readout_duration: 1.56us}
      - {qubit: 2, t1: 120us, t2: 100us, readout_error: 0.5, one_qubit_error: 2.5e-4, readout_duration: 1.56us, dead: true}
      - {qubit: 3, t1: 80us, t2: 70us, readout_error: 0.03, one_qubit_error: 4e-4, readout_duration: 2us}
      - {qubit: 4, readout_error: 0.04, one_qubit_error: 3e-4, readout_duration: 1.2us, dead: true}
      - {qubit: 5, t1: 60us, t2: 60us, readout_error: 0.05, one_qubit_error: 1, readout_duration: 4us, dead: true}
    couplers:
      - {qubits: [0, 1], two_qubit_error: 0.007, two_qubit_duration: 660ns}
      - {qubits: [1, 2], two_qubit_error: 0.004, two_qubit_duration: 84ns}
      - {qubits: [2, 3], two_qubit_error: 1, two_qubit_duration: 84ns, dead: true}
      - {qubits: [3, 4], two_qubit_error: 0.006, two_qubit_duration: 68ns}
      - {qubits: [4, 5], two_qubit_error: 1, two_qubit_duration: 400ns, dead: true}
    "#);
    assert_eq!(DeviceSpec::from_yaml(&imported.device.to_yaml(), "trap").as_ref(), Ok(&imported.device));
}

/// The fixture with changes, and the warnings that it did not have before.
fn changed(
    configuration: impl FnOnce(&mut Value),
    properties: impl FnOnce(&mut Value),
) -> (Imported, Vec<String>) {
    let (mut conf, mut props): (Value, Value) =
        (serde_json::from_str(CONFIGURATION).unwrap(), serde_json::from_str(PROPERTIES).unwrap());
    configuration(&mut conf);
    properties(&mut props);
    let imported = import(&conf.to_string(), &props.to_string(), "synthetic").unwrap();
    let before = trap().warnings;
    let new = imported.warnings.iter().filter(|warning| !before.contains(warning));
    let new = new.map(ToString::to_string).collect();
    (imported, new)
}

fn without(qubit: usize, name: &str) -> impl FnOnce(&mut Value) {
    move |props| {
        props["qubits"][qubit].as_array_mut().unwrap().retain(|parameter| parameter["name"] != name);
    }
}

/// As Qiskit reads them: no map is all pairs, and gates of the properties make couplers of their own.
#[test]
fn couplers_that_the_map_does_not_say_are_told() {
    let (imported, new) = changed(|conf| conf["coupling_map"] = Value::Null, |_| {});
    assert_eq!(imported.device.coupling_map.couplers().len(), 15);
    let alive = imported.device.calibration.couplers.iter().filter(|coupler| !coupler.dead).count();
    assert_eq!(alive, 3);
    let all = "the configuration has no coupling map: all 15 pairs of qubits are coupled, of which 11 have no gate in the \
               properties and are dead";
    assert_eq!(new, [all]);
    let (imported, new) = changed(|conf| conf["coupling_map"] = serde_json::json!([[1, 0]]), |_| {});
    assert_eq!(imported.device.coupling_map.couplers().len(), 4);
    insta::assert_snapshot!(new.join("\n"), @"
    coupler [1, 2] is not in the coupling map, but has gates in the properties: added
    coupler [2, 3] is not in the coupling map, but has gates in the properties: added
    coupler [3, 4] is not in the coupling map, but has gates in the properties: added
    ");
}

#[test]
fn what_is_assumed_of_a_qubit_is_told() {
    let (imported, new) = changed(|_| {}, without(0, "T2"));
    assert_eq!(imported.device.calibration.qubits[0].t2_s, 201e-6);
    assert_eq!(new, ["qubit 0: T2 not given: twice T1 assumed, the longest that there is"]);
    let (imported, new) = changed(|_| {}, without(3, "readout_error"));
    let qubit = &imported.device.calibration.qubits[3];
    assert!(!qubit.dead && qubit.readout_error == 0.03);
    assert_eq!(new, ["qubit 3: readout error not given: that of its gate `measure` taken"]);
    let (imported, new) = changed(|_| {}, |props| props["qubits"][0][2]["value"] = serde_json::json!(-0.25));
    assert!(imported.device.calibration.qubits[0].dead);
    insta::assert_snapshot!(new.join("\n"), @"
    readout_error of qubit 0: -0.25 cannot be, and counts as not given
    qubit 0 is dead: readout not calibrated, or wrong half of the time
    ");
}

#[test]
fn what_is_given_twice_or_not_read_is_told() {
    let gate = |name: &str, qubits: &[u32]| {
        serde_json::json!({"gate": name, "name": name, "qubits": qubits,
            "parameters": [{"name": "gate_error", "unit": "", "value": 0.4}]})
    };
    let (imported, new) = changed(
        |_| {},
        |props| {
            let gates = props["gates"].as_array_mut().unwrap();
            gates.extend([gate("sx", &[0]), gate("cz", &[1, 2]), gate("ccx", &[0, 1, 2])]);
        },
    );
    assert_eq!(imported.device.calibration, trap().device.calibration);
    insta::assert_snapshot!(new.join("\n"), @"
    gate `cz` on [1, 2] is given 2 times: the first counts
    gate `sx` on [0] is given 2 times: the first counts
    1 gates on three or more qubits were left out
    ");
}

/// Python writes numbers that JSON does not have.
#[test]
fn a_number_that_is_none_is_a_missing_one() {
    let properties = PROPERTIES.replace("\"value\": 90.25", "\"value\": NaN");
    let imported = import(CONFIGURATION, &properties, "synthetic").unwrap();
    let said: Vec<String> = imported.warnings.iter().take(2).map(ToString::to_string).collect();
    insta::assert_snapshot!(said.join("\n"), @"
    1 values of the properties are NaN or infinite, and count as not given
    qubit 0: T2 not given: twice T1 assumed, the longest that there is
    ");
}

#[test]
fn directed_gates_keep_their_native_direction() {
    let directions: Vec<(u32, u32)> = trap().native_directions.iter().map(|(a, b)| (a.0, b.0)).collect();
    // [0, 1] is directed (ecr from 1), [1, 2] lists both directions of a symmetric gate.
    assert_eq!(directions[..2], [(1, 0), (1, 2)]);
}

#[test]
fn zz_names_are_split_by_the_coupling_map() {
    let map = CouplingMap::new(130, [(12, 13), (1, 21), (11, 2), (7, 17), (121, 3)]).unwrap();
    let split =
        |digits: &str| split_pair(digits, &map).map(|id| map.couplers()[id.index()]).map(|(a, b)| (a.0, b.0));
    assert_eq!(split("717"), Some((7, 17)));
    assert_eq!(split("1312"), Some((12, 13)));
    assert_eq!(split("1213"), None, "[12, 13] or [121, 3]");
    assert_eq!(split("112"), Some((2, 11)));
    assert_eq!(split("99"), None);
    assert_eq!(split("x"), None);
    assert_eq!(trap().zz_hz.len(), 1);
}

#[test]
fn wrong_files_are_refused() {
    let messages = [
        import("{", PROPERTIES, ""),
        import(PROPERTIES, CONFIGURATION, ""),
        import(&CONFIGURATION.replace("\"n_qubits\": 6", "\"n_qubits\": 7"), PROPERTIES, ""),
        import(CONFIGURATION, &PROPERTIES.replace("\u{3bc}s", "parsec"), ""),
        import(CONFIGURATION, &PROPERTIES.replace("[4]", "[9]"), ""),
        import(&CONFIGURATION.replace("[4, 5]", "[4, 6]"), PROPERTIES, ""),
        import(&"[".repeat(50_000), PROPERTIES, ""),
    ]
    .map(|result| result.map_or_else(|error| error.to_string(), |_| "read".to_owned()));
    insta::assert_snapshot!(messages.join("\n"), @"
    configuration: eof while parsing an object at line 1 column 1; hint: pass conf_NAME.json as configuration and props_NAME.json as properties
    configuration: missing field `n_qubits` at line 78 column 268; hint: pass conf_NAME.json as configuration and props_NAME.json as properties
    the configuration has 7 qubits, the properties have 6; hint: both files must be of one device
    T1: the unit `parsec` is not known; hint: s, ms, us, µs, ns
    gate `id` names qubit 9; hint: the device has 6 qubits
    coupling map: coupler [4, 6] names a qubit out of range; hint: the device has qubits 0..=5
    configuration: invalid type: sequence, expected a string at line 1 column 1; hint: pass conf_NAME.json as configuration and props_NAME.json as properties
    ");
}

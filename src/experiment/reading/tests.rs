use std::fs;
use std::ops::ControlFlow;
use std::path::Path;

use super::*;

fn write(folder: &Path, name: &str, text: &[u8]) {
    fs::write(folder.join(name), text).unwrap();
}

/// The message without the folder's name.
fn said(folder: &Path, error: &ReadError) -> String {
    error.to_string().replace(&folder.display().to_string(), "DIR")
}

const MANIFEST: &[u8] = br#"{"run": "1", "finished_at": "2026-01-01T00:00:00Z"}"#;

#[test]
fn folders_that_are_no_finished_runs_are_told_apart() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path();
    let mut messages = Vec::new();
    let mut open = |path: &Path| match Results::open(path) {
        Ok(_) => messages.push("opened".to_owned()),
        Err(error) => messages.push(said(folder.path(), &error)),
    };
    open(&path.join("nothing"));
    open(path);
    for manifest in [
        b"".as_slice(),
        b"{\"run\": \"1\",\n \"seed\": -1}",
        b"{\"run\": \"1\", \"finished_at\": null}",
        b"{\"run\": \"1\"} {}",
        b"\xff\xfe",
        b"{\"run\": \"1\",\n \"devices\": [{\"name\": \"a\", \"qubits\": \"many\"}]}",
        MANIFEST,
    ] {
        write(path, "manifest.json", manifest);
        open(path);
    }
    write(path, "summary.json", b"{\"metrics\": {\"makespan_s\": {\"mean\": 3, \"ci95\": [1]}}}");
    open(path);
    write(path, "summary.json", b"{\"metrics\": {\"makespan_s\": {\"mean\": 3, \"ci95\": null}}}");
    open(path);
    insta::assert_snapshot!(messages.join("\n"), @r#"
    DIR/nothing is no folder; hint: name the folder that `rmsim run` or `rmsim compare` wrote
    DIR holds no run: it has no manifest.json; hint: name the folder that `rmsim run` or `rmsim compare` wrote
    DIR/manifest.json:1:1: EOF while parsing a value
    DIR/manifest.json:2:11: `seed`: invalid value: integer `-1`, expected u64
    the run in DIR was not finished; hint: run it again into the same folder
    DIR/manifest.json:1:14: more text after the end
    DIR/manifest.json:1:1: expected value
    DIR/manifest.json:2:43: `devices[0].qubits`: invalid type: string "many", expected u32
    DIR/summary.json is missing; hint: run it again into the same folder
    DIR/summary.json:1:50: `metrics.makespan_s.ci95`: invalid length 1, expected an array of length 2
    opened
    "#);
}

#[test]
fn damaged_tables_name_line_and_column() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("replications.csv");
    let messages = [
        b"".as_slice(),
        b"variant,replication,metric,value\na,0,makespan_s,3\nb,1,makespan_s\n",
        b"variant,replication,metric,value\na,0,makespan_s,3\nb,-1,makespan_s,3\n",
        b"variant,replication,metric\na,0,makespan_s\n",
        b"variant,replication,metric,value\n\xff,0,makespan_s,3\n",
        b"variant,replication,metric,value\n\"a,0,makespan_s,3\n",
    ]
    .map(|bytes| {
        fs::write(&path, bytes).unwrap();
        let mut rows = 0;
        let read = each_row(&path, |_: ReplicationRow| {
            rows += 1;
            ControlFlow::Continue(())
        });
        format!(
            "{rows} rows, {}",
            read.map_or_else(|error| said(folder.path(), &error), |()| "done".to_owned())
        )
    });
    insta::assert_snapshot!(messages.join("\n"), @"
    0 rows, DIR/replications.csv:1: no column `variant`; hint: the first line names the columns
    1 rows, DIR/replications.csv:3: the row has 3 cells, the first row has 4; hint: the file may be cut off
    1 rows, DIR/replications.csv:3: column 2 (`replication`): invalid digit found in string
    0 rows, DIR/replications.csv:1: no column `value`; hint: the first line names the columns
    0 rows, DIR/replications.csv:2: column 1 (`variant`): invalid utf-8 sequence of 1 bytes from index 0
    0 rows, DIR/replications.csv:2: the file ends inside a quoted cell; hint: close the quote, or was the file cut off?
    ");
}

#[test]
fn coupling_maps_survive_their_text() {
    use crate::quantum::coupling_map::CouplingMap;
    let maps = [
        CouplingMap::heavy_hex(3, 8).unwrap(),
        CouplingMap::all_to_all(11).unwrap(),
        CouplingMap::line(2).unwrap(),
        CouplingMap::new(1, []).unwrap(),
    ];
    let device = |qubits: usize, text: &str| ManifestDevice {
        name: "a".to_owned(),
        qubits: qubits as u32,
        first_qubit: 0,
        calibrated_at: None,
        source: String::new(),
        coupling_map: Some(text.to_owned()),
        dead_qubits: String::new(),
    };
    for map in maps {
        assert_eq!(device(map.qubits(), &coupling_text(&map)).map(), Ok(Some(map)));
    }
    let wrong = [(3, "0-3"), (3, "0-1 nonsense"), (u32::MAX as usize, "complete"), (0, "")]
        .map(|(qubits, text)| device(qubits, text).map().unwrap_err());
    insta::assert_snapshot!(wrong.join("\n"), @"
    device `a`: coupler [0, 3] names a qubit out of range; hint: the device has qubits 0..=2
    device `a`: `coupling_map` is no list of couplers; hint: as in 0-1 1-2
    device `a`: 4294967295 qubits; hint: at most 100000 are read
    device `a`: a device needs at least one qubit
    ");
}

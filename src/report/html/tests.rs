use std::fs;
use std::path::Path;

use super::*;
use crate::time::Time;

/// A hostile name as it may come from a scenario file.
const ATTACK: &str = "<script>alert(1)</script>\"'&";

const JOBS_HEADER: &str = "replication,job_id,workload_name,submission_time,requested_number_of_resources,final_state,\
                           starting_time,execution_time,finish_time,waiting_time,turnaround_time,stretch,\
                           allocated_resources,device,attempts,topology,user,group,project,buffer_distance,\
                           fidelity_predicted,fidelity_true\n";

/// A run of `jobs` jobs, one every ten seconds, on a device of four qubits in a line.
fn folder(jobs: u32) -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    let quoted = serde_json::Value::from(ATTACK).to_string();
    let manifest = format!(
        r#"{{"run": "1", "scenario": {quoted}, "seed": 7, "replications": 1, "finished_at": "2026-01-01T00:00:00Z",
            "resolved_scenario": {{"description": {quoted}}},
            "devices": [{{"name": {quoted}, "qubits": 4, "first_qubit": 0, "source": {quoted},
                          "coupling_map": "0-1 1-2 2-3", "dead_qubits": "3"}}]}}"#
    );
    fs::write(folder.path().join("manifest.json"), manifest).unwrap();
    let summary = r#"{"metrics": {"jobs_completed": {"mean": 12876, "ci95": [12800, 12952]},
                                  "qubit_utilization": {"mean": 0.5, "ci95": null},
                                  "metric_of_tomorrow": {"mean": 1, "ci95": null}}}"#;
    fs::write(folder.path().join("summary.json"), summary).unwrap();
    let name = format!("\"{}\"", ATTACK.replace('"', "\"\""));
    let rows: String = (0..jobs)
        .map(|job| {
            let at = job * 10;
            let end = at + 15;
            format!(
                "0,{job},{name},{at},2,completed,{at},15,{end},0,15,1,0-1,{name},1,line,1,2,{},1,0.9,0.8\n",
                job % 3
            )
        })
        .collect();
    fs::write(folder.path().join("jobs.csv"), format!("{JOBS_HEADER}{rows}")).unwrap();
    let header = "replication,time_s,device,qubits_in_service,fragmentation,utilization,effective_utilization,\
                  running_jobs,waiting_jobs,isolation_violations\n";
    let timeline: String = (0..jobs)
        .map(|sample| {
            format!("0,{},fleet,3,0.1,0.5,0.75,{},0,0\n", sample * 10, u32::from(sample == jobs / 2))
        })
        .collect();
    fs::write(folder.path().join("timeline.csv"), format!("{header}{timeline}")).unwrap();
    folder
}

fn page_of(folder: &Path, options: &Options) -> Result<Page, ReadError> {
    page(&Results::open(folder)?, options)
}

fn data(page: &Page) -> serde_json::Value {
    let (_, rest) = page.html.split_once("type=\"application/json\">").unwrap();
    serde_json::from_str(rest.split_once("</script>").unwrap().0).unwrap()
}

#[test]
fn names_are_text_and_figures_those_of_the_summary() {
    let folder = folder(30);
    let page = page_of(folder.path(), &Options::default()).unwrap();
    assert!(page.missing.is_empty(), "{:?}", page.missing);
    assert!(!page.html.contains("<script>alert") && !page.html.contains("</script>\"'&"));
    assert!(page.html.contains("&lt;script&gt;alert(1)&lt;/script&gt;&quot;'&amp;"));
    assert!(page.html.contains("12,876 ± 76") && page.html.contains("50.0 %"));
    let data = data(&page);
    assert_eq!(data["devices"][0]["name"], ATTACK);
    assert_eq!(data["names"][0], ATTACK);
    assert_eq!(data["devices"][0]["jobs"].as_array().unwrap().len(), 30);
    assert_eq!(data["devices"][0]["dead"], serde_json::json!([3]));
    // Nothing that a browser would fetch.
    for attribute in ["src=", "href=\"http", "url(http", "@import"] {
        assert!(!page.html.contains(attribute), "{attribute}");
    }
}

#[test]
fn many_jobs_are_thinned_around_the_busiest_moment() {
    let jobs = schedule::HELD_MAX as u32 + 2_000;
    let folder = folder(jobs);
    let page = page_of(folder.path(), &Options::default()).unwrap();
    let data = data(&page);
    let rows = data["devices"][0]["jobs"].as_array().unwrap();
    assert!(rows.len() <= schedule::HELD_MAX && rows.len() >= schedule::HELD_MAX - 2, "{}", rows.len());
    // Every job is there: no holes between the first and the last.
    let starts: Vec<f64> = rows.iter().map(|row| row[1].as_f64().unwrap()).collect();
    assert!(starts.windows(2).all(|pair| pair[1] - pair[0] == 10.0));
    let busiest = f64::from(jobs / 2 * 10);
    assert!((f64::midpoint(starts[0], starts[starts.len() - 1]) - busiest).abs() <= 10.0);
    assert!(page.html.contains("Schedules hold what ran between"));
    assert!(page.html.len() < 5_000_000, "{}", page.html.len());
    let window =
        Options { from: Some(Time(50_000_000_000)), until: Some(Time(90_000_000_000)), ..Options::default() };
    let page = page_of(folder.path(), &window).unwrap();
    assert!(!page.html.contains("Schedules hold what ran"));
    let rows = self::data(&page);
    let ids: Vec<u64> =
        rows["devices"][0]["jobs"].as_array().unwrap().iter().map(|row| row[0].as_u64().unwrap()).collect();
    // Job 4 runs until 55 s.
    assert_eq!(ids, [4, 5, 6, 7, 8]);
    assert_eq!(rows["window"], serde_json::json!([50.0, 90.0]));
}

#[test]
fn a_run_without_traces_has_a_page_that_says_how_to_get_them() {
    let folder = folder(3);
    fs::remove_file(folder.path().join("jobs.csv")).unwrap();
    fs::remove_file(folder.path().join("timeline.csv")).unwrap();
    let page = page_of(folder.path(), &Options::default()).unwrap();
    insta::assert_snapshot!(page.missing.join("\n"), @"
    no timeline.csv, so no charts over time; hint: rmsim run --traces first
    no jobs.csv, so no devices, schedules and tenants; hint: rmsim run --traces first
    ");
    assert!(page.html.contains("12,876") && page.html.contains("no jobs.csv"));
}

/// Each damage is named; none is a panic.
#[test]
fn contradictions_are_named() {
    let damages: [(&str, &str, &str); 6] = [
        ("manifest.json", "0-1 1-2 2-3", "0-1 1-9"),
        ("manifest.json", r#""dead_qubits": "3""#, r#""dead_qubits": "4""#),
        ("jobs.csv", ",0-1,", ",0-7,"),
        ("jobs.csv", "completed,0,", "completed,soon,"),
        ("jobs.csv", "0,0,\"<script>", "0,0,\"<scr\nipt>\",\"<script>"),
        ("timeline.csv", "0,0,fleet,3", "0,0,fleet,many"),
    ];
    let mut said = String::new();
    for (file, from, to) in damages {
        let folder = folder(3);
        let path = folder.path().join(file);
        let text = fs::read_to_string(&path).unwrap();
        assert!(text.contains(from), "{file}: {from}");
        fs::write(&path, text.replacen(from, to, 1)).unwrap();
        let error = page_of(folder.path(), &Options::default()).unwrap_err().to_string();
        said.push_str(&error.replace(&folder.path().display().to_string(), "DIR"));
        said.push('\n');
    }
    let folder = folder(3);
    let other = Options { replication: Some(2), ..Options::default() };
    let error = page_of(folder.path(), &other).unwrap_err().to_string();
    said.push_str(&error.replace(&folder.path().display().to_string(), "DIR"));
    insta::assert_snapshot!(said, @r#"
    DIR/manifest.json: device `<script>alert(1)</script>"'&`: coupler [1, 9] names a qubit out of range; hint: the device has qubits 0..=3
    DIR/manifest.json: device `<script>alert(1)</script>"'&`: `4` is no range of the device's qubits 0-3
    DIR/jobs.csv: job 0: `0-7` is no range of the device's qubits 0-3
    DIR/jobs.csv:2: column 7 (`starting_time`): invalid float literal
    DIR/jobs.csv:2: the row has 23 cells, the first row has 22; hint: the file may be cut off
    DIR/timeline.csv:2: column 4 (`qubits_in_service`): invalid digit found in string
    DIR/jobs.csv: no jobs of replication 2; hint: rmsim run --traces all
    "#);
}

/// Half a file is what a killed run or a full disk leaves: an error or a page, never a panic.
#[test]
fn files_cut_off_anywhere_do_not_panic() {
    for file in ["manifest.json", "summary.json", "jobs.csv", "timeline.csv"] {
        let folder = folder(3);
        let path = folder.path().join(file);
        let bytes = fs::read(&path).unwrap();
        for end in (0..bytes.len()).step_by(7) {
            fs::write(&path, &bytes[..end]).unwrap();
            let result = page_of(folder.path(), &Options::default());
            if file.ends_with(".json") || end < 10 {
                assert!(result.is_err(), "{file} cut off at {end} was accepted");
            }
        }
    }
}

/// Rows of `jobs.csv` with a last column `measured`.
fn with_measured(folder: &Path, measured: impl Fn(usize) -> u8) {
    let path = folder.join("jobs.csv");
    let text = fs::read_to_string(&path).unwrap();
    let rows = text.lines().enumerate().map(|(index, line)| match index {
        0 => format!("{line},measured\n"),
        _ => format!("{line},{}\n", measured(index - 1)),
    });
    fs::write(&path, rows.collect::<String>()).unwrap();
}

#[test]
fn a_window_must_lie_in_the_run_and_hold_something() {
    let folder = folder(3);
    let jobs = folder.path().join("jobs.csv");
    // Nothing runs between 15 s and 20 s.
    let text =
        fs::read_to_string(&jobs).unwrap().replace(",10,2,completed,10,15,25,", ",10,2,completed,20,15,35,");
    fs::write(&jobs, text).unwrap();
    let second = 1_000_000_000;
    let mut said = String::new();
    for (from, until) in
        [(Some(16), Some(19)), (Some(9), Some(9)), (Some(35), None), (None, Some(0)), (Some(90), Some(99))]
    {
        let time = |time: Option<u64>| time.map(|time| Time(time * second));
        let options = Options { from: time(from), until: time(until), ..Options::default() };
        said.push_str(&format!("{}\n", page_of(folder.path(), &options).unwrap_err()));
    }
    insta::assert_snapshot!(said, @r"
    no job holds any qubit between 16.0 s and 19.0 s; the run spans 0 s to 35.0 s, jobs ran between 0 s and 35.0 s
    --from is not before --until; the run spans 0 s to 35.0 s
    --from 35.0 s is not within the run: the run spans 0 s to 35.0 s
    --until 0 s is not within the run: the run spans 0 s to 35.0 s
    --from 90.0 s is not within the run: the run spans 0 s to 35.0 s
    ");
}

#[test]
fn waiting_times_are_of_the_jobs_that_the_summary_measures() {
    let folder = folder(4);
    let jobs = folder.path().join("jobs.csv");
    let text = fs::read_to_string(&jobs).unwrap().replacen(",15,15,0,15,1,", ",15,15,600,15,1,", 1);
    fs::write(&jobs, text).unwrap();
    let mean = |page: &Page| data(page)["waits"]["series"][0]["mean"].as_f64().unwrap();
    assert_eq!(mean(&page_of(folder.path(), &Options::default()).unwrap()), 150.0);
    with_measured(folder.path(), |job| u8::from(job > 0));
    let page = page_of(folder.path(), &Options::default()).unwrap();
    assert_eq!(mean(&page), 0.0);
    assert!(
        page.html.contains("Waiting times of the 3 of 4 jobs that were submitted in the measured interval")
    );
}

#[test]
fn tables_that_were_cut_off_between_two_rows_are_found_out() {
    let folder = folder(4);
    with_measured(folder.path(), |_| 1);
    let summary = folder.path().join("summary.json");
    let text = fs::read_to_string(&summary).unwrap();
    fs::write(
        &summary,
        text.replacen(
            "\"metrics\": {",
            "\"metrics\": {\"jobs_submitted\": {\"mean\": 4, \"ci95\": null}, ",
            1,
        ),
    )
    .unwrap();
    page_of(folder.path(), &Options::default()).unwrap();
    let jobs = folder.path().join("jobs.csv");
    let text = fs::read_to_string(&jobs).unwrap();
    let cut = text.trim_end().rfind('\n').unwrap();
    fs::write(&jobs, &text[..=cut]).unwrap();
    let error = page_of(folder.path(), &Options::default()).unwrap_err().to_string();
    assert!(error.ends_with("jobs.csv: 3 jobs were submitted in the measured interval, but summary.json counts 4; hint: the file may be cut off, or of another run"), "{error}");

    let folder = self::folder(30);
    let timeline = folder.path().join("timeline.csv");
    let text = fs::read_to_string(&timeline).unwrap();
    let kept: String = text.lines().take(8).map(|line| format!("{line}\n")).collect();
    fs::write(&timeline, kept).unwrap();
    let page = page_of(folder.path(), &Options::default()).unwrap();
    assert_eq!(page.missing.len(), 1);
    assert!(page.missing[0].starts_with("timeline.csv ends at 60.0 s of 5.08 min"), "{:?}", page.missing);
    for (samples, said) in [(0, "The timeline has no sample"), (1, "The timeline has one sample only")] {
        let kept: String = text.lines().take(1 + samples).map(|line| format!("{line}\n")).collect();
        fs::write(&timeline, kept).unwrap();
        let page = page_of(folder.path(), &Options::default()).unwrap();
        assert!(page.html.contains(said));
        assert_eq!(page.missing.len(), 1, "{samples}: {:?}", page.missing);
    }
}

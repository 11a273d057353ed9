//! Plans: what they come to, and what users see when one is wrong.

use std::path::Path;

use super::file::{PLAN, schema_text};
use super::plan::Plan;
use super::runner::Shard;
use crate::config_file::YamlFile;

fn read(text: &str) -> Result<Plan, String> {
    let file = YamlFile::read(text.to_owned(), "plan.yaml", &PLAN).map_err(|error| error.to_string())?;
    Plan::read(file, Path::new("plan.yaml")).map_err(|error| error.to_string())
}

fn names(plan: &Plan) -> String {
    let listing = plan.listing();
    listing.combinations.iter().map(|one| listing.name_of(one)).collect::<Vec<_>>().join("\n")
}

const GOOD: &str = "\
sweep: demo
base: scenarios/md1.yaml
replications: 2
set: {horizon: {jobs: 100}, warm_up: none}
variants:
- {name: plain, set: {allocator.strategy: first_fit}}
- {name: exact, set: {allocator.strategy: noise_aware}}
matrix:
  allocator.isolation.buffer_distance: {name: buffer, values: [0, 1]}
  workload.arrivals.poisson.rate: {name: load, values: {light: 60/h, heavy: 600/h}}
exclude:
- {variant: exact, load: heavy, buffer: [1]}
include:
- {variant: exact, load: 900/h, buffer: 1.0}
metrics: [jobs_completed, waiting_time_s]
expected:
- {where: {load: light}, metric: jobs_completed, value: 100, tolerance: 10%}
";

#[test]
fn a_plan_is_the_product_of_what_varies_without_and_with_single_combinations() {
    let plan = read(GOOD).unwrap();
    insta::assert_snapshot!(names(&plan), @"
    variant=plain buffer=0 load=light
    variant=plain buffer=0 load=heavy
    variant=plain buffer=1 load=light
    variant=plain buffer=1 load=heavy
    variant=exact buffer=0 load=light
    variant=exact buffer=0 load=heavy
    variant=exact buffer=1 load=light
    variant=exact buffer=1 load=900/h
    ");
    let listing = plan.listing();
    assert_eq!(listing.metrics, ["jobs_completed", "waiting_time_s.mean"]);
    assert_eq!(listing.expected.len(), 4);
    assert_eq!(listing.cells().len(), 16);
    let scenario = plan.scenario(7).unwrap();
    assert_eq!(scenario.resolved["workload"]["arrivals"]["poisson"]["rate"], "900/h");
    assert_eq!(scenario.resolved["allocator"]["isolation"]["buffer_distance"], 1);
}

/// More replications, other tables and new combinations keep the cells that are there; other settings do not.
#[test]
fn cells_are_named_by_their_content() {
    let cells = |text: &str| {
        let plan = read(text).unwrap();
        let listing = plan.listing();
        listing.cells().into_iter().map(|cell| cell.0.to_owned()).collect::<std::collections::BTreeSet<_>>()
    };
    let good = cells(GOOD);
    assert!(good.is_subset(&cells(&GOOD.replace("replications: 2", "replications: 3"))));
    assert!(good.is_subset(&cells(&GOOD.replace("[0, 1]", "[0, 2, 1]"))));
    assert_eq!(good, cells(&GOOD.replace("light", "calm").replace("sweep: demo", "sweep: other")));
    for (from, to) in [("jobs: 100", "jobs: 101"), ("replications: 2", "replications: 2\nseed: 5")] {
        assert!(good.is_disjoint(&cells(&GOOD.replace(from, to))), "{to}");
    }
    // Combinations that come to the same scenario share their cells.
    assert_eq!(cells(&GOOD.replace("noise_aware", "first_fit")).len(), 16 - 6);
}

#[test]
fn shards_divide_the_cells() {
    for of in 1..9 {
        for index in 0..40 {
            let owners = (1..=of).filter(|number| Shard { number: *number, of }.has(index)).count();
            assert_eq!(owners, 1);
        }
    }
    assert_eq!("2/7".parse(), Ok(Shard { number: 2, of: 7 }));
    for wrong in ["", "2", "0/3", "4/3", "1/0", "a/b", "-1/2", "1/2/3"] {
        assert!(wrong.parse::<Shard>().is_err(), "{wrong}");
    }
}

/// A snapshot without the expression, which would repeat the whole list of cases.
macro_rules! snapshot {
    ($text:expr) => {
        insta::with_settings!({ omit_expression => true }, { insta::assert_snapshot!($text) })
    };
}

#[test]
fn wrong_plans_say_where_and_what_would_be_right() {
    let cases = [
        ("sweep: demo\n", ""),
        ("sweep: demo", "sweep: a/b"),
        ("base: scenarios/md1.yaml", "base: nowhere.yaml"),
        ("base: scenarios/md1.yaml", "base: scenarios/schema.json"),
        ("replications: 2", "replications: 0"),
        ("replications: 2", "repetitions: 2"),
        ("set: {horizon: {jobs: 100}", "set: {horizon: {job: 100}"),
        ("warm_up: none", "seed: 4"),
        ("warm_up: none", "warm_up: auto"),
        ("warm_up: none", "output.traces: all"),
        (
            "name: exact, set: {allocator.strategy: noise_aware}",
            "name: exact, set: {allocator.strategy: noise_awair}",
        ),
        ("name: exact", "name: plain"),
        ("allocator.strategy: noise_aware", "allocator.isolation.buffer_distance: 3"),
        ("values: [0, 1]", "values: [0, -1]"),
        ("values: [0, 1]", "values: [1, 1]"),
        ("values: [0, 1]", "values: []"),
        ("values: [0, 1]", "value: [0, 1]"),
        ("{name: buffer, values: [0, 1]}", "3"),
        ("name: buffer", "name: replication"),
        ("name: buffer", "name: jobs_completed"),
        ("workload.arrivals.poisson.rate", "workload.arrivals..rate"),
        ("workload.arrivals.poisson.rate", "workload.arrivels.poisson.rate"),
        ("metrics: [", "trade_offs: [{x: jobs_completed, y: jobs_compleded}]\nmetrics: ["),
        ("metrics: [", "trade_offs: [{x: jobs_completed, y: jobs_completed}]\nmetrics: ["),
        ("metrics: [", "trade_offs: [{x: jobs_completed}]\nmetrics: ["),
        ("variant: exact, load: heavy", "variant: exact, laod: heavy"),
        ("load: heavy, buffer: [1]", "load: heavi, buffer: [1]"),
        ("{variant: exact, load: heavy, buffer: [1]}", "{variant: [plain, exact]}\n- {}"),
        ("variant: exact, load: 900/h", "load: 900/h"),
        ("variant: exact, load: 900/h", "variant: new, load: 900/h"),
        ("load: 900/h, buffer: 1.0", "load: light, buffer: 1"),
        ("[jobs_completed, waiting_time_s]", "[jobs_completed, waiting_time]"),
        ("[jobs_completed, waiting_time_s]", "[qubit_utilization[servre]]"),
        ("[jobs_completed, waiting_time_s]", "['qubit_utilization[servre]']"),
        ("[jobs_completed, waiting_time_s]", "[waiting_time_s, waiting_time_s.mean]"),
        ("tolerance: 10%", "tolerance: ten"),
        ("where: {load: light}, metric", "where: {load: heavy, variant: exact, buffer: 1}, metric"),
        ("value: 100", "value: .nan"),
    ];
    let errors = cases.iter().map(|(from, to)| {
        assert!(GOOD.contains(from), "{from}");
        match read(&GOOD.replacen(from, to, 1)) {
            Ok(plan) => format!("ACCEPTED: {to}\n{}", names(&plan)),
            Err(error) => error,
        }
    });
    snapshot!(errors.collect::<Vec<_>>().join("\n----\n"));
}

#[test]
fn the_plan_of_the_readme_is_a_plan() {
    let readme = include_str!("../../../README.md");
    let start = readme.find("sweep: my-first").expect("a plan");
    let end = start + readme[start..].find("```").expect("the end of a block");
    assert_eq!(read(&readme[start..end]).unwrap().listing().cells().len(), 90);
}

#[test]
fn the_committed_schema_is_up_to_date_and_shipped_plans_load() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("scenarios/sweeps");
    let path = folder.join("schema.json");
    if std::env::var_os("UPDATE_SCHEMA").is_some() {
        std::fs::write(&path, schema_text()).unwrap();
    }
    let committed = std::fs::read_to_string(&path).unwrap_or_default();
    assert!(
        committed == schema_text(),
        "scenarios/sweeps/schema.json is out of date; hint: run this test with UPDATE_SCHEMA=1"
    );
    let mut plans = 0;
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.extension().is_some_and(|extension| extension == "yaml") {
            let plan = Plan::load(&path).unwrap_or_else(|error| panic!("{error}"));
            assert_eq!(Some(&*plan.listing().sweep), path.file_stem().and_then(|stem| stem.to_str()));
            plans += 1;
        }
    }
    assert!(plans >= 2);
}

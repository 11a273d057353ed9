//! The pages of `docs/` that are made from the program itself: the metrics glossary, and the references of scenario and
//! plan files.
//!
//! A test fails when a committed page is not what the program says; `UPDATE_DOCS=1 cargo test --test generated_docs`
//! writes them anew.

mod glossary;
mod reference;

use std::path::Path;

use serde_json::Value;

const SCENARIO_HEAD: &str = "\
# Scenario reference

<!-- Made by tests/generated_docs from the JSON Schema; UPDATE_DOCS=1 cargo test --test generated_docs -->

Every key of a scenario file. The same text appears while you type in editors that know `scenarios/schema.json`
(`rmsim schema` prints it). `rmsim validate --resolved` prints a scenario with all defaults filled in. On the command
line a key is a path: `--set allocator.isolation.buffer_distance=0`, list items by number: `--set fleet.0.count=2`.
";

const PLAN_HEAD: &str = "\
# Plan reference

<!-- Made by tests/generated_docs from the JSON Schema; UPDATE_DOCS=1 cargo test --test generated_docs -->

Every key of a plan, which `rmsim sweep` runs. The same text appears while you type in editors that know
`scenarios/sweeps/schema.json` (`rmsim schema plan` prints it). `rmsim validate PLAN` checks a plan, with `--resolved` it
lists its cells, and `rmsim sweep PLAN --dry-run` says how long the rest of them takes. `rmsim compare` needs no file: what
is under `variants` here is `--variant` there, and what is under `matrix` is `--vary`.

A cell is one replication of one combination, in a folder called after a hash of the scenario with all its settings, the
figures of its devices, the seed, the replication and the version of the program. A cell that is there is not run again, so
that a plan may grow. Not part of the name is the build: shards that different machines ran with one release can be
merged. So after a change to the program within a version, `rmsim sweep PLAN --force` runs all cells again.
";

fn scenario_schema() -> Value {
    resource_manager::simulator::scenario::schema()
}

fn plan_schema() -> Value {
    serde_json::from_str(&resource_manager::experiment::sweep::file::schema_text()).unwrap()
}

fn check(page: &str, text: &str) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs").join(page);
    if std::env::var_os("UPDATE_DOCS").is_some() {
        std::fs::write(&path, text).unwrap();
        return;
    }
    let committed = std::fs::read_to_string(&path).unwrap_or_default();
    let differs = committed.lines().zip(text.lines()).position(|(old, new)| old != new);
    assert!(
        committed == text,
        "docs/{page} is out of date from line {}; hint: UPDATE_DOCS=1 cargo test --test generated_docs",
        differs.unwrap_or(committed.lines().count().min(text.lines().count())) + 1
    );
}

#[test]
fn the_metrics_glossary_is_up_to_date() {
    check("metrics.md", &glossary::page());
}

#[test]
fn the_references_are_up_to_date() {
    check("scenario-reference.md", &reference::page(SCENARIO_HEAD, &scenario_schema()));
    check("plan-reference.md", &reference::page(PLAN_HEAD, &plan_schema()));
}

/// Every key of a schema stands in its page, with what it means.
#[test]
fn the_references_leave_no_key_out() {
    for (head, schema, least) in [(SCENARIO_HEAD, scenario_schema(), 150), (PLAN_HEAD, plan_schema(), 19)] {
        let page = reference::page(head, &schema);
        let mut keys = 0;
        let definitions = schema["$defs"].as_object().unwrap().values();
        for definition in definitions.chain([&schema]) {
            for (key, value) in definition["properties"].as_object().into_iter().flatten() {
                let meaning = value["description"].as_str().unwrap_or_else(|| panic!("`{key}` says nothing"));
                let first: String = meaning.chars().take_while(|c| !matches!(c, '\n' | '[' | '|')).collect();
                assert!(page.contains(&format!("| `{key}` |")), "`{key}` is missing");
                assert!(page.contains(first.trim()), "what `{key}` means is missing: {first}");
                keys += 1;
            }
        }
        assert!(keys >= least, "{keys}");
    }
}

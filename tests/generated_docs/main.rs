//! The pages of `docs/` that are made from the program itself: the metrics glossary and the scenario reference.
//!
//! A test fails when a committed page is not what the program says; `UPDATE_DOCS=1 cargo test --test generated_docs`
//! writes them anew.

mod glossary;
mod scenario_reference;

use std::path::Path;

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
fn the_scenario_reference_is_up_to_date() {
    check(
        "scenario-reference.md",
        &scenario_reference::page(&resource_manager::simulator::scenario::schema()),
    );
}

/// Every key of the schema stands in the page, with what it means.
#[test]
fn the_scenario_reference_leaves_no_key_out() {
    let schema = resource_manager::simulator::scenario::schema();
    let page = scenario_reference::page(&schema);
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
    assert!(keys > 150, "{keys}");
}

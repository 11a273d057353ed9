use std::path::{Path, PathBuf};

use super::*;

fn scenarios() -> Vec<PathBuf> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("scenarios");
    let mut found = Vec::new();
    let mut folders = vec![root];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|extension| extension == "yaml") {
                found.push(path);
            }
        }
    }
    found.sort();
    found
}

#[test]
fn every_shipped_scenario_loads_and_its_resolved_form_reads_back_the_same() {
    let files = scenarios();
    assert!(files.len() >= 7);
    for path in files {
        let scenario = Scenario::load(&path, &[]).unwrap_or_else(|error| panic!("{error}"));
        let text = std::fs::read_to_string(&path).unwrap();
        assert!(text.starts_with("# yaml-language-server: $schema="), "{}", path.display());
        let again = Scenario::from_yaml(&scenario.resolved.to_string(), "resolved", path.parent().unwrap(), &[])
            .unwrap_or_else(|error| panic!("{}: {error}", path.display()));
        assert_eq!(again.resolved, scenario.resolved, "{}", path.display());
        assert_eq!(again.digest(), scenario.digest());
        assert_eq!(again.fleet, scenario.fleet);
        assert_eq!(again.workload, scenario.workload);
        assert_eq!(Some(&*scenario.name), path.file_stem().and_then(|stem| stem.to_str()));
    }
}

#[test]
fn the_committed_schema_is_up_to_date() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("scenarios/schema.json");
    let committed = std::fs::read_to_string(&path).unwrap_or_default();
    if std::env::var_os("UPDATE_SCHEMA").is_some() {
        std::fs::write(&path, schema_text()).unwrap();
    } else {
        assert!(committed == schema_text(), "scenarios/schema.json is out of date; hint: run this test with UPDATE_SCHEMA=1");
    }
}

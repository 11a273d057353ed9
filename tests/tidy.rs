//! House rules that no lint knows: imports point one way, files have one purpose, notes have no leftovers.

#[path = "tidy/circles.rs"]
mod circles;

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

/// The layers in order of import: each may use itself and those of the rows before its own. Those of one row
/// stand side by side and do not know each other.
const LAYERS: &[&[&str]] = &[
    &["time", "input_file", "label", "fixed_point"],
    &["random"],
    &["config_file", "agenda"],
    &["quantum"],
    &["allocator"],
    &["forward"],
    &["observe"],
    &["simulator"],
    &["experiment"],
    &["report"],
    &["cli"],
];

/// `quantum/hardware` is what devices truly do; the core must decide without knowing it.
const HIDDEN_FROM_CORE: &str = "hardware";

fn rust_files(folder: &Path) -> Vec<PathBuf> {
    let mut files = Vec::new();
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            files.extend(rust_files(&path));
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            files.push(path);
        }
    }
    files.sort();
    files
}

fn layer_of(path: &Path) -> String {
    let inside = path.strip_prefix("src").unwrap();
    let first = inside.components().next().unwrap().as_os_str().to_string_lossy().into_owned();
    first.trim_end_matches(".rs").to_owned()
}

fn row_of(layer: &str) -> Option<usize> {
    LAYERS.iter().position(|row| row.contains(&layer))
}

#[test]
fn imports_point_one_way() {
    let mut wrong = Vec::new();
    for path in rust_files(Path::new("src")) {
        let layer = layer_of(&path);
        if layer == "bin" || layer == "lib" {
            continue;
        }
        let Some(row) = row_of(&layer) else {
            wrong.push(format!("{}: `{layer}` is no layer; hint: add it to LAYERS", path.display()));
            continue;
        };
        let text = fs::read_to_string(&path).unwrap();
        for (number, line) in text.lines().enumerate() {
            if line.trim_start().starts_with("//") {
                continue;
            }
            for (start, _) in line.match_indices("crate::") {
                let used: String =
                    line[start + 7..].chars().take_while(|c| c.is_ascii_lowercase() || *c == '_').collect();
                if used != layer && row_of(&used).is_some_and(|other| other >= row) {
                    wrong.push(format!("{}:{}: `{layer}` imports `{used}`", path.display(), number + 1));
                }
            }
            if layer == "allocator" && line.contains("quantum::") && line.contains(HIDDEN_FROM_CORE) {
                wrong.push(format!("{}:{}: the core looks at the true hardware", path.display(), number + 1));
            }
        }
    }
    assert!(wrong.is_empty(), "\n{}", wrong.join("\n"));
}

/// Where files use each other in a circle, none can be understood, tested or moved without all the others.
#[test]
fn no_files_of_a_layer_import_each_other_in_a_circle() {
    let mut files = BTreeMap::new();
    for path in rust_files(Path::new("src")) {
        let steps: Vec<String> = path
            .strip_prefix("src")
            .unwrap()
            .with_extension("")
            .components()
            .map(|step| step.as_os_str().to_string_lossy().into_owned())
            .collect();
        let module = steps.join("::");
        let module = module.strip_suffix("::mod").unwrap_or(&module).to_owned();
        let is_test = module.ends_with("::tests");
        if row_of(&layer_of(&path)).is_some() && !is_test {
            files.insert(module, fs::read_to_string(&path).unwrap());
        }
    }
    let found = circles::circles(&files);
    assert!(found.is_empty(), "circles of imports:\n{}", found.join("\n"));
}

#[test]
fn what_must_be_deterministic_denies_clocks_and_hash_maps() {
    for layer in ["config_file", "agenda", "allocator", "observe", "simulator"] {
        let head = format!("src/{layer}/mod.rs");
        let text = fs::read_to_string(&head).unwrap();
        let denied = "#![deny(clippy::disallowed_types, clippy::disallowed_methods)]";
        assert!(text.contains(denied), "{head} must say {denied}");
    }
}

/// One reader of YAML: the same bounds, and the same care for places and hints, whatever the kind of file.
#[test]
fn yaml_is_read_in_one_layer() {
    let elsewhere: Vec<String> = rust_files(Path::new("src"))
        .into_iter()
        .filter(|path| layer_of(path) != "config_file")
        .filter(|path| fs::read_to_string(path).unwrap().contains("serde_yaml::"))
        .map(|path| path.display().to_string())
        .collect();
    assert!(elsewhere.is_empty(), "YAML is read through `config_file`, and not in {}", elsewhere.join(", "));
}

/// What has an opinion of its own about strategies by their names goes stale with the next strategy: the core asks what
/// they can do. One type is one file.
#[test]
fn the_core_is_put_together_in_one_place() {
    let holding = |needle: &str, but: &[&str]| -> Vec<String> {
        rust_files(Path::new("src/allocator"))
            .into_iter()
            .filter(|path| !but.iter().any(|allowed| path.ends_with(allowed)))
            .filter(|path| {
                let text = fs::read_to_string(path).unwrap();
                text.split("#[cfg(test)]").next().unwrap_or_default().contains(needle)
            })
            .map(|path| path.display().to_string())
            .collect()
    };
    assert_eq!(
        holding("impl Allocator {", &["allocator/mod.rs"]),
        [""; 0],
        "`impl Allocator` is in one file"
    );
    let named = holding(" Strategy::", &["allocator/config.rs", "placement/mod.rs", "placement/own.rs"]);
    assert_eq!(named, [""; 0], "strategies are asked, not named; hint: see `Capabilities`");
}

/// Files that the documentation names are there.
#[test]
fn paths_in_the_documentation_exist() {
    let mut pages: Vec<PathBuf> =
        ["README.md", "CONTRIBUTING.md", "tests/README.md"].map(PathBuf::from).into();
    pages.extend(fs::read_dir("docs").unwrap().map(|entry| entry.unwrap().path()));
    let mut gone = Vec::new();
    let mut seen = 0;
    for page in pages.iter().filter(|page| page.extension().is_some_and(|extension| extension == "md")) {
        let text = fs::read_to_string(page).unwrap();
        for named in text.split('`').skip(1).step_by(2) {
            let is_path = ["src/", "tests/", "benches/", "scenarios/", "devices/", "docs/"]
                .iter()
                .any(|folder| named.starts_with(folder));
            let is_plain = named.chars().all(|c| c.is_ascii_alphanumeric() || "/._-".contains(c));
            if is_path && is_plain {
                seen += 1;
                if !Path::new(named).exists() {
                    gone.push(format!("{}: {named}", page.display()));
                }
            }
        }
    }
    assert!(seen > 50 && gone.is_empty(), "of {seen} paths these do not exist:\n{}", gone.join("\n"));
}

#[test]
fn files_have_one_purpose() {
    let long: Vec<String> = rust_files(Path::new("src"))
        .into_iter()
        .filter_map(|path| {
            let lines = fs::read_to_string(&path).unwrap().lines().count();
            (lines > 800).then(|| format!("{} has {lines} lines", path.display()))
        })
        .collect();
    assert!(long.is_empty(), "files of more than 800 lines are two purposes:\n{}", long.join("\n"));
}

#[test]
fn every_module_says_what_it_is() {
    let silent: Vec<String> = rust_files(Path::new("src"))
        .into_iter()
        .filter(|path| !path.ends_with("tests.rs"))
        .filter(|path| !fs::read_to_string(path).unwrap().starts_with("//!"))
        .map(|path| path.display().to_string())
        .collect();
    assert!(silent.is_empty(), "modules without a head:\n{}", silent.join("\n"));
}

#[test]
fn every_test_says_what_it_guards() {
    let page = fs::read_to_string("tests/README.md").unwrap();
    let names = fs::read_dir("tests").unwrap().map(|entry| entry.unwrap().file_name());
    let names: Vec<String> = names.map(|name| name.to_string_lossy().into_owned()).collect();
    let silent: Vec<&String> =
        names.iter().filter(|name| name.ends_with(".rs") && !page.contains(&format!("`{name}`"))).collect();
    assert!(silent.is_empty(), "tests/README.md does not say what these guard: {silent:?}");
    let named = page.split('`').skip(1).step_by(2).filter(|name| name.ends_with(".rs"));
    let gone: Vec<&str> = named.filter(|name| !names.iter().any(|found| found == name)).collect();
    assert!(gone.is_empty(), "tests/README.md names tests that do not exist: {gone:?}");
}

/// A planted fault that does not apply any more finds nothing out.
#[test]
fn every_planted_fault_can_be_planted() {
    let top = std::path::Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut count = 0;
    for entry in std::fs::read_dir(top.join("tests/mutations")).unwrap() {
        let path = entry.unwrap().path();
        if path.extension().is_some_and(|extension| extension == "patch") {
            count += 1;
            let output = std::process::Command::new("git")
                .args(["apply", "--check"])
                .arg(&path)
                .current_dir(top)
                .output()
                .expect("git is installed");
            assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        }
    }
    assert!(count > 40, "{count}");
}

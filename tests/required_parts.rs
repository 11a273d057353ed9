//! `docs/requirements.md` names only what exists: types, functions, variants, files, keys of scenario and device files,
//! metrics, commands and targets of cargo. A name is looked for in the column that says where a part is here; what the
//! requirement documents call it stands in the other column, and is theirs.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;
use std::process::Command;

const PAGE: &str = "docs/requirements.md";

/// What the right column quotes that is no name of this project, each with its reason.
const NO_NAMES: &[(&str, &str)] = &[("*", "a wildcard in lists of devices")];

/// Names in code font in the last column of the tables, with their lines.
fn names() -> Vec<(usize, String)> {
    let text = fs::read_to_string(PAGE).unwrap();
    let mut found = Vec::new();
    let (mut context, mut row_of_table) = (false, false);
    for (index, line) in text.lines().enumerate() {
        let headline = line.starts_with("| required");
        row_of_table = line.starts_with('|') && (headline || row_of_table);
        context |= headline;
        if !row_of_table || headline || line.starts_with("|---") {
            continue;
        }
        let cell = line.trim_end_matches([' ', '|']).rsplit(" | ").next().unwrap();
        found.extend(cell.split('`').skip(1).step_by(2).map(|name| (index + 1, name.to_owned())));
    }
    assert!(context, "no table in {PAGE}");
    found
}

fn read_all(folder: &str, extension: &str, into: &mut Vec<String>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            read_all(path.to_str().unwrap(), extension, into);
        } else if path.extension().is_some_and(|found| found == extension) {
            into.push(fs::read_to_string(&path).unwrap());
        }
    }
}

/// What names can be looked up in.
struct Known {
    sources: Vec<String>,
    /// Names of keys and of values, anywhere in the schemas of scenario, plan and device files.
    words: BTreeSet<String>,
    /// Chains of keys in a scenario file, from its top, with dots.
    paths: BTreeSet<String>,
    metrics: BTreeSet<String>,
    cargo: String,
}

impl Known {
    fn new() -> Self {
        let mut known = Self {
            sources: Vec::new(),
            words: BTreeSet::new(),
            paths: BTreeSet::new(),
            metrics: BTreeSet::new(),
            cargo: fs::read_to_string("Cargo.toml").unwrap(),
        };
        read_all("src", "rs", &mut known.sources);
        for file in ["scenarios/schema.json", "scenarios/sweeps/schema.json", "devices/schema.json"] {
            let schema: serde_json::Value = serde_json::from_str(&fs::read_to_string(file).unwrap()).unwrap();
            collect_words(&schema, &mut known.words);
            if file == "scenarios/schema.json" {
                collect_paths(&schema, &schema, "", 0, &mut known.paths);
            }
        }
        for line in fs::read_to_string("docs/metrics.md").unwrap().lines() {
            if let Some(name) = line.strip_prefix("| `").and_then(|rest| rest.split('`').next()) {
                known.metrics.insert(name.to_owned());
            }
        }
        known
    }

    /// Whether an item of this name is defined, and has a member of that name.
    fn defines(&self, item: &str, member: Option<&str>) -> bool {
        let begins = ["struct ", "enum ", "trait ", "type ", "fn ", "const ", "mod "];
        let has = |source: &str, begin: &str, name: &str| {
            source.match_indices(&format!("{begin}{name}")).any(|(at, found)| {
                let after = source[at + found.len()..].chars().next();
                let before = source[..at].chars().next_back();
                !after.is_some_and(is_of_word) && !before.is_some_and(is_of_word)
            })
        };
        self.sources.iter().any(|source| {
            let defined = begins.iter().any(|begin| has(source, begin, item));
            // Methods may stand in another file than the type they belong to.
            let home = defined || has(source, "impl ", item);
            match member {
                None => defined,
                Some(member) => home && ["", "fn "].iter().any(|begin| has(source, begin, member)),
            }
        })
    }

    /// Whether a chain of keys leads from the top of a scenario file to somewhere, or from a request to a field.
    fn key(&self, chain: &str) -> bool {
        let field =
            |name: &str| self.sources.iter().any(|source| source.contains(&format!("    pub {name}: ")));
        self.paths.iter().any(|path| path == chain || path.ends_with(&format!(".{chain}")))
            || chain.split('.').all(field)
    }

    /// Whether the program understands this word, also where the schemas recommend another.
    fn alias(&self, word: &str) -> bool {
        self.sources.iter().any(|source| source.contains(&format!("alias = \"{word}\"")))
    }

    /// What is wrong with a name.
    fn complaint(&self, name: &str) -> Option<String> {
        if NO_NAMES.iter().any(|(known, _)| *known == name) {
            return None;
        }
        if let Some(rest) = name.strip_prefix("rmsim ") {
            // The text may go on with arguments.
            let words: Vec<&str> = rest.split(' ').collect();
            let help = Command::new(env!("CARGO_BIN_EXE_rmsim")).args([words[0], "--help"]).output().unwrap();
            let said = String::from_utf8_lossy(&help.stdout);
            let known = |word: &&str| said.contains(word.trim_matches(['[', ']']));
            return match words[1..].iter().find(|word| word.starts_with('-') && !known(word)) {
                _ if !help.status.success() => Some(format!("there is no command `rmsim {}`", words[0])),
                Some(option) => Some(format!("`rmsim {}` has no `{option}`", words[0])),
                None => None,
            };
        }
        if let Some(rest) = name.strip_prefix("cargo ") {
            let words: Vec<&str> = rest.split(' ').collect();
            let missing = words.windows(2).find(|pair| {
                let file = |folder: &str| Path::new(folder).join(pair[1]).with_extension("rs").is_file();
                match pair[0] {
                    "--test" => !file("tests"),
                    "--bench" => !self.cargo.contains(&format!("name = \"{}\"", pair[1])),
                    "--lib" => !Path::new("src").join(pair[1]).is_dir(),
                    _ => false,
                }
            });
            return missing.map(|pair| format!("there is no `{} {}`", pair[0], pair[1]));
        }
        if name.contains('/') || [".md", ".toml", ".csv"].iter().any(|end| name.ends_with(end)) {
            let written_by_runs = name.ends_with(".csv")
                && self.sources.iter().any(|source| source.contains(&format!("\"{name}\"")));
            let there = written_by_runs || Path::new(name).exists();
            return (!there).then(|| "there is no such file".to_owned());
        }
        if name.starts_with(char::is_uppercase) {
            let (item, member) = name.split_once("::").map_or((name, None), |(item, of)| (item, Some(of)));
            return (!self.defines(item, member)).then(|| "there is no such item".to_owned());
        }
        // Keys, values, metrics, targets of cargo, folders of the core; `key: value` and `key: {key, key}` in one.
        let mut parts = name.split([':', ',', '{', '}', ' ']).filter(|part| !part.is_empty());
        let unknown = parts.find(|part| {
            let known = if part.contains('.') {
                self.key(part)
            } else {
                self.words.contains(*part)
                    || self.metrics.contains(*part)
                    || self.cargo.contains(&format!("name = \"{part}\""))
                    || Path::new("tests").join(part).with_extension("rs").is_file()
                    || Path::new("src/allocator").join(part).is_dir()
                    || self.alias(part)
                    || self.defines(part, None)
            };
            !known && part.parse::<u32>().is_err() && *part != "..."
        });
        unknown.map(|part| format!("nothing is called `{part}`"))
    }
}

fn is_of_word(c: char) -> bool {
    c.is_alphanumeric() || c == '_'
}

fn collect_words(schema: &serde_json::Value, into: &mut BTreeSet<String>) {
    match schema {
        serde_json::Value::Object(map) => {
            for (key, value) in map {
                match value {
                    serde_json::Value::Object(keys) if key == "properties" => {
                        into.extend(keys.keys().cloned());
                    }
                    serde_json::Value::String(text) if key == "const" => {
                        into.insert(text.clone());
                    }
                    serde_json::Value::Array(values) if key == "enum" => {
                        into.extend(values.iter().filter_map(|value| value.as_str().map(str::to_owned)));
                    }
                    _ => {}
                }
                collect_words(value, into);
            }
        }
        serde_json::Value::Array(values) => values.iter().for_each(|value| collect_words(value, into)),
        _ => {}
    }
}

fn collect_paths(
    root: &serde_json::Value,
    at: &serde_json::Value,
    path: &str,
    depth: usize,
    into: &mut BTreeSet<String>,
) {
    // Deeper than any chain that the page names.
    if depth > 12 {
        return;
    }
    match at {
        serde_json::Value::Object(map) => {
            if let Some(target) = map.get("$ref").and_then(serde_json::Value::as_str) {
                let target = target.trim_start_matches('#').replace("%20", " ");
                let target = root.pointer(&target).expect("references lead somewhere");
                collect_paths(root, target, path, depth + 1, into);
            }
            for (key, value) in map {
                if key == "$defs" {
                    continue;
                }
                match value {
                    serde_json::Value::Object(keys) if key == "properties" => {
                        for (name, value) in keys {
                            let chain = if path.is_empty() { name.clone() } else { format!("{path}.{name}") };
                            collect_paths(root, value, &chain, depth + 1, into);
                            into.insert(chain);
                        }
                    }
                    _ => collect_paths(root, value, path, depth + 1, into),
                }
            }
        }
        serde_json::Value::Array(values) => {
            values.iter().for_each(|value| collect_paths(root, value, path, depth + 1, into));
        }
        _ => {}
    }
}

#[test]
fn every_name_exists() {
    let known = Known::new();
    let names = names();
    assert!(names.len() > 100, "{} names were found", names.len());
    let wrong: Vec<String> = names
        .iter()
        .filter_map(|(line, name)| Some(format!("{PAGE}:{line}: `{name}`: {}", known.complaint(name)?)))
        .collect();
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// The search must be able to fail, for names of every kind.
#[test]
fn names_of_nothing_are_noticed() {
    let known = Known::new();
    let wrong = [
        "Allocator::teleport",
        "Command::Teleport",
        "TeleportEngine",
        "src/allocator/teleport.rs",
        "teleport.csv",
        "allocator.teleport",
        "allocator.strategy.teleport",
        "limits.teleport",
        "teleport: 3",
        "workload.arrivals: teleport",
        "isolation: {max_crosstalk, teleport}",
        "rmsim teleport",
        "rmsim run --teleport",
        "cargo test --test teleport",
        "cargo bench --bench teleport",
        "cargo test --lib teleport",
    ];
    let unnoticed: Vec<_> = wrong.iter().filter(|name| known.complaint(name).is_none()).collect();
    assert!(unnoticed.is_empty(), "{unnoticed:?}");
    let right = ["Allocator::handle", "Command::Submit", "allocator.placement.memory", "rmsim run --journal"];
    let refused: Vec<_> = right.iter().filter_map(|name| known.complaint(name)).collect();
    assert!(refused.is_empty(), "{refused:?}");
}

//! From a plan file to the list of its combinations and cells, everything checked before the first one runs.
//!
//! Promises that wrong names, values and combinations are errors at their line in the plan, with the valid choices.
//! Leaves running to [`super::runner`].

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use indexmap::IndexMap;
use rayon::prelude::*;
use serde_json::Value;

use super::cell::cell_name;
use super::conditions::{Conditions, label_of};
use super::file::{PLAN, PlanFile};
use super::listing::{Dimension, Expected, Listed, Listing, name_of};
use super::overlaps::{self, Setting};
use crate::config_file::{ConfigFileError, SetOverride, YamlFile};
use crate::experiment::notes::Premises;
use crate::experiment::version::VERSION;
use crate::label;
use crate::observe::metrics::{METRICS, MetricDef};
use crate::simulator::scenario::{QUICKSTART, SCENARIO, Scenario, WarmUp};

/// Most combinations of one plan; each is read and checked before the first one runs.
pub const MAX_COMBINATIONS: usize = 100_000;

/// Most cells of one plan: more folders than that are slow to list on any file system.
pub const MAX_CELLS: usize = 1_000_000;

/// The name of the variants in tables and conditions.
pub const VARIANT: &str = "variant";

/// Names of columns of the tables, which no axis may have.
const TAKEN: [&str; 4] = [VARIANT, "cell", "replication", "metric"];

/// A checked plan.
#[derive(Debug)]
pub struct Plan {
    listing: Listing,
    file: YamlFile,
    base: Base,
    /// The settings of each combination.
    settings: Vec<Vec<Setting>>,
}

/// The text of the base scenario.
#[derive(Debug)]
struct Base {
    text: String,
    origin: String,
    folder: PathBuf,
}

/// A combination before its scenario is read.
struct Combination {
    labels: Vec<String>,
    settings: Vec<Setting>,
}

impl Plan {
    /// Reads the plan at `path` and the scenarios of all its combinations.
    pub fn load(path: &Path) -> Result<Self, ConfigFileError> {
        let file = YamlFile::load(path, &PLAN)?;
        Self::read(file, path)
    }

    /// Checks a plan that was read from `path`.
    pub fn read(file: YamlFile, path: &Path) -> Result<Self, ConfigFileError> {
        let plan: PlanFile = file.parse()?;
        check_name(&file, &plan.sweep)?;
        let base = Base::load(&file, &plan.base, path.parent().unwrap_or(Path::new("")))?;
        let scenario = Scenario::from_yaml(&base.text, &base.origin, &base.folder, &[])?;
        let (dimensions, combinations) = combinations(&file, &plan)?;
        let replications = plan.replications.unwrap_or(scenario.replications);
        if replications == 0 {
            return Err(file.error_at(&["replications"], "0 replications; hint: at least 1"));
        }
        if combinations.len().saturating_mul(replications as usize) > MAX_CELLS {
            let message = format!(
                "{} combinations in {replications} replications are more than {MAX_CELLS} cells; hint: vary less at a time",
                combinations.len()
            );
            return Err(file.error_at(&["replications"], message));
        }
        let seed = plan.seed.unwrap_or(scenario.seed);
        let mut listing = Listing {
            sweep: plan.sweep.clone(),
            description: plan.description.clone(),
            plan: path.display().to_string(),
            version: VERSION.to_owned(),
            scenario: scenario.name,
            seed,
            replications,
            dimensions,
            combinations: Vec::new(),
            metrics: Vec::new(),
            metrics_chosen: !plan.metrics.is_empty(),
            trade_offs: Vec::new(),
            reference: plan.reference.clone(),
            expected: Vec::new(),
        };
        let (labels, settings): (Vec<_>, Vec<_>) =
            combinations.into_iter().map(|combination| (combination.labels, combination.settings)).unzip();
        let read = |settings: &Vec<Setting>| -> Result<([u8; 32], Premises, Vec<String>), ConfigFileError> {
            let scenario = base.scenario(&file, seed, settings)?;
            if scenario.warm_up == WarmUp::Auto {
                let message = "`warm_up: auto` needs a pilot run of all combinations, which shards cannot share; hint: \
                               a fixed one, as in set: {warm_up: {time: 2h}}";
                return Err(file.error_at(&["set", "warm_up"], message));
            }
            let devices = scenario.fleet.iter().map(|device| device.spec.name.clone());
            Ok((scenario.digest(), Premises::of(&scenario), devices.collect()))
        };
        // What is wrong with all of them is found with the first one.
        read(&settings[0])?;
        let read: Vec<_> = settings.par_iter().map(read).collect();
        let mut devices = BTreeSet::new();
        for (labels, read) in labels.into_iter().zip(read) {
            let (digest, premises, fleet) = read?;
            devices.extend(fleet);
            let cells = (0..replications).map(|replication| cell_name(&digest, replication)).collect();
            listing.combinations.push(Listed { labels, cells, premises });
        }
        let metric = |name: &str, at: &[&str]| {
            metric_name(name, &devices).map_err(|message| file.error_at(at, message))
        };
        for (index, name) in plan.metrics.iter().enumerate() {
            let name = metric(name, &["metrics", &index.to_string()])?;
            if listing.metrics.contains(&name) {
                let message = format!("metric `{name}` is given twice; hint: keep one of them");
                return Err(file.error_at(&["metrics", &index.to_string()], message));
            }
            listing.metrics.push(name);
        }
        if listing.metrics.is_empty() {
            listing.metrics = all_metrics();
        }
        for (index, trade_off) in plan.trade_offs.iter().enumerate() {
            let index = index.to_string();
            let [x, y] = [("x", &trade_off.x), ("y", &trade_off.y)]
                .map(|(key, name)| metric(name, &["trade_offs", &index, key]));
            let (x, y) = (x?, y?);
            if x == y {
                let message = format!("metric `{x}` against itself; hint: another one as `y`");
                return Err(file.error_at(&["trade_offs", &index, "y"], message));
            }
            // The tables hold what is drawn.
            for name in [&x, &y] {
                if !listing.metrics.contains(name) {
                    listing.metrics.push(name.clone());
                }
            }
            listing.trade_offs.push((x, y));
        }
        for (index, expected) in plan.expected.iter().enumerate() {
            let index = index.to_string();
            let name = metric(&expected.metric, &["expected", &index, "metric"])?;
            if !expected.value.is_finite() {
                let message = "the expected value is no finite number";
                return Err(file.error_at(&["expected", &index, "value"], message));
            }
            let at =
                Conditions::read(&file, &["expected", &index, "where"], &expected.at, &listing.dimensions)?;
            let before = listing.expected.len();
            for (combination, listed) in listing.combinations.iter().enumerate() {
                if at.hold(&listed.labels) {
                    let same = |other: &Expected| other.combination == combination && other.metric == name;
                    if listing.expected.iter().any(same) {
                        let message = format!(
                            "`{name}` of {} is expected twice; hint: keep one of them, or tell them apart by `where`",
                            name_of(&listing.dimensions, &listed.labels)
                        );
                        return Err(file.error_at(&["expected", &index], message));
                    }
                    listing.expected.push(Expected {
                        combination,
                        metric: name.clone(),
                        value: expected.value,
                        tolerance: expected.tolerance.around(expected.value),
                    });
                }
            }
            if listing.expected.len() == before {
                let message = "no combination of the plan is like this; hint: look at `matrix` and `exclude`";
                return Err(file.error_at(&["expected", &index, "where"], message));
            }
            // The tables hold what is judged.
            if !listing.metrics.contains(&name) {
                listing.metrics.push(name);
            }
        }
        Ok(Self { listing, file, base, settings })
    }

    /// All combinations and cells.
    pub fn listing(&self) -> &Listing {
        &self.listing
    }

    /// The scenario of a combination, with one replication and without traces; settings beside those of the plan come
    /// last.
    pub fn scenario(&self, combination: usize) -> Result<Scenario, ConfigFileError> {
        self.base.scenario(&self.file, self.listing.seed, &self.settings[combination])
    }

    /// The same with the horizon cut to about `1 / divisor`, for a quick measurement of how long it takes.
    pub fn short_scenario(&self, combination: usize, divisor: u64) -> Result<Scenario, ConfigFileError> {
        use crate::simulator::scenario::Horizon;
        let scenario = self.scenario(combination)?;
        let horizon = match scenario.horizon {
            Horizon::Jobs(jobs) => format!("{{jobs: {}}}", (jobs / divisor).max(1)),
            Horizon::Time(span) => format!("{{time: {}ns}}", (span.0 / divisor).max(1)),
        };
        let mut settings = self.settings[combination].clone();
        for (path, text) in [("horizon", horizon), ("warm_up", "none".to_owned())] {
            settings.push(Setting { path: path.to_owned(), value: Value::String(text), at: Vec::new() });
        }
        self.base.scenario(&self.file, self.listing.seed, &settings)
    }
}

impl Base {
    fn load(file: &YamlFile, name: &str, folder: &Path) -> Result<Self, ConfigFileError> {
        if name == "quickstart" {
            let origin = "scenarios/quickstart.yaml (built in)".to_owned();
            return Ok(Self { text: QUICKSTART.to_owned(), origin, folder: PathBuf::new() });
        }
        let path = folder.join(name);
        match YamlFile::load(&path, &SCENARIO) {
            Ok(scenario) if scenario.has("sweep") => Err(file.error_at(
                &["base"],
                format!("`{name}` is a plan itself; hint: the base is a scenario, such as quickstart"),
            )),
            Ok(scenario) => Ok(Self {
                text: scenario.text().to_owned(),
                origin: path.display().to_string(),
                folder: path.parent().unwrap_or(Path::new("")).to_path_buf(),
            }),
            // A scenario that cannot even be read is an error of the plan's line; a broken one, of its own.
            Err(error) if error.position().is_none() => Err(file.error_at(
                &["base"],
                format!("{}; hint: a path relative to the plan, or quickstart", error.message()),
            )),
            Err(error) => Err(error),
        }
    }

    /// The base scenario with settings; an error of a setting is one of its line in the plan.
    fn scenario(
        &self,
        file: &YamlFile,
        seed: u64,
        settings: &[Setting],
    ) -> Result<Scenario, ConfigFileError> {
        let mut sets = Vec::with_capacity(settings.len() + 5);
        for setting in settings {
            let at: Vec<&str> = setting.at.iter().map(String::as_str).collect();
            let value = match &setting.value {
                // Bare, so that it may be any YAML.
                Value::String(text) if setting.at.is_empty() => text.clone(),
                value => value.to_string(),
            };
            let set = SetOverride::new(&setting.path, value);
            sets.push(set.map_err(|error| file.error_at(&at, error.to_string()))?);
        }
        let seed = seed.to_string();
        for (path, value) in [
            ("seed", seed.as_str()),
            // Of a cell: so that more replications later leave those that are there as they are.
            ("replications", "1"),
            ("output.traces", "none"),
            ("output.events", "false"),
            ("output.plots", "false"),
        ] {
            sets.extend(SetOverride::new(path, value));
        }
        Scenario::from_yaml(&self.text, &self.origin, &self.folder, &sets).map_err(|error| {
            let Some(setting) = error.blamed_override().and_then(|index| settings.get(index)) else {
                return error;
            };
            let at: Vec<&str> = setting.at.iter().map(String::as_str).collect();
            let hint = error.hint().map(|hint| format!("; hint: {hint}")).unwrap_or_default();
            file.error_at(&at, format!("{}: {}{hint}", setting.path, error.message()))
        })
    }
}

fn check_name(file: &YamlFile, name: &str) -> Result<(), ConfigFileError> {
    let letters = |c: char| c.is_ascii_alphanumeric() || c == '-' || c == '_';
    let starts = name.starts_with(|c: char| c.is_ascii_alphanumeric());
    if starts && name.len() <= 64 && name.chars().all(letters) {
        return Ok(());
    }
    let message =
        "the name of a sweep becomes a path; hint: up to 64 letters, digits, - and _, as in buffers-2";
    Err(file.error_at(&["sweep"], message))
}

/// A setting that may stand in a plan.
fn setting(path: &str, value: &Value, at: Vec<String>, file: &YamlFile) -> Result<Setting, ConfigFileError> {
    let hint = match path {
        "seed" | "replications" => {
            "it is a key of the plan itself, since all combinations meet the same worlds"
        }
        "output.traces" | "output.events" | "output.plots" => {
            "cells keep metrics only; `rmsim run` with --set writes traces and plots of one combination"
        }
        _ => return Ok(Setting { path: path.to_owned(), value: value.clone(), at }),
    };
    let at: Vec<&str> = at.iter().map(String::as_str).collect();
    Err(file.error_at(&at, format!("`{path}` cannot be a setting of a combination; hint: {hint}")))
}

fn settings_of(
    file: &YamlFile,
    map: &IndexMap<String, Value>,
    at: &[&str],
) -> Result<Vec<Setting>, ConfigFileError> {
    let one = |(path, value): (&String, &Value)| {
        let at = at.iter().copied().chain([path.as_str()]).map(str::to_owned).collect();
        setting(path, value, at, file)
    };
    map.iter().map(one).collect()
}

/// What varies, and every combination of it: variants slowest, the last axis fastest, then those that are included.
fn combinations(
    file: &YamlFile,
    plan: &PlanFile,
) -> Result<(Vec<Dimension>, Vec<Combination>), ConfigFileError> {
    let common = settings_of(file, &plan.set, &["set"])?;
    let mut dimensions: Vec<Dimension> = Vec::new();
    // Of each dimension, of each label: its settings.
    let mut choices: Vec<Vec<Vec<Setting>>> = Vec::new();
    if !plan.variants.is_empty() {
        let mut variants = Dimension { name: VARIANT.to_owned(), path: None, labels: Vec::new() };
        let mut settings = Vec::new();
        for (index, variant) in plan.variants.iter().enumerate() {
            let index = index.to_string();
            add_label(file, &["variants", &index, "name"], &mut variants, variant.name.clone())?;
            let own = settings_of(file, &variant.set, &["variants", &index, "set"])?;
            settings.push(own);
        }
        dimensions.push(variants);
        choices.push(settings);
    }
    for (path, axis) in &plan.matrix {
        let at = ["matrix", path.as_str()];
        let name = axis.name.clone().unwrap_or_else(|| path.rsplit('.').next().unwrap_or(path).to_owned());
        let column = TAKEN.contains(&name.as_str()) || MetricDef::find(&name).is_ok();
        if column || dimensions.iter().any(|other| other.name == name) {
            let message = format!(
                "the name `{name}` is taken; hint: give the axis another one, as in {{name: load, values: [...]}}"
            );
            return Err(file.error_at(&at, message));
        }
        if axis.values.is_empty() {
            return Err(file.error_at(&at, format!("`{path}` has no values; hint: as in {path}: [a, b]")));
        }
        label::check(&name).map_err(|error| {
            file.error_at(&at, format!("`{path}` has no proper name: {error}; hint: as in {path}: [a, b]"))
        })?;
        let mut dimension = Dimension { name, path: Some(path.clone()), labels: Vec::new() };
        let mut settings = Vec::new();
        for (index, (label, value)) in axis.values.iter().enumerate() {
            let mut place = vec!["matrix".to_owned(), path.clone()];
            if axis.name.is_some() || label.is_some() {
                place.push("values".to_owned());
            }
            place.push(label.clone().unwrap_or_else(|| index.to_string()));
            let at: Vec<&str> = place.iter().map(String::as_str).collect();
            let label = label.clone().unwrap_or_else(|| label_of(value));
            add_label(file, &at, &mut dimension, label)?;
            settings.push(vec![setting(path, value, place.clone(), file)?]);
        }
        dimensions.push(dimension);
        choices.push(settings);
    }
    overlaps::check(file, &common, &dimensions, &choices)?;
    let total = choices.iter().try_fold(1_usize, |product, choices| product.checked_mul(choices.len()));
    if total.is_none_or(|total| total > MAX_COMBINATIONS) {
        let message = format!("more than {MAX_COMBINATIONS} combinations; hint: vary less at a time");
        return Err(file.error_at(&["matrix"], message));
    }
    let excluded: Vec<Conditions> = (plan.exclude.iter().enumerate())
        .map(|(index, entry)| {
            let at = ["exclude", &index.to_string()];
            if entry.is_empty() {
                return Err(
                    file.error_at(&at, "this entry is empty and would exclude everything; hint: remove it")
                );
            }
            Conditions::read(file, &at, entry, &dimensions)
        })
        .collect::<Result<_, _>>()?;
    let mut all = vec![Combination { labels: Vec::new(), settings: common.clone() }];
    for (dimension, choices) in dimensions.iter().zip(&choices) {
        let mut next = Vec::with_capacity(all.len() * choices.len());
        for combination in &all {
            for (label, own) in dimension.labels.iter().zip(choices) {
                next.push(Combination {
                    labels: combination.labels.iter().chain([label]).cloned().collect(),
                    settings: combination.settings.iter().chain(own).cloned().collect(),
                });
            }
        }
        all = next;
    }
    all.retain(|combination| !excluded.iter().any(|conditions| conditions.hold(&combination.labels)));
    for (index, entry) in plan.include.iter().enumerate() {
        let index = index.to_string();
        let combination = included(file, &index, entry, &mut dimensions, &choices, &common)?;
        if all.iter().any(|other| other.labels == combination.labels) {
            let name = name_of(&dimensions, &combination.labels);
            let message = format!("{name} is among the combinations already; hint: remove this entry");
            return Err(file.error_at(&["include", &index], message));
        }
        all.push(combination);
    }
    if all.is_empty() {
        return Err(file.error_at(&["exclude"], "no combination is left; hint: exclude less"));
    }
    Ok((dimensions, all))
}

/// A combination beside the matrix.
fn included(
    file: &YamlFile,
    index: &str,
    entry: &IndexMap<String, Value>,
    dimensions: &mut [Dimension],
    choices: &[Vec<Vec<Setting>>],
    common: &[Setting],
) -> Result<Combination, ConfigFileError> {
    Conditions::check_names(file, &["include", index], entry.keys(), dimensions)?;
    let mut combination = Combination { labels: Vec::new(), settings: common.to_vec() };
    for (number, dimension) in dimensions.iter_mut().enumerate() {
        let Some(value) = entry.get(&dimension.name) else {
            let message = format!("`{}` is missing; hint: give a value for every name", dimension.name);
            return Err(file.error_at(&["include", index], message));
        };
        let name = dimension.name.clone();
        let at = ["include", index, name.as_str()];
        let known = Conditions::position(value, &dimension.labels);
        match (known, dimension.path.clone()) {
            (Some(position), _) => {
                combination.labels.push(dimension.labels[position].clone());
                // A label that an earlier entry has brought has no settings in the matrix, but is its own value.
                match (choices[number].get(position), &dimension.path) {
                    (Some(own), _) => combination.settings.extend(own.iter().cloned()),
                    (None, Some(path)) => {
                        let place = at.iter().map(|step| (*step).to_owned()).collect();
                        combination.settings.push(setting(path, value, place, file)?);
                    }
                    (None, None) => {}
                }
            }
            (None, Some(path)) => {
                let place = at.iter().map(|step| (*step).to_owned()).collect();
                combination.settings.push(setting(&path, value, place, file)?);
                let label = label_of(value);
                add_label(file, &at, dimension, label.clone())?;
                combination.labels.push(label);
            }
            (None, None) => return Err(Conditions::unknown_label(file, &at, value, dimension)),
        }
    }
    Ok(combination)
}

fn add_label(
    file: &YamlFile,
    at: &[&str],
    dimension: &mut Dimension,
    label: String,
) -> Result<(), ConfigFileError> {
    label::check(&label).map_err(|error| {
        let message = format!("a label must be a text of one line: {error}; hint: as in {{small: [1, 2]}}");
        file.error_at(at, message)
    })?;
    if dimension.labels.contains(&label) {
        let message = format!(
            "`{label}` is given twice for `{}`; hint: keep one of them, or give them labels, as in {{a: 1, b: 1}}",
            dimension.name
        );
        return Err(file.error_at(at, message));
    }
    dimension.labels.push(label);
    Ok(())
}

/// The full names of all metrics of the fleet.
fn all_metrics() -> Vec<String> {
    let names = |def: &MetricDef| match def.statistics {
        [] => vec![def.full_name(None)],
        statistics => statistics.iter().map(|statistic| def.full_name(Some(*statistic))).collect(),
    };
    METRICS.iter().flat_map(names).collect()
}

/// The full name of a metric, of the fleet or of one of its devices; what is wrong with it otherwise.
fn metric_name(name: &str, devices: &BTreeSet<String>) -> Result<String, String> {
    let (def, statistic) = MetricDef::find(name).map_err(|error| error.to_string())?;
    let Some((_, rest)) = name.split_once('[') else {
        return Ok(def.full_name(statistic));
    };
    let per_device: Vec<&str> = METRICS.iter().filter(|def| def.per_device).map(|def| def.name).collect();
    let known = || devices.iter().map(String::as_str).collect::<Vec<_>>().join(", ");
    match rest.strip_suffix(']') {
        _ if !def.per_device => {
            Err(format!("`{}` is not given per device; hint: {} are", def.name, per_device.join(", ")))
        }
        None => Err(format!(
            "`{name}` has no `]`; hint: as in {}[{}]",
            def.name,
            devices.first().map_or("", |d| d)
        )),
        Some(device) if !devices.contains(device) => {
            Err(format!("no fleet has a device `{device}`; hint: devices are {}", known()))
        }
        Some(device) => Ok(format!("{}[{device}]", def.name)),
    }
}

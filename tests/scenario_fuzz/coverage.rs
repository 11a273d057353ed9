//! Which keys and variants of the scenario file were drawn, and which effects came about.
//!
//! Promises that the list of what there is comes from the schema of the program, so that a new key is missed until it is
//! drawn. Leaves effects to the checker, which names them as it sees them.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

/// What is never drawn, and why.
pub const EXCEPTIONS: [(&str, &str); 4] = [
    ("JobTemplate.checkpoint_interval", "not honoured: refused by the reader"),
    ("allocation_latency_us", "wall-clock time, not of the simulation"),
    ("pass_latency_us", "wall-clock time, not of the simulation"),
    ("command_latency_us", "wall-clock time, not of the simulation"),
];

/// Effects that every long run must have seen.
pub const EFFECTS: [&str; 61] = [
    "fellows within a buffer",
    "handed on within a party",
    "waited for others",
    "cancelled for another job",
    "starts estimated",
    "stopped by a quota",
    "promise moved",
    "started before an earlier job",
    "shares compared",
    "quotas and promises",
    "completed",
    "failed",
    "cancelled",
    "expired",
    "rejected",
    "rejected: queue full",
    "rejected: cannot be placed",
    "rejected: too late",
    "rejected: too late while waiting",
    "deadline kept",
    "deadline missed",
    "cancelled while waiting",
    "cancelled while running",
    "failed: too many attempts",
    "failed: walltime",
    "failed: error",
    "stopped at the walltime",
    "requeued: device lost",
    "requeued: element lost",
    "several attempts",
    "transferred",
    "waited",
    "started at once",
    "copies",
    "more than the least size",
    "routed",
    "below a soft bound",
    "as many as allowed",
    "several jobs on a device",
    "several starts at an instant",
    "a buffer between two jobs",
    "guard",
    "device joined later",
    "device left",
    "device down",
    "qubit down",
    "coupler down",
    "draining",
    "recalibrated",
    "calibration requested",
    "outage",
    "outage at the end of a job",
    "slow",
    "drift jump",
    "liveness judged",
    "jobs of the warm-up",
    "ended in the warm-up",
    "unfinished at the end",
    "ending: complete",
    "ending: cut off",
    "ending: stuck",
];

/// How many scenarios drew or saw each entry.
pub type Counts = BTreeMap<String, usize>;

/// A walk through the schema of scenario files.
pub struct Schema {
    root: Value,
}

impl Schema {
    pub fn of_the_program() -> Self {
        let text = include_str!("../../scenarios/schema.json");
        Self { root: serde_json::from_str(text).unwrap() }
    }

    /// Every key and variant that there is.
    pub fn declared(&self) -> BTreeSet<String> {
        let mut found = BTreeSet::new();
        self.declare("Scenario", &self.root, &mut found, &mut BTreeSet::new());
        found
    }

    fn definition<'a>(&'a self, node: &'a Value) -> Option<(&'a str, &'a Value)> {
        let name = node.get("$ref")?.as_str()?.strip_prefix("#/$defs/")?.trim();
        let name = if name.contains('%') { "IsolationDemands" } else { name };
        Some((name, &self.root["$defs"][name]))
    }

    fn choices(node: &Value) -> Option<&Vec<Value>> {
        node.get("oneOf").or(node.get("anyOf")).and_then(Value::as_array)
    }

    fn declare<'a>(
        &'a self,
        name: &'a str,
        node: &'a Value,
        found: &mut BTreeSet<String>,
        seen: &mut BTreeSet<&'a str>,
    ) {
        if let Some((name, definition)) = self.definition(node) {
            if seen.insert(name) {
                self.declare(name, definition, found, seen);
            }
            return;
        }
        for choice in Self::choices(node).into_iter().flatten() {
            if let Some(variant) = choice.get("const").and_then(Value::as_str) {
                found.insert(format!("{name}={variant}"));
            }
            self.declare(name, choice, found, seen);
        }
        for variant in node.get("enum").and_then(Value::as_array).into_iter().flatten() {
            found.insert(format!("{name}={}", variant.as_str().unwrap_or_default()));
        }
        for (key, child) in node.get("properties").and_then(Value::as_object).into_iter().flatten() {
            found.insert(format!("{name}.{key}"));
            self.declare(name, child, found, seen);
        }
        for part in ["items", "additionalProperties"] {
            node.get(part).into_iter().for_each(|child| self.declare(name, child, found, seen));
        }
        for child in node.get("prefixItems").and_then(Value::as_array).into_iter().flatten() {
            self.declare(name, child, found, seen);
        }
    }

    /// The keys and variants that a scenario uses.
    pub fn used(&self, tree: &Value) -> BTreeSet<String> {
        let mut found = BTreeSet::new();
        self.using("Scenario", &self.root, tree, &mut found);
        found
    }

    fn using(&self, name: &str, node: &Value, value: &Value, found: &mut BTreeSet<String>) {
        if let Some((name, definition)) = self.definition(node) {
            return self.using(name, definition, value, found);
        }
        for choice in Self::choices(node).into_iter().flatten() {
            if let (Some(variant), Some(text)) = (choice.get("const").and_then(Value::as_str), value.as_str())
                && variant == text
            {
                found.insert(format!("{name}={variant}"));
            }
            self.using(name, choice, value, found);
        }
        for variant in node.get("enum").and_then(Value::as_array).into_iter().flatten() {
            if variant == value {
                found.insert(format!("{name}={}", variant.as_str().unwrap_or_default()));
            }
        }
        match value {
            Value::Object(keys) => {
                for (key, value) in keys {
                    if let Some(child) = node.get("properties").and_then(|all| all.get(key)) {
                        found.insert(format!("{name}.{key}"));
                        self.using(name, child, value, found);
                    } else if let Some(child) =
                        node.get("additionalProperties").filter(|child| child.is_object())
                    {
                        // Names of one's own, as of groups.
                        self.using(name, child, value, found);
                    }
                }
            }
            Value::Array(items) => {
                let of_place = node.get("prefixItems").and_then(Value::as_array);
                for (index, item) in items.iter().enumerate() {
                    let child = of_place.and_then(|all| all.get(index)).or(node.get("items"));
                    child.into_iter().for_each(|child| self.using(name, child, item, found));
                }
            }
            // `queue: global` means `queue: {global: {}}`.
            Value::String(text) if node.get("properties").is_some_and(|all| all.get(text).is_some()) => {
                found.insert(format!("{name}.{text}"));
            }
            _ => {}
        }
    }
}

/// Whether an entry need not be drawn.
pub fn excepted(entry: &str) -> bool {
    EXCEPTIONS.iter().any(|(exception, _)| entry == *exception || entry.ends_with(&format!(".{exception}")))
}

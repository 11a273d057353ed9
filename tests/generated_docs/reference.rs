//! References of scenario and plan files, from their JSON Schemas.
//!
//! One section per type: a table of keys, or of choices. A type used in one place is called after that place, others
//! after themselves.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use serde_json::Value;

/// Longest default that is shown; longer ones are those of the section that the key leads to.
const DEFAULT_SHOWN: usize = 40;

struct Reference<'a> {
    definitions: &'a serde_json::Map<String, Value>,
    /// Headline of each type's section.
    titles: BTreeMap<&'a str, String>,
}

/// The page: `head` is its headline and what comes first.
pub fn page(head: &str, schema: &Value) -> String {
    let empty = serde_json::Map::new();
    let definitions = schema["$defs"].as_object().unwrap_or(&empty);
    let mut places: BTreeMap<&str, Vec<String>> = BTreeMap::new();
    let mut order: Vec<&str> = Vec::new();
    find_places(schema, "", definitions, &mut places, &mut order);
    let mut titles: BTreeMap<&str, String> = BTreeMap::new();
    for name in &order {
        let place = title(name, &places[name]);
        // Of two types in one place, the inner one is called after itself.
        let taken = titles.values().any(|title| *title == place);
        titles.insert(name, if taken { title(name, &[]) } else { place });
    }
    let reference = Reference { definitions, titles };
    let mut page = format!("{head}\n");
    page.push_str(&prose(schema));
    page.push_str("\n\n## The file\n\n");
    page.push_str(&reference.body(schema));
    for name in order {
        let _ = write!(page, "\n## {}\n\n", reference.titles[name]);
        let definition = &definitions[name];
        let text = prose(definition);
        if !text.is_empty() {
            let _ = writeln!(page, "{text}\n");
        }
        page.push_str(&reference.body(definition));
    }
    page.truncate(page.trim_end().len());
    page.push('\n');
    page
}

/// Where each type is used, and in which order they are met.
fn find_places<'a>(
    schema: &'a Value,
    path: &str,
    definitions: &'a serde_json::Map<String, Value>,
    places: &mut BTreeMap<&'a str, Vec<String>>,
    order: &mut Vec<&'a str>,
) {
    if let Some((name, definition)) = referenced(schema, definitions) {
        let known = places.entry(name).or_default();
        let first = known.is_empty();
        if !known.iter().any(|place| place == path) {
            known.push(path.to_owned());
        }
        if first {
            order.push(name);
            find_places(definition, path, definitions, places, order);
        }
        return;
    }
    let below = |key: &str| if path.is_empty() { key.to_owned() } else { format!("{path}.{key}") };
    for (key, property) in schema["properties"].as_object().into_iter().flatten() {
        find_places(property, &below(key), definitions, places, order);
    }
    for variant in
        ["oneOf", "anyOf", "prefixItems"].iter().filter_map(|list| schema[list].as_array()).flatten()
    {
        find_places(variant, path, definitions, places, order);
    }
    if schema["items"].is_object() {
        find_places(&schema["items"], &format!("{path}[]"), definitions, places, order);
    }
    if schema["additionalProperties"].is_object() {
        find_places(&schema["additionalProperties"], &below("NAME"), definitions, places, order);
    }
}

fn referenced<'a>(
    schema: &Value,
    definitions: &'a serde_json::Map<String, Value>,
) -> Option<(&'a str, &'a Value)> {
    let name = schema["$ref"].as_str()?.strip_prefix("#/$defs/")?.replace("%20", " ");
    definitions.get_key_value(&name).map(|(name, definition)| (name.as_str(), definition))
}

/// `JobTemplate` used in one place: that place. Used in several: "Job template".
fn title(name: &str, places: &[String]) -> String {
    if let [place] = places {
        return place.clone();
    }
    let bare = name.trim_end_matches("File").trim_end_matches("Config");
    let mut text = String::new();
    for (index, c) in bare.char_indices() {
        match c {
            '3' | '2' => {}
            c if c.is_ascii_uppercase() && index > 0 && !text.ends_with(' ') => {
                text.push(' ');
                text.push(c.to_ascii_lowercase());
            }
            c => text.push(c),
        }
    }
    // Whole numbers of 32 and of 64 bits are one thing to a reader, but need two headlines.
    if name.ends_with("32") { format!("{text}, small") } else { text }
}

/// The anchor that GitHub gives a headline.
fn anchor(title: &str) -> String {
    let kept = title.chars().filter(|c| c.is_alphanumeric() || matches!(c, ' ' | '-' | '_'));
    kept.collect::<String>().to_lowercase().replace(' ', "-")
}

/// A description as one line of a table, without what only Rust's documentation understands.
fn cell(schema: &Value) -> String {
    prose(schema).replace("\n\n", " ").replace('\n', " ").replace('|', "\\|")
}

fn prose(schema: &Value) -> String {
    schema["description"].as_str().unwrap_or_default().replace("[`", "`").replace("`]", "`")
}

impl Reference<'_> {
    /// The table of a type.
    fn body(&self, schema: &Value) -> String {
        if schema["properties"].is_object() {
            return self.keys(schema);
        }
        let variants: Vec<&Value> =
            ["oneOf", "anyOf"].iter().filter_map(|list| schema[list].as_array()).flatten().collect();
        if variants.is_empty() {
            return format!("Written as: {}.\n", self.value(schema));
        }
        let mut text = "| write | meaning |\n|---|---|\n".to_owned();
        for variant in variants {
            self.choice(variant, &mut text);
        }
        text
    }

    fn keys(&self, schema: &Value) -> String {
        let mut text = "| key | value | default | meaning |\n|---|---|---|---|\n".to_owned();
        let required = |key: &str| {
            schema["required"].as_array().is_some_and(|keys| keys.iter().any(|required| required == key))
        };
        for (key, property) in schema["properties"].as_object().into_iter().flatten() {
            let default = match &property["default"] {
                Value::Null if required(key) => "required".to_owned(),
                Value::Null => String::new(),
                Value::String(text) if text.is_empty() => "empty".to_owned(),
                value => {
                    let shown = yaml(value);
                    if shown.len() <= DEFAULT_SHOWN { format!("`{shown}`") } else { "see there".to_owned() }
                }
            };
            let _ = writeln!(text, "| `{key}` | {} | {default} | {} |", self.value(property), cell(property));
        }
        text
    }

    /// One way to write a value: a word, a word with keys, or any value of another type.
    fn choice(&self, variant: &Value, text: &mut String) {
        if variant["type"] == "null" {
            return;
        }
        if let Some(nested) = variant["oneOf"].as_array() {
            for inner in nested {
                self.choice(inner, text);
            }
            return;
        }
        let Some((key, value)) = variant["properties"].as_object().and_then(|keys| keys.iter().next()) else {
            let _ = writeln!(text, "| {} | {} |", self.value(variant), cell(variant));
            return;
        };
        if !value["properties"].is_object() {
            let _ = writeln!(text, "| `{key}: ` {} | {} |", self.value(value), cell(variant));
            return;
        }
        let _ = writeln!(text, "| `{key}: {{...}}` | {} |", cell(variant));
        for (inner, property) in value["properties"].as_object().into_iter().flatten() {
            let _ = writeln!(text, "| · `{key}.{inner}: ` {} | {} |", self.value(property), cell(property));
        }
    }

    /// What may stand for a value, in words.
    fn value(&self, schema: &Value) -> String {
        if let Some((name, _)) = referenced(schema, self.definitions) {
            let title = &self.titles[name];
            return format!("[{title}](#{})", anchor(title));
        }
        if let Some(word) = schema["const"].as_str() {
            return format!("`{word}`");
        }
        for list in ["anyOf", "oneOf"] {
            if let Some(variants) = schema[list].as_array() {
                let ways: Vec<String> = variants
                    .iter()
                    .filter(|variant| variant["type"] != "null")
                    .map(|variant| self.value(variant))
                    .collect();
                return ways.join(" or ");
            }
        }
        if let Some(items) = schema["prefixItems"].as_array() {
            let items: Vec<String> = items.iter().map(|item| self.value(item)).collect();
            return format!("\\[{}\\]", items.join(", "));
        }
        let types: Vec<&str> = match &schema["type"] {
            Value::Array(types) => {
                types.iter().filter_map(Value::as_str).filter(|name| *name != "null").collect()
            }
            one => one.as_str().into_iter().collect(),
        };
        match types[..] {
            ["array"] if schema["items"].is_object() => format!("list of {}", self.value(&schema["items"])),
            ["array"] => "list".to_owned(),
            ["object"] if schema["properties"].is_object() => {
                let keys = schema["properties"].as_object().into_iter().flatten();
                let keys: Vec<String> =
                    keys.map(|(key, value)| format!("`{key}: `{}", self.value(value))).collect();
                format!("{{{}}}", keys.join(", "))
            }
            ["object"] if schema["additionalProperties"].is_object() => {
                format!("names, each with {}", self.value(&schema["additionalProperties"]))
            }
            ["object"] => "names, each with any value".to_owned(),
            ["array", "object"] => "list, or names, each with any value".to_owned(),
            [] => "any value".to_owned(),
            ["integer"] => format!("whole number{}", range(schema)),
            ["number"] => format!("number{}", range(schema)),
            ["boolean"] => "`true` or `false`".to_owned(),
            ["string"] => "text".to_owned(),
            ["string", "integer"] => "text".to_owned(),
            _ => types.join(" or "),
        }
    }
}

fn range(schema: &Value) -> String {
    match (schema["minimum"].as_f64(), schema["maximum"].as_f64()) {
        (Some(least), Some(most)) => format!(", {least} to {most}"),
        (Some(least), None) if least != 0.0 => format!(", at least {least}"),
        (None, Some(most)) => format!(", at most {most}"),
        _ => String::new(),
    }
}

/// A default as it would stand in a scenario.
fn yaml(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        Value::Array(items) => format!("[{}]", items.iter().map(yaml).collect::<Vec<_>>().join(", ")),
        Value::Object(keys) => {
            let keys: Vec<String> =
                keys.iter().map(|(key, value)| format!("{key}: {}", yaml(value))).collect();
            format!("{{{}}}", keys.join(", "))
        }
        other => other.to_string(),
    }
}

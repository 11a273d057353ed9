//! Circles of imports between files: which file uses which, read from the text alone.
//!
//! Promises to see every path in code, whether after `use`, in nested lists or in the middle of an
//! expression, and to follow names that a module only offers again to the file that has them. Tests do not
//! count. Leaves the choice of files to the caller.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

/// The files that each file uses, both by the path of their module: `quantum::qasm::names`.
type Uses = BTreeMap<String, BTreeSet<String>>;

/// The shortest circle through each file that is in one, smallest first: `a -> b -> a`.
pub fn circles(files: &BTreeMap<String, String>) -> Vec<String> {
    let uses = uses(files);
    let mut found: Vec<Vec<&str>> = Vec::new();
    for start in uses.keys() {
        let Some(circle) = shortest_circle(start, &uses) else { continue };
        let members: BTreeSet<&str> = circle.iter().copied().collect();
        if !found.iter().any(|known| known.iter().copied().collect::<BTreeSet<_>>() == members) {
            found.push(circle);
        }
    }
    found.sort_by_key(Vec::len);
    found.iter().map(|circle| format!("{} -> {}", circle.join(" -> "), circle[0])).collect()
}

fn shortest_circle<'a>(start: &'a str, uses: &'a Uses) -> Option<Vec<&'a str>> {
    let mut came_from: BTreeMap<&str, &str> = BTreeMap::new();
    let mut queue = VecDeque::from([start]);
    while let Some(at) = queue.pop_front() {
        for next in uses.get(at).into_iter().flatten() {
            if next == start {
                let mut circle = vec![at];
                while circle.last() != Some(&start) {
                    circle.push(came_from[circle[circle.len() - 1]]);
                }
                circle.reverse();
                return Some(circle);
            }
            if !came_from.contains_key(next.as_str()) {
                came_from.insert(next, at);
                queue.push_back(next);
            }
        }
    }
    None
}

fn uses(files: &BTreeMap<String, String>) -> Uses {
    let read: BTreeMap<&str, File> =
        files.iter().map(|(module, text)| (module.as_str(), File::read(module, text, files))).collect();
    let resolved = |path: &[String]| -> Option<String> {
        let mut path = path.to_vec();
        // A name may be offered again by one module after the other.
        for _ in 0..8 {
            let known =
                (1..=path.len()).rev().find(|length| files.contains_key(&path[..*length].join("::")))?;
            let module = path[..known].join("::");
            match path.get(known).and_then(|name| read[module.as_str()].offered.get(name)) {
                Some(target) => path = target.iter().chain(&path[known + 1..]).cloned().collect(),
                None => return Some(module),
            }
        }
        None
    };
    let of = |(module, file): (&&str, &File)| {
        let used = file.paths.iter().filter_map(|path| resolved(path));
        ((*module).to_owned(), used.filter(|used| used != module).collect())
    };
    read.iter().map(of).collect()
}

/// What one file names, as paths from the root of the crate.
#[derive(Default)]
struct File {
    /// Everything that it uses itself.
    paths: Vec<Vec<String>>,
    /// What it offers again under a name of its own: `pub use`.
    offered: BTreeMap<String, Vec<String>>,
}

impl File {
    fn read(module: &str, text: &str, files: &BTreeMap<String, String>) -> Self {
        let tokens = without_tests(&tokens(text));
        let mut file = Self::default();
        let mut words: BTreeSet<&str> = BTreeSet::new();
        let mut at = 0;
        while at < tokens.len() {
            let token = tokens[at].as_str();
            let next = tokens.get(at + 1).map(String::as_str);
            if token == "mod" {
                // The name of a child; to have one is not to use it.
                at += 2;
            } else if token == "pub" && next == Some("(") {
                at = closing(&tokens, at + 1) + 1;
            } else if token == "use" {
                let public = is_public(&tokens[..at]);
                let mut end = at + 1;
                let mut leaves = Vec::new();
                use_tree(&tokens, &mut end, &[], &mut leaves);
                for (path, name) in leaves {
                    let Some(path) = absolute(module, &path, files) else { continue };
                    match public && name != "*" {
                        true => drop(file.offered.insert(name, path)),
                        false => file.paths.push(path),
                    }
                }
                at = end;
            } else if is_word(token) {
                let mut path = vec![tokens[at].clone()];
                while tokens.get(at + 1).is_some_and(|token| token == "::")
                    && tokens.get(at + 2).is_some_and(|token| is_word(token))
                {
                    path.push(tokens[at + 2].clone());
                    at += 2;
                }
                words.insert(token);
                if path.len() > 1 {
                    file.paths.extend(absolute(module, &path, files));
                }
                at += 1;
            } else {
                at += 1;
            }
        }
        // Whoever uses what it offers, uses it.
        file.paths.extend(
            file.offered
                .iter()
                .filter(|(name, _)| words.contains(name.as_str()))
                .map(|(_, path)| path.clone()),
        );
        file
    }
}

/// The path from the root of the crate; nothing for other crates and for names of the file itself.
fn absolute(module: &str, path: &[String], files: &BTreeMap<String, String>) -> Option<Vec<String>> {
    let mut base: Vec<String> = module.split("::").map(str::to_owned).collect();
    let mut rest = path;
    match path.first()?.as_str() {
        "crate" => (base, rest) = (Vec::new(), &path[1..]),
        "self" => rest = &path[1..],
        "super" => {
            while rest.first().is_some_and(|step| step == "super") {
                base.pop();
                rest = &rest[1..];
            }
        }
        child if files.contains_key(&format!("{module}::{child}")) => {}
        _ => return None,
    }
    base.extend_from_slice(rest);
    Some(base)
}

/// The leaves of a list after `use`, each with the name that it gets; `at` moves behind the tree.
fn use_tree(tokens: &[String], at: &mut usize, before: &[String], leaves: &mut Vec<(Vec<String>, String)>) {
    let mut path = before.to_vec();
    while let Some(token) = tokens.get(*at) {
        *at += 1;
        match token.as_str() {
            "::" => continue,
            "{" => {
                while tokens.get(*at).is_some_and(|token| token != "}") {
                    use_tree(tokens, at, &path, leaves);
                    if tokens.get(*at).is_some_and(|token| token == ",") {
                        *at += 1;
                    }
                }
                *at += 1;
                return;
            }
            "*" => {
                leaves.push((path, "*".to_owned()));
                return;
            }
            // `a::{self, b}` names `a`.
            "self" if !before.is_empty() => {}
            word => path.push(word.to_owned()),
        }
        match tokens.get(*at).map(String::as_str) {
            Some("::") => {}
            Some("as") => {
                let name = tokens.get(*at + 1).cloned().unwrap_or_default();
                *at += 2;
                leaves.push((path, name));
                return;
            }
            _ => {
                let name = path.last().cloned().unwrap_or_default();
                leaves.push((path, name));
                return;
            }
        }
    }
}

/// Whether what these tokens lead to is `pub`, or `pub(...)`.
fn is_public(before: &[String]) -> bool {
    match before.last().map(String::as_str) {
        Some("pub") => true,
        Some(")") => {
            let open = before.iter().rposition(|token| token == "(");
            open.and_then(|open| before[..open].last()).is_some_and(|token| token == "pub")
        }
        _ => false,
    }
}

fn is_word(token: &str) -> bool {
    token.starts_with(|c: char| c.is_alphabetic() || c == '_')
}

/// Without the items below `#[cfg(test)]`.
fn without_tests(tokens: &[String]) -> Vec<String> {
    let mut kept = Vec::new();
    let mut at = 0;
    while at < tokens.len() {
        if !(tokens[at] == "#" && tokens.get(at + 1).is_some_and(|token| token == "[")) {
            kept.push(tokens[at].clone());
            at += 1;
            continue;
        }
        let end = closing(tokens, at + 1);
        let attribute = &tokens[at + 2..end];
        let has = |word: &str| attribute.iter().any(|token| token == word);
        if !(attribute.first().is_some_and(|token| token == "cfg") && has("test") && !has("not")) {
            at = end + 1;
            continue;
        }
        at = end + 1;
        while tokens.get(at).is_some_and(|token| token == "#") {
            at = closing(tokens, at + 1) + 1;
        }
        while tokens.get(at).is_some_and(|token| token != ";" && token != "{") {
            at += 1;
        }
        at = if tokens.get(at).is_some_and(|token| token == "{") { closing(tokens, at) } else { at } + 1;
    }
    kept
}

/// Where the bracket at `open` closes.
fn closing(tokens: &[String], open: usize) -> usize {
    let mut depth = 0_usize;
    for (at, token) in tokens.iter().enumerate().skip(open) {
        match token.as_str() {
            "(" | "[" | "{" => depth += 1,
            ")" | "]" | "}" => depth -= 1,
            _ => {}
        }
        if depth == 0 {
            return at;
        }
    }
    tokens.len() - 1
}

/// Words, `::` and single characters; without comments, texts and characters in quotes.
fn tokens(text: &str) -> Vec<String> {
    let text: Vec<char> = text.chars().collect();
    let has = |at: usize, wanted: &str| wanted.chars().enumerate().all(|(i, c)| text.get(at + i) == Some(&c));
    let mut tokens = Vec::new();
    let mut at = 0;
    while at < text.len() {
        let c = text[at];
        if has(at, "//") {
            at += text[at..].iter().take_while(|c| **c != '\n').count();
        } else if has(at, "/*") {
            at += 2;
            while at < text.len() && !has(at, "*/") {
                at += 1;
            }
            at += 2;
        } else if c == '"' {
            at += 1;
            while at < text.len() && text[at] != '"' {
                at += if text[at] == '\\' { 2 } else { 1 };
            }
            at += 1;
        } else if c == '\'' {
            // A character in quotes, or a lifetime.
            let escaped = text.get(at + 1) == Some(&'\\');
            if escaped || text.get(at + 2) == Some(&'\'') {
                at += if escaped { 3 } else { 2 };
                at += text[at..].iter().take_while(|c| **c != '\'').count();
            }
            at += 1;
        } else if c.is_alphanumeric() || c == '_' {
            let length = text[at..].iter().take_while(|c| c.is_alphanumeric() || **c == '_').count();
            let word: String = text[at..at + length].iter().collect();
            at += length;
            let marks = text[at..].iter().take_while(|c| **c == '#').count();
            if matches!(&*word, "r" | "br") && text.get(at + marks) == Some(&'"') {
                let end = format!("\"{}", "#".repeat(marks));
                at += marks + 1;
                while at < text.len() && !has(at, &end) {
                    at += 1;
                }
                at += end.len();
            } else {
                tokens.push(word);
            }
        } else if has(at, "::") {
            tokens.push("::".to_owned());
            at += 2;
        } else {
            if !c.is_whitespace() {
                tokens.push(c.to_string());
            }
            at += 1;
        }
    }
    tokens
}

#[test]
fn a_planted_circle_is_found_and_nothing_else() {
    let files = |texts: &[(&str, &str)]| -> BTreeMap<String, String> {
        texts.iter().map(|(module, text)| ((*module).to_owned(), (*text).to_owned())).collect()
    };
    let planted = files(&[
        ("layer", "mod one; pub use three::Three; pub use one::one; mod three;"),
        ("layer::one", "use crate::layer::{self as all, two::{deep::{self, Deep}, Two}}; use std::fmt;"),
        ("layer::two", "pub(super) use deep::Deep;\nmod deep;\npub(in super::one) struct Two(super::Three);"),
        (
            "layer::two::deep",
            "// use super::Two\nconst TEXT: &str = \"super::Two\"; const MARK: char = '\"';",
        ),
        // Through the name that the layer offers again, in the middle of an expression.
        ("layer::three", "fn three<'a>() { let x = self::four::X; super::one::call::<'a>(x) }"),
        (
            "layer::three::four",
            "#[cfg(test)]\n#[path = \"x.rs\"]\nmod tests { use super::*; }\nuse super::super::two::Deep;",
        ),
    ]);
    let found = circles(&planted);
    assert_eq!(found, ["layer::one -> layer::two -> layer::three -> layer::one"]);
    let open =
        files(&[("layer", "mod one; mod two;"), ("layer::one", "use super::two::X;"), ("layer::two", "")]);
    assert_eq!(circles(&open), Vec::<String>::new());
}

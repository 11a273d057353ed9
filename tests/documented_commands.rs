//! What the documentation shows works: every command line is run, every file and link it names exists.
//!
//! Command lines stand in fenced blocks marked `sh` or `console`. Those of `rmsim` run in a copy of what they need, in
//! which scenarios are cut short; they may build on those before them in the same document. Others are known by how
//! they begin, and what they name must exist. A comment `<!-- not run: REASON -->` before a block exempts it.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

/// Beginnings of command lines that are not run here, each with its reason.
const NOT_RUN: &[(&str, &str)] = &[
    ("cargo test", "this is one of these tests"),
    ("cargo bench", "measures, for minutes"),
    ("cargo doc", ".ci/run builds the documentation"),
    ("cargo build", "builds what is tested here"),
    ("cargo install", "installs what is tested here"),
    ("cargo insta", "needs cargo-insta"),
    ("cargo run --release --manifest-path examples/", ".ci/run tests the examples"),
    ("RM_", "longer forms of tests"),
    ("RMSIM_", "longer forms of tests"),
    ("UPDATE_", "writes files that tests compare"),
    ("benches/peers/", "needs Qiskit"),
    ("tests/mutations/run.sh", "plants faults, for an hour"),
    ("notebooks/run.sh", ".ci/run executes the notebooks"),
    (".ci/run", "runs this test"),
];

/// Scenarios run to their end elsewhere; here so much shows whether a command line works.
const SHORT: [(&str, &str); 2] = [("horizon:", "horizon: {jobs: 200}"), ("warm_up:", "warm_up: none")];

struct CommandLine {
    document: PathBuf,
    line: usize,
    text: String,
}

fn documents() -> Vec<PathBuf> {
    let mut found: Vec<PathBuf> =
        ["README.md", "CONTRIBUTING.md", "notebooks/README.md"].map(PathBuf::from).into();
    found.extend(fs::read_dir("docs").unwrap().map(|entry| entry.unwrap().path()));
    found.retain(|path| path.extension().is_some_and(|extension| extension == "md"));
    found.sort();
    found
}

/// The command lines of a document, continued lines joined, without exempted blocks.
fn command_lines(document: &Path) -> Vec<CommandLine> {
    let text = fs::read_to_string(document).unwrap();
    let mut found: Vec<CommandLine> = Vec::new();
    let (mut block, mut exempted, mut continued) = (None, false, false);
    for (number, line) in text.lines().enumerate() {
        if let Some(info) = line.trim_start().strip_prefix("```") {
            block = if block.is_some() { None } else { Some(info.trim().to_owned()) };
            continue;
        }
        match block.as_deref() {
            None if line.trim().is_empty() => {}
            None => {
                exempted = line.strip_prefix("<!-- not run: ").is_some_and(|reason| {
                    assert!(reason.len() > 8, "{}:{}: a reason is missing", document.display(), number + 1);
                    true
                });
            }
            Some("sh" | "console") if exempted => {}
            Some(info @ ("sh" | "console")) => {
                let shown = if info == "sh" { Some(line) } else { line.strip_prefix("$ ") };
                let part = if continued { Some(line) } else { shown };
                let part = part.map(str::trim).filter(|part| !part.is_empty() && !part.starts_with('#'));
                let Some(part) = part else { continue };
                let whole = part.strip_suffix('\\').map_or(part, str::trim_end);
                match found.last_mut() {
                    Some(last) if continued => last.text = format!("{} {whole}", last.text),
                    _ => found.push(CommandLine {
                        document: document.to_owned(),
                        line: number + 1,
                        text: whole.to_owned(),
                    }),
                }
                continued = part.ends_with('\\');
            }
            Some(_) => {}
        }
    }
    found
}

/// A command line of `rmsim`, also where it is built first.
fn as_rmsim(text: &str) -> Option<String> {
    let built = text.strip_prefix("cargo run --release -- ").map(|rest| format!("rmsim {rest}"));
    built.or_else(|| text.starts_with("rmsim ").then(|| text.to_owned()))
}

fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap() {
        let path = entry.unwrap().path();
        let target = to.join(path.file_name().unwrap());
        if path.is_dir() {
            copy(&path, &target);
        } else if path.extension().is_some_and(|extension| extension == "yaml") {
            let text = fs::read_to_string(&path).unwrap();
            let short = text.lines().map(|line| {
                let bare = line.trim_start();
                let change = SHORT.iter().find(|(key, _)| bare.starts_with(key));
                let indent = &line[..line.len() - bare.len()];
                format!("{indent}{}\n", change.map_or(bare, |(_, short)| short))
            });
            fs::write(target, short.collect::<String>()).unwrap();
        } else {
            fs::copy(&path, target).unwrap();
        }
    }
}

/// Runs the command lines of a document one after the other, and tells what went wrong. Then all of them again, as a
/// reader does who comes back to a page: no command may fail because of what it left behind itself.
fn run_all(lines: &[CommandLine]) -> Vec<String> {
    let copied = tempfile::tempdir().unwrap();
    for folder in ["scenarios", "devices", "tests/data"] {
        copy(Path::new(folder), &copied.path().join(folder));
    }
    let program = Path::new(env!("CARGO_BIN_EXE_rmsim"));
    let path = std::env::var("PATH").unwrap_or_default();
    let path = format!("{}:{path}", program.parent().unwrap().display());
    let mut wrong = Vec::new();
    for (time, CommandLine { document, line, text }) in ["the first time", "the second time"]
        .iter()
        .flat_map(|time| lines.iter().map(move |line| (time, line)))
    {
        let Some(command) = as_rmsim(text) else { continue };
        let done = Command::new("sh")
            .args(["-c", &command])
            .current_dir(copied.path())
            .env("PATH", &path)
            .output()
            .expect("sh starts");
        if !done.status.success() {
            let said = String::from_utf8_lossy(&done.stderr);
            wrong.push(format!("{}:{line}: {text}\n{}, {time}\n{said}", document.display(), done.status));
        }
    }
    wrong
}

#[cfg(unix)]
#[test]
fn every_command_line_of_rmsim_works() {
    let documents: Vec<Vec<CommandLine>> =
        documents().iter().map(|document| command_lines(document)).collect();
    let count = documents.iter().flatten().filter(|line| as_rmsim(&line.text).is_some()).count();
    assert!(count >= 20, "{count} command lines of rmsim were found");
    // Two at a time: as fast as it gets on small machines.
    let next = std::sync::atomic::AtomicUsize::new(0);
    let work = || {
        let mut wrong = Vec::new();
        while let Some(lines) = documents.get(next.fetch_add(1, std::sync::atomic::Ordering::Relaxed)) {
            wrong.extend(run_all(lines));
        }
        wrong
    };
    let wrong = std::thread::scope(|scope| {
        let other = scope.spawn(work);
        let mut wrong = work();
        wrong.extend(other.join().unwrap());
        wrong
    });
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn other_command_lines_name_what_exists() {
    let cargo = fs::read_to_string("Cargo.toml").unwrap();
    let mut wrong = Vec::new();
    for CommandLine { document, line, text } in documents().iter().flat_map(|path| command_lines(path)) {
        if as_rmsim(&text).is_some() {
            continue;
        }
        let mut complain = |what: &str| wrong.push(format!("{}:{line}: {text}: {what}", document.display()));
        if !NOT_RUN.iter().any(|(begins, _)| text.starts_with(begins)) {
            complain("not known; hint: make it a command of rmsim, add it to NOT_RUN, or exempt its block");
        }
        let words: Vec<&str> = text.split_whitespace().collect();
        for pair in words.windows(2) {
            let there = match pair[0] {
                "--bench" => cargo.contains(&format!("name = \"{}\"", pair[1])),
                "--test" => {
                    let source = Path::new("tests").join(pair[1]);
                    source.with_extension("rs").is_file() || source.join("main.rs").is_file()
                }
                "--manifest-path" => Path::new(pair[1]).is_file(),
                _ => true,
            };
            if !there {
                complain(&format!("there is no `{}`", pair[1]));
            }
        }
        let program = words.iter().find(|word| !word.contains('=')).copied().unwrap_or_default();
        if program.contains('/') && !Path::new(program).is_file() {
            complain(&format!("there is no `{program}`"));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// `rmsim place` in the middle of a sentence is a command, too.
#[test]
fn commands_named_in_the_text_exist() {
    let mut seen = std::collections::BTreeSet::new();
    for document in documents() {
        let text = fs::read_to_string(&document).unwrap();
        for (start, _) in text.match_indices("`rmsim ") {
            let rest = &text[start + 7..];
            let name: String = rest.chars().take_while(char::is_ascii_lowercase).collect();
            if !name.is_empty() && seen.insert(name.clone()) {
                let help =
                    Command::new(env!("CARGO_BIN_EXE_rmsim")).args([&name, "--help"]).output().unwrap();
                assert!(help.status.success(), "{}: there is no `rmsim {name}`", document.display());
            }
        }
    }
    assert!(seen.len() > 4, "{seen:?}");
}

/// Links into the project, and paths in code font.
#[test]
fn what_the_text_points_to_exists() {
    let mut wrong = Vec::new();
    let mut links = 0;
    for document in documents() {
        let folder = document.parent().unwrap();
        let text = fs::read_to_string(&document).unwrap();
        for (start, _) in text.match_indices("](") {
            let target = text[start + 2..].split(')').next().unwrap_or_default();
            let (file, section) = target.split_once('#').unwrap_or((target, ""));
            if target.starts_with("http") {
                continue;
            }
            links += 1;
            let path = if file.is_empty() { document.clone() } else { folder.join(file) };
            if !path.exists() {
                wrong.push(format!("{}: there is no {target}", document.display()));
            } else if !section.is_empty() && !anchors(&path).iter().any(|anchor| anchor == section) {
                wrong.push(format!("{}: no headline for {target}", document.display()));
            }
        }
        for named in text.split('`').skip(1).step_by(2) {
            let inside = ["src/", "tests/", "scenarios/", "examples/", "benches/", "devices/", "notebooks/"];
            let plain = !named.contains([' ', '*', '<', '{', '\n']);
            if plain && inside.iter().any(|folder| named.starts_with(folder)) && !Path::new(named).exists() {
                wrong.push(format!("{}: there is no `{named}`", document.display()));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    assert!(links > 50, "{links}");
}

/// The anchors that GitHub gives the headlines of a page.
fn anchors(page: &Path) -> Vec<String> {
    let text = fs::read_to_string(page).unwrap();
    let headlines = text.lines().filter_map(|line| line.strip_prefix('#'));
    let anchor = |headline: &str| {
        let kept = headline.trim_start_matches('#').trim().chars();
        let kept = kept.filter(|c| c.is_alphanumeric() || matches!(c, ' ' | '-' | '_'));
        kept.collect::<String>().to_lowercase().replace(' ', "-")
    };
    headlines.map(anchor).collect()
}

/// The headlines of the troubleshooting guide are messages of the program; `…` stands for what differs.
#[test]
fn messages_in_the_troubleshooting_guide_are_those_of_the_program() {
    fn sources(folder: &Path, text: &mut String) {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                sources(&path, text);
            } else {
                text.push_str(&fs::read_to_string(&path).unwrap());
            }
        }
    }
    let mut source = String::new();
    sources(Path::new("src"), &mut source);
    // Long messages continue on the next line of the source.
    let source: Vec<&str> = source.split("\\\n").map(str::trim_start).collect();
    let source = source.concat();
    let guide = fs::read_to_string("docs/troubleshooting.md").unwrap();
    let headlines: Vec<&str> = guide.lines().filter_map(|line| line.strip_prefix("### ")).collect();
    assert!(headlines.len() > 20, "{}", headlines.len());
    let unknown = headlines.iter().flat_map(|message| message.split('…').map(move |part| (message, part)));
    let unknown: Vec<_> =
        unknown.filter(|(_, part)| !source.contains(part.trim_matches([' ', '`', ',']))).collect();
    assert!(unknown.is_empty(), "no message says so: {unknown:?}");
}

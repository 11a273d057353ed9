//! Whole scenarios at random: valid files over every key and variant, each run, checked by an independent checker and made
//! small when it fails.
//!
//! `RM_FUZZ_SCENARIOS=5000 cargo test --locked --test scenario_fuzz -- --nocapture` runs more of them and prints what was
//! drawn and what came about; `RM_FUZZ_SEED=n` runs one and prints its file.

#[path = "scenario_fuzz/accounts.rs"]
mod accounts;
#[path = "scenario_fuzz/check.rs"]
mod check;
#[path = "scenario_fuzz/course.rs"]
mod course;
#[path = "scenario_fuzz/coverage.rs"]
mod coverage;
#[path = "scenario_fuzz/dice.rs"]
mod dice;
#[path = "scenario_fuzz/draw.rs"]
mod draw;
#[path = "scenario_fuzz/estimates.rs"]
mod estimates;
#[path = "scenario_fuzz/faults.rs"]
mod faults;
mod memory;
#[path = "scenario_fuzz/shrink.rs"]
mod shrink;
mod tables;
#[path = "scenario_fuzz/world.rs"]
mod world;

use std::collections::{BTreeMap, BTreeSet};

use rayon::prelude::*;
use resource_manager::simulator::simulation::Ending;
use serde_json::{Value, json};

use accounts::{metrics, rows};
use check::{Checker, Facts, Finding, Phase};
use course::{Fault, Left, read, run};
use coverage::{Counts, EFFECTS, Schema, excepted};
use draw::{Drawn, REDRAWN, draw, yaml};
use world::World;

/// How many scenarios without `RM_FUZZ_SCENARIOS`: a few seconds in the debug profile.
const SCENARIOS: u64 = 150;

/// From so many scenarios on, all entries of the coverage must have been drawn.
const LONG: u64 = 2_000;

/// Runs that shrinking may take.
const SHRINK_TRIES: usize = 600;

/// Judges one replication by its texts.
fn judge(world: &World, left: &Left, seen: &mut BTreeSet<&'static str>) -> Vec<Finding> {
    let malformed = |text: String| vec![Finding { kind: "malformed table", text }];
    let (events, jobs) = match (tables::events(&left.events), tables::jobs(&left.jobs)) {
        (Ok(events), Ok(jobs)) => (events, jobs),
        (Err(error), _) | (_, Err(error)) => return malformed(error),
    };
    let facts = |row: &tables::JobRow| (row.number("job_id"), Facts::of(row));
    let of_jobs = jobs.iter().map(facts).collect();
    let mut books = Checker::new(world, of_jobs).run(&events, left.ended_ns);
    if !left.warmed_up {
        books.from = None;
    }
    let mut found = std::mem::take(&mut books.findings);
    rows(world, &books, &jobs, &mut found);
    metrics(world, &books, &jobs, &left.summary, &mut found);
    if estimates::check(&books, &left.estimates, left.ended_ns, &mut found) {
        seen.insert("starts estimated");
    }
    for text in &left.broken {
        found.push(Finding { kind: "auditor", text: text.clone() });
    }
    seen.append(&mut books.seen);
    let unfinished = books.jobs.values().any(|job| !matches!(job.phase, Phase::Ended { .. }));
    let early = books.from.is_some_and(|(_, from)| books.jobs.values().any(|job| job.submission < from));
    let ending = match left.ending {
        Ending::Complete => "ending: complete",
        Ending::CutOff => "ending: cut off",
        Ending::Stuck => "ending: stuck",
    };
    let some = |name: &str| {
        left.summary.iter().any(|(known, value)| known == name && value.is_some_and(|of| of > 0.0))
    };
    let (stopped, promised) = (some("quota_stopped_job_s"), some("promises_given"));
    for (what, when) in [
        ("stopped by a quota", stopped),
        ("promise moved", some("promises_moved")),
        ("started before an earlier job", some("backfilled_share")),
        ("shares compared", some("share_gap")),
        ("quotas and promises", stopped && promised),
        ("unfinished at the end", unfinished),
        ("jobs of the warm-up", early),
        ("ended in the warm-up", !left.warmed_up),
        ("deadline kept", jobs.iter().any(|row| row.text("deadline_kept") == "true")),
        ("deadline missed", jobs.iter().any(|row| row.text("deadline_kept") == "false")),
        (ending, true),
    ] {
        if when {
            seen.insert(what);
        }
    }
    found
}

/// What became of a scenario.
enum Verdict {
    Refused(String),
    Judged { found: Vec<Finding>, seen: BTreeSet<&'static str>, jobs: usize },
}

/// Runs and judges a scenario; with `twice` also on two threads, for the same bytes.
fn examine(drawn: &Drawn, twice: bool) -> Verdict {
    let mut seen = BTreeSet::new();
    let single =
        |kind, text| Verdict::Judged { found: vec![Finding { kind, text }], seen: BTreeSet::new(), jobs: 0 };
    let (scenario, left) = match run(drawn, 1) {
        Ok(left) => left,
        Err(Fault::Refused(error)) => return Verdict::Refused(error),
        Err(Fault::Error(error)) => return single("error", error),
        Err(Fault::Panic) => return single("panic", "the run panicked".to_owned()),
        Err(Fault::TimeOut) => return single("time-out", "the run does not end".to_owned()),
    };
    let world = World::of(&scenario);
    let mut found: Vec<Finding> = left.iter().flat_map(|one| judge(&world, one, &mut seen)).collect();
    let jobs = left.iter().map(|one| one.jobs.lines().count()).sum();
    if twice {
        let text = match run(drawn, 2) {
            Ok((_, again)) => again.iter().zip(&left).find_map(|(two, one)| two.differs(one)),
            Err(_) => Some("fails".to_owned()),
        };
        found.extend(text.map(|text| Finding { kind: "threads", text: format!("with two threads: {text}") }));
    }
    if scenario.output.estimates.is_some() {
        let mut without = drawn.clone();
        if let Some(output) = without.tree.get_mut("output").and_then(Value::as_object_mut) {
            output.remove("estimates");
        }
        // Bounds on what is not measured any more are refused.
        without.tree.as_object_mut().map(|keys| keys.remove("targets"));
        let text = match run(&without, 1) {
            Ok((_, plain)) => plain.iter().zip(&left).find_map(|(one, two)| one.decided_otherwise(two)),
            Err(_) => Some("fails".to_owned()),
        };
        let finding = |text| Finding { kind: "estimates", text: format!("without estimates: {text}") };
        found.extend(text.map(finding));
    }
    Verdict::Judged { found, seen, jobs }
}

/// The scenario of a seed, drawn again where only the reader could know that it is refused.
fn drawn(seed: u64) -> (Drawn, u64) {
    for again in 0..20 {
        let drawn = draw(seed, again);
        match read(&drawn) {
            Err(error) if REDRAWN.iter().any(|known| error.contains(known)) => {}
            _ => return (drawn, again),
        }
    }
    panic!("seed {seed} gives no valid scenario in twenty draws");
}

/// The smallest scenario with a finding of this kind.
fn smallest(drawn: &Drawn, kind: &str) -> Drawn {
    let twice = kind == "threads";
    let tries = if kind == "time-out" { 20 } else { SHRINK_TRIES };
    let tree = shrink::shrink(&drawn.tree, tries, |tree| {
        let smaller = Drawn { tree: tree.clone(), ..drawn.clone() };
        match examine(&smaller, twice) {
            Verdict::Judged { found, .. } => found.iter().any(|finding| finding.kind == kind),
            Verdict::Refused(_) => false,
        }
    });
    Drawn { tree, ..drawn.clone() }
}

fn number(name: &str) -> Option<u64> {
    std::env::var(name).ok().map(|text| text.parse().expect("a number"))
}

/// A scenario with findings, as it is printed.
fn told(drawn: &Drawn, kind: &str) -> String {
    let small = smallest(drawn, kind);
    let findings = match examine(&small, kind == "threads") {
        Verdict::Judged { found, .. } => found,
        Verdict::Refused(error) => vec![Finding { kind: "refused", text: error }],
    };
    let texts: Vec<String> =
        findings.iter().take(5).map(|finding| format!("  {}: {}", finding.kind, finding.text)).collect();
    let text = yaml(&small.tree);
    let files = small.files.iter().filter(|(name, _)| text.contains(name.as_str()));
    let files: Vec<String> = files.map(|(name, text)| format!("# {name}\n{text}")).collect();
    format!("seed {}: {kind}\n{}\n{text}{}", drawn.seed, texts.join("\n"), files.join("\n"))
}

#[test]
fn scenarios_keep_all_promises() {
    let (first, count) = match number("RM_FUZZ_SEED") {
        Some(seed) => {
            let (drawn, _) = drawn(seed);
            println!("{}", yaml(&drawn.tree));
            drawn.files.iter().for_each(|(name, text)| println!("# {name}\n{text}"));
            (seed, 1)
        }
        None => (0, number("RM_FUZZ_SCENARIOS").unwrap_or(SCENARIOS)),
    };
    println!("seeds {first} to {}", first + count - 1);
    let schema = Schema::of_the_program();
    let all: Vec<(Drawn, u64, Verdict)> = (first..first + count)
        .into_par_iter()
        .map(|seed| {
            let (drawn, again) = drawn(seed);
            let verdict = examine(&drawn, seed % 5 == 0);
            (drawn, again, verdict)
        })
        .collect();
    let (mut counts, mut jobs, mut refused) = (Counts::new(), 0, Vec::new());
    let mut failed: BTreeMap<&str, Vec<&Drawn>> = BTreeMap::new();
    for (drawn, _, verdict) in &all {
        for entry in schema.used(&drawn.tree) {
            *counts.entry(entry).or_default() += 1;
        }
        match verdict {
            Verdict::Refused(error) => refused.push(format!("seed {}: {error}", drawn.seed)),
            Verdict::Judged { found, seen, jobs: of_it } => {
                jobs += of_it;
                seen.iter().for_each(|effect| *counts.entry((*effect).to_owned()).or_default() += 1);
                let kinds: BTreeSet<&str> = found.iter().map(|finding| finding.kind).collect();
                kinds.into_iter().for_each(|kind| failed.entry(kind).or_default().push(drawn));
            }
        }
    }
    assert!(refused.is_empty(), "the drawer draws what is not valid: {}", refused.join("\n"));
    let again: u64 = all.iter().map(|(_, again, _)| again).sum();
    println!("{count} scenarios, {jobs} jobs, {again} drawn again");
    let missed = coverage_of(&schema, &counts, count);
    // One of each kind tells the most in the least time.
    let texts: Vec<String> = failed
        .par_iter()
        .map(|(kind, list)| format!("{} scenario(s) with `{kind}`, one: {}", list.len(), told(list[0], kind)))
        .collect();
    assert!(texts.is_empty(), "{}", texts.join("\n\n"));
    assert!(count < LONG || missed.is_empty(), "below 1 % of all scenarios: {missed:?}");
}

/// Prints how often each entry was drawn or seen in a long run, and answers the rare ones.
fn coverage_of(schema: &Schema, counts: &Counts, count: u64) -> Vec<String> {
    let entries = schema.declared().into_iter().chain(EFFECTS.iter().map(|effect| (*effect).to_owned()));
    let mut missed = Vec::new();
    for entry in entries.filter(|entry| !excepted(entry)) {
        let times = counts.get(&entry).copied().unwrap_or(0);
        if count > SCENARIOS {
            println!("{:6.2} %  {entry}", times as f64 * 100.0 / count as f64);
        }
        if (times as u64) * 100 < count {
            missed.push(entry);
        }
    }
    missed
}

#[test]
fn shrinking_keeps_what_fails_and_nothing_else() {
    let (drawn, _) = drawn(7);
    let asks = |tree: &Value| tree["fleet"].as_array().is_some_and(|fleet| !fleet.is_empty());
    assert_eq!(shrink::shrink(&drawn.tree, 10_000, asks), json!({"fleet": [{}]}));
    // A number is halved as long as it fails.
    let tree = json!({"a": {"b": [100, 2, 3]}, "c": 1});
    let large = |tree: &Value| tree["a"]["b"][0].as_u64().is_some_and(|number| number >= 10);
    assert_eq!(shrink::shrink(&tree, 1_000, large), json!({"a": {"b": [12]}}));
    assert_eq!(shrink::shrink(&tree, 0, large), tree);
}

use super::*;
use crate::experiment::check::{Case, Group, Outcome, Report};
use crate::experiment::statistics::Interval;

fn case(group: Group, name: &str, requirement: &str, outcome: Outcome) -> Case {
    Case {
        group,
        name: name.to_owned(),
        requirement: requirement.to_owned(),
        value: Some(0.25),
        baseline: None,
        interval: Some(Interval { low: 0.24, high: 0.26 }),
        outcome,
        fails: outcome == Outcome::Missed,
        note: String::new(),
        line: Some(12),
    }
}

fn report() -> Report {
    let regression = |name: &str, outcome| Case {
        baseline: Some(0.26),
        interval: Some(Interval { low: -0.06, high: -0.04 }),
        line: None,
        ..case(Group::Regression, name, "at most 1 % worse", outcome)
    };
    let cases = vec![
        case(Group::Target, "waiting_time_s.p95", "< 0.3", Outcome::Met),
        case(Group::Target, "qubit_utilization[a,b:c]", ">= 0.3", Outcome::Missed),
        Case {
            note: "100 % <open> & \"so\"\n|".to_owned(),
            ..case(Group::Target, "makespan_s", "< 0.25", Outcome::Inconclusive)
        },
        regression("qubit_utilization", Outcome::Missed),
        regression("jain_fairness", Outcome::Met),
    ];
    Report {
        scenario: "demo".to_owned(),
        file: Some("scenarios/a,b.yaml".to_owned()),
        version: "1.2.3".to_owned(),
        seed: 7,
        replications: 10,
        passed: false,
        cases,
        notes: vec!["the baseline is old".to_owned()],
    }
}

#[test]
fn the_table_hides_what_stayed_as_it_was() {
    insta::assert_snapshot!(table(&report(), false, false), @"");
}

#[test]
fn markdown_is_safe_in_a_table() {
    insta::assert_snapshot!(markdown(&report()), @"");
}

#[test]
fn annotations_name_file_and_line_and_are_one_line_each() {
    insta::assert_snapshot!(github::annotations(&report()), @"");
}

#[test]
fn junit_counts_and_escapes() {
    let started = jiff::Timestamp::constant(1_767_571_200, 0);
    insta::assert_snapshot!(junit::junit(&report(), started, 1.5), @"");
}

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
        one_world: false,
        cases,
        notes: vec!["the baseline is old".to_owned()],
    }
}

#[test]
fn the_table_hides_what_stayed_as_it_was() {
    insta::assert_snapshot!(table(&report(), false, false), @r#"
    check       metric                    required           found                      baseline  verdict
    ─────────────────────────────────────────────────────────────────────────────────────────────────────────────────────────────────
    target      waiting_time_s.p95        < 0.3              0.250 ± 0.010                        met
    target      qubit_utilization[a,b:c]  >= 0.3             0.250 ± 0.010                        missed
    target      makespan_s                < 0.25             0.250 ± 0.010                        inconclusive  100 % <open> & "so"
    |
    regression  qubit_utilization         at most 1 % worse  0.2500 (-6.0 % to -4.0 %)    0.2600  missed
    and 1 metrics no worse than the baseline
    failed: 2 of 5 checks, 1 inconclusive
    "#);
}

#[test]
fn markdown_is_safe_in_a_table() {
    insta::assert_snapshot!(markdown(&report()), @r#"
    ### ❌ demo

    failed: 2 of 5 checks, 1 inconclusive (10 replications, seed 7, version 1.2.3)

    | check | metric | required | found | baseline | verdict |
    |---|---|---|---|---|---|
    | target | `waiting_time_s.p95` | &lt; 0.3 | 0.250 ± 0.010 |  | ✅ met |
    | target | `qubit_utilization[a,b:c]` | >= 0.3 | 0.250 ± 0.010 |  | ❌ missed |
    | target | `makespan_s` | &lt; 0.25 | 0.250 ± 0.010 |  | ⚠️ inconclusive: 100 % &lt;open> & "so" \| |
    | regression | `qubit_utilization` | at most 1 % worse | 0.2500 (-6.0 % to -4.0 %) | 0.2600 | ❌ missed |

    And 1 metrics no worse than the baseline.

    Note: the baseline is old.
    "#);
}

#[test]
fn annotations_name_file_and_line_and_are_one_line_each() {
    insta::assert_snapshot!(github::annotations(&report()), @r#"
    ::error file=scenarios/a%2Cb.yaml,line=12,title=target missed%3A qubit_utilization[a%2Cb%3Ac]::qubit_utilization[a,b:c]: >= 0.3 required, 0.250 ± 0.010 found: missed
    ::warning file=scenarios/a%2Cb.yaml,line=12,title=target inconclusive%3A makespan_s::makespan_s: < 0.25 required, 0.250 ± 0.010 found: inconclusive (100 %25 <open> & "so"%0A|)
    ::error file=scenarios/a%2Cb.yaml,title=regression missed%3A qubit_utilization::qubit_utilization: at most 1 %25 worse required, 0.2500 (-6.0 %25 to -4.0 %25) found, baseline 0.2600: missed
    ::notice file=scenarios/a%2Cb.yaml,title=demo::the baseline is old
    "#);
}

/// Names come from files that others wrote: whatever they hold, the file stays XML, and a line stays a line.
#[test]
fn no_name_breaks_a_file() {
    let odd = "a\u{0}\u{1b}[31m\u{fffe}\u{ffff}\u{85}]]>&<\"'\n::error::";
    let mut report = report();
    report.scenario = odd.to_owned();
    report.version = odd.to_owned();
    report.notes = vec![odd.to_owned()];
    for case in &mut report.cases {
        (case.name, case.note, case.requirement) = (odd.to_owned(), odd.to_owned(), odd.to_owned());
    }
    let xml = junit::junit(&report, jiff::Timestamp::UNIX_EPOCH, 0.0);
    let allowed = |c: char| matches!(c, '\n' | '\t' | ' '..='\u{7e}' | '\u{a0}'..='\u{fffd}');
    assert!(xml.chars().all(allowed), "{xml:?}");
    let mut reader = quick_xml::Reader::from_str(&xml);
    reader.config_mut().check_end_names = true;
    while !matches!(reader.read_event().unwrap(), quick_xml::events::Event::Eof) {}
    let annotations = github::annotations(&report);
    assert_eq!(annotations.lines().count(), 4);
    assert!(annotations.lines().all(|line| line.starts_with("::")), "{annotations}");
    let page = markdown(&report);
    assert!(page.lines().all(|line| !line.chars().any(char::is_control)), "{page}");
}

#[test]
fn junit_counts_and_escapes() {
    let started = jiff::Timestamp::constant(1_767_571_200, 0);
    insta::assert_snapshot!(junit::junit(&report(), started, 1.5), @r#"
    <?xml version="1.0" encoding="UTF-8"?>
    <testsuites>
      <testsuite name="rmsim check demo" package="demo" id="0" timestamp="2026-01-05T00:00:00" hostname="localhost" tests="5" failures="2" errors="0" skipped="1" time="1.500">
        <properties>
          <property name="version" value="1.2.3"/>
          <property name="seed" value="7"/>
          <property name="replications" value="10"/>
        </properties>
        <testcase name="waiting_time_s.p95 &lt; 0.3" classname="demo.target" time="0"/>
        <testcase name="qubit_utilization[a,b:c] &gt;= 0.3" classname="demo.target" time="0">
          <failure message="qubit_utilization[a,b:c]: &gt;= 0.3 required, 0.250 ± 0.010 found: missed" type="missed">scenarios/a,b.yaml:12: qubit_utilization[a,b:c]: &gt;= 0.3 required, 0.250 ± 0.010 found: missed</failure>
        </testcase>
        <testcase name="makespan_s &lt; 0.25" classname="demo.target" time="0">
          <skipped message="makespan_s: &lt; 0.25 required, 0.250 ± 0.010 found: inconclusive (100 % &lt;open&gt; &amp; &quot;so&quot;&#10;|)"/>
        </testcase>
        <testcase name="qubit_utilization at most 1 % worse" classname="demo.regression" time="0">
          <failure message="qubit_utilization: at most 1 % worse required, 0.2500 (-6.0 % to -4.0 %) found, baseline 0.2600: missed" type="missed">qubit_utilization: at most 1 % worse required, 0.2500 (-6.0 % to -4.0 %) found, baseline 0.2600: missed</failure>
        </testcase>
        <testcase name="jain_fairness at most 1 % worse" classname="demo.regression" time="0"/>
        <system-out>the baseline is old</system-out>
        <system-err></system-err>
      </testsuite>
    </testsuites>
    "#);
}

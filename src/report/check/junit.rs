//! JUnit XML: what Jenkins, GitLab and others show as test results.
//!
//! Promises a file that fits both schemas in use, that of Apache Ant (Windy Road) and that of Jenkins: one suite, one test
//! case per case; an open case that does not fail is a skipped one. Leaves writing the file to the binary.

use std::io::{self, Cursor, Write};

use quick_xml::Writer;
use quick_xml::events::{BytesDecl, BytesText, Event};

use super::sentence;
use crate::experiment::check::{Outcome, Report};

/// The file's text. `started` is when the check began and `took_s` how long it took, in seconds.
pub fn junit(report: &Report, started: jiff::Timestamp, took_s: f64) -> String {
    let mut writer = Writer::new_with_indent(Cursor::new(Vec::new()), b' ', 2);
    write(&mut writer, report, started, took_s).expect("writing to memory cannot fail");
    let mut text = String::from_utf8_lossy(&writer.into_inner().into_inner()).into_owned();
    text.push('\n');
    text
}

fn write<W: Write>(
    writer: &mut Writer<W>,
    report: &Report,
    started: jiff::Timestamp,
    took_s: f64,
) -> io::Result<()> {
    // The schemas know no time zone: UTC.
    let timestamp = started.strftime("%Y-%m-%dT%H:%M:%S").to_string();
    let count = |number: usize| number.to_string();
    let (tests, failures, skipped) =
        (count(report.cases.len()), count(report.failures()), count(report.open() + report.not_judged()));
    let took = format!("{took_s:.3}");
    let (suite, package) = (clean(&format!("rmsim check {}", report.scenario)), clean(&report.scenario));
    writer.write_event(Event::Decl(BytesDecl::new("1.0", Some("UTF-8"), None)))?;
    writer.create_element("testsuites").write_inner_content(|writer| {
        writer
            .create_element("testsuite")
            .with_attributes([
                ("name", suite.as_str()),
                ("package", package.as_str()),
                ("id", "0"),
                ("timestamp", timestamp.as_str()),
                // Where it ran is nobody's business.
                ("hostname", "localhost"),
                ("tests", tests.as_str()),
                ("failures", failures.as_str()),
                ("errors", "0"),
                ("skipped", skipped.as_str()),
                ("time", took.as_str()),
            ])
            .write_inner_content(|writer| suite_content(writer, report))?;
        Ok(())
    })?;
    Ok(())
}

fn suite_content<W: Write>(writer: &mut Writer<W>, report: &Report) -> io::Result<()> {
    let version = clean(&report.version);
    let seed = report.seed.to_string();
    let replications = report.replications.to_string();
    writer.create_element("properties").write_inner_content(|writer| {
        for (name, value) in [("version", version.as_str()), ("seed", &seed), ("replications", &replications)]
        {
            let property = writer.create_element("property");
            property.with_attributes([("name", name), ("value", value)]).write_empty()?;
        }
        Ok(())
    })?;
    for case in &report.cases {
        let sentence = clean(&sentence(case));
        let classname = clean(&format!("{}.{}", report.scenario, case.group.as_str()));
        let name = clean(&format!("{} {}", case.name, case.requirement));
        let element = writer.create_element("testcase").with_attributes([
            ("name", name.as_str()),
            ("classname", classname.as_str()),
            ("time", "0"),
        ]);
        match (case.fails, case.outcome) {
            (true, outcome) => element.write_inner_content(|writer| {
                let failure = writer.create_element("failure");
                let failure =
                    failure.with_attributes([("message", sentence.as_str()), ("type", outcome.as_str())]);
                let place = report.file.as_ref().zip(case.line);
                let place = place.map_or_else(String::new, |(file, line)| format!("{file}:{line}: "));
                failure.write_text_content(BytesText::new(&format!("{}{sentence}", clean(&place))))?;
                Ok(())
            })?,
            (false, Outcome::Inconclusive | Outcome::NotJudged) => element.write_inner_content(|writer| {
                writer
                    .create_element("skipped")
                    .with_attribute(("message", sentence.as_str()))
                    .write_empty()?;
                Ok(())
            })?,
            (false, _) => element.write_empty()?,
        };
    }
    let notes = clean(&report.notes.join("\n"));
    writer.create_element("system-out").write_text_content(BytesText::new(&notes))?;
    writer.create_element("system-err").write_text_content(BytesText::new(""))?;
    Ok(())
}

/// The text without characters that have no place in XML, not even escaped: control characters, and what Unicode calls no
/// character at all.
fn clean(text: &str) -> String {
    let allowed = |c: char| match c {
        '\n' | '\t' => true,
        '\u{fffe}' | '\u{ffff}' => false,
        c => !c.is_control(),
    };
    text.chars().map(|c| if allowed(c) { c } else { '\u{fffd}' }).collect()
}

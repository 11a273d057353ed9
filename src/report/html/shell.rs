//! What all pages share: head, style, scripts, header, navigation.
//!
//! Promises a page that may load nothing (its content security policy says so to the browser, too).

use maud::{DOCTYPE, Markup, PreEscaped, html};
use serde::Serialize;

const STYLE: &str = include_str!("assets/report.css");
const SCRIPTS: [&str; 4] = [
    include_str!("assets/page.js"),
    include_str!("assets/charts.js"),
    include_str!("assets/devices.js"),
    include_str!("assets/comparison.js"),
];

/// Nothing may be loaded; only what is in the file is applied and run.
const POLICY: &str = "default-src 'none'; style-src 'unsafe-inline'; script-src 'unsafe-inline'; img-src data:; \
                      base-uri 'none'; form-action 'none'";

/// A part of the page that the navigation leads to.
pub(super) struct Section {
    /// Name in links.
    pub id: &'static str,
    /// Title, and text of the link.
    pub title: &'static str,
    /// One sentence below the title.
    pub lead: Option<String>,
    /// What it shows.
    pub body: Markup,
}

/// What stands at the top of the page.
pub(super) struct Heading<'a> {
    /// Kind of page: `run`, `comparison`.
    pub kind: &'a str,
    /// Name of the scenario.
    pub title: &'a str,
    /// What the scenario says of itself.
    pub description: Option<&'a str>,
    /// Facts: name, value.
    pub facts: Vec<(&'a str, String)>,
}

/// The whole page.
pub(super) fn page(heading: &Heading<'_>, sections: &[Section], data: &impl Serialize) -> String {
    let markup = html! {
        (DOCTYPE)
        html lang="en" {
            head {
                meta charset="utf-8";
                meta http-equiv="Content-Security-Policy" content=(POLICY);
                meta name="viewport" content="width=device-width, initial-scale=1";
                meta name="color-scheme" content="light dark";
                meta name="generator" content={ "rmsim " (crate::experiment::version::VERSION) };
                title { (heading.title) " · " (heading.kind) }
                // An empty icon: browsers ask for one otherwise.
                link rel="icon" href="data:,";
                style { (PreEscaped(STYLE)) }
            }
            body {
                a.skip href="#main" { "Skip to the results" }
                header.top {
                    div.wide {
                        div.title {
                            p.kind { (heading.kind) }
                            h1 { (heading.title) }
                            @if let Some(description) = heading.description { p.description { (description) } }
                        }
                        button #theme type="button" { "Theme: system" }
                        dl.facts {
                            @for (name, value) in &heading.facts { div { dt { (name) } dd { (value) } } }
                        }
                    }
                }
                nav aria-label="Sections" {
                    ul.wide {
                        @for section in sections { li { a href={ "#" (section.id) } { (section.title) } } }
                    }
                }
                main #main {
                    noscript {
                        p.notice { "Charts, device maps and sorting need JavaScript, which is off. Tables work without." }
                    }
                    @for section in sections {
                        section.wide id=(section.id) aria-labelledby={ (section.id) "-title" } {
                            h2 id={ (section.id) "-title" } { (section.title) }
                            @if let Some(lead) = &section.lead { p.lead { (lead) } }
                            (section.body)
                        }
                    }
                }
                footer { p.wide { "Written by rmsim " (crate::experiment::version::VERSION)
                    ". This file loads nothing from anywhere." } }
                div #tip role="status" aria-live="polite" hidden {}
                script #data type="application/json" { (PreEscaped(json_for_script(data))) }
                @for script in SCRIPTS { script { (PreEscaped(script)) } }
            }
        }
    };
    markup.into_string()
}

/// JSON that cannot end the script element that holds it: `<` only occurs inside of strings, where it can be escaped.
pub(super) fn json_for_script(data: &impl Serialize) -> String {
    // The data are plain structs with names as keys: nothing that cannot be serialized.
    serde_json::to_string(data).unwrap_or_else(|_| "null".to_owned()).replace('<', "\\u003c")
}

/// A number with at most so many decimals: figures that are drawn need no more, and the file stays small.
pub(super) fn rounded(value: f64, decimals: i32) -> f64 {
    let scale = 10_f64.powi(decimals);
    (value * scale).round() / scale
}

//! `rmsim report`.

use std::path::Path;

use resource_manager::experiment::reading::{ReadError, Results};
use resource_manager::report::html::{self, Options};
use resource_manager::time::{Span, Time};

use crate::args::ReportArgs;
use crate::console::{Console, print};
use crate::failure::Failure;
use crate::output;

/// Name of the page in a folder of results.
const FILE: &str = "report.html";

pub fn report(args: &ReportArgs, console: &Console) -> Result<(), Failure> {
    let time = |text: &Option<String>, option: &str| {
        let parsed = text.as_ref().map(|text| text.parse::<Span>());
        let parsed = parsed.transpose().map_err(|error| Failure::input(format!("{option}: {error}")))?;
        Ok::<_, Failure>(parsed.map(|span| Time(span.0)))
    };
    let options = Options {
        replication: args.replication,
        from: time(&args.from, "--from")?,
        until: time(&args.until, "--until")?,
    };
    let path = args.out.clone().unwrap_or_else(|| args.dir.join(FILE));
    output::free(&path, output::Kind::Page, "--out")?;
    let results = Results::open(&args.dir).map_err(read_failure)?;
    let page = html::page(&results, &options).map_err(read_failure)?;
    for missing in &page.missing {
        console.warning(missing);
    }
    output::write(&path, page.html.as_bytes(), output::Kind::Page, "--out")?;
    console.detail(format!("{} bytes", page.html.len()));
    print(|out| writeln!(out, "{}", path.display()))
}

/// Writes the page of a folder that was just written.
pub fn write(folder: &Path) -> Result<(), Failure> {
    let results = Results::open(folder).map_err(Failure::failed)?;
    let page = html::page(&results, &Options::default()).map_err(Failure::failed)?;
    output::write(&folder.join(FILE), page.html.as_bytes(), output::Kind::Page, "the page")
}

/// Where the results of a finished command are, and what to open first.
pub fn whereabouts(folder: &Path, has_page: bool) -> String {
    match has_page {
        true => format!("results in {}; open {FILE} there in a browser", folder.display()),
        false => format!("results in {}", folder.display()),
    }
}

/// What cannot be read is wrong input, unless the file system refused.
fn read_failure(error: ReadError) -> Failure {
    match error {
        ReadError::Io { .. } => Failure::failed(error),
        _ => Failure::input(error),
    }
}

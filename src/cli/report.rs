//! `rmsim report`.

use std::path::Path;

use crate::experiment::reading::{ReadError, Results};
use crate::report::html::{self, Options};
use crate::report::into_folder::{PAGE, Pictures};
use crate::time::{Span, Time};

use super::args::ReportArgs;
use super::console::{Console, print};
use super::failure::Failure;
use super::output;

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
    let path = args.out.clone().unwrap_or_else(|| args.dir.join(PAGE));
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

/// What `--no-plots` and `--no-report` leave of the pictures: a page without plots has nothing to show.
pub fn pictures(plots: bool, no_report: bool) -> Pictures {
    match (plots, no_report) {
        (false, _) => Pictures::None,
        (true, true) => Pictures::Plots,
        (true, false) => Pictures::PlotsAndPage,
    }
}

/// Where the results of a finished command are, and what to open first.
pub fn whereabouts(folder: &Path, pictures: Pictures) -> String {
    match pictures {
        Pictures::PlotsAndPage => {
            format!("results in {}; open {PAGE} there in a browser", folder.display())
        }
        Pictures::None | Pictures::Plots => format!("results in {}", folder.display()),
    }
}

/// What cannot be read is wrong input, unless the file system refused.
fn read_failure(error: ReadError) -> Failure {
    match error {
        ReadError::Io { .. } => Failure::failed(error),
        _ => Failure::input(error),
    }
}

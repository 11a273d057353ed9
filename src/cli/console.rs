//! What goes to the terminal: results on stdout, notes and progress on stderr.

use std::io::{self, BufWriter, IsTerminal, Write};
use std::sync::OnceLock;
use std::time::Duration;

use crate::report::table::ColorChoice;
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

use super::args::Global;
use super::failure::Failure;

/// The user's wishes about output.
#[derive(Debug)]
pub struct Console {
    quiet: bool,
    verbose: bool,
    color_out: bool,
    color_err: bool,
}

impl Console {
    pub fn new(global: &Global) -> Self {
        let choice = ColorChoice::from(global.color);
        let no_color = std::env::var("NO_COLOR").ok();
        Self {
            quiet: global.quiet,
            verbose: global.verbose,
            color_out: choice.enabled(io::stdout().is_terminal(), no_color.as_deref()),
            color_err: choice.enabled(io::stderr().is_terminal(), no_color.as_deref()),
        }
    }

    /// Whether results are coloured.
    pub fn color(&self) -> bool {
        self.color_out
    }

    /// Something worth knowing.
    pub fn note(&self, text: impl AsRef<str>) {
        if !self.quiet {
            say(text.as_ref());
        }
    }

    /// Something worth knowing with `--verbose`.
    pub fn detail(&self, text: impl AsRef<str>) {
        if self.verbose {
            say(text.as_ref());
        }
    }

    /// Something that the user should look at.
    pub fn warning(&self, text: impl AsRef<str>) {
        let (on, off) = if self.color_err { ("\x1b[33m", "\x1b[0m") } else { ("", "") };
        say(&format!("{on}warning:{off} {}", text.as_ref()));
    }

    /// Why the command failed. Messages of files bring their own `error:`.
    pub fn error(&self, failure: &Failure) {
        let (on, off) = if self.color_err { ("\x1b[31m", "\x1b[0m") } else { ("", "") };
        let message = failure.message();
        let message = message.strip_prefix("error: ").unwrap_or(message);
        say(&format!("{on}error:{off} {message}"));
    }

    /// A progress bar over `length` steps, on stderr if that is a terminal.
    pub fn progress(&self, length: Option<u64>, what: &str) -> ProgressBar {
        let visible = !self.quiet && io::stderr().is_terminal();
        let target =
            if visible { ProgressDrawTarget::stderr_with_hz(10) } else { ProgressDrawTarget::hidden() };
        let bar = ProgressBar::with_draw_target(length, target);
        let template = match length {
            Some(_) => "{msg} {wide_bar} {human_pos}/{human_len} {eta}",
            None => "{spinner} {msg} {human_pos} {per_sec}",
        };
        if let Ok(style) = ProgressStyle::with_template(template) {
            bar.set_style(style);
        }
        bar.set_message(what.to_owned());
        if visible {
            bar.enable_steady_tick(Duration::from_millis(200));
        }
        bar
    }
}

/// A line on stderr. That nobody can read it must not end the program.
fn say(text: &str) {
    let _ = writeln!(io::stderr(), "{text}");
}

/// Prints results. A reader that has gone away (`| head`) is no error.
pub fn print(write: impl FnOnce(&mut dyn Write) -> io::Result<()>) -> Result<(), Failure> {
    let mut out = BufWriter::new(io::stdout().lock());
    match write(&mut out).and_then(|()| out.flush()) {
        Err(error) if error.kind() != io::ErrorKind::BrokenPipe => {
            Err(Failure::failed(format!("cannot write to stdout: {error}")))
        }
        _ => Ok(()),
    }
}

/// What to say when the program is interrupted.
static INTERRUPTED: OnceLock<String> = OnceLock::new();

/// Says `text` should the program be interrupted from now on. The first text stays.
pub fn on_interrupt(text: String) {
    let _ = INTERRUPTED.set(text);
}

/// Ctrl-C ends the program with exit code 130.
pub fn exit_on_interrupt() {
    // Without a handler the signal ends the program all the same, only with another code.
    let _ = ctrlc::set_handler(|| {
        say("interrupted");
        if let Some(text) = INTERRUPTED.get() {
            say(text);
        }
        std::process::exit(130);
    });
}

//! The whole command line of `rmsim`, with a device selector of one's own: `allocator.selection: tightest`.

mod tightest;

use resource_manager::cli::CommandLine;

fn main() -> std::process::ExitCode {
    CommandLine::new().selector("tightest", || Box::new(tightest::Tightest)).main()
}

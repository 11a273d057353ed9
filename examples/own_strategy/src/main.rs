//! The whole command line of `rmsim`, with a placement strategy of one's own: `allocator.strategy: greedy`.

mod greedy;

use resource_manager::cli::CommandLine;

fn main() -> std::process::ExitCode {
    CommandLine::new().strategy("greedy", || Box::<greedy::Greedy>::default()).main()
}

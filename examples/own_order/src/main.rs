//! The whole command line of `rmsim`, with an order of waiting jobs of one's own: `allocator.order: least_work`.

mod least_work;

use resource_manager::cli::CommandLine;

fn main() -> std::process::ExitCode {
    CommandLine::new().order("least_work", || Box::new(least_work::LeastWork)).main()
}

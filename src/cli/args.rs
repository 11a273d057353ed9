//! The command line, as the manual shows it.

use std::path::PathBuf;

use crate::experiment::check::speed::{DEFAULT_PAIRS, FEWEST_PAIRS};
use crate::report::table::ColorChoice;
use clap::{Args, Parser, Subcommand, ValueEnum};

/// Simulates fleets of quantum devices from scenario files, and compares ways to manage them.
#[derive(Debug, Parser)]
#[command(name = "rmsim", version, max_term_width = 110, propagate_version = true)]
pub struct Cli {
    #[command(subcommand)]
    pub command: Command,
    #[command(flatten)]
    pub global: Global,
}

#[derive(Debug, Args)]
pub struct Global {
    /// Print results only
    #[arg(short, long, global = true, conflicts_with = "verbose")]
    pub quiet: bool,
    /// Say more about what is done
    #[arg(short, long, global = true)]
    pub verbose: bool,
    /// When to use colour (NO_COLOR is honoured)
    #[arg(long, global = true, value_enum, default_value_t = Color::Auto, value_name = "WHEN")]
    pub color: Color,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Color {
    Auto,
    Always,
    Never,
}

impl From<Color> for ColorChoice {
    fn from(color: Color) -> Self {
        match color {
            Color::Auto => Self::Auto,
            Color::Always => Self::Always,
            Color::Never => Self::Never,
        }
    }
}

#[derive(Debug, Subcommand)]
pub enum Command {
    /// Run a scenario: summary, traces, plots and report
    Run(RunArgs),
    /// Compare variants of a scenario on the same worlds
    Compare(CompareArgs),
    /// Judge the targets of a scenario, and regressions, for continuous integration
    Check(CheckArgs),
    /// Make the HTML page of a run or a comparison again: one file, to be opened in any browser
    Report(ReportArgs),
    /// Run every combination of a plan, on one machine or as one shard of many
    Sweep(SweepArgs),
    /// Merge the cells of a sweep into its tables, from one folder or several
    Merge(MergeArgs),
    /// Give the commands of a journal to a fresh allocator and compare what it decides
    Replay(ReplayArgs),
    /// Tell the life of one job: what was decided, what it waited for, and what would have started it earlier
    Explain(ExplainArgs),
    /// Export the jobs of a scenario as a table, or show what a file of jobs holds
    Workload(WorkloadArgs),
    /// Check a scenario, or a plan of a sweep, without running it
    Validate(ValidateArgs),
    /// Print the JSON Schema of scenario, plan or device files
    Schema(SchemaArgs),
    /// List, show and import devices
    Device(DeviceArgs),
    /// Place programs on devices, without jobs and queues, and say what was proved
    Place(PlaceArgs),
    /// List and show circuits: generated ones, or OpenQASM 2 and 3 files
    Circuit(CircuitArgs),
    /// Print a completion script for a shell
    Completions {
        /// The shell
        shell: clap_complete::Shell,
    },
}

/// The scenario that a command runs, and what is changed in it.
#[derive(Debug, Args)]
pub struct ScenarioArgs {
    /// The scenario file [default: the built-in quickstart]
    #[arg(value_name = "SCENARIO")]
    pub path: Option<PathBuf>,
    /// Root of all randomness, instead of the scenario's
    #[arg(long)]
    pub seed: Option<u64>,
    /// Number of independent repetitions, instead of the scenario's
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    pub replications: Option<u32>,
    /// Threads over which replications are spread [default: all processors]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..))]
    pub threads: Option<u16>,
    /// Change a setting: keys separated by dots, list items by number, value as YAML
    #[arg(long, value_name = "PATH=VALUE")]
    pub set: Vec<String>,
}

/// What every command that runs scenarios into a folder takes.
#[derive(Debug, Args)]
pub struct Common {
    /// The run folder itself [default: results/<scenario>/<run>]
    #[arg(long, value_name = "DIR")]
    pub out: Option<PathBuf>,
    /// Overwrite what the run folder holds
    #[arg(long)]
    pub force: bool,
    #[command(flatten)]
    pub scenario: ScenarioArgs,
    /// Which replications write traces, instead of the scenario's choice
    #[arg(long, value_enum, value_name = "WHICH")]
    pub traces: Option<TraceChoice>,
    /// Draw no plots, and write no report
    #[arg(long)]
    pub no_plots: bool,
    /// Write no report.html
    #[arg(long)]
    pub no_report: bool,
    /// Print the summary as JSON
    #[arg(long)]
    pub json: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum TraceChoice {
    First,
    All,
    None,
}

#[derive(Debug, Args)]
pub struct RunArgs {
    #[command(flatten)]
    pub common: Common,
    /// Run twice, write nothing, and name the first event that differs
    #[arg(long)]
    pub check_determinism: bool,
    /// Write every command to the allocator of the first replication, and what it decided, for `rmsim replay`
    #[arg(long, value_name = "FILE", conflicts_with = "check_determinism")]
    pub journal: Option<PathBuf>,
}

#[derive(Debug, Args)]
pub struct ReplayArgs {
    /// The journal, as written by `rmsim run --journal FILE`
    pub journal: PathBuf,
    /// Ask what would have happened under another configuration: allocator.KEY=VALUE, may be given several times
    #[arg(long, value_name = "PATH=VALUE")]
    pub set: Vec<String>,
    /// Print the result as JSON
    #[arg(long)]
    pub json: bool,
}

#[derive(Debug, Args)]
pub struct WorkloadArgs {
    #[command(subcommand)]
    pub command: WorkloadCommand,
}

#[derive(Debug, Subcommand)]
pub enum WorkloadCommand {
    /// Write the jobs of a scenario as a CSV table: `workload: {csv: FILE}` replays them
    Export {
        /// The scenario file [default: the built-in quickstart]
        scenario: Option<PathBuf>,
        /// The table to write
        #[arg(long, value_name = "FILE")]
        out: PathBuf,
        /// Which replication
        #[arg(long, value_name = "N", default_value_t = 0)]
        replication: u32,
        /// Root of all randomness, instead of the scenario's
        #[arg(long)]
        seed: Option<u64>,
        /// Change a setting of the scenario
        #[arg(long, value_name = "PATH=VALUE")]
        set: Vec<String>,
        /// Overwrite the table
        #[arg(long)]
        force: bool,
    },
    /// Say what a file of jobs holds: counts and quantiles
    Show {
        /// A table of jobs, a trace in the standard workload format, or the jobs.csv of a run
        file: PathBuf,
        /// Which of them it is [default: by its ending and its first line]
        #[arg(long, value_enum, value_name = "FORMAT")]
        format: Option<WorkloadFormat>,
        /// Print the result as JSON
        #[arg(long)]
        json: bool,
    },
    /// List the columns that a table of jobs can have
    Columns,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum WorkloadFormat {
    /// A table with one row per job
    Csv,
    /// The standard workload format
    Swf,
    /// The jobs.csv of a run
    Trace,
}

#[derive(Debug, Args)]
pub struct CompareArgs {
    #[command(flatten)]
    pub common: Common,
    /// A setting and its values; several settings give all combinations
    #[arg(long, value_name = "PATH=V1,V2,...")]
    pub vary: Vec<String>,
    /// A named variant with several settings, or with none: the scenario as it is
    #[arg(long, value_name = "NAME: PATH=VALUE; ...")]
    pub variant: Vec<String>,
    /// Name or number (from 0) of the variant that the others are compared with [default: the first]
    #[arg(long, value_name = "VARIANT")]
    pub baseline: Option<String>,
    /// Compare by this metric only; may be given several times [default: all means and 95 % quantiles]
    #[arg(long, value_name = "NAME")]
    pub metric: Vec<String>,
    /// Add replications until every difference is decided, or known to within this share of the baseline's mean; begins
    /// with --replications, but no fewer than 10
    #[arg(long, value_name = "PERCENT")]
    pub precision: Option<String>,
    /// Most replications with --precision
    #[arg(long, value_name = "N", default_value_t = 200, value_parser = clap::value_parser!(u32).range(10..=100_000))]
    pub max_replications: u32,
    /// The two metrics of the trade-off plot
    #[arg(long, value_name = "X,Y", default_value = "waiting_time_s.mean,fidelity_true.mean")]
    pub trade_off: String,
}

/// How the tables of a sweep are shown.
#[derive(Debug, Args)]
pub struct TablesArgs {
    /// Draw no plots
    #[arg(long)]
    pub no_plots: bool,
    /// Print the result as JSON
    #[arg(long)]
    pub json: bool,
}

/// Exit code 99 says that expected values of the plan were missed.
#[derive(Debug, Args)]
pub struct SweepArgs {
    /// The plan file, such as scenarios/sweeps/buffers.yaml
    pub plan: PathBuf,
    /// The folder of the sweep; cells that it holds are not run again [default: results/sweeps/<sweep>]
    #[arg(long, value_name = "DIR")]
    pub out: Option<PathBuf>,
    /// Run part K of N equal parts only, and make no tables: `rmsim merge` does, when all parts are done
    #[arg(long, value_name = "K/N")]
    pub shard: Option<String>,
    /// Say what would be run and about how long it would take, and write nothing
    #[arg(long)]
    pub dry_run: bool,
    /// Run cells again that are there, as after a change of the program within a version, and take over a folder that
    /// holds something else
    #[arg(long)]
    pub force: bool,
    /// Threads over which cells are spread [default: all processors]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..))]
    pub threads: Option<u16>,
    #[command(flatten)]
    pub tables: TablesArgs,
}

/// Exit code 99 says that expected values of the plan were missed.
#[derive(Debug, Args)]
pub struct MergeArgs {
    /// Folders of shards of one sweep
    #[arg(required = true, value_name = "DIR")]
    pub folders: Vec<PathBuf>,
    /// Where cells are gathered and tables are written [default: the first folder]
    #[arg(long, value_name = "DIR")]
    pub out: Option<PathBuf>,
    #[command(flatten)]
    pub tables: TablesArgs,
}

#[derive(Debug, Args)]
pub struct ReportArgs {
    /// The folder that `rmsim run` or `rmsim compare` wrote
    pub dir: PathBuf,
    /// Where to write the page [default: DIR/report.html]
    #[arg(long, value_name = "FILE")]
    pub out: Option<PathBuf>,
    /// The replication to draw, from 0; those with traces can be drawn
    #[arg(long, value_name = "N")]
    pub replication: Option<u32>,
    /// Show the schedules from this simulated time on, with what runs already, as in 2h
    #[arg(long, value_name = "TIME")]
    pub from: Option<String>,
    /// Show the schedules until this simulated time, as in 3h 30m
    #[arg(long, value_name = "TIME")]
    pub until: Option<String>,
}

/// Judges a scenario on its replications: the promises of the allocator, its `targets`, and what is worse than a
/// baseline or slower than another version. Exit code 0 when nothing fails, 99 when something does, 2 when the input is
/// wrong.
#[derive(Debug, Args)]
#[command(mut_arg("threads", |threads| threads.help(
    "Threads over which replications are spread [default: all processors; 1 for targets on latency]"
)))]
pub struct CheckArgs {
    #[command(flatten)]
    pub scenario: ScenarioArgs,
    /// Write the values of all replications, to compare later versions with
    #[arg(long, value_name = "FILE")]
    pub save_baseline: Option<PathBuf>,
    /// Compare with these values: fails where the whole 99.9 % interval of the paired difference is worse by more than
    /// the margin
    #[arg(long, value_name = "FILE")]
    pub baseline: Option<PathBuf>,
    /// How much worse than the baseline, or how many more instructions, is no regression
    #[arg(long, value_name = "PERCENT", default_value = "1%")]
    pub margin: String,
    /// Compare with the baseline by this metric only; may be given several times [default: all means and 95 % quantiles,
    /// and the metrics of the targets]
    #[arg(long, value_name = "NAME", requires = "baseline")]
    pub metric: Vec<String>,
    /// Compare the allocator's time per job with another rmsim: both run alternately, one replication at a time
    #[arg(long, value_name = "RMSIM")]
    pub against: Option<PathBuf>,
    /// How often both are measured, each time by the fastest of three runs; the interval is that of the median ratio
    #[arg(long, value_name = "N", default_value_t = DEFAULT_PAIRS, requires = "against",
        value_parser = clap::value_parser!(u32).range(i64::from(FEWEST_PAIRS)..=1_000))]
    pub runs: u32,
    /// How much slower than the other rmsim is no regression
    #[arg(long, value_name = "PERCENT", default_value = "10%", requires = "against")]
    pub time_margin: String,
    /// Count the allocator's instructions in the first replication (with Valgrind) instead of measuring time: for the
    /// baselines, or with --against
    #[arg(long)]
    pub instructions: bool,
    /// Write the verdicts as JUnit XML
    #[arg(long, value_name = "FILE")]
    pub junit: Option<PathBuf>,
    /// Write the verdicts as Markdown
    #[arg(long, value_name = "FILE")]
    pub markdown: Option<PathBuf>,
    /// Print annotations for GitHub Actions [default: when GITHUB_ACTIONS is true]
    #[arg(long)]
    pub github: bool,
    /// Show metrics that are no worse than the baseline, too
    #[arg(long)]
    pub all: bool,
    /// Print the verdicts as JSON
    #[arg(long)]
    pub json: bool,
}

#[derive(Debug, Args)]
pub struct ExplainArgs {
    /// The folder of a run, or a scenario file; its replication is run again
    #[arg(value_name = "RUN")]
    pub run: PathBuf,
    /// Number of the job, as in the column job_id of jobs.csv
    #[arg(value_name = "JOB")]
    pub job: u64,
    /// Which replication
    #[arg(long, value_name = "N", default_value_t = 0)]
    pub replication: u32,
    /// Do not run what would have been
    #[arg(long)]
    pub no_what_if: bool,
    /// Root of all randomness, instead of the scenario's; of a scenario file only
    #[arg(long)]
    pub seed: Option<u64>,
    /// Change a setting of a scenario file
    #[arg(long, value_name = "PATH=VALUE")]
    pub set: Vec<String>,
    /// Print the result as JSON
    #[arg(long)]
    pub json: bool,
}

#[derive(Debug, Args)]
pub struct ValidateArgs {
    /// The scenario file, or the plan of a sweep [default: the built-in quickstart]
    pub scenario: Option<PathBuf>,
    /// Change a setting before checking
    #[arg(long, value_name = "PATH=VALUE")]
    pub set: Vec<String>,
    /// Print the scenario with all defaults and changes, or the cells of a plan, as JSON (which is YAML, too)
    #[arg(long)]
    pub resolved: bool,
}

#[derive(Debug, Args)]
pub struct SchemaArgs {
    /// Which kind of file
    #[arg(value_enum, default_value_t = SchemaKind::Scenario)]
    pub kind: SchemaKind,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum SchemaKind {
    Scenario,
    Plan,
    Device,
}

#[derive(Debug, Args)]
pub struct DeviceArgs {
    #[command(subcommand)]
    pub command: DeviceCommand,
}

#[derive(Debug, Subcommand)]
pub enum DeviceCommand {
    /// List the built-in devices
    List,
    /// Show a device: table, and a picture of its coupling map coloured by error
    Show {
        /// Name of a built-in device, or path of a device file
        device: String,
        /// Where to write the picture; .svg and .png are written [default: NAME in the current folder]
        #[arg(long, value_name = "PATH")]
        picture: Option<PathBuf>,
        /// Print the table only
        #[arg(long)]
        no_picture: bool,
    },
    /// Make a device file from foreign calibration data
    Import {
        #[command(subcommand)]
        format: ImportFormat,
    },
}

#[derive(Debug, Subcommand)]
pub enum ImportFormat {
    /// From the configuration and properties of an IBM backend, as Qiskit stores them
    Qiskit {
        /// conf_NAME.json
        #[arg(long, value_name = "FILE")]
        conf: PathBuf,
        /// props_NAME.json
        #[arg(long, value_name = "FILE")]
        props: PathBuf,
        /// The device file to write
        #[arg(short, long, value_name = "FILE")]
        output: PathBuf,
        /// Where the figures come from, for the file
        #[arg(long, value_name = "TEXT", default_value = "imported from Qiskit backend files")]
        source: String,
        /// Overwrite the output file
        #[arg(long)]
        force: bool,
    },
}

#[derive(Debug, Args)]
#[command(group = clap::ArgGroup::new("what").required(true).args(["instances", "device"]))]
pub struct PlaceArgs {
    /// Place every instance of a file of placement problems
    #[arg(long, value_name = "FILE", requires = "out", conflicts_with = "device")]
    pub instances: Option<PathBuf>,
    /// The table of answers to write; times are CPU time from cold, in microseconds
    #[arg(long, value_name = "CSV", requires = "instances")]
    pub out: Option<PathBuf>,
    /// Search each instance so often, always from cold; the shortest time counts [default: 1]
    #[arg(long, value_name = "N", requires = "instances", value_parser = clap::value_parser!(u32).range(1..))]
    pub repeat: Option<u32>,
    /// Place one program on a device: name of a built-in device, or path of a device file
    #[arg(long, requires = "program")]
    pub device: Option<String>,
    /// The program: line:N, ring:N, star:N, tree:N, grid:RxC, heavy_hex:N, complete:N, any:N (a connected region),
    /// or edges:0-1,1-2*3 (one gate, then three)
    #[arg(long, value_name = "SHAPE", requires = "device", group = "program")]
    pub pattern: Option<String>,
    /// The program as a circuit: a generated one such as ghz:20, or path of an OpenQASM file
    #[arg(long, value_name = "CIRCUIT", requires = "device", group = "program")]
    pub circuit: Option<String>,
    /// Layers of a program given by --pattern, for which it is placed and its success predicted; half of them hold one-qubit
    /// gates [default: unknown, each edge counts its gates and each qubit one readout]
    #[arg(long, value_name = "LAYERS", requires = "device", conflicts_with_all = ["weight", "circuit"], value_parser = clap::value_parser!(u32).range(1..))]
    pub depth: Option<u32>,
    /// Qubits that are not free, as in 3,4,10-20
    #[arg(long, value_name = "LIST", requires = "device", allow_hyphen_values = true)]
    pub busy: Option<String>,
    /// Two-qubit gates per edge, times what the pattern says [default: 1]
    #[arg(long, value_name = "N", requires = "device", conflicts_with = "circuit", value_parser = clap::value_parser!(u32).range(1..=1_000_000))]
    pub weight: Option<u32>,
    /// Write a picture of the device with the placement; .svg or .png
    #[arg(long, value_name = "FILE", requires = "device")]
    pub picture: Option<PathBuf>,
    /// How qubits are chosen, as in scenario files
    #[arg(long, value_name = "NAME", default_value = "noise_aware")]
    pub strategy: String,
    /// Search steps per placement before the search gives up [default: 20000000, about a second]
    #[arg(long, value_name = "STEPS", value_parser = clap::value_parser!(u64).range(1..))]
    pub budget: Option<u64>,
    /// Print the result as JSON
    #[arg(long)]
    pub json: bool,
}

#[derive(Debug, Args)]
pub struct CircuitArgs {
    #[command(subcommand)]
    pub command: CircuitCommand,
}

#[derive(Debug, Subcommand)]
pub enum CircuitCommand {
    /// List the circuits that can be generated
    List,
    /// Show a circuit: counts, depth, and the shape of its interaction graph
    Show {
        /// A generated circuit such as ghz:20 or qaoa_ring:12,layers=3, or path of an OpenQASM file
        circuit: String,
        /// Print every count as JSON
        #[arg(long)]
        json: bool,
        /// Print the generated circuit in OpenQASM 2 instead
        #[arg(long, conflicts_with = "json")]
        qasm: bool,
    },
}

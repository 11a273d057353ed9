//! From the workload of a file to sources of jobs.

use std::path::Path;
use std::sync::Arc;

use super::devices::DeviceNames;
use super::jobs::template;
use super::problem::Problem;
use crate::allocator::config::Tenants;
use crate::quantum::hardware::runtime::RuntimeModel;
use crate::simulator::scenario::file::workload::{JobsFile, TenantsFile, WorkloadFile};
use crate::simulator::scenario::presets;
use crate::simulator::workload::arrivals::{Arrivals, ArrivalsError};
use crate::simulator::workload::jobs::{JobMix, TenantLaw};
use crate::simulator::workload::{Chain, Source, Workload};
use crate::time::{Span, Time};

/// Fills in what presets and defaults say: afterwards every list of jobs is a list of complete templates.
pub(super) fn expand(file: &mut WorkloadFile) {
    let lists = std::iter::once(&mut file.jobs).chain(file.sources.iter_mut().map(|source| &mut source.jobs));
    for jobs in lists.flatten() {
        // What the scenario says of outcomes counts more than what a preset brings along, less than a template's own.
        let own: Vec<bool> = match jobs {
            JobsFile::Preset(_) => vec![false],
            JobsFile::Templates(templates) => {
                templates.iter().map(|template| template.outcomes.is_some()).collect()
            }
        };
        let mut templates = presets::expand(jobs);
        for (template, own) in templates.iter_mut().zip(own) {
            if !own && file.outcomes.is_some() {
                template.outcomes = file.outcomes.clone();
            }
        }
        *jobs = JobsFile::Templates(templates);
    }
}

/// Checks all sources and prepares them for drawing; the file has been expanded. Circuit files are relative to `base_dir`.
pub(super) fn workload(
    file: &WorkloadFile,
    names: DeviceNames<'_>,
    listed: &Tenants,
    base_dir: &Path,
) -> Result<Workload, Problem> {
    let tenants = file.tenants.as_ref().map(tenants).transpose()?;
    let shared = match &file.jobs {
        Some(jobs) => Some(Arc::new(mix(jobs, "workload.jobs", names, listed, base_dir, tenants.as_ref())?)),
        None => None,
    };
    let missing = || {
        Problem::new("workload", "the workload does not say what the jobs ask for")
            .hint("add `jobs:`, a list of templates or ibm_like")
    };
    let mut sources = Vec::new();
    if let Some(process) = &file.arrivals {
        let mix = shared.clone().ok_or_else(missing)?;
        let times = (file.start_after, file.stop_after);
        sources.push(source(process, times, file.chain, mix, "workload")?);
    } else if file.start_after != Span::ZERO || file.stop_after.is_some() || file.chain != Chain::None {
        return Err(Problem::new(
            "workload",
            "`start_after`, `stop_after` and `chain` belong to `arrivals`, which is missing",
        ));
    }
    for (index, further) in file.sources.iter().enumerate() {
        let path = format!("workload.sources.{index}");
        let own = match &further.jobs {
            Some(jobs) => {
                Some(Arc::new(mix(jobs, &format!("{path}.jobs"), names, listed, base_dir, tenants.as_ref())?))
            }
            None => shared.clone(),
        };
        let mix = own.ok_or_else(missing)?;
        let times = (further.start_after, further.stop_after);
        sources.push(source(&further.arrivals, times, further.chain, mix, &path)?);
    }
    if sources.is_empty() {
        return Err(Problem::new("workload", "no job ever arrives")
            .hint("add `arrivals:`, as in arrivals: {poisson: {rate: 60/h}}"));
    }
    Ok(Workload { sources, replay: None })
}

fn source(
    process: &Arrivals,
    (from, until): (Span, Option<Span>),
    chain: Chain,
    mix: Arc<JobMix>,
    path: &str,
) -> Result<Source, Problem> {
    let at_once =
        matches!(process, Arrivals::Batch { .. } | Arrivals::Burst { .. } | Arrivals::AtStart { .. });
    if chain != Chain::None && !at_once {
        let message = format!(
            "of {} arrivals no two come at one instant, which could follow one another",
            kind(process)
        );
        return Err(Problem::new(format!("{path}.chain"), message)
            .hint("arrivals such as batch: {rate: 20/h, mean_size: 5}"));
    }
    let has_arrays = mix.templates().iter().any(|template| template.array.is_some());
    if chain != Chain::None && has_arrays {
        let message = "jobs of an array are all alike, so none of them follows another one";
        return Err(Problem::new(format!("{path}.chain"), message).hint("leave out `chain` or `array`"));
    }
    process.validate().map_err(|error| {
        let key = match error {
            ArrivalsError::Number(key, ..) | ArrivalsError::Zero(key) => key,
            ArrivalsError::SwitchesTooOften { .. } => "sojourn",
            ArrivalsError::BurstsOverlap { .. } => "over",
        };
        Problem::new(format!("{path}.arrivals.{}.{key}", kind(process)), error.to_string())
    })?;
    if until.is_some_and(|until| until <= from) && (from, until) != (Span::ZERO, Some(Span::ZERO)) {
        return Err(Problem::new(format!("{path}.stop_after"), "the arrivals stop before they start"));
    }
    Ok(Source {
        arrivals: *process,
        from: Time::ZERO + from,
        until: until.map(|until| Time::ZERO + until),
        mix,
        chain,
    })
}

fn kind(process: &Arrivals) -> &'static str {
    match process {
        Arrivals::Poisson { .. } => "poisson",
        Arrivals::Deterministic { .. } => "deterministic",
        Arrivals::Renewal { .. } => "renewal",
        Arrivals::Batch { .. } => "batch",
        Arrivals::Sinusoidal { .. } => "sinusoidal",
        Arrivals::Mmpp { .. } => "mmpp",
        Arrivals::Burst { .. } => "burst",
        Arrivals::AtStart { .. } => "at_start",
    }
}

fn tenants(file: &TenantsFile) -> Result<TenantLaw, Problem> {
    let at = |key: &str| format!("workload.tenants.{key}");
    for (key, number) in [("users", file.users), ("groups", file.groups), ("projects", file.projects)] {
        if !(1..=1_000_000).contains(&number) {
            return Err(Problem::new(at(key), format!("{key} is {number}; hint: from 1 to 1,000,000")));
        }
    }
    if !(0.0..=10.0).contains(&file.zipf) {
        return Err(Problem::new(
            at("zipf"),
            format!("zipf is {}; hint: an exponent from 0 to 10", file.zipf),
        ));
    }
    if file.first > 1_000_000 {
        return Err(Problem::new(at("first"), format!("first is {}; hint: from 0 to 1,000,000", file.first)));
    }
    TenantLaw::new(file.users, file.groups, file.projects, file.zipf, file.first)
        .ok_or_else(|| Problem::new(at("users"), "there are no tenants"))
}

fn mix(
    jobs: &JobsFile,
    path: &str,
    names: DeviceNames<'_>,
    listed: &Tenants,
    base_dir: &Path,
    tenants: Option<&TenantLaw>,
) -> Result<JobMix, Problem> {
    // A preset's own template lies nowhere in the file.
    let JobsFile::Templates(templates) = jobs else {
        return Err(Problem::new(path, "the preset was not expanded"));
    };
    let mut weighted = Vec::new();
    for (index, form) in templates.iter().enumerate() {
        let at = format!("{path}.{index}");
        if !(form.weight.is_finite() && form.weight >= 0.0) {
            return Err(Problem::new(
                format!("{at}.weight"),
                format!("weight is {}; hint: 0 or more", form.weight),
            ));
        }
        weighted.push((template(form, index, &at, names, listed, base_dir)?, form.weight));
    }
    JobMix::new(weighted, tenants.cloned()).ok_or_else(|| {
        let message =
            if templates.is_empty() { "the list of job templates is empty" } else { "all weights are 0" };
        Problem::new(path, message)
    })
}

/// A time of its own that no run-time model reads would be ignored in silence.
pub(super) fn check_run_times(file: &WorkloadFile, runtime: &RuntimeModel) -> Result<(), Problem> {
    if *runtime == RuntimeModel::Distribution {
        return Ok(());
    }
    let lists = std::iter::once(("workload.jobs".to_owned(), &file.jobs)).chain(
        file.sources
            .iter()
            .enumerate()
            .map(|(index, source)| (format!("workload.sources.{index}.jobs"), &source.jobs)),
    );
    for (path, jobs) in lists {
        let Some(JobsFile::Templates(templates)) = jobs else {
            continue;
        };
        if let Some(index) = templates.iter().position(|template| template.execution_time.is_some()) {
            return Err(Problem::new(
                format!("{path}.{index}.execution_time"),
                "the run-time model ignores execution_time",
            )
            .hint("set `hardware: {runtime: distribution}`, or leave it out"));
        }
    }
    Ok(())
}

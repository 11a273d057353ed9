//! From job templates of a file to templates for drawing: shapes, limits, names of devices, and what can never run.

use std::path::Path;
use std::sync::Arc;

use super::devices::DeviceNames;
use super::problem::Problem;
use crate::allocator::config::Tenants;
use crate::allocator::placement::pattern::Pattern;
use crate::allocator::protocol::{
    ARRAY_MAX, Contradiction, Demand, ElementLimits, IsolationRequest, JobId, JobRequest, Priority,
    QualityBound, Tenant, Topology,
};
use crate::config_file::shown::crop;
use crate::label;
use crate::quantum::circuit::InteractionGraph;
use crate::quantum::generators;
use crate::simulator::scenario::FleetDevice;
use crate::simulator::scenario::file::jobs::{
    EstimateFile, JobTemplate, PriorityFile, PriorityName, QualityFile, TopologyFile,
};
use crate::simulator::scenario::file::workload::OutcomesFile;
use crate::simulator::workload::DEFAULT_DEPTH;
use crate::simulator::workload::distribution::{Draw, Quantity, Sampler};
use crate::simulator::workload::jobs::{EstimateLaw, OutcomeLaw, QubitsLaw, Template, TopologyLaw};
use crate::time::Span;

/// Most qubits of a custom topology.
const MAX_CUSTOM_QUBITS: u32 = 10_000;

/// Largest pattern whose degrees are checked against the fleet.
const MAX_CHECKED_QUBITS: u32 = 2_000;

/// Checks a template, which has been expanded; `at` is its path.
pub(super) fn template(
    form: &JobTemplate,
    index: usize,
    at: &str,
    names: DeviceNames<'_>,
    tenants: &Tenants,
    base_dir: &Path,
) -> Result<Template, Problem> {
    let key = |key: &str| format!("{at}.{key}");
    let (topology, choice) = shapes(form, at, base_dir)?;
    let qubits = qubits(form, &topology, at, base_dir)?;
    let (least, largest) = match &qubits {
        QubitsLaw::Exact(law) => (law.range().0, law.range().0),
        QubitsLaw::Range(least, largest) => (least.range().0, largest.range().1),
    };
    let circuits = filled(form.circuits.as_ref(), &key("circuits"))?;
    let shots = filled(form.shots.as_ref(), &key("shots"))?;
    let depth = match (&form.depth, &topology) {
        (None, Topology::Circuit(profile)) => sampler(&Draw::Constant(profile.depth), at)?,
        (None, _) => sampler(&Draw::Constant(DEFAULT_DEPTH), at)?,
        (Some(depth), _) => sampler(depth, &key("depth"))?,
    };
    let is_circuit = matches!(topology, Topology::Circuit(_));
    let base = JobRequest {
        tenant: match &form.tenant {
            Some(tenant) => super::tenants::tenant(tenant, tenants, &key("tenant"))?,
            None => Tenant::default(),
        },
        attributes: form.attributes.clone().map(Arc::new),
        min_qubits: least,
        max_qubits: largest,
        elasticity: form.elasticity,
        topology,
        fidelity_requirement: form.fidelity_requirement.map(quality),
        min_success_probability: form.min_success_probability.map(quality),
        limits: limits(form),
        max_swap_operations: form.max_swap_operations,
        noise_budget: form.noise_budget,
        circuits: circuits.range().0,
        shots: shots.range().0,
        depth: depth.range().0,
        priority: match form.priority {
            PriorityFile::Named(PriorityName::Low) => Priority::LOW,
            PriorityFile::Named(PriorityName::Normal) => Priority::NORMAL,
            PriorityFile::Named(PriorityName::High) => Priority::HIGH,
            PriorityFile::Named(PriorityName::Critical) => Priority::CRITICAL,
            PriorityFile::Number(number) => Priority(number),
        },
        isolation: form.isolation.map_or(IsolationRequest::default(), |isolation| IsolationRequest {
            level: isolation.0.level,
            buffer_distance: isolation.0.buffer_distance,
            temporal_separation: isolation.0.temporal_separation,
            hardware_reset: isolation.0.hardware_reset,
            max_crosstalk: isolation.0.max_crosstalk,
        }),
        preferred_devices: names.all(&form.device_preference, &key("device_preference"))?,
        excluded_devices: names.all(&form.excluded_devices, &key("excluded_devices"))?,
        checkpoint_interval: form.checkpoint_interval,
        redundancy: form.redundancy,
        ..JobRequest::new(JobId(0), least, Topology::Any)
    };
    if let Some(name) = &form.name {
        label::check(name).map_err(|error| {
            let message = format!("`{}` is no name for jobs: {error}", crop(name));
            Problem::new(key("name"), message)
        })?;
    }
    let array = form.array.as_ref().map(|draw| array(draw, &key("array"))).transpose()?;
    let template = Template {
        name: form.name.clone().unwrap_or_else(|| format!("job-{index}")),
        array,
        qubits,
        circuit: match &form.topology {
            Some(TopologyFile::Circuit(reference)) => Some(reference.clone()),
            _ => None,
        },
        topology: choice,
        circuits,
        shots,
        depth,
        depth_assumed: form.depth.is_none() && !is_circuit,
        execution_time: optional(form.execution_time.as_ref(), &key("execution_time"))?,
        estimate: match &form.estimated_duration {
            EstimateFile::None => EstimateLaw::None,
            EstimateFile::TimesExecution(factor) => {
                let at = key("estimated_duration.times_execution");
                let law = sampler(factor, &at)?;
                if law.range().0 < 0.0 {
                    return Err(Problem::new(
                        at,
                        "a walltime cannot be negative; hint: a factor of 0 or more",
                    ));
                }
                EstimateLaw::TimesExecution(law)
            }
            EstimateFile::Span(span) => EstimateLaw::Span(sampler(span, &key("estimated_duration"))?),
        },
        max_wait_time: optional(form.max_wait_time.as_ref(), &key("max_wait_time"))?,
        deadline: optional(form.deadline.as_ref(), &key("deadline"))?,
        draws_tenant: form.tenant.is_none(),
        outcomes: form.outcomes.as_ref().map(|outcomes| outcome_law(outcomes, at)).transpose()?,
        base,
    };
    check(&template, form, at, names.fleet)?;
    Ok(template)
}

fn sampler<V: Quantity>(draw: &Draw<V>, at: &str) -> Result<Sampler<V>, Problem> {
    Sampler::new(draw).map_err(|error| Problem::new(at, error.to_string()))
}

/// A value that expansion has filled in.
fn filled<V: Quantity>(draw: Option<&Draw<V>>, at: &str) -> Result<Sampler<V>, Problem> {
    draw.map_or_else(|| Err(Problem::new(at, "the value is missing")), |draw| sampler(draw, at))
}

/// How many jobs come at once, at least one.
fn array(draw: &Draw<u32>, at: &str) -> Result<Sampler<u32>, Problem> {
    let law = sampler(draw, at)?;
    let (least, _) = law.range();
    if (1..=ARRAY_MAX).contains(&least) {
        return Ok(law);
    }
    let message = format!("an array has {least} jobs at least; it must be from 1 to {ARRAY_MAX}");
    Err(Problem::new(at, message)
        .hint("the least value that can be drawn counts: a distribution may need `min: 1`"))
}

fn optional(draw: Option<&Draw<Span>>, at: &str) -> Result<Option<Sampler<Span>>, Problem> {
    draw.map(|draw| sampler(draw, at)).transpose()
}

fn quality(file: QualityFile) -> QualityBound {
    QualityBound { at_least: file.at_least, hard: file.hard }
}

fn limits(form: &JobTemplate) -> ElementLimits {
    let own = form.limits.unwrap_or_default();
    let both = form.coherence_time_required.unwrap_or(Span::ZERO);
    let least = |own: Option<Span>| own.unwrap_or(Span::ZERO).max(both).as_secs_f64();
    ElementLimits {
        min_t1_s: least(own.min_t1),
        min_t2_s: least(own.min_t2),
        max_one_qubit_error: own.max_one_qubit_error.unwrap_or(1.0),
        max_two_qubit_error: own.max_two_qubit_error.unwrap_or(1.0),
        max_readout_error: own.max_readout_error.unwrap_or(1.0),
    }
}

/// The shape of all jobs, or the law of their shapes next to a placeholder.
fn shapes(form: &JobTemplate, at: &str, base_dir: &Path) -> Result<(Topology, Option<TopologyLaw>), Problem> {
    let at = format!("{at}.topology");
    let list = match form.topology.as_ref().unwrap_or(&TopologyFile::Any) {
        TopologyFile::Choice(list) => list,
        single => return Ok((shape(single, &at, base_dir)?, None)),
    };
    let mut shapes = Vec::new();
    for (index, (file, weight)) in list.iter().enumerate() {
        let at = format!("{at}.choice.{index}");
        let shape = shape(file, &at, base_dir)?;
        if shape.fixed_qubits().is_some() {
            return Err(Problem::new(at, "a choice of shapes holds only shapes of any size")
                .hint("write a template of its own for this shape"));
        }
        shapes.push((shape, *weight));
    }
    let law = TopologyLaw::new(shapes).ok_or_else(|| {
        Problem::new(&at, "weights must be 0 or more, and not all 0; hint: write [[line, 2], [ring, 1]]")
    })?;
    Ok((Topology::Any, Some(law)))
}

fn shape(file: &TopologyFile, at: &str, base_dir: &Path) -> Result<Topology, Problem> {
    Ok(match file {
        TopologyFile::Any => Topology::Any,
        TopologyFile::Line => Topology::Line,
        TopologyFile::Ring => Topology::Ring,
        TopologyFile::Star => Topology::Star,
        TopologyFile::Tree => Topology::Tree,
        TopologyFile::Grid { rows, columns } => Topology::Grid { rows: *rows, columns: *columns },
        TopologyFile::HeavyHex => Topology::HeavyHex,
        TopologyFile::Complete => Topology::Complete,
        TopologyFile::Custom { edges: Some(edges), matrix: None } => {
            let qubits =
                edges.iter().map(|edge| edge.0.max(edge.1)).max().map_or(1, |last| last.saturating_add(1));
            custom(qubits, edges.iter().map(|edge| (edge.0, edge.1, 1)), at)?
        }
        TopologyFile::Custom { edges: None, matrix: Some(matrix) } => {
            let size = matrix.len();
            let mut edges = Vec::new();
            for (a, row) in matrix.iter().enumerate() {
                let at = format!("{at}.custom.matrix.{a}");
                if row.len() != size {
                    let message =
                        format!("row {a} of the connectivity matrix has {} columns, not {size}", row.len());
                    return Err(Problem::new(at, message));
                }
                for (b, &gates) in row.iter().enumerate() {
                    if gates != matrix[b].get(a).copied().unwrap_or(0) {
                        let message =
                            format!("the connectivity matrix is not symmetric at row {a}, column {b}");
                        return Err(Problem::new(at, message));
                    }
                    if gates > 0 && a <= b {
                        edges.push((a as u32, b as u32, gates));
                    }
                }
            }
            custom(size as u32, edges, at)?
        }
        TopologyFile::Custom { .. } => {
            return Err(Problem::new(at, "a custom topology needs either edges or a matrix")
                .hint("as in {custom: {edges: [[0, 1], [1, 2]]}}"));
        }
        TopologyFile::Circuit(reference) => generators::resolve(reference, base_dir)
            .map(|profile| Topology::Circuit(Arc::new(profile.on_active_qubits())))
            .map_err(|error| {
                // The first line says what and where; the snippet of the other file has no place in this one's.
                let message = error.to_string();
                Problem::new(format!("{at}.circuit"), message.lines().next().unwrap_or_default())
            })?,
        TopologyFile::Choice(_) => {
            return Err(Problem::new(at, "a choice of shapes cannot hold another choice"));
        }
    })
}

fn custom(
    qubits: u32,
    edges: impl IntoIterator<Item = (u32, u32, u32)>,
    at: &str,
) -> Result<Topology, Problem> {
    if qubits > MAX_CUSTOM_QUBITS {
        return Err(Problem::new(
            at,
            format!("a custom topology has at most {MAX_CUSTOM_QUBITS} qubits, not {qubits}"),
        ));
    }
    InteractionGraph::new(qubits, edges)
        .map(|graph| Topology::Custom(Arc::new(graph)))
        .map_err(|error| Problem::new(at, error.to_string()))
}

fn qubits(form: &JobTemplate, topology: &Topology, at: &str, base_dir: &Path) -> Result<QubitsLaw, Problem> {
    let key = |key: &str| format!("{at}.{key}");
    if let (Some(TopologyFile::Circuit(reference)), Some(Draw::Constant(stated)), Some(active)) =
        (&form.topology, &form.qubits, topology.fixed_qubits())
        && *stated != active
        // Files that were compiled for a device count all of its qubits.
        && generators::resolve(reference, base_dir).is_ok_and(|circuit| circuit.interactions.qubits() == *stated)
    {
        return Ok(QubitsLaw::Exact(sampler(&Draw::Constant(active), at)?));
    }
    match (&form.qubits, &form.min_qubits, &form.max_qubits) {
        (Some(qubits), None, None) => Ok(QubitsLaw::Exact(sampler(qubits, &key("qubits"))?)),
        (None, Some(least), Some(largest)) => {
            Ok(QubitsLaw::Range(sampler(least, &key("min_qubits"))?, sampler(largest, &key("max_qubits"))?))
        }
        (None, None, None) => match topology.fixed_qubits() {
            Some(fixed) => Ok(QubitsLaw::Exact(sampler(&Draw::Constant(fixed), at)?)),
            None => Err(Problem::new(at, "the template does not say how many qubits; hint: add `qubits: 5`")),
        },
        (None, Some(_), None) | (None, None, Some(_)) => {
            Err(Problem::new(at, "min_qubits and max_qubits belong together; hint: or give `qubits`"))
        }
        (Some(_), ..) => Err(Problem::new(key("qubits"), "`qubits` excludes min_qubits and max_qubits")),
    }
}

fn outcome_law(file: &OutcomesFile, at: &str) -> Result<OutcomeLaw, Problem> {
    let total = file.cancelled + file.error;
    let fits = |share: f64| (0.0..=1.0).contains(&share);
    if !(fits(file.cancelled) && fits(file.error) && fits(total)) {
        // The template's own, or else the workload's: the place is found by what exists.
        let own = format!("{at}.outcomes");
        return Err(Problem::new(own, "the shares of outcomes lie outside of 0 to 1, or sum to more than 1"));
    }
    Ok(OutcomeLaw {
        cancelled: file.cancelled,
        cancel_after: sampler(&file.cancel_after, &format!("{at}.outcomes.cancel_after"))?,
        error: file.error,
    })
}

/// What contradicts itself, is not honoured, or can never run on this fleet.
fn check(template: &Template, form: &JobTemplate, at: &str, fleet: &[FleetDevice]) -> Result<(), Problem> {
    let key = |key: &str| format!("{at}.{key}");
    let mut request = template.base.clone();
    if let Some(id) = request.preferred_devices.iter().find(|id| request.excluded_devices.contains(id)) {
        let name = fleet.get(id.index()).map_or("", |device| &device.spec.name);
        return Err(Problem::new(
            key("excluded_devices"),
            format!("device {name} is both preferred and excluded"),
        ));
    }
    if request.isolation.buffer_distance.is_some_and(|distance| distance > 16) {
        return Err(Problem::new(key("isolation.buffer_distance"), "buffer_distance is above 16"));
    }
    // The largest draw may contradict a shape of fixed size where the smallest does not.
    let sizes = match &template.qubits {
        QubitsLaw::Exact(law) => vec![(law.range().0, law.range().0), (law.range().1, law.range().1)],
        QubitsLaw::Range(least, largest) => vec![(least.range().0, largest.range().1)],
    };
    for (min, max) in sizes {
        (request.min_qubits, request.max_qubits) = (min, max);
        request.validate().map_err(|error| contradiction(error, form, at))?;
        // Rings that are too small become lines; any other contradiction of a shape to choose from is one.
        for (index, shape) in template.topology.iter().flat_map(TopologyLaw::shapes).enumerate() {
            let drawn = JobRequest { topology: shape.clone(), ..request.clone() };
            if let Err(error @ Contradiction::NotScalable { .. }) = drawn.validate() {
                return Err(Problem::new(key(&format!("topology.choice.{index}")), error.to_string()));
            }
        }
    }
    if let Some(demand) = request.unsupported() {
        let name = demand_key(demand);
        return Err(Problem::new(
            key(name),
            format!("{demand} is not honoured by this version; hint: leave it out"),
        ));
    }
    placeable(template, form, at, fleet)
}

fn contradiction(error: Contradiction, form: &JobTemplate, at: &str) -> Problem {
    let name = match error {
        Contradiction::NoQubits | Contradiction::EmptyRange { .. } if form.qubits.is_none() => "min_qubits",
        Contradiction::NoQubits | Contradiction::EmptyRange { .. } => "qubits",
        Contradiction::ShapeSize { .. }
        | Contradiction::RingTooSmall { .. }
        | Contradiction::NotScalable { .. } => "topology",
        Contradiction::NothingToDo if form.redundancy == 0 => "redundancy",
        Contradiction::NothingToDo => match form.shots.as_ref().map(Sampler::new) {
            Some(Ok(shots)) if shots.range().0 > 0 => "circuits",
            _ => "shots",
        },
        Contradiction::NoProbability { field } => field.0,
        Contradiction::PreferredAndExcluded { .. } => "excluded_devices",
        Contradiction::DependsOnItself | Contradiction::TooManyDependencies { .. } => "",
    };
    let problem = Problem::new(format!("{at}.{name}"), error.to_string());
    match error {
        Contradiction::NoQubits | Contradiction::NothingToDo => {
            problem.hint("the least value that can be drawn counts: a distribution may need `min: 1`")
        }
        _ => problem,
    }
}

fn demand_key(demand: Demand) -> &'static str {
    match demand {
        Demand::CheckpointInterval => "checkpoint_interval",
        Demand::Redundancy => "redundancy",
    }
}

/// Refuses a template of which not even the smallest job fits on an empty device; larger draws are rejected one by
/// one when they arrive, which is a result.
fn placeable(
    template: &Template,
    form: &JobTemplate,
    at: &str,
    fleet: &[FleetDevice],
) -> Result<(), Problem> {
    let base = &template.base;
    let live =
        |device: &FleetDevice| device.spec.calibration.qubits.iter().filter(|qubit| !qubit.dead).count();
    let allowed: Vec<&FleetDevice> =
        fleet.iter().filter(|device| !base.excluded_devices.contains(&device.id)).collect();
    let Some(largest) = allowed.iter().max_by_key(|device| live(device)) else {
        return Err(Problem::new(format!("{at}.excluded_devices"), "every device of the fleet is excluded"));
    };
    let asked = base.min_qubits;
    let key = if form.qubits.is_some() {
        "qubits"
    } else if form.min_qubits.is_some() {
        "min_qubits"
    } else {
        "topology"
    };
    if asked as usize > live(largest) {
        let message = format!(
            "the job asks for at least {asked} qubits, but the largest device it may use, {}, has {}",
            largest.spec.name,
            live(largest)
        );
        return Err(
            Problem::new(format!("{at}.{key}"), message).hint("add a larger device, or ask for fewer qubits")
        );
    }
    // Others can be routed, if the allocator is set to do so.
    let must_embed = base.max_swap_operations == Some(0);
    if !must_embed || template.topology.is_some() || asked > MAX_CHECKED_QUBITS {
        return Ok(());
    }
    let needed = Pattern::new(&base.topology, asked).max_degree();
    let degree = |device: &FleetDevice| {
        let map = &device.spec.coupling_map;
        (0..map.qubits() as u32)
            .map(|qubit| map.neighbours(crate::quantum::PhysicalQubit(qubit)).len())
            .max()
            .unwrap_or(0)
    };
    let best = allowed.iter().map(|device| degree(device)).max().unwrap_or(0);
    if needed > best {
        let message = format!(
            "the shape needs a qubit with {needed} neighbours, but no qubit of the devices it may use has more than {best}"
        );
        return Err(Problem::new(format!("{at}.topology"), message)
            .hint("use an all-to-all device, another shape, or fewer qubits, or allow SWAP operations"));
    }
    Ok(())
}

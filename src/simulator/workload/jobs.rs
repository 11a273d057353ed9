//! What jobs ask for: templates chosen by weight, their attributes drawn from the job's own stream.
//!
//! Promises that a job depends on (seed, replication, job number) alone; its time of arrival moves its deadline and
//! nothing else. Leaves the checks of templates to the scenario, and run times other than the job's own to the
//! hardware model.

use super::distribution::{Sampler, zipf_weights};
use super::variates::{WeightedIndex, uniform};
use crate::allocator::protocol::{ARRAY_MAX, JobId, JobRequest, Tenant, Topology};
use crate::random::{Purpose, Stream, StreamFamily};
use crate::time::{Span, Time};

/// Weighted templates and the tenants that submit them.
#[derive(Debug, Clone, PartialEq)]
pub struct JobMix {
    templates: Vec<Template>,
    index: WeightedIndex,
    tenants: Option<TenantLaw>,
}

/// A job request with laws for what differs from job to job.
///
/// Drawn in this order: tenant, qubits, topology, circuits, shots, depth, execution time, walltime, longest wait,
/// deadline, outcome, jobs at once.
#[derive(Debug, Clone, PartialEq)]
pub struct Template {
    /// Name, for results.
    pub name: String,
    /// Everything that is the same for all jobs of the template.
    pub base: JobRequest,
    /// How many such jobs come at once; `None` for one.
    pub array: Option<Sampler<u32>>,
    /// Number of qubits.
    pub qubits: QubitsLaw,
    /// The name under which the circuit of `base` was given, if it has one.
    pub circuit: Option<String>,
    /// Shapes to choose from; `None` for that of `base`.
    pub topology: Option<TopologyLaw>,
    /// Number of circuits.
    pub circuits: Sampler<u32>,
    /// Shots per circuit.
    pub shots: Sampler<u64>,
    /// Layers per circuit.
    pub depth: Sampler<u32>,
    /// Nobody said how many: the depth is [`DEFAULT_DEPTH`](super::DEFAULT_DEPTH).
    pub depth_assumed: bool,
    /// The job's own time on the device.
    pub execution_time: Option<Sampler<Span>>,
    /// The stated walltime.
    pub estimate: EstimateLaw,
    /// Longest time in the queue.
    pub max_wait_time: Option<Sampler<Span>>,
    /// Time from arrival to the deadline.
    pub deadline: Option<Sampler<Span>>,
    /// Whether the tenant is drawn, or that of `base`.
    pub draws_tenant: bool,
    /// How jobs end; `None` for always completed.
    pub outcomes: Option<OutcomeLaw>,
}

/// How many qubits a job asks for.
#[derive(Debug, Clone, PartialEq)]
pub enum QubitsLaw {
    /// Exactly so many.
    Exact(Sampler<u32>),
    /// Between two draws; the second is raised to the first where it is lower.
    Range(Sampler<u32>, Sampler<u32>),
}

/// Shapes by weight. A ring of fewer than 3 qubits becomes a line.
#[derive(Debug, Clone, PartialEq)]
pub struct TopologyLaw {
    index: WeightedIndex,
    shapes: Vec<Topology>,
}

/// The walltime that a job states.
#[derive(Debug, Clone, PartialEq)]
pub enum EstimateLaw {
    /// None.
    None,
    /// So many times the time it will take.
    TimesExecution(Sampler<f64>),
    /// Drawn by itself.
    Span(Sampler<Span>),
}

/// How jobs end.
#[derive(Debug, Clone, PartialEq)]
pub struct OutcomeLaw {
    /// Share of jobs that are withdrawn.
    pub cancelled: f64,
    /// After which time.
    pub cancel_after: Sampler<Span>,
    /// Share of jobs that end with an error of their own.
    pub error: f64,
}

/// Who submits: users by rank, groups and projects by user.
#[derive(Debug, Clone, PartialEq)]
pub struct TenantLaw {
    activity: WeightedIndex,
    groups: u32,
    projects: u32,
    first: u32,
}

/// A job as it arrives.
#[derive(Debug, Clone, PartialEq)]
pub struct GeneratedJob {
    /// What it asks for; `estimated_duration` is filled in unless `walltime_factor` says how.
    pub request: JobRequest,
    /// So many jobs come that are like it, itself included, with the numbers after its own.
    pub array: u32,
    /// Index of its template in the mix of its source, see [`JobMix::template_names`].
    pub template: u32,
    /// Its own time on the device, for the run-time model `distribution`.
    pub execution_time: Option<Span>,
    /// The stated walltime is so many times the time the job will take, which the driver knows.
    pub walltime_factor: Option<f64>,
    /// How it ends if nothing else happens to it.
    pub outcome: PlannedOutcome,
}

/// How a job ends if nothing else happens to it.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum PlannedOutcome {
    /// It does all its shots.
    Completes,
    /// It ends with an error of its own after this share of its run time, in 0..1. Every attempt does.
    FailsAt(f64),
    /// Its owner withdraws it this long after its arrival; one that has ended by then ended as it did.
    CancelledAfter(Span),
}

impl TenantLaw {
    /// `users` users, numbered from `first` on, whose activity falls with rank as 1 / rank^`zipf`; `None` for no users or a senseless exponent.
    pub fn new(users: u32, groups: u32, projects: u32, zipf: f64, first: u32) -> Option<Self> {
        let activity = zipf_weights(users, zipf)?;
        (groups > 0 && projects > 0).then_some(Self { activity, groups, projects, first })
    }

    /// The number of the first user, group and project.
    pub fn first(&self) -> u32 {
        self.first
    }

    fn draw(&self, stream: &mut Stream) -> Tenant {
        let user = self.activity.draw(stream) as u32;
        let (group, project) = (user % self.groups, user % self.projects);
        Tenant { user: self.first + user, group: self.first + group, project: self.first + project }
    }
}

impl TopologyLaw {
    /// Shapes with weights; `None` when no weight is above zero.
    pub fn new(shapes: Vec<(Topology, f64)>) -> Option<Self> {
        let index = WeightedIndex::new(shapes.iter().map(|shape| shape.1))?;
        Some(Self { index, shapes: shapes.into_iter().map(|shape| shape.0).collect() })
    }

    /// The shapes to choose from.
    pub fn shapes(&self) -> impl Iterator<Item = &Topology> {
        self.shapes.iter()
    }

    fn draw(&self, qubits: u32, stream: &mut Stream) -> Topology {
        match &self.shapes[self.index.draw(stream)] {
            Topology::Ring if qubits < 3 => Topology::Line,
            shape => shape.clone(),
        }
    }
}

impl OutcomeLaw {
    fn draw(&self, stream: &mut Stream) -> PlannedOutcome {
        let u = uniform(stream);
        if u < self.cancelled {
            PlannedOutcome::CancelledAfter(self.cancel_after.draw(stream))
        } else if u < self.cancelled + self.error {
            PlannedOutcome::FailsAt(uniform(stream))
        } else {
            PlannedOutcome::Completes
        }
    }
}

impl Template {
    fn draw_array(&self, stream: &mut Stream) -> u32 {
        self.array.as_ref().map_or(1, |law| law.draw(stream).clamp(1, ARRAY_MAX))
    }
}

impl JobMix {
    /// Templates with their weights; `None` when no weight is above zero.
    pub fn new(templates: Vec<(Template, f64)>, tenants: Option<TenantLaw>) -> Option<Self> {
        let index = WeightedIndex::new(templates.iter().map(|template| template.1))?;
        Some(Self { templates: templates.into_iter().map(|template| template.0).collect(), index, tenants })
    }

    /// The templates, in order.
    pub fn templates(&self) -> &[Template] {
        &self.templates
    }

    /// Whose jobs they are whose templates do not say so.
    pub fn tenants(&self) -> Option<&TenantLaw> {
        self.tenants.as_ref()
    }

    /// Whether any template leaves open whose its jobs are.
    pub fn draws_tenants(&self) -> bool {
        self.templates.iter().any(|template| template.draws_tenant)
    }

    /// Names of all templates, for results.
    pub fn template_names(&self) -> Vec<String> {
        self.templates.iter().map(|template| template.name.clone()).collect()
    }

    /// How many jobs come with an arrival, on average; roughly, where that is drawn.
    pub fn jobs_per_arrival(&self) -> f64 {
        const SAMPLE: u32 = 1_000;
        if self.templates.iter().all(|template| template.array.is_none()) {
            return 1.0;
        }
        let mut stream = StreamFamily::new(0, 0, Purpose::JobAttributes).stream(0, 0);
        let mut one = || self.templates[self.index.draw(&mut stream)].draw_array(&mut stream);
        let total: u64 = (0..SAMPLE).map(|_| u64::from(one())).sum();
        total as f64 / f64::from(SAMPLE)
    }

    /// The job with number `number`, which is also its id; `streams` are those of
    /// [`crate::random::Purpose::JobAttributes`].
    pub fn draw(&self, streams: &StreamFamily, number: u64, arrival: Time) -> GeneratedJob {
        let mut stream = streams.stream(number, 0);
        let stream = &mut stream;
        let choice = self.index.draw(stream);
        let template = &self.templates[choice];
        let mut request = template.base.clone();
        request.id = JobId(number);
        if template.draws_tenant
            && let Some(tenants) = &self.tenants
        {
            request.tenant = tenants.draw(stream);
        }
        (request.min_qubits, request.max_qubits) = match &template.qubits {
            QubitsLaw::Exact(law) => {
                let qubits = law.draw(stream);
                (qubits, qubits)
            }
            QubitsLaw::Range(least, largest) => {
                let least = least.draw(stream);
                (least, largest.draw(stream).max(least))
            }
        };
        if let Some(law) = &template.topology {
            request.topology = law.draw(request.min_qubits, stream);
        }
        request.circuits = template.circuits.draw(stream);
        request.shots = template.shots.draw(stream);
        request.depth = template.depth.draw(stream);
        let execution_time = template.execution_time.as_ref().map(|law| law.draw(stream));
        let mut walltime_factor = None;
        match &template.estimate {
            EstimateLaw::None => {}
            EstimateLaw::TimesExecution(law) => walltime_factor = Some(law.draw(stream)),
            EstimateLaw::Span(law) => request.estimated_duration = Some(law.draw(stream)),
        }
        request.max_wait_time = template.max_wait_time.as_ref().map(|law| law.draw(stream));
        request.deadline = template.deadline.as_ref().map(|law| arrival + law.draw(stream));
        let outcome = match &template.outcomes {
            Some(law) => law.draw(stream),
            None => PlannedOutcome::Completes,
        };
        let array = template.draw_array(stream);
        GeneratedJob { request, array, template: choice as u32, execution_time, walltime_factor, outcome }
    }
}

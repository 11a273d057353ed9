//! What a scenario says, as far as the checker needs it: devices, kinds of jobs, settings.
//!
//! Promises plain numbers and names, so that the checks neither call the allocator nor share a line with the auditor.
//! Leaves distances to a search of its own over all couplers, dead ones included.

use std::collections::BTreeMap;

use resource_manager::allocator::config::{
    Aging, Between, FairShare, OrderWeights, Queue, Retry, Starts, Strategy, WalltimeEstimate,
    WalltimeExceeded,
};
use resource_manager::allocator::protocol::{
    Elasticity, ElementLimits, IsolationLevel, JobRequest, Topology,
};
use resource_manager::quantum::PhysicalQubit;
use resource_manager::quantum::coupling_map::CouplingMap;
use resource_manager::quantum::hardware::failures::{Effect, FailureConfig, TargetConfig};
use resource_manager::quantum::hardware::runtime::RuntimeModel;
use resource_manager::simulator::scenario::{Scenario, WarmUp};
use resource_manager::simulator::workload::jobs::{QubitsLaw, Template};

/// Farther than any buffer asks for.
pub const FAR: u32 = u32::MAX;

pub struct Device {
    pub name: String,
    pub qubits: usize,
    /// Fleet-wide number of its first qubit.
    pub offset: usize,
    pub couplers: Vec<(usize, usize)>,
    pub distance: Vec<Vec<u32>>,
    pub dead: Vec<bool>,
    /// All elements alive and all qubits in one piece, as far as the first figures say.
    pub whole: bool,
    pub tasks_max: Option<usize>,
    pub separation: u32,
    pub reconfiguration_ns: u64,
    pub joins_ns: u64,
    pub leaves_ns: Option<u64>,
    /// When qubits and couplers are down that a scenario names with an instant: element, from, until.
    pub planned: Vec<(Element, u64, u64)>,
}

#[derive(Clone, Copy, PartialEq)]
pub enum Element {
    Qubit(usize),
    Coupler(usize),
}

/// A kind of jobs.
pub struct Kind {
    pub excluded: Vec<String>,
    pub buffer: u32,
    pub guard_ns: u64,
    pub size_max: u32,
    pub copies: bool,
    /// Any region of any device will do.
    pub easy: bool,
    pub patience_ns: Option<(u64, u64)>,
}

#[derive(Clone, Copy, PartialEq)]
pub enum Line {
    Global,
    PerDevice,
    /// A head that waits for a number of qubits only.
    Counting,
}

pub struct World {
    pub devices: Vec<Device>,
    pub kinds: BTreeMap<String, Kind>,
    pub line: Line,
    pub skip_ahead: u64,
    /// Whether starts are promised.
    pub promises: bool,
    /// Whether those come first who have used least: an order that no text tells.
    pub usage_counts: bool,
    /// Whether anybody has a share, by which fairness is measured.
    pub shares_count: bool,
    /// Whether anybody may have only so much.
    pub quotas: bool,
    /// Whether anybody may use only so much in a period.
    pub periods: bool,
    /// Whether jobs that state no walltime are taken to run so long as an estimate says.
    pub estimates: bool,
    pub order: &'static str,
    pub order_weights: OrderWeights,
    /// Time for one step of priority, and most steps.
    pub aging_ns: Option<(u64, Option<u32>)>,
    /// Jobs of whom need not be kept apart: of all who have these columns in common, from the group on; 0: of nobody.
    pub party_columns: usize,
    pub reject_if_late: bool,
    pub retries_on_events: bool,
    pub when_empty: bool,
    pub fixed_regions: bool,
    pub steady: bool,
    pub patient_search: bool,
    pub attempts_max: u64,
    pub waiting_max: Option<u64>,
    /// Longest time by which an attempt may run beyond its walltime; `None` if it may run on.
    pub overrun_ns: Option<u64>,
    /// Time that is added to walltimes.
    pub grace_ns: u64,
    pub run_time_ns: Option<u64>,
    pub warm_up: WarmUp,
    /// What the shortest calibration takes.
    pub calibration_ns: u64,
}

impl World {
    pub fn of(scenario: &Scenario) -> Self {
        let mut offset = 0;
        let devices = scenario.fleet.iter().map(|device| {
            let spec = &device.spec;
            let qubits = spec.coupling_map.qubits();
            let couplers = spec.coupling_map.couplers().iter();
            let couplers: Vec<(usize, usize)> = couplers.map(|(a, b)| (a.index(), b.index())).collect();
            let distance = distances(qubits, &couplers);
            let figures = &spec.calibration;
            let dead: Vec<bool> =
                figures.qubits.iter().map(|one| one.dead || one.readout_error >= 0.5).collect();
            let broken = figures.couplers.iter().any(|one| one.dead || one.two_qubit_error >= 0.5);
            let whole = !broken && !dead.contains(&true) && distance[0].iter().all(|steps| *steps != FAR);
            offset += qubits;
            Device {
                name: spec.name.clone(),
                qubits,
                offset: offset - qubits,
                couplers,
                distance,
                dead,
                whole,
                tasks_max: spec.limits.max_concurrent_tasks.map(|most| most as usize),
                separation: spec.limits.min_qubit_separation,
                reconfiguration_ns: spec.limits.reconfiguration_time.0,
                joins_ns: device.joins.0,
                leaves_ns: device.leaves.map(|leaves| leaves.0),
                planned: planned(scenario, &spec.name, &spec.coupling_map),
            }
        });
        let devices: Vec<Device> = devices.collect();
        let allocator = &scenario.allocator;
        let (line, skip_ahead, promises) = match allocator.queue {
            Queue::Global { skip_ahead, promises } => (Line::Global, skip_ahead, promises),
            Queue::PerDevice { skip_ahead, promises, head_of_line } => {
                let counting = format!("{head_of_line:?}") == "Count";
                (if counting { Line::Counting } else { Line::PerDevice }, skip_ahead, promises)
            }
        };
        let drift = &scenario.hardware.drift;
        let slow = |failure: &FailureConfig| {
            let effect = match failure {
                FailureConfig::At(one) => one.effect,
                FailureConfig::Every(one) => one.effect,
                FailureConfig::Mtbf(one) => one.effect,
                FailureConfig::Flapping(one) => one.effect,
            };
            matches!(effect, Effect::Slow(_))
        };
        Self {
            kinds: kinds(scenario),
            devices,
            line,
            skip_ahead: u64::from(skip_ahead.unwrap_or(0)),
            promises: promises.is_some(),
            usage_counts: allocator.fair_share() != FairShare::Off,
            shares_count: allocator.shares_count(),
            quotas: allocator.tenants.quotas().any(|(_, quota)| !quota.is_none()),
            periods: allocator.tenants.quotas().any(|(_, quota)| quota.qubit_seconds.is_some()),
            estimates: allocator.walltime.estimate != WalltimeEstimate::None,
            order: allocator.order.name(),
            order_weights: allocator.order_weights,
            aging_ns: match allocator.priority_aging {
                Aging::Off => None,
                Aging::Every(span) => Some((span.0, None)),
                Aging::Capped { every, at_most } => Some((every.0, Some(at_most))),
            },
            party_columns: match allocator.isolation.between {
                Between::Jobs => 0,
                Between::Groups => 1,
                Between::Projects => 2,
                Between::Users => 3,
            },
            reject_if_late: allocator.reject_if_late,
            retries_on_events: matches!(allocator.retry, Retry::Event),
            when_empty: allocator.starts == Starts::WhenEmpty,
            fixed_regions: allocator.strategy == Strategy::FixedRegions,
            steady: !drift.enabled && drift.measurement_noise == 0.0,
            patient_search: allocator.placement_budget >= 1000,
            attempts_max: u64::from(allocator.max_attempts),
            waiting_max: allocator.max_queue_length.map(u64::from),
            grace_ns: allocator.walltime.grace.0,
            overrun_ns: (allocator.walltime.exceeded == WalltimeExceeded::Stop)
                .then_some(allocator.walltime.grace.0 + allocator.stop_timeout.0),
            run_time_ns: match scenario.hardware.runtime {
                RuntimeModel::Fixed(span) if !scenario.failures.iter().any(slow) => Some(span.0),
                _ => None,
            },
            warm_up: scenario.warm_up,
            calibration_ns: scenario.calibration.duration.range().0.0,
        }
    }

    pub fn device(&self, name: &str) -> Option<usize> {
        self.devices.iter().position(|device| device.name == name)
    }
}

/// The kinds of jobs by name; names that two lists share say nothing and are left out, and so are replayed jobs.
fn kinds(scenario: &Scenario) -> BTreeMap<String, Kind> {
    let mut kinds = BTreeMap::new();
    let mut mixes = Vec::new();
    for source in &scenario.workload.sources {
        if !mixes.iter().any(|mix| std::sync::Arc::ptr_eq(mix, &source.mix)) {
            mixes.push(source.mix.clone());
        }
    }
    let mut twice = Vec::new();
    for template in mixes.iter().flat_map(|mix| mix.templates()) {
        if kinds.insert(template.name.clone(), kind(template, scenario)).is_some() {
            twice.push(template.name.clone());
        }
    }
    kinds.retain(|name, _| !twice.contains(name));
    kinds
}

/// The outages at a given instant of a named element of a device.
fn planned(scenario: &Scenario, name: &str, map: &CouplingMap) -> Vec<(Element, u64, u64)> {
    let mut outages = Vec::new();
    for failure in &scenario.failures {
        let FailureConfig::At(one) = failure else { continue };
        if !one.devices.is_empty() && !one.devices.iter().any(|device| device == name || device == "*") {
            continue;
        }
        let element = match one.target {
            TargetConfig::Qubit(qubit) => Some(Element::Qubit(qubit as usize)),
            TargetConfig::Coupler(a, b) => {
                map.coupler(PhysicalQubit(a), PhysicalQubit(b)).map(|id| Element::Coupler(id.index()))
            }
            _ => None,
        };
        if let (Effect::Down, Some(element)) = (one.effect, element) {
            let until = one.duration.map_or(u64::MAX, |duration| one.time.0 + duration.0);
            outages.push((element, one.time.0, until));
        }
    }
    outages
}

fn kind(template: &Template, scenario: &Scenario) -> Kind {
    let base: &JobRequest = &template.base;
    let asked = &base.isolation;
    let config = &scenario.allocator.isolation;
    let (buffer, guard) = match asked.level.unwrap_or(config.default_level) {
        IsolationLevel::Weak => (0, 0),
        IsolationLevel::Medium => (config.buffer_distance, 0),
        IsolationLevel::Strong => (config.buffer_distance.max(2), config.guard.0),
    };
    let named = |id: &resource_manager::quantum::DeviceId| scenario.fleet[id.index()].spec.name.clone();
    let free = base.limits.bits() == ElementLimits::NONE.bits()
        && base.fidelity_requirement.is_none()
        && base.min_success_probability.is_none()
        && base.noise_budget.is_none()
        && asked.max_crosstalk.is_none();
    Kind {
        excluded: base.excluded_devices.iter().map(named).collect(),
        buffer: asked.buffer_distance.unwrap_or(buffer),
        guard_ns: asked.temporal_separation.map_or(guard, |span| span.0),
        size_max: match &template.qubits {
            QubitsLaw::Exact(law) => law.range().1,
            QubitsLaw::Range(_, largest) => largest.range().1,
        },
        copies: base.elasticity == Elasticity::Copies,
        easy: free && template.topology.is_none() && matches!(base.topology, Topology::Any),
        patience_ns: template.max_wait_time.as_ref().map(|law| {
            let (least, largest) = law.range();
            (least.0, largest.0)
        }),
    }
}

fn distances(qubits: usize, couplers: &[(usize, usize)]) -> Vec<Vec<u32>> {
    let mut neighbours = vec![Vec::new(); qubits];
    for &(a, b) in couplers {
        neighbours[a].push(b);
        neighbours[b].push(a);
    }
    let from = |start: usize| {
        let mut steps = vec![FAR; qubits];
        steps[start] = 0;
        let mut rim = vec![start];
        let mut distance = 0;
        while !rim.is_empty() {
            distance += 1;
            let mut next = Vec::new();
            for &near in rim.iter().flat_map(|qubit| &neighbours[*qubit]) {
                if steps[near] == FAR {
                    steps[near] = distance;
                    next.push(near);
                }
            }
            rim = next;
        }
        steps
    };
    (0..qubits).map(from).collect()
}

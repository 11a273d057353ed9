//! The independent checker: replays the events of a run on books of its own and says what does not fit.
//!
//! Promises findings by kind, from the texts of the traces and the scenario's own devices alone. Leaves columns and
//! metrics, which are computed from the same books, to [`super::accounts`].

mod promises;

use std::collections::{BTreeMap, BTreeSet};

use super::tables::{JobRow, Row, interval_set};
use super::world::{Element, Line, World};
use resource_manager::allocator::config::OrderWeights;
use resource_manager::allocator::protocol::WaitCause;
use resource_manager::time::Span;

use promises::Promise;

/// What does not fit: its kind, for shrinking and counting, and the particulars.
#[derive(Debug, Clone, PartialEq)]
pub struct Finding {
    pub kind: &'static str,
    pub text: String,
}

/// Where a job stands.
#[derive(Debug, Clone, PartialEq)]
pub enum Phase {
    /// Others must end first.
    Dependent {
        since: u64,
    },
    Waiting {
        since: u64,
    },
    Running {
        allocation: u64,
    },
    Ended {
        state: &'static str,
        at: u64,
        sequence: u64,
    },
}

/// A job as the events tell of it.
#[derive(Debug)]
pub struct Job {
    pub submitted: u64,
    /// When it had nobody to wait for any more; never: the end of time.
    pub ready: u64,
    pub submission: u64,
    pub queue: String,
    pub phase: Phase,
    pub attempts: u64,
    pub first_start: Option<u64>,
    pub last_start: Option<u64>,
    /// When its last attempt ended.
    pub let_go: Option<u64>,
    pub device: Option<usize>,
    pub held: Vec<usize>,
    pub copies: u64,
    pub routed: bool,
    pub waits: Vec<(u64, u64)>,
    /// From, until, and number of qubits.
    pub runs: Vec<(u64, u64, u64)>,
    pub detail: String,
}

struct Hold {
    allocation: u64,
    job: u64,
    qubits: Vec<usize>,
    buffer: u32,
    guard_ns: u64,
    party: Option<Vec<String>>,
    since: u64,
    /// When it is taken to end.
    ends: Option<u64>,
}

/// A device as the events tell of it.
struct Site {
    present: bool,
    online: bool,
    offline: bool,
    calibrating: bool,
    calibrating_since: u64,
    qubit_down: Vec<bool>,
    coupler_down: Vec<bool>,
    recalibrated: bool,
    holds: Vec<Hold>,
    guarded_until: Vec<u64>,
    /// The same for those of the party whose jobs rest.
    guarded_from_fellows_until: Vec<u64>,
    rests_of: Vec<Option<Vec<String>>>,
    guards: BTreeMap<u64, Vec<usize>>,
    fence: Option<u64>,
    settled: u64,
    service_ns: u128,
    held_ns: u128,
}

/// The books at the end of a run.
pub struct Books {
    pub jobs: BTreeMap<u64, Job>,
    pub requeues: Vec<u64>,
    pub findings: Vec<Finding>,
    /// Qubit-time in service and held per device, from the beginning of the measured interval.
    pub service_ns: Vec<u128>,
    pub held_ns: Vec<u128>,
    /// Whether it is known which qubits were alive all the time.
    pub service_known: bool,
    /// What happened that a scenario can ask for.
    pub seen: BTreeSet<&'static str>,
    pub from: Option<(u64, u64)>,
    pub ended: u64,
}

/// What the table of jobs says of a job as it came.
pub struct Facts {
    /// Its kind.
    pub name: String,
    /// Least number of qubits.
    pub least: u64,
    pub priority: i64,
    pub walltime: Option<u64>,
    /// From submission on.
    pub deadline: Option<u64>,
    /// Those that must have ended before it, and those that must have completed.
    pub follows: [Vec<u64>; 2],
    /// Its group, its project and its user.
    tenant: [String; 3],
}

impl Facts {
    /// What it is worth in the order by weights, the least first, in points times nanoseconds per hour.
    fn points(&self, weights: OrderWeights, submitted: i128) -> i128 {
        let hour = 3_600_000_000_000_i128;
        let due = submitted + self.deadline.map_or(720 * hour, |within| (720 * hour).min(within.into()));
        let runs = self.walltime.map_or(24 * hour, |walltime| (24 * hour).min(walltime.into()));
        let waited = i128::from(weights.age) * submitted + i128::from(weights.deadline) * due;
        let per_unit = i128::from(weights.priority) * i128::from(self.priority)
            + i128::from(weights.qubits) * i128::from(self.least);
        waited - per_unit * hour - i128::from(weights.walltime) * runs
    }

    /// What it takes at least, as far as it says.
    fn least_time(&self) -> u64 {
        self.walltime.unwrap_or(0).max(1)
    }

    /// How long it may wait to be in time.
    fn spare(&self) -> Option<u64> {
        Some(self.deadline?.saturating_sub(self.least_time()))
    }

    pub fn of(row: &JobRow) -> Self {
        Self {
            name: row.text("workload_name").to_owned(),
            least: row.number("requested_number_of_resources"),
            priority: row.text("priority").parse().expect("every job has a priority"),
            walltime: row.time("requested_time"),
            deadline: row.time("deadline"),
            follows: ["after", "after_success"]
                .map(|column| row.text(column).split(' ').filter_map(|id| id.parse().ok()).collect()),
            tenant: ["group", "project", "user"].map(|column| row.text(column).to_owned()),
        }
    }
}

pub struct Checker<'w> {
    world: &'w World,
    /// From the table of jobs.
    of_jobs: BTreeMap<u64, Facts>,
    sites: Vec<Site>,
    jobs: BTreeMap<u64, Job>,
    allocations: BTreeSet<u64>,
    ended: BTreeMap<u64, (usize, Vec<usize>)>,
    requeues: Vec<u64>,
    findings: Vec<Finding>,
    seen: BTreeSet<&'static str>,
    now: u64,
    from: Option<(u64, u64)>,
    /// Jobs that started at this instant, in order.
    starters: Vec<u64>,
    /// What waiting jobs are promised.
    promises: BTreeMap<u64, Promise>,
    /// Jobs that were put back at this instant: they come too late for its first pass.
    returned: Vec<u64>,
}

impl<'w> Checker<'w> {
    pub fn new(world: &'w World, of_jobs: BTreeMap<u64, Facts>) -> Self {
        let sites = world.devices.iter().map(|device| Site {
            present: false,
            online: false,
            offline: true,
            calibrating: false,
            calibrating_since: 0,
            qubit_down: vec![false; device.qubits],
            coupler_down: vec![false; device.couplers.len()],
            recalibrated: false,
            holds: Vec::new(),
            guarded_until: vec![0; device.qubits],
            guarded_from_fellows_until: vec![0; device.qubits],
            rests_of: vec![None; device.qubits],
            guards: BTreeMap::new(),
            fence: None,
            settled: 0,
            service_ns: 0,
            held_ns: 0,
        });
        Self {
            world,
            of_jobs,
            sites: sites.collect(),
            jobs: BTreeMap::new(),
            allocations: BTreeSet::new(),
            ended: BTreeMap::new(),
            requeues: Vec::new(),
            findings: Vec::new(),
            seen: BTreeSet::new(),
            now: 0,
            from: None,
            starters: Vec::new(),
            promises: BTreeMap::new(),
            returned: Vec::new(),
        }
    }

    /// Takes all events, and ends at `ended`.
    pub fn run(mut self, rows: &[Row], ended: u64) -> Books {
        use resource_manager::simulator::scenario::WarmUp;
        let warm_up = self.world.warm_up;
        if matches!(warm_up, WarmUp::None | WarmUp::Auto) {
            self.from = Some((0, 0));
        }
        for (number, row) in (0..).zip(rows) {
            if row.sequence != number {
                self.find("sequence", format!("event {} stands at place {number}", row.sequence));
            }
            if row.at < self.now {
                self.find("time runs backwards", format!("event {number}"));
            } else if row.at > self.now {
                self.quiet();
                if let (None, WarmUp::Time(span)) = (self.from, warm_up)
                    && row.at >= span.0
                {
                    self.begin(span.0, number);
                }
                self.now = row.at;
            }
            if let (None, WarmUp::Jobs(jobs)) = (self.from, warm_up)
                && row.job == Some(jobs)
                && matches!(row.event.as_str(), "job_queued" | "job_rejected")
            {
                self.begin(row.at, number);
            }
            self.take(row);
        }
        self.quiet();
        if let (None, WarmUp::Time(span)) = (self.from, warm_up)
            && ended > span.0
        {
            self.begin(span.0, u64::MAX);
        }
        if ended < self.now {
            self.find("time runs backwards", "events after the end of the run".to_owned());
        }
        self.now = self.now.max(ended);
        (0..self.sites.len()).for_each(|site| self.settle(site, self.now));
        let known = |site: &Site| !site.recalibrated || self.world.steady;
        Books {
            service_known: self.sites.iter().all(known),
            service_ns: self.sites.iter().map(|site| site.service_ns).collect(),
            held_ns: self.sites.iter().map(|site| site.held_ns).collect(),
            jobs: self.jobs,
            requeues: self.requeues,
            findings: self.findings,
            seen: self.seen,
            from: self.from,
            ended: self.now,
        }
    }

    fn find(&mut self, kind: &'static str, text: String) {
        // A fault breeds others; the first ones are enough.
        if self.findings.len() < 100 {
            self.findings.push(Finding { kind, text: format!("at {} ns: {text}", self.now) });
        }
    }

    fn see(&mut self, what: &'static str, when: bool) {
        if when {
            self.seen.insert(what);
        }
    }

    /// The measured interval begins.
    fn begin(&mut self, at: u64, sequence: u64) {
        (0..self.sites.len()).for_each(|site| self.settle(site, at));
        self.from = Some((at, sequence));
        for site in &mut self.sites {
            (site.service_ns, site.held_ns) = (0, 0);
        }
    }

    /// Adds up qubit-time until `until`.
    fn settle(&mut self, index: usize, until: u64) {
        let device = &self.world.devices[index];
        let site = &mut self.sites[index];
        let time = u128::from(until.saturating_sub(site.settled));
        site.settled = site.settled.max(until);
        let open = site.present && !site.offline;
        let holds = |qubit: usize| site.holds.iter().any(|hold| hold.qubits.contains(&qubit));
        let serves = |qubit: usize| open && !device.dead[qubit] && !site.qubit_down[qubit] || holds(qubit);
        let service = (0..device.qubits).filter(|qubit| serves(*qubit)).count() as u128;
        let held = (0..device.qubits).filter(|qubit| holds(*qubit)).count() as u128;
        site.service_ns += service * time;
        site.held_ns += held * time;
    }

    fn take(&mut self, row: &Row) {
        let device = self.world.device(&row.device);
        if !row.device.is_empty() && device.is_none() {
            return self.find("unknown device", format!("{} on `{}`", row.event, row.device));
        }
        if let Some(device) = device {
            self.settle(device, self.now);
        }
        match (row.event.as_str(), row.job, row.allocation, device) {
            ("device_registered", _, _, Some(device)) => self.registered(device),
            ("device_removed", _, _, Some(device)) => {
                let right = self.world.devices[device].leaves_ns == Some(self.now);
                let site = &mut self.sites[device];
                let was = std::mem::replace(&mut site.present, false);
                site.online = false;
                if !was || !right {
                    self.find("membership", format!("{} leaves", row.device));
                }
                self.see("device left", true);
            }
            ("recalibrated", _, _, Some(device)) => {
                let busy = !self.sites[device].holds.is_empty();
                let site = &self.sites[device];
                // Whoever was interrupted begins anew.
                let took = if site.calibrating { self.now - site.calibrating_since } else { 0 };
                if took < self.world.calibration_ns {
                    self.find("calibration too short", format!("{} takes {took} ns", row.device));
                }
                self.sites[device].recalibrated = true;
                if busy {
                    self.find("calibration of a busy device", row.device.clone());
                }
                self.see("recalibrated", true);
            }
            ("status_changed", _, _, Some(device)) => self.status(device, &row.detail),
            ("job_queued", Some(job), _, _) => self.queued(job, row),
            ("job_rejected", Some(job), _, _) => self.rejected(job, row),
            ("job_ready", Some(job), _, _) => self.ready(job, row),
            ("job_transferred", Some(job), _, _) => match self.jobs.get_mut(&job) {
                Some(known) if matches!(known.phase, Phase::Waiting { .. }) => {
                    known.queue.clone_from(&row.device);
                    self.promises.remove(&job);
                    self.see("transferred", true);
                }
                _ => self.illegal(job, row),
            },
            ("job_waited", Some(job), _, _) => self.waited(job, row),
            ("job_started", Some(job), Some(allocation), Some(device)) => {
                self.started(job, allocation, device, row);
            }
            ("job_requeued", Some(job), Some(allocation), _) => self.requeued(job, allocation, row),
            ("job_finished", Some(job), Some(_), _) => self.over(job, "completed", row),
            ("job_failed", Some(job), Some(_), _) => self.failed(job, row),
            ("job_cancelled", Some(job), _, _) => {
                self.see("cancelled while waiting", row.allocation.is_none());
                self.cancelled_for(job, row);
                self.see("cancelled while running", row.allocation.is_some());
                self.over(job, "cancelled", row);
            }
            ("job_expired", Some(job), _, _) => self.expired(job, row),
            ("stop_requested", Some(job), Some(allocation), _) => {
                let runs = self.jobs.get(&job).map(|known| &known.phase);
                if runs != Some(&Phase::Running { allocation }) {
                    self.illegal(job, row);
                }
                self.see("stopped at the walltime", row.detail == "Walltime");
            }
            ("guard_started", _, Some(allocation), Some(device)) => self.guard(allocation, device),
            ("guard_ended", _, Some(allocation), Some(device)) => {
                self.sites[device].guards.remove(&allocation);
            }
            ("calibration_requested", ..) => self.see("calibration requested", true),
            ("outage", ..) => {
                self.see("outage", true);
                self.see("slow", row.detail.contains("Slow"));
                self.see("drift jump", row.detail.contains("Drift"));
                let ends = self.jobs.values().any(|job| job.let_go == Some(self.now));
                self.see("outage at the end of a job", ends);
            }
            ("start_promised", Some(job), _, Some(device)) => self.promised(job, device, row),
            ("promise_moved", Some(job), ..) => self.moved(job, device, row),
            ("shots_credited", ..) => {}
            _ => self.find("malformed event", format!("{} {}", row.event, row.detail)),
        }
    }

    fn registered(&mut self, device: usize) {
        let right = self.world.devices[device].joins_ns == self.now;
        let site = &mut self.sites[device];
        let was = std::mem::replace(&mut site.present, true);
        (site.online, site.offline, site.calibrating) = (true, false, false);
        if was || !right {
            self.find("membership", format!("device {device} joins"));
        }
        self.see("device joined later", self.now > 0);
    }

    fn status(&mut self, device: usize, detail: &str) {
        if !self.sites[device].present {
            self.find("membership", format!("status of absent device {device}"));
        }
        let (target, change) = detail.split_once(": ").unwrap_or(("", detail));
        let to = change.split(' ').nth(2).unwrap_or("");
        let down = to != "Online";
        let number = target.split(' ').nth(1).and_then(|number| number.parse::<usize>().ok());
        let site = &mut self.sites[device];
        match (target.split(' ').next(), number) {
            (Some("qubit"), Some(qubit)) if qubit < site.qubit_down.len() => site.qubit_down[qubit] = down,
            (Some("coupler"), Some(coupler)) if coupler < site.coupler_down.len() => {
                site.coupler_down[coupler] = down;
            }
            (Some(""), None) => {
                site.online = !down;
                site.offline = to == "Offline";
                site.calibrating = to == "Calibrating";
                if site.calibrating {
                    site.calibrating_since = self.now;
                }
            }
            _ => return self.find("malformed event", format!("status `{detail}`")),
        }
        let what = match target.split(' ').next() {
            Some("qubit") => "qubit down",
            Some("coupler") => "coupler down",
            _ if to == "Draining" => "draining",
            _ if to == "Offline" => "device down",
            _ => "status",
        };
        self.see(what, down);
    }

    fn illegal(&mut self, job: u64, row: &Row) {
        let state = self.jobs.get(&job).map(|known| known.phase.clone());
        self.find("illegal step", format!("{} of job {job}, which is {state:?}", row.event));
    }

    fn fresh(&self, row: &Row, phase: Phase) -> Job {
        Job {
            submitted: self.now,
            ready: self.now,
            submission: row.sequence,
            queue: row.device.clone(),
            phase,
            attempts: 0,
            first_start: None,
            last_start: None,
            let_go: None,
            device: None,
            held: Vec::new(),
            copies: 1,
            routed: false,
            waits: Vec::new(),
            runs: Vec::new(),
            detail: String::new(),
        }
    }

    fn queued(&mut self, job: u64, row: &Row) {
        if self.jobs.contains_key(&job) {
            return self.illegal(job, row);
        }
        if (self.world.line == Line::Global) != row.device.is_empty() {
            // A queue of a device may be unknown while no device is there that could take the job.
            let absent = self.world.line != Line::Global && row.device.is_empty();
            if !absent {
                self.find("wrong queue", format!("job {job} waits for `{}`", row.device));
            }
        }
        let fresh = match self.keepers(job).next() {
            None => self.fresh(row, Phase::Waiting { since: self.now }),
            Some(_) => Job { ready: u64::MAX, ..self.fresh(row, Phase::Dependent { since: self.now }) },
        };
        self.jobs.insert(job, fresh);
    }

    /// Those that have not ended and that a job must wait for.
    fn keepers(&self, job: u64) -> impl Iterator<Item = u64> + '_ {
        let live = |id: &u64| self.jobs.get(id).is_some_and(|job| !matches!(job.phase, Phase::Ended { .. }));
        self.of_jobs.get(&job).into_iter().flat_map(|facts| facts.follows.concat()).filter(live)
    }

    /// Those that should have completed before a job, and ended otherwise.
    fn breakers(&self, job: u64) -> impl Iterator<Item = u64> + '_ {
        let broken = |id: &u64| {
            let phase = self.jobs.get(id).map(|job| &job.phase);
            matches!(phase, Some(Phase::Ended { state, .. }) if *state != "completed")
        };
        self.of_jobs.get(&job).into_iter().flat_map(|facts| facts.follows[1].clone()).filter(broken)
    }

    fn ready(&mut self, id: u64, row: &Row) {
        let kept = self.keepers(id).next().or(self.breakers(id).next());
        if let Some(by) = kept {
            self.find("ready too early", format!("job {id}, which must wait for job {by}"));
        }
        let now = self.now;
        match self.jobs.get_mut(&id) {
            Some(job) if matches!(job.phase, Phase::Dependent { .. }) => {
                if let Phase::Dependent { since } = job.phase {
                    job.phase = Phase::Waiting { since };
                }
                job.ready = now;
                job.queue.clone_from(&row.device);
                self.see("waited for others", true);
            }
            _ => self.illegal(id, row),
        }
    }

    /// A job that is cancelled for another one.
    fn cancelled_for(&mut self, id: u64, row: &Row) {
        let said = row.detail.split(' ').nth(1).and_then(|by| by.parse::<u64>().ok());
        let right = said.is_none_or(|by| self.breakers(id).any(|breaker| breaker == by));
        if !right || said.is_none() != row.detail.is_empty() {
            self.find("cancelled for nothing", format!("job {id}: {}", row.detail));
        }
        self.see("cancelled for another job", said.is_some());
    }

    fn rejected(&mut self, job: u64, row: &Row) {
        let full = row.detail.contains("queue holds");
        let late = row.detail.contains("no longer end by its deadline");
        self.see("rejected: queue full", full);
        self.see("rejected: too late", late);
        self.see("rejected: too late while waiting", late && self.jobs.contains_key(&job));
        let broken = row.detail.contains("on whose success it depends");
        self.see("rejected: cannot be placed", !full && !late && !broken);
        if broken && self.breakers(job).next().is_none() {
            self.find("rejected for nothing", format!("job {job}: {}", row.detail));
        }
        if late {
            let submitted = self.jobs.get(&job).map_or(self.now, |known| known.submitted);
            let spare = self.of_jobs.get(&job).and_then(Facts::spare);
            // On arrival only if it has less than its walltime; while it waits, as soon as it has no more than that.
            let waited = self.now - submitted;
            let right = spare.is_some_and(|spare| match self.jobs.contains_key(&job) {
                true => waited == spare,
                false => self.of_jobs[&job].deadline < Some(self.of_jobs[&job].least_time()),
            });
            if !right || !self.world.reject_if_late {
                self.find(
                    "rejected as too late",
                    format!("job {job} after {waited} ns with {spare:?} to spare"),
                );
            }
        }
        if full && self.world.waiting_max.is_none() {
            self.find("rejected without a limit", format!("job {job}: {}", row.detail));
        }
        if self.jobs.contains_key(&job) {
            if self.jobs[&job].attempts > 0 {
                self.find("rejected after a start", format!("job {job}"));
            }
            return self.over(job, "rejected", row);
        }
        let phase = Phase::Ended { state: "rejected", at: self.now, sequence: row.sequence };
        let mut fresh = self.fresh(row, phase);
        fresh.detail.clone_from(&row.detail);
        self.jobs.insert(job, fresh);
    }

    fn started(&mut self, id: u64, allocation: u64, device: usize, row: &Row) {
        let Some(grant) = Grant::read(&row.detail) else {
            return self.find("malformed event", row.detail.clone());
        };
        let Some(job) = self.jobs.get_mut(&id) else { return self.illegal(id, row) };
        let Phase::Waiting { since } = job.phase else { return self.illegal(id, row) };
        job.waits.push((since, self.now));
        job.attempts += 1;
        let attempts = job.attempts;
        job.first_start = job.first_start.or(Some(self.now));
        job.last_start = Some(self.now);
        job.phase = Phase::Running { allocation };
        job.device = Some(device);
        job.held.clone_from(&grant.held);
        job.copies = grant.copies;
        job.routed = grant.routed;
        let waited = self.now > job.submitted;
        self.starters.push(id);
        if grant.attempt != attempts || attempts > self.world.attempts_max {
            self.find("attempts", format!("attempt {} of job {id} is its number {attempts}", grant.attempt));
        }
        if !self.allocations.insert(allocation) {
            self.find("allocation given twice", format!("{allocation}"));
        }
        for (what, when) in [
            ("waited", waited),
            ("started at once", !waited),
            ("several attempts", attempts > 1),
            ("copies", grant.copies > 1),
            ("routed", grant.routed),
            ("below a soft bound", grant.missed),
        ] {
            self.see(what, when);
        }
        self.check_promises(id, device, &grant);
        self.check_place(id, device, &grant);
        self.check_terms(id, device, &grant);
        self.check_neighbours(id, allocation, device, &grant);
        let (buffer, guard_ns) = self.promise(id, device);
        let (job, qubits, since, ends, party) = (id, grant.held, self.now, grant.ends, self.party(id));
        self.sites[device].holds.push(Hold { allocation, job, qubits, buffer, guard_ns, party, since, ends });
    }

    /// Buffer distance and guard that a job is promised on a device; those of replayed jobs only as far as the device asks.
    fn promise(&self, job: u64, device: usize) -> (u32, u64) {
        let device = &self.world.devices[device];
        let kind = self.of_jobs.get(&job).and_then(|facts| self.world.kinds.get(&facts.name));
        let (buffer, guard) = kind.map_or((0, 0), |kind| (kind.buffer, kind.guard_ns));
        (buffer.max(device.separation), guard.max(device.reconfiguration_ns))
    }

    /// Those whose jobs a job need not be kept apart from.
    fn party(&self, job: u64) -> Option<Vec<String>> {
        let tenant = &self.of_jobs.get(&job)?.tenant;
        let party = &tenant[..self.world.party_columns];
        // Number 0 names nobody.
        party.last().filter(|last| *last != "0").map(|_| party.to_vec())
    }

    /// Whether the qubits exist, are alive, and are as many and as connected as the job asks.
    fn check_place(&mut self, id: u64, index: usize, grant: &Grant) {
        let device = &self.world.devices[index];
        let site = &self.sites[index];
        let mut found = Vec::new();
        if let Some(qubit) = grant.held.iter().find(|qubit| **qubit >= device.qubits) {
            found.push(("no such qubit", format!("job {id} holds qubit {qubit} of {}", device.name)));
        }
        let inside = |qubit: &&usize| **qubit < device.qubits;
        for &qubit in grant.held.iter().filter(inside) {
            if site.qubit_down[qubit] || device.dead[qubit] && !site.recalibrated {
                found.push(("dead qubit", format!("job {id} holds qubit {qubit} of {}", device.name)));
            }
        }
        // What the scenario says is down, whether or not anybody was told.
        let planned = device.planned.iter().filter(|(_, from, until)| *from < self.now && self.now < *until);
        let planned: Vec<Element> = planned.map(|(element, ..)| *element).collect();
        for &qubit in
            grant.held.iter().filter(inside).filter(|qubit| planned.contains(&Element::Qubit(**qubit)))
        {
            found.push((
                "dead qubit",
                format!("job {id} holds qubit {qubit} of {}, which failed", device.name),
            ));
        }
        let different: BTreeSet<usize> = grant.layout.iter().copied().collect();
        let held: BTreeSet<usize> = grant.held.iter().copied().collect();
        if different.len() != grant.layout.len() || !different.is_subset(&held) {
            found.push(("layout", format!("job {id} on {:?} holds {:?}", grant.layout, grant.held)));
        }
        let size = grant.layout.len() as u64;
        if let Some(Facts { name, least, .. }) = self.of_jobs.get(&id) {
            let kind = self.world.kinds.get(name);
            let most = kind.map_or(u64::MAX, |kind| u64::from(kind.size_max));
            let fits = match kind.is_some_and(|kind| kind.copies) {
                true => size == least * grant.copies && size <= most.max(*least),
                false => grant.copies == 1 && (*least..=most.max(*least)).contains(&size),
            };
            if !fits {
                found.push(("size", format!("job {id} asks for {least} to {most}, gets {size}")));
            }
            let more = size > *least;
            if more {
                self.seen.insert("more than the least size");
            }
        }
        let alive = |a: usize, b: usize| {
            let ends = |pair: &(usize, usize)| *pair == (a, b) || *pair == (b, a);
            device.couplers.iter().position(ends).is_some_and(|coupler| {
                !site.coupler_down[coupler] && !planned.contains(&Element::Coupler(coupler))
            })
        };
        let copy_size = (grant.layout.len() / grant.copies.max(1) as usize).max(1);
        for layout in grant.layout.chunks(copy_size) {
            let region = if grant.copies > 1 { layout } else { &grant.held[..] };
            let mut reached = vec![region[0]];
            let mut next = 0;
            while next < reached.len() {
                let more = region.iter().filter(|to| !reached.contains(to) && alive(reached[next], **to));
                let more: Vec<usize> = more.copied().collect();
                reached.extend(more);
                next += 1;
            }
            if reached.len() < region.len() {
                found.push(("not connected", format!("job {id} on {region:?} of {}", device.name)));
            }
        }
        found.into_iter().for_each(|(kind, text)| self.find(kind, text));
    }

    /// Limits of the device, and who may run there.
    fn check_terms(&mut self, id: u64, index: usize, grant: &Grant) {
        let device = &self.world.devices[index];
        let site = &self.sites[index];
        let mut found = Vec::new();
        if !(site.present && site.online) {
            found.push(("not in service", format!("job {id} starts on {}", device.name)));
        }
        let running = site.holds.len() + 1;
        if device.tasks_max.is_some_and(|most| running > most) {
            found.push(("too many at a time", format!("{running} jobs on {}", device.name)));
        }
        if site.fence.is_some_and(|last| grant.fence <= last) {
            found.push(("fence", format!("{} after {:?} on {}", grant.fence, site.fence, device.name)));
        }
        if self.world.when_empty && site.holds.iter().any(|hold| hold.since < self.now) {
            found.push(("not empty", format!("job {id} starts on {}", device.name)));
        }
        let kind = self.of_jobs.get(&id).and_then(|facts| self.world.kinds.get(&facts.name));
        if kind.is_some_and(|kind| kind.excluded.contains(&device.name)) {
            found.push(("excluded device", format!("job {id} starts on {}", device.name)));
        }
        let limited = device.tasks_max == Some(running);
        self.sites[index].fence = self.sites[index].fence.max(Some(grant.fence));
        self.see("as many as allowed", limited);
        self.see("several jobs on a device", running > 1);
        found.into_iter().for_each(|(kind, text)| self.find(kind, text));
    }

    /// Qubits held twice, buffers and guards.
    fn check_neighbours(&mut self, id: u64, allocation: u64, index: usize, grant: &Grant) {
        let device = &self.world.devices[index];
        let (own, _) = self.promise(id, index);
        let party = self.party(id);
        let held: Vec<usize> = grant.held.iter().copied().filter(|qubit| *qubit < device.qubits).collect();
        let site = &self.sites[index];
        let mut found = Vec::new();
        for hold in &site.holds {
            let pairs = held
                .iter()
                .flat_map(|a| hold.qubits.iter().filter(|b| **b < device.qubits).map(move |b| (*a, *b)));
            let near = pairs.map(|(a, b)| device.distance[a][b]).min().unwrap_or(u32::MAX);
            let fellows = party.is_some() && party == hold.party;
            let needed = if fellows { device.separation } else { own.max(hold.buffer) };
            if fellows && near > needed && near <= own.max(hold.buffer) {
                self.seen.insert("fellows within a buffer");
            }
            let both = format!("jobs {id} ({allocation}) and {} ({})", hold.job, hold.allocation);
            if near == 0 {
                found.push(("held twice", format!("{both} on {}", device.name)));
            } else if near <= needed {
                found.push(("buffer", format!("{both}: distance {near}, promised are {needed} idle qubits")));
            }
            if needed > 0 {
                self.seen.insert("a buffer between two jobs");
            }
        }
        for &qubit in &held {
            let fellows = party.is_some() && party == site.rests_of[qubit];
            let until = if fellows { &site.guarded_from_fellows_until } else { &site.guarded_until };
            if self.now < until[qubit] {
                found.push(("guard", format!("job {id} holds qubit {qubit} of {} too early", device.name)));
            }
            if fellows && self.now < site.guarded_until[qubit] {
                self.seen.insert("handed on within a party");
            }
            if !fellows && site.guards.values().any(|guarded| guarded.contains(&qubit)) {
                found.push(("guard under way", format!("job {id} holds qubit {qubit} of {}", device.name)));
            }
        }
        found.into_iter().for_each(|(kind, text)| self.find(kind, text));
    }

    fn guard(&mut self, allocation: u64, device: usize) {
        let hold = self.sites[device].holds.iter().find(|hold| hold.allocation == allocation);
        let qubits = hold.map(|hold| hold.qubits.clone());
        let ended = self.ended.get(&allocation).filter(|(on, _)| *on == device);
        match qubits.or(ended.map(|(_, qubits)| qubits.clone())) {
            Some(qubits) => {
                self.sites[device].guards.insert(allocation, qubits);
            }
            None => self.find("guard of nobody", format!("allocation {allocation}")),
        }
        self.see("guard", true);
    }

    /// An attempt ends: its qubits are free, but for their guard.
    fn let_go(&mut self, id: u64, row: &Row) -> bool {
        let Some(job) = self.jobs.get_mut(&id) else { return false };
        let Phase::Running { allocation } = job.phase else { return false };
        if row.allocation != Some(allocation) {
            return false;
        }
        let index = job.device.expect("it runs somewhere");
        let since = job.last_start.unwrap_or(self.now);
        job.let_go = Some(self.now);
        job.runs.push((since, self.now, job.held.len() as u64));
        self.settle(index, self.now);
        let site = &mut self.sites[index];
        if let Some(place) = site.holds.iter().position(|hold| hold.allocation == allocation) {
            let hold = site.holds.remove(place);
            let (until, least) =
                (self.now + hold.guard_ns, self.now + self.world.devices[index].reconfiguration_ns);
            let qubits = site.guarded_until.len();
            for &qubit in hold.qubits.iter().filter(|qubit| **qubit < qubits) {
                let rested = site.guarded_until[qubit] <= self.now;
                if rested || site.rests_of[qubit] != hold.party {
                    site.rests_of[qubit] = hold.party.clone().filter(|_| rested);
                }
                site.guarded_until[qubit] = until.max(site.guarded_until[qubit]);
                site.guarded_from_fellows_until[qubit] = least.max(site.guarded_from_fellows_until[qubit]);
            }
            self.ended.insert(allocation, (index, hold.qubits));
        }
        true
    }

    fn requeued(&mut self, id: u64, _allocation: u64, row: &Row) {
        if !self.let_go(id, row) {
            return self.illegal(id, row);
        }
        self.requeues.push(row.sequence);
        self.returned.push(id);
        let now = self.now;
        let job = self.jobs.get_mut(&id).expect("it has just let go");
        job.queue.clone_from(&row.device);
        job.phase = Phase::Waiting { since: now };
        let attempts = job.attempts;
        if attempts >= self.world.attempts_max {
            self.find("attempts", format!("job {id} waits again after attempt {attempts}"));
        }
        self.see("requeued: device lost", row.detail == "DeviceLost");
        self.see("requeued: element lost", row.detail == "ElementLost");
    }

    fn failed(&mut self, id: u64, row: &Row) {
        let attempts = self.jobs.get(&id).map_or(0, |job| job.attempts);
        if row.detail == "TooManyAttempts" && attempts < self.world.attempts_max {
            self.find("attempts", format!("job {id} gives up after attempt {attempts}"));
        }
        self.see("failed: too many attempts", row.detail == "TooManyAttempts");
        self.see("failed: walltime", row.detail == "Walltime");
        self.see("failed: error", row.detail == "Execution");
        self.over(id, "failed", row);
    }

    fn expired(&mut self, id: u64, row: &Row) {
        let Some(job) = self.jobs.get(&id) else { return self.illegal(id, row) };
        let Phase::Waiting { .. } = job.phase else { return self.illegal(id, row) };
        let waited = self.now - job.ready;
        let name = self.of_jobs.get(&id).map_or("", |facts| facts.name.as_str());
        let patience = self.world.kinds.get(name).map(|kind| kind.patience_ns);
        let again = job.attempts > 0;
        if let Some(patience) = patience
            && !again
            && !patience.is_some_and(|(least, most)| (least..=most).contains(&waited))
        {
            self.find("expired early", format!("job {id} after {waited} ns of {patience:?}"));
        }
        self.over(id, "expired", row);
    }

    /// What a wait was for adds up to it.
    fn waited(&mut self, id: u64, row: &Row) {
        let phase = self.jobs.get(&id).map(|job| &job.phase);
        let Some(Phase::Waiting { since } | Phase::Dependent { since }) = phase else {
            return self.illegal(id, row);
        };
        let waits = self.now - since;
        let parts = row.detail.split(", ").map(|part| {
            let (cause, span) = part.split_once(' ')?;
            let known = WaitCause::ALL.iter().any(|(_, name)| *name == cause);
            span.parse::<Span>().ok().filter(|_| known).map(|span| span.0)
        });
        match parts.sum::<Option<u64>>() {
            Some(sum) if sum == waits => self.see("waited", true),
            _ => self.find("malformed event", format!("job {id} waited {waits} ns: {}", row.detail)),
        }
    }

    fn over(&mut self, id: u64, state: &'static str, row: &Row) {
        let now = self.now;
        match self.jobs.get(&id).map(|job| job.phase.clone()) {
            Some(Phase::Waiting { since } | Phase::Dependent { since }) if row.allocation.is_none() => {
                self.jobs.entry(id).and_modify(|job| job.waits.push((since, now)));
            }
            Some(Phase::Running { .. }) if self.let_go(id, row) => {}
            _ => return self.illegal(id, row),
        }
        let job = self.jobs.get_mut(&id).expect("it was there before");
        job.phase = Phase::Ended { state, at: now, sequence: row.sequence };
        job.detail.clone_from(&row.detail);
        self.promises.remove(&id);
        self.see(state, true);
    }

    /// All events of an instant are in: nothing may be left undone.
    fn quiet(&mut self) {
        self.check_kept();
        let mut found = Vec::new();
        for (site, device) in self.sites.iter().zip(&self.world.devices) {
            let lost = !site.present || site.offline || site.calibrating;
            for hold in &site.holds {
                if lost || hold.qubits.iter().any(|qubit| site.qubit_down.get(*qubit) == Some(&true)) {
                    found.push(("still running", format!("job {} on {}", hold.job, device.name)));
                }
            }
        }
        for (id, job) in &self.jobs {
            let depends = matches!(job.phase, Phase::Dependent { .. });
            if depends && (self.keepers(*id).next().is_none() || self.breakers(*id).next().is_some()) {
                found.push(("waits for nobody", format!("job {id}")));
            }
        }
        let waits = |job: &Job| matches!(job.phase, Phase::Waiting { .. } | Phase::Dependent { .. });
        let fresh = self.jobs.values().filter(|job| waits(job) && job.attempts == 0);
        let waiting = fresh.count() as u64;
        if self.world.waiting_max.is_some_and(|most| waiting > most) {
            found.push(("queue too long", format!("{waiting} wait")));
        }
        for (id, job) in self.jobs.iter().filter(|(_, job)| waits(job) && job.attempts == 0) {
            let kind = self.of_jobs.get(id).and_then(|facts| self.world.kinds.get(&facts.name));
            let patience = kind.and_then(|kind| kind.patience_ns);
            let is_ready = matches!(job.phase, Phase::Waiting { .. });
            if is_ready && patience.is_some_and(|(_, most)| self.now - job.ready > most) {
                found.push(("waits too long", format!("job {id}")));
            }
            let facts = self.of_jobs.get(id).filter(|_| self.world.reject_if_late);
            let spare = facts.and_then(Facts::spare);
            if spare.is_some_and(|spare| self.now - job.submitted >= spare) {
                found.push(("waits although it is too late", format!("job {id}")));
            }
        }
        let told = !self.world.usage_counts && !self.world.quotas;
        let strict = told && self.world.skip_ahead == 0 && !self.world.promises;
        if self.world.line == Line::Global && strict && self.world.retries_on_events {
            // Whoever waits since before this instant and stands before one that started has been overtaken.
            let last = self
                .starters
                .iter()
                .filter(|id| !self.returned.contains(id))
                .max_by_key(|id| self.rank(**id));
            let since = |job: &Job| {
                matches!(job.phase, Phase::Waiting { since } if since < self.now) && job.ready < self.now
            };
            // A head that no device could take even when empty blocks nobody.
            let mut overtaken = self.jobs.iter().filter(|(id, job)| {
                last.is_some_and(|last| self.rank(**id) < self.rank(*last))
                    && since(job)
                    && self.could_run(**id)
            });
            if let Some((id, _)) = overtaken.next() {
                found.push(("overtaken", format!("job {id} by job {last:?}")));
            }
        }
        found.into_iter().for_each(|(kind, text)| self.find(kind, text));
        self.check_liveness();
        self.see("several starts at an instant", self.starters.len() > 1);
        self.starters.clear();
        self.returned.clear();
    }

    /// Where a job stands in its queue; lower is earlier.
    fn rank(&self, id: u64) -> (i128, u64) {
        let key = self.of_jobs.get(&id).map_or(0, |facts| {
            let submitted = i128::from(self.jobs.get(&id).map_or(0, |job| job.submitted));
            let priority = i128::from(facts.priority);
            match (self.world.order, self.world.aging_ns) {
                ("fifo" | "fair_share", _) => 0,
                ("shortest_first", _) => facts.walltime.map_or(i128::MAX, i128::from),
                ("priority", None) => -priority,
                ("priority", Some((step, None))) => submitted - priority * i128::from(step),
                ("priority", Some((step, Some(most)))) => {
                    let (step, age) = (i128::from(step), i128::from(self.now) - submitted);
                    let cap = step * i128::from(most);
                    // Whoever comes to where others are kept passes them.
                    -2 * (priority * step + age.min(cap)) - i128::from(age < cap)
                }
                ("earliest_deadline", _) => {
                    facts.deadline.map_or(i128::MAX, |within| submitted + i128::from(within))
                }
                ("weighted", _) => facts.points(self.world.order_weights, submitted),
                (other, _) => panic!("the checker does not know the order {other}"),
            }
        });
        (key, id)
    }

    /// Whether one job may come before another one: where usage counts, every other one.
    pub(super) fn may_precede(&self, one: u64, other: u64) -> bool {
        one != other && (self.world.usage_counts || self.rank(one) < self.rank(other))
    }

    /// Whether some device could take a job for sure if it were empty.
    fn could_run(&self, id: u64) -> bool {
        let Some(Facts { name, least, .. }) = self.of_jobs.get(&id) else { return false };
        let Some(kind) = self.world.kinds.get(name).filter(|kind| kind.easy) else { return false };
        self.sites.iter().zip(&self.world.devices).any(|(site, device)| {
            site.present
                && device.whole
                && (self.world.steady || !site.recalibrated)
                && !site.qubit_down.contains(&true)
                && !site.coupler_down.contains(&true)
                && *least <= device.qubits as u64
                && !kind.excluded.contains(&device.name)
                && !self.world.fixed_regions
        })
    }

    /// No job waits that could start on an idle device: only such jobs and devices as leave no doubt.
    fn check_liveness(&mut self) {
        // Whom a quota stops waits beside idle devices.
        let quotas = self.world.quotas;
        if quotas || !self.world.retries_on_events || self.world.fixed_regions || !self.world.patient_search {
            return;
        }
        let waiting: Vec<(u64, &Job)> = self
            .jobs
            .iter()
            .filter(|(_, job)| matches!(job.phase, Phase::Waiting { .. }))
            .map(|(id, job)| (*id, job))
            .collect();
        if waiting.is_empty() {
            return;
        }
        let idle = |index: usize| {
            let (site, device) = (&self.sites[index], &self.world.devices[index]);
            let known = device.whole && (self.world.steady || !site.recalibrated);
            known
                && site.present
                && site.online
                && site.holds.is_empty()
                && site.guards.is_empty()
                && site.guarded_until.iter().all(|until| *until <= self.now)
                && !site.qubit_down.contains(&true)
                && !site.coupler_down.contains(&true)
        };
        let idle: Vec<usize> = (0..self.sites.len()).filter(|index| idle(*index)).collect();
        let mut found = None;
        let mut judged = false;
        for &(id, job) in &waiting {
            let Some(Facts { name, least, .. }) = self.of_jobs.get(&id) else { continue };
            let Some(kind) = self.world.kinds.get(name).filter(|kind| kind.easy) else { continue };
            let line = waiting.iter().filter(|(_, other)| other.queue == job.queue);
            let before = line.clone().filter(|(other, _)| self.may_precede(*other, id)).count() as u64;
            let looked_at = match self.world.line {
                Line::Counting => before == 0,
                _ => before == 0 || (line.count() as u64) <= self.world.skip_ahead,
            };
            judged |= looked_at;
            let fits = |index: &&usize| {
                let device = &self.world.devices[**index];
                *least <= device.qubits as u64
                    && !kind.excluded.contains(&device.name)
                    && (job.queue.is_empty() || job.queue == device.name)
                    // What is promised to somebody else may be in its way, whose walltime is not what it was then.
                    && !self.promises.iter().any(|(other, kept)| *other != id && kept.device == **index)
            };
            if let Some(index) = idle.iter().find(fits).filter(|_| looked_at) {
                found = Some(format!("job {id} waits, {} is idle", self.world.devices[*index].name));
                break;
            }
        }
        self.see("liveness judged", judged);
        if let Some(text) = found {
            self.find("waits beside an idle device", text);
        }
    }
}

/// What the detail of a start says.
struct Grant {
    attempt: u64,
    fence: u64,
    layout: Vec<usize>,
    held: Vec<usize>,
    copies: u64,
    routed: bool,
    missed: bool,
    /// When it is taken to end.
    ends: Option<u64>,
}

impl Grant {
    fn read(detail: &str) -> Option<Self> {
        let mut parts = detail.split(", ");
        let mut words = parts.next()?.split(' ');
        let mut after =
            |word: &str| if words.next()? == word { words.next()?.parse::<u64>().ok() } else { None };
        let (attempt, fence) = (after("attempt")?, after("fence")?);
        if words.next()? != "on" {
            return None;
        }
        let layout: Vec<usize> = words.map(|word| word.parse().ok()).collect::<Option<_>>()?;
        let mut held = layout.clone();
        held.sort_unstable();
        let mut grant =
            Self { attempt, fence, layout, held, copies: 1, routed: false, missed: false, ends: None };
        for part in parts {
            if let Some(set) = part.strip_prefix("holding") {
                grant.held = interval_set(set)?;
            } else if part.starts_with("to be routed") {
                grant.routed = true;
            } else if let Some(copies) = part.strip_suffix(" copies") {
                grant.copies = copies.parse().ok()?;
            } else if let Some(end) = part.strip_prefix("taken to end at ") {
                grant.ends = Some(end.parse::<Span>().ok()?.0);
            } else {
                grant.missed = true;
            }
        }
        (!grant.layout.is_empty()).then_some(grant)
    }
}

//! Promised starts as the texts tell them: nobody starts later, nobody enters what is promised to others, and what became
//! worse has a reason that can be seen.

use resource_manager::time::Span;

use super::super::tables::Row;
use super::{Checker, Grant, Job, Phase};

/// What a job is promised.
pub struct Promise {
    /// The latest start; `None`: when those who are there have ended.
    at: Option<u64>,
    pub device: usize,
    qubits: Vec<usize>,
    /// New at this instant.
    fresh: bool,
}

impl Promise {
    fn read(device: usize, text: &str) -> Option<Self> {
        let (when, qubits) = text.rsplit_once(" on ")?;
        let at = match when.strip_prefix("starts at ").and_then(|rest| rest.strip_suffix(" at the latest")) {
            Some(at) => Some(at.parse::<Span>().ok()?.0),
            None if when == "starts when those are free" => None,
            None => return None,
        };
        let qubits = qubits.split(' ').map(|qubit| qubit.parse().ok()).collect::<Option<Vec<usize>>>()?;
        Some(Self { at, device, qubits, fresh: true })
    }
}

impl Checker<'_> {
    pub(super) fn promised(&mut self, job: u64, device: usize, row: &Row) {
        let Some(promise) = Promise::read(device, &row.detail) else {
            return self.find("malformed event", format!("{} {}", row.event, row.detail));
        };
        let waits = self.jobs.get(&job).is_some_and(|job| matches!(job.phase, Phase::Waiting { .. }));
        if !waits || self.promises.contains_key(&job) || promise.at.is_some_and(|at| at < self.now) {
            self.find("senseless promise", format!("job {job}: {}", row.detail));
        }
        self.see("promise of an instant", promise.at.is_some());
        self.see("promise of a place", promise.at.is_none());
        self.promises.insert(job, promise);
    }

    pub(super) fn moved(&mut self, job: u64, device: Option<usize>, row: &Row) {
        let Some((cause, text)) = row.detail.split_once(": ") else {
            return self.find("malformed event", format!("{} {}", row.event, row.detail));
        };
        let promise = device.and_then(|device| Promise::read(device, text));
        if promise.is_none() && text != "nothing is promised" {
            return self.find("malformed event", format!("{} {}", row.event, row.detail));
        }
        let Some(old) = self.promises.remove(&job) else {
            return self.find("senseless promise", format!("job {job}: {}", row.detail));
        };
        let site = &self.sites[old.device];
        let over = old.at.is_some_and(|at| at <= self.now);
        let overdue = site.holds.iter().any(|hold| hold.ends.is_some_and(|ends| ends <= self.now));
        // Whoever has run beyond it may rest now.
        let rests = !site.guards.is_empty()
            || site.guarded_until.iter().any(|until| old.at.is_some_and(|at| *until > at));
        let waits = |job: &Job| matches!(job.phase, Phase::Waiting { .. });
        let behind = self.jobs.iter().any(|(id, other)| waits(other) && self.may_precede(*id, job));
        let no_later = promise.as_ref().is_some_and(|new| match (new.at, old.at) {
            (Some(new), Some(old)) => new <= old,
            (new, old) => new.is_some() || old.is_none(),
        });
        let (right, seen) = match cause {
            "it is no later" => (no_later, "promise moved forward"),
            "the device is not in service" => {
                // Tables tell of a device that leaves when it has left: at that instant, or when its last job has ended.
                let leaves = self.world.devices[old.device].leaves_ns.is_some_and(|at| at <= self.now);
                (leaves || !(site.present && site.online), "promise: device lost")
            }
            "a qubit or coupler is not in service" => (
                site.qubit_down.contains(&true) || site.coupler_down.contains(&true),
                "promise: element lost",
            ),
            "by new figures its qubits will not do" => (site.recalibrated, "promise: recalibrated"),
            "a job there runs beyond its walltime" => (overdue || rests, "promise: overrun"),
            "others are before it now" => (behind, "promise: order changed"),
            "those before it have what its quota allows" => {
                // Those who run may have used more than they were taken to.
                (self.world.quotas && behind || self.world.periods, "promise: quota reached")
            }
            "the search does not find the placement again" => (over, "promise: not found again"),
            _ => return self.find("malformed event", format!("{} {}", row.event, row.detail)),
        };
        if !right {
            self.find("promise worse", format!("job {job}: {}", row.detail));
        }
        self.see(seen, true);
        self.promises.extend(promise.map(|promise| (job, promise)));
    }

    /// Somebody starts: by its own promise in time, and not where others are promised to start while it is there.
    pub(super) fn check_promises(&mut self, id: u64, device: usize, grant: &Grant) {
        let own = self.promises.remove(&id);
        let mut found = Vec::new();
        if let Some(own) = &own
            && own.at.is_some_and(|at| at < self.now)
        {
            found.push(("promise broken", format!("job {id} was promised {:?}", own.at)));
        }
        self.see("promise kept early", own.is_some_and(|own| own.at.is_some_and(|at| at > self.now)));
        let (buffer, guard) = self.promise(id, device);
        let stated = self.of_jobs.get(&id).and_then(|facts| facts.walltime);
        let stated = stated.map(|walltime| self.now + walltime + self.world.grace_ns);
        let is_right = match (stated, grant.ends) {
            (Some(stated), ends) => !self.world.promises || ends == Some(stated),
            (None, ends) => ends.is_some() == (self.world.promises && self.world.estimates),
        };
        if !is_right {
            found.push((
                "end taken from nowhere",
                format!("job {id}: {:?}, stated are {stated:?}", grant.ends),
            ));
        }
        self.see("end by an estimate", stated.is_none() && grant.ends.is_some());
        let party = self.party(id);
        let site = &self.world.devices[device];
        let distance = &self.world.devices[device].distance;
        for (&job, kept) in self.promises.iter().filter(|(_, kept)| kept.device == device) {
            let fellows = party.is_some() && party == self.party(job);
            let needed = if fellows { site.separation } else { buffer.max(self.promise(job, device).0) };
            let guard = if fellows { site.reconfiguration_ns } else { guard };
            let ends = grant.ends.map(|ends| ends + guard);
            // Who waits for a place waits for those before as well.
            let behind = !self.world.usage_counts && self.rank(job) < self.rank(id);
            let there = kept.at.map_or(behind, |at| ends.is_none_or(|ends| ends > at));
            let mut pairs = grant.held.iter().flat_map(|a| kept.qubits.iter().map(move |b| (*a, *b)));
            let near = pairs.any(|(a, b)| {
                distance.get(a).and_then(|row| row.get(b)).is_some_and(|distance| *distance <= needed)
            });
            if there && near {
                found.push(("promise entered", format!("job {id} is where job {job} is promised to start")));
            }
        }
        let there = self.promises.values().any(|kept| kept.device == device);
        self.see("start beside a promise", there);
        found.into_iter().for_each(|(kind, text)| self.find(kind, text));
    }

    /// At the end of an instant: nobody who was promised to have started waits.
    pub(super) fn check_kept(&mut self) {
        let jobs = &self.jobs;
        self.promises
            .retain(|id, _| jobs.get(id).is_some_and(|job| matches!(job.phase, Phase::Waiting { .. })));
        let late =
            self.promises.iter().find(|(_, kept)| kept.at.is_some_and(|at| at <= self.now) && !kept.fresh);
        if let Some((job, kept)) = late {
            self.find("promise broken", format!("job {job} waits, but was promised {:?}", kept.at));
        }
        self.promises.values_mut().for_each(|kept| kept.fresh = false);
    }
}

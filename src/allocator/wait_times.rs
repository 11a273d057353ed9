//! How long each waiting job waited for what, to the nanosecond.
//!
//! Promises that the times of a job add up to its wait, and that a pass pays for the placement kinds and the jobs that it looks at,
//! not for all that wait: jobs that wait for the same form a group, whose time is counted once. Not part of the state, since
//! it does not follow from the events, but of a snapshot; tells it with [`Event::JobWaited`] when a wait ends. Leaves what keeps a
//! job to the scheduling pass.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::allocator::candidates::memo::{KindId, Memo};
use crate::allocator::protocol::{Event, JobId, JobState, WaitCause, Waited};
use crate::allocator::state::State;
use crate::allocator::state::jobs::Stage;
use crate::allocator::state::place::JobSlot;
use crate::quantum::DeviceId;
use crate::time::Time;

/// Nanoseconds for each cause. Differences of such sums are taken modulo 2^64.
type Sums = [u64; WaitCause::COUNT];

/// Jobs of one queue that wait for the same: those of one placement kind or, where jobs are not told apart, all.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct GroupKey {
    queue: Option<DeviceId>,
    kind: Option<KindId>,
}

#[derive(Debug)]
struct Group {
    cause: WaitCause,
    since: Time,
    /// Until `since`.
    sums: Sums,
    members: u32,
}

impl Group {
    fn at(&self, now: Time) -> Sums {
        let mut sums = self.sums;
        add(&mut sums, self.cause, self.since, now);
        sums
    }
}

fn add(sums: &mut Sums, cause: WaitCause, since: Time, until: Time) {
    let sum = &mut sums[cause.index()];
    *sum = sum.wrapping_add(until.0.saturating_sub(since.0));
}

#[derive(Debug, Clone, Copy)]
enum Counted {
    /// By itself: for a cause since an instant.
    Alone(WaitCause, Time),
    /// With its group; the sums are less than those of the group by what they were when it joined.
    With(GroupKey),
}

/// A waiting job.
#[derive(Debug)]
struct Member {
    sums: Sums,
    counted: Counted,
    /// The look at its queue in which it was found to wait for something of its own.
    looked: u64,
    /// The look after which it was listed.
    listed: u64,
}

impl Member {
    fn group(&self) -> Option<GroupKey> {
        match self.counted {
            Counted::With(key) => Some(key),
            Counted::Alone(..) => None,
        }
    }
}

/// What a waiting job has waited for so far, for a snapshot.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct SoFar {
    job: JobId,
    waited: Waited,
    /// What it waits for, and since when.
    cause: WaitCause,
    since: Time,
}

/// The books.
#[derive(Debug, Default)]
pub(super) struct WaitTimes {
    members: Vec<Option<Member>>,
    groups: BTreeMap<GroupKey, Group>,
    /// Who is counted alone, but may join a group at the next pass through its queue. Some have gone since.
    alone: BTreeMap<Option<DeviceId>, Vec<JobSlot>>,
    /// How often anybody has looked.
    looks: u64,
}

/// A pass through a queue writes down what those wait for who stay.
pub(super) struct Looked<'w> {
    times: &'w mut WaitTimes,
    queue: Option<DeviceId>,
    now: Time,
    /// Whether those of a kind wait for the same; else everybody does.
    by_kind: bool,
    /// Who was alone before, or is now.
    alone: Vec<JobSlot>,
}

impl WaitTimes {
    /// Books of a state that was folded: for what its jobs waited so far, nobody knows.
    pub fn resume(state: &State, now: Time) -> Self {
        let mut times = Self::default();
        for (slot, job) in state.jobs().iter() {
            let Some(wait) = job.wait() else { continue };
            let mut sums = Sums::default();
            add(&mut sums, WaitCause::Unrecorded, wait.since, now);
            times.begin(slot, sums, cause_of_itself(job.stage(), now), now, wait.queue);
        }
        times
    }

    /// The books of a snapshot; `None` if they are not those of the state.
    pub fn restore(saved: &[SoFar], state: &State) -> Option<Self> {
        let mut times = Self::default();
        for SoFar { job, waited, cause, since } in saved {
            let (slot, found) = state.find(*job)?;
            let wait = found.wait()?;
            let adds_up = since.0.checked_sub(wait.since.0) == Some(waited.total().0);
            let fits =
                adds_up && waited.is_proper() && times.member(slot).is_none() && *since <= state.agenda().now;
            let mut sums = Sums::default();
            waited.iter().for_each(|(cause, span)| sums[cause.index()] = span.0);
            times.begin(slot, sums, *cause, *since, wait.queue);
            if !fits {
                return None;
            }
        }
        (saved.len() == state.waiting_len()).then_some(times)
    }

    /// What everybody has waited for so far, for a snapshot.
    pub fn save(&self, state: &State) -> Vec<SoFar> {
        let now = state.agenda().now;
        let waiting = state.jobs().iter().filter_map(|(slot, job)| Some((job, self.member(slot)?)));
        let so_far = waiting.map(|(job, member)| {
            let (sums, cause, since) = match member.counted {
                Counted::Alone(cause, since) => (member.sums, cause, since),
                Counted::With(key) => {
                    let cause = self.groups.get(&key).map_or(WaitCause::Pass, |group| group.cause);
                    (self.until(member, now), cause, now)
                }
            };
            SoFar { job: job.request.id, waited: Waited::from_nanoseconds(&sums), cause, since }
        });
        so_far.collect()
    }

    /// What a job waits for now; `None` when it does not wait.
    pub fn cause_of(&self, slot: JobSlot) -> Option<WaitCause> {
        Some(match self.member(slot)?.counted {
            Counted::Alone(cause, _) => cause,
            Counted::With(key) => self.groups.get(&key)?.cause,
        })
    }

    /// What a job has waited for so far; `None` when it does not wait.
    pub fn so_far(&self, slot: JobSlot, now: Time) -> Option<Waited> {
        Some(Waited::from_nanoseconds(&self.until(self.member(slot)?, now)))
    }

    /// What is told before an event that ends a wait: for what the job waited, if it waited for any time.
    pub fn before(&mut self, now: Time, event: &Event, state: &State) -> Option<Event> {
        let job = match event {
            Event::JobStarted { allocation } => allocation.job,
            Event::JobCancelled { job, allocation: None, .. } | Event::JobExpired { job, .. } => *job,
            Event::JobRejected { job, .. } => job.id,
            _ => return None,
        };
        let (slot, _) = state.find(job)?;
        let member = self.members.get_mut(slot.0 as usize)?.take()?;
        let waited = Waited::from_nanoseconds(&self.until(&member, now));
        self.leave(&member);
        (waited.total().0 > 0).then_some(Event::JobWaited { job, waited })
    }

    /// Follows what has happened.
    pub fn after(&mut self, now: Time, event: &Event, state: &State) {
        match event {
            Event::JobQueued { job, .. } => self.comes(now, job.id, state),
            Event::JobRequeued { job, .. } => self.comes(now, *job, state),
            // Whoever no device could take waits for that, whenever it is tried.
            Event::RetrySet { job, .. }
                if state.find(*job).and_then(|(slot, _)| self.cause_of(slot))
                    == Some(WaitCause::Unplaceable) => {}
            Event::JobHeld { job }
            | Event::JobReleased { job }
            | Event::JobReady { job, .. }
            | Event::JobTransferred { job, .. }
            | Event::RetrySet { job, .. } => {
                let Some((slot, job)) = state.find(*job) else { return };
                self.set(slot, cause_of_itself(job.stage(), now), now, job.queue());
            }
            // Who is looked at how may be another matter from now on.
            Event::Reconfigured { .. } => {
                let waiting = state.jobs().iter().filter(|(_, job)| job.wait().is_some());
                let waiting: Vec<(JobSlot, Stage)> = waiting.map(|(slot, job)| (slot, job.stage())).collect();
                for (slot, stage) in waiting {
                    self.set(slot, cause_of_itself(stage, now), now, state.jobs()[slot].queue());
                }
            }
            _ => {}
        }
    }

    /// A pass has gone through a queue, in which those of a kind wait for the same (`by_kind`), or else everybody does, but those
    /// of whom it says otherwise.
    pub fn look(&mut self, now: Time, queue: Option<DeviceId>, by_kind: bool) -> Looked<'_> {
        self.looks += 1;
        let alone = self.alone.remove(&queue).unwrap_or_default();
        Looked { times: self, queue, now, by_kind, alone }
    }

    fn member(&self, slot: JobSlot) -> Option<&Member> {
        self.members.get(slot.0 as usize)?.as_ref()
    }

    /// The sums of a job until now.
    fn until(&self, member: &Member, now: Time) -> Sums {
        let mut sums = member.sums;
        match member.counted {
            Counted::Alone(cause, since) => add(&mut sums, cause, since, now),
            Counted::With(key) => {
                let of_group = self.groups.get(&key).map(|group| group.at(now)).unwrap_or_default();
                sums.iter_mut().zip(of_group).for_each(|(own, group)| *own = own.wrapping_add(group));
            }
        }
        sums
    }

    fn comes(&mut self, now: Time, job: JobId, state: &State) {
        let Some((slot, job)) = state.find(job) else { return };
        self.begin(slot, Sums::default(), cause_of_itself(job.stage(), now), now, job.queue());
    }

    fn begin(&mut self, slot: JobSlot, sums: Sums, cause: WaitCause, since: Time, queue: Option<DeviceId>) {
        let index = slot.0 as usize;
        if self.members.len() <= index {
            self.members.resize_with(index + 1, || None);
        }
        self.members[index] =
            Some(Member { sums, counted: Counted::Alone(cause, since), looked: 0, listed: 0 });
        // Whoever is held, or depends on others, no pass looks at.
        if !matches!(cause, WaitCause::Held | WaitCause::Dependency) {
            self.alone.entry(queue).or_default().push(slot);
        }
    }

    /// From now on a job is counted alone.
    fn set(&mut self, slot: JobSlot, cause: WaitCause, now: Time, queue: Option<DeviceId>) {
        let Some(member) = self.members.get_mut(slot.0 as usize).and_then(Option::take) else { return };
        let sums = self.until(&member, now);
        self.leave(&member);
        self.begin(slot, sums, cause, now, queue);
    }

    /// Whoever is counted alone already waits for something else from now on.
    fn alone_for(&mut self, slot: JobSlot, cause: WaitCause, now: Time) {
        let Some(member) = self.member(slot) else { return };
        let sums = self.until(member, now);
        if let Some(member) = &mut self.members[slot.0 as usize] {
            (member.sums, member.counted) = (sums, Counted::Alone(cause, now));
        }
    }

    fn join(&mut self, slot: JobSlot, key: GroupKey, now: Time) {
        let Some(member) = self.members.get_mut(slot.0 as usize).and_then(Option::take) else { return };
        let mut sums = self.until(&member, now);
        let new = Group { cause: WaitCause::Pass, since: now, sums: Sums::default(), members: 0 };
        let group = self.groups.entry(key).or_insert(new);
        group.members += 1;
        sums.iter_mut().zip(group.at(now)).for_each(|(own, group)| *own = own.wrapping_sub(group));
        self.members[slot.0 as usize] =
            Some(Member { sums, counted: Counted::With(key), looked: 0, listed: 0 });
    }

    fn leave(&mut self, member: &Member) {
        let Some(key) = member.group() else { return };
        if let Some(group) = self.groups.get_mut(&key) {
            group.members -= 1;
            if group.members == 0 {
                self.groups.remove(&key);
            }
        }
    }
}

impl Looked<'_> {
    /// Those of a kind or, where jobs are not told apart, all wait for this.
    ///
    /// Nobody joins a group before all of them are known.
    pub fn all_of(&mut self, kind: Option<KindId>, cause: WaitCause) {
        let (key, now) = (GroupKey { queue: self.queue, kind }, self.now);
        let new = Group { cause, since: now, sums: Sums::default(), members: 0 };
        let group = self.times.groups.entry(key).or_insert(new);
        if group.cause != cause {
            group.sums = group.at(now);
            (group.cause, group.since) = (cause, now);
        }
    }

    /// One of them waits for this.
    pub fn one(&mut self, slot: JobSlot, cause: WaitCause) {
        let look = self.times.looks;
        // Mostly nothing has changed, and a member is large to move.
        if let Some(Some(member)) = self.times.members.get_mut(slot.0 as usize)
            && matches!(member.counted, Counted::Alone(same, _) if same == cause)
        {
            member.looked = look;
            return;
        }
        let Some(mut member) = self.times.members.get_mut(slot.0 as usize).and_then(Option::take) else {
            return;
        };
        match member.counted {
            Counted::Alone(..) => {
                (member.sums, member.counted) =
                    (self.times.until(&member, self.now), Counted::Alone(cause, self.now));
            }
            Counted::With(_) => {
                let sums = self.times.until(&member, self.now);
                // Others may join it yet.
                if let Some(group) = member.group().and_then(|key| self.times.groups.get_mut(&key)) {
                    group.members -= 1;
                }
                (member.sums, member.counted) = (sums, Counted::Alone(cause, self.now));
                self.alone.push(slot);
            }
        }
        member.looked = look;
        self.times.members[slot.0 as usize] = Some(member);
    }

    /// Whoever is not known to wait for something of its own joins its group.
    pub fn finish(self, state: &State, memo: &mut Memo) {
        let Self { times, queue, now, by_kind, alone } = self;
        let look = times.looks;
        let mut stay = Vec::new();
        for slot in alone {
            let Some(member) = times.members.get_mut(slot.0 as usize).and_then(Option::as_mut) else {
                continue;
            };
            let job = &state.jobs()[slot];
            let Some(wait) = job.wait().filter(|wait| wait.queue == queue) else { continue };
            let is_new = std::mem::replace(&mut member.listed, look) != look;
            if !is_new
                || matches!(member.counted, Counted::With(_))
                || matches!(job.state(), JobState::Held | JobState::Dependent)
            {
                continue;
            }
            if member.looked == look {
                stay.push(slot);
                continue;
            }
            // At whoever stands far behind and is to be tried later, nobody looks.
            if wait.retry_at.is_some_and(|at| at > now) {
                stay.push(slot);
                if !matches!(member.counted, Counted::Alone(WaitCause::Retry, _)) {
                    times.alone_for(slot, WaitCause::Retry, now);
                }
                continue;
            }
            let kind = by_kind.then(|| memo.kind_of(slot, &job.request));
            times.join(slot, GroupKey { queue, kind }, now);
        }
        if !stay.is_empty() {
            times.alone.insert(queue, stay);
        }
        // Of some kinds nobody has joined.
        let of_queue = GroupKey { queue, kind: None }..=GroupKey { queue, kind: Some(KindId(u32::MAX)) };
        let empty = times.groups.range(of_queue).filter(|(_, group)| group.members == 0);
        let empty: Vec<GroupKey> = empty.map(|(key, _)| *key).collect();
        empty.iter().for_each(|key| {
            times.groups.remove(key);
        });
    }
}

/// What keeps a job whatever else there is, or that nothing does until the next pass.
fn cause_of_itself(stage: Stage, now: Time) -> WaitCause {
    match stage {
        Stage::Held(_) | Stage::Dependent { held: true, .. } => WaitCause::Held,
        Stage::Dependent { held: false, .. } => WaitCause::Dependency,
        Stage::Waiting(wait) | Stage::Counted(wait) if wait.retry_at.is_some_and(|at| at > now) => {
            WaitCause::Retry
        }
        _ => WaitCause::Pass,
    }
}

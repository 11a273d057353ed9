//! The core: a deterministic state machine that takes commands and answers with events.
//!
//! `handle` applies one command and never schedules; it marks a pass as due, which runs at the next [`Command::Wake`].
//! Promises that an error leaves the state unchanged and that the same commands give the same events, bit for bit.
//! Leaves clocks, names, storage and devices to its drivers.
//!
//! What is decided is an event, and events alone change the state ([`state`]): decide, then apply. Reading order:
//! [`protocol`], [`config`], [`state`] (what there is, and what events do to it), `lifecycle` and `scheduler` (what
//! is decided), [`candidates`] (which device can take a job), [`placement`] and [`isolation`].
#![deny(clippy::disallowed_types, clippy::disallowed_methods)]

mod admission;
pub mod candidates;
pub mod config;
pub mod explain;
pub mod isolation;
mod lifecycle;
pub mod order;
pub mod own;
pub mod placement;
pub mod protocol;
pub mod quality;
pub mod routed_program;
mod scheduler;
pub mod sizing;
pub mod state;
mod turn;
mod wait_times;
mod waiting;

use std::sync::Arc;

use candidates::judge::Judge;
use candidates::selection::DeviceSelector;
use config::AllocatorConfig;
use explain::{Obstacle, WaitReason};
use lifecycle::{dependencies, devices, expire, finish, hold, reconfigure, stop, submit, timers};
use order::job_order::JobOrder;
use placement::PlacementStrategy;
use placement::memory::MemoryUse;
use protocol::{Allocation, AllocationId, Answer, Command, CommandError, Event, JobId, WaitCause, Waited};
pub use scheduler::pass::PassTally;
use state::fleet::Device;
use state::jobs::Job;
use state::snapshot::{self, SnapshotError};
use state::{State, Timer};
use turn::Turn;
use wait_times::{SoFar, WaitTimes};

use crate::quantum::DeviceId;
use crate::random::StreamFamily;
use crate::time::Time;

/// The allocator. See the [module](self) for what it promises.
pub struct Allocator {
    state: State,
    judge: Judge,
    times: WaitTimes,
    last_pass: PassTally,
}

impl std::fmt::Debug for Allocator {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Allocator").field("state", &self.state).finish_non_exhaustive()
    }
}

impl Allocator {
    /// An allocator without devices. `draws` are the streams of its random choices.
    pub fn new(config: AllocatorConfig, draws: StreamFamily) -> Result<Self, config::ConfigError> {
        config.validate()?;
        let judge = Judge::new(&config, draws);
        let (times, last_pass) = (WaitTimes::default(), PassTally::default());
        Ok(Self { state: State::new(config), judge, times, last_pass })
    }

    /// Places with a strategy of the caller's own.
    #[must_use]
    pub fn with_strategy(mut self, strategy: Box<dyn PlacementStrategy>) -> Self {
        self.judge.use_strategy(strategy);
        self
    }

    /// Wraps the placement strategy in force, to watch it; the wrapper must answer as the strategy does.
    #[must_use]
    pub fn map_strategy(
        mut self,
        wrap: impl FnOnce(Box<dyn PlacementStrategy>) -> Box<dyn PlacementStrategy>,
    ) -> Self {
        self.judge = self.judge.map_strategy(wrap);
        self
    }

    /// Selects devices with a selector of the caller's own.
    #[must_use]
    pub fn with_selector(mut self, selector: Box<dyn DeviceSelector>) -> Self {
        self.judge.use_selector(selector);
        self
    }

    /// Orders waiting jobs by an order of the caller's own.
    #[must_use]
    pub fn with_order(mut self, order: Box<dyn JobOrder>) -> Self {
        self.judge.use_order(order);
        self
    }

    /// Handles one command at `now` and appends what was decided to `events`. On `Err` nothing changed.
    pub fn handle(
        &mut self,
        now: Time,
        command: Command,
        events: &mut Vec<Event>,
    ) -> Result<Answer, CommandError> {
        let last = self.state.agenda().now;
        if now < last {
            return Err(CommandError::TimeRunsBackwards { now, last });
        }
        self.judge.advance(now);
        let left = now > last && self.state.usage_leaves_after(last).is_some_and(|at| at <= now);
        let wakes = matches!(command, Command::Wake);
        self.state.look(now);
        if left && wakes {
            self.state.mark_all_queues_due();
        }
        let mut turn = Turn::new(now, &mut self.state, &mut self.judge, &mut self.times, events);
        let turn = &mut turn;
        let answer = match command {
            Command::RegisterDevice { device, spec } => devices::register(turn, device, spec),
            Command::RemoveDevice { device } => devices::remove(turn, device),
            Command::Recalibrate { device, calibration } => devices::recalibrate(turn, device, calibration),
            Command::SetStatus { target, status, reason } => {
                devices::set_status(turn, target, status, reason)
            }
            Command::Submit(request) => submit::submit(turn, request),
            Command::SubmitArray { first, count } => submit::submit_array(turn, &first, count),
            Command::Cancel { job } => stop::cancel(turn, job),
            Command::Hold { job } => hold::hold(turn, job),
            Command::ReleaseHold { job } => hold::release(turn, job),
            Command::Finished { allocation, outcome, shots_done } => {
                finish::finished(turn, allocation, outcome, shots_done)
            }
            Command::Progress { allocation, shots_done } => finish::progress(turn, allocation, shots_done),
            Command::StopAcknowledged { allocation, shots_done } => {
                stop::acknowledged(turn, allocation, shots_done)
            }
            Command::Reconfigure(config) => reconfigure::reconfigure(turn, config),
            Command::Wake => {
                timers::run(turn);
                dependencies::settle(turn);
                self.last_pass = scheduler::pass::run(turn);
                // Last, so that a job may still start at the very end of its patience, even if that is at once.
                expire::run(turn);
                Ok(Answer::Applied)
            }
        };
        if answer.is_err() {
            turn.state.look(last);
            return answer;
        }
        dependencies::settle(turn);
        if left && !wakes {
            self.state.mark_all_queues_due();
        }
        self.state.agenda_mut().now = now;
        answer
    }

    /// When to call again with [`Command::Wake`] if nothing else happens first.
    pub fn next_wakeup(&self) -> Option<Time> {
        let agenda = self.state.agenda();
        if agenda.is_due() {
            return Some(agenda.now);
        }
        let timer = agenda.timers.first().map(|(at, _)| *at);
        timer.into_iter().chain(self.usage_leaves()).min()
    }

    /// Whether nothing is planned but to try waiting jobs again.
    pub fn only_retries(&self) -> bool {
        let agenda = self.state.agenda();
        !agenda.is_due()
            && self.usage_leaves().is_none()
            && agenda.timers.iter().all(|(_, timer)| matches!(timer, Timer::Retry(_)))
    }

    /// When usage leaves a window or a period next, and waiting jobs may start for that.
    pub fn usage_leaves(&self) -> Option<Time> {
        self.state.usage_leaves_after(self.state.agenda().now)
    }

    /// The whole state, for [`Allocator::restore`].
    pub fn snapshot(&self) -> Vec<u8> {
        snapshot::write(&self.state, &self.times.save(&self.state), self.judge.draws())
    }

    /// A core with the state of a snapshot, the strategies that its configuration names, and empty caches.
    pub fn restore(bytes: &[u8]) -> Result<Self, SnapshotError> {
        let (state, so_far, draws) = snapshot::read::<Vec<SoFar>>(bytes)?;
        let foreign = || SnapshotError::Senseless("waits that are not those of its jobs".to_owned());
        let times = WaitTimes::restore(&so_far, &state).ok_or_else(foreign)?;
        let judge = Judge::new(state.config(), draws);
        Ok(Self { state, judge, times, last_pass: PassTally::default() })
    }

    /// A core with the state that events have folded to, the strategies that its configuration names, and empty caches.
    /// `now` is the time of the last command; everything is due.
    pub fn resume(mut state: State, now: Time, draws: StreamFamily) -> Self {
        state.look(now);
        state.renew_agenda(now);
        let judge = Judge::new(state.config(), draws);
        let times = WaitTimes::resume(&state, now);
        Self { state, judge, times, last_pass: PassTally::default() }
    }

    /// Another core that stands where this one does and goes its own way from here: as [`Self::restore`] of a snapshot, but
    /// without bytes. What the searches of `spent` remember, an earlier copy of this core, serves again. None where a
    /// strategy, selector or order was handed over as a value, which cannot be copied.
    pub fn fork(&self, spent: Option<Self>) -> Option<Self> {
        if self.judge.is_own() {
            return None;
        }
        let judge = match spent {
            Some(spent) => spent.judge.again(spent.state.config(), self.state.config()),
            None => Judge::new(self.state.config(), self.judge.draws()),
        };
        let times = WaitTimes::restore(&self.times.save(&self.state), &self.state)?;
        Some(Self { state: self.state.clone(), judge, times, last_pass: self.last_pass })
    }

    /// A hash of the state that the events fold to. Cores with equal hashes hold the same; whether they look at the same
    /// jobs next also depends on what is due.
    pub fn state_hash(&self) -> [u8; 32] {
        self.state.hash()
    }

    /// The state.
    pub fn state(&self) -> &State {
        &self.state
    }

    /// The configuration in force.
    pub fn config(&self) -> &AllocatorConfig {
        self.state.config()
    }

    /// What searches remember of earlier ones, and how often it helped.
    pub fn search_memory(&self) -> MemoryUse {
        self.judge.search_memory()
    }

    /// A device of the fleet.
    pub fn device(&self, id: DeviceId) -> Option<&Device> {
        self.state.fleet().get(id)
    }

    /// All devices in order of their numbers.
    pub fn devices(&self) -> impl Iterator<Item = &Device> {
        self.state.devices()
    }

    /// A job that has not ended.
    pub fn job(&self, id: JobId) -> Option<&Job> {
        self.state.find(id).map(|(_, job)| job)
    }

    /// All jobs that have not ended.
    pub fn jobs(&self) -> impl Iterator<Item = &Job> {
        self.state.jobs().iter().map(|(_, job)| job)
    }

    /// The jobs that wait in the queue of a device, or in the global one, in the order in which they stand.
    pub fn in_line(&self, queue: Option<DeviceId>) -> Vec<JobId> {
        let slots = self.state.queue_of(queue).map(|queue| self.state.in_order(queue)).unwrap_or_default();
        slots.into_iter().map(|slot| self.state.jobs()[slot].request.id).collect()
    }

    /// A live allocation.
    pub fn allocation(&self, id: AllocationId) -> Option<&Arc<Allocation>> {
        self.state.running(id).map(|running| &running.allocation)
    }

    /// Why a waiting job does not start now; `None` when no such job waits. May search, as a pass would.
    pub fn why_waiting(&mut self, id: JobId) -> Option<WaitReason> {
        waiting::why(&mut self.state, &mut self.judge, id)
    }

    /// What keeps a waiting job from each device that might take it; none for one that does not wait. May search, as a pass
    /// would.
    pub fn obstacles(&mut self, id: JobId) -> Vec<(DeviceId, Obstacle)> {
        waiting::obstacles(&mut self.state, &mut self.judge, id)
    }

    /// What a job waits for, by the pass that looked at it last, or at one that is placed like it; `None` when no such job
    /// waits.
    pub fn waits_for(&self, id: JobId) -> Option<WaitCause> {
        self.times.cause_of(self.state.find(id)?.0)
    }

    /// For what a job has waited until `now` since it came, or was requeued; `None` when no such job waits. What it waits for
    /// since the last command, it is taken to wait for until then.
    pub fn waited(&self, id: JobId, now: Time) -> Option<Waited> {
        self.times.so_far(self.state.find(id)?.0, now.max(self.state.agenda().now))
    }

    /// What the pass of the last [`Command::Wake`] did.
    pub fn last_pass(&self) -> PassTally {
        self.last_pass
    }

    /// Drops whatever is remembered to be quicker. No event, count or reason changes, only the time they take.
    pub fn forget(&mut self) {
        self.judge.forget();
    }
}

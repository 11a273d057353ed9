//! Other qubits for what is promised, for a job that would find room by number, but not the same qubits all the time.
//!
//! Where all qubits couple, and nobody keeps others at a distance, counts decide: jobs that are given qubits in the order
//! in which they begin always find enough, if at every instant enough are free by number (as intervals are coloured in order
//! of their beginnings). Promises that nobody is promised a later start for it, and that nothing moves where the job finds room
//! as it is. Leaves a single promise to [`super::forecast`], which moves it out of the way.

use smallvec::SmallVec;

use super::forecast::is_open_to;
use super::judge::{Judge, closed, counting, manners, stay};
use super::memo::KindId;
use crate::allocator::config::{Overtaking, Starts};
use crate::allocator::isolation;
use crate::allocator::protocol::{JobRequest, StartPromise};
use crate::allocator::state::State;
use crate::allocator::state::calendar::{Booking, Calendar, Kept};
use crate::allocator::state::fleet::Device;
use crate::allocator::state::outlook::{Counting, Outlook, Window};
use crate::allocator::state::place::{JobSlot, Standing};
use crate::allocator::state::profile::Profile;
use crate::quantum::{DeviceId, QubitSet};
use crate::time::Time;

/// A job that looks for room.
#[derive(Debug, Clone, Copy)]
pub struct Asking<'r> {
    /// What time it is.
    pub now: Time,
    /// Where it is found.
    pub slot: JobSlot,
    /// What it is alike to.
    pub kind: KindId,
    /// What it asks for.
    pub request: &'r JobRequest,
    /// Whose promises count for it.
    pub counting: Counting,
}

/// Room for a job.
#[derive(Debug, Clone, PartialEq)]
pub struct Rearranged {
    /// When and where it could start.
    pub own: StartPromise,
    /// What others are promised then, at the same instants as before.
    pub moved: Vec<(JobSlot, StartPromise)>,
}

impl Judge {
    /// Room for a job now on a device that refuses it, if others are promised other qubits.
    pub fn room_now(&mut self, state: &State, asking: Asking<'_>, id: DeviceId) -> Option<Rearranged> {
        let device = state.fleet().get(id).filter(|device| closed(device).is_none())?;
        let profile = self.profile(state, asking, device)?;
        self.room_at(state, asking, device, &profile, asking.now)
    }

    /// The earliest room for a job on a device later than now, and before an instant, if others are promised other qubits.
    pub fn room_later(
        &mut self,
        state: &State,
        asking: Asking<'_>,
        id: DeviceId,
        before: Option<Time>,
    ) -> Option<Rearranged> {
        let device = state.fleet().get(id)?;
        let profile = self.profile(state, asking, device)?;
        let mut instants = profile.rises().filter(|at| before.is_none_or(|before| *at < before));
        instants.find_map(|at| self.room_at(state, asking, device, &profile, at))
    }

    /// Whether there may be room for a job now on a device that refuses it, if others are promised other qubits.
    pub fn has_room_by_number(
        &mut self,
        state: &State,
        now: Time,
        kind: KindId,
        request: &JobRequest,
        id: DeviceId,
    ) -> bool {
        let Some((slot, _)) = state.find(request.id) else { return false };
        let asking = Asking { now, slot, kind, request, counting: counting(state, request) };
        self.room_now(state, asking, id).is_some()
    }

    /// How many qubits of a device are free when, if counts decide there.
    fn profile(&mut self, state: &State, asking: Asking<'_>, device: &Device) -> Option<Profile> {
        let Asking { now, kind, request, counting, .. } = asking;
        let config = state.config();
        let several = matches!(config.queue.overtaking(), Overtaking::Promises(depth) if depth > 1);
        if !several || !is_open_to(device, request) || !counts_decide(state, device, request) {
            return None;
        }
        let promised = isolation::promise(request, &config.isolation, &device.spec.limits);
        let outlook = state.outlook(device, now, counting, promised.party);
        let mut others = device.calendar.promises().filter(|(job, _)| *job != request.id);
        if !others.any(|(_, kept)| outlook.counts(kept) && !kept.booking.is_place()) {
            return None;
        }
        Some(Profile::of(outlook, &self.memo[kind].on_device(device.id, &device.epoch).0.qubits))
    }

    /// Room at an instant, where enough qubits are free by number, but too few of them all the time.
    fn room_at(
        &mut self,
        state: &State,
        asking: Asking<'_>,
        device: &Device,
        profile: &Profile,
        at: Time,
    ) -> Option<Rearranged> {
        let Asking { now, kind, request, counting, .. } = asking;
        let window = stay(request, state.config(), device, at);
        let needed = request.min_qubits as usize;
        let promised = isolation::promise(request, &state.config().isolation, &device.spec.limits);
        let outlook = state.outlook(device, now, counting, promised.party);
        if !profile.holds(window, needed)
            || !outlook.takes_one_more(window, manners(state.config(), &device.spec.limits))
        {
            return None;
        }
        let mask = &self.memo[kind].on_device(device.id, &device.epoch).0.qubits;
        let free = outlook.free_during(window, promised.buffer_distance, mask, &device.spec.coupling_map);
        if free.len() >= needed { None } else { self.rearrange(state, asking, device, window) }
    }

    /// Gives qubits to a job and to all others whose promises count for it, in the order in which they begin: those that
    /// they have, where they can keep them.
    fn rearrange(
        &mut self,
        state: &State,
        asking: Asking<'_>,
        device: &Device,
        window: Window,
    ) -> Option<Rearranged> {
        let Asking { now, slot, request, counting, .. } = asking;
        let isolation = isolation::promise(request, &state.config().isolation, &device.spec.limits);
        let outlook = state.outlook(device, now, counting, isolation.party);
        let mut calendar = device.calendar.clone();
        calendar.let_go(request.id);
        let own = StartPromise {
            device: device.id,
            epoch: device.epoch.number,
            layout: SmallVec::new(),
            not_later_than: Some(window.from),
            until: window.until,
            isolation,
        };
        let mut all: SmallVec<[(Time, Standing, JobSlot, StartPromise); 8]> = SmallVec::new();
        all.push((window.from, state.standing(slot), slot, own));
        for (id, kept) in device.calendar.promises().filter(|(id, _)| *id != request.id) {
            let (slot, job) = state.find(id)?;
            let promise = &job.promise.as_ref()?.promise;
            // A place without an instant stays where it is.
            let Some(from) = promise.not_later_than else { continue };
            // Whoever does not count makes way when this is promised.
            calendar.let_go(id);
            if outlook.counts(kept) {
                all.push((from, state.standing(slot), slot, promise.clone()));
            }
        }
        all.sort_unstable_by_key(|(from, standing, ..)| (*from, *standing));
        let mut moved = Vec::new();
        for (.., slot, promise) in all {
            let given = self.give(state, now, device, &mut calendar, slot, promise)?;
            moved.extend(given.map(|promise| (slot, promise)));
        }
        let own = moved.iter().position(|(moved, _)| *moved == slot)?;
        let (_, own) = moved.swap_remove(own);
        Some(Rearranged { own, moved })
    }

    /// Books qubits for a promise that has the first instant for which they are not booked; the promise, if they are others
    /// than it had.
    #[expect(clippy::option_option, reason = "no room, or none needed")]
    fn give(
        &mut self,
        state: &State,
        now: Time,
        device: &Device,
        calendar: &mut Calendar,
        slot: JobSlot,
        mut promise: StartPromise,
    ) -> Option<Option<StartPromise>> {
        let map = &device.spec.coupling_map;
        let job = &state.jobs()[slot];
        let kind = self.memo.kind_of(slot, &job.request);
        let mask = &self.memo[kind].on_device(device.id, &device.epoch).0.qubits;
        let StartPromise { isolation, until, .. } = promise;
        let window = Window { from: promise.not_later_than?, until, rest: isolation.spared() };
        let counting = Counting::EarlierAndTimed(state.standing(slot));
        let outlook = Outlook { calendar, accounts: state.accounts(), now, counting, party: isolation.party };
        let free = outlook.free_during(window, isolation.buffer_distance, mask, map);
        let has = QubitSet::from_qubits(map.qubits(), promise.layout.iter().copied());
        let stays = !has.is_empty() && has.is_subset(&free);
        if !stays {
            let fit = self.place_later(state, kind, &job.request, device.id, free, &[]).ok()?;
            let layout = fit.placement.layout;
            // What is promised is as large as it was.
            if !has.is_empty() && layout.len() != promise.layout.len() {
                return None;
            }
            (promise.layout, promise.epoch) = (layout, device.epoch.number);
        }
        let booking = Booking::of_promise(&promise, map.qubits());
        calendar.keep(job.request.id, Kept { account: job.account, rank: job.rank(), booking });
        Some((!stays).then_some(promise))
    }
}

/// Whether jobs compete on a device for a number of qubits, and for nothing else.
fn counts_decide(state: &State, device: &Device, request: &JobRequest) -> bool {
    let config = state.config();
    let own = isolation::promise(request, &config.isolation, &device.spec.limits);
    let calendar = &device.calendar;
    let near = |booking: &Booking| booking.buffer_distance == 0;
    device.epoch.is_complete()
        && config.starts == Starts::AnyTime
        && own.buffer_distance == 0
        && own.max_crosstalk.is_none()
        && !calendar.limits_crosstalk()
        && calendar.bookings().all(|(.., booking)| near(booking))
        && calendar.promises().all(|(_, kept)| near(&kept.booking))
}

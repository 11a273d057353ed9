//! Whether a job may wait at all: its request makes sense, and some device of the fleet could serve it.
//!
//! Bounded in work: at most one search per placement kind and device, remembered until figures or elements change.

use super::candidates::judge::Judge;
use super::candidates::memo::KindId;
use super::protocol::{Elasticity, JobId, JobRequest, Rejection};
use super::state::State;
use super::state::jobs::Known;
use crate::time::Time;

/// The kind of a request that the fleet could serve, of which it becomes a member; or why the fleet could not.
pub(super) fn admit(
    state: &State,
    judge: &mut Judge,
    request: &JobRequest,
    now: Time,
) -> Result<KindId, Rejection> {
    request.validate().map_err(Rejection::Contradiction)?;
    if let Some(demand) = request.unsupported() {
        return Err(Rejection::NotHonoured(demand));
    }
    if let Some(reason) = unmet(state, request) {
        return Err(reason);
    }
    if state.config().reject_if_late && request.is_late(now) {
        return Err(Rejection::TooLate(request.deadline.unwrap_or(now)));
    }
    let asked = request.min_qubits;
    if asked > state.fleet().index.most_capacity() || !request.excluded_devices.is_empty() {
        let allowed = state.devices().filter(|device| !request.excluded_devices.contains(&device.id));
        let largest = allowed.map(|device| device.epoch.usable.len() as u32).max();
        match largest {
            None => return Err(Rejection::NoDevice),
            Some(largest) if asked > largest => return Err(Rejection::TooLarge { asked, largest }),
            Some(_) => {}
        }
    }
    if let Some(refused) = state.quotas().never(request) {
        return Err(refused);
    }
    let kind = judge.memo.join(request);
    if judge.is_feasible(state, kind) {
        return Ok(kind);
    }
    let shortfall = judge.best_shortfall(state, kind);
    judge.memo.leave(kind);
    if let Some(refused) = beyond_quota(state, judge, request) {
        return Err(refused);
    }
    Err(shortfall.map_or(Rejection::NowhereToPlace, Rejection::QualityOutOfReach))
}

/// Most sizes of a job that are tried to tell a quota that is too small from a job for which there is no place.
const SIZES_TRIED: usize = 64;

/// Why a job has no place, if there is one of more qubits than it may ever have: rings are where smaller ones are not.
fn beyond_quota(state: &State, judge: &mut Judge, request: &JobRequest) -> Option<Rejection> {
    let most = state.quotas().most_qubits(request).filter(|_| request.elasticity == Elasticity::Largest)?;
    (most.saturating_add(1)..=request.max_qubits).take(SIZES_TRIED).find_map(|asked| {
        let larger = JobRequest { min_qubits: asked, max_qubits: asked, ..request.clone() };
        let kind = judge.memo.join(&larger);
        let feasible = judge.is_feasible(state, kind);
        judge.memo.leave(kind);
        state.quotas().never(&larger).filter(|_| feasible)
    })
}

/// Why the jobs that it depends on keep a job from ever starting, as far as that is known when it comes.
fn unmet(state: &State, request: &JobRequest) -> Option<Rejection> {
    let jobs = state.jobs();
    let unknown = |id: &JobId| jobs.find(*id) == Known::Unknown;
    if let Some(unknown) = request.dependencies().find(unknown) {
        return Some(Rejection::UnknownDependency(unknown));
    }
    let failed = request.after_success.iter().find(|id| jobs.has_completed(**id) == Some(false));
    failed.map(|failed| Rejection::DependencyFailed(*failed))
}

//! A job asks to be run, or many that ask for the same.

use std::sync::Arc;

use crate::allocator::admission;
use crate::allocator::candidates::memo::KindId;
use crate::allocator::config::Queue;
use crate::allocator::order;
use crate::allocator::protocol::{ARRAY_MAX, Answer, CommandError, Event, JobId, JobRequest, Rejection};
use crate::allocator::state::jobs::Known;
use crate::allocator::turn::Turn;

/// Admits a job to a queue, or refuses it.
pub fn submit(turn: &mut Turn<'_>, request: Arc<JobRequest>) -> Result<Answer, CommandError> {
    match turn.state.jobs().find_body(&request) {
        Known::Unknown => {}
        Known::Live(_) => return Ok(Answer::Queued),
        Known::Ended(answer) => return Ok(answer),
        Known::OtherBody => return Err(CommandError::AlreadyExists),
    }
    let admitted = admission::admit(turn.state, turn.judge, &request, turn.now);
    Ok(settle(turn, request, admitted))
}

/// The same for jobs that ask for the same, with consecutive numbers: one look at the request for all of them.
pub fn submit_array(turn: &mut Turn<'_>, first: &JobRequest, count: u32) -> Result<Answer, CommandError> {
    let last = first.id.0.checked_add(u64::from(count)).and_then(|end| end.checked_sub(1));
    let Some(last) = last.filter(|_| (1..=ARRAY_MAX).contains(&count)) else {
        return Err(CommandError::WrongArray { first: first.id, count });
    };
    let jobs: Vec<Arc<JobRequest>> =
        (first.id.0..=last).map(|id| Arc::new(JobRequest { id: JobId(id), ..first.clone() })).collect();
    // All of them, or none.
    let mut answers = Vec::with_capacity(jobs.len());
    for job in &jobs {
        answers.push(match turn.state.jobs().find_body(job) {
            Known::Unknown => None,
            Known::Live(_) => Some(Answer::Queued),
            Known::Ended(answer) => Some(answer),
            Known::OtherBody => return Err(CommandError::AlreadyExists),
        });
    }
    let mut first: Option<Result<KindId, Rejection>> = None;
    for (job, known) in jobs.into_iter().zip(&mut answers) {
        if known.is_none() {
            let admitted = match first {
                None => admission::admit(turn.state, turn.judge, &job, turn.now),
                Some(first) => first.map(|_| turn.judge.memo.join(&job)),
            };
            first = Some(admitted);
            *known = Some(settle(turn, job, admitted));
        }
    }
    // Whoever is refused is refused with all that are new; of those that were known, some may have been refused later.
    let mut answers = answers.into_iter().flatten();
    let answer = answers.next().unwrap_or(Answer::Queued);
    Ok(answers.fold(answer, |one, other| if one == other { one } else { Answer::Queued }))
}

/// What becomes of a job whose request was looked at.
fn settle(turn: &mut Turn<'_>, request: Arc<JobRequest>, admitted: Result<KindId, Rejection>) -> Answer {
    let kind = match admitted {
        Ok(kind) => kind,
        Err(reason) => {
            turn.emit(Event::JobRejected { job: request, reason });
            return Answer::Rejected(reason);
        }
    };
    let depends = request.dependencies().any(|other| turn.state.find(other).is_some());
    let device = match turn.state.config().queue {
        _ if depends => None,
        Queue::Global { .. } => None,
        Queue::PerDevice { .. } => turn.judge.choose_home(turn.state, turn.now, kind, &request, 0),
    };
    let (key, key_until) = order::key_at(&*turn.judge.order, &request, turn.now, turn.now);
    turn.emit(Event::JobQueued { job: request.clone(), device, key, key_until });
    if let Some((slot, _)) = turn.state.find(request.id) {
        turn.judge.memo.assign(slot, request.id, kind);
    }
    Answer::Queued
}

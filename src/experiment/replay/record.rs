//! What a journal says, without what follows from decisions.

use std::io::BufRead;

use super::calibrations::{PlanReader, Plans};
use super::course::{Course, Courses};
use super::verify::{Redriven, ReplayFailure};
use crate::allocator::protocol::Command;
use crate::observe::journal::Reader;
use crate::time::Time;

pub(super) struct Record {
    /// Jobs, cancellations, failures, repairs and whatever somebody decided, in order.
    pub(super) outside: Vec<(Time, Command)>,
    pub(super) calibrations: Plans,
    pub(super) courses: Courses,
    /// When the last command was given.
    pub(super) last: Time,
    /// Seconds per shot, on average over all attempts that ended by themselves.
    pub(super) per_shot_s: f64,
}

impl Record {
    pub(super) fn read<R: BufRead>(reader: &mut Reader<R>) -> Result<Self, ReplayFailure> {
        let mut replayed = Redriven::new(reader.header().core()?);
        let mut outside = Vec::new();
        let mut courses = Courses::default();
        let mut plans = PlanReader::default();
        let mut last = Time::ZERO;
        while let Some(entry) = reader.next_entry()? {
            last = entry.now;
            match &entry.command {
                Command::Finished { allocation, outcome, shots_done } => {
                    courses.served(last, *allocation, *outcome, *shots_done);
                }
                Command::StopAcknowledged { allocation, .. } => courses.stopped(last, *allocation),
                Command::Progress { .. } | Command::Wake => {}
                command if plans.take(last, command) => {}
                command => outside.push((last, command.clone())),
            }
            replayed.step(&entry).map_err(ReplayFailure::Differs)?;
            for event in &replayed.events {
                courses.observe(last, event);
                plans.observe(event);
            }
        }
        courses.close(last);
        let (mut seconds, mut shots) = (0.0, 0.0);
        for course in courses.jobs.values() {
            if let Some(service) = course.service {
                seconds += service.duration.as_secs_f64();
                shots += shots_of(course) as f64;
            }
        }
        let per_shot_s = if shots > 0.0 { seconds / shots } else { 0.0 };
        Ok(Self { outside, calibrations: plans.finish(last), courses, last, per_shot_s })
    }
}

/// All shots of a job.
pub(super) fn shots_of(course: &Course) -> u64 {
    course.request.shots.saturating_mul(u64::from(course.request.circuits))
}

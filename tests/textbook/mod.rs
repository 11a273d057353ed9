//! Backfill as textbooks have it: who starts when on a machine of processors that are all alike.
//!
//! EASY is Lifka's (1995), conservative the one of Mu'alem and Feitelson (2001). Schedules part for good on what they leave
//! open; here: one pass for each instant, after its ends and its arrivals; who ends at the instant of a reservation ends in
//! time, and what ends at the shadow instant counts for the spare processors; compression goes over the reservations in
//! order of arrival until none moves, and arrivals are booked after it. Shares no code with the core. Leaves to the tests
//! whom it is compared with.
#![allow(dead_code, reason = "each test file uses a part of it")]

/// A job; times in whatever unit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Job {
    /// When it arrives; not before the job before it.
    pub comes: u64,
    /// Processors, 1 or more.
    pub size: u32,
    /// How long it runs, 1 or more.
    pub runs: u64,
    /// How long its owner says that it runs, 1 or more.
    pub says: u64,
}

/// Who may pass whom.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Discipline {
    /// Nobody passes anybody.
    Fifo,
    /// Nobody passes the head who would delay it.
    Easy,
    /// The first so many that are blocked have reservations, which nobody may delay: all of them, if it is conservative.
    Reservations(usize),
}

/// When each job starts on so many processors.
pub fn starts(discipline: Discipline, machine: u32, jobs: &[Job]) -> Vec<u64> {
    let mut course = Course { machine, jobs, now: 0, starts: vec![None; jobs.len()], queue: Vec::new() };
    let mut reserved: Vec<Option<u64>> = vec![None; jobs.len()];
    let mut next = 0;
    loop {
        while jobs.get(next).is_some_and(|job| job.comes == course.now) {
            course.queue.push(next);
            next += 1;
        }
        match discipline {
            Discipline::Fifo => course.start_heads(),
            Discipline::Easy => course.easy(),
            Discipline::Reservations(depth) => course.reserve(depth, &mut reserved),
        }
        let ends = course.running().map(|job| course.starts[job].unwrap() + jobs[job].runs);
        let due = reserved.iter().flatten().copied().filter(|at| *at > course.now);
        let Some(now) = ends.chain(due).chain(jobs.get(next).map(|job| job.comes)).min() else { break };
        course.now = now;
    }
    course.starts.into_iter().map(|start| start.expect("everybody starts")).collect()
}

struct Course<'a> {
    machine: u32,
    jobs: &'a [Job],
    now: u64,
    starts: Vec<Option<u64>>,
    /// Who waits, in order of arrival.
    queue: Vec<usize>,
}

impl Course<'_> {
    fn running(&self) -> impl Iterator<Item = usize> {
        let runs = |job: &usize| self.starts[*job].is_some_and(|at| at + self.jobs[*job].runs > self.now);
        (0..self.jobs.len()).filter(runs)
    }

    fn free(&self) -> u32 {
        self.machine - self.running().map(|job| self.jobs[job].size).sum::<u32>()
    }

    /// When a running job is expected to end: who should have ended, at any moment.
    fn expected_end(&self, job: usize) -> u64 {
        (self.starts[job].unwrap() + self.jobs[job].says).max(self.now + 1)
    }

    fn start(&mut self, job: usize) {
        self.starts[job] = Some(self.now);
        self.queue.retain(|waiting| *waiting != job);
    }

    fn start_heads(&mut self) {
        while self.queue.first().is_some_and(|head| self.jobs[*head].size <= self.free()) {
            self.start(self.queue[0]);
        }
    }

    fn easy(&mut self) {
        self.start_heads();
        let Some(&head) = self.queue.first() else { return };
        // The shadow instant, at which the head will start, and the processors that it leaves then.
        let there = |at: u64| -> u32 {
            let ended = self.running().filter(|job| self.expected_end(*job) <= at);
            self.free() + ended.map(|job| self.jobs[job].size).sum::<u32>()
        };
        let ends = self.running().map(|job| self.expected_end(job));
        let shadow = ends.filter(|at| there(*at) >= self.jobs[head].size).min().unwrap();
        let mut spare = there(shadow) - self.jobs[head].size;
        for job in self.queue.clone().into_iter().skip(1) {
            let Job { size, says, .. } = self.jobs[job];
            let in_time = self.now + says <= shadow;
            if size <= self.free() && (in_time || size <= spare) {
                spare -= if in_time { 0 } else { size };
                self.start(job);
            }
        }
    }

    /// Compression, then those who have no reservation: they start, or are given one if they are among the first.
    fn reserve(&mut self, depth: usize, reserved: &mut [Option<u64>]) {
        while self.look(depth, reserved, Option::is_some) {}
        self.look(depth, reserved, Option::is_none);
    }

    /// Looks at some of those who wait, in order; whether a reservation has moved.
    fn look(&mut self, depth: usize, reserved: &mut [Option<u64>], at: fn(&Option<u64>) -> bool) -> bool {
        let mut moved = false;
        let some: Vec<usize> = self.queue.iter().copied().filter(|job| at(&reserved[*job])).collect();
        for job in some {
            let before = reserved[job].take();
            let earliest = self.earliest(job, reserved);
            moved |= before.is_some_and(|before| earliest < before);
            let place = self.queue.iter().position(|waiting| *waiting == job);
            if earliest == self.now {
                self.start(job);
            } else if place.is_some_and(|place| place < depth) {
                reserved[job] = Some(earliest);
            }
        }
        moved
    }

    /// The first instant from which a job could run as long as it says, beside all that run and have reservations.
    fn earliest(&self, job: usize, reserved: &[Option<u64>]) -> u64 {
        let Job { size, says, .. } = self.jobs[job];
        let mut taken: Vec<(u64, u64, u32)> = Vec::new();
        taken.extend(self.running().map(|other| (self.now, self.expected_end(other), self.jobs[other].size)));
        let waiting = self.queue.iter().filter_map(|other| Some((reserved[*other]?, self.jobs[*other])));
        taken.extend(waiting.map(|(from, other)| (from, from + other.says, other.size)));
        let busy = |at: u64| -> u32 {
            taken.iter().filter(|(from, until, _)| (*from..*until).contains(&at)).map(|(.., size)| size).sum()
        };
        let fits = |at: u64| {
            let begins = taken.iter().map(|(from, ..)| *from).filter(|from| (at..at + says).contains(from));
            begins.chain([at]).all(|at| busy(at) + size <= self.machine)
        };
        taken.iter().map(|(_, until, _)| *until).chain([self.now]).filter(|at| fits(*at)).min().unwrap()
    }
}

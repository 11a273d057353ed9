//! Destroy and repair with the strategy for single jobs: for jobs with too many placements to list, and for batches
//! that do not all fit.
//!
//! Takes out a few jobs that lie close to each other, or around a place for one that has none, and places them anew
//! in another order (large neighbourhood search, Shaw 1998). Promises never to end with less than it began with.

use rand::RngExt;

use super::neighbourhood::neighbours;
use super::problem::{BatchRequest, rank};
use super::taken::Taken;
use crate::allocator::placement::{Placement, PlacementStrategy};
use crate::quantum::PhysicalQubit;
use crate::random::{Purpose, Stream, StreamFamily};

/// Most jobs taken out at a time.
const DESTROYED_MAX: usize = 4;
/// Attempts per job without success after which the search ends.
const FRUITLESS: usize = 4;

/// What one placement counts: a flat rate, since what it took may depend on what the strategy remembers.
const STEPS_PER_PLACEMENT: u64 = 500;

/// Improves `placements` within a budget of steps; returns the steps used.
pub(super) fn run(
    request: &BatchRequest<'_>,
    strategy: &mut dyn PlacementStrategy,
    placements: &mut [Option<Placement>],
    budget: u64,
) -> u64 {
    let mut random = StreamFamily::new(0, 0, Purpose::BatchPlacement).stream(request.jobs.len() as u64, 1);
    let mut steps = 0;
    let mut fruitless = 0;
    let mut least = rank(placements);
    while steps < budget && fruitless < FRUITLESS * placements.len() {
        fruitless += 1;
        let placed: Vec<usize> = (0..placements.len()).filter(|&job| placements[job].is_some()).collect();
        if placed.len() + usize::from(least.0 > 0) < 2 {
            break;
        }
        let seed = placed[random.random_range(0..placed.len())];
        let wanted = random.random_range(1 + usize::from(least.0 == 0)..=DESTROYED_MAX);
        let mut out = close_together(request, placements, seed, wanted);
        let mut rest: Vec<usize> = (0..placements.len()).filter(|&job| placements[job].is_none()).collect();
        shuffle(&mut rest, &mut random);
        // One that has no place comes first, so that it can have the room.
        let first = rest.pop();
        shuffle(&mut out, &mut random);
        let order = first.into_iter().chain(out.iter().copied()).chain(rest);
        let mut taken = Taken::new(request);
        for (job, placement) in placements.iter().enumerate() {
            if let Some(placement) = placement.as_ref().filter(|_| !out.contains(&job)) {
                taken.add(&placement.layout);
            }
        }
        let mut changed = placements.to_vec();
        for job in order {
            let (placement, _, _) = taken.place(request, strategy, job);
            steps += STEPS_PER_PLACEMENT;
            if let Some(placement) = &placement {
                taken.add(&placement.layout);
            }
            changed[job] = placement;
        }
        let rank = rank(&changed);
        if rank < least {
            least = rank;
            placements.clone_from_slice(&changed);
            fruitless = 0;
        }
    }
    steps
}

fn shuffle(jobs: &mut [usize], random: &mut Stream) {
    for at in (1..jobs.len()).rev() {
        jobs.swap(at, random.random_range(0..=at));
    }
}

/// The job `seed` and those met first around it, `wanted` in all.
fn close_together(
    request: &BatchRequest<'_>,
    placements: &[Option<Placement>],
    seed: usize,
    wanted: usize,
) -> Vec<usize> {
    let layouts = placements.iter().map(|placement| placement.as_ref().map_or(&[][..], |p| &p.layout[..]));
    let layouts: Vec<&[PhysicalQubit]> = layouts.collect();
    neighbours(&request.epoch.map, &layouts, seed, wanted)
}

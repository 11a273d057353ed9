//! CPU time of the calling thread, for searches that take microseconds.
//!
//! Promises a clock that stands still while the thread does not run, so that busy neighbours do not count (except
//! through caches they share), and lengths without the cost of reading it. Only Unix has such a clock with enough
//! resolution; elsewhere wall-clock time is taken.

use std::time::Duration;

/// Empty intervals that are measured to find what reading the clock costs.
const EMPTY_INTERVALS: usize = 2_001;

/// A clock that knows what reading it costs.
#[derive(Debug, Clone, Copy)]
pub struct CpuClock {
    overhead: Duration,
}

impl CpuClock {
    /// Measures the cost of one reading: the shortest of 2,001 empty intervals. What is left in a measured interval
    /// is the scatter of that cost, some ten nanoseconds.
    pub fn new() -> Self {
        let empty = || {
            let start = now();
            now().saturating_sub(start)
        };
        Self { overhead: (0..EMPTY_INTERVALS).map(|_| empty()).min().unwrap_or_default() }
    }

    /// What is subtracted from every interval.
    pub fn overhead(&self) -> Duration {
        self.overhead
    }

    /// CPU time of `work`, the cost of the clock taken off, and its result.
    pub fn time<T>(&self, work: impl FnOnce() -> T) -> (T, Duration) {
        let start = now();
        let done = work();
        let took = now().saturating_sub(start);
        (done, took.saturating_sub(self.overhead))
    }
}

impl Default for CpuClock {
    fn default() -> Self {
        Self::new()
    }
}

/// CPU time of this thread since it started.
#[cfg(unix)]
fn now() -> Duration {
    let time = rustix::time::clock_gettime(rustix::time::ClockId::ThreadCPUTime);
    Duration::new(time.tv_sec.unsigned_abs(), time.tv_nsec.unsigned_abs() as u32)
}

/// Wall-clock time since the first call.
#[cfg(not(unix))]
fn now() -> Duration {
    static START: std::sync::OnceLock<std::time::Instant> = std::sync::OnceLock::new();
    START.get_or_init(std::time::Instant::now).elapsed()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn work_takes_time_and_nothing_takes_almost_none() {
        let clock = CpuClock::new();
        let (sum, took) = clock.time(|| (0..3_000_000_u64).fold(1, |a, b| std::hint::black_box(a ^ b)));
        let (_, nothing) = clock.time(|| ());
        assert!(sum > 0 && took > Duration::from_micros(100), "{took:?}");
        assert!(nothing < took, "{nothing:?} {took:?}");
        #[cfg(unix)]
        {
            let (_, asleep) = clock.time(|| std::thread::sleep(Duration::from_millis(30)));
            assert!(asleep < Duration::from_millis(20), "sleeping takes no CPU time: {asleep:?}");
        }
    }
}

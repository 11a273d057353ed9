//! When jobs arrive: processes described in a scenario, and the instants they give.
//!
//! Promises instants that never fall, that depend on the stream alone, and rates that mean *jobs* per time for every
//! process, so that processes can be exchanged at equal load. Leaves what arrives to [`super::jobs`].

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::rate::Rate;
use super::variates::{exponential, gamma, uniform};
use crate::random::{Stream, StreamFamily};
use crate::time::{Span, Time};

/// Most changes of the state of a switched process between two jobs, on the average: milliseconds of computing.
const SWITCHES_MAX: f64 = 1e6;

/// How jobs arrive.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum Arrivals {
    /// Independent arrivals: exponential gaps.
    Poisson {
        /// Mean rate of jobs.
        rate: Rate,
    },
    /// Equal gaps; the first job comes after the first gap.
    Deterministic {
        /// The gap.
        every: Span,
    },
    /// Independent gaps with a given coefficient of variation: hyperexponential with balanced means above 1, gamma
    /// below 1 (Erlang when 1 / cv^2 is whole). Real queues show 2.5 to 6.
    Renewal {
        /// Mean rate of jobs.
        rate: Rate,
        /// Standard deviation of a gap / mean gap, 0 to 100.
        #[schemars(range(min = 0, max = 100))]
        cv: f64,
    },
    /// Jobs in batches: Poisson instants, geometric sizes.
    Batch {
        /// Mean rate of jobs; batches come at rate / mean_size.
        rate: Rate,
        /// Mean number of jobs in a batch, 1 to 1,000,000. Default 3.
        #[serde(default = "default_batch_size")]
        #[schemars(range(min = 1, max = 1_000_000))]
        mean_size: f64,
    },
    /// A Poisson process whose rate swings: rate x (1 + amplitude x sin(2 pi (t + phase) / period)).
    Sinusoidal {
        /// Mean rate of jobs.
        rate: Rate,
        /// Swing as a share of the rate, 0 to 1. Default 0.2: daily peak to trough 1.5, as measured.
        #[serde(default = "default_amplitude")]
        #[schemars(range(min = 0, max = 1))]
        amplitude: f64,
        /// Length of one swing. Default 1d.
        #[serde(default = "default_period")]
        period: Span,
        /// How far into a swing the scenario starts. Default 0s.
        #[serde(default)]
        phase: Span,
    },
    /// A Poisson process that switches between two rates at random (MMPP-2); starts in its stationary state.
    Mmpp {
        /// Rate of jobs in either state.
        rates: (Rate, Rate),
        /// Mean time spent in either state; on the average at most a million changes of the state between two jobs.
        sojourn: (Span, Span),
    },
    /// Bursts: so many jobs, evenly spread over a span, again and again; the first burst starts at once.
    Burst {
        /// Time from the start of one burst to the start of the next.
        every: Span,
        /// Jobs of a burst.
        #[schemars(range(min = 1))]
        jobs: u64,
        /// Length of a burst, at most `every`. Default 0s: all at one instant.
        #[serde(default)]
        over: Span,
    },
    /// All jobs are there at the start.
    AtStart {
        /// How many.
        #[schemars(range(min = 1))]
        jobs: u64,
    },
}

fn default_batch_size() -> f64 {
    3.0
}

fn default_amplitude() -> f64 {
    0.2
}

fn default_period() -> Span {
    Span::from_secs(86_400)
}

/// Why an arrival process makes no sense.
#[derive(Debug, Clone, Copy, PartialEq, thiserror::Error)]
pub enum ArrivalsError {
    /// A number out of its range.
    #[error("{0} must be {1}, not {2}")]
    Number(&'static str, &'static str, f64),
    /// A span of zero.
    #[error("{0} must be longer than zero")]
    Zero(&'static str),
    /// A process that changes its state over and over before a job comes.
    #[error(
        "sojourn makes the state change {changes:.0} times between two jobs, the most is {SWITCHES_MAX:.0}; hint: longer \
         sojourns, or a poisson process, which is the same"
    )]
    SwitchesTooOften {
        /// Changes of the state per job.
        changes: f64,
    },
    /// A burst longer than the time to the next.
    #[error("a burst over {over} does not end before the next, which comes every {every}")]
    BurstsOverlap {
        /// Length of a burst.
        over: Span,
        /// Time between two starts.
        every: Span,
    },
}

impl Arrivals {
    /// Checks ranges that the types do not.
    pub fn validate(&self) -> Result<(), ArrivalsError> {
        let number = |name, range, value: f64, ok: bool| {
            if ok { Ok(()) } else { Err(ArrivalsError::Number(name, range, value)) }
        };
        let longer = |name, span: Span| {
            if span == Span::ZERO { Err(ArrivalsError::Zero(name)) } else { Ok(()) }
        };
        match *self {
            Self::Poisson { .. } => Ok(()),
            Self::Deterministic { every } => longer("every", every),
            Self::Renewal { cv, .. } => number("cv", "0 to 100", cv, (0.0..=100.0).contains(&cv)),
            // A batch comes at one instant: without a bound time would stand still in it.
            Self::Batch { mean_size, .. } => {
                number("mean_size", "1 to 1,000,000", mean_size, (1.0..=1e6).contains(&mean_size))
            }
            Self::Sinusoidal { amplitude, period, .. } => {
                number("amplitude", "0 to 1", amplitude, (0.0..=1.0).contains(&amplitude))?;
                longer("period", period)
            }
            Self::Mmpp { sojourn, .. } => {
                longer("sojourn", sojourn.0)?;
                longer("sojourn", sojourn.1)?;
                let both = sojourn.0.as_secs_f64() + sojourn.1.as_secs_f64();
                let changes = 2.0 / (both * self.mean_rate_per_s());
                if changes <= SWITCHES_MAX {
                    Ok(())
                } else {
                    Err(ArrivalsError::SwitchesTooOften { changes })
                }
            }
            Self::Burst { every, jobs, over } => {
                longer("every", every)?;
                number("jobs", "1 or more", jobs as f64, jobs > 0)?;
                if over > every { Err(ArrivalsError::BurstsOverlap { over, every }) } else { Ok(()) }
            }
            Self::AtStart { jobs } => number("jobs", "1 or more", jobs as f64, jobs > 0),
        }
    }

    /// How many jobs ever come, if that is limited.
    pub fn total(&self) -> Option<u64> {
        match self {
            Self::AtStart { jobs } => Some(*jobs),
            _ => None,
        }
    }

    /// Mean rate of jobs per second over a long time; zero for [`Self::AtStart`].
    pub fn mean_rate_per_s(&self) -> f64 {
        match self {
            Self::Poisson { rate }
            | Self::Renewal { rate, .. }
            | Self::Batch { rate, .. }
            | Self::Sinusoidal { rate, .. } => rate.per_second(),
            Self::Deterministic { every } => 1.0 / every.as_secs_f64(),
            Self::Mmpp { rates, sojourn } => {
                let (a, b) = (sojourn.0.as_secs_f64(), sojourn.1.as_secs_f64());
                (rates.0.per_second() * a + rates.1.per_second() * b) / (a + b)
            }
            Self::Burst { every, jobs, .. } => *jobs as f64 / every.as_secs_f64(),
            Self::AtStart { .. } => 0.0,
        }
    }

    /// The instants, from `start` on; `streams` are those of [`crate::random::Purpose::Arrivals`]. The process must
    /// have been validated.
    pub fn instants(&self, streams: &StreamFamily, source: u32, start: Time) -> ArrivalProcess {
        let mut stream = streams.stream(u64::from(source), 0);
        let state = match *self {
            Self::Poisson { rate } => State::Exponential { mean_ns: rate.mean_gap_ns() },
            Self::Deterministic { every } => State::Constant { gap: every },
            Self::Renewal { rate, cv } => renewal(rate.mean_gap_ns(), cv),
            Self::Batch { rate, mean_size } => State::Batch {
                mean_ns: rate.mean_gap_ns() * mean_size,
                // Number of failures before the first success is floor(ln u / ln(1 - p)).
                log_failure: libm::log1p(-1.0 / mean_size),
                left: 0,
            },
            Self::Sinusoidal { rate, amplitude, period, phase } => State::Sinusoidal {
                mean_ns: rate.mean_gap_ns() / (1.0 + amplitude),
                amplitude,
                period,
                phase,
            },
            Self::Mmpp { rates, sojourn } => {
                let (a, b) = (sojourn.0.0 as f64, sojourn.1.0 as f64);
                let second = uniform(&mut stream) * (a + b) >= a;
                let sojourns = [a, b];
                State::Mmpp {
                    means_ns: [rates.0.mean_gap_ns(), rates.1.mean_gap_ns()],
                    sojourns,
                    left_ns: exponential(&mut stream) * sojourns[usize::from(second)],
                    second,
                }
            }
            Self::Burst { every, jobs, over } => State::Burst { every, jobs, over, number: 0, next: start },
            Self::AtStart { jobs } => State::AtStart { left: jobs },
        };
        ArrivalProcess { now: start, stream, state }
    }
}

/// The hyperexponential law with balanced means has p1 / rate1 = p2 / rate2.
fn renewal(mean_ns: f64, cv: f64) -> State {
    let square = cv * cv;
    if cv == 0.0 {
        State::Constant { gap: Span(mean_ns.round() as u64) }
    } else if square < 1.0 {
        State::Gamma { shape: 1.0 / square, scale_ns: mean_ns * square }
    } else if square == 1.0 {
        State::Exponential { mean_ns }
    } else {
        let p = 0.5 * (1.0 + libm::sqrt((square - 1.0) / (square + 1.0)));
        State::Hyperexponential { p, means_ns: [mean_ns / (2.0 * p), mean_ns / (2.0 * (1.0 - p))] }
    }
}

/// The instants of one source; ends only where the process or the representable time ends.
#[derive(Debug, Clone)]
pub struct ArrivalProcess {
    now: Time,
    stream: Stream,
    state: State,
}

#[derive(Debug, Clone, Copy)]
enum State {
    Exponential { mean_ns: f64 },
    Constant { gap: Span },
    Hyperexponential { p: f64, means_ns: [f64; 2] },
    Gamma { shape: f64, scale_ns: f64 },
    Batch { mean_ns: f64, log_failure: f64, left: u64 },
    Sinusoidal { mean_ns: f64, amplitude: f64, period: Span, phase: Span },
    Mmpp { means_ns: [f64; 2], sojourns: [f64; 2], left_ns: f64, second: bool },
    Burst { every: Span, jobs: u64, over: Span, number: u64, next: Time },
    AtStart { left: u64 },
}

impl Iterator for ArrivalProcess {
    type Item = Time;

    #[inline]
    fn next(&mut self) -> Option<Time> {
        let stream = &mut self.stream;
        let gap = match &mut self.state {
            State::Exponential { mean_ns } => ns(exponential(stream) * *mean_ns),
            State::Constant { gap } => gap.0,
            State::Hyperexponential { p, means_ns } => {
                let branch = usize::from(uniform(stream) >= *p);
                ns(exponential(stream) * means_ns[branch])
            }
            State::Gamma { shape, scale_ns } => ns(gamma(*shape, stream) * *scale_ns),
            State::Batch { mean_ns, log_failure, left } => {
                if *left > 0 {
                    *left -= 1;
                    0
                } else {
                    *left = (libm::log(uniform(stream)) / *log_failure) as u64;
                    ns(exponential(stream) * *mean_ns)
                }
            }
            State::Sinusoidal { mean_ns, amplitude, period, phase } => {
                // Thinning (Lewis and Shedler 1979): candidates at the peak rate, kept with probability rate / peak.
                let mut gap = 0_u64;
                loop {
                    gap = gap.saturating_add(ns(exponential(stream) * *mean_ns));
                    let at = self.now.0.saturating_add(gap);
                    if at == u64::MAX {
                        return None;
                    }
                    let into = (at % period.0 + phase.0 % period.0) % period.0;
                    let swing = libm::sin(2.0 * std::f64::consts::PI * (into as f64 / period.0 as f64));
                    if uniform(stream) * (1.0 + *amplitude) < 1.0 + *amplitude * swing {
                        break gap;
                    }
                }
            }
            State::Mmpp { means_ns, sojourns, left_ns, second } => {
                let mut gap = 0.0;
                loop {
                    let next = exponential(stream) * means_ns[usize::from(*second)];
                    if next <= *left_ns {
                        *left_ns -= next;
                        break ns(gap + next);
                    }
                    // The exponential forgets: what was left of the gap is drawn anew at the other rate.
                    gap += *left_ns;
                    if gap >= u64::MAX as f64 {
                        return None;
                    }
                    *second = !*second;
                    *left_ns = exponential(stream) * sojourns[usize::from(*second)];
                }
            }
            State::Burst { every, jobs, over, number, next } => {
                let at = *next + Span((u128::from(over.0) * u128::from(*number) / u128::from(*jobs)) as u64);
                *number += 1;
                if *number == *jobs {
                    *number = 0;
                    *next += *every;
                }
                at.since(self.now).0
            }
            State::AtStart { left } => {
                *left = left.checked_sub(1)?;
                0
            }
        };
        self.now = Time(self.now.0.checked_add(gap).filter(|at| *at < u64::MAX)?);
        Some(self.now)
    }
}

fn ns(gap: f64) -> u64 {
    // `f64::round` costs a call on some targets; adding a half is the same here, gaps being positive.
    (gap + 0.5) as u64
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::random::Purpose;

    fn gaps_s(arrivals: Arrivals, count: usize) -> Vec<f64> {
        arrivals.validate().unwrap();
        let streams = StreamFamily::new(17, 0, Purpose::Arrivals);
        let instants: Vec<Time> = arrivals.instants(&streams, 0, Time::ZERO).take(count).collect();
        assert!(instants.is_sorted());
        std::iter::once(Time::ZERO)
            .chain(instants.iter().copied())
            .zip(&instants)
            .map(|(earlier, later)| later.since(earlier).as_secs_f64())
            .collect()
    }

    fn mean_and_cv(gaps: &[f64]) -> (f64, f64) {
        let mean = gaps.iter().sum::<f64>() / gaps.len() as f64;
        let variance = gaps.iter().map(|gap| (gap - mean) * (gap - mean)).sum::<f64>() / gaps.len() as f64;
        (mean, variance.sqrt() / mean)
    }

    fn rate(text: &str) -> Rate {
        text.parse().unwrap()
    }

    /// Closed forms: a geometric batch of mean m has gap variance (2 m - 1) times the squared mean gap.
    #[test]
    fn gaps_have_the_stated_mean_and_variation() {
        let cases = [
            (Arrivals::Poisson { rate: rate("60/h") }, 60.0, 1.0),
            (Arrivals::Deterministic { every: Span::from_secs(7) }, 7.0, 0.0),
            (Arrivals::Renewal { rate: rate("1/s"), cv: 4.0 }, 1.0, 4.0),
            (Arrivals::Renewal { rate: rate("1/s"), cv: 1.0 }, 1.0, 1.0),
            (Arrivals::Renewal { rate: rate("1/s"), cv: 0.5 }, 1.0, 0.5),
            (Arrivals::Renewal { rate: rate("1/s"), cv: 0.0 }, 1.0, 0.0),
            (Arrivals::Batch { rate: rate("2/s"), mean_size: 3.0 }, 0.5, 5_f64.sqrt()),
            (Arrivals::Burst { every: Span::from_secs(10), jobs: 5, over: Span::from_secs(5) }, 2.0, 1.0),
        ];
        for (arrivals, mean, cv) in cases {
            let (seen_mean, seen_cv) = mean_and_cv(&gaps_s(arrivals, 400_000));
            assert!((seen_mean / mean - 1.0).abs() < 0.005 * cv.max(0.1), "{arrivals:?}: mean {seen_mean}");
            assert!((seen_cv - cv).abs() < 0.02 * cv.max(0.1), "{arrivals:?}: cv {seen_cv}");
            assert!((arrivals.mean_rate_per_s() * mean - 1.0).abs() < 1e-12);
        }
    }

    /// The arrivals of each eighth of a period against the integral of the rate over it.
    #[test]
    fn the_sinusoidal_rate_swings_as_stated() {
        let amplitude = 0.8;
        let arrivals = Arrivals::Sinusoidal {
            rate: rate("1/s"),
            amplitude,
            period: Span::from_secs(100),
            phase: Span::from_secs(25),
        };
        let streams = StreamFamily::new(5, 0, Purpose::Arrivals);
        let mut seen = [0.0_f64; 8];
        let end = Time::ZERO + Span::from_secs(400_000);
        for at in arrivals.instants(&streams, 0, Time::ZERO).take_while(|at| *at < end) {
            seen[((at.0 % 100_000_000_000) * 8 / 100_000_000_000) as usize] += 1.0;
        }
        for (eighth, seen) in seen.into_iter().enumerate() {
            let angle = |step: usize| 2.0 * std::f64::consts::PI * (step as f64 / 8.0 + 0.25);
            let swing = (angle(eighth).cos() - angle(eighth + 1).cos()) / (2.0 * std::f64::consts::PI) * 8.0;
            let expected = 400_000.0 / 8.0 * (1.0 + amplitude * swing);
            assert!(
                (seen - expected).abs() < 5.0 * expected.sqrt(),
                "eighth {eighth}: {seen} for {expected}"
            );
        }
    }

    /// Mean rate, and the index of dispersion of counts, which is 1 for Poisson and larger here.
    #[test]
    fn the_switched_process_is_burstier_than_poisson() {
        let arrivals = Arrivals::Mmpp {
            rates: (rate("4/s"), rate("0.5/s")),
            sojourn: (Span::from_secs(10), Span::from_secs(25)),
        };
        let (mean, cv) = mean_and_cv(&gaps_s(arrivals, 1_000_000));
        assert!((mean * arrivals.mean_rate_per_s() - 1.0).abs() < 0.02, "{mean}");
        assert!(cv > 1.3, "{cv}");
    }

    /// Each of these would compute without end before its first job, or between two.
    #[test]
    fn processes_that_stand_still_are_refused() {
        let mmpp = |rate_text: &str, sojourn: Span| Arrivals::Mmpp {
            rates: (rate(rate_text), rate(rate_text)),
            sojourn: (sojourn, sojourn),
        };
        let messages = [
            mmpp("1/h", Span(1)),
            mmpp("0.0000001/d", Span::from_secs(1)),
            Arrivals::Batch { rate: rate("1/s"), mean_size: 2e6 },
        ]
        .map(|arrivals| arrivals.validate().unwrap_err().to_string());
        insta::assert_snapshot!(messages.join("\n"), @"
        sojourn makes the state change 3600000000000 times between two jobs, the most is 1000000; hint: longer sojourns, or a poisson process, which is the same
        sojourn makes the state change 864000000000 times between two jobs, the most is 1000000; hint: longer sojourns, or a poisson process, which is the same
        mean_size must be 1 to 1,000,000, not 2000000
        ");
        assert_eq!(mmpp("1/s", Span::from_secs(1)).validate(), Ok(()));
        assert_eq!(mmpp("1000000000/s", Span(1)).validate(), Ok(()));
    }

    #[test]
    fn a_finite_source_ends_and_nothing_overflows() {
        assert_eq!(gaps_s(Arrivals::AtStart { jobs: 3 }, 10), [0.0; 3]);
        let slow = Arrivals::Deterministic { every: Span(u64::MAX / 2) };
        assert_eq!(gaps_s(slow, 10).len(), 2);
        for arrivals in [
            Arrivals::Poisson { rate: rate("0.0000001/d") },
            Arrivals::Sinusoidal {
                rate: rate("0.0000001/d"),
                amplitude: 1.0,
                period: Span(3),
                phase: Span::MAX,
            },
        ] {
            assert!(gaps_s(arrivals, 100).len() < 100);
        }
    }
}

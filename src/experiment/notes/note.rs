//! One note, and numbers as notes write them.
//!
//! Promises one line of words. Leaves what is worth a note to its neighbours.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::time::Span;

/// What a note is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum NoteKind {
    /// The limit of draining was over while jobs had not ended.
    CutOff,
    /// Nothing was left that could ever let a waiting job start.
    Stuck,
    /// A run ended before its warm-up: nothing was measured.
    EndedInWarmUp,
    /// No job was submitted in the measured interval.
    NothingMeasured,
    /// Jobs had not ended at the end: times are those of the survivors.
    Unfinished,
    /// Most jobs were rejected.
    MostlyRejected,
    /// Most jobs waited longer than they wanted to.
    MostlyExpired,
    /// Most jobs failed.
    MostlyFailed,
    /// Most jobs were cancelled.
    MostlyCancelled,
    /// Fewer jobs came than the horizon asks for.
    FewerArrivals,
    /// Recorded jobs were left out.
    LeftOut,
    /// The first job comes after a time as long as all that follows.
    LateStart,
    /// Most of the time lies between two jobs far apart.
    LongGap,
    /// The last job comes long before the horizon.
    EarlyEnd,
    /// Nobody said how deep programs are: a depth is assumed.
    AssumedDepth,
    /// How deep programs are is said to be unknown.
    UnknownDepth,
    /// Jobs lack the figure that the order of the queue goes by.
    NothingToOrderBy,
    /// Jobs have priorities that the order of the queue does not look at.
    PriorityIgnored,
    /// Starts are promised, but jobs state no walltime.
    PlacesWithoutInstants,
    /// Somebody's quota lets none of its jobs start.
    QuotaOfNothing,
    /// Jobs name nobody where isolation is between users, projects or groups.
    NamesNobody,
    /// A job was passed by later ones again and again.
    Starved,
    /// All replications are alike.
    NoRandomness,
    /// One replication has no intervals.
    OneReplication,
    /// Targets need more replications than there are.
    FewReplications,
    /// A variant runs in other worlds than the one it is compared with.
    OtherWorlds,
    /// Another interval is measured than of the variant it is compared with.
    OtherInterval,
    /// What a later version has to say.
    #[serde(other)]
    Other,
}

impl NoteKind {
    /// The word in files.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::CutOff => "cut_off",
            Self::Stuck => "stuck",
            Self::EndedInWarmUp => "ended_in_warm_up",
            Self::NothingMeasured => "nothing_measured",
            Self::Unfinished => "unfinished",
            Self::MostlyRejected => "mostly_rejected",
            Self::MostlyExpired => "mostly_expired",
            Self::MostlyFailed => "mostly_failed",
            Self::MostlyCancelled => "mostly_cancelled",
            Self::FewerArrivals => "fewer_arrivals",
            Self::LeftOut => "left_out",
            Self::LateStart => "late_start",
            Self::LongGap => "long_gap",
            Self::EarlyEnd => "early_end",
            Self::AssumedDepth => "assumed_depth",
            Self::UnknownDepth => "unknown_depth",
            Self::NothingToOrderBy => "nothing_to_order_by",
            Self::PriorityIgnored => "priority_ignored",
            Self::PlacesWithoutInstants => "places_without_instants",
            Self::QuotaOfNothing => "quota_of_nothing",
            Self::NamesNobody => "names_nobody",
            Self::Starved => "starved",
            Self::NoRandomness => "no_randomness",
            Self::OneReplication => "one_replication",
            Self::FewReplications => "few_replications",
            Self::OtherWorlds => "other_worlds",
            Self::OtherInterval => "other_interval",
            Self::Other => "other",
        }
    }

    /// Whether the numbers mislead without the note; else it is only worth knowing.
    pub fn is_warning(self) -> bool {
        self != Self::OneReplication
    }
}

/// Something that whoever reads the numbers of a run must know.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Note {
    /// What it is about.
    pub kind: NoteKind,
    /// One sentence, in lower case, without a full stop.
    pub text: String,
    /// What to do.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub hint: Option<String>,
}

impl Note {
    pub(in crate::experiment) fn new(kind: NoteKind, text: impl Into<String>) -> Self {
        Self { kind, text: text.into(), hint: None }
    }

    pub(super) fn hint(self, hint: impl Into<String>) -> Self {
        Self { hint: Some(hint.into()), ..self }
    }
}

/// One line: the text and the hint.
impl fmt::Display for Note {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)?;
        match &self.hint {
            Some(hint) => write!(f, "; hint: {hint}"),
            None => Ok(()),
        }
    }
}

/// `1,204 jobs`, `1 job`.
pub(super) fn count(number: u64, noun: &str) -> String {
    format!("{} {noun}{}", grouped(number), if number == 1 { "" } else { "s" })
}

/// A whole number with its thousands apart.
pub(super) fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::with_capacity(digits.len() + digits.len() / 3);
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// A length of time in the largest unit that it fills, one digit after the point: `43.6 years`.
pub(super) fn roughly(span: Span) -> String {
    const UNITS: [(f64, &str); 5] = [
        (31_557_600.0, "years"),
        (86_400.0, "days"),
        (3_600.0, "hours"),
        (60.0, "minutes"),
        (1.0, "seconds"),
    ];
    let seconds = span.as_secs_f64();
    let (unit, name) = UNITS.into_iter().find(|(unit, _)| seconds >= 2.0 * unit).unwrap_or((1.0, "seconds"));
    format!("{:.1} {name}", seconds / unit)
}

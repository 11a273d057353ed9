//! The devices that could take a job: which are asked in which order, what each answers, and what is remembered of it.
//!
//! Reading order: [`index`] (loads of all devices), [`served`] (turns), [`selector`],
//! [`ranking`], [`selection`], [`figures`] and [`walk`] (the order), [`judge`] (what a
//! device answers), [`refuses_others`] and [`able`] (and what it would answer others), [`select`] (the choice), [`forecast`] (the earliest
//! start later on), [`rearrange`] (and an earlier one if others make way), [`feasibility`] (what empty devices could do), [`memo`], [`promise_memo`], [`refusals`], [`kind_lines`]
//! and [`settled`] (what is remembered).

pub mod able;
pub mod feasibility;
pub mod figures;
pub mod forecast;
pub mod index;
pub mod judge;
pub mod kind_lines;
pub mod memo;
pub mod named;
pub mod own;
pub mod promise_memo;
pub mod ranking;
pub mod rearrange;
pub mod refusals;
pub mod refuses_others;
pub mod select;
pub mod selection;
pub mod selector;
pub mod served;
pub mod settled;
pub mod walk;

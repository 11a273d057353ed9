//! Reports: what people read after a run. Tables for the terminal, plots for papers and browsers.

pub mod plots;
pub mod table;

//! Reports: what people read after a run. Tables for the terminal, plots for papers and browsers.
//!
//! Promises text and image bytes that depend on the data alone. Leaves writing files to the binary.

pub mod font;
pub mod plots;
pub mod table;

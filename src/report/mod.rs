//! What people look at: tables, plots and pictures of devices and results.
//!
//! Promises text and image bytes that depend on the data alone and are readable without colour. Leaves the command
//! line to the binary. [`into_folder`] stands here because it needs both: an experiment to run, and how it looks.

mod accounts_table;
mod bitmap;
pub mod check;
pub mod circuit_table;
pub mod comparison_plots;
pub mod comparison_table;
pub mod device_picture;
pub mod device_table;
pub mod device_text;
pub mod font;
pub mod html;
pub mod into_folder;
pub mod layout;
pub mod life_text;
pub mod placement_table;
pub mod plots;
pub mod rank;
pub mod replay_table;
pub mod run_plots;
pub mod run_summary;
pub mod sweep;
pub mod table;
pub mod workload_table;

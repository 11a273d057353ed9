//! What people look at: tables and pictures of devices and results.
//!
//! Promises text and image bytes, readable without colour; the same input gives the same output. Leaves writing
//! files to the binary.

pub mod device_picture;
pub mod device_table;
pub mod font;
pub mod layout;

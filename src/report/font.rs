//! The font of every picture: embedded, so that plots look the same on a computer without fonts.
//!
//! Promises text in DejaVu Sans for the family `sans-serif` in bitmaps; SVG files name the family only. Leaves
//! sizes to the plots.

use std::sync::Once;

use plotters::style::{FontStyle, register_font};

/// Family name to use in plots.
pub const FAMILY: &str = "sans-serif";

/// DejaVu Sans 2.37, unmodified; its licence is in `assets/fonts/LICENSE`.
pub static SANS: &[u8] = include_bytes!("../../assets/fonts/DejaVuSans.ttf");

/// Makes [`FAMILY`] known to plotters. Call it before drawing; more than once does no harm.
pub fn register() {
    static ONCE: Once = Once::new();
    // A font that cannot be read shows itself as an error of the first text drawn.
    ONCE.call_once(|| drop(register_font(FAMILY, FontStyle::Normal, SANS)));
}

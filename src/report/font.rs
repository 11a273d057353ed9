//! The font of every picture: DejaVu Sans, embedded, so that text looks the same on every machine.
//!
//! Promises that no font has to be installed. Leaves layout to the pictures.

/// The whole font file (DejaVu Sans Book; free licence, `assets/fonts`).
pub static SANS: &[u8] = include_bytes!("../../assets/fonts/DejaVuSans.ttf");

/// Makes the font known to plotters as `sans-serif`; may be called any number of times.
pub fn register() {
    // The only failure is a file that is not a font, which the tests rule out.
    let _ = plotters::style::register_font("sans-serif", plotters::style::FontStyle::Normal, SANS);
}

//! A picture of a device: its coupling map coloured by error, dead elements crossed out, jobs outlined.
//!
//! Promises a picture that reads in grey as well (lightness follows the error, jobs carry letters) and the same
//! bytes for the same device. Leaves places to [`super::layout`] and files' names to the caller.

use plotters::coord::Shift;
use plotters::prelude::*;
use plotters::style::text_anchor::{HPos, Pos, VPos};

use super::{bitmap, font, layout};
use crate::quantum::device::DeviceSpec;

/// Why a picture could not be drawn: the file cannot be written, or is too large for the format.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("cannot draw {name}: {message}")]
pub struct PictureError {
    name: String,
    message: String,
}

/// Pixels per coupler at most; less when the device is large.
const UNIT: f64 = 62.0;
/// Largest extent of the map, pixels.
const EXTENT: (f64, f64) = (1500.0, 1150.0);
/// Room for the title above, and for the colour bars at the right.
const TOP: f64 = 74.0;
const RIGHT: f64 = 250.0;
const MARGIN: f64 = 48.0;
/// Bitmaps are drawn larger by this factor and averaged, which smooths lines and circles.
const OVERSAMPLING: u32 = 3;

const INK: RGBColor = RGBColor(30, 30, 30);
const DEAD: RGBColor = RGBColor(205, 205, 205);
const DEAD_INK: RGBColor = RGBColor(110, 110, 110);
/// Outlines of jobs (Okabe and Ito, tellable apart with any colour vision).
const JOBS: [RGBColor; 7] = [
    RGBColor(213, 94, 0),
    RGBColor(0, 114, 178),
    RGBColor(204, 121, 167),
    RGBColor(0, 158, 115),
    RGBColor(230, 159, 0),
    RGBColor(86, 180, 233),
    RGBColor(90, 90, 90),
];

/// The picture as SVG. `jobs[q]` is the group of qubit q to outline; an empty slice outlines nothing.
pub fn svg(device: &DeviceSpec, jobs: &[Option<u32>]) -> Result<String, PictureError> {
    font::register();
    let plan = Plan::of(device, jobs);
    let mut text = String::new();
    let area = SVGBackend::with_string(&mut text, plan.size(1.0)).into_drawing_area();
    plan.draw(&area, 1.0)
        .and_then(|()| area.present().map_err(message))
        .map_err(|message| plan.error(message))?;
    drop(area);
    Ok(text)
}

/// The picture as PNG; see [`svg`].
pub fn png(device: &DeviceSpec, jobs: &[Option<u32>]) -> Result<Vec<u8>, PictureError> {
    font::register();
    let plan = Plan::of(device, jobs);
    let factor = OVERSAMPLING;
    let (width, height) = plan.size(1.0);
    let large = (width * factor, height * factor);
    let mut pixels = vec![0; large.0 as usize * large.1 as usize * 3];
    {
        let area = BitMapBackend::with_buffer(&mut pixels, large).into_drawing_area();
        let drawn = plan.draw(&area, f64::from(factor)).and_then(|()| area.present().map_err(message));
        drawn.map_err(|message| plan.error(message))?;
    }
    let small = averaged(&pixels, width as usize, height as usize, factor as usize);
    bitmap::png(&small, (width, height)).map_err(|error| plan.error(message(error)))
}

/// The picture with every `factor` x `factor` pixels averaged to one.
fn averaged(pixels: &[u8], width: usize, height: usize, factor: usize) -> Vec<u8> {
    let stride = width * factor * 3;
    let mut small = Vec::with_capacity(width * height * 3);
    for y in 0..height {
        for x in 0..width {
            for channel in 0..3 {
                let at = |dy: usize, dx: usize| {
                    pixels[(y * factor + dy) * stride + (x * factor + dx) * 3 + channel]
                };
                let sum: u32 = (0..factor * factor).map(|i| u32::from(at(i / factor, i % factor))).sum();
                small.push((sum / (factor * factor) as u32) as u8);
            }
        }
    }
    small
}

fn message(error: impl std::fmt::Display) -> String {
    error.to_string()
}

/// Errors to colours: light is good, dark is bad, on a logarithmic scale.
struct Scale {
    low: f64,
    high: f64,
}

impl Scale {
    /// From the lowest to the highest live error; none when there is nothing to show.
    fn of(errors: impl Iterator<Item = f64>) -> Option<Self> {
        // Perfect elements would have no place on a logarithmic scale.
        let errors: Vec<f64> = errors.map(|error| error.max(1e-7)).collect();
        let low = errors.iter().copied().min_by(f64::total_cmp)?;
        let high = errors.iter().copied().max_by(f64::total_cmp)?;
        Some(Self { low, high })
    }

    fn is_flat(&self) -> bool {
        self.high < self.low * 1.05
    }

    /// Place of an error from 0 (lowest) to 1 (highest).
    fn place(&self, error: f64) -> f64 {
        if self.is_flat() {
            return 0.5;
        }
        (libm::log(error.max(1e-7) / self.low) / libm::log(self.high / self.low)).clamp(0.0, 1.0)
    }

    fn color(&self, error: f64) -> RGBColor {
        Self::shade(self.place(error))
    }

    /// Viridis without its lightest end, which would vanish on white; dark for 1.
    fn shade(place: f64) -> RGBColor {
        ViridisRGB::get_color(0.93 * (1.0 - place))
    }

    /// Values to write beside the bar: 1, 2 and 5 times powers of ten, or both ends.
    fn ticks(&self) -> Vec<f64> {
        if self.is_flat() {
            return vec![self.low];
        }
        let steps =
            (-7..=0).flat_map(|power| [1.0, 2.0, 5.0].map(|step| step * libm::pow(10.0, f64::from(power))));
        let nice: Vec<f64> =
            steps.filter(|tick| (self.low * 0.999..=self.high * 1.001).contains(tick)).collect();
        if nice.len() < 2 { vec![self.low, self.high] } else { nice }
    }
}

/// What is drawn where, in pixels of an unscaled picture.
struct Plan<'a> {
    device: &'a DeviceSpec,
    jobs: &'a [Option<u32>],
    places: Vec<(f64, f64)>,
    unit: f64,
    width: f64,
    height: f64,
}

impl<'a> Plan<'a> {
    fn of(device: &'a DeviceSpec, jobs: &'a [Option<u32>]) -> Self {
        let places = layout::positions(&device.coupling_map);
        let range = |get: fn(&(f64, f64)) -> f64| {
            let low = places.iter().map(get).fold(f64::INFINITY, f64::min);
            (low, places.iter().map(get).fold(f64::NEG_INFINITY, f64::max) - low)
        };
        let ((left, wide), (top, high)) = (range(|place| place.0), range(|place| place.1));
        let unit = UNIT.min(EXTENT.0 / wide.max(1.0)).min(EXTENT.1 / high.max(1.0)).max(4.0);
        // The bars and the title need their room however small the device is.
        let (map_width, map_height) = ((wide * unit).max(420.0), (high * unit).max(430.0));
        let shift =
            ((map_width - wide * unit) / 2.0 + MARGIN, (map_height - high * unit) / 2.0 + TOP + MARGIN);
        let places =
            places.iter().map(|(x, y)| ((x - left) * unit + shift.0, (y - top) * unit + shift.1)).collect();
        let (width, height) = (map_width + 2.0 * MARGIN + RIGHT, map_height + 2.0 * MARGIN + TOP);
        Self { device, jobs, places, unit, width, height }
    }

    fn size(&self, factor: f64) -> (u32, u32) {
        ((self.width * factor) as u32, (self.height * factor) as u32)
    }

    fn error(&self, message: String) -> PictureError {
        PictureError { name: self.device.name.clone(), message }
    }

    fn draw<B: DrawingBackend>(&self, area: &DrawingArea<B, Shift>, factor: f64) -> Result<(), String> {
        let canvas = Canvas { area, factor };
        area.fill(&WHITE).map_err(message)?;
        let figures = &self.device.calibration;
        let gates = Scale::of(figures.couplers.iter().filter(|c| !c.dead).map(|c| c.two_qubit_error));
        let readout = Scale::of(figures.qubits.iter().filter(|q| !q.dead).map(|q| q.readout_error));
        self.draw_title(&canvas)?;
        self.draw_jobs(&canvas)?;
        self.draw_couplers(&canvas, gates.as_ref())?;
        self.draw_qubits(&canvas, readout.as_ref())?;
        self.draw_legend(&canvas, gates.as_ref(), readout.as_ref())
    }

    fn draw_title<B: DrawingBackend>(&self, canvas: &Canvas<'_, B>) -> Result<(), String> {
        let device = self.device;
        canvas.text(&device.name, (MARGIN, 22.0), 24.0, INK, HPos::Left)?;
        let dead_qubits = device.calibration.qubits.iter().filter(|q| q.dead).count();
        let dead_couplers = device.calibration.couplers.iter().filter(|c| c.dead).count();
        let map = &device.coupling_map;
        let mut text = format!("{}, {} qubits, {} couplers", device.vendor, map.qubits(), map.pairs());
        if dead_qubits + dead_couplers > 0 {
            text += &format!(", dead: {dead_qubits} qubits, {dead_couplers} couplers");
        }
        if let Some(at) = &device.calibrated_at {
            text += &format!(", calibrated {}", at.get(..10).unwrap_or(at));
        }
        canvas.text(&text, (MARGIN, 52.0), 15.0, DEAD_INK, HPos::Left)
    }

    fn job(&self, qubit: usize) -> Option<u32> {
        self.jobs.get(qubit).copied().flatten()
    }

    /// A wide band around the qubits of each job and the couplers inside it, with the job's letter.
    fn draw_jobs<B: DrawingBackend>(&self, canvas: &Canvas<'_, B>) -> Result<(), String> {
        let color = |job: u32| JOBS[job as usize % JOBS.len()];
        for (a, b) in self.device.coupling_map.couplers() {
            if let Some(job) = self.job(a.index())
                && self.job(b.index()) == Some(job)
                && !self.device.coupling_map.is_complete()
            {
                canvas.line(self.places[a.index()], self.places[b.index()], 0.5 * self.unit, color(job))?;
            }
        }
        for (qubit, &place) in self.places.iter().enumerate() {
            if let Some(job) = self.job(qubit) {
                canvas.disc(place, 0.48 * self.unit, color(job))?;
            }
        }
        Ok(())
    }

    fn draw_couplers<B: DrawingBackend>(
        &self,
        canvas: &Canvas<'_, B>,
        scale: Option<&Scale>,
    ) -> Result<(), String> {
        let map = &self.device.coupling_map;
        let crowded = map.is_complete() && map.qubits() > 4;
        let thick = 0.15 * self.unit;
        for (coupler, (a, b)) in self.device.calibration.couplers.iter().zip(map.couplers()) {
            let (from, to) = (self.places[a.index()], self.places[b.index()]);
            match scale.filter(|_| !coupler.dead) {
                Some(scale) if crowded => {
                    // Hundreds of lines cross: hairlines, the fainter the more there are.
                    let opacity = (16.0 / map.qubits() as f64).clamp(0.25, 1.0);
                    canvas.hairline(from, to, scale.color(coupler.two_qubit_error).mix(opacity))?;
                }
                Some(scale) => {
                    canvas.line(from, to, thick + 2.0, INK)?;
                    canvas.line(from, to, thick, scale.color(coupler.two_qubit_error))?;
                }
                None if crowded => {}
                None => self.draw_dead_coupler(canvas, from, to, thick)?,
            }
        }
        Ok(())
    }

    fn draw_dead_coupler<B: DrawingBackend>(
        &self,
        canvas: &Canvas<'_, B>,
        from: (f64, f64),
        to: (f64, f64),
        thick: f64,
    ) -> Result<(), String> {
        canvas.line(from, to, thick, DEAD)?;
        canvas.cross(((from.0 + to.0) / 2.0, (from.1 + to.1) / 2.0), 0.1 * self.unit, DEAD_INK)
    }

    fn draw_qubits<B: DrawingBackend>(
        &self,
        canvas: &Canvas<'_, B>,
        scale: Option<&Scale>,
    ) -> Result<(), String> {
        let radius = 0.34 * self.unit;
        for (index, (qubit, &place)) in self.device.calibration.qubits.iter().zip(&self.places).enumerate() {
            canvas.disc(place, radius + 1.0, INK)?;
            let fill = scale.filter(|_| !qubit.dead).map_or(DEAD, |scale| scale.color(qubit.readout_error));
            canvas.disc(place, radius, fill)?;
            if qubit.dead {
                canvas.cross(place, 0.7 * radius, DEAD_INK)?;
            }
            let size = if index < 1000 { 0.95 } else { 0.75 } * radius;
            if size >= 5.0 {
                let dark =
                    0.299 * f64::from(fill.0) + 0.587 * f64::from(fill.1) + 0.114 * f64::from(fill.2) < 120.0;
                canvas.text(&index.to_string(), place, size, if dark { WHITE } else { INK }, HPos::Center)?;
            }
            let first = self.job(index).filter(|job| !(0..index).any(|other| self.job(other) == Some(*job)));
            if let Some(job) = first {
                let at = (place.0 - 0.42 * self.unit, place.1 - 0.42 * self.unit);
                canvas.disc(at, 0.17 * self.unit, INK)?;
                canvas.text(&letters(job), at, 0.22 * self.unit, WHITE, HPos::Center)?;
            }
        }
        Ok(())
    }

    fn draw_legend<B: DrawingBackend>(
        &self,
        canvas: &Canvas<'_, B>,
        gates: Option<&Scale>,
        readout: Option<&Scale>,
    ) -> Result<(), String> {
        let left = self.width - RIGHT + 10.0;
        let top = TOP + MARGIN;
        draw_bar(canvas, gates, (left, top), "two-qubit error", "(lines)")?;
        draw_bar(canvas, readout, (left + 125.0, top), "readout error", "(circles)")?;
        let figures = &self.device.calibration;
        if figures.qubits.iter().any(|q| q.dead) || figures.couplers.iter().any(|c| c.dead) {
            let y = top + 372.0;
            canvas.line((left, y), (left + 40.0, y), 8.0, DEAD)?;
            canvas.cross((left + 20.0, y), 6.0, DEAD_INK)?;
            canvas.disc((left + 62.0, y), 14.0, INK)?;
            canvas.disc((left + 62.0, y), 13.0, DEAD)?;
            canvas.cross((left + 62.0, y), 9.0, DEAD_INK)?;
            canvas.text("dead", (left + 88.0, y), 14.0, INK, HPos::Left)?;
        }
        Ok(())
    }
}

/// A colour bar with its ticks, bad at the top.
fn draw_bar<B: DrawingBackend>(
    canvas: &Canvas<'_, B>,
    scale: Option<&Scale>,
    (left, top): (f64, f64),
    title: &str,
    what: &str,
) -> Result<(), String> {
    const HEIGHT: f64 = 280.0;
    const WIDTH: f64 = 22.0;
    let Some(scale) = scale else { return Ok(()) };
    canvas.text(title, (left, top), 14.0, INK, HPos::Left)?;
    canvas.text(what, (left, top + 20.0), 13.0, DEAD_INK, HPos::Left)?;
    let top = top + 44.0;
    canvas.block((left - 1.0, top - 1.0), (left + WIDTH + 1.0, top + HEIGHT + 1.0), INK)?;
    for step in 0..140 {
        let place = if scale.is_flat() { 0.5 } else { 1.0 - (f64::from(step) + 0.5) / 140.0 };
        let y = top + HEIGHT * f64::from(step) / 140.0;
        canvas.block((left, y), (left + WIDTH, y + HEIGHT / 140.0), Scale::shade(place))?;
    }
    for tick in scale.ticks() {
        let y = top + HEIGHT * (1.0 - scale.place(tick));
        canvas.line((left + WIDTH, y), (left + WIDTH + 5.0, y), 1.0, INK)?;
        canvas.text(&percent(tick), (left + WIDTH + 9.0, y), 13.0, INK, HPos::Left)?;
    }
    Ok(())
}

/// A probability in percent with two significant digits.
fn percent(value: f64) -> String {
    if value <= 1e-7 {
        return "0 %".to_owned();
    }
    let short: f64 = format!("{:.1e}", value * 100.0).parse().unwrap_or(value * 100.0);
    format!("{short} %")
}

/// A, B, ..., Z, AA, AB, ...
fn letters(job: u32) -> String {
    let last = char::from(b'A' + (job % 26) as u8);
    if job < 26 { last.to_string() } else { letters(job / 26 - 1) + &last.to_string() }
}

/// Shapes at places in unscaled pixels.
struct Canvas<'a, B: DrawingBackend> {
    area: &'a DrawingArea<B, Shift>,
    factor: f64,
}

impl<B: DrawingBackend> Canvas<'_, B> {
    fn at(&self, (x, y): (f64, f64)) -> (i32, i32) {
        ((x * self.factor).round() as i32, (y * self.factor).round() as i32)
    }

    fn disc(&self, centre: (f64, f64), radius: f64, color: RGBColor) -> Result<(), String> {
        let radius = (radius * self.factor).round().max(1.0) as i32;
        self.area.draw(&Circle::new(self.at(centre), radius, color.filled())).map_err(message)
    }

    /// A line as a filled shape: plotters' strokes have whole widths and differ between its backends.
    fn line(&self, from: (f64, f64), to: (f64, f64), width: f64, color: RGBColor) -> Result<(), String> {
        let (dx, dy) = (to.0 - from.0, to.1 - from.1);
        let length = (dx * dx + dy * dy).sqrt().max(1e-9);
        let (nx, ny) = (-dy / length * width / 2.0, dx / length * width / 2.0);
        let corners = [
            (from.0 + nx, from.1 + ny),
            (to.0 + nx, to.1 + ny),
            (to.0 - nx, to.1 - ny),
            (from.0 - nx, from.1 - ny),
        ];
        let corners: Vec<(i32, i32)> = corners.into_iter().map(|corner| self.at(corner)).collect();
        self.area.draw(&Polygon::new(corners, color.filled())).map_err(message)
    }

    /// A pixel wide, or nearly so.
    fn hairline(&self, from: (f64, f64), to: (f64, f64), color: RGBAColor) -> Result<(), String> {
        self.area
            .draw(&PathElement::new(
                [self.at(from), self.at(to)],
                color.stroke_width(self.factor.sqrt().round() as u32),
            ))
            .map_err(message)
    }

    fn cross(&self, (x, y): (f64, f64), arm: f64, color: RGBColor) -> Result<(), String> {
        let width = (arm * 0.3).max(1.5);
        self.line((x - arm, y - arm), (x + arm, y + arm), width, color)?;
        self.line((x - arm, y + arm), (x + arm, y - arm), width, color)
    }

    fn block(&self, low: (f64, f64), high: (f64, f64), color: RGBColor) -> Result<(), String> {
        self.area.draw(&Rectangle::new([self.at(low), self.at(high)], color.filled())).map_err(message)
    }

    fn text(
        &self,
        text: &str,
        at: (f64, f64),
        size: f64,
        color: RGBColor,
        anchor: HPos,
    ) -> Result<(), String> {
        let style = TextStyle::from((font::FAMILY, size * self.factor).into_font())
            .color(&color)
            .pos(Pos::new(anchor, VPos::Center));
        // The centre of a line of text lies above the centre of its digits: descenders count.
        let at = (at.0, at.1 + 0.09 * size);
        self.area.draw(&Text::new(text.to_owned(), self.at(at), style)).map_err(message)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::quantum::catalogue;

    #[test]
    fn the_picture_names_every_qubit_and_crosses_out_the_dead() {
        let device = catalogue::load("ibm_torino").unwrap();
        let picture = svg(&device, &[Some(0), Some(0), None, Some(1)]).unwrap();
        for qubit in 0..133 {
            assert!(picture.contains(&format!("\n{qubit}\n")), "qubit {qubit}");
        }
        assert!(picture.contains("two-qubit error") && picture.contains("0.5 %") && picture.contains("dead"));
        assert_eq!(picture, svg(&device, &[Some(0), Some(0), None, Some(1)]).unwrap());
    }

    #[test]
    fn pictures_are_written_as_png() {
        let picture = png(&catalogue::load("iqm_garnet").unwrap(), &[]).unwrap();
        let reader = ::png::Decoder::new(&picture[..]).read_info().unwrap();
        assert!(reader.info().width > 300 && reader.info().height > 300);
    }

    #[test]
    fn ticks_and_letters() {
        let ticks =
            |low, high| Scale { low, high }.ticks().into_iter().map(percent).collect::<Vec<_>>().join(" ");
        assert_eq!(ticks(0.0012, 0.06), "0.2 % 0.5 % 1 % 2 % 5 %");
        assert_eq!(ticks(0.0031, 0.0042), "0.31 % 0.42 %");
        assert_eq!(ticks(0.0075, 0.0075), "0.75 %");
        assert_eq!([0, 25, 26, 701].map(letters), ["A", "Z", "AA", "ZZ"]);
    }
}

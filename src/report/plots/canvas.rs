//! The sheet that every plot is drawn on: positions in pixels of the PNG as real numbers, colours, text, dashes.
//!
//! Promises the same picture from one drawing function as SVG (text stays text) and as anti-aliased PNG, and the
//! same bytes for the same calls. Leaves scales and ticks to the axes.

use plotters::prelude::{
    BitMapBackend, Color, DrawingBackend, FontDesc, FontFamily, FontStyle, FontTransform, RGBAColor,
    RGBColor, SVGBackend, ShapeStyle, TextStyle,
};
use plotters::style::text_anchor::{HPos, Pos, VPos};

use super::palette::{Dash, Marker};
use super::raster::{Filler, circle, glyphs, text_width};
use super::{Figure, PlotError};
use crate::report::bitmap;

/// SVG coordinates per pixel: backends take whole numbers, so this is the precision of the vector picture.
const SVG_SCALE: f64 = 10.0;

/// Families in the order of preference; the first is the embedded one, the second about as wide.
const SVG_FAMILY: &str = "DejaVu Sans, Verdana, sans-serif";

/// plotters divides font sizes by this before it writes them.
const PLOTTERS_FONT_FACTOR: f64 = 1.24;

/// A line: colour, width in pixels, dashes.
#[derive(Debug, Clone, Copy)]
pub(super) struct Pen {
    pub color: RGBAColor,
    pub width: f64,
    pub dash: Dash,
}

impl Pen {
    pub fn solid(color: RGBColor, width: f64) -> Self {
        Self { color: color.to_rgba(), width, dash: Dash::Solid }
    }

    pub fn dashed(self, dash: Dash) -> Self {
        Self { dash, ..self }
    }
}

/// How a text lies around its position.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Anchor {
    Start,
    Middle,
    End,
}

/// A text: colour, pixels per em, anchor, and whether it runs upwards.
#[derive(Debug, Clone, Copy)]
pub(super) struct Lettering {
    pub color: RGBColor,
    pub size: f64,
    pub anchor: Anchor,
    pub upwards: bool,
}

impl Lettering {
    pub fn new(color: RGBColor, size: f64, anchor: Anchor) -> Self {
        Self { color, size, anchor, upwards: false }
    }
}

/// A drawing surface over a plotters backend.
pub(super) struct Canvas<'a, DB: DrawingBackend> {
    backend: &'a mut DB,
    /// Backend units per pixel; 1 means that the backend is a bitmap and shapes are filled here.
    scale: f64,
    size: (u32, u32),
    filler: Filler,
    failure: Option<String>,
}

/// Something that can be drawn on any canvas.
pub(super) trait Drawing {
    /// Width and height in pixels.
    fn size(&self) -> (u32, u32);
    /// Draws everything.
    fn draw<DB: DrawingBackend>(&self, canvas: &mut Canvas<'_, DB>);
}

/// Draws twice, as SVG and as PNG.
pub(super) fn render(drawing: &impl Drawing) -> Result<Figure, PlotError> {
    Ok(Figure { svg: render_svg(drawing)?, png: render_png(drawing)? })
}

fn render_svg(drawing: &impl Drawing) -> Result<String, PlotError> {
    let (width, height) = drawing.size();
    let units = (width * SVG_SCALE as u32, height * SVG_SCALE as u32);
    let mut svg = String::new();
    {
        let mut backend = SVGBackend::with_string(&mut svg, units);
        draw_on(drawing, &mut backend, SVG_SCALE)?;
        backend.present().map_err(|error| PlotError::Drawing(error.to_string()))?;
    }
    // The backend knows one size only: keep its fine coordinates, but show them at the size of the PNG.
    let fine = format!("width=\"{}\" height=\"{}\"", units.0, units.1);
    Ok(svg.replacen(&fine, &format!("width=\"{width}\" height=\"{height}\""), 1))
}

fn render_png(drawing: &impl Drawing) -> Result<Vec<u8>, PlotError> {
    let (width, height) = drawing.size();
    let mut pixels = vec![255; width as usize * height as usize * 3];
    draw_on(drawing, &mut BitMapBackend::with_buffer(&mut pixels, (width, height)), 1.0)?;
    bitmap::png(&pixels, (width, height)).map_err(|error| PlotError::Drawing(error.to_string()))
}

fn draw_on<DB: DrawingBackend>(
    drawing: &impl Drawing,
    backend: &mut DB,
    scale: f64,
) -> Result<(), PlotError> {
    let size = drawing.size();
    let mut canvas = Canvas { backend, scale, size, filler: Filler::default(), failure: None };
    // A bitmap begins white.
    if !canvas.is_bitmap() {
        let (width, height) = canvas.size();
        canvas.rectangle((0.0, 0.0), (width, height), RGBColor(255, 255, 255).to_rgba());
    }
    drawing.draw(&mut canvas);
    canvas.failure.map_or(Ok(()), |text| Err(PlotError::Drawing(text)))
}

impl<DB: DrawingBackend> Canvas<'_, DB> {
    /// Width and height in pixels.
    pub fn size(&self) -> (f64, f64) {
        (f64::from(self.size.0), f64::from(self.size.1))
    }

    /// A filled axis-parallel rectangle.
    pub fn rectangle(&mut self, (x0, y0): (f64, f64), (x1, y1): (f64, f64), color: RGBAColor) {
        if self.is_bitmap() {
            self.polygon(&[(x0, y0), (x1, y0), (x1, y1), (x0, y1)], color);
        } else {
            let corners = (self.unit((x0, y0)), self.unit((x1, y1)));
            let result =
                self.backend.draw_rect(corners.0, corners.1, &ShapeStyle::from(color).filled(), true);
            self.note(result);
        }
    }

    /// A filled polygon.
    pub fn polygon(&mut self, corners: &[(f64, f64)], color: RGBAColor) {
        if self.is_bitmap() {
            self.filler.polygon(corners);
            self.fill(color);
        } else {
            let corners: Vec<_> = corners.iter().map(|&corner| self.unit(corner)).collect();
            let result = self.backend.fill_polygon(corners, &color.to_backend_color());
            self.note(result);
        }
    }

    /// A line through some points.
    pub fn line(&mut self, points: &[(f64, f64)], pen: Pen) {
        let finite = points.iter().all(|(x, y)| x.is_finite() && y.is_finite());
        if points.len() < 2 || !finite {
            return;
        }
        for part in pen.dash.cut(points, pen.width) {
            if self.is_bitmap() {
                self.filler.stroke(&part, pen.width);
            } else {
                let units: Vec<_> = part.iter().map(|&point| self.unit(point)).collect();
                let style = ShapeStyle::from(pen.color).stroke_width((pen.width * self.scale).round() as u32);
                let result = self.backend.draw_path(units, &style);
                self.note(result);
            }
        }
        // All dashes at once, so that translucent ones do not darken where they touch.
        self.fill(pen.color);
    }

    /// A marker with a white rim, so that it stands out from the line below it.
    pub fn marker(&mut self, marker: Marker, (x, y): (f64, f64), radius: f64, color: RGBColor) {
        let white = RGBColor(255, 255, 255).to_rgba();
        if marker == Marker::Circle || marker == Marker::Ring {
            self.disc((x, y), radius + 1.5, white);
            self.disc((x, y), radius, color.to_rgba());
            if marker == Marker::Ring {
                self.disc((x, y), radius - 2.5, white);
            }
            return;
        }
        self.polygon(&marker.outline(x, y, radius + 2.0), white);
        self.polygon(&marker.outline(x, y, radius), color.to_rgba());
        if marker.is_hollow() {
            self.polygon(&marker.outline(x, y, radius - 3.0), white);
        }
    }

    /// A filled circle.
    pub fn disc(&mut self, (x, y): (f64, f64), radius: f64, color: RGBAColor) {
        if self.is_bitmap() {
            self.filler.polygon(&circle(x, y, radius, 32));
            self.fill(color);
        } else {
            let (center, units) = (self.unit((x, y)), (radius * self.scale).round() as u32);
            let style = ShapeStyle::from(color).filled();
            let result = self.backend.draw_circle(center, units, &style, true);
            self.note(result);
        }
    }

    /// A text; `y` is the middle of its small letters. Returns its width.
    pub fn text(&mut self, text: &str, (x, y): (f64, f64), style: Lettering) -> f64 {
        let width = text_width(text, style.size);
        if !self.is_bitmap() {
            let transform = if style.upwards { FontTransform::Rotate270 } else { FontTransform::None };
            let h_pos = match style.anchor {
                Anchor::Start => HPos::Left,
                Anchor::Middle => HPos::Center,
                Anchor::End => HPos::Right,
            };
            let font = FontDesc::new(
                FontFamily::Name(SVG_FAMILY),
                (style.size * self.scale).round() * PLOTTERS_FONT_FACTOR,
                FontStyle::Normal,
            );
            let look = TextStyle::from(font.transform(transform))
                .color(&style.color)
                .pos(Pos::new(h_pos, VPos::Center));
            let result = self.backend.draw_text(text, &look, self.unit((x, y)));
            self.note(result);
            return width;
        }
        // Half of the x-height (0.547 em in DejaVu Sans) below the middle lies the baseline.
        let drop = 0.2735 * style.size;
        let before = match style.anchor {
            Anchor::Start => 0.0,
            Anchor::Middle => width / 2.0,
            Anchor::End => width,
        };
        let start = if style.upwards { (x + drop, y + before) } else { (x - before, y + drop) };
        let (backend, failure) = (&mut *self.backend, &mut self.failure);
        glyphs(text, style.size, start, style.upwards, |x, y, share| {
            let color = style.color.mix(f64::from(share)).to_backend_color();
            if let Err(error) = backend.draw_pixel((x, y), color) {
                failure.get_or_insert(error.to_string());
            }
        });
        width
    }

    fn is_bitmap(&self) -> bool {
        self.scale == 1.0
    }

    fn unit(&self, (x, y): (f64, f64)) -> (i32, i32) {
        ((x * self.scale).round() as i32, (y * self.scale).round() as i32)
    }

    fn fill(&mut self, color: RGBAColor) {
        let (backend, failure) = (&mut *self.backend, &mut self.failure);
        self.filler.fill(self.size.0, self.size.1, |x, y, share| {
            let color = color.mix(f64::from(share)).to_backend_color();
            if let Err(error) = backend.draw_pixel((x, y), color) {
                failure.get_or_insert(error.to_string());
            }
        });
    }

    fn note<E: std::fmt::Display>(&mut self, result: Result<(), E>) {
        if let Err(error) = result {
            self.failure.get_or_insert(error.to_string());
        }
    }
}

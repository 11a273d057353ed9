//! Rows of CSV at the speed of the simulator: fields are formatted straight into one byte buffer.
//!
//! Promises that any CSV reader gets back the exact value that was written (texts that a spreadsheet would compute
//! begin with a mark, see [`RowWriter::text`]), that the same values give the same bytes, and that no field
//! allocates. Leaves the choice of columns to the traces.

use std::io::{self, Write};

use crate::time::{Span, Time};

/// Bytes gathered before the sink is asked: large enough that the cost of a write vanishes, small enough for the cache.
const FLUSH_AT: usize = 1 << 16;

/// Writes comma-separated rows to a sink, one method per kind of field.
///
/// Fields are added from left to right and [`end_row`](Self::end_row) closes the row. Errors of the sink show up
/// there and in [`finish`](Self::finish), never in a field.
///
/// ```
/// use resource_manager::simulator::csv_row::RowWriter;
/// use resource_manager::time::Span;
///
/// let mut rows = RowWriter::new(Vec::new());
/// rows.header(&["job_id", "waiting_time_s", "note"])?;
/// rows.u64(7).seconds(Span(1_500_000_000)).text("late, but done");
/// rows.end_row()?;
/// assert_eq!(rows.finish()?, b"job_id,waiting_time_s,note\n7,1.5,\"late, but done\"\n");
/// # Ok::<(), std::io::Error>(())
/// ```
#[derive(Debug)]
pub struct RowWriter<W: Write> {
    sink: W,
    buffer: Vec<u8>,
    /// Where the current row begins in `buffer`.
    row_start: usize,
    fields: usize,
    /// Fields per row as the header promised; 0 without a header.
    columns: usize,
}

impl<W: Write> RowWriter<W> {
    /// A writer without a header; buffers on its own, so `sink` needs no buffer.
    pub fn new(sink: W) -> Self {
        Self { sink, buffer: Vec::with_capacity(FLUSH_AT + 4096), row_start: 0, fields: 0, columns: 0 }
    }

    /// Writes the header row. From here on every row must have as many fields (checked in debug builds).
    pub fn header(&mut self, names: &[&str]) -> io::Result<()> {
        for name in names {
            self.text(name);
        }
        self.columns = names.len();
        self.end_row()
    }

    /// A whole number.
    #[inline]
    pub fn i64(&mut self, value: i64) -> &mut Self {
        self.separate();
        let mut digits = itoa::Buffer::new();
        self.buffer.extend_from_slice(digits.format(value).as_bytes());
        self
    }

    /// A whole number that is not negative.
    #[inline]
    pub fn u64(&mut self, value: u64) -> &mut Self {
        self.separate();
        let mut digits = itoa::Buffer::new();
        self.buffer.extend_from_slice(digits.format(value).as_bytes());
        self
    }

    /// A real number: the shortest text that reads back as the same bits, whole numbers without `.0`.
    ///
    /// Not-a-number means "no value" and leaves the field empty; infinities are `inf` and `-inf`.
    #[inline]
    pub fn f64(&mut self, value: f64) -> &mut Self {
        self.separate();
        if value.is_finite() {
            let mut digits = zmij::Buffer::new();
            let text = digits.format_finite(value);
            let text = text.strip_suffix(".0").unwrap_or(text);
            self.buffer.extend_from_slice(text.as_bytes());
        } else if !value.is_nan() {
            self.buffer.extend_from_slice(if value > 0.0 { b"inf" } else { b"-inf" });
        }
        self
    }

    /// A real number, or an empty field.
    #[inline]
    pub fn optional(&mut self, value: Option<f64>) -> &mut Self {
        self.f64(value.unwrap_or(f64::NAN))
    }

    /// An instant or a span in seconds: the exact decimal of its nanoseconds, without trailing zeros.
    #[inline]
    pub fn seconds(&mut self, value: impl Into<Nanoseconds>) -> &mut Self {
        self.separate();
        let Nanoseconds(ns) = value.into();
        let (whole, fraction) = (ns / 1_000_000_000, ns % 1_000_000_000);
        let mut digits = itoa::Buffer::new();
        self.buffer.extend_from_slice(digits.format(whole).as_bytes());
        if fraction > 0 {
            // With a leading 1 all nine digits are printed; the point takes its place.
            let text = digits.format(fraction + 1_000_000_000).trim_end_matches('0').as_bytes();
            self.buffer.push(b'.');
            self.buffer.extend_from_slice(&text[1..]);
        }
        self
    }

    /// A text, quoted when a reader could misread it.
    ///
    /// A spreadsheet computes what begins with `=`, `+`, `-`, `@`, a tab or a carriage return: before such a text stands
    /// one `'`, which [`plain`] takes back. Numbers are no texts and have no mark.
    #[inline]
    pub fn text(&mut self, value: &str) -> &mut Self {
        self.separate();
        if is_formula(value.as_bytes()) {
            self.marked(value);
        } else if value.bytes().any(|byte| matches!(byte, b',' | b'"' | b'\n' | b'\r')) {
            self.quoted(value);
        } else {
            self.buffer.extend_from_slice(value.as_bytes());
        }
        self
    }

    /// A whole row of texts; numbers among them stay as they are.
    pub fn record(&mut self, cells: impl IntoIterator<Item: AsRef<str>>) -> io::Result<()> {
        for cell in cells {
            self.text(cell.as_ref());
        }
        self.end_row()
    }

    /// `true` or `false`.
    #[inline]
    pub fn bool(&mut self, value: bool) -> &mut Self {
        self.separate();
        self.buffer.extend_from_slice(if value { b"true" } else { b"false" });
        self
    }

    /// A field without a value.
    #[inline]
    pub fn empty(&mut self) -> &mut Self {
        self.separate();
        self
    }

    /// Closes the row; hands the buffer to the sink when it is full.
    #[inline]
    pub fn end_row(&mut self) -> io::Result<()> {
        debug_assert!(
            self.columns == 0 || self.fields == self.columns,
            "a row of {} fields under a header of {}",
            self.fields,
            self.columns
        );
        if self.buffer.len() == self.row_start {
            // Readers skip an empty line, so a lone empty field must be quoted to remain a row.
            self.buffer.extend_from_slice(b"\"\"");
        }
        self.buffer.push(b'\n');
        self.fields = 0;
        self.row_start = self.buffer.len();
        if self.buffer.len() >= FLUSH_AT {
            self.drain()?;
        }
        Ok(())
    }

    /// Hands everything to the sink, for rows that must not be lost.
    pub fn flush(&mut self) -> io::Result<()> {
        self.drain()?;
        self.sink.flush()
    }

    /// Writes what is left and returns the sink. A writer that is dropped instead loses its last rows.
    pub fn finish(mut self) -> io::Result<W> {
        self.drain()?;
        self.sink.flush()?;
        Ok(self.sink)
    }

    fn drain(&mut self) -> io::Result<()> {
        self.sink.write_all(&self.buffer)?;
        self.buffer.clear();
        self.row_start = 0;
        Ok(())
    }

    #[inline]
    fn separate(&mut self) {
        if self.fields > 0 {
            self.buffer.push(b',');
        }
        self.fields += 1;
    }

    #[cold]
    fn marked(&mut self, value: &str) {
        self.quoted(&format!("'{value}"));
    }

    #[cold]
    fn quoted(&mut self, value: &str) {
        self.buffer.push(b'"');
        for byte in value.bytes() {
            if byte == b'"' {
                self.buffer.push(b'"');
            }
            self.buffer.push(byte);
        }
        self.buffer.push(b'"');
    }
}

/// Whether a spreadsheet would compute a text, or the text could be taken for a marked one. A number as a text, such as
/// the label `-1`, is computed to itself.
fn is_formula(text: &[u8]) -> bool {
    let marks = text.iter().take_while(|byte| **byte == b'\'').count();
    let plain = &text[marks..];
    let number = || str::from_utf8(plain).is_ok_and(|text| text.parse().is_ok_and(f64::is_finite));
    matches!(plain.first(), Some(b'=' | b'+' | b'-' | b'@' | b'\t' | b'\r')) && !number()
}

/// The text that a cell stands for: without the mark that [`RowWriter::text`] puts before what a spreadsheet would
/// compute.
///
/// ```
/// use resource_manager::simulator::csv_row::plain;
///
/// assert_eq!([plain(b"'=1+1"), plain(b"''-x"), plain(b"'quoted'"), plain(b"-5")], [
///     &b"=1+1"[..],
///     b"'-x",
///     b"'quoted'",
///     b"-5",
/// ]);
/// ```
pub fn plain(cell: &[u8]) -> &[u8] {
    match cell {
        [b'\'', rest @ ..] if is_formula(rest) => rest,
        _ => cell,
    }
}

/// A text as a cell, for tables that are formatted as a whole.
pub fn cell(text: &str) -> String {
    let mut writer = RowWriter::new(Vec::new());
    writer.text(text);
    String::from_utf8(writer.buffer).unwrap_or_default()
}

/// What [`RowWriter::seconds`] accepts: an instant or a span.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Nanoseconds(u64);

impl From<Time> for Nanoseconds {
    fn from(time: Time) -> Self {
        Self(time.0)
    }
}

impl From<Span> for Nanoseconds {
    fn from(span: Span) -> Self {
        Self(span.0)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[derive(Debug, Clone)]
    enum Field {
        Whole(u64),
        Real(f64),
        Seconds(u64),
        Text(String),
        Empty,
    }

    fn field() -> impl Strategy<Value = Field> {
        prop_oneof![
            any::<u64>().prop_map(Field::Whole),
            any::<f64>().prop_filter("a value", |value| !value.is_nan()).prop_map(Field::Real),
            any::<u64>().prop_map(Field::Seconds),
            (0_u64..1 << 42).prop_map(Field::Seconds),
            "[a-z,\"\r\n ;µ'=+@-]{0,12}".prop_map(Field::Text),
            Just(Field::Empty),
        ]
    }

    proptest! {
        #[test]
        fn a_csv_reader_gets_back_what_was_written(
            rows in proptest::collection::vec(proptest::collection::vec(field(), 4), 1..40)
        ) {
            let mut writer = RowWriter::new(Vec::new());
            for row in &rows {
                for field in row {
                    match field {
                        Field::Whole(value) => writer.u64(*value),
                        Field::Real(value) => writer.f64(*value),
                        Field::Seconds(ns) => writer.seconds(Span(*ns)),
                        Field::Text(text) => writer.text(text),
                        Field::Empty => writer.empty(),
                    };
                }
                writer.end_row().unwrap();
            }
            let bytes = writer.finish().unwrap();
            let mut reader = csv::ReaderBuilder::new().has_headers(false).from_reader(&bytes[..]);
            let records: Vec<csv::StringRecord> = reader.records().map(Result::unwrap).collect();
            prop_assert_eq!(records.len(), rows.len());
            for (record, row) in records.iter().zip(&rows) {
                for (text, field) in record.iter().zip(row) {
                    match field {
                        Field::Whole(value) => prop_assert_eq!(text.parse::<u64>().unwrap(), *value),
                        Field::Real(value) => {
                            prop_assert_eq!(text.parse::<f64>().unwrap().to_bits(), value.to_bits());
                        }
                        Field::Seconds(ns) => {
                            let (whole, fraction) = text.split_once('.').unwrap_or((text, ""));
                            prop_assert!(!fraction.ends_with('0'));
                            let read = format!("{whole}{fraction:0<9}").parse::<u64>().unwrap();
                            prop_assert_eq!(read, *ns);
                        }
                        Field::Text(value) => {
                            prop_assert_eq!(plain(text.as_bytes()), value.as_bytes());
                            let computed = text.starts_with(['=', '+', '-', '@', '\t', '\r']);
                            prop_assert!(!computed || text.parse::<f64>().is_ok());
                        }
                        Field::Empty => prop_assert_eq!(text, ""),
                    }
                }
            }
        }
    }

    /// The cells that spreadsheets compute; numbers below zero stay numbers.
    #[test]
    fn formulas_are_written_as_texts() {
        let mut writer = RowWriter::new(Vec::new());
        for text in ["=1+1", "+1+2", "-x", "@SUM(A1)", "\tx", "'=x", "'x", "x=1", "-2.5"] {
            writer.text(text);
        }
        writer.f64(-0.5);
        writer.end_row().unwrap();
        let text = String::from_utf8(writer.finish().unwrap()).unwrap();
        insta::assert_snapshot!(text.trim_end(), @r#""'=1+1","'+1+2","'-x","'@SUM(A1)","'	x","''=x",'x,x=1,-2.5,-0.5"#);
    }

    #[test]
    fn a_lone_empty_field_stays_a_row() {
        let mut writer = RowWriter::new(Vec::new());
        writer.text("");
        writer.end_row().unwrap();
        let bytes = writer.finish().unwrap();
        let rows = csv::ReaderBuilder::new().has_headers(false).from_reader(&bytes[..]).records().count();
        assert_eq!((bytes.as_slice(), rows), (&b"\"\"\n"[..], 1));
    }

    #[test]
    fn fields_look_as_people_write_them() {
        let mut writer = RowWriter::new(Vec::new());
        writer
            .u64(0)
            .f64(5.0)
            .f64(-0.25)
            .f64(1e-7)
            .f64(f64::NAN)
            .optional(None)
            .optional(Some(0.5))
            .seconds(Time(1))
            .seconds(Time(60_000_000_000))
            .seconds(Span(90_061_001_000_000))
            .bool(true)
            .text("say \"no\"");
        writer.end_row().unwrap();
        let text = String::from_utf8(writer.finish().unwrap()).unwrap();
        insta::assert_snapshot!(text, @r#"0,5,-0.25,1e-7,,,0.5,0.000000001,60,90061.001,true,"say ""no""""#);
    }
}

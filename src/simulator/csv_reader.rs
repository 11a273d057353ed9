//! Rows of CSV files, whoever wrote them.
//!
//! Promises rows as wide as the first one, none of them endless, each with the line on which it begins, and an error
//! where the last one is torn off inside a quote. Takes back what [`super::csv_row`] does to texts that a spreadsheet would compute. Leaves the meaning of
//! cells to its callers.

use std::fmt;
use std::io::{self, Chain, Read};

use csv::{ByteRecord, ErrorKind, Position};

use super::csv_row::plain;
use crate::input_file::size;

/// Longest row in bytes: the widest devices of a trace need some ten thousand.
const ROW_BYTES_MAX: usize = 8 << 20;

/// Read behind the end of the file: a row of its own, unless a quote is open.
const END: &[u8] = b"\n\x01end\x01";

/// Why a row cannot be read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RowError {
    /// The line on which the row begins, from 1, where known.
    pub line: Option<u64>,
    /// What is wrong.
    pub message: String,
}

impl fmt::Display for RowError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

/// How a file is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Style {
    /// By this program: nothing but rows.
    Own,
    /// By anyone: spaces around cells and lines that begin with `#` mean nothing.
    Foreign,
}

/// The rows of a file, one after the other; the first one is the header.
pub struct Rows<R> {
    reader: csv::Reader<Bounded<Chain<R, &'static [u8]>>>,
    style: Style,
    /// Cells per row as the header has them; 0 before it is read.
    columns: usize,
}

impl<R> fmt::Debug for Rows<R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Rows").field("columns", &self.columns).finish_non_exhaustive()
    }
}

impl<R: Read> Rows<R> {
    /// Rows of `input`, which needs no buffer.
    pub fn new(input: R, style: Style) -> Self {
        let reader = csv::ReaderBuilder::new()
            .has_headers(false)
            // Widths are compared below, where the row that marks the end is known.
            .flexible(true)
            .comment((style == Style::Foreign).then_some(b'#'))
            .buffer_capacity(1 << 16)
            .from_reader(Bounded::new(input.chain(END)));
        Self { reader, style, columns: 0 }
    }

    /// Reads the next row into `row`; false at the end.
    pub fn next(&mut self, row: &mut ByteRecord) -> Result<bool, RowError> {
        self.reader.get_mut().new_row();
        let more = self.reader.read_byte_record(row).map_err(|error| unreadable(&error))?;
        let end = &END[1..];
        if !more || (row.len() == 1 && row.get(0) == Some(end)) {
            return Ok(false);
        }
        let line = self.first_line(row);
        let mut position = row.position().cloned().unwrap_or_else(Position::new);
        row.set_position(Some(position.set_line(line).clone()));
        let line = Some(line);
        if row.as_slice().ends_with(end) {
            let message =
                "the file ends inside a quoted cell; hint: close the quote, or was the file cut off?";
            return Err(RowError { line, message: message.to_owned() });
        }
        if self.columns == 0 {
            self.columns = row.len();
        } else if row.len() != self.columns {
            let hint = match self.style {
                Style::Own => "; hint: the file may be cut off",
                Style::Foreign => "",
            };
            let message =
                format!("the row has {} cells, the first row has {}{hint}", row.len(), self.columns);
            return Err(RowError { line, message });
        }
        if self.style == Style::Foreign {
            row.trim();
        }
        take_back(row);
        Ok(true)
    }

    /// The line on which a row begins that was just read. Its position is where the reader stood before: in front of
    /// comments, of empty lines and of the second half of a line break of two bytes.
    fn first_line(&self, row: &ByteRecord) -> u64 {
        let end = self.reader.position();
        let broken = self.reader.get_ref().byte_before(end.byte()) == Some(b'\n');
        let inside = row.as_slice().iter().filter(|byte| **byte == b'\n').count() as u64;
        end.line().saturating_sub(inside + u64::from(broken)).max(1)
    }
}

/// Replaces cells that were written with a mark against spreadsheets by what they stand for.
fn take_back(row: &mut ByteRecord) {
    if !row.iter().any(|cell| cell.first() == Some(&b'\'')) {
        return;
    }
    let position = row.position().cloned();
    let mut all = ByteRecord::with_capacity(row.as_slice().len(), row.len());
    row.iter().for_each(|cell| all.push_field(plain(cell)));
    all.set_position(position);
    *row = all;
}

fn unreadable(error: &csv::Error) -> RowError {
    let message = match error.kind() {
        ErrorKind::Io(error) if error.kind() == io::ErrorKind::FileTooLarge => error.to_string(),
        ErrorKind::Io(error) => format!("cannot read: {error}"),
        other => format!("cannot read: {other:?}"),
    };
    RowError { line: error.position().map(Position::line), message }
}

/// Bytes of which no more than a bound are given away for one row.
#[derive(Debug)]
struct Bounded<R> {
    inner: R,
    since_row: usize,
    /// The bytes given away last, and how many there were before them.
    last: Vec<u8>,
    before: u64,
}

impl<R> Bounded<R> {
    fn new(inner: R) -> Self {
        Self { inner, since_row: 0, last: Vec::new(), before: 0 }
    }

    /// A new row begins.
    fn new_row(&mut self) {
        self.since_row = 0;
    }

    /// The byte before an offset, where it was among the bytes given away last.
    fn byte_before(&self, offset: u64) -> Option<u8> {
        let index = offset.checked_sub(self.before + 1)?;
        self.last.get(usize::try_from(index).ok()?).copied()
    }
}

impl<R: Read> Read for Bounded<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if self.since_row > ROW_BYTES_MAX {
            let message =
                format!("a row is longer than {}; hint: is a quote left open?", size(ROW_BYTES_MAX));
            return Err(io::Error::new(io::ErrorKind::FileTooLarge, message));
        }
        let count = self.inner.read(buffer)?;
        if count > 0 {
            self.before += self.last.len() as u64;
            self.last.clear();
            self.last.extend_from_slice(&buffer[..count]);
        }
        self.since_row += count;
        Ok(count)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &[u8], style: Style) -> Result<Vec<Vec<String>>, String> {
        let mut rows = Rows::new(text, style);
        let mut row = ByteRecord::new();
        let mut all = Vec::new();
        loop {
            match rows.next(&mut row) {
                Ok(false) => return Ok(all),
                Ok(true) => {
                    all.push(row.iter().map(|cell| String::from_utf8_lossy(cell).into_owned()).collect());
                }
                Err(error) => return Err(format!("{:?}: {error}", error.line)),
            }
        }
    }

    #[test]
    fn rows_are_read_with_and_without_a_last_line_break() {
        for text in ["a,b\n1,\"2,\n3\"\n", "a,b\n1,\"2,\n3\"", "a,b\r\n1,\"2,\n3\"\r\n\n\n"] {
            assert_eq!(read(text.as_bytes(), Style::Own).unwrap(), [["a", "b"], ["1", "2,\n3"]], "{text}");
        }
        let foreign = "# it's 5\" wide\n a , b\n1, 5\" \n# the end";
        assert_eq!(read(foreign.as_bytes(), Style::Foreign).unwrap(), [["a", "b"], ["1", "5\""]]);
        assert_eq!(read(b"", Style::Foreign).unwrap(), Vec::<Vec<String>>::new());
    }

    #[test]
    fn a_quote_left_open_and_a_row_of_other_width_are_errors() {
        let open =
            "Some(2): the file ends inside a quoted cell; hint: close the quote, or was the file cut off?";
        for text in ["a,b\n1,\"2", "a,b\n1,\"2\n", "a,b\n1,\"2\n3,4\n", "a\n\"\n", "a,b\n1,\"", "a\n\""] {
            assert_eq!(read(text.as_bytes(), Style::Own).unwrap_err(), open, "{text:?}");
            assert_eq!(read(text.as_bytes(), Style::Foreign).unwrap_err(), open, "{text:?}");
        }
        let wide = read(b"a,b\n1,2,3\n", Style::Own).unwrap_err();
        assert_eq!(wide, "Some(2): the row has 3 cells, the first row has 2; hint: the file may be cut off");
    }

    #[test]
    fn rows_know_the_line_on_which_they_begin() {
        let lines = |text: &str, style| {
            let mut rows = Rows::new(text.as_bytes(), style);
            let mut row = ByteRecord::new();
            let mut lines = Vec::new();
            while rows.next(&mut row).unwrap() {
                lines.push(row.position().unwrap().line());
            }
            lines
        };
        for end in ["\n", "\r\n"] {
            let file = |rows: &[&str]| rows.join(end);
            assert_eq!(lines(&file(&["a,b", "1,2", "3,4"]), Style::Own), [1, 2, 3]);
            assert_eq!(lines(&file(&["a,b", "", "1,2", "", "", "3,4", ""]), Style::Own), [1, 3, 6]);
            let quoted = file(&["a,b", "'x,\"2", "2\"", "", "3,4"]);
            assert_eq!(lines(&quoted, Style::Own), [1, 2, 5]);
            let foreign = file(&["# one", "", "a,b", "# two", "# three", " 1 ,2", "3, \n"]);
            assert_eq!(lines(&foreign, Style::Foreign), [3, 6, 7]);
            // Across the buffers of the reader.
            let many = format!("a,b{end}").repeat(40_000);
            assert_eq!(lines(&many, Style::Foreign), (1..=40_000).collect::<Vec<u64>>());
        }
        // Old line breaks are no lines to an editor that counts the others.
        assert_eq!(lines("a\r1\r2\r", Style::Own), [1, 1, 1]);
    }

    #[test]
    fn an_endless_row_is_refused_at_its_bound() {
        let endless = Read::chain(&b"a,b\n1,"[..], io::repeat(b'x'));
        let mut rows = Rows::new(endless, Style::Own);
        let mut row = ByteRecord::new();
        assert_eq!(rows.next(&mut row), Ok(true));
        let error = rows.next(&mut row).unwrap_err();
        assert_eq!(error.message, "a row is longer than 8 MiB; hint: is a quote left open?");
    }
}

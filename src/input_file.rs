//! Files that are read: regular ones, and never more of them than a bound.
//!
//! Promises that no read waits for a writer (named pipes, sockets and devices are refused before they are opened) and
//! that no file fills the memory. Leaves the name of the file in errors to the caller, who knows what the file is for.

use std::fs::{File, Metadata};
use std::io::{self, Error, ErrorKind, Read};
use std::path::Path;

/// Opens a regular file.
pub fn open(path: &Path) -> io::Result<File> {
    // Asked before opening: to open a named pipe waits until somebody writes to it.
    refuse_special(&std::fs::metadata(path)?)?;
    File::open(path)
}

/// The bytes of a regular file of at most `bytes_max` bytes.
pub fn bytes(path: &Path, bytes_max: usize) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    // At most one byte more than is allowed: the length that the file system tells need not be the true one.
    open(path)?.take(bytes_max as u64 + 1).read_to_end(&mut bytes)?;
    if bytes.len() > bytes_max {
        return Err(Error::new(ErrorKind::FileTooLarge, format!("it is larger than {}", size(bytes_max))));
    }
    Ok(bytes)
}

/// The text of a regular file of at most `bytes_max` bytes.
pub fn text(path: &Path, bytes_max: usize) -> io::Result<String> {
    String::from_utf8(bytes(path, bytes_max)?).map_err(|error| {
        let at = error.utf8_error().valid_up_to();
        Error::new(ErrorKind::InvalidData, format!("it is no UTF-8 text (byte {at})"))
    })
}

fn refuse_special(metadata: &Metadata) -> io::Result<()> {
    if metadata.is_file() {
        return Ok(());
    }
    if metadata.is_dir() {
        return Err(Error::new(ErrorKind::IsADirectory, "it is a directory"));
    }
    let what = kind(metadata);
    let message = format!("it is {what}; hint: write what it holds to a regular file, and give that");
    Err(Error::new(ErrorKind::InvalidInput, message))
}

#[cfg(unix)]
fn kind(metadata: &Metadata) -> &'static str {
    use std::os::unix::fs::FileTypeExt;
    let kind = metadata.file_type();
    if kind.is_fifo() {
        "a pipe"
    } else if kind.is_socket() {
        "a socket"
    } else {
        "a device"
    }
}

#[cfg(not(unix))]
fn kind(_: &Metadata) -> &'static str {
    "no regular file"
}

/// A bound in words: `64 MiB`, `3 bytes`.
pub fn size(bytes: usize) -> String {
    match bytes {
        0..0x10_0000 => format!("{bytes} bytes"),
        0x10_0000..0x4000_0000 => format!("{} MiB", bytes >> 20),
        _ => format!("{} GiB", bytes >> 30),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_within_the_bound_is_read_and_a_longer_one_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("three");
        std::fs::write(&path, "abc").unwrap();
        assert_eq!(text(&path, 3).unwrap(), "abc");
        assert_eq!(text(&path, 2).unwrap_err().to_string(), "it is larger than 2 bytes");
        std::fs::write(&path, b"ab\xff").unwrap();
        assert_eq!(text(&path, 3).unwrap_err().to_string(), "it is no UTF-8 text (byte 2)");
        assert_eq!(open(folder.path()).unwrap_err().to_string(), "it is a directory");
        assert_eq!(open(&folder.path().join("no")).unwrap_err().kind(), ErrorKind::NotFound);
        assert_eq!([2, 16 << 20, 32 << 30].map(size), ["2 bytes", "16 MiB", "32 GiB"]);
    }

    /// To open a named pipe that nobody writes to would wait for ever; a device may never end.
    #[cfg(unix)]
    #[test]
    fn pipes_and_devices_are_refused_at_once() {
        let folder = tempfile::tempdir().unwrap();
        let pipe = folder.path().join("pipe");
        assert!(std::process::Command::new("mkfifo").arg(&pipe).status().unwrap().success());
        let hint = "hint: write what it holds to a regular file, and give that";
        assert_eq!(bytes(&pipe, 9).unwrap_err().to_string(), format!("it is a pipe; {hint}"));
        let zero = Path::new("/dev/zero");
        assert_eq!(bytes(zero, 9).unwrap_err().to_string(), format!("it is a device; {hint}"));
    }
}

//! Files that one program writes at a time, and that are whole whenever somebody reads them.
//!
//! Promises that a file is replaced in one step or not at all, that two programs never write into one folder or file at
//! once, and errors that name the file. The system drops a lock with the process that holds it, however it ends. Leaves
//! the choice of paths to the callers.

use std::ffi::OsString;
use std::fs::{self, File, OpenOptions, TryLockError};
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};

/// Whether somebody else writes there.
#[derive(Debug)]
pub enum Claim {
    /// Nobody: it is ours until the file is dropped.
    Ours(Option<File>),
    /// Another process, or another part of this one.
    Taken,
}

/// Claims a folder for one writer.
pub fn claim_folder(path: &Path) -> io::Result<Claim> {
    claim(lockable(path)?)
}

/// The folder itself can be locked where folders can be opened as files; nothing is left behind then.
#[cfg(unix)]
fn lockable(path: &Path) -> io::Result<File> {
    File::open(path)
}

/// Elsewhere a hidden file stands for it.
#[cfg(not(unix))]
fn lockable(path: &Path) -> io::Result<File> {
    OpenOptions::new().create(true).truncate(false).write(true).open(path.join(LOCK_FILE))
}

/// The file that stands for a folder where folders cannot be locked.
pub const LOCK_FILE: &str = ".lock";

/// File systems that know no locks (some network shares) must not keep anybody from working: there the writers of a
/// folder find out at the end, by its manifest.
fn claim(file: File) -> io::Result<Claim> {
    match file.try_lock() {
        Ok(()) => Ok(Claim::Ours(Some(file))),
        Err(TryLockError::WouldBlock) => Ok(Claim::Taken),
        Err(TryLockError::Error(_)) => Ok(Claim::Ours(None)),
    }
}

/// Opens a file to write it from its beginning, for one writer at a time.
pub fn create_alone(path: &Path) -> io::Result<File> {
    // Another writer's file must not be emptied before it is known whether there is one.
    let file = OpenOptions::new().create(true).truncate(false).write(true).open(path)?;
    let file = match file.try_lock() {
        Ok(()) | Err(TryLockError::Error(_)) => file,
        Err(TryLockError::WouldBlock) => {
            return Err(io::Error::new(
                io::ErrorKind::ResourceBusy,
                "another process is writing it; hint: choose another file, or wait until it has ended",
            ));
        }
    };
    if file.metadata()?.is_file() {
        file.set_len(0)?;
    }
    Ok(file)
}

/// Replaces a file in one step: whoever reads it sees the old one or the new one, also when two write it at once.
pub fn replace(path: &Path, bytes: &[u8]) -> io::Result<()> {
    replace_by(path, |file| file.write_all(bytes)).map(|_| ())
}

/// The same with a file that is written piece by piece. On an error the old file stays as it was.
pub fn replace_by<T, E: From<io::Error>>(
    path: &Path,
    write: impl FnOnce(&mut File) -> Result<T, E>,
) -> Result<T, E> {
    // A pipe or a device is written to, never replaced; of a link the file that it leads to is replaced.
    let real = fs::canonicalize(path).unwrap_or_else(|_| path.to_owned());
    let special = fs::metadata(&real).is_ok_and(|found| !found.is_file());
    let aside = aside(&real);
    let opened =
        if special { None } else { OpenOptions::new().write(true).create_new(true).open(&aside).ok() };
    let Some(mut file) = opened else {
        // Nothing can be put beside it: the folder may belong to somebody else.
        return write(&mut File::create(&real)?);
    };
    let written = write(&mut file).and_then(|value| {
        if let Ok(old) = fs::metadata(&real) {
            fs::set_permissions(&aside, old.permissions())?;
        }
        fs::rename(&aside, &real)?;
        Ok(value)
    });
    if written.is_err() {
        let _ = fs::remove_file(&aside);
    }
    written
}

/// A hidden name in the same folder, its own for every writer.
fn aside(path: &Path) -> PathBuf {
    static NUMBER: AtomicU64 = AtomicU64::new(0);
    let mut name = OsString::from(".");
    name.push(path.file_name().unwrap_or_default());
    name.push(format!(".{}-{}.part", std::process::id(), NUMBER.fetch_add(1, Ordering::Relaxed)));
    path.with_file_name(name)
}

/// Whether a file may be overwritten by one that begins with `beginning`: it is missing, empty, no ordinary file, or
/// begins so itself. A mistyped path must not cost anybody a scenario or a table.
pub fn is_free_for(path: &Path, beginning: &[u8]) -> bool {
    if !path.is_file() {
        return true;
    }
    let Ok(file) = File::open(path) else { return true };
    let mut start = Vec::new();
    let read = file.take(beginning.len() as u64).read_to_end(&mut start);
    read.is_err() || start.is_empty() || start == beginning
}

/// Whether two paths lead to one existing file.
pub fn is_same_file(a: &Path, b: &Path) -> bool {
    match (fs::canonicalize(a), fs::canonicalize(b)) {
        (Ok(a), Ok(b)) => a == b,
        _ => false,
    }
}

/// A sink whose errors name its file.
#[derive(Debug)]
pub struct Named<W> {
    path: PathBuf,
    sink: W,
}

impl<W: Write> Named<W> {
    /// A sink that writes the file at `path`.
    pub fn new(path: PathBuf, sink: W) -> Self {
        Self { path, sink }
    }
}

impl<W: Write> Write for Named<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.sink.write(bytes).map_err(|error| named(&self.path, &error))
    }

    fn flush(&mut self) -> io::Result<()> {
        self.sink.flush().map_err(|error| named(&self.path, &error))
    }
}

/// The error with the name of its file.
pub fn named(path: &Path, error: &io::Error) -> io::Error {
    // The kind decides whether a writer tries again after an interruption.
    io::Error::new(error.kind(), format!("{}: {error}", path.display()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_folder_or_file_has_one_writer_at_a_time() {
        let base = tempfile::tempdir().unwrap();
        let Claim::Ours(first) = claim_folder(base.path()).unwrap() else { panic!("nobody else is there") };
        assert!(matches!(claim_folder(base.path()).unwrap(), Claim::Taken));
        drop(first);
        assert!(matches!(claim_folder(base.path()).unwrap(), Claim::Ours(_)));

        let path = base.path().join("journal.jsonl");
        let mut first = create_alone(&path).unwrap();
        first.write_all(b"kept").unwrap();
        let error = create_alone(&path).unwrap_err();
        assert!(error.to_string().contains("another process is writing it"), "{error}");
        assert_eq!(fs::read(&path).unwrap(), b"kept");
        drop(first);
        drop(create_alone(&path).unwrap());
        assert_eq!(fs::read(&path).unwrap(), b"");
    }

    #[test]
    fn a_file_is_replaced_whole_or_not_at_all() {
        let base = tempfile::tempdir().unwrap();
        let path = base.path().join("page.html");
        replace(&path, b"old").unwrap();
        let failed: io::Result<()> = replace_by(&path, |file| {
            file.write_all(b"half of the n")?;
            Err(io::Error::other("the disk is full"))
        });
        assert!(failed.is_err());
        assert_eq!(fs::read(&path).unwrap(), b"old");
        replace(&path, b"new").unwrap();
        assert_eq!(fs::read(&path).unwrap(), b"new");
        assert_eq!(fs::read_dir(base.path()).unwrap().count(), 1, "nothing is left beside it");
        #[cfg(unix)]
        {
            let link = base.path().join("link.html");
            std::os::unix::fs::symlink(&path, &link).unwrap();
            replace(&link, b"newer").unwrap();
            assert_eq!(fs::read(&path).unwrap(), b"newer");
            assert!(link.is_symlink());
            replace(Path::new("/dev/null"), b"gone").unwrap();
            assert!(!Path::new("/dev/null").is_file());
        }
    }

    #[test]
    fn only_files_of_the_same_kind_are_overwritten() {
        let base = tempfile::tempdir().unwrap();
        let path = base.path().join("file");
        assert!(is_free_for(&path, b"{\"journal\""));
        for (content, free) in
            [("", true), ("{\"journal\":1", true), ("{\"jour", false), ("scenario: a", false)]
        {
            fs::write(&path, content).unwrap();
            assert_eq!(is_free_for(&path, b"{\"journal\""), free, "{content}");
        }
    }
}

//! Files in memory, for tests that run scenarios without a disk.

use std::io::{self, Write};
use std::sync::{Arc, Mutex};

use resource_manager::simulator::traces::Sink;

/// A file in memory.
#[derive(Clone, Default)]
pub struct Memory(Arc<Mutex<Vec<u8>>>);

impl Memory {
    /// What a run writes to.
    pub fn sink(&self) -> Sink {
        Box::new(self.clone())
    }

    /// What was written.
    pub fn text(&self) -> String {
        String::from_utf8(self.0.lock().unwrap().clone()).unwrap()
    }
}

impl Write for Memory {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

//! The whole state of the core as bytes, and a core from such bytes.
//!
//! Promises that a restored core answers every further command as the one that was saved would have, bit for bit;
//! caches (of patterns, masks, searches, vain attempts) are not saved, for they never change an answer. Strategies and
//! selectors of the caller's own are code, and are put in again by the caller.
//!
//! The form: 8 bytes that name it, the version (4 bytes, little endian), the BLAKE3 hash of the rest (32 bytes), and
//! the contents as CBOR (RFC 8949), which holds infinite coherence times and keys of any type.

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use super::{Agenda, State, consistency};
use crate::random::StreamFamily;

const NAME: &[u8; 8] = b"eigen-rm";

/// Rises with every change of the state that older programs cannot read; 15: parties.
pub const VERSION: u32 = 16;

const HEAD: usize = NAME.len() + 4 + blake3::OUT_LEN;

/// Why bytes are no snapshot that this program can restore.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SnapshotError {
    /// They are something else.
    #[error("these bytes are no snapshot of an allocator")]
    Foreign,
    /// They were written by another version of the program.
    #[error("the snapshot has version {found}, this program reads version {VERSION}")]
    Version {
        /// The version of the snapshot.
        found: u32,
    },
    /// They were changed, or cut off.
    #[error("the snapshot is damaged: its checksum does not match")]
    Damaged,
    /// The checksum is right, but the contents make no sense.
    #[error("the snapshot makes no sense: {0}")]
    Senseless(String),
}

#[derive(Serialize)]
struct Saved<'a, T> {
    state: &'a State,
    agenda: &'a Agenda,
    times: &'a T,
    draws: StreamFamily,
}

#[derive(Deserialize)]
struct Read<T> {
    state: State,
    agenda: Agenda,
    times: T,
    draws: StreamFamily,
}

/// The whole state, what is due, what has been waited for so far (`times`), and the streams of random choices.
pub(in crate::allocator) fn write(state: &State, times: &impl Serialize, draws: StreamFamily) -> Vec<u8> {
    let contents = bytes_of(&Saved { state, agenda: &state.agenda, times, draws });
    let mut bytes = Vec::with_capacity(HEAD + contents.len());
    bytes.extend_from_slice(NAME);
    bytes.extend_from_slice(&VERSION.to_le_bytes());
    bytes.extend_from_slice(blake3::hash(&contents).as_bytes());
    bytes.extend_from_slice(&contents);
    bytes
}

/// What was written.
pub(in crate::allocator) fn read<T: DeserializeOwned>(
    bytes: &[u8],
) -> Result<(State, T, StreamFamily), SnapshotError> {
    let rest = bytes.strip_prefix(NAME).ok_or(SnapshotError::Foreign)?;
    let (version, rest) = rest.split_first_chunk::<4>().ok_or(SnapshotError::Damaged)?;
    let found = u32::from_le_bytes(*version);
    if found != VERSION {
        return Err(SnapshotError::Version { found });
    }
    let (hash, contents) = rest.split_first_chunk::<{ blake3::OUT_LEN }>().ok_or(SnapshotError::Damaged)?;
    if blake3::hash(contents) != *hash {
        return Err(SnapshotError::Damaged);
    }
    let senseless = |message: String| SnapshotError::Senseless(message);
    let Read { mut state, agenda, times, draws } =
        ciborium::from_reader(contents).map_err(|error| senseless(error.to_string()))?;
    state.look(agenda.now);
    state.agenda = agenda;
    state.config.validate().map_err(|error| senseless(error.to_string()))?;
    consistency::check(&state).map_err(|message| senseless(message.to_owned()))?;
    if !state.fleet.reindex() {
        return Err(senseless("a device under another number than its own".to_owned()));
    }
    if !state.count_dependants() {
        return Err(senseless("a job that miscounts those it waits for".to_owned()));
    }
    state.count_quotas();
    state.count_backlogs();
    Ok((state, times, draws))
}

impl State {
    /// A hash of all of it; what is due is left out. Two folds of the same events have the same.
    pub fn hash(&self) -> [u8; 32] {
        *blake3::hash(&bytes_of(self)).as_bytes()
    }
}

fn bytes_of(value: &impl Serialize) -> Vec<u8> {
    let mut bytes = Vec::new();
    ciborium::into_writer(value, &mut bytes).expect("memory takes every byte, and the state every form");
    bytes
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::allocator::Allocator;
    use crate::allocator::config::AllocatorConfig;
    use crate::random::Purpose;

    fn snapshot() -> Vec<u8> {
        let draws = StreamFamily::new(7, 0, Purpose::DeviceSelection);
        Allocator::new(AllocatorConfig::default(), draws).unwrap().snapshot()
    }

    /// Contents with a right checksum.
    fn with_contents(contents: &[u8]) -> Vec<u8> {
        let mut bytes = snapshot()[..NAME.len() + 4].to_vec();
        bytes.extend_from_slice(blake3::hash(contents).as_bytes());
        bytes.extend_from_slice(contents);
        bytes
    }

    #[test]
    fn what_is_no_snapshot_is_named() {
        let good = snapshot();
        let newer = [NAME.as_slice(), &(VERSION + 1).to_le_bytes(), &good[NAME.len() + 4..]].concat();
        let cases = [b"PK\x03\x04".to_vec(), Vec::new(), newer, good[..60].to_vec(), with_contents(b"\xa0")];
        let messages: Vec<String> =
            cases.iter().map(|bytes| Allocator::restore(bytes).unwrap_err().to_string()).collect();
        let named = messages
            .join("\n")
            .replace(&format!("version {}", VERSION + 1), "version NEXT")
            .replace(&format!("version {VERSION}"), "version THIS");
        insta::assert_snapshot!(named, @r#"
        these bytes are no snapshot of an allocator
        these bytes are no snapshot of an allocator
        the snapshot has version NEXT, this program reads version THIS
        the snapshot is damaged: its checksum does not match
        the snapshot makes no sense: Semantic(None, "missing field `state`")
        "#);
        assert_eq!(Allocator::restore(&good).unwrap().snapshot(), good);
    }

    proptest! {
        /// One changed byte is always noticed; where the checksum is made right again, nothing panics.
        #[test]
        fn changed_bytes_never_panic(at in any::<prop::sample::Index>(), to: u8) {
            let mut bytes = snapshot();
            let at = at.index(bytes.len());
            if std::mem::replace(&mut bytes[at], to) != to {
                prop_assert!(Allocator::restore(&bytes).is_err());
            }
            let _ = Allocator::restore(&with_contents(&bytes[HEAD..]));
        }
    }
}

//! The devices that were named for one job so far: a list with a bit per device, since a search of a whole fleet asks as
//! often as there are devices.

use smallvec::SmallVec;

use crate::quantum::DeviceId;

/// Devices that were named for one ask, in the order in which they were.
#[derive(Debug, Clone, Default)]
pub struct Named {
    order: SmallVec<[DeviceId; 8]>,
    members: SmallVec<[u64; 4]>,
}

impl Named {
    /// Adds a device; false when it is there already.
    pub fn insert(&mut self, id: DeviceId) -> bool {
        if self.contains(id) {
            return false;
        }
        let word = id.index() / 64;
        if self.members.len() <= word {
            self.members.resize(word + 1, 0);
        }
        self.members[word] |= 1 << (id.index() % 64);
        self.order.push(id);
        true
    }

    /// Whether a device is among them.
    pub fn contains(&self, id: DeviceId) -> bool {
        self.members.get(id.index() / 64).is_some_and(|word| word >> (id.index() % 64) & 1 == 1)
    }

    /// The device named last.
    pub fn last(&self) -> Option<DeviceId> {
        self.order.last().copied()
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.order.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.order.is_empty()
    }
}

impl FromIterator<DeviceId> for Named {
    fn from_iter<T: IntoIterator<Item = DeviceId>>(devices: T) -> Self {
        let mut named = Self::default();
        for id in devices {
            named.insert(id);
        }
        named
    }
}

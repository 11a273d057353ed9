//! Who is kept apart from whom.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::allocator::protocol::{Party, Tenant};

/// Between whom buffers, guards and limits on crosstalk hold.
///
/// Number 0 is nobody: a job that names no user (project, group) is kept apart from all jobs. Who runs by an earlier setting
/// keeps what it was promised, and jobs that started under two settings are kept apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Between {
    /// Every two jobs.
    #[default]
    Jobs,
    /// Jobs of different users. A user of two projects is two, as for shares.
    Users,
    /// Jobs of different projects. Projects of different groups are different, whatever their numbers.
    Projects,
    /// Jobs of different groups.
    Groups,
}

impl Between {
    /// All of them.
    pub const ALL: [Self; 4] = [Self::Jobs, Self::Users, Self::Projects, Self::Groups];

    /// The party of a tenant's jobs; `None`: each of them is kept apart from all others.
    pub fn party_of(self, tenant: Tenant) -> Option<Party> {
        let Tenant { user, group, project } = tenant;
        match self {
            Self::Jobs => None,
            Self::Users => (user != 0).then_some(Party::User { group, project, user }),
            Self::Projects => (project != 0).then_some(Party::Project { group, project }),
            Self::Groups => (group != 0).then_some(Party::Group(group)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parties_are_whole_paths_and_nobody_is_none() {
        let tenant = |group, project, user| Tenant { user, group, project };
        let same = |between: Between, a: Tenant, b: Tenant| {
            let (a, b) = (between.party_of(a), between.party_of(b));
            a.is_some() && a == b
        };
        let [jobs, users, projects, groups] = Between::ALL;
        let pairs = [
            (tenant(1, 2, 3), tenant(1, 2, 3)),
            (tenant(1, 2, 3), tenant(1, 2, 4)),
            (tenant(1, 2, 3), tenant(1, 5, 3)),
            (tenant(1, 2, 3), tenant(6, 2, 3)),
            (tenant(0, 0, 3), tenant(0, 0, 3)),
            (tenant(0, 2, 0), tenant(0, 2, 0)),
            (tenant(1, 0, 0), tenant(1, 0, 0)),
            (tenant(0, 0, 0), tenant(0, 0, 0)),
        ];
        let of = |between| pairs.map(|(a, b)| u8::from(same(between, a, b)));
        assert_eq!(of(jobs), [0; 8]);
        assert_eq!(of(users), [1, 0, 0, 0, 1, 0, 0, 0]);
        assert_eq!(of(projects), [1, 1, 0, 0, 0, 1, 0, 0]);
        assert_eq!(of(groups), [1, 1, 1, 0, 0, 0, 1, 0]);
    }
}

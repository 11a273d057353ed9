//! Jobs that name nobody where isolation holds between users, projects or groups: these are kept apart from everybody.

use super::jobs::some_jobs;
use super::note::{Note, NoteKind};
use crate::allocator::config::Between;
use crate::allocator::protocol::Tenant;
use crate::simulator::scenario::Scenario;

/// What is said of them.
pub(super) fn of_parties(scenario: &Scenario) -> Vec<Note> {
    let between = scenario.allocator.isolation.between;
    let level = match between {
        Between::Jobs => return Vec::new(),
        Between::Users => "user",
        Between::Projects => "project",
        Between::Groups => "group",
    };
    let names_nobody = |tenant: Tenant| between.party_of(tenant).is_none();
    let sources = &scenario.workload.sources;
    let drawn = sources.iter().find_map(|source| source.mix.tenants().filter(|_| source.mix.draws_tenants()));
    let from_zero = drawn.filter(|law| law.first() == 0).map(|_| {
        let text = format!(
            "isolation is between {level}s, and 0 is nobody: the jobs of {level} 0, one of those that workload.tenants \
             draws, are kept apart from all others"
        );
        Note::new(NoteKind::NamesNobody, text).hint("`workload.tenants.first: 1` numbers everybody from 1 on")
    });
    let nobody = some_jobs(
        scenario,
        |template| !(template.draws_tenant && drawn.is_some()) && names_nobody(template.base.tenant),
        |_, job| names_nobody(job.tenant),
    );
    let nobody = nobody.map(|some| {
        let text = format!(
            "isolation is between {level}s, but no {level} is named for {some}: their jobs are kept apart from all others"
        );
        let hint = match scenario.workload.replay {
            Some(_) => format!("a table of jobs has a column `{level}`; 0 stands for nobody"),
            None => format!("`tenant: {{{level}: ..}}` of the templates, or `workload.tenants` with `first: 1`"),
        };
        Note::new(NoteKind::NamesNobody, text).hint(hint)
    });
    from_zero.into_iter().chain(nobody).collect()
}

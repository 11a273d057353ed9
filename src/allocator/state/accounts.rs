//! Who has used how much of the machines: a tree of groups, projects and users, and what each of them has used per share.
//!
//! A start is charged at once for as long as it is expected to hold its qubits, and when these are free again, for what it
//! held instead: nobody gets ahead by starting a thousand jobs in one instant. What was used long ago counts less: half of it
//! after each half-life, counted from the start of the job. Charges are weighted by the time at which they are made instead of fading, so
//! that nobody's standing changes but by a charge.
//!
//! With a window, everything used counts alike until it leaves, see `state/window.rs`; users of a project share one account.
//!
//! Promises integers throughout, and that the same charges give the same usage however the time between them is divided.
//! Leaves what a job uses at a time to [`super::charges`].

use indexmap::IndexMap;
use rustc_hash::FxBuildHasher;
use serde::{Deserialize, Serialize};
use smallvec::SmallVec;

use super::place::{AccountId, LEVELS};
use super::window::{Buckets, Window};
use crate::allocator::config::{AllocatorConfig, FairShare};
use crate::allocator::protocol::Tenant;
use crate::time::{Span, Time};

/// A charge at the beginning of a half-life has this weight, one at its end twice as much.
const UNIT_WEIGHT: f64 = (1 << 24) as f64;

/// Beyond so many half-lives without any charge the next one outweighs all that was used before.
const HALF_LIVES_MAX: f64 = 64.0;

/// A group, a project or a user.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct Account {
    /// The project of a user, the group of a project, and everybody for a group.
    parent: AccountId,
    /// Its number among those of its kind.
    number: u32,
    shares: u32,
    /// What attempts have used whose qubits are free again; weighted, see the head of the file.
    used: u128,
    /// What those are expected to use whose qubits are not, weighted as of the base.
    expected: u128,
    /// Both together for each of its shares.
    per_share: u128,
    /// With a window, what was used and is expected, instead of these three; of everybody's account too.
    #[serde(default, skip_serializing_if = "Buckets::is_empty")]
    buckets: Buckets,
}

/// What an attempt is expected to use: whose, how much, from when on.
#[derive(Debug, Clone, Copy)]
pub struct Expected {
    /// Whose account it is.
    pub account: AccountId,
    /// Qubits times time, in parts.
    pub units: u128,
    /// Since when it holds its qubits.
    pub began: Time,
}

/// The tree, and what everybody has used.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Accounts {
    /// How long until usage counts half.
    half_life: Option<Span>,
    /// How long usage counts. With neither of both, nobody's usage counts.
    window: Option<Window>,
    /// Charges at this time have the unit weight; what had left a window by then is dropped.
    base: Time,
    /// The first one is everybody's.
    accounts: Vec<Account>,
    #[serde(with = "as_list")]
    known: IndexMap<(AccountId, u32), AccountId, FxBuildHasher>,
    /// Rises with every charge; counts from 0 again in a core that was restored.
    #[serde(skip)]
    changes: u64,
    /// The time as of which usage is looked at. It follows from the commands, not from the events.
    #[serde(skip)]
    seen: Time,
}

/// Keys of two parts cannot be keys in every format.
mod as_list {
    use indexmap::IndexMap;
    use rustc_hash::FxBuildHasher;
    use serde::{Deserialize, Deserializer, Serializer};

    use crate::allocator::state::place::AccountId;

    type Known = IndexMap<(AccountId, u32), AccountId, FxBuildHasher>;

    pub fn serialize<S: Serializer>(known: &Known, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(known)
    }

    pub fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Known, D::Error> {
        let list = Vec::<((AccountId, u32), AccountId)>::deserialize(deserializer)?;
        Ok(list.into_iter().collect())
    }
}

impl Default for Accounts {
    fn default() -> Self {
        Self {
            half_life: None,
            window: None,
            base: Time::ZERO,
            accounts: vec![Account::new(AccountId::ALL, 0, 1)],
            known: IndexMap::default(),
            changes: 0,
            seen: Time::ZERO,
        }
    }
}

impl Account {
    fn new(parent: AccountId, number: u32, shares: u32) -> Self {
        Self { parent, number, shares, used: 0, expected: 0, per_share: 0, buckets: Buckets::default() }
    }

    fn divide(&mut self) {
        self.per_share = self.used.saturating_add(self.expected) / u128::from(self.shares.max(1));
    }
}

impl Accounts {
    /// Accounts under a configuration, before anybody has used anything.
    pub fn new(config: &AllocatorConfig, now: Time) -> Self {
        let (half_life, window) = rule(config);
        Self { half_life, window, base: now, seen: now, ..Self::default() }
    }

    /// Whether usage counts.
    pub fn count(&self) -> bool {
        self.half_life.is_some() || self.window.is_some()
    }

    /// Whether usage counts by the same rule as a configuration says, whatever its length.
    pub(super) fn counts_as(&self, config: &AllocatorConfig) -> bool {
        let (half_life, window) = rule(config);
        self.half_life.is_some() == half_life.is_some() && self.window.is_some() == window.is_some()
    }

    /// Looks at usage as of another time from now on.
    pub(super) fn look(&mut self, now: Time) {
        self.changes += u64::from(self.window.is_some_and(|window| window.moves(self.seen, now)));
        self.seen = now;
    }

    /// When usage leaves the window next after a time, and the standing of somebody changes though nobody is charged.
    pub(super) fn leaves_after(&self, time: Time) -> Option<Time> {
        self.accounts.first()?.buckets.leaves_after(self.window?, time)
    }

    /// The parts of a tenant that have accounts: with a window, the users of a project share one.
    fn levels(&self, of: Tenant) -> SmallVec<[u32; LEVELS]> {
        let all = [of.group, of.project, of.user];
        all.into_iter().take(if self.window.is_some() { LEVELS - 1 } else { LEVELS }).collect()
    }

    /// Rises whenever somebody's standing may have changed.
    pub fn changes(&self) -> u64 {
        self.changes
    }

    /// The account of a tenant's jobs: that of its user in its project.
    pub(super) fn open(&mut self, config: &AllocatorConfig, tenant: Tenant) -> AccountId {
        if !self.count() {
            return AccountId::ALL;
        }
        let mut shares = None;
        let mut at = AccountId::ALL;
        for (level, number) in self.levels(tenant).into_iter().enumerate() {
            let (parent, next) = (at, AccountId(self.accounts.len() as u32));
            at = *self.known.entry((parent, number)).or_insert(next);
            if at == next {
                let shares = shares.get_or_insert_with(|| config.tenants.shares_of(tenant))[level];
                self.accounts.push(Account::new(parent, number, shares));
            }
        }
        at
    }

    /// Other settings are in force from now on: other shares, another half-life. What was used, was used.
    pub(super) fn reconfigure(
        &mut self,
        config: &AllocatorConfig,
        open: impl Iterator<Item = Expected> + Clone,
        now: Time,
    ) {
        if !self.counts_as(config) || !self.count() {
            *self = Self { changes: self.changes + 1, ..Self::new(config, now) };
            return;
        }
        match (self.window, rule(config)) {
            (Some(old), (_, Some(new))) if old != new => {
                self.advance(std::iter::empty(), now);
                open.clone().for_each(|expected| self.take_back(expected));
                for account in &mut self.accounts {
                    account.buckets = account.buckets.divided_as(old, new);
                    account.buckets.drop_what_left(new, now);
                }
                (self.base, self.window) = (now, Some(new));
                open.for_each(|expected| self.expect(expected));
            }
            (None, (Some(new), _)) if self.half_life != Some(new) => {
                self.advance(open.clone(), now);
                // What counts now, as of a base of now.
                let fraction = UNIT_WEIGHT / self.weight(now) as f64;
                for account in &mut self.accounts {
                    account.used = scaled(account.used, fraction);
                }
                (self.base, self.half_life) = (now, Some(new));
                self.expect_anew(open);
            }
            _ => {}
        }
        for index in 1..self.accounts.len() {
            self.accounts[index].shares = self.shares_of(config, AccountId(index as u32));
            self.accounts[index].divide();
        }
        self.changes += 1;
    }

    fn shares_of(&self, config: &AllocatorConfig, account: AccountId) -> u32 {
        let mut path = self.path(account);
        // From the group down.
        path.reverse();
        let number =
            |level: usize| path.get(level).map_or(0, |at: &AccountId| self.accounts[at.index()].number);
        let tenant = Tenant { group: number(0), project: number(1), user: number(2) };
        config.tenants.shares_of(tenant)[path.len() - 1]
    }

    /// An account and those above it, everybody's left out.
    fn path(&self, account: AccountId) -> SmallVec<[AccountId; LEVELS]> {
        let above =
            |at: &AccountId| Some(self.accounts[at.index()].parent).filter(|at| *at != AccountId::ALL);
        std::iter::successors(Some(account).filter(|at| *at != AccountId::ALL), above).collect()
    }

    /// What was used per share by the group, the project and the user of an account; with a window, by the group and the
    /// project, after a 0.
    pub fn used(&self, account: AccountId) -> [u128; LEVELS] {
        let mut used = [0; LEVELS];
        let mut at = account;
        for level in (0..LEVELS).rev() {
            if at == AccountId::ALL {
                break;
            }
            let account = &self.accounts[at.index()];
            used[level] = match self.window {
                None => account.per_share,
                Some(window) => {
                    account.buckets.counted(window, self.seen) / u128::from(account.shares.max(1))
                }
            };
            at = account.parent;
        }
        used
    }

    /// How much a charge at a time counts, against one at the base.
    fn weight(&self, at: Time) -> u128 {
        let Some(Span(half_life)) = self.half_life else { return 0 };
        let since = at.0 as i128 - self.base.0 as i128;
        // Exact for less than 104 days; beyond, the half-lives are what counts.
        let half_lives = (since as f64 / half_life.max(1) as f64).min(HALF_LIVES_MAX);
        (libm::exp2(half_lives) * UNIT_WEIGHT).round() as u128
    }

    /// Brings the base to within a half-life of now.
    fn advance(&mut self, open: impl Iterator<Item = Expected>, now: Time) {
        if let Some(window) = self.window {
            if window.moves(self.base, now) {
                self.accounts.iter_mut().for_each(|account| account.buckets.drop_what_left(window, now));
                self.base = now;
            }
            return;
        }
        let Some(Span(half_life)) = self.half_life else { return };
        let half_life = half_life.max(1);
        let passed = now.0.saturating_sub(self.base.0) / half_life;
        if passed > 0 {
            let by = u32::try_from(passed).unwrap_or(u32::MAX);
            for account in &mut self.accounts {
                account.used = account.used.checked_shr(by).unwrap_or(0);
            }
            self.base = Time(self.base.0 + passed * half_life);
            self.expect_anew(open);
        }
    }

    /// Works out anew what is expected, as of another base.
    fn expect_anew(&mut self, open: impl Iterator<Item = Expected>) {
        for account in &mut self.accounts {
            account.expected = 0;
            account.divide();
        }
        for expected in open {
            self.expect(expected);
        }
    }

    /// Expects an attempt to use something, besides those that are `open`.
    pub(super) fn charge(&mut self, expected: Expected, open: impl Iterator<Item = Expected>, now: Time) {
        self.advance(open, now);
        self.expect(expected);
    }

    /// The same for a plan, which is taken back before anything else is charged.
    pub(super) fn expect(&mut self, expected: Expected) {
        if let Some(window) = self.window {
            return self
                .change_buckets(expected, |buckets, units| buckets.add(window, expected.began, units));
        }
        let weighted = self.weighted(expected);
        for at in self.path(expected.account) {
            let account = &mut self.accounts[at.index()];
            account.expected = account.expected.saturating_add(weighted);
            account.divide();
        }
        self.changes += 1;
    }

    /// Expects it no more, with the same base: nothing of it is left.
    pub(super) fn take_back(&mut self, expected: Expected) {
        if let Some(window) = self.window {
            return self
                .change_buckets(expected, |buckets, units| buckets.take(window, expected.began, units));
        }
        let weighted = self.weighted(expected);
        for at in self.path(expected.account) {
            let account = &mut self.accounts[at.index()];
            account.expected = account.expected.saturating_sub(weighted);
            account.divide();
        }
        self.changes += 1;
    }

    /// Changes what counts of an account, of those above it and of everybody, unless it has left the window.
    fn change_buckets(&mut self, of: Expected, mut change: impl FnMut(&mut Buckets, u128)) {
        if self.window.is_some_and(|window| window.has_left(of.began, self.base)) {
            return;
        }
        // As with half-lives: sums of them are exact.
        let units = of.units.min(u128::MAX >> 16);
        for at in self.path(of.account).into_iter().chain([AccountId::ALL]) {
            change(&mut self.accounts[at.index()].buckets, units);
        }
        self.changes += 1;
    }

    fn weighted(&self, of: Expected) -> u128 {
        // So few at a time reach the end that sums of them are exact.
        of.units.saturating_mul(self.weight(of.began)).min(u128::MAX >> 16)
    }

    /// An attempt, which is one of those that are `open`, has used so much instead of what was expected.
    pub(super) fn settle(
        &mut self,
        expected: Expected,
        used: u128,
        open: impl Iterator<Item = Expected>,
        now: Time,
    ) {
        self.advance(open, now);
        self.take_back(expected);
        if self.window.is_some() {
            return self.expect(Expected { units: used, ..expected });
        }
        let weighted = self.weighted(Expected { units: used, ..expected });
        for at in self.path(expected.account) {
            let account = &mut self.accounts[at.index()];
            account.used = account.used.saturating_add(weighted);
            account.divide();
        }
    }

    /// Whether an account is there.
    pub(super) fn has(&self, account: AccountId) -> bool {
        account.index() < self.accounts.len()
    }

    /// The account of a tenant, if it was opened; everybody's where usage does not count.
    pub(super) fn of(&self, tenant: Tenant) -> Option<AccountId> {
        if !self.count() {
            return Some(AccountId::ALL);
        }
        self.levels(tenant)
            .into_iter()
            .try_fold(AccountId::ALL, |parent, number| self.known.get(&(parent, number)).copied())
    }

    /// Whether the tree is one and nobody was charged after `now`, as it is unless it was read from made-up bytes.
    pub(super) fn is_consistent(
        &self,
        config: &AllocatorConfig,
        open: impl Iterator<Item = Expected>,
        now: Time,
    ) -> bool {
        let parents = self.accounts.iter().enumerate().skip(1).all(|(index, account)| {
            account.parent.index() < index
                && account.shares > 0
                && self.known.get(&(account.parent, account.number)) == Some(&AccountId(index as u32))
                && self.path(AccountId(index as u32)).len() <= LEVELS
        });
        !self.accounts.is_empty()
            && self.known.len() + 1 == self.accounts.len()
            && parents
            && (self.half_life, self.window) == rule(config)
            && self.base <= now
            && match self.window {
                Some(window) => self.fills(window, open, now),
                None => self.expects(open),
            }
    }

    fn expects(&self, open: impl Iterator<Item = Expected>) -> bool {
        let mut again = self.clone();
        again.expect_anew(open);
        again.accounts == self.accounts
    }

    /// Whether what counts within a window includes what is open, and of everybody and each group is the sum of what counts
    /// of those below.
    fn fills(&self, window: Window, open: impl Iterator<Item = Expected>, now: Time) -> bool {
        let mut again = self.clone();
        let mut enough = true;
        for expected in open {
            again.change_buckets(expected, |buckets, units| {
                enough &= buckets.holds(window, expected.began, units);
                buckets.take(window, expected.began, units);
            });
        }
        // Of whoever has somebody below; of everybody anyway.
        let mut below = vec![None; self.accounts.len()];
        below[0] = Some(Buckets::default());
        for account in self.accounts.iter().skip(1) {
            let sum = below[account.parent.index()].get_or_insert_with(Buckets::default);
            sum.add_all(&account.buckets);
        }
        enough
            && self.accounts.iter().zip(&below).all(|(account, below)| {
                account.buckets.lie_within(window, self.base, now)
                    && below.as_ref().is_none_or(|below| account.buckets == *below)
            })
    }
}

/// The half-life, or the window, by which usage counts.
fn rule(config: &AllocatorConfig) -> (Option<Span>, Option<Window>) {
    match config.fair_share() {
        FairShare::Off => (None, None),
        FairShare::Tree { half_life } => (Some(half_life), None),
        FairShare::Window { length } => (None, Some(Window { length })),
    }
}

/// A figure times a fraction of at most 1.
fn scaled(figure: u128, fraction: f64) -> u128 {
    // In two parts, so that no bits are lost above 2^64.
    let fixed = (fraction * (1_u64 << 32) as f64) as u128;
    (figure >> 32) * fixed + (((figure & u128::from(u32::MAX)) * fixed) >> 32)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const HALF_LIFE: u64 = 1_000;

    fn accounts() -> (AllocatorConfig, Accounts) {
        let fair_share = FairShare::Tree { half_life: Span(HALF_LIFE) };
        let config = AllocatorConfig { fair_share, ..AllocatorConfig::default() };
        let accounts = Accounts::new(&config, Time::ZERO);
        (config, accounts)
    }

    fn tenant(user: u32) -> Tenant {
        Tenant { user, group: user % 2, project: 0 }
    }

    proptest! {
        /// However often somebody looks in between, and whatever is planned and taken back: the same charges give the same
        /// usage, half of it a half-life later.
        #[test]
        fn dividing_the_time_changes_nothing(
            charges in prop::collection::vec((0_u32..4, 1_u64..1_000_000, 0_u64..5_000), 1..20),
            looks in prop::collection::vec(1_u64..4_000, 0..20),
        ) {
            let (config, mut steady) = accounts();
            let (_, mut looked_at) = accounts();
            for user in 0..5 {
                steady.open(&config, tenant(user));
                looked_at.open(&config, tenant(user));
            }
            let mut now = 0;
            let mut looks = looks.into_iter();
            for (user, units, later) in charges {
                let until = now + later;
                for look in looks.by_ref().take(2) {
                    now = (now + look).min(until);
                    let nobody = looked_at.of(tenant(4)).unwrap();
                    let nothing = Expected { account: nobody, units: 0, began: Time(now) };
                    looked_at.settle(nothing, 0, std::iter::empty(), Time(now));
                    let planned = Expected { units: 77_777, ..nothing };
                    looked_at.expect(planned);
                    looked_at.take_back(planned);
                }
                now = until;
                for accounts in [&mut steady, &mut looked_at] {
                    let account = accounts.of(tenant(user)).unwrap();
                    let began = Expected { account, units: units.into(), began: Time(now) };
                    accounts.charge(began, std::iter::empty(), Time(now));
                    accounts.settle(began, units.into(), std::iter::empty(), Time(now));
                }
            }
            for user in 0..4 {
                let account = steady.of(tenant(user)).unwrap();
                prop_assert_eq!(steady.used(account), looked_at.used(account));
            }
            // A half-life later everything counts half, but for a bit that is lost.
            let before = steady.used(steady.of(tenant(0)).unwrap())[0];
            let at = Time(steady.base.0 + HALF_LIFE);
            steady.advance(std::iter::empty(), at);
            prop_assert_eq!(steady.used(steady.of(tenant(0)).unwrap())[0], before / 2);
        }
    }

    #[test]
    fn another_half_life_keeps_what_counts_now() {
        let (mut config, mut accounts) = accounts();
        let account = accounts.open(&config, tenant(0));
        let one = Expected { account, units: 1 << 40, began: Time::ZERO };
        accounts.charge(one, std::iter::empty(), Time::ZERO);
        accounts.settle(one, 1 << 40, std::iter::empty(), Time::ZERO);
        config.fair_share = FairShare::Tree { half_life: Span(5 * HALF_LIFE) };
        let (now, nobody) = (Time(HALF_LIFE / 2), std::iter::empty::<Expected>);
        accounts.reconfigure(&config, nobody(), now);
        // What was used half a half-life ago counts 0.7071 of as much, as does what is used now of the whole.
        let used = accounts.used(account)[2] as f64 / UNIT_WEIGHT / 2_f64.powi(40);
        assert!((used - 0.5_f64.sqrt()).abs() < 1e-6, "{used}");
        assert!(accounts.is_consistent(&config, nobody(), now));
    }
}

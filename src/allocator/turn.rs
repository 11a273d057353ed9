//! One command being handled: what is decided is applied to the state at once, and told.

use super::candidates::judge::Judge;
use super::protocol::Event;
use super::state::State;
use super::wait_times::WaitTimes;
use crate::time::Time;

/// A command being handled at a time.
pub(super) struct Turn<'a> {
    /// When.
    pub now: Time,
    /// The state, which changes by [`Turn::emit`] alone.
    pub state: &'a mut State,
    /// The strategies, and what is remembered.
    pub judge: &'a mut Judge,
    /// How long who waited for what.
    pub times: &'a mut WaitTimes,
    events: &'a mut Vec<Event>,
}

impl<'a> Turn<'a> {
    /// Events are appended to `events`.
    pub fn new(
        now: Time,
        state: &'a mut State,
        judge: &'a mut Judge,
        times: &'a mut WaitTimes,
        events: &'a mut Vec<Event>,
    ) -> Self {
        Self { now, state, judge, times, events }
    }

    /// A decision: from here on it is a fact.
    pub fn emit(&mut self, event: Event) {
        if let Some(waited) = self.times.before(self.now, &event, self.state) {
            self.tell(waited);
        }
        self.tell(event);
    }

    fn tell(&mut self, event: Event) {
        if let Err(error) = self.state.apply(self.now, &event) {
            // Whoever decides has looked at the state. To go on with half an event applied would be worse than to stop.
            unreachable!("decided what cannot happen: {error}: {event:?}");
        }
        self.judge.watch(&event, self.state);
        self.times.after(self.now, &event, self.state);
        self.events.push(event);
    }
}

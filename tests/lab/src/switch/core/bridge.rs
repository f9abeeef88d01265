//! `uuid_bridge`: two legs hear each other.

use super::Core;
use super::channel::State;

impl Core {
    /// `uuid_bridge`; what it prints.
    pub(super) fn uuid_bridge(&mut self, a: &str, b: &str) -> String {
        let ready = |id: &str| {
            self.channels.get(id).is_some_and(|channel| channel.is_answered() && !channel.is_hung_up())
        };
        if a == b || !ready(a) || !ready(b) {
            return "-ERR Invalid uuid\n".to_owned();
        }
        for (one, other, leads) in [(a, b, true), (b, a, false)] {
            if self.channels.get(one).is_some_and(|channel| channel.bridged) {
                self.part(one);
            }
            let Some(channel) = self.channels.get_mut(one) else { continue };
            channel.set("signal_bond", other);
            channel.set("bridge_uuid", other);
            (channel.state, channel.leads, channel.other) = (State::Hibernate, leads, Some(other.to_owned()));
        }
        // The leg that is led shows the other one's caller as its own.
        let caller = self.channels.get(a).map(|channel| channel.caller.clone()).unwrap_or_default();
        if let Some(led) = self.channels.get_mut(b) {
            led.caller = caller;
        }
        format!("+OK {b}\n")
    }

    /// The turn of the leg that leads has come.
    pub(super) fn begin_bridge(&mut self, a: &str) {
        let Some(b) = self.channels.get(a).and_then(|channel| channel.other.clone()) else { return };
        if self
            .channels
            .get(&b)
            .is_none_or(|channel| channel.is_hung_up() || channel.state != State::Hibernate)
        {
            return self.hang_up(a, "NORMAL_CLEARING");
        }
        for id in [a, b.as_str()] {
            self.break_off(id);
            self.leave_park(id);
        }
        let micros = self.clock.micros(self.now);
        for (id, other) in [(a, b.as_str()), (b.as_str(), a)] {
            let Some(channel) = self.channels.get_mut(id) else { continue };
            (channel.running, channel.state) = (State::SoftExecute, State::SoftExecute);
            channel.times.bridged = micros;
            channel.bridged = true;
            self.tell_of(
                "CHANNEL_EXECUTE",
                id,
                &[("Application", "uuid_bridge"), ("Application-Data", other)],
            );
        }
        self.tell_of("CHANNEL_BRIDGE", a, &[("Bridge-A-Unique-ID", a), ("Bridge-B-Unique-ID", &b)]);
        if let Some(channel) = self.channels.get_mut(&b) {
            (channel.running, channel.state) = (State::ExchangeMedia, State::ExchangeMedia);
        }
    }

    /// Ends the bridge that a leg is in; where each leg goes is not decided here.
    fn part(&mut self, id: &str) {
        let Some(other) =
            self.channels.get(id).filter(|channel| channel.bridged).and_then(|c| c.other.clone())
        else {
            return;
        };
        let leads = self.channels.get(id).is_some_and(|channel| channel.leads);
        let (a, b) = if leads { (id.to_owned(), other) } else { (other, id.to_owned()) };
        let causes = [&b, &a].map(|id| self.channels.get(id).and_then(|channel| channel.cause.clone()));
        for ((one, other), cause) in [(&a, &b), (&b, &a)].into_iter().zip(causes) {
            let Some(channel) = self.channels.get_mut(one) else { continue };
            channel.bridged = false;
            channel.set("last_bridge_to", other);
            channel.set("last_bridge_hangup_cause", cause.as_deref().unwrap_or("NORMAL_CLEARING"));
        }
        self.tell_of("CHANNEL_UNBRIDGE", &a, &[("Bridge-A-Unique-ID", &a), ("Bridge-B-Unique-ID", &b)]);
        for id in [&a, &b] {
            if let Some(channel) = self.channels.get_mut(id) {
                channel.leads = false;
            }
        }
    }

    /// A leg that has ended leaves its bridge.
    pub(super) fn unbridge(&mut self, gone: &str) {
        let other = self.channels.get(gone).filter(|channel| channel.bridged).and_then(|c| c.other.clone());
        let Some(other) = other else { return };
        self.part(gone);
        self.after_bridge(&other);
    }

    /// `uuid_park` of a leg in a bridge.
    pub(super) fn leave_bridge(&mut self, id: &str) {
        let other = self.channels.get(id).and_then(|channel| channel.other.clone());
        self.part(id);
        self.park_again(id);
        if let Some(other) = other {
            self.after_bridge(&other);
        }
    }

    fn after_bridge(&mut self, id: &str) {
        let Some(channel) = self.channels.get(id).filter(|channel| !channel.is_hung_up()) else { return };
        match channel.is_true("park_after_bridge") {
            true => self.park_again(id),
            false => self.hang_up(id, "NORMAL_CLEARING"),
        }
    }
}

//! Events: the header fields that all of them have, those of a channel, and who gets them.

use esl::Event;

use super::channel::{Channel, Direction};
use super::{Action, Core, clock};

/// Header fields in order.
pub(super) type Fields = Vec<(String, String)>;

pub(super) fn put(fields: &mut Fields, name: &str, value: impl Into<String>) {
    fields.push((name.to_owned(), value.into()));
}

impl Core {
    /// Tells an event that belongs to no channel.
    pub(super) fn tell(&mut self, name: &str, extra: &[(&str, &str)], body: Option<&str>) {
        let mut fields = self.head(name);
        extra.iter().for_each(|(name, value)| put(&mut fields, name, *value));
        self.queue(&fields, body);
    }

    /// Tells an event of a channel, with its variables.
    pub(super) fn tell_of(&mut self, name: &str, channel: &str, extra: &[(&str, &str)]) {
        self.sequence += 1;
        let Some(channel) = self.channels.get(channel) else { return };
        let mut fields = self.head(name);
        if let Some(cause) = channel.cause.as_ref().filter(|_| name.starts_with("CHANNEL_HANGUP")) {
            put(&mut fields, "Hangup-Cause", cause);
        }
        self.describe(channel, &mut fields, name != "DTMF");
        extra.iter().for_each(|(name, value)| put(&mut fields, name, *value));
        self.queue(&fields, None);
    }

    /// Everything about a channel, as `uuid_dump` prints it.
    pub(super) fn dump(&self, channel: &Channel) -> Event {
        let mut fields = self.head("CHANNEL_DATA");
        self.describe(channel, &mut fields, true);
        event_of(&fields, None)
    }

    /// Events go out behind the reply of the command that brought them about.
    fn queue(&mut self, fields: &Fields, body: Option<&str>) {
        if self.faults.lose_events > 0 {
            self.faults.lose_events -= 1;
            return;
        }
        self.events.push(event_of(fields, body));
    }

    pub(super) fn flush_events(&mut self) {
        for event in std::mem::take(&mut self.events) {
            for (id, listener) in &self.listeners {
                if let Some(bytes) = listener.event(&event) {
                    self.out.push(Action::Reply { listener: *id, bytes });
                }
            }
        }
    }

    fn head(&self, name: &str) -> Fields {
        let micros = self.clock.micros(self.now);
        let address = self.settings.address.ip().to_string();
        let mut fields = Fields::new();
        for (name, value) in [
            ("Event-Name", name.to_owned()),
            ("Core-UUID", self.core_uuid.clone()),
            ("FreeSWITCH-Hostname", "stand-in".to_owned()),
            ("FreeSWITCH-Switchname", "stand-in".to_owned()),
            ("FreeSWITCH-IPv4", address),
            ("FreeSWITCH-IPv6", "::1".to_owned()),
            ("Event-Date-Local", clock::stamp(micros)),
            ("Event-Date-GMT", clock::gmt(micros)),
            ("Event-Date-Timestamp", micros.to_string()),
            ("Event-Calling-File", "stand_in.rs".to_owned()),
            ("Event-Calling-Function", "tell".to_owned()),
            ("Event-Calling-Line-Number", "1".to_owned()),
            ("Event-Sequence", self.sequence.to_string()),
        ] {
            put(&mut fields, name, value);
        }
        fields
    }

    fn describe(&self, channel: &Channel, fields: &mut Fields, variables: bool) {
        put(fields, "Channel-State", channel.running.name());
        put(fields, "Channel-Call-State", channel.call_state);
        put(fields, "Channel-State-Number", channel.state.number().to_string());
        put(fields, "Channel-Name", &channel.name);
        put(fields, "Unique-ID", &channel.uuid);
        put(fields, "Call-Direction", channel.direction.word());
        put(fields, "Presence-Call-Direction", channel.direction.word());
        put(fields, "Channel-HIT-Dialplan", (channel.direction == Direction::Inbound).to_string());
        put(fields, "Channel-Call-UUID", &channel.uuid);
        put(fields, "Answer-State", channel.answer_state);
        if let Some(cause) = &channel.cause {
            put(fields, "Hangup-Cause", cause);
        }
        if channel.media.is_some() || channel.direction == Direction::Inbound {
            for side in ["Read", "Write"] {
                put(fields, &format!("Channel-{side}-Codec-Name"), "PCMU");
                put(fields, &format!("Channel-{side}-Codec-Rate"), "8000");
                put(fields, &format!("Channel-{side}-Codec-Bit-Rate"), "64000");
            }
        }
        profile(channel, "Caller", fields);
        if let Some(other) = channel.other.as_ref() {
            match self.channels.get(other) {
                Some(other) => profile(other, "Other-Leg", fields),
                None => put(fields, "Other-Leg-Unique-ID", other),
            }
        }
        if variables {
            for (name, value) in &channel.variables {
                put(fields, &format!("variable_{name}"), value);
            }
        }
    }
}

fn profile(channel: &Channel, whose: &str, fields: &mut Fields) {
    let mut put = |name: &str, value: String| put(fields, &format!("{whose}-{name}"), value);
    let times = channel.times;
    put("Direction", channel.direction.word().to_owned());
    put("Logical-Direction", channel.direction.word().to_owned());
    if channel.direction == Direction::Inbound {
        put("Username", channel.caller.clone());
        put("Dialplan", "XML".to_owned());
        put("Caller-ID-Name", channel.caller.clone());
    } else {
        put("Callee-ID-Name", "Outbound Call".to_owned());
        put("Callee-ID-Number", channel.callee.clone());
    }
    put("Caller-ID-Number", channel.caller.clone());
    if let Some(network) = channel.network {
        put("Network-Addr", network.ip().to_string());
    }
    put("ANI", channel.caller.clone());
    put("Destination-Number", channel.destination.clone());
    put("Unique-ID", channel.uuid.clone());
    put("Source", "mod_sofia".to_owned());
    put("Context", "inbound".to_owned());
    put("Channel-Name", channel.name.clone());
    put("Profile-Index", "1".to_owned());
    for (name, time) in [
        ("Profile-Created", times.created),
        ("Channel-Created", times.created),
        ("Channel-Answered", times.answered),
        ("Channel-Progress", times.progress),
        ("Channel-Progress-Media", 0),
        ("Channel-Hangup", times.hung_up),
        ("Channel-Transfer", 0),
        ("Channel-Resurrect", 0),
        ("Channel-Bridged", times.bridged),
    ] {
        put(&format!("{name}-Time"), time.to_string());
    }
    put("Screen-Bit", "true".to_owned());
    put("Privacy-Hide-Name", "false".to_owned());
    put("Privacy-Hide-Number", "false".to_owned());
}

fn event_of(fields: &Fields, body: Option<&str>) -> Event {
    Event::new(fields.iter().map(|(name, value)| (name.as_str(), value.as_str())), body)
}

//! Conferences: who is in which, when they begin and end, and what the customer is told of them. FreeSWITCH mixes the sound,
//! and knows no more than that.
//!
//! A conference is one of this FreeSWITCH. This module must not contain: sockets, files, clocks, tokio.

use std::collections::HashMap;

use settings::Secret;
use twiml::RoomEvent;
use uuid::Uuid;

use crate::call::action::Guest;
use crate::call::facts::Facts;
use crate::call::input::{Ask, Input, RoomInput};
use crate::webhook::Request;

/// All conferences.
#[derive(Debug, Default)]
pub struct Rooms {
    rooms: HashMap<Key, Room>,
    /// Where a call is, by its channel.
    places: HashMap<String, Key>,
}

/// The account, and its own name for the conference.
type Key = (String, String);

#[derive(Debug)]
struct Room {
    /// The customer's name for it, and ours: `CF...`
    name: String,
    sid: String,
    account_sid: String,
    token: Secret,
    members: Vec<Member>,
    begun: bool,
    told: Option<crate::call::action::RoomTold>,
    sequence: u32,
}

#[derive(Debug)]
struct Member {
    channel: String,
    call_sid: String,
    ask: Ask,
    guest: Box<Guest>,
}

/// What follows.
#[derive(Debug, PartialEq)]
pub enum Effect {
    /// The call with this channel is told.
    Tell(String, Input),
    /// The customer is told: what is told of one conference is told in order.
    Customer {
        /// Which conference.
        sid: String,
        /// What.
        request: Request,
        /// What signs it.
        token: Secret,
    },
    /// Nothing more is told of this conference.
    Closed(String),
}

impl Rooms {
    /// A call comes. It leaves where it was before.
    pub fn enter(&mut self, facts: &Facts, ask: Ask, guest: Box<Guest>) -> Vec<Effect> {
        let mut out = self.leave(&facts.channel);
        let key = (facts.account_sid.clone(), guest.room.clone());
        let room = self.rooms.entry(key.clone()).or_insert_with(|| Room {
            name: guest.room.clone(),
            sid: format!("CF{}", Uuid::new_v4().simple()),
            account_sid: facts.account_sid.clone(),
            token: facts.auth_token.clone(),
            members: Vec::new(),
            begun: false,
            told: guest.callback.clone(),
            sequence: 0,
        });
        if room.members.len() >= guest.most as usize {
            out.push(Effect::Tell(facts.channel.clone(), Input::Room(ask, RoomInput::Full)));
            return out;
        }
        let member = Member { channel: facts.channel.clone(), call_sid: facts.call_sid.clone(), ask, guest };
        room.tell(RoomEvent::Join, "participant-join", about(&member), &mut out);
        room.members.push(member);
        self.places.insert(facts.channel.clone(), key);
        let starts = room.members.len() > 1 && room.members.iter().any(|member| member.guest.starts);
        match (room.begun, starts) {
            (true, _) => room.join(room.members.len() - 1, &mut out),
            (false, true) => {
                room.begun = true;
                room.tell(RoomEvent::Start, "conference-start", Vec::new(), &mut out);
                (0..room.members.len()).for_each(|place| room.join(place, &mut out));
            }
            (false, false) => {
                out.push(Effect::Tell(facts.channel.clone(), Input::Room(ask, RoomInput::Wait)));
            }
        }
        out
    }

    /// A call goes, if it is anywhere.
    pub fn leave(&mut self, channel: &str) -> Vec<Effect> {
        let mut out = Vec::new();
        let Some(key) = self.places.remove(channel) else { return out };
        let Some(room) = self.rooms.get_mut(&key) else { return out };
        let Some(place) = room.members.iter().position(|member| member.channel == channel) else {
            return out;
        };
        let member = room.members.remove(place);
        room.tell(RoomEvent::Leave, "participant-leave", about(&member), &mut out);
        let ends = room.begun && member.guest.ends;
        if !ends && !room.members.is_empty() {
            return out;
        }
        let reason =
            if ends { "participant-with-end-conference-on-exit-left" } else { "last-participant-left" };
        let extras =
            vec![("CallSidEndingConference", member.call_sid), ("ReasonConferenceEnded", reason.to_owned())];
        let Some(mut room) = self.rooms.remove(&key) else { return out };
        for member in std::mem::take(&mut room.members) {
            room.tell(RoomEvent::Leave, "participant-leave", about(&member), &mut out);
            self.places.remove(&member.channel);
            out.push(Effect::Tell(member.channel, Input::Room(member.ask, RoomInput::Over)));
        }
        room.tell(RoomEvent::End, "conference-end", extras, &mut out);
        out.push(Effect::Closed(room.sid));
        out
    }

    /// How many there are.
    pub fn count(&self) -> usize {
        self.rooms.len()
    }
}

impl Room {
    /// Lets somebody be a part of it.
    fn join(&self, place: usize, out: &mut Vec<Effect>) {
        let Some(member) = self.members.get(place) else { return };
        // No text of the customer's comes to FreeSWITCH.
        let input = Input::Room(member.ask, RoomInput::Join(self.sid.clone()));
        out.push(Effect::Tell(member.channel.clone(), input));
    }

    fn tell(
        &mut self,
        event: RoomEvent,
        name: &str,
        extras: Vec<(&'static str, String)>,
        out: &mut Vec<Effect>,
    ) {
        let Some(told) = self.told.as_ref().filter(|told| told.events.contains(&event)) else { return };
        let common = [
            ("ConferenceSid", self.sid.clone()),
            ("FriendlyName", self.name.clone()),
            ("AccountSid", self.account_sid.clone()),
            ("SequenceNumber", self.sequence.to_string()),
            ("StatusCallbackEvent", name.to_owned()),
        ];
        let parameters = common.into_iter().chain(extras).map(|(name, value)| (name.to_owned(), value));
        let mut url = told.url.clone();
        url.set_fragment(None);
        let request = Request { url: url.into(), method: told.method, parameters: parameters.collect() };
        self.sequence = self.sequence.saturating_add(1);
        out.push(Effect::Customer { sid: self.sid.clone(), request, token: self.token.clone() });
    }
}

fn about(member: &Member) -> Vec<(&'static str, String)> {
    let guest = &member.guest;
    let mut about = vec![
        ("CallSid", member.call_sid.clone()),
        ("Muted", guest.muted.to_string()),
        ("Hold", "false".to_owned()),
        ("Coaching", "false".to_owned()),
        ("StartConferenceOnEnter", guest.starts.to_string()),
        ("EndConferenceOnExit", guest.ends.to_string()),
    ];
    about.extend(guest.label.clone().map(|label| ("ParticipantLabel", label)));
    about
}

#[cfg(test)]
mod tests {
    use twiml::{Method, Url};

    use super::*;
    use crate::call::action::RoomTold;
    use crate::call::facts::Direction;

    fn facts(account: &str, channel: &str) -> Facts {
        Facts {
            channel: channel.to_owned(),
            call_sid: format!("CA-{channel}"),
            account_sid: account.to_owned(),
            auth_token: Secret::new("token"),
            direction: Direction::Inbound,
            api_version: "2010-04-01".to_owned(),
            from: "1".to_owned(),
            to: "2".to_owned(),
            default_voice: "Basic.Kal".to_owned(),
            fallback: None,
        }
    }

    fn guest() -> Guest {
        Guest {
            room: "r".to_owned(),
            starts: true,
            ends: false,
            muted: false,
            label: None,
            most: 250,
            callback: None,
        }
    }

    /// What the calls are told: `channel what`.
    fn told(effects: &[Effect]) -> Vec<String> {
        let line = |effect: &Effect| match effect {
            Effect::Tell(channel, Input::Room(_, RoomInput::Join(_))) => Some(format!("{channel} join")),
            Effect::Tell(channel, Input::Room(_, what)) => Some(format!("{channel} {what:?}").to_lowercase()),
            _ => None,
        };
        effects.iter().filter_map(line).collect()
    }

    fn enter(rooms: &mut Rooms, channel: &str, guest: Guest) -> Vec<String> {
        told(&rooms.enter(&facts("AC1", channel), Ask(1), Box::new(guest)))
    }

    #[test]
    fn a_conference_begins_with_the_second_and_goes_on_with_the_last() {
        let mut rooms = Rooms::default();
        assert_eq!(enter(&mut rooms, "a", guest()), ["a wait"]);
        assert_eq!(enter(&mut rooms, "b", guest()), ["a join", "b join"]);
        assert_eq!(enter(&mut rooms, "c", guest()), ["c join"]);
        assert_eq!(told(&rooms.leave("a")), [""; 0]);
        assert_eq!(told(&rooms.leave("b")), [""; 0]);
        assert_eq!(enter(&mut rooms, "d", guest()), ["d join"]);
        rooms.leave("c");
        rooms.leave("d");
        assert_eq!((rooms.count(), rooms.places.len()), (0, 0));
    }

    #[test]
    fn nobody_begins_it_who_is_told_not_to() {
        let mut rooms = Rooms::default();
        let waits = || Guest { starts: false, ..guest() };
        assert_eq!(enter(&mut rooms, "a", waits()), ["a wait"]);
        assert_eq!(enter(&mut rooms, "b", waits()), ["b wait"]);
        assert_eq!(enter(&mut rooms, "c", guest()), ["a join", "b join", "c join"]);
    }

    #[test]
    fn it_ends_with_the_one_who_ends_it() {
        let mut rooms = Rooms::default();
        enter(&mut rooms, "a", Guest { ends: true, ..guest() });
        enter(&mut rooms, "b", guest());
        enter(&mut rooms, "c", guest());
        assert_eq!(told(&rooms.leave("c")), [""; 0]);
        assert_eq!(told(&rooms.leave("a")), ["b over"]);
        assert_eq!((rooms.count(), rooms.places.len()), (0, 0));
        assert_eq!(told(&rooms.leave("b")), [""; 0]);
    }

    #[test]
    fn one_who_ends_it_does_not_end_what_has_not_begun() {
        let mut rooms = Rooms::default();
        let waits = || Guest { starts: false, ends: true, ..guest() };
        enter(&mut rooms, "a", waits());
        enter(&mut rooms, "b", waits());
        assert_eq!(told(&rooms.leave("a")), [""; 0]);
        assert_eq!(rooms.count(), 1);
    }

    #[test]
    fn one_too_many_does_not_come_in_and_accounts_do_not_meet() {
        let mut rooms = Rooms::default();
        let two = || Guest { most: 2, ..guest() };
        enter(&mut rooms, "a", two());
        enter(&mut rooms, "b", two());
        assert_eq!(enter(&mut rooms, "c", two()), ["c full"]);
        assert_eq!(told(&rooms.enter(&facts("AC2", "d"), Ask(1), Box::new(guest()))), ["d wait"]);
        assert_eq!(rooms.count(), 2);
    }

    #[test]
    fn the_customer_of_the_first_is_told_in_order() {
        let mut rooms = Rooms::default();
        let url = Url::parse("https://example.com/c#x").expect("a URL");
        let events = vec![RoomEvent::Start, RoomEvent::End, RoomEvent::Join, RoomEvent::Leave];
        let callback = RoomTold { url, method: Method::Post, events };
        let with = |ends| Guest {
            callback: Some(callback.clone()),
            ends,
            label: Some("boss".to_owned()),
            ..guest()
        };
        let mut effects = rooms.enter(&facts("AC1", "a"), Ask(1), Box::new(with(true)));
        effects.extend(rooms.enter(&facts("AC1", "b"), Ask(1), Box::new(with(false))));
        effects.extend(rooms.leave("a"));
        let line = |effect: &Effect| match effect {
            Effect::Customer { request, .. } => {
                let of = |name: &str| request.parameters.iter().find(|(known, _)| known == name);
                let of = |name| of(name).map_or("-", |(_, value)| value.as_str());
                assert_eq!(request.url, "https://example.com/c");
                Some([of("SequenceNumber"), of("StatusCallbackEvent"), of("CallSid")].join(" "))
            }
            _ => None,
        };
        let lines: Vec<_> = effects.iter().filter_map(line).collect();
        assert_eq!(
            lines,
            [
                "0 participant-join CA-a",
                "1 participant-join CA-b",
                "2 conference-start -",
                "3 participant-leave CA-a",
                "4 participant-leave CA-b",
                "5 conference-end -",
            ]
        );
        assert!(matches!(effects.last(), Some(Effect::Closed(_))));
    }
}

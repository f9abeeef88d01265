//! `conference` (mod_conference): legs that hear each other. Each mixes for itself what the others said in their last 20 ms.

use super::Core;
use super::channel::{Channel, Running, Seat, Task};
use super::sound::Sound;
use crate::media::FRAME;

impl Channel {
    fn seat(&self) -> Option<&Seat> {
        match self.task.as_ref().map(|task| &task.running) {
            Some(Running::Conference(seat)) => Some(seat),
            _ => None,
        }
    }

    fn seat_mut(&mut self) -> Option<&mut Seat> {
        match self.task.as_mut().map(|task| &mut task.running) {
            Some(Running::Conference(seat)) => Some(seat),
            _ => None,
        }
    }
}

impl Core {
    /// The application: `NAME[@PROFILE][+flags{mute|...}]`.
    pub(super) fn enter_conference(&mut self, id: &str, mut task: Task) {
        let (name, flags) = task.argument.split_once("+flags{").unwrap_or((&task.argument, ""));
        let room = name.split(['@', '+']).next().unwrap_or_default().to_owned();
        let muted = flags.trim_end_matches('}').split('|').any(|flag| flag == "mute");
        self.members += 1;
        let seat = Seat { room: room.clone(), id: self.members, muted, voice: [0; FRAME], playing: None };
        let Some(channel) = self.channels.get_mut(id) else { return };
        channel.set("conference_name", &room);
        channel.set("conference_member_id", &seat.id.to_string());
        if let Some(media) = &mut channel.media {
            media.confer(true);
        }
        task.running = Running::Conference(Box::new(seat));
        channel.task = Some(task);
        self.play_to_room(id, &room, "conference_enter_sound");
    }

    /// Takes a leg out of its conference, if it is in one; what it executes is over.
    pub(super) fn leave_conference(&mut self, id: &str) {
        let Some(room) = self.channels.get(id).and_then(Channel::seat).map(|seat| seat.room.clone()) else {
            return;
        };
        self.play_to_room(id, &room, "conference_exit_sound");
        if let Some(media) = self.channels.get_mut(id).and_then(|channel| channel.media.as_mut()) {
            media.confer(false);
        }
        self.finish_task(id, None);
    }

    /// All in a conference hear the sound that a leg's variable names. Somebody who is alone does not.
    fn play_to_room(&mut self, id: &str, room: &str, variable: &str) {
        let sound = self.channels.get(id).and_then(|channel| channel.get(variable)).and_then(Sound::stream);
        let Some(sound) = sound else { return };
        let mut seats: Vec<_> = self
            .channels
            .values_mut()
            .filter_map(Channel::seat_mut)
            .filter(|seat| seat.room == room)
            .collect();
        if seats.len() > 1 {
            seats.iter_mut().for_each(|seat| seat.playing = Some(sound.clone()));
        }
    }

    /// 20 ms of a conference, as this leg hears it.
    pub(super) fn confer(&mut self, id: &str) -> Option<[i16; FRAME]> {
        let channel = self.channels.get_mut(id)?;
        let voice = channel.media.as_mut().map_or([0; FRAME], |media| media.take_voice());
        let seat = channel.seat_mut()?;
        seat.voice = if seat.muted { [0; FRAME] } else { voice };
        let mut mixed = [0_i32; FRAME];
        if let Some((frame, _)) = seat.playing.as_mut().and_then(Sound::frame) {
            mixed.iter_mut().zip(frame).for_each(|(sum, sample)| *sum += i32::from(sample));
        }
        let room = seat.room.clone();
        let others = self.channels.values().filter(|other| other.uuid != id).filter_map(Channel::seat);
        for other in others.filter(|other| other.room == room) {
            mixed.iter_mut().zip(other.voice).for_each(|(sum, sample)| *sum += i32::from(sample));
        }
        Some(mixed.map(|sum| sum.clamp(i16::MIN.into(), i16::MAX.into()) as i16))
    }

    /// `conference`, of which `list`, `kick` and `get-uuid` are known; what it prints.
    pub(super) fn conference(&mut self, room: &str, action: &str, member: &str) -> String {
        if room == "list" {
            let seats = self.channels.values().filter_map(|channel| Some((channel, channel.seat()?)));
            let line = |(channel, seat): (&Channel, &Seat)| {
                format!("{};{};{};{}\n", seat.room, seat.id, channel.name, channel.uuid)
            };
            let lines: String = seats.map(line).collect();
            return if lines.is_empty() { "+OK No active conferences.\n".to_owned() } else { lines };
        }
        let within = |channel: &&Channel| channel.seat().is_some_and(|seat| seat.room == room);
        if !self.channels.values().any(|channel| within(&channel)) {
            return format!("-ERR Conference {room} not found\n");
        }
        if !["kick", "get-uuid"].contains(&action) {
            return format!("-ERR Conference command '{action}' not found.\n");
        }
        let named = |channel: &&Channel| match member.split_once('=') {
            Some((variable, value)) => channel.get(variable) == Some(value),
            None => channel.seat().is_some_and(|seat| seat.id.to_string() == member),
        };
        let found = self.channels.values().filter(within).find(named);
        let Some((id, number)) = found.and_then(|channel| Some((channel.uuid.clone(), channel.seat()?.id)))
        else {
            return "-ERR Non-Existant member\n".to_owned();
        };
        if action == "get-uuid" {
            return id;
        }
        self.leave_conference(&id);
        format!("+OK kicked {number}\n")
    }

    /// `deflect`: a REFER. Only a leg that came can be referred, and only without a hang-up.
    pub(super) fn refer(&mut self, id: &str, to: &str) {
        if !self.channels.get(id).is_some_and(|channel| channel.is_true("sip_refer_continue_after_reply")) {
            return self.hang_up(id, "BLIND_TRANSFER");
        }
        let to = to.to_owned();
        self.with_call(id, |call, now, out| call.refer(&to, now, out));
    }

    /// What is known of a REFER, as variables.
    pub(super) fn referred(&mut self, id: &str, codes: [(&str, Option<u16>); 2]) {
        let Some(channel) = self.channels.get_mut(id) else { return };
        for (name, code) in codes {
            if let Some(code) = code {
                channel.set(name, &code.to_string());
            }
        }
    }
}

//! How a channel ends.

use super::channel::{Asked, Channel, Direction, State};
use super::inbound::rh_headers;
use super::record::Over;
use super::{Action, Core, Leg, TICK, cause, clock};
use crate::signalling::compose::reason;

/// Who ended it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum By {
    /// A command, or ourselves.
    Us,
    /// `originate_timeout`.
    Timeout,
    /// The other end's BYE.
    Bye,
    /// The caller's CANCEL.
    Cancel,
    /// The callee, with this status.
    Refusal(u16),
}

impl Core {
    /// Hangs a channel up.
    pub(super) fn hang_up(&mut self, id: &str, cause: &str) {
        self.end(id, cause, By::Us);
    }

    /// A channel ends: it says so, and is torn down when its turn comes.
    pub(super) fn end(&mut self, id: &str, cause: &str, by: By) {
        let micros = self.clock.micros(self.now);
        let Some(channel) = self.channels.get_mut(id).filter(|channel| !channel.is_hung_up()) else { return };
        match by {
            By::Bye => told_by(channel, 200, "OK"),
            By::Refusal(status) => {
                told_by(channel, status, reason(status));
                channel.set("sip_invite_failure_status", &status.to_string());
                channel.set("sip_invite_failure_phrase", reason(status));
            }
            By::Us | By::Timeout | By::Cancel => {}
        }
        if channel.bridged
            && let Some(other) = channel.other.clone()
        {
            channel.set("last_bridge_to", &other);
        }
        channel.cause = Some(cause.to_owned());
        (channel.answer_state, channel.state, channel.times.hung_up) = ("hangup", State::Hangup, micros);
        self.tell_of("CHANNEL_HANGUP", id, &[]);
        let disposition = match by {
            By::Bye => "recv_bye",
            By::Cancel => "recv_cancel",
            By::Refusal(_) => "recv_refuse",
            By::Us | By::Timeout => self.say_goodbye(id, cause),
        };
        let Some(channel) = self.channels.get_mut(id) else { return };
        if by != By::Us && by != By::Timeout {
            channel.set("sip_hangup_disposition", disposition);
        }
        channel.disposition = disposition;
        if by == By::Timeout
            && let Some(asked) = channel.asked.take()
        {
            self.job_done(&asked, &format!("-ERR {cause}\n"));
        }
        // A leg that nobody has answered has no loop which would have to notice.
        let waits = self.channels.get(id).is_some_and(|channel| channel.running == State::ConsumeMedia);
        if waits {
            self.tear_down(id);
        }
    }

    /// Tells the other end; how it was told.
    fn say_goodbye(&mut self, id: &str, cause: &str) -> &'static str {
        let Some(channel) = self.channels.get_mut(id) else { return "" };
        let mut headers = rh_headers(channel);
        match (channel.direction, channel.is_answered()) {
            (Direction::Inbound, true) => {
                self.with_call(id, |call, now, out| call.hang_up(now, out));
                "send_bye"
            }
            (Direction::Inbound, false) => {
                headers.push((
                    "Reason".to_owned(),
                    format!("Q.850;cause={};text=\"{cause}\"", cause::q850(cause)),
                ));
                self.with_call(id, |call, now, out| {
                    call.headers = headers;
                    call.refuse(cause::status_of(cause), now, out);
                });
                "send_refuse"
            }
            (Direction::Outbound, answered) => {
                if !answered {
                    channel.late.push(("sip_invite_failure_status", "487"));
                    channel.late.push(("sip_invite_failure_phrase", "CANCEL"));
                }
                if let Some(Leg::Out(uac)) = self.legs.get_mut(id) {
                    let actions = uac.leave(self.now);
                    self.perform(id, actions);
                }
                if answered { "send_bye" } else { "send_cancel" }
            }
        }
    }

    /// The last of a channel.
    pub(super) fn tear_down(&mut self, id: &str) {
        self.leave_conference(id);
        self.end_playback(id, "done", "PLAYBACK ERROR");
        self.finish_task(id, None);
        // The leg that leads tells of the bridge's end: before its own, or when it has heard of the other one's.
        let leads = self.channels.get(id).is_some_and(|channel| channel.leads);
        if leads {
            self.unbridge(id);
        }
        self.leave_park(id);
        let paths = self.channels.get(id).map(|channel| {
            channel.recorders.iter().map(|recorder| recorder.path.clone()).collect::<Vec<_>>()
        });
        for path in paths.unwrap_or_default() {
            self.stop_recording(id, &path, Over::Silence);
        }
        let Some(channel) = self.channels.get_mut(id) else { return };
        (channel.running, channel.state, channel.call_state) = (State::Reporting, State::Reporting, "HANGUP");
        bill(channel);
        self.tell_of("CHANNEL_HANGUP_COMPLETE", id, &[]);
        if !leads {
            self.unbridge(id);
        }
        let Some(channel) = self.channels.remove(id) else { return };
        self.list_late(&channel);
        self.out.push(Action::CloseMedia { channel: id.to_owned() });
        if self.settings.records {
            self.records.push(channel.variables.clone());
        }
        if channel.direction == Direction::Outbound {
            self.old_legs.push_back((self.now + self.settings.linger, id.to_owned()));
        }
        if let Some(asked) = channel.asked {
            let printed = format!("-ERR {}\n", channel.cause.unwrap_or_default());
            match asked {
                Asked::Api { .. } => self.job_done(&asked, &printed),
                Asked::Job { .. } => self.jobs.push((self.now + TICK, asked, printed)),
            }
        }
    }
}

fn told_by(channel: &mut Channel, status: u16, phrase: &str) {
    channel.set("sip_term_status", &status.to_string());
    channel.set("proto_specific_hangup_cause", &format!("sip:{status}"));
    let cause = if status == 200 { 16 } else { cause::q850(cause::of_status(status)) };
    channel.set("sip_term_cause", &cause.to_string());
    channel.set("sip_hangup_phrase", phrase);
}

/// What HANGUP_COMPLETE tells besides: times and how long they were (switch_channel_set_timestamps).
fn bill(channel: &mut Channel) {
    let cause = channel.cause.clone().unwrap_or_default();
    let times = channel.times;
    channel.set("hangup_cause", &cause);
    // FreeSWITCH's own causes are NORMAL_CLEARING to others.
    let q850 = Some(cause::q850(&cause)).filter(|number| *number != 0).unwrap_or(16);
    channel.set("hangup_cause_q850", &q850.to_string());
    for (name, time) in [
        ("start", times.created),
        ("answer", times.answered),
        ("bridge", times.bridged),
        ("progress", times.progress),
        ("progress_media", 0),
        ("end", times.hung_up),
    ] {
        if time != 0 {
            channel.set(&format!("{name}_stamp"), &clock::stamp(time));
        }
        channel.set(&format!("{name}_epoch"), &(time / 1_000_000).to_string());
        channel.set(&format!("{name}_uepoch"), &time.to_string());
    }
    let since = |begin: u64| if begin == 0 { 0 } else { times.hung_up.saturating_sub(begin) };
    // FreeSWITCH takes whole seconds from whole seconds.
    let seconds = |begin: u64| if begin == 0 { 0 } else { times.hung_up / 1_000_000 - begin / 1_000_000 };
    channel.set("duration", &seconds(times.created).to_string());
    channel.set("billsec", &seconds(times.answered).to_string());
    channel.set("mduration", &(since(times.created) / 1000).to_string());
    channel.set("billmsec", &(since(times.answered) / 1000).to_string());
    channel.set("uduration", &since(times.created).to_string());
    channel.set("billusec", &since(times.answered).to_string());
    for (name, value) in std::mem::take(&mut channel.late) {
        channel.set(name, value);
    }
    let disposition = channel.disposition;
    channel.set("sip_hangup_disposition", disposition);
    if let Some(media) = &channel.media {
        let received = media.received.to_string();
        channel.set("rtp_audio_in_packet_count", &received);
    }
}

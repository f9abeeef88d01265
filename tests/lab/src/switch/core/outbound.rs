//! `originate`: a leg from its first event to the `park` that waits for it.

use std::net::SocketAddr;
use std::time::Duration;

use super::arguments;
use super::channel::{Asked, Channel, Direction, Parked, State};
use super::hangup::By;
use super::inbound::next_hop;
use super::{Action, Core, Leg, TICK, cause};
use crate::media::Source;
use crate::phone::{CallPlan, Uac};
use crate::signalling::{Ids, Incoming};

/// Seconds that a leg rings when nothing else is said.
const RING: u64 = 60;

/// Nobody waits longer: a day.
const MOST_RING: u64 = 24 * 3600;

/// The leg's own end is `originate_timeout`, not the telephone's patience.
const PATIENCE: Duration = Duration::from_secs(24 * 3600);

/// The profiles of infrastructure/freeswitch, by which calls can leave.
const PROFILES: [&str; 4] = ["internal", "nat_gateway", "uac_nat_instance", "uas_nat_instance"];

impl Core {
    /// `originate`.
    pub(super) fn originate(&mut self, text: &str, asked: Asked) {
        let Some(asked_for) = arguments::originate(text) else {
            return self.print(asked, "-USAGE: <call url> <exten>|&<application_name>(<app_args>) [<dialplan>] [<context>] [<cid_name>] [<cid_num>] [<timeout_sec>]\n");
        };
        // The endpoint that fails; like a profile that there is not, it makes no channel.
        if let Some(cause) = asked_for.dial_string.strip_prefix("error/") {
            return self.print(asked, &format!("-ERR {cause}\n"));
        }
        let profile = asked_for.dial_string.strip_prefix("sofia/").and_then(|rest| rest.split_once('/'));
        let Some((profile, target)) =
            profile.filter(|_| ["&park()", "&park"].contains(&asked_for.application.as_str()))
        else {
            return self.print(asked, "-ERR CHAN_NOT_IMPLEMENTED\n");
        };
        if !PROFILES.contains(&profile) {
            return self.print(asked, "-ERR INVALID_PROFILE\n");
        }
        if self.paused_outbound || self.channels.len() >= self.max_sessions {
            return self.print(asked, "-ERR DESTINATION_OUT_OF_ORDER\n");
        }
        let variable = |name: &str| {
            asked_for.variables.iter().find(|(other, _)| other == name).map(|(_, value)| value.clone())
        };
        let id = variable("origination_uuid").unwrap_or_else(|| self.uuid());
        if self.channels.contains_key(&id) || self.legs.contains_key(&id) {
            return self.print(asked, "-ERR DESTINATION_OUT_OF_ORDER\n");
        }
        let ring =
            variable("originate_timeout").and_then(|text| text.parse().ok()).unwrap_or(RING).min(MOST_RING);
        let name = format!("sofia/{profile}/{target}");
        let mut channel = Channel::new(id.clone(), Direction::Outbound, name.clone(), self.now);
        channel.caller = variable("origination_caller_id_number").unwrap_or_else(|| "0000000000".to_owned());
        channel.destination = target.split('@').next().unwrap_or_default().to_owned();
        channel.callee.clone_from(&channel.destination);
        channel.times.created = self.clock.micros(self.now);
        channel.ring_until = Some(self.now + Duration::from_secs(ring));
        channel.asked = Some(asked);
        self.sessions += 1;
        for (name, value) in [
            ("direction", "outbound"),
            ("is_outbound", "true"),
            ("uuid", &id),
            ("call_uuid", &id),
            ("session_id", &self.sessions.to_string()),
            ("sip_profile_name", profile),
            ("sofia_profile_name", profile),
            ("channel_name", &name),
            ("sip_destination_url", &format!("sip:{target}")),
            ("originate_early_media", "false"),
            ("originate_endpoint", "sofia"),
        ] {
            channel.set(name, value);
        }
        asked_for.variables.iter().for_each(|(name, value)| channel.set(name, value));
        self.channels.insert(id.clone(), channel);
        self.peak = self.peak.max(self.channels.len());
        self.tell_of("CHANNEL_CREATE", &id, &[]);
        if let Some(channel) = self.channels.get_mut(&id) {
            (channel.running, channel.state) = (State::ConsumeMedia, State::ConsumeMedia);
        }
        if let Some(cause) = self.faults.refuse.clone() {
            return self.end(&id, &cause, By::Refusal(cause::status_of(&cause)));
        }
        self.out.push(Action::OpenMedia { channel: id });
    }

    fn print(&mut self, asked: Asked, printed: &str) {
        self.jobs.push((self.now + TICK, asked, printed.to_owned()));
    }

    /// The media port is open: sends the INVITE.
    pub(super) fn call_out(&mut self, id: &str, media: SocketAddr) {
        let Some(channel) = self.channels.get(id).filter(|channel| !channel.is_hung_up()) else { return };
        let target = channel.get("sip_destination_url").unwrap_or_default().trim_start_matches("sip:");
        let Some((uri, hop)) = next_hop(target) else {
            return self.end(id, "NORMAL_TEMPORARY_FAILURE", By::Refusal(503));
        };
        let clean = |value: &str| value.replace(['\r', '\n'], " ");
        let headers = channel.variables.iter().filter_map(|(name, value)| {
            name.strip_prefix("sip_h_").map(|name| (name.to_owned(), clean(value)))
        });
        let plan = CallPlan {
            to: format!("sip:{uri}"),
            from: clean(&channel.caller),
            headers: headers.collect(),
            source: Source::Silence,
            patience: PATIENCE,
            script: Vec::new(),
            ..CallPlan::new(hop, "")
        };
        let ids = Ids::seeded(self.ids.number());
        let mut uac = Uac::new(plan, self.settings.address, media, ids, self.now);
        self.by_call_id.insert(uac.call_id().to_owned(), id.to_owned());
        if let Some(channel) = self.channels.get_mut(id) {
            channel.set("sip_call_id", uac.call_id());
        }
        let actions = uac.start(self.now);
        self.legs.insert(id.to_owned(), Leg::Out(Box::new(uac)));
        self.out.push(Action::Probe { to: hop });
        self.perform(id, actions);
    }

    /// Nobody receives at an address: legs that have called it and heard nothing end, as FreeSWITCH ends them when the
    /// network says so.
    pub fn unreachable(&mut self, to: SocketAddr, now: std::time::Instant) {
        self.now = now;
        let calling = |channel: &&Channel| {
            let hop =
                channel.get("sip_destination_url").and_then(|url| next_hop(url.trim_start_matches("sip:")));
            channel.direction == Direction::Outbound
                && !channel.is_answered()
                && channel.times.progress == 0
                && hop.is_some_and(|(_, hop)| hop == to)
        };
        let ids: Vec<_> =
            self.channels.values().filter(calling).map(|channel| channel.uuid.clone()).collect();
        ids.iter().for_each(|id| self.end(id, "NORMAL_TEMPORARY_FAILURE", By::Refusal(503)));
    }

    /// A response to our INVITE, before the leg itself sees it.
    pub(super) fn progress(&mut self, id: &str, response: &Incoming, code: u16) {
        let micros = self.clock.micros(self.now);
        let Some(channel) = self.channels.get_mut(id).filter(|channel| !channel.is_hung_up()) else { return };
        if channel.is_answered() {
            return;
        }
        match code {
            180..=183 if channel.times.progress == 0 => {
                channel.times.progress = micros;
                self.tell_of("CHANNEL_PROGRESS", id, &[]);
                if let Some(channel) = self.channels.get_mut(id) {
                    channel.call_state = "RINGING";
                }
            }
            200..300 => {
                if let Some(tag) = &response.to_tag {
                    channel.set("sip_to_tag", tag);
                }
                self.answered(id);
                self.arrived(id);
            }
            300.. => self.end(id, cause::of_status(code), By::Refusal(code)),
            _ => {}
        }
    }

    /// Tells that a channel is answered.
    pub(super) fn answered(&mut self, id: &str) {
        let micros = self.clock.micros(self.now);
        let Some(channel) = self.channels.get_mut(id) else { return };
        (channel.answer_state, channel.times.answered, channel.ring_until) = ("answered", micros, None);
        self.tell_of("CHANNEL_ANSWER", id, &[]);
        if let Some(channel) = self.channels.get_mut(id) {
            channel.call_state = "ACTIVE";
            channel.set("endpoint_disposition", "ANSWER");
        }
    }

    /// An originated channel is answered: whoever asked is told, and it parks.
    fn arrived(&mut self, id: &str) {
        let park = self.uuid();
        let Some(channel) = self.channels.get_mut(id) else { return };
        (channel.running, channel.state) = (State::Execute, State::Execute);
        std::mem::swap(&mut channel.caller, &mut channel.callee);
        if let Some(asked) = channel.asked.take() {
            self.job_done(&asked, &format!("+OK {id}\n"));
        }
        self.begin_application(id, "park", "", &park);
        self.enter_park(id, Parked { application: Some(park), until: None });
    }
}

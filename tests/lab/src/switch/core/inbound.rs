//! SIP that comes: calls, and what belongs to the legs that there are.

use std::net::SocketAddr;
use std::time::Instant;

use super::channel::{Channel, Direction, Parked, State};
use super::hangup::By;
use super::{Action, Core, Leg, cause};
use crate::machine::{self, Behaviour, Call, CallRecord};
use crate::phone;
use crate::signalling::respond::respond;
use crate::signalling::{ALLOW, Ids, Incoming, Side, Start, incoming::address_of, sdp};

/// What FreeSWITCH tells those whom it refuses for want of room; no setting changes it.
const RETRY_AFTER: &str = "300";

impl Leg {
    pub(super) fn next_timeout(&self) -> Option<Instant> {
        match self {
            Leg::In(call) => call.next_timeout(),
            Leg::Out(uac) if uac.is_over() => None,
            Leg::Out(uac) => uac.next_timeout(),
        }
    }
}

impl Core {
    pub(super) fn sip_request(&mut self, request: &Incoming, source: SocketAddr) {
        if let Some(tag) = &request.to_tag {
            let id = self.by_tag.get(tag).or_else(|| self.by_call_id.get(&request.call_id)).cloned();
            return match id {
                Some(id) => self.hand_to_leg(&id, request, source),
                None if request.method == "ACK" => {}
                None => self.reject(request, source, 481),
            };
        }
        let known = self.by_transaction.get(&request.transaction).cloned();
        match (request.method.as_str(), known) {
            ("INVITE", Some(id)) => self.with_call(&id, |call, _, out| call.repeat(out)),
            ("INVITE", None) => self.invite(request, source),
            ("CANCEL", Some(id)) => {
                self.with_call(&id, |call, now, out| call.cancel(request, source, now, out));
                self.look_at(&id);
            }
            ("CANCEL", None) => self.reject(request, source, 481),
            ("ACK", _) => {}
            ("OPTIONS", _) => {
                let code = if self.has_room() { 200 } else { 503 };
                self.reject(request, source, code);
            }
            _ => self.reject(request, source, 405),
        }
    }

    pub(super) fn sip_response(&mut self, response: &Incoming, code: u16, source: SocketAddr) {
        if let Some(id) = self.by_call_id.get(&response.call_id).cloned() {
            if response.method == "INVITE" {
                self.progress(&id, response, code);
            }
            self.hand_to_leg(&id, response, source);
        } else if let Some(id) = self.by_tag.get(&response.from_tag).cloned() {
            self.hand_to_leg(&id, response, source);
        }
    }

    /// Whether another call would be taken: FreeSWITCH counts the one that asks.
    fn has_room(&self) -> bool {
        !self.paused_inbound && self.channels.len() + 1 < self.max_sessions
    }

    fn reject(&mut self, request: &Incoming, source: SocketAddr, code: u16) {
        let tag = self.ids.word();
        let answer = respond(request, source, code, Some(&tag));
        let answer = match code {
            503 => answer.header("Retry-After", RETRY_AFTER),
            200 => answer.header("Allow", ALLOW),
            _ => answer,
        };
        self.out.push(Action::Sip { to: request.reply_address(source), bytes: answer.end() });
    }

    fn invite(&mut self, invite: &Incoming, source: SocketAddr) {
        if !self.has_room() {
            return self.reject(invite, source, 503);
        }
        if !invite.body.is_empty() && !offers_pcmu(&invite.body) {
            return self.reject(invite, source, 488);
        }
        if let Some(cause) = self.faults.refuse.clone() {
            return self.reject(invite, source, cause::status_of(&cause));
        }
        let id = self.uuid();
        self.sessions += 1;
        let record = CallRecord::new(self.sessions, invite, source, self.now);
        let (here, ids) = (self.settings.address, Ids::seeded(self.ids.number()));
        let call = Call::new(record, Behaviour::Wait, here, ids);
        self.by_tag.insert(call.tag().to_owned(), id.clone());
        self.by_transaction.insert(invite.transaction.clone(), id.clone());
        self.legs.insert(id.clone(), Leg::In(Box::new(call)));
        self.with_call(&id, |call, now, out| call.begin(now, out));
        let channel = self.channel_of(&id, invite, source);
        self.channels.insert(id.clone(), channel);
        self.peak = self.peak.max(self.channels.len());
        self.tell_of("CHANNEL_CREATE", &id, &[]);
        self.dialplan(&id);
    }

    /// What our dialplan does with every call.
    fn dialplan(&mut self, id: &str) {
        let timeout =
            format!("park_timeout={}:NORMAL_TEMPORARY_FAILURE", self.settings.take_within.as_secs());
        let Some(channel) = self.channels.get_mut(id) else { return };
        (channel.running, channel.state, channel.call_state) = (State::Execute, State::Execute, "RINGING");
        let (set, park) = (self.uuid(), self.uuid());
        self.begin_application(id, "set", &timeout, &set);
        if let (Some(channel), Some((name, value))) = (self.channels.get_mut(id), timeout.split_once('=')) {
            channel.set(name, value);
        }
        self.end_application(id, "set", &timeout, &set, None);
        self.begin_application(id, "park", "", &park);
        self.enter_park(id, Parked { application: Some(park), until: None });
    }

    fn channel_of(&mut self, id: &str, invite: &Incoming, source: SocketAddr) -> Channel {
        let part = |name: sip::Name| {
            let field = invite.raw_first(name);
            let uri = sip::NameAddr::parse(&field).ok().and_then(|parsed| parsed.uri().ok());
            let user =
                uri.as_ref().and_then(|uri| uri.user).map(|user| String::from_utf8_lossy(user).into_owned());
            (user.unwrap_or_default(), String::from_utf8_lossy(&field).into_owned())
        };
        let ((from_user, full_from), (to_user, full_to)) = (part(sip::Name::From), part(sip::Name::To));
        let request_uri = match &invite.start {
            Start::Request(uri) => uri.trim_start_matches("sip:").to_owned(),
            Start::Response(_) => String::new(),
        };
        let profile = self.settings.profile.clone();
        let name = format!("sofia/{profile}/{from_user}@{source}");
        let mut channel = Channel::new(id.to_owned(), Direction::Inbound, name.clone(), self.now);
        channel.caller.clone_from(&from_user);
        channel.destination = invite.user();
        channel.network = Some(source);
        channel.times.created = self.clock.micros(self.now);
        let here = self.settings.address;
        for (name, value) in [
            ("direction", "inbound".to_owned()),
            ("uuid", id.to_owned()),
            ("session_id", self.sessions.to_string()),
            ("sip_from_user", from_user),
            ("sip_from_tag", invite.from_tag.clone()),
            ("channel_name", name),
            ("sip_call_id", invite.call_id.clone()),
            ("sip_local_network_addr", here.ip().to_string()),
            ("sip_network_ip", source.ip().to_string()),
            ("sip_network_port", source.port().to_string()),
            ("sip_received_ip", source.ip().to_string()),
            ("sip_received_port", source.port().to_string()),
            ("sip_via_protocol", "udp".to_owned()),
            ("sofia_profile_name", profile.clone()),
            ("recovery_profile_name", profile),
            ("sofia_profile_url", format!("sip:mod_sofia@{here}")),
            ("sip_full_from", full_from),
            ("sip_full_to", full_to),
            ("sip_req_user", invite.user()),
            ("sip_req_uri", request_uri),
            ("sip_to_user", to_user),
            (
                "sip_contact_uri",
                invite.contact.clone().unwrap_or_default().trim_start_matches("sip:").to_owned(),
            ),
            ("switch_r_sdp", String::from_utf8_lossy(&invite.body).into_owned()),
            ("read_codec", "PCMU".to_owned()),
            ("write_codec", "PCMU".to_owned()),
            ("dtmf_type", "rfc2833".to_owned()),
            ("endpoint_disposition", "RECEIVED".to_owned()),
            ("call_uuid", id.to_owned()),
        ] {
            channel.set(name, &value);
        }
        for (name, value) in custom_headers(&invite.bytes) {
            channel.set(&format!("sip_h_{name}"), &value);
        }
        channel
    }

    /// Hands a message to its leg, and looks what came of it.
    fn hand_to_leg(&mut self, id: &str, message: &Incoming, source: SocketAddr) {
        match self.legs.get_mut(id) {
            Some(Leg::In(_)) if matches!(message.start, Start::Response(_)) => {
                self.with_call(id, |call, now, out| call.response(message, now, out));
            }
            Some(Leg::In(_)) => self.with_call(id, |call, now, out| call.request(message, source, now, out)),
            Some(Leg::Out(uac)) => {
                let actions = uac.receive(message, source, self.now);
                self.perform(id, actions);
            }
            None => {}
        }
        self.look_at(id);
    }

    pub(super) fn leg_timeout(&mut self, id: &str) {
        match self.legs.get_mut(id) {
            Some(Leg::In(_)) => self.with_call(id, |call, now, out| call.timeout(now, out)),
            Some(Leg::Out(uac)) => {
                let actions = uac.timeout(self.now);
                self.perform(id, actions);
            }
            None => return,
        }
        self.look_at(id);
        if let Some(Leg::In(call)) = self.legs.get(id)
            && call.is_forgotten(self.now)
        {
            self.by_tag.remove(call.tag());
            self.by_transaction.remove(&call.record.invite.transaction);
            self.legs.remove(id);
        }
    }

    /// Lets a leg that came do something.
    pub(super) fn with_call(
        &mut self,
        id: &str,
        act: impl FnOnce(&mut Call, Instant, &mut Vec<machine::Action>),
    ) {
        let Some(Leg::In(call)) = self.legs.get_mut(id) else { return };
        let mut out = Vec::new();
        act(call, self.now, &mut out);
        for action in out {
            match action {
                machine::Action::Send { to, bytes } => self.out.push(Action::Sip { to, bytes }),
                machine::Action::RedirectAudio { peer, .. } => self.direct(id, peer),
                machine::Action::OpenAudio { .. } | machine::Action::CloseAudio { .. } => {}
            }
        }
    }

    /// Does what an originated leg wants done.
    pub(super) fn perform(&mut self, id: &str, actions: Vec<phone::Action>) {
        for action in actions {
            match action {
                phone::Action::Send { to, bytes } => self.out.push(Action::Sip { to, bytes }),
                phone::Action::Play { peer } => self.direct(id, peer),
                phone::Action::Press { .. } | phone::Action::Speak { .. } | phone::Action::Stop => {}
            }
        }
    }

    fn direct(&mut self, id: &str, peer: SocketAddr) {
        if let Some(media) = self.channels.get_mut(id).and_then(|channel| channel.media.as_mut()) {
            media.peer = Some(peer);
        }
    }

    /// Whether the other end has ended the call.
    fn look_at(&mut self, id: &str) {
        if self.channels.get(id).is_none_or(Channel::is_hung_up) {
            return;
        }
        if let Some(Leg::In(call)) = self.legs.get(id) {
            let refer = [
                ("sip_refer_status_code", call.referred.0),
                ("sip_refer_target_status_code", call.referred.1),
            ];
            self.referred(id, refer);
        }
        let Some(channel) = self.channels.get(id) else { return };
        let (by, failed) = match self.legs.get(id) {
            Some(Leg::In(call)) => {
                (call.record.hung_up_by == Some(Side::Caller), call.record.failure.is_some())
            }
            Some(Leg::Out(uac)) => {
                (uac.report().hung_up_by == Some(Side::Callee), uac.report().failure.is_some())
            }
            None => return,
        };
        match (by, channel.is_answered()) {
            (true, true) => self.end(id, "NORMAL_CLEARING", By::Bye),
            (true, false) => self.end(id, "ORIGINATOR_CANCEL", By::Cancel),
            (false, _) if failed => self.end(id, "RECOVERY_ON_TIMER_EXPIRE", By::Refusal(408)),
            (false, _) => {}
        }
    }

    /// A media port for a channel is open, or there is none.
    pub fn media_opened(&mut self, id: &str, opened: Result<SocketAddr, String>, now: Instant) {
        self.now = now;
        let Some(direction) = self.channels.get(id).map(|channel| channel.direction) else {
            self.out.push(Action::CloseMedia { channel: id.to_owned() });
            return;
        };
        let Ok(local) = opened else { return self.hang_up(id, "NORMAL_TEMPORARY_FAILURE") };
        let ssrc = self.ids.number() as u32;
        let Some(channel) = self.channels.get_mut(id) else { return };
        channel.media = Some(super::media::Media::new(ssrc));
        channel.set("local_media_ip", &local.ip().to_string());
        channel.set("local_media_port", &local.port().to_string());
        if direction == Direction::Outbound {
            return self.call_out(id, local);
        }
        let headers = rh_headers(channel);
        let mut peer = None;
        self.with_call(id, |call, now, out| {
            call.headers = headers;
            peer = sdp::audio_address(&call.record.invite.body);
            call.audio_opened(local, now, out);
        });
        if let Some(peer) = peer {
            self.direct(id, peer);
        }
        self.answered(id);
        self.finish_task(id, None);
        // The loop goes on at once.
        self.run_messages(id);
        self.change_state(id);
    }
}

/// `sip_rh_*`: header fields of the final answer.
pub(super) fn rh_headers(channel: &Channel) -> Vec<(String, String)> {
    let own = |(name, value): &(String, String)| {
        name.strip_prefix("sip_rh_").map(|name| (name.to_owned(), value.replace(['\r', '\n'], " ")))
    };
    channel.variables.iter().filter_map(own).collect()
}

fn offers_pcmu(body: &[u8]) -> bool {
    let text = String::from_utf8_lossy(body);
    let formats = text.lines().find_map(|line| line.strip_prefix("m=audio "));
    formats.is_some_and(|formats| formats.split_whitespace().skip(2).any(|format| format == "0"))
}

/// Header fields that begin with `X-`.
fn custom_headers(message: &[u8]) -> Vec<(String, String)> {
    let text = String::from_utf8_lossy(message);
    let head = text.split("\r\n\r\n").next().unwrap_or_default();
    let fields = head.lines().filter_map(|line| line.split_once(':'));
    let fields =
        fields.filter(|(name, _)| name.get(..2).is_some_and(|start| start.eq_ignore_ascii_case("X-")));
    fields.map(|(name, value)| (name.trim().to_owned(), value.trim().to_owned())).collect()
}

/// Where a dial string's call goes: the Request-URI without its scheme, and the address of the next hop.
pub(super) fn next_hop(target: &str) -> Option<(String, SocketAddr)> {
    let (uri, path) = match target.split_once(";fs_path=") {
        Some((uri, path)) => (uri, Some(path)),
        None => (target, None),
    };
    let hop = path.map_or_else(|| format!("sip:{uri}"), |path| path.replace("%3A", ":").replace("%3B", ";"));
    let hop = hop.trim_start_matches('<').trim_end_matches('>');
    let hop = if hop.starts_with("sip:") { hop.to_owned() } else { format!("sip:{hop}") };
    Some((uri.to_owned(), address_of(hop.as_bytes()).ok()?))
}

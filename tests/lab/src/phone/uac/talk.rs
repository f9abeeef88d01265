//! An answered call: the script's steps, and requests within the dialog, ours and the other end's.

use std::net::SocketAddr;
use std::time::Instant;

use super::{Listening, Pending, State, Uac};
use crate::phone::{Action, Step};
use crate::signalling::compose::reason;
use crate::signalling::respond::{respond, respond_in_dialog};
use crate::signalling::{Incoming, Resend, SDP, Side, sdp};

impl Uac {
    /// Whether the script waits for sound or silence: [`Uac::hear`] tells of it.
    pub fn is_listening(&self) -> bool {
        self.listening.is_some()
    }

    /// Takes in when there was sound last.
    pub fn hear(&mut self, last: Option<Instant>, now: Instant) -> Vec<Action> {
        let Some(Listening { since, until, silence }) = self.listening else { return Vec::new() };
        let done = match silence {
            None => last.is_some_and(|last| last > since),
            Some(silence) => now >= last.map_or(since, |last| last.max(since)) + silence,
        };
        if done {
            self.listening = None;
            self.step_done(now);
            self.go_on(now);
        } else if now >= until {
            self.listening = None;
            self.report.failure = Some(match silence {
                None => "expected to hear something, and heard nothing".to_owned(),
                Some(_) => "expected an end of the sound, and heard none".to_owned(),
            });
            self.hang_up(now);
        }
        self.take_actions()
    }

    fn step_done(&mut self, now: Instant) {
        self.report.steps.push(now.saturating_duration_since(self.started));
    }

    /// Does the script's next steps, up to one that takes time.
    pub(super) fn go_on(&mut self, now: Instant) {
        if self.wake.take().is_some() {
            self.step_done(now);
        }
        if self.report.hung_up_by == Some(Side::Caller) && self.state == State::Talking {
            // RFC 3261 9.1: the answer was faster than our CANCEL.
            return self.hang_up(now);
        }
        while self.state == State::Talking {
            match self.script.pop_front() {
                Some(Step::Wait(time)) => {
                    self.wake = Some(now + time);
                    return;
                }
                Some(Step::AwaitSound(longest)) => {
                    self.listening = Some(Listening { since: now, until: now + longest, silence: None });
                    return;
                }
                Some(Step::AwaitSilence(time)) => {
                    let until = now + time + Step::LONGEST_SOUND;
                    self.listening = Some(Listening { since: now, until, silence: Some(time) });
                    return;
                }
                Some(Step::Speak(source)) => {
                    self.out.push(Action::Speak { source });
                    self.step_done(now);
                }
                Some(Step::Press(digits)) => {
                    self.out.push(Action::Press { digits });
                    self.step_done(now);
                }
                Some(Step::Request(method)) => return self.dialog_request(&method, now),
                Some(Step::HangUp) => return self.hang_up(now),
                None => return,
            }
        }
    }

    /// Ends the call, whatever the script says: by CANCEL if it was not answered, else by BYE.
    pub fn leave(&mut self, now: Instant) -> Vec<Action> {
        match self.state {
            // RFC 3261 9.1: a CANCEL waits for a provisional response.
            State::Calling => self.cancel_at = Some(now),
            State::Proceeding if self.report.hung_up_by.is_none() => self.send_cancel(now),
            State::Talking => self.hang_up(now),
            State::Proceeding | State::Leaving | State::Over => {}
        }
        self.take_actions()
    }

    fn hang_up(&mut self, now: Instant) {
        self.report.hung_up_by = Some(Side::Caller);
        self.state = State::Leaving;
        self.dialog_request("BYE", now);
    }

    fn dialog_request(&mut self, method: &str, now: Instant) {
        let contact = self.contact();
        let Some(dialog) = &mut self.dialog else { return };
        let (cseq, branch) = (dialog.next_cseq(), self.ids.branch());
        let draft = dialog.request(method, cseq, &branch);
        let bytes = match method {
            "INVITE" => {
                draft.header("Contact", format!("<{contact}>")).body(SDP, &sdp::describe(self.media, 1))
            }
            "UPDATE" => draft.header("Contact", format!("<{contact}>")).end(),
            _ => draft.end(),
        };
        match dialog.next_hop() {
            Ok(to) => {
                let resend = if method == "INVITE" {
                    Resend::invite(bytes.clone(), to, now)
                } else {
                    Resend::other(bytes.clone(), to, now)
                };
                self.pending = Some(Pending { branch, method: method.to_owned(), cseq, resend });
                self.send(to, bytes);
            }
            Err(error) => self.fail(format!("no way for the {method}: {error:#}"), now),
        }
    }

    /// Tells what came of a REFER (RFC 3515 2.4.5).
    fn notify(&mut self, now: Instant) {
        let (Some(code), Some(dialog)) = (self.plan.referred, &mut self.dialog) else { return };
        let (cseq, branch) = (dialog.next_cseq(), self.ids.branch());
        let bytes = dialog
            .request("NOTIFY", cseq, &branch)
            .header("Event", "refer")
            .header("Subscription-State", "terminated;reason=noresource")
            .body("message/sipfrag;version=2.0", &format!("SIP/2.0 {code} {}\r\n", reason(code)));
        if let Ok(to) = dialog.next_hop() {
            let resend = Resend::other(bytes.clone(), to, now);
            self.pending = Some(Pending { branch, method: "NOTIFY".to_owned(), cseq, resend });
            self.send(to, bytes);
        }
    }

    pub(super) fn pending_response(&mut self, response: &Incoming, code: u16, now: Instant) {
        let key = (response.cseq, response.to_tag.clone().unwrap_or_default());
        if let Some((to, ack)) = self.acks.get(&key).filter(|_| response.method == "INVITE" && code >= 200) {
            let (to, ack) = (*to, ack.clone());
            self.report.repeated += 1;
            return self.send(to, ack);
        }
        let matching = |pending: &&mut Pending| {
            (pending.cseq, &pending.method, &pending.branch)
                == (response.cseq, &response.method, &response.branch)
        };
        let Some(pending) = self.pending.as_mut().filter(matching) else {
            self.report.repeated += 1;
            return;
        };
        if code < 200 {
            pending.resend.slow_down();
            return;
        }
        let Some(pending) = self.pending.take() else { return };
        if pending.method == "NOTIFY" {
            // It is no step of the script.
            return;
        }
        self.step_done(now);
        match pending.method.as_str() {
            "BYE" => {
                self.report.bye_status = Some(code);
                return self.end(now);
            }
            "INVITE" => self.reinvite_answered(response, code, &pending, now),
            _ => {}
        }
        if code >= 300 {
            self.report.failure = Some(format!("{code} to the {}", pending.method));
        }
        self.go_on(now);
    }

    fn reinvite_answered(&mut self, response: &Incoming, code: u16, pending: &Pending, now: Instant) {
        let Some(dialog) = &mut self.dialog else { return };
        // RFC 3261 17.1.1.3: only the ACK of a refusal shares its INVITE's branch.
        let branch = if code < 300 { self.ids.branch() } else { pending.branch.clone() };
        if code < 300 {
            dialog.refresh(response.contact.as_deref());
        }
        let ack = dialog.request("ACK", pending.cseq, &branch).end();
        match dialog.next_hop() {
            Ok(to) => self.acknowledge(response, to, ack),
            Err(error) => self.fail(format!("no way for the ACK: {error:#}"), now),
        }
        if let Some(peer) = sdp::audio_address(&response.body) {
            self.out.push(Action::Play { peer });
        }
    }

    pub(super) fn request(&mut self, request: &Incoming, source: SocketAddr, now: Instant) {
        let key = format!("{} {}", request.method, request.transaction);
        let to = request.reply_address(source);
        if let Some(answer) = self.answers.get(&key).cloned() {
            self.report.repeated += 1;
            return self.send(to, answer);
        }
        self.report.requests.push(request.method.clone());
        let known = self.dialog.is_some() && request.to_tag.as_ref() == Some(&self.tag);
        let code = match (request.method.as_str(), known) {
            ("ACK", _) => return,
            (_, false) => 481,
            ("REFER", true) if self.plan.referred.is_some() => 202,
            ("BYE" | "INVITE" | "UPDATE" | "INFO" | "OPTIONS" | "PRACK" | "MESSAGE" | "NOTIFY", true) => 200,
            _ => 405,
        };
        let answer = if code == 200 && request.method == "INVITE" {
            respond_in_dialog(request, source, code, &self.tag, &self.contact())
                .body(SDP, &sdp::describe(self.media, 1))
        } else {
            respond(request, source, code, None).end()
        };
        self.answers.insert(key, answer.clone());
        self.send(to, answer);
        match (request.method.as_str(), code) {
            ("REFER", 202) => {
                self.report.refer_to = header(&request.bytes, "refer-to");
                self.notify(now);
            }
            ("BYE", 200) => {
                self.report.hung_up_by.get_or_insert(Side::Callee);
                self.end(now);
            }
            ("INVITE" | "UPDATE", 200) => {
                if let Some(dialog) = &mut self.dialog {
                    dialog.refresh(request.contact.as_deref());
                }
            }
            _ => {}
        }
    }
}

/// A header field's value, by its name in small letters.
fn header(message: &[u8], name: &str) -> Option<String> {
    let text = String::from_utf8_lossy(message);
    let fields = text.lines().take_while(|line| !line.is_empty()).filter_map(|line| line.split_once(':'));
    let found = fields.into_iter().find(|(found, _)| found.trim().eq_ignore_ascii_case(name));
    found.map(|(_, value)| value.trim().to_owned())
}

//! What clients of the event socket ask for (mod_event_socket's parse_command).

use std::net::IpAddr;
use std::time::Instant;

use esl::server::Sent;

use super::channel::{Asked, Message};
use super::listener::{Listener, Request};
use super::{Action, Core};

impl Core {
    /// A client has connected. `listener` is a number that no other one has had.
    pub fn connected(&mut self, listener: u64, _from: IpAddr, now: Instant) {
        self.now = now;
        if self.faults.deny {
            self.send(listener, Sent::RudeRejection);
            self.out.push(Action::Close { listener });
            return;
        }
        self.listeners.insert(listener, Listener::new(now));
        self.send(listener, Sent::AuthRequest);
    }

    /// A client has gone. Calls go on.
    pub fn disconnected(&mut self, listener: u64) {
        self.listeners.remove(&listener);
    }

    /// Takes in what a client has sent.
    pub fn received(&mut self, listener: u64, bytes: &[u8], now: Instant) {
        self.now = now;
        let due = now + self.faults.slow;
        let Some(found) = self.listeners.get_mut(&listener) else { return };
        if !found.push(bytes, due) {
            return self.close(listener, true);
        }
        self.serve(listener);
    }

    /// Does what is due of a client's requests.
    pub(super) fn serve(&mut self, id: u64) {
        while let Some(listener) = self.listeners.get_mut(&id).filter(|listener| !listener.blocked) {
            if listener.requests.front().is_none_or(|request| request.due > self.now) {
                return;
            }
            let Some(request) = listener.requests.pop_front() else { return };
            if listener.authenticated {
                self.command(id, &request);
            } else {
                self.login(id, &request);
            }
            self.flush_events();
        }
    }

    pub(super) fn listener_timeouts(&mut self) {
        let late = |listener: &Listener, now| !listener.authenticated && listener.login_until <= now;
        let ids: Vec<u64> = self.listeners.keys().copied().collect();
        for id in ids {
            if self.listeners.get(&id).is_some_and(|listener| late(listener, self.now)) {
                self.close(id, true);
            } else {
                self.serve(id);
            }
        }
    }

    /// Ends all connections, with or without a word.
    pub fn close_listeners(&mut self, goodbye: bool) {
        let ids: Vec<u64> = self.listeners.keys().copied().collect();
        ids.into_iter().for_each(|id| self.close(id, goodbye));
    }

    fn close(&mut self, listener: u64, goodbye: bool) {
        if goodbye {
            self.send(listener, Sent::Disconnect);
        }
        self.listeners.remove(&listener);
        self.out.push(Action::Close { listener });
    }

    fn send(&mut self, listener: u64, frame: Sent<'_>) {
        self.out.push(Action::Reply { listener, bytes: frame.to_bytes() });
    }

    fn reply(&mut self, listener: u64, text: &str) {
        self.send(listener, Sent::CommandReply(text));
    }

    fn login(&mut self, id: u64, request: &Request) {
        match request.verb.as_str() {
            "auth" if request.arguments == self.settings.password => {
                if let Some(listener) = self.listeners.get_mut(&id) {
                    listener.authenticated = true;
                }
                self.reply(id, "+OK accepted");
            }
            "auth" => {
                self.reply(id, "-ERR invalid");
                self.close(id, true);
            }
            "exit" => self.exit(id),
            _ => self.reply(id, "-ERR command not found"),
        }
    }

    fn exit(&mut self, id: u64) {
        self.reply(id, "+OK bye");
        self.close(id, true);
    }

    fn command(&mut self, id: u64, request: &Request) {
        let arguments = request.arguments.as_str();
        match request.verb.as_str() {
            "api" => self.api_command(id, arguments),
            "bgapi" => self.bgapi_command(id, arguments, request.header("Job-UUID")),
            "sendmsg" => {
                let answer = self.sendmsg(arguments, request);
                self.reply(id, &answer);
            }
            "exit" => self.exit(id),
            "linger" | "nolinger" => self.reply(id, "-ERR not controlling a session"),
            verb => {
                let Some(listener) = self.listeners.get_mut(&id) else { return };
                let answer = match verb {
                    "event" => listener.subscribe(arguments),
                    "nixevent" => listener.unsubscribe(arguments),
                    "noevents" => listener.silence(),
                    "filter" => listener.filter(arguments),
                    _ => "-ERR command not found".to_owned(),
                };
                self.reply(id, &answer);
            }
        }
    }

    fn api_command(&mut self, id: u64, arguments: &str) {
        let (function, rest) = arguments.split_once(' ').unwrap_or((arguments, ""));
        if function == "originate" {
            if let Some(listener) = self.listeners.get_mut(&id) {
                listener.blocked = true;
            }
            return self.originate(rest, Asked::Api { listener: id });
        }
        let printed = self.api(function, rest.trim());
        self.send(id, Sent::ApiResponse(&printed));
    }

    fn bgapi_command(&mut self, id: u64, arguments: &str, job: Option<&str>) {
        let uuid = job.map_or_else(|| self.uuid(), str::to_owned);
        self.send(id, Sent::JobReply(&uuid));
        let (function, rest) = arguments.split_once(' ').unwrap_or((arguments, ""));
        if function == "originate" {
            return self.originate(rest, Asked::Job { uuid, arguments: rest.to_owned() });
        }
        let printed = self.api(function, rest.trim());
        self.tell_job(&uuid, function, rest, &printed);
    }

    /// Tells whoever asked for an originate what came of it.
    pub(super) fn job_done(&mut self, asked: &Asked, printed: &str) {
        match asked {
            Asked::Job { uuid, arguments } => self.tell_job(uuid, "originate", arguments, printed),
            Asked::Api { listener } => {
                if let Some(found) = self.listeners.get_mut(listener) {
                    found.blocked = false;
                    self.send(*listener, Sent::ApiResponse(printed));
                }
            }
        }
    }

    fn tell_job(&mut self, uuid: &str, function: &str, arguments: &str, printed: &str) {
        let extra = [("Job-UUID", uuid), ("Job-Command", function), ("Job-Command-Arg", arguments)];
        let used = if arguments.is_empty() { 2 } else { 3 };
        self.sequence += 1;
        self.tell("BACKGROUND_JOB", extra.get(..used).unwrap_or_default(), Some(printed));
    }

    fn sendmsg(&mut self, id: &str, request: &Request) -> String {
        let fresh = self.uuid();
        let Some(channel) = self.channels.get_mut(id).filter(|channel| !channel.is_hung_up()) else {
            return format!("-ERR invalid session id [{id}]");
        };
        let text = |name| request.header(name).unwrap_or_default().to_owned();
        let message = match request.header("call-command") {
            Some("execute") => {
                let body = Some(text("execute-app-arg")).filter(|argument| !argument.is_empty());
                Message::Execute {
                    application: text("execute-app-name"),
                    argument: body.unwrap_or_else(|| request.body.clone()),
                    uuid: request.header("Event-UUID").map_or(fresh, str::to_owned),
                    loops: request.header("loops").and_then(|loops| loops.parse().ok()).unwrap_or(1),
                }
            }
            Some("hangup") => Message::Hangup { cause: text("hangup-cause") },
            // FreeSWITCH says so, too, and does nothing.
            _ => return "+OK".to_owned(),
        };
        let plays = matches!(&message, Message::Execute { application, .. } if application == "playback");
        if let Some(played) = channel.played.take_if(|_| plays)
            && self.settings.records
        {
            self.gaps.push(self.now.saturating_duration_since(played));
        }
        channel.messages.push_back(message);
        "+OK".to_owned()
    }
}

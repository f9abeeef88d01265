//! What a channel executes (mod_dptools).

use std::time::{Duration, Instant};

use super::channel::{Message, Running, Task};
use super::sound::Sound;
use super::{Action, Core, cause};

/// Milliseconds that `sleep` lasts at most: a day.
const LONGEST_SLEEP: u64 = 24 * 3600 * 1000;

/// Messages that a channel takes in one turn: what is executed for ever is not to stop all others.
const MOST_MESSAGES: usize = 100;

/// The applications that there are.
const KNOWN: [&str; 18] = [
    "answer",
    "playback",
    "sleep",
    "set",
    "export",
    "unset",
    "multiset",
    "send_dtmf",
    "hangup",
    "park",
    "conference",
    "deflect",
    "ring_ready",
    "start_dtmf",
    "stop_dtmf",
    "spandsp_start_dtmf",
    "spandsp_stop_dtmf",
    "log",
];

impl Core {
    /// Takes the messages in their order, up to one that takes time.
    pub(super) fn run_messages(&mut self, id: &str) {
        for _ in 0..MOST_MESSAGES {
            let Some(channel) = self.channels.get_mut(id) else { return };
            let ready =
                channel.parked.is_some() && !channel.stuck && channel.task.is_none() && !channel.is_hung_up();
            if !ready {
                return;
            }
            let Some(message) = channel.messages.pop_front() else { return };
            match message {
                Message::Hangup { cause } => self.hang_up(id, cause::known(&cause)),
                // FreeSWITCH: "Invalid Application". No event tells of it.
                Message::Execute { application, .. } if !KNOWN.contains(&application.as_str()) => {
                    self.hang_up(id, "DESTINATION_OUT_OF_ORDER");
                }
                Message::Execute { application, argument, uuid, loops } => {
                    self.begin_application(id, &application, &argument, &uuid);
                    self.execute(
                        id,
                        Task { running: Running::Answer, application, argument, uuid, loops, told: true },
                    );
                }
            }
        }
    }

    /// Tells that an application begins.
    pub(super) fn begin_application(&mut self, id: &str, application: &str, argument: &str, uuid: &str) {
        let Some(channel) = self.channels.get_mut(id) else { return };
        channel.set("current_application_data", argument);
        channel.set("current_application", application);
        channel.set("current_application_response", "");
        let mut extra = vec![("Application", application)];
        if !argument.is_empty() {
            extra.push(("Application-Data", argument));
        }
        extra.push(("Application-UUID", uuid));
        self.tell_of("CHANNEL_EXECUTE", id, &extra);
    }

    /// Tells that it is over.
    pub(super) fn end_application(
        &mut self,
        id: &str,
        application: &str,
        argument: &str,
        uuid: &str,
        response: Option<&str>,
    ) {
        let Some(channel) = self.channels.get_mut(id) else { return };
        if let Some(response) = response {
            channel.set("current_application_response", response);
        }
        let mut extra = vec![("Application", application)];
        if !argument.is_empty() {
            extra.push(("Application-Data", argument));
        }
        extra.push(("Application-Response", response.unwrap_or("_none_")));
        extra.push(("Application-UUID", uuid));
        self.tell_of("CHANNEL_EXECUTE_COMPLETE", id, &extra);
        if let Some(channel) = self.channels.get_mut(id).filter(|_| application == "playback") {
            channel.played = Some(self.now);
        }
    }

    fn execute(&mut self, id: &str, mut task: Task) {
        let now = self.now;
        let Some(channel) = self.channels.get_mut(id) else { return };
        let argument = task.argument.clone();
        match task.application.as_str() {
            "answer" if channel.is_answered() => {}
            "answer" => {
                channel.task = Some(task);
                self.out.push(Action::OpenMedia { channel: id.to_owned() });
                return;
            }
            "playback" => return self.playback(id, task),
            "sleep" => {
                let millis = argument.trim().parse().unwrap_or(0).min(LONGEST_SLEEP);
                task.running = Running::Sleep { until: now + Duration::from_millis(millis) };
                channel.task = Some(task);
                return;
            }
            "set" | "export" | "unset" | "multiset" => {
                for pair in argument.split('\n') {
                    let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
                    channel.set(name.trim(), value);
                }
            }
            "send_dtmf" => {
                let digits = argument.split('@').next().unwrap_or_default();
                // FreeSWITCH: "Attempt to send very large dtmf string ignored!"
                if argument.len() <= 99
                    && let Some(media) = &mut channel.media
                {
                    media.keypad.press(digits);
                }
            }
            "conference" => return self.enter_conference(id, task),
            "deflect" => self.refer(id, &argument),
            "ring_ready" if channel.is_answered() => {}
            "ring_ready" => self.with_call(id, |call, _, out| call.ring(out)),
            "hangup" => self.hang_up(id, cause::known(&argument)),
            "park" | "start_dtmf" | "stop_dtmf" | "spandsp_start_dtmf" | "spandsp_stop_dtmf" | "log"
            | "noop" => {}
            // FreeSWITCH: "Invalid Application".
            _ => self.hang_up(id, "DESTINATION_OUT_OF_ORDER"),
        }
        self.complete(id, &task, None);
    }

    fn playback(&mut self, id: &str, mut task: Task) {
        let path = task.argument.clone();
        let Some(channel) = self.channels.get_mut(id) else { return };
        if let Some(sound) = Sound::stream(&path) {
            task.running = Running::Playback { sound, samples: 0 };
            channel.task = Some(task);
            return self.tell_playback("PLAYBACK_START", id, None);
        }
        // As FreeSWITCH: the name says which module reads it.
        if ![".wav", ".mp3"].iter().any(|kind| path.to_ascii_lowercase().ends_with(kind)) {
            return self.complete(id, &task, Some("FILE NOT FOUND"));
        }
        task.running = Running::Read;
        channel.task = Some(task);
        self.out.push(Action::ReadFile { channel: id.to_owned(), path });
    }

    /// The file that a channel is to play, if it is there.
    pub fn file_read(&mut self, id: &str, file: Option<&[u8]>, now: Instant) {
        self.now = now;
        let Some(channel) = self.channels.get_mut(id) else { return };
        let Some(task) = channel.task.as_mut().filter(|task| matches!(task.running, Running::Read)) else {
            return;
        };
        match file.and_then(Sound::file) {
            Some(sound) => {
                task.running = Running::Playback { sound, samples: 0 };
                self.tell_playback("PLAYBACK_START", id, None);
            }
            None => self.finish_task(id, Some("FILE NOT FOUND")),
        }
    }

    fn tell_playback(&mut self, event: &str, id: &str, status: Option<&str>) {
        let Some(task) = self.channels.get(id).and_then(|channel| channel.task.as_ref()) else { return };
        let path = task.argument.clone();
        let kind = path.split_once("://").map_or("file", |(kind, _)| kind);
        let mut extra = vec![("Playback-File-Type", kind), ("Playback-File-Path", path.as_str())];
        extra.extend(status.map(|status| ("Playback-Status", status)));
        self.tell_of(event, id, &extra);
    }

    /// Ends what is played or waited for before its time.
    pub(super) fn break_off(&mut self, id: &str) {
        self.end_playback(id, "break", "FILE PLAYED");
    }

    /// Ends what a channel plays or waits for; anything else goes on.
    pub(super) fn end_playback(&mut self, id: &str, status: &str, response: &str) {
        let Some(channel) = self.channels.get_mut(id) else { return };
        match channel.task.as_ref().map(|task| &task.running) {
            Some(Running::Playback { samples, .. }) => {
                let samples = *samples;
                channel.set("playback_last_offset_pos", &samples.to_string());
                channel.set("playback_seconds", &(samples / 8000).to_string());
                channel.set("playback_ms", &(samples / 8).to_string());
                channel.set("playback_samples", &samples.to_string());
                self.tell_playback("PLAYBACK_STOP", id, Some(status));
                self.finish_task(id, Some(response));
            }
            Some(Running::Sleep { .. }) => self.finish_task(id, None),
            Some(Running::Answer | Running::Read | Running::Conference(_)) | None => {}
        }
    }

    /// The application that runs is over.
    pub(super) fn finish_task(&mut self, id: &str, response: Option<&str>) {
        let Some(task) = self.channels.get_mut(id).and_then(|channel| channel.task.take()) else { return };
        if task.told {
            self.complete(id, &task, response);
        }
    }

    /// Tells that it is over; what loops is executed again.
    fn complete(&mut self, id: &str, task: &Task, response: Option<&str>) {
        self.end_application(id, &task.application, &task.argument, &task.uuid, response);
        let left = if task.loops < 0 { task.loops } else { task.loops - 1 };
        if let Some(channel) = self.channels.get_mut(id).filter(|_| left != 0) {
            channel.messages.push_front(Message::Execute {
                application: task.application.clone(),
                argument: task.argument.clone(),
                uuid: task.uuid.clone(),
                loops: left,
            });
        }
    }
}

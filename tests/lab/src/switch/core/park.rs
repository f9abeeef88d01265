//! A channel's 20 ms: sound, messages, and changes of its state.

use super::channel::{Channel, Parked, Running, State};
use super::hangup::By;
use super::{Action, Core};
use crate::media::FRAME;

impl Core {
    /// One turn of a channel's loop (switch_ivr_park and its like).
    pub(super) fn tick(&mut self, id: &str) {
        self.frame(id);
        let Some(channel) = self.channels.get(id) else { return };
        if channel.is_hung_up() {
            return self.tear_down(id);
        }
        if channel.ring_until.is_some_and(|until| until <= self.now) {
            return self.end(id, "NO_ANSWER", By::Timeout);
        }
        self.run_messages(id);
        self.change_state(id);
        self.park_end(id);
    }

    /// 20 ms of sound in both directions.
    fn frame(&mut self, id: &str) {
        let mixed = self.confer(id);
        let Some(channel) = self.channels.get_mut(id) else { return };
        let mut over = false;
        let mut sound = mixed.unwrap_or([0; FRAME]);
        match channel.task.as_mut().map(|task| &mut task.running) {
            Some(Running::Playback { sound: playing, samples }) => match playing.frame() {
                Some((frame, own)) => {
                    sound = frame;
                    *samples += own as u64;
                }
                None => over = true,
            },
            Some(Running::Sleep { until }) => over = *until <= self.now,
            Some(Running::Answer | Running::Read | Running::Conference(_)) | None => {}
        }
        let recorded = self.exchange(id, sound);
        if let Some((heard, said)) = recorded {
            self.record_frame(id, &heard, &said);
        }
        let hung_up = self.channels.get(id).is_some_and(Channel::is_hung_up);
        if over && !hung_up {
            self.end_playback(id, "done", "FILE PLAYED");
        }
    }

    /// Sends a frame, unless another leg's packets go out; what to record, if anything is to be.
    fn exchange(&mut self, id: &str, sound: [i16; FRAME]) -> Option<([i16; FRAME], [i16; FRAME])> {
        let channel =
            self.channels.get_mut(id).filter(|channel| channel.is_answered() && !channel.is_hung_up())?;
        let (bridged, records) = (channel.bridged, !channel.recorders.is_empty());
        let media = channel.media.as_mut()?;
        if !bridged
            && self.settings.sound
            && let Some(to) = media.peer
        {
            let bytes = media.packet(&sound);
            self.out.push(Action::Rtp { channel: id.to_owned(), to, bytes });
        }
        records.then(|| (media.take_heard(), if bridged { media.take_said() } else { sound }))
    }

    /// Waits for whoever takes the call. park_timeout is used up.
    pub(super) fn enter_park(&mut self, id: &str, mut parked: Parked) {
        let now = self.clock.seconds(self.now);
        let Some(channel) = self.channels.get_mut(id) else { return };
        if let Some(timeout) = channel.get("park_timeout").map(str::to_owned) {
            channel.set("park_timeout", "");
            let (seconds, cause) = timeout.split_once(':').unwrap_or((&timeout, "NORMAL_CLEARING"));
            // Counted by the clock's whole seconds.
            parked.until =
                seconds.parse().ok().map(|seconds: u64| (now.saturating_add(seconds), cause.to_owned()));
        }
        channel.parked = Some(parked);
        self.tell_of("CHANNEL_PARK", id, &[]);
    }

    pub(super) fn leave_park(&mut self, id: &str) {
        let Some(parked) = self.channels.get_mut(id).and_then(|channel| channel.parked.take()) else {
            return;
        };
        self.tell_of("CHANNEL_UNPARK", id, &[]);
        if let Some(uuid) = parked.application {
            self.end_application(id, "park", "", &uuid, None);
        }
    }

    pub(super) fn change_state(&mut self, id: &str) {
        let Some(channel) = self.channels.get_mut(id).filter(|channel| !channel.is_hung_up()) else { return };
        if channel.state == State::Hibernate {
            if channel.leads && !channel.bridged {
                self.begin_bridge(id);
            }
            return;
        }
        // `answer` keeps the loop busy; what plays ends when the channel is to go elsewhere.
        let busy =
            channel.task.as_ref().is_some_and(|task| matches!(task.running, Running::Answer | Running::Read));
        if busy || channel.moved.take_if(|at| *at <= self.now).is_none() {
            return;
        }
        let running = channel.running;
        match running {
            // switch_ivr_play_file fails as soon as the channel's state is another.
            State::Execute => self.end_playback(id, "break", "PLAYBACK ERROR"),
            _ => self.break_off(id),
        }
        match running {
            State::Execute => {
                self.leave_park(id);
                self.park_again(id);
            }
            // FreeSWITCH leaves the loop, finds the state unchanged, and does nothing any more.
            State::Park => {
                if let Some(channel) = self.channels.get_mut(id) {
                    channel.stuck = true;
                }
                self.leave_park(id);
            }
            State::SoftExecute | State::ExchangeMedia => self.leave_bridge(id),
            _ => {}
        }
    }

    /// Parks a channel that comes from somewhere else.
    pub(super) fn park_again(&mut self, id: &str) {
        let Some(channel) = self.channels.get_mut(id) else { return };
        (channel.running, channel.state) = (State::Park, State::Park);
        self.enter_park(id, Parked::default());
    }

    /// Nobody took it.
    fn park_end(&mut self, id: &str) {
        let now = self.clock.seconds(self.now);
        let Some(channel) = self.channels.get(id).filter(|channel| !channel.is_hung_up()) else { return };
        let until = channel.parked.as_ref().and_then(|parked| parked.until.as_ref());
        if let Some(cause) = until.filter(|(at, _)| *at <= now).map(|(_, cause)| cause.clone()) {
            self.hang_up(id, super::cause::known(&cause));
            self.tear_down(id);
        }
    }
}

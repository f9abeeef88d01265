//! `uuid_record`: what a channel hears and says, into a WAV file.

use super::channel::Channel;
use super::{Action, Core};
use crate::media::FRAME;
use crate::media::wav;

/// A recording is at most so long: an hour.
const MOST_FRAMES: u64 = 50 * 3600;

/// Why a recording is over.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Over {
    /// Silence, or the call ended: FreeSWITCH says the same of both.
    Silence,
    /// The longest time, or a command: the same again.
    MaxTime,
}

#[derive(Debug)]
pub(super) struct Recorder {
    pub(super) path: String,
    samples: Vec<i16>,
    frames: u64,
    /// RECORD_START was told.
    begun: bool,
    stereo: bool,
    most_frames: u64,
    threshold: i32,
    initial_ms: u64,
    final_ms: u64,
    spoken: bool,
    silent_ms: u64,
}

impl Recorder {
    /// `seconds` are the clock's, of which the first began so many microseconds ago.
    fn new(path: &str, seconds: u64, begun_micros: u64, channel: &Channel) -> Self {
        let number = |name: &str| channel.get(name).and_then(|value| value.parse::<u64>().ok()).unwrap_or(0);
        let threshold = number("RECORD_SILENCE_THRESHOLD");
        Recorder {
            path: path.to_owned(),
            samples: Vec::new(),
            frames: 0,
            begun: false,
            stereo: channel.is_true("RECORD_STEREO"),
            most_frames: match seconds.saturating_mul(50).min(MOST_FRAMES) {
                0 => MOST_FRAMES,
                frames => frames - begun_micros / 20_000,
            },
            threshold: if threshold == 0 { 200 } else { threshold.min(32_767) as i32 },
            initial_ms: number("RECORD_INITIAL_TIMEOUT_MS"),
            final_ms: number("RECORD_FINAL_TIMEOUT_MS"),
            spoken: false,
            silent_ms: 0,
        }
    }

    /// Takes in 20 ms of both directions.
    fn take(&mut self, heard: &[i16; FRAME], said: &[i16; FRAME]) -> Option<Over> {
        self.frames += 1;
        for (heard, said) in heard.iter().zip(said) {
            match self.stereo {
                true => self.samples.extend([*heard, *said]),
                false => self.samples.push(heard.saturating_add(*said)),
            }
        }
        let loudness: i32 = heard.iter().map(|sample| i32::from(*sample).abs()).sum::<i32>() / FRAME as i32;
        if loudness >= self.threshold {
            (self.spoken, self.silent_ms) = (true, 0);
        } else {
            self.silent_ms += 20;
        }
        let patience = if self.spoken { self.final_ms } else { self.initial_ms };
        if patience > 0 && self.silent_ms >= patience {
            return Some(Over::Silence);
        }
        (self.frames >= self.most_frames).then_some(Over::MaxTime)
    }
}

impl Core {
    /// `uuid_record`; what it prints.
    pub(super) fn record(&mut self, channel: &str, action: &str, path: &str, limit: u64) -> String {
        let done = "+OK Success\n".to_owned();
        let Some(found) = self.channels.get_mut(channel) else {
            return "-ERR Cannot locate session!\n".to_owned();
        };
        match action {
            "start" => {
                if found.recorders.iter().any(|recorder| recorder.path == path) {
                    return done;
                }
                if let (true, Some(media)) = (found.recorders.is_empty(), found.media.as_mut()) {
                    media.forget_heard();
                }
                let recorder = Recorder::new(path, limit, self.clock.micros(self.now) % 1_000_000, found);
                found.recorders.push(recorder);
                // FreeSWITCH tells nothing of a file that cannot be written.
                self.out.push(Action::WriteFile { path: path.to_owned(), bytes: Vec::new() });
                done
            }
            "stop" if path == "all" => {
                let paths: Vec<_> = found.recorders.iter().map(|recorder| recorder.path.clone()).collect();
                paths.iter().for_each(|path| self.stop_recording(channel, path, Over::MaxTime));
                done
            }
            "stop" if found.recorders.iter().any(|recorder| recorder.path == path) => {
                self.stop_recording(channel, path, Over::MaxTime);
                done
            }
            "stop" => "-ERR Cannot stop record session!\n".to_owned(),
            _ => "-USAGE: <uuid> [start|stop] [<path>|all] [<limit>]\n".to_owned(),
        }
    }

    /// 20 ms of a channel that has a recorder.
    pub(super) fn record_frame(&mut self, channel: &str, heard: &[i16; FRAME], said: &[i16; FRAME]) {
        let Some(found) = self.channels.get_mut(channel) else { return };
        let (mut begun, mut over) = (Vec::new(), Vec::new());
        for recorder in &mut found.recorders {
            if !std::mem::replace(&mut recorder.begun, true) {
                begun.push(recorder.path.clone());
            } else if let Some(why) = recorder.take(heard, said) {
                over.push((recorder.path.clone(), why));
            }
        }
        for path in begun {
            self.tell_of("RECORD_START", channel, &[("Record-File-Path", &path)]);
        }
        for (path, why) in over {
            self.stop_recording(channel, &path, why);
        }
    }

    pub(super) fn stop_recording(&mut self, channel: &str, path: &str, why: Over) {
        let Some(found) = self.channels.get_mut(channel) else { return };
        let Some(at) = found.recorders.iter().position(|recorder| recorder.path == path) else { return };
        let recorder = found.recorders.remove(at);
        let cause = if why == Over::Silence { "success-silence" } else { "success-maxtime" };
        let bytes = wav::write(&recorder.samples, if recorder.stereo { 2 } else { 1 });
        let samples = recorder.frames * FRAME as u64;
        found.set("record_file_size", &bytes.len().to_string());
        found.set("record_samples", &samples.to_string());
        found.set("record_seconds", &(samples / 8000).to_string());
        found.set("record_ms", &(samples / 8).to_string());
        found.set("record_completion_cause", cause);
        self.out.push(Action::WriteFile { path: recorder.path.clone(), bytes });
        let extra = [("Record-File-Path", path), ("Record-Completion-Cause", cause)];
        self.tell_of("RECORD_STOP", channel, &extra);
    }
}

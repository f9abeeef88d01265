//! Recordings of a call: named by the platform, begun, ended, kept.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use esl::{Api, Recording, Word};
use twiml::Method;

use super::Driver;
use crate::call::action::Whom;
use crate::call::input::{Ask, Input, Problem};
use crate::calls::Message;
use crate::platform::Begun;
use crate::switch::commands;

/// A recording.
#[derive(Debug)]
pub(super) struct Kept {
    /// What the platform knows it by, once it does.
    pub(super) begun: Option<Begun>,
    pub(super) whom: Whom,
    pub(super) most: Duration,
    pub(super) silence: Duration,
    /// It was told to stop before it began.
    pub(super) stopped: bool,
}

impl Driver {
    pub(super) fn record_stopped(&mut self, path: &Path, length: Duration, cause: Option<String>) {
        let of_path =
            |kept: &Kept| kept.begun.as_ref().is_some_and(|begun| self.live.recording(&begun.sid) == path);
        let found = self.recordings.iter().find(|(_, kept)| of_path(kept));
        match found.map(|(ask, _)| *ask) {
            Some(ask) => self.input(Input::Recorded { ask, length, cause }),
            None => self.keep_strange(path, length),
        }
    }

    /// A recording that the process before has begun: it is the platform's all the same.
    fn keep_strange(&self, path: &Path, length: Duration) {
        let sid = path.file_stem().and_then(|stem| stem.to_str()).unwrap_or_default().to_owned();
        if length.is_zero() || self.live.recording(&sid) != path {
            return;
        }
        let (live, facts) = (Arc::clone(&self.live), Arc::clone(&self.facts));
        tokio::spawn(async move {
            let (path, begun) = (live.recording(&sid), Begun { sid, url: None });
            if let Err(Problem(why)) = live.platform.keep_recording(&facts, &begun, &path).await {
                tracing::warn!(call = facts.call_sid, why, "a recording of before is not kept");
            }
        });
    }

    pub(super) fn name_recording(&mut self, ask: Ask, callback: Option<(String, Method)>, kept: Kept) {
        self.recordings.insert(ask, kept);
        let (live, facts, queue) = (Arc::clone(&self.live), Arc::clone(&self.facts), Arc::clone(&self.queue));
        tokio::spawn(async move {
            let named = live.platform.begin_recording(&facts, callback).await;
            queue.push(Message::Recording(ask, named));
        });
    }

    /// The platform knows of a recording: it begins.
    pub(super) async fn record(&mut self, ask: Ask, named: Result<Begun, Problem>) {
        let none =
            |cause: &str| Input::Recorded { ask, length: Duration::ZERO, cause: Some(cause.to_owned()) };
        let (channel, gone) = (self.channel.clone(), self.gone);
        let Some(kept) = self.recordings.get_mut(&ask) else { return };
        let begun = match named {
            Ok(begun) => begun,
            Err(Problem(why)) => {
                tracing::warn!(call = self.facts.call_sid, why, "the platform takes no recording");
                return self.input(none("refused"));
            }
        };
        let sid = begun.sid.clone();
        kept.begun = Some(begun);
        if kept.stopped || gone {
            return self.input(none("stopped"));
        }
        let (most, silence) = (kept.most, kept.silence);
        let variables = commands::recording_variables(kept.whom, silence);
        let variables: Vec<_> = variables.iter().map(|(name, value)| (*name, value.as_str())).collect();
        // FreeSWITCH counts the clock's seconds, of which the first has begun: it would end up to a second early.
        let limit = u32::try_from(most.as_secs()).unwrap_or(u32::MAX).saturating_add(1);
        let path = Word::new(self.live.recording(&sid).to_string_lossy());
        let (Ok(set), Ok(path)) = (commands::set(&channel, &variables), path) else {
            return self.input(none("refused"));
        };
        let _ = self.live.api(set).await;
        let start = Api::uuid_record(&channel, Recording::Start { limit }, &path);
        let answer = self.live.api(start).await;
        if self.check(answer).is_err() {
            self.input(none("refused"));
        }
        self.live.metrics.recorded.inc();
    }

    pub(super) async fn stop_recording(&mut self, ask: Ask) {
        let Some(kept) = self.recordings.get_mut(&ask) else { return };
        kept.stopped = true;
        if let Some(begun) = &kept.begun
            && let Ok(path) = Word::new(self.live.recording(&begun.sid).to_string_lossy())
        {
            let _ = self.live.api(Api::uuid_record(&self.channel, Recording::Stop, &path)).await;
        }
    }

    /// What is empty is on nobody's disk for ever.
    pub(super) fn drop_recording(&mut self, ask: Ask) {
        let begun = self.recordings.remove(&ask).and_then(|kept| kept.begun);
        let Some(path) = begun.map(|begun| self.live.recording(&begun.sid)) else { return };
        tokio::spawn(async move {
            // There is none where it could not be begun.
            let _ = tokio::fs::remove_file(path).await;
        });
    }

    pub(super) fn keep_recording(&mut self, ask: Ask) {
        let begun = self.recordings.get(&ask).and_then(|kept| kept.begun.clone());
        let (live, facts) = (Arc::clone(&self.live), Arc::clone(&self.facts));
        self.later(async move {
            let result = match begun {
                Some(begun) => {
                    live.platform.keep_recording(&facts, &begun, &live.recording(&begun.sid)).await
                }
                None => Err(Problem("the recording has not begun".to_owned())),
            };
            Input::Kept { ask, result }
        });
    }
}

//! What a call may do at most, and how long it waits.

use std::time::Duration;

/// What a call may do at most, and how long it waits.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rules {
    /// How long a call lasts at most, from when it came to be. Twilio: four hours, where nothing else is agreed.
    pub duration: Duration,
    /// How many documents a call asks for at most. It ends at the next one.
    pub documents: u32,
    /// How many verbs a call executes at most. It ends at the next one.
    pub verbs: u32,
    /// How many documents are asked for without waiting ...
    pub burst: u32,
    /// ... and how far apart those are that follow: what a loop of Redirects may ask of a customer's server.
    pub pace: Duration,
    /// What becomes of a call at a verb that is not known or not supported.
    pub unsupported: Unsupported,
    /// How long an outbound call rings at most.
    pub ringing: Duration,
    /// How long a customer's server may take to answer, redirects and retries and all.
    pub fetch: Duration,
    /// How long the making or fetching of a sound may take.
    pub sound: Duration,
    /// How long the platform may take to find routes or to take a recording.
    pub platform: Duration,
    /// How long FreeSWITCH may take for what it does at once: to answer, to stop a sound, to end a channel.
    pub switch: Duration,
}

/// What becomes of a call at a verb that is not known or not supported.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unsupported {
    /// It ends.
    End,
    /// It goes on with the next verb.
    Skip,
}

impl Rules {
    /// What holds where an operator says nothing else.
    pub const DEFAULT: Rules = Rules {
        duration: Duration::from_secs(4 * 3600),
        documents: 10_000,
        verbs: 20_000,
        burst: 20,
        pace: Duration::from_secs(1),
        unsupported: Unsupported::End,
        ringing: Duration::from_secs(600),
        fetch: Duration::from_secs(30),
        sound: Duration::from_secs(60),
        platform: Duration::from_secs(30),
        switch: Duration::from_secs(10),
    };
}

impl Default for Rules {
    fn default() -> Self {
        Rules::DEFAULT
    }
}

//! Legs that the platform has made and FreeSWITCH has no channel for: no call data record will say how they ended, so it is
//! told from here, whatever becomes of their call.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::call::facts::Facts;
use crate::call::input::{HangUp, Route};
use crate::live::Live;
use crate::platform::Unmade;

/// Those of one call. What is still owed when nobody holds this any more was not called.
pub(super) struct Owed {
    live: Arc<Live>,
    facts: Arc<Facts>,
    /// The platform's names.
    legs: Mutex<Vec<String>>,
}

impl Owed {
    pub(super) fn new(live: &Arc<Live>, facts: &Arc<Facts>) -> Self {
        Owed { live: Arc::clone(live), facts: Arc::clone(facts), legs: Mutex::default() }
    }

    fn lock(&self) -> MutexGuard<'_, Vec<String>> {
        self.legs.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The platform has made these.
    pub(super) fn add(&self, routes: &[Route]) {
        self.lock().extend(routes.iter().map(|route| route.call_sid.clone()));
    }

    /// FreeSWITCH is asked for a channel.
    pub(super) fn called(&self, call_sid: &str) {
        self.lock().retain(|leg| leg != call_sid);
    }

    /// There will be no channel, or there was none.
    pub(super) fn ended(&self, call_sid: &str, end: &HangUp) {
        self.called(call_sid);
        let channel = uuid::Uuid::new_v4().to_string();
        self.live.platform.unmade(&self.facts, &Unmade { call_sid, channel: &channel, end });
    }

    /// None of those that are left will be called.
    pub(super) fn give_up(&self) {
        let legs = std::mem::take(&mut *self.lock());
        for leg in legs {
            self.ended(&leg, &HangUp { cause: "ORIGINATOR_CANCEL".to_owned(), sip_status: Some(487) });
        }
    }
}

impl Drop for Owed {
    fn drop(&mut self) {
        // A process that ends tells nothing any more.
        if tokio::runtime::Handle::try_current().is_ok() {
            self.give_up();
        }
    }
}

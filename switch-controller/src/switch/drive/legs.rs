//! A call's legs: called, told of, connected, ended.

use std::sync::Arc;
use std::time::{Duration, Instant};

use esl::{Api, DialString, Uuid};

use super::Driver;
use crate::call::action::LegEnd;
use crate::call::facts::{Application, Direction, Facts};
use crate::call::input::{HangUp, Input, LegId, LegInput, Route};
use crate::calls::{Happened, Message};
use crate::limits::Place;
use crate::live::Live;
use crate::platform::Event;
use crate::platform::dial::{host_of, sip_uri};
use crate::switch::brief;
use crate::switch::commands::{self, CALL_SID, Made};
use crate::switch::originate::{end_leg, originate};

/// After a bridge the caller's channel comes back to park, and can be told to do something only then.
const BACK_WITHIN: Duration = Duration::from_secs(2);

/// A leg.
#[derive(Debug)]
pub(super) struct Rung {
    pub(super) channel: Uuid,
    /// The platform's name.
    pub(super) call_sid: String,
    /// Its place among the calls of its trunk.
    pub(super) _place: Place,
    pub(super) rang: bool,
    pub(super) answered_at: Option<Duration>,
}

/// Bars a destination that must not be called because the customer named its host: our own networks are not theirs. Where
/// the platform leads elsewhere, that is its choice.
pub(super) async fn bar(live: &Live, route: &mut Route, destination: &str) {
    let host = host_of(&route.dial_string);
    let is_theirs = sip_uri(destination).is_some_and(|address| host_of(address) == host);
    if is_theirs && route.barred.is_none() {
        route.barred = live.fetcher.may_call(&host).await.err();
    }
}

impl Driver {
    pub(super) fn leg_happened(&mut self, leg: LegId, what: Happened) {
        if let Some(queue) = self.briefed.get(&leg) {
            queue.push(Message::Channel(what.clone()));
        }
        match what {
            Happened::Ringing => {
                if let Some(rung) = self.legs.get_mut(&leg).filter(|rung| !rung.rang) {
                    rung.rang = true;
                    self.live.platform.leg(&self.facts, rung.channel.as_str(), Event::Ringing);
                }
                self.input(Input::Leg(leg, LegInput::Ringing));
            }
            Happened::Parked => {
                let now = self.live.now();
                if let Some(rung) = self.legs.get_mut(&leg).filter(|rung| rung.answered_at.is_none()) {
                    rung.answered_at = Some(now);
                    self.live.platform.leg(&self.facts, rung.channel.as_str(), Event::Answered);
                }
                self.input(Input::Leg(leg, LegInput::Answered));
            }
            Happened::HungUp(end) => {
                let Some(Rung { channel, call_sid, answered_at, .. }) = self.legs.remove(&leg) else {
                    return;
                };
                if !self.live.calls.was_seen(channel.as_str()) {
                    self.owed.ended(&call_sid, &end);
                }
                self.live.calls.remove(channel.as_str());
                let event = Event::Completed { answered_at, end: end.clone() };
                self.live.platform.leg(&self.facts, channel.as_str(), event);
                if self.bridged == Some(leg) && !self.gone {
                    self.held = Some((leg, end, Instant::now() + BACK_WITHIN));
                } else {
                    self.input(Input::Leg(leg, LegInput::HungUp(end)));
                }
            }
            _ => {}
        }
    }

    /// The caller's channel is back, or gone, or late.
    pub(super) fn release(&mut self) {
        if let Some((leg, end, _)) = self.held.take() {
            self.bridged = None;
            self.input(Input::Leg(leg, LegInput::HungUp(end)));
        }
    }

    pub(super) fn ring(&mut self, leg: LegId, route: &Route, timeout: Duration) {
        if let Some(why) = &route.barred {
            tracing::info!(call = self.facts.call_sid, why, "a leg is not called");
            return self.not_called(leg, route, "OUTGOING_CALL_BARRED");
        }
        let channel = uuid::Uuid::new_v4().to_string();
        let api = Uuid::new(channel.clone()).and_then(|channel| {
            let dial_string = DialString::new(route.dial_string.as_str())?;
            let given = route.variables.iter().map(|(name, value)| (name.as_str(), value.as_str()));
            let variables: Vec<_> = [(CALL_SID, route.call_sid.as_str())].into_iter().chain(given).collect();
            let (caller_id, headers) = (route.caller_id.as_str(), route.headers.as_slice());
            let made =
                Made { channel: &channel, dial_string, caller_id, timeout, headers, variables: &variables };
            Ok((made.originate()?, channel.clone()))
        });
        match api {
            Ok((api, channel)) => {
                let mut place = match self.live.enter(&route.dial_string, None) {
                    Ok(place) => place,
                    Err(over) => {
                        tracing::info!(call = self.facts.call_sid, %over, "a leg is not called");
                        return self.not_called(leg, route, "NORMAL_CIRCUIT_CONGESTION");
                    }
                };
                place.begin(Instant::now());
                self.live.metrics.legs.inc();
                let call_sid = route.call_sid.clone();
                self.owed.called(&call_sid);
                let rung = Rung {
                    channel: channel.clone(),
                    call_sid,
                    _place: place,
                    rang: false,
                    answered_at: None,
                };
                self.legs.insert(leg, rung);
                self.live.calls.add_leg(channel.as_str(), leg, &self.queue);
                let (live, queue) = (Arc::clone(&self.live), Arc::clone(&self.queue));
                tokio::spawn(originate(live, channel, Some(leg), api, timeout, queue));
            }
            Err(error) => {
                tracing::warn!(call = self.facts.call_sid, %error, "a leg cannot be called");
                self.not_called(leg, route, "INVALID_NUMBER_FORMAT");
            }
        }
    }

    /// A leg is over that had no channel.
    fn not_called(&mut self, leg: LegId, route: &Route, cause: &str) {
        let end = HangUp { cause: cause.to_owned(), sip_status: None };
        self.owed.ended(&route.call_sid, &end);
        self.input(Input::Leg(leg, LegInput::HungUp(end)));
    }

    pub(super) fn end_leg(&self, leg: LegId, reason: LegEnd) {
        if let Some(rung) = self.legs.get(&leg) {
            tokio::spawn(end_leg(Arc::clone(&self.live), rung.channel.clone(), commands::leg_end(reason)));
        }
    }

    pub(super) async fn bridge(&mut self, leg: LegId) {
        let Some(channel) = self.legs.get(&leg).map(|rung| &rung.channel) else { return };
        if let Ok(set) = commands::set(&self.channel, &commands::BACK) {
            let _ = self.live.api(set).await;
        }
        let answer = self.live.api(Api::uuid_bridge(&self.channel, channel)).await;
        if self.check(answer).is_err() {
            // One of the two is gone, and says so.
            self.end_leg(leg, LegEnd::Over);
        }
    }

    pub(super) fn brief(
        &mut self,
        leg: LegId,
        from: String,
        to: String,
        call_sid: String,
        application: Application,
    ) {
        let Some(Rung { channel, .. }) = self.legs.get(&leg) else { return };
        let facts = Facts {
            channel: channel.to_string(),
            call_sid,
            direction: Direction::OutboundDial,
            from,
            to,
            ..Facts::clone(&self.facts)
        };
        let (live, parent) = (Arc::clone(&self.live), self.facts.call_sid.clone());
        let queue = brief::begin(live, channel.clone(), facts, parent, application, leg, &self.queue);
        self.briefed.insert(leg, queue);
    }
}

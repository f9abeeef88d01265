//! The Somleng API as the platform: whose calls these are, how numbers are reached, and what it is told.
//!
//! | file | what it holds |
//! |---|---|
//! | `client.rs` | requests, and what came of them |
//! | `wire.rs` | what is asked and answered, key by key |
//! | `outbox.rs` | what it is told of calls, in order and again until it is taken |
//! | `spool.rs` | recordings: into the bucket, then told; on disk until then |
//! | `leg.rs` | what it wants to find on channels |
//! | `record.rs` | a call data record, for calls that FreeSWITCH makes none of |
//! | `backoff.rs` | how long to wait before trying again |

mod backoff;
mod client;
pub mod leg;
mod outbox;
mod record;
mod spool;
mod wire;

use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use futures_util::future::join_all;
use hyper::Method as Verb;
use objects::Objects;
use serde::Serialize;
use serde_json::{Map, Value};
use settings::Secret;
use twiml::Method;

use super::gateway::Dialer;
use super::routes::sid;
use super::{Begun, Claim, Event, Incoming, NotTaken, Platform, Soon, Unmade};
use crate::call::action::Report;
use crate::call::facts::{Application, Direction, Facts};
use crate::call::input::{HangUp, Problem, Route};
use crate::config::PlatformConfig;
use crate::metrics::PlatformMetrics;
use client::{Body, Client, Fault};
use leg::Payer;
use outbox::{Letter, Outbox};
use spool::{Note, Spool};

pub use wire::Billing;

/// How long the action of a Record waits for the platform's own URL of the recording; then it goes on with the one that the
/// platform gave at the recording's beginning.
const URL_WITHIN: Duration = Duration::from_secs(5);

/// So many calls in one heartbeat.
const BEATS: usize = 1_000;

/// The Somleng API.
pub struct Somleng {
    client: Arc<Client>,
    outbox: Arc<Outbox>,
    spool: Arc<Spool>,
    config: PlatformConfig,
    /// How PATCH and DELETE reach this controller's calls.
    host: String,
    dialer: Dialer,
    /// What the controller's beginning was on the wall.
    began: SystemTime,
    metrics: PlatformMetrics,
}

/// What a [`Somleng`] needs beside its settings.
pub struct Around {
    /// How PATCH and DELETE reach this controller's calls.
    pub host: String,
    /// Who makes dial strings.
    pub dialer: Dialer,
    /// Where FreeSWITCH writes recordings.
    pub recordings: std::path::PathBuf,
    /// Where they are put, if anywhere.
    pub bucket: Option<Objects>,
    /// What stands before a recording's name for the platform.
    pub raw_url: String,
    /// What the controller's beginning was on the wall.
    pub began: SystemTime,
    /// What is counted.
    pub metrics: PlatformMetrics,
}

impl Somleng {
    /// One that goes on with the recordings that an earlier process has left. The error says what is wrong.
    pub fn new(config: PlatformConfig, around: Around) -> Result<Self, String> {
        let Around { host, dialer, recordings, bucket, raw_url, began, metrics } = around;
        let PlatformConfig { url, user, password, timeout, ca, .. } = &config;
        let client = Arc::new(Client::new(url, user, password, *timeout, ca.as_deref())?);
        let outbox = Outbox::new(Arc::clone(&client), config.retry_for, metrics.clone());
        let spool = Spool::new(recordings, Arc::clone(&client), bucket, raw_url, metrics.clone());
        let spool = Arc::new(spool);
        match spool.resume() {
            Ok(0) => {}
            Ok(left) => tracing::info!(left, "recordings that are yet to be brought to the platform"),
            Err(error) => return Err(format!("recordings.directory: {error}")),
        }
        Ok(Somleng { client, outbox: Arc::new(outbox), spool, config, host, dialer, began, metrics })
    }

    async fn claimed(&self, incoming: &Incoming) -> Result<Claim, NotTaken> {
        let header = |name: &str| incoming.header(name).filter(|value| !value.is_empty());
        let text = |(name, value): &(String, String)| (name.clone(), Value::from(value.as_str()));
        // Without a proxy before it, FreeSWITCH itself sees who calls.
        let network = incoming.variables.iter().find(|(name, _)| name == "sip_network_ip");
        let asked = wire::InboundCall {
            to: header("X-Somleng-Callee-Identity").unwrap_or(&incoming.to),
            from: header("X-Somleng-Caller-Identity").unwrap_or(&incoming.from),
            external_id: &incoming.channel,
            host: &self.host,
            source_ip: header("X-Src-Ip").or(network.map(|(_, ip)| ip.as_str())).unwrap_or_default(),
            region: &self.config.region,
            client_identifier: header("X-Somleng-Client-Identifier"),
            variables: incoming.variables.iter().map(text).collect::<Map<_, _>>(),
        };
        let path = "/inbound_phone_calls";
        let made: Result<wire::InboundCallMade, _> = self.client.ask_in_time(Verb::POST, path, &asked).await;
        self.metrics.count(path, if made.is_ok() { "ok" } else { "failed" });
        match made {
            Ok(made) => Ok(self.claim_of(incoming, made)),
            // 401 is our own fault and not the caller's.
            Err(Fault::Refused { status, message }) if status != hyper::StatusCode::UNAUTHORIZED => {
                Err(NotTaken::Forbidden(message))
            }
            Err(fault) => match &self.config.fallback {
                Some(document) => {
                    tracing::warn!(%fault, channel = incoming.channel, "the platform does not say whose call it is: it gets the fallback");
                    Ok(fallback(incoming, document))
                }
                None => Err(NotTaken::Unavailable(fault.to_string())),
            },
        }
    }

    fn claim_of(&self, incoming: &Incoming, made: wire::InboundCallMade) -> Claim {
        let url = made.voice_url.filter(|url| !url.is_empty());
        let application = match url {
            Some(url) => Application::Url { url, method: method(made.voice_method.as_deref()) },
            None => Application::Twiml(made.twiml.unwrap_or_else(|| "<Response/>".to_owned())),
        };
        let fallback = made.voice_fallback_url.filter(|url| !url.is_empty());
        let fallback = fallback.map(|url| (url, method(made.voice_fallback_method.as_deref())));
        let payer = Payer {
            carrier_sid: &made.carrier_sid,
            account_sid: &made.account_sid,
            destination: &made.to,
            billing: made.billing_parameters.as_ref(),
        };
        let variables = leg::variables(payer);
        let answer_headers = vec![(leg::CALL_SID.to_owned(), made.sid.clone())];
        let facts = Facts {
            channel: incoming.channel.clone(),
            call_sid: made.sid,
            account_sid: made.account_sid,
            auth_token: made.account_auth_token,
            direction: Direction::Inbound,
            api_version: made.api_version.unwrap_or_else(|| "2010-04-01".to_owned()),
            from: made.from,
            to: made.to,
            default_voice: made.default_tts_voice.unwrap_or_else(|| "Basic.Kal".to_owned()),
            fallback,
        };
        Claim { facts, application, answer_headers, variables }
    }

    async fn routed(
        &self,
        facts: &Facts,
        destinations: &[String],
        from: Option<&str>,
    ) -> Result<Vec<Route>, Problem> {
        let asked = wire::Legs { parent_call_sid: &facts.call_sid, destinations, from };
        let made: wire::LegsMade = self.made("/outbound_phone_calls", &asked).await?;
        if made.phone_calls.len() != destinations.len() {
            let (found, expected) = (made.phone_calls.len(), destinations.len());
            return Err(Problem(format!("the platform: expected {expected} phone_calls, found {found}")));
        }
        let legs = made.phone_calls.into_iter().zip(destinations);
        Ok(join_all(legs.map(|(leg, destination)| route(&self.dialer, leg, destination))).await)
    }

    /// Asks for what a call waits for.
    async fn made<T: serde::de::DeserializeOwned>(
        &self,
        path: &'static str,
        body: &impl Serialize,
    ) -> Result<T, Problem> {
        let answer = self.client.ask_in_time(Verb::POST, path, body).await;
        self.metrics.count(path, if answer.is_ok() { "ok" } else { "failed" });
        answer.map_err(|fault| Problem(format!("the platform: {fault}")))
    }

    fn tell(&self, call: &str, path: &'static str, body: &impl Serialize, twice: bool) {
        match serde_json::to_vec(body) {
            Ok(body) => self.outbox.put(call, Letter { path, body: Body::Json(body), twice }),
            Err(error) => tracing::error!(call, path, %error, "the platform cannot be told"),
        }
    }

    fn event(&self, call: &str, kind: &'static str, channel: &str, variables: Option<wire::Ending>) {
        let event = wire::CallEvent { kind, phone_call: channel, variables };
        self.tell(call, "/phone_call_events", &event, true);
    }

    fn ending(&self, answered_at: Option<Duration>, end: &HangUp) -> wire::Ending {
        let epoch = answered_at.and_then(|at| {
            let time = self.began.checked_add(at)?;
            Some(time.duration_since(SystemTime::UNIX_EPOCH).ok()?.as_secs().to_string())
        });
        wire::Ending { sip_term_status: end.sip_status.map(|status| status.to_string()), answer_epoch: epoch }
    }
}

/// How a leg is reached. One that cannot be is not called, and the others are.
async fn route(dialer: &Dialer, leg: wire::Leg, destination: &str) -> Route {
    let routing = &leg.routing_parameters;
    let (dial_string, barred) = match dialer.dial_string(routing).await {
        Ok(dial_string) => (dial_string.to_string(), None),
        Err(why) => (String::new(), Some(why)),
    };
    let payer = Payer {
        carrier_sid: &leg.carrier_sid,
        account_sid: &leg.account_sid,
        destination: routing.destination.as_deref().unwrap_or(destination),
        billing: leg.billing_parameters.as_ref(),
    };
    Route {
        dial_string,
        caller_id: routing.caller_id(&leg.from),
        headers: vec![(leg::CALL_SID.to_owned(), leg.sid.clone())],
        variables: leg::variables(payer),
        call_sid: leg.sid,
        barred,
    }
}

fn method(text: Option<&str>) -> Method {
    match text.is_some_and(|text| text.eq_ignore_ascii_case("GET")) {
        true => Method::Get,
        false => Method::Post,
    }
}

/// A call that the platform does not know: it has no account, and nothing is told of it.
fn fallback(incoming: &Incoming, document: &str) -> Claim {
    let facts = Facts {
        channel: incoming.channel.clone(),
        call_sid: sid("CA"),
        account_sid: String::new(),
        auth_token: Secret::new(""),
        direction: Direction::Inbound,
        api_version: "2010-04-01".to_owned(),
        from: incoming.from.clone(),
        to: incoming.to.clone(),
        default_voice: "Basic.Kal".to_owned(),
        fallback: None,
    };
    let application = Application::Twiml(document.to_owned());
    Claim { facts, application, answer_headers: Vec::new(), variables: Vec::new() }
}

fn is_known(facts: &Facts) -> bool {
    !facts.account_sid.is_empty()
}

impl Platform for Somleng {
    fn claim<'a>(&'a self, incoming: &'a Incoming) -> Soon<'a, Result<Claim, NotTaken>> {
        Box::pin(self.claimed(incoming))
    }

    fn routes<'a>(
        &'a self,
        facts: &'a Facts,
        destinations: &'a [String],
        caller_id: Option<&'a str>,
    ) -> Soon<'a, Result<Vec<Route>, Problem>> {
        Box::pin(self.routed(facts, destinations, caller_id))
    }

    fn begin_recording<'a>(
        &'a self,
        facts: &'a Facts,
        callback: Option<(String, Method)>,
    ) -> Soon<'a, Result<Begun, Problem>> {
        Box::pin(async move {
            let asked = wire::NewRecording {
                phone_call_id: &facts.call_sid,
                status_callback_url: callback.as_ref().map(|(url, _)| url.as_str()),
                status_callback_method: callback.as_ref().map(|(_, method)| method.as_str()),
            };
            let made: wire::Recording = self.made("/recordings", &asked).await?;
            // It becomes the name of a file.
            if made.sid.is_empty() || !made.sid.bytes().all(|byte| byte.is_ascii_alphanumeric()) {
                return Err(Problem(format!(
                    "the platform: expected letters and digits as sid, found {:?}",
                    made.sid
                )));
            }
            Ok(Begun { sid: made.sid, url: made.url })
        })
    }

    fn keep_recording<'a>(
        &'a self,
        facts: &'a Facts,
        begun: &'a Begun,
        _: &'a Path,
    ) -> Soon<'a, Result<String, Problem>> {
        Box::pin(async move {
            let external_id = uuid::Uuid::new_v4().to_string();
            let note = Note { sid: begun.sid.clone(), call_sid: facts.call_sid.clone(), external_id };
            let url = self.spool.keep(note).await.map_err(Problem)?;
            match (tokio::time::timeout(URL_WITHIN, url).await, &begun.url) {
                (Ok(Ok(url)), _) => Ok(url),
                // The call does not wait for a platform or a bucket that is away.
                (_, Some(url)) => Ok(url.clone()),
                (_, None) => Err(Problem("the platform has not said where the recording is".to_owned())),
            }
        })
    }

    fn report(&self, facts: &Facts, report: Report) {
        if !is_known(facts) {
            return;
        }
        let (call, channel) = (facts.call_sid.as_str(), facts.channel.as_str());
        match report {
            Report::Ringing => self.event(call, "ringing", channel, None),
            Report::Answered => self.event(call, "answered", channel, None),
            Report::Completed { answered_at, end } => {
                self.event(call, "completed", channel, Some(self.ending(answered_at, &end)));
            }
            Report::Speech { voice, characters } => {
                let speech = wire::Speech { tts_voice: &voice, phone_call: call, num_chars: characters };
                // Customers pay for it: rather not at all than twice.
                self.tell(call, "/tts_events", &speech, false);
            }
        }
    }

    fn leg(&self, facts: &Facts, channel: &str, event: Event) {
        if !self.config.leg_events || !is_known(facts) {
            return;
        }
        let call = facts.call_sid.as_str();
        match event {
            Event::Ringing => self.event(call, "ringing", channel, None),
            Event::Answered => self.event(call, "answered", channel, None),
            Event::Completed { answered_at, end } => {
                self.event(call, "completed", channel, Some(self.ending(answered_at, &end)));
            }
        }
    }

    fn unmade(&self, facts: &Facts, unmade: &Unmade<'_>) {
        if is_known(facts) {
            // A second record of a call is dropped there.
            let body = Body::Record(record::of(unmade, SystemTime::now()));
            self.outbox.put(&facts.call_sid, Letter { path: "/call_data_records", body, twice: true });
        }
    }

    fn heartbeat<'a>(&'a self, channels: &'a [String]) -> Soon<'a, ()> {
        Box::pin(async move {
            let path = "/call_heartbeats";
            for call_ids in channels.chunks(BEATS) {
                let body = serde_json::to_vec(&wire::Heartbeats { call_ids }).unwrap_or_default();
                let sent = self.client.send(Verb::POST, path, Body::Json(body)).await;
                self.metrics.count(path, if sent.is_ok() { "ok" } else { "failed" });
                if let Err(fault) = sent {
                    tracing::warn!(%fault, "the platform is not told which calls live; the next time it is");
                }
            }
        })
    }

    fn told<'a>(&'a self, facts: &'a Facts) -> Soon<'a, ()> {
        Box::pin(self.outbox.told(&facts.call_sid))
    }

    fn flush(&self) -> Soon<'_, ()> {
        Box::pin(self.outbox.empty())
    }
}

#[cfg(test)]
mod tests {
    use esl::Name;

    use super::*;
    use crate::platform::gateway::{Gateway, Registered};

    /// A gateway that knows where all are but one, and takes a second for each.
    struct Slow;

    impl Gateway for Slow {
        fn find<'a>(&'a self, client: &'a str, _: &'a str) -> Soon<'a, Result<Option<Registered>, String>> {
            Box::pin(async move {
                tokio::time::sleep(Duration::from_secs(1)).await;
                match client {
                    "broken" => Err("it is away".to_owned()),
                    _ => Ok(Some(Registered { address: format!("{client}@10.0.0.1"), proxy: None })),
                }
            })
        }
    }

    #[tokio::test(start_paused = true)]
    async fn n13_a_client_that_cannot_be_looked_up_is_a_leg_that_fails_and_all_are_looked_up_at_once() {
        let dialer = Dialer { profile: Name::new("nat").expect("a name"), gateway: Some(Arc::new(Slow)) };
        let leg = |client: &str| -> wire::Leg {
            let routing = serde_json::json!({ "username": client, "destination": "85512345678" });
            let leg = serde_json::json!({ "sid": client, "from": "1294", "routing_parameters": routing });
            serde_json::from_value(leg).expect("a leg")
        };
        let began = tokio::time::Instant::now();
        let legs = ["broken", "a", "b", "c"].map(leg);
        let routes = join_all(legs.map(|leg| route(&dialer, leg, "85512345678"))).await;
        assert_eq!(began.elapsed().as_secs(), 1);
        let barred = routes.iter().map(|route| route.barred.as_deref()).collect::<Vec<_>>();
        assert_eq!(barred, [Some("the gateway of broken: it is away"), None, None, None]);
        let sids = routes.iter().map(|route| route.call_sid.as_str()).collect::<Vec<_>>();
        assert_eq!(sids, ["broken", "a", "b", "c"]);
        assert_eq!(routes.get(1).map(|route| route.dial_string.as_str()), Some("sofia/nat/a@10.0.0.1"));
    }
}

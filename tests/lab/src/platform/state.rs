//! Its calls and recordings, and what each request does to them.

use std::collections::BTreeMap;
use std::path::PathBuf;

use axum::http::Method;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Map, Value, json};

use super::body::{Kind, read, text};
use super::{ACCOUNT, REGION, TOKEN, Told};

/// A call.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Call {
    /// The switch's name for it. Legs of a Dial have none.
    pub external_id: Option<String>,
    /// The call whose leg it is.
    pub parent: Option<String>,
    /// What happened to it, in the order in which it was told.
    pub events: Vec<String>,
    /// Characters that were spoken.
    pub characters: u64,
    /// How often it was said to live.
    pub beats: u64,
    /// What became of it, by its call data record: `completed`, `no-answer`, `busy`, `canceled` or `failed`.
    pub status: Option<&'static str>,
    /// How many records of it have come.
    pub records: u32,
}

impl Call {
    /// A record says how it ended. A second one is counted, and says nothing new.
    fn recorded(&mut self, status: &'static str) {
        self.records += 1;
        self.status.get_or_insert(status);
    }
}

/// A recording.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Recording {
    /// Of which call.
    pub call: String,
    /// `status_callback_url` and `status_callback_method`.
    pub callback: Option<(String, String)>,
    /// `raw_recording_url`, once it is there.
    pub raw: Option<String>,
}

/// All that is known.
#[derive(Debug, Clone, Default)]
pub struct State {
    /// By sid.
    pub calls: BTreeMap<String, Call>,
    /// By sid.
    pub recordings: BTreeMap<String, Recording>,
    /// What was told of channels that belong to no call that is known, by their names: legs of Dials.
    pub strangers: BTreeMap<String, Vec<String>>,
    /// Final statuses of channels that belong to no call that is known, by their names: a call may be over before the answer to
    /// POST /calls is read, which names its channel.
    pub early: BTreeMap<String, Vec<&'static str>>,
    /// What the switch did wrong.
    pub faults: Vec<String>,
    pub(super) told: Vec<Told>,
    pub(super) numbers: BTreeMap<String, Value>,
    pub(super) ways: BTreeMap<String, Value>,
    pub(super) bucket: Option<(PathBuf, String)>,
    made: u32,
}

type Answer = Result<(u16, Value), (u16, String)>;

impl State {
    /// A call by the switch's name for it.
    #[must_use]
    pub fn call(&self, external_id: &str) -> Option<(&String, &Call)> {
        self.calls.iter().find(|(_, call)| call.external_id.as_deref() == Some(external_id))
    }

    pub(super) fn note(&mut self, told: Told) -> usize {
        self.told.push(told);
        self.told.len() - 1
    }

    pub(super) fn answered(&mut self, place: usize, status: u16) {
        if let Some(told) = self.told.get_mut(place) {
            told.status = status;
        }
    }

    pub(super) fn made(&mut self, sid: &str, external_id: &str) {
        let call = self.calls.entry(sid.to_owned()).or_default();
        call.external_id = Some(external_id.to_owned());
        if let Some(events) = self.strangers.remove(external_id) {
            call.events = events;
        }
        self.early.remove(external_id).into_iter().flatten().for_each(|status| call.recorded(status));
    }

    /// Does what a request asks for.
    pub(super) fn take(&mut self, method: &Method, path: &str, body: &[u8]) -> (u16, Value) {
        let answer = match (method.as_str(), path) {
            ("POST", "/inbound_phone_calls") => self.inbound(body),
            ("POST", "/outbound_phone_calls") => self.outbound(body),
            ("POST", "/phone_call_events") => self.event(body),
            ("POST", "/tts_events") => self.speech(body),
            ("POST", "/recordings") => self.recording(body),
            ("PATCH", path) if path.starts_with("/recordings/") => {
                self.recorded(path.trim_start_matches("/recordings/"), body)
            }
            ("POST", "/call_heartbeats") => self.beat(body),
            ("POST", "/call_data_records") => self.record(body),
            _ => Err((404, "there is nothing here".to_owned())),
        };
        answer.unwrap_or_else(|(status, message)| {
            // Numbers that lead nowhere are the callers' business, all else the switch's.
            if !message.ends_with("is unconfigured.") && !message.contains("not supported") {
                self.faults.push(format!("{method} {path}: {message}"));
            }
            (status, json!({ "message": message }))
        })
    }

    fn sid(&mut self, kind: &str) -> String {
        self.made += 1;
        format!("{kind}{:032x}", self.made)
    }

    fn inbound(&mut self, body: &[u8]) -> Answer {
        let required = ["to", "from", "external_id", "host", "source_ip", "region"];
        let asked = read(
            body,
            &required.map(|key| (key, Kind::Text)),
            &[("client_identifier", Kind::Text), ("variables", Kind::Object)],
        )
        .map_err(unprocessable)?;
        if text(&asked, "region") != REGION {
            return Err(unprocessable(format!("region: {} is unknown", text(&asked, "region"))));
        }
        if text(&asked, "source_ip").parse::<std::net::IpAddr>().is_err() {
            return Err(unprocessable(format!("{} doesn't exist", text(&asked, "source_ip"))));
        }
        let (to, from) = (text(&asked, "to").to_owned(), text(&asked, "from").to_owned());
        let Some(application) = self.numbers.get(&to).cloned() else {
            return Err(unprocessable(format!("Phone number {to} is unconfigured.")));
        };
        let sid = self.sid("CA");
        let external_id = Some(text(&asked, "external_id").to_owned());
        self.calls.insert(sid.clone(), Call { external_id, ..Call::default() });
        let mut answer = json!({
            "sid": sid, "to": to, "from": from, "voice_url": null, "voice_method": null, "twiml": null,
            "status_callback_url": null, "status_callback_method": null,
            "carrier_sid": "CR1", "account_sid": ACCOUNT, "account_auth_token": TOKEN,
            "call_direction": "inbound", "direction": "inbound", "api_version": "2010-04-01",
            "default_tts_voice": "Basic.Kal",
            "billing_parameters": { "enabled": false, "category": "inbound_calls", "billing_mode": "prepaid" },
        });
        if let (Some(answer), Value::Object(more)) = (answer.as_object_mut(), application) {
            answer.extend(more);
        }
        Ok((201, answer))
    }

    fn outbound(&mut self, body: &[u8]) -> Answer {
        let required = [("parent_call_sid", Kind::Text), ("destinations", Kind::Texts)];
        let asked = read(body, &required, &[("from", Kind::Text)]).map_err(unprocessable)?;
        let parent = text(&asked, "parent_call_sid").to_owned();
        if !self.calls.contains_key(&parent) {
            return Err(unprocessable("parent_call_sid is invalid"));
        }
        let destinations = asked.get("destinations").and_then(Value::as_array).cloned().unwrap_or_default();
        let from = if text(&asked, "from").is_empty() { "1294" } else { text(&asked, "from") };
        let mut legs = Vec::new();
        for destination in destinations.iter().filter_map(Value::as_str) {
            let routing = self.routing(destination)?;
            let sid = self.sid("CA");
            let leg = Call { parent: Some(parent.clone()), ..Call::default() };
            self.calls.insert(sid.clone(), leg);
            legs.push(json!({
                "sid": sid, "account_sid": ACCOUNT, "carrier_sid": "CR1", "parent_call_sid": parent, "from": from,
                "direction": "outbound-dial", "call_direction": "outbound", "routing_parameters": routing,
                "billing_parameters": { "enabled": false, "category": "outbound_calls", "billing_mode": "prepaid" },
            }));
        }
        Ok((201, json!({ "phone_calls": legs })))
    }

    fn routing(&self, destination: &str) -> Result<Value, (u16, String)> {
        let mut routing = json!({
            "address": null, "destination": null, "dial_string_prefix": null, "plus_prefix": false,
            "national_dialing": false, "host": null, "username": null, "sip_profile": null,
        });
        let digits: String = destination.chars().filter(char::is_ascii_digit).collect();
        let more = match destination.strip_prefix("sip:") {
            Some(address) => json!({ "address": address }),
            None => {
                let way = self.ways.iter().rev().find(|(prefix, _)| digits.starts_with(prefix.as_str()));
                let way = way.ok_or_else(|| unprocessable(format!("{destination} is not supported")))?;
                let mut way = way.1.clone();
                if let Some(way) = way.as_object_mut() {
                    way.insert("destination".to_owned(), digits.into());
                }
                way
            }
        };
        if let (Some(routing), Value::Object(more)) = (routing.as_object_mut(), more) {
            routing.extend(more);
        }
        Ok(routing)
    }

    fn event(&mut self, body: &[u8]) -> Answer {
        let required = [("type", Kind::Text), ("phone_call", Kind::Text)];
        let told = read(body, &required, &[("variables", Kind::Object)]).map_err(unprocessable)?;
        let kinds = ["ringing", "answered", "completed"];
        let kind = text(&told, "type");
        let rank = |kind: &str| kinds.iter().position(|known| *known == kind);
        let Some(this) = rank(kind) else {
            return Err(unprocessable(format!("type: {kind} is unknown")));
        };
        if let Some(variables) = told.get("variables").and_then(Value::as_object) {
            ending(variables)?;
        }
        let id = text(&told, "phone_call");
        let known = self.calls.values_mut().find(|call| call.external_id.as_deref() == Some(id));
        let events = match known {
            Some(call) => &mut call.events,
            // The real one looks for the call later, and more than once.
            None => self.strangers.entry(id.to_owned()).or_default(),
        };
        // Twice the same may be: who tells cannot know what was heard.
        let before = events.last().and_then(|last| rank(last));
        if before == Some(this) {
            return Ok((201, Value::Null));
        }
        events.push(kind.to_owned());
        if before.is_some_and(|before| before > this) {
            self.faults.push(format!("{id}: {kind} was told too late"));
        }
        Ok((201, Value::Null))
    }

    fn speech(&mut self, body: &[u8]) -> Answer {
        let required = [("tts_voice", Kind::Text), ("phone_call", Kind::Text), ("num_chars", Kind::Count)];
        let told = read(body, &required, &[]).map_err(unprocessable)?;
        let call = self.calls.get_mut(text(&told, "phone_call"));
        let call = call.ok_or((404, "no such call".to_owned()))?;
        call.characters += told.get("num_chars").and_then(Value::as_u64).unwrap_or_default();
        Ok((201, Value::Null))
    }

    fn recording(&mut self, body: &[u8]) -> Answer {
        let optional = [("status_callback_url", Kind::Url), ("status_callback_method", Kind::Method)];
        let asked = read(body, &[("phone_call_id", Kind::Text)], &optional).map_err(unprocessable)?;
        let call = text(&asked, "phone_call_id").to_owned();
        if !self.calls.contains_key(&call) {
            return Err((404, "no such call".to_owned()));
        }
        let sid = self.sid("RE");
        let url = text(&asked, "status_callback_url");
        let method = Some(text(&asked, "status_callback_method")).filter(|method| !method.is_empty());
        let callback = (!url.is_empty()).then(|| (url.to_owned(), method.unwrap_or("POST").to_owned()));
        self.recordings.insert(sid.clone(), Recording { call, callback, raw: None });
        Ok((201, shown(&sid)))
    }

    fn recorded(&mut self, sid: &str, body: &[u8]) -> Answer {
        let required = [("raw_recording_url", Kind::Url), ("external_id", Kind::Text)];
        let told = read(body, &required, &[]).map_err(unprocessable)?;
        let raw = text(&told, "raw_recording_url");
        if let Some((directory, url)) = &self.bucket {
            let name = raw.strip_prefix(url.as_str()).map(|name| name.trim_start_matches('/'));
            let name = name.ok_or_else(|| unprocessable(format!("{raw} is not in the bucket")))?;
            if !directory.join(name).is_file() {
                return Err(unprocessable(format!("{raw} was not uploaded")));
            }
        }
        let recording = self.recordings.get_mut(sid).ok_or((404, "no such recording".to_owned()))?;
        recording.raw = Some(raw.to_owned());
        Ok((200, shown(sid)))
    }

    /// A call data record of mod_json_cdr: `cdr=` and base64.
    fn record(&mut self, body: &[u8]) -> Answer {
        let encoded = body.strip_prefix(b"cdr=").ok_or_else(|| unprocessable("expected cdr="))?;
        let json = STANDARD.decode(encoded).map_err(|error| unprocessable(format!("cdr: {error}")))?;
        let cdr: Value =
            serde_json::from_slice(&json).map_err(|error| unprocessable(format!("cdr: {error}")))?;
        let variables = cdr.get("variables").and_then(Value::as_object).cloned().unwrap_or_default();
        if !variables.contains_key("record_cdr") {
            self.faults.push(format!("a record without record_cdr: {}", text(&variables, "uuid")));
            return Ok((204, Value::Null));
        }
        for key in [
            "uuid",
            "hangup_cause",
            "direction",
            "duration",
            "billsec",
            "start_epoch",
            "end_epoch",
            "answer_epoch",
        ] {
            if text(&variables, key).is_empty() {
                self.faults.push(format!("a record without {key}: {}", text(&variables, "uuid")));
            }
        }
        let named = ["sip_rh_X-Somleng-CallSid", "sip_h_X-Somleng-CallSid"];
        let sid = named.iter().map(|name| text(&variables, name)).find(|sid| !sid.is_empty());
        let status = final_status(&variables);
        let uuid = text(&variables, "uuid");
        let call = match sid {
            Some(sid) => self.calls.get_mut(sid),
            None => self.calls.values_mut().find(|call| call.external_id.as_deref() == Some(uuid)),
        };
        match call {
            Some(call) => call.recorded(status),
            None if sid.is_none() => self.early.entry(uuid.to_owned()).or_default().push(status),
            None => self.faults.push(format!("a record of a call that is unknown: {variables:?}")),
        }
        Ok((204, Value::Null))
    }

    fn beat(&mut self, body: &[u8]) -> Answer {
        let told = read(body, &[("call_ids", Kind::Texts)], &[]).map_err(unprocessable)?;
        let ids = told.get("call_ids").and_then(Value::as_array).cloned().unwrap_or_default();
        for id in ids.iter().filter_map(Value::as_str) {
            let call = self.calls.values_mut().find(|call| call.external_id.as_deref() == Some(id));
            if let Some(call) = call {
                call.beats += 1;
            }
        }
        Ok((204, Value::Null))
    }
}

/// What became of a call, by the variables of its record.
fn final_status(variables: &Map<String, Value>) -> &'static str {
    let is = |key: &str, codes: &[&str]| codes.contains(&text(variables, key));
    let not_answered = ["480", "487", "603"];
    match text(variables, "answer_epoch").parse::<u64>() {
        Ok(answered) if answered > 0 => "completed",
        _ if is("sip_term_status", &not_answered) => "no-answer",
        _ if is("sip_term_status", &["486"]) => "busy",
        _ if is("sip_invite_failure_status", &not_answered) => "canceled",
        _ => "failed",
    }
}

/// `sip_term_status` and `answer_epoch`, as decimal text.
fn ending(variables: &Map<String, Value>) -> Result<(), (u16, String)> {
    for (key, value) in variables {
        let is_known = ["sip_term_status", "answer_epoch"].contains(&key.as_str());
        let is_number = value.as_str().is_some_and(|text| text.parse::<u64>().is_ok());
        if !is_known || !is_number {
            return Err(unprocessable(format!("variables: {key} is {value}")));
        }
    }
    Ok(())
}

fn shown(sid: &str) -> Value {
    json!({ "sid": sid, "duration": null, "url": format!("https://platform.example/Recordings/{sid}") })
}

fn unprocessable(message: impl Into<String>) -> (u16, String) {
    (422, message.into())
}

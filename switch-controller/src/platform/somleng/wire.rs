//! What the Somleng API is asked and what it answers, key by key.
//!
//! This file must not contain: I/O of any kind.

use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serialize};
use settings::Secret;

use crate::platform::dial::Routing;

/// L7: a call without a name, an account or numbers is none that can be told of later.
fn filled<'de, D: Deserializer<'de>>(from: D) -> Result<String, D::Error> {
    let text = String::deserialize(from)?;
    if text.is_empty() { Err(D::Error::invalid_length(0, &"some text")) } else { Ok(text) }
}

fn filled_secret<'de, D: Deserializer<'de>>(from: D) -> Result<Secret, D::Error> {
    filled(from).map(Secret::new)
}

/// `POST /inbound_phone_calls`
#[derive(Debug, Serialize)]
pub(super) struct InboundCall<'a> {
    pub to: &'a str,
    pub from: &'a str,
    pub external_id: &'a str,
    /// Where PATCH and DELETE reach the call.
    pub host: &'a str,
    pub source_ip: &'a str,
    pub region: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub client_identifier: Option<&'a str>,
    pub variables: serde_json::Map<String, serde_json::Value>,
}

/// Its answer.
#[derive(Debug, Deserialize)]
pub(super) struct InboundCallMade {
    #[serde(deserialize_with = "filled")]
    pub sid: String,
    #[serde(deserialize_with = "filled")]
    pub account_sid: String,
    #[serde(deserialize_with = "filled_secret")]
    pub account_auth_token: Secret,
    #[serde(deserialize_with = "filled")]
    pub carrier_sid: String,
    #[serde(deserialize_with = "filled")]
    pub to: String,
    #[serde(deserialize_with = "filled")]
    pub from: String,
    pub voice_url: Option<String>,
    pub voice_method: Option<String>,
    pub twiml: Option<String>,
    pub voice_fallback_url: Option<String>,
    pub voice_fallback_method: Option<String>,
    pub api_version: Option<String>,
    pub default_tts_voice: Option<String>,
    pub billing_parameters: Option<Billing>,
}

/// How a call is paid for.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
pub struct Billing {
    /// Whether it is.
    pub enabled: bool,
    /// `inbound_calls`, `outbound_calls`.
    pub category: Option<String>,
    /// `prepaid` or `postpaid`.
    pub billing_mode: Option<String>,
}

/// `POST /outbound_phone_calls`
#[derive(Debug, Serialize)]
pub(super) struct Legs<'a> {
    pub parent_call_sid: &'a str,
    pub destinations: &'a [String],
    #[serde(skip_serializing_if = "Option::is_none")]
    pub from: Option<&'a str>,
}

/// Its answer.
#[derive(Debug, Deserialize)]
pub(super) struct LegsMade {
    pub phone_calls: Vec<Leg>,
}

/// A leg of a Dial.
#[derive(Debug, Deserialize)]
pub(super) struct Leg {
    pub sid: String,
    #[serde(default)]
    pub account_sid: String,
    #[serde(default)]
    pub carrier_sid: String,
    pub from: String,
    pub routing_parameters: Routing,
    pub billing_parameters: Option<Billing>,
}

/// `POST /phone_call_events`
#[derive(Debug, Serialize)]
pub(super) struct CallEvent<'a> {
    #[serde(rename = "type")]
    pub kind: &'static str,
    /// The channel.
    pub phone_call: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub variables: Option<Ending>,
}

/// How a call ended.
#[derive(Debug, Default, Serialize)]
pub(super) struct Ending {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub sip_term_status: Option<String>,
    /// Seconds of Unix time.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub answer_epoch: Option<String>,
}

/// `POST /tts_events`
#[derive(Debug, Serialize)]
pub(super) struct Speech<'a> {
    pub tts_voice: &'a str,
    pub phone_call: &'a str,
    pub num_chars: u64,
}

/// `POST /recordings`
#[derive(Debug, Serialize)]
pub(super) struct NewRecording<'a> {
    pub phone_call_id: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub status_callback_url: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub status_callback_method: Option<&'a str>,
}

/// `PATCH /recordings/<sid>`
#[derive(Debug, Serialize)]
pub(super) struct RecordingDone<'a> {
    pub raw_recording_url: &'a str,
    pub external_id: &'a str,
}

/// The answer to both.
#[derive(Debug, Deserialize)]
pub(super) struct Recording {
    pub sid: String,
    pub url: Option<String>,
}

/// `POST /call_heartbeats`
#[derive(Debug, Serialize)]
pub(super) struct Heartbeats<'a> {
    pub call_ids: &'a [String],
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::{Map, Value};

    fn json(value: &impl Serialize) -> String {
        serde_json::to_string(value).expect("JSON")
    }

    #[test]
    fn e1_e2_an_event_leaves_out_what_is_not_known() {
        let ending = |status: Option<&str>, epoch: Option<&str>| Ending {
            sip_term_status: status.map(str::to_owned),
            answer_epoch: epoch.map(str::to_owned),
        };
        let event =
            |variables| CallEvent { kind: "completed", phone_call: "5c81", variables: Some(variables) };
        assert_eq!(
            json(&event(ending(Some("200"), Some("1607752961")))),
            r#"{"type":"completed","phone_call":"5c81","variables":{"sip_term_status":"200","answer_epoch":"1607752961"}}"#
        );
        assert_eq!(
            json(&event(ending(None, None))),
            r#"{"type":"completed","phone_call":"5c81","variables":{}}"#
        );
        let ringing = CallEvent { kind: "ringing", phone_call: "5c81", variables: None };
        assert_eq!(json(&ringing), r#"{"type":"ringing","phone_call":"5c81"}"#);
    }

    #[test]
    fn l7_an_answer_says_whose_call_it_is_and_all_else_has_a_default() {
        let needed = ["sid", "account_sid", "account_auth_token", "carrier_sid", "to", "from"];
        let all: Map<String, Value> = needed.iter().map(|key| ((*key).to_owned(), "x".into())).collect();
        let read = |answer: &Map<String, Value>| {
            serde_json::from_value::<InboundCallMade>(Value::from(answer.clone()))
        };
        assert!(read(&all).is_ok(), "all else may be missing");
        for key in needed {
            let mut without = all.clone();
            without.remove(key);
            let error = read(&without).expect_err(key).to_string();
            assert!(error.contains(&format!("missing field `{key}`")), "{error}");
            for value in [Value::Null, Value::from(""), Value::from(7)] {
                without.insert(key.to_owned(), value.clone());
                assert!(read(&without).is_err(), "{key}: {value}");
            }
        }
    }

    #[test]
    fn r4_a_recording_without_a_callback_says_nothing_of_one() {
        let none =
            NewRecording { phone_call_id: "CA1", status_callback_url: None, status_callback_method: None };
        assert_eq!(json(&none), r#"{"phone_call_id":"CA1"}"#);
    }
}

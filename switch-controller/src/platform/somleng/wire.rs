//! What the Somleng API is asked and what it answers, key by key.
//!
//! This file must not contain: I/O of any kind.

use serde::{Deserialize, Serialize};
use settings::Secret;

use crate::platform::dial::Routing;

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
    pub sid: String,
    pub account_sid: String,
    pub account_auth_token: Secret,
    #[serde(default)]
    pub carrier_sid: String,
    pub to: String,
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
    fn r4_a_recording_without_a_callback_says_nothing_of_one() {
        let none =
            NewRecording { phone_call_id: "CA1", status_callback_url: None, status_callback_method: None };
        assert_eq!(json(&none), r#"{"phone_call_id":"CA1"}"#);
    }
}

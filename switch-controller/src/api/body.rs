//! What may be asked for, and what is wrong with it.
//!
//! This file must not contain: I/O of any kind.

use axum::body::Bytes;
use serde::Deserialize;
use serde::de::DeserializeOwned;
use settings::Secret;
use twiml::{Document, Method};
use url::Url;

use super::refusal::Refusal;
use crate::call::facts::Application;
use crate::platform::dial::Routing;
use crate::platform::somleng::Billing;

/// POST /calls. What the platform sends, and the few of it that a person writes.
#[derive(Debug, Deserialize)]
pub(super) struct NewCall {
    pub to: String,
    pub from: String,
    #[serde(flatten)]
    pub update: Update,
    #[serde(flatten)]
    pub fallback: Fallback,
    pub carrier_sid: Option<String>,
    /// Who pays, if anybody does.
    pub billing_parameters: Option<Billing>,
    pub sid: Option<String>,
    pub account_sid: Option<String>,
    pub account_auth_token: Option<Secret>,
    pub default_tts_voice: Option<String>,
    pub api_version: Option<String>,
    pub direction: Option<String>,
    pub call_direction: Option<String>,
    /// How it is reached. Without it a trunk of the routes file is chosen.
    pub routing_parameters: Option<Routing>,
}

/// PATCH /calls/{id}: what a call is to do from now on.
#[derive(Debug, Deserialize, Default)]
pub(super) struct Update {
    pub voice_url: Option<String>,
    pub voice_method: Option<String>,
    pub twiml: Option<String>,
}

/// Where a call turns when a document cannot be had or read.
#[derive(Debug, Deserialize, Default)]
pub(super) struct Fallback {
    pub voice_fallback_url: Option<String>,
    pub voice_fallback_method: Option<String>,
}

/// Reads JSON: 400 for what is none, 422 for what is something else than expected.
pub(super) fn json<T: DeserializeOwned>(body: &Bytes) -> Result<T, Refusal> {
    serde_json::from_slice(body).map_err(|error| match error.is_data() {
        true => Refusal::wrong_value(error.to_string()),
        false => Refusal::bad_request(format!("expected JSON: {error}")),
    })
}

impl Update {
    /// The URL, if both are given for a new call; the document, for one that is there: as the platform has it.
    pub(super) fn application(&self, document_first: bool) -> Result<Application, Refusal> {
        let url = self.voice_url.as_deref().filter(|url| !url.is_empty());
        let twiml = self.twiml.as_deref().filter(|twiml| !twiml.is_empty());
        match (url, twiml) {
            (Some(_), Some(twiml)) if document_first => document(twiml),
            (Some(url), _) => {
                let (url, method) = http("voice_url", url, self.voice_method.as_deref())?;
                Ok(Application::Url { url, method })
            }
            (None, Some(twiml)) => document(twiml),
            (None, None) => Err(Refusal::wrong_value("expected voice_url or twiml, found neither")),
        }
    }
}

impl Fallback {
    /// The URL and how it is asked, if there is one.
    pub(super) fn target(&self) -> Result<Option<(String, Method)>, Refusal> {
        let url = self.voice_fallback_url.as_deref().filter(|url| !url.is_empty());
        url.map(|url| http("voice_fallback_url", url, self.voice_fallback_method.as_deref())).transpose()
    }
}

fn http(key: &str, url: &str, method: Option<&str>) -> Result<(String, Method), Refusal> {
    match Url::parse(url) {
        Ok(parsed) if matches!(parsed.scheme(), "http" | "https") && parsed.has_host() => {
            // H7, as Twilio has it: in any case.
            let is_get = method.is_some_and(|method| method.eq_ignore_ascii_case("GET"));
            Ok((url.to_owned(), if is_get { Method::Get } else { Method::Post }))
        }
        _ => Err(Refusal::wrong_value(format!("{key}: expected an http or https URL, found {url:?}"))),
    }
}

fn document(twiml: &str) -> Result<Application, Refusal> {
    match Document::parse(twiml.as_bytes()) {
        Ok(_) => Ok(Application::Twiml(twiml.to_owned())),
        Err(error) => Err(Refusal::wrong_value(format!("twiml: {error}"))),
    }
}

/// A name that others have given: it goes into variables, header fields and file names.
pub(super) fn plain_name(key: &str, text: &str) -> Result<(), Refusal> {
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-_".contains(&byte);
    match !text.is_empty() && text.len() <= 64 && text.bytes().all(is_plain) {
        true => Ok(()),
        false => Err(Refusal::wrong_value(format!(
            "{key}: expected 1 to 64 letters, digits, - and _, found {text:?}"
        ))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use axum::http::StatusCode;

    fn new_call(text: &str) -> Result<NewCall, Refusal> {
        json(&Bytes::copy_from_slice(text.as_bytes()))
    }

    #[test]
    fn w2_what_the_platform_sends_is_read() {
        let call = new_call(
            r#"{"sid":"CA1","carrier_sid":"CR1","account_sid":"AC1","account_auth_token":"t","direction":"outbound-api",
            "api_version":"2010-04-01","call_direction":"outbound","voice_url":"https://example.com/v","voice_method":"GET",
            "twiml":null,"to":"+85512345678","from":"1294","default_tts_voice":"Basic.Slt",
            "routing_parameters":{"address":null,"destination":"85512345678","dial_string_prefix":null,"plus_prefix":true,
            "national_dialing":false,"host":"sip.example.com","username":null,"sip_profile":"nat_gateway"},
            "billing_parameters":{"enabled":false,"category":"outbound_calls","billing_mode":"prepaid"}}"#,
        )
        .expect("right");
        let application = Application::Url { url: "https://example.com/v".to_owned(), method: Method::Get };
        assert_eq!(call.update.application(false), Ok(application));
        assert!(call.routing_parameters.is_some_and(|routing| routing.plus_prefix));
    }

    #[test]
    fn w3_w4_what_is_wrong_is_told() {
        let cases = [
            ("nonsense", StatusCode::BAD_REQUEST, "expected JSON"),
            ("{\"from\":\"1\"}", StatusCode::UNPROCESSABLE_ENTITY, "missing field `to`"),
            ("{\"from\":\"1\",\"to\":5}", StatusCode::UNPROCESSABLE_ENTITY, "expected a string"),
        ];
        for (text, status, message) in cases {
            let refusal = new_call(text).expect_err(text);
            assert_eq!(refusal.status, status, "{text}");
            assert!(refusal.message.contains(message), "{} is not {message}", refusal.message);
        }
        let neither = Update::default().application(false).expect_err("neither");
        assert_eq!(neither.message, "expected voice_url or twiml, found neither");
        let twiml = Update { twiml: Some("<Play/>".to_owned()), ..Update::default() };
        assert!(twiml.application(true).expect_err("no Response").message.starts_with("twiml: line 1"));
        let url = Update { voice_url: Some("file:///etc/passwd".to_owned()), ..Update::default() };
        assert!(url.application(true).is_err());
    }

    #[test]
    fn l5_w7_a_url_wins_in_a_new_call_and_a_document_in_an_update() {
        let both = Update {
            voice_url: Some("http://x.example/".to_owned()),
            twiml: Some("<Response/>".to_owned()),
            ..Update::default()
        };
        assert!(matches!(both.application(false), Ok(Application::Url { .. })));
        assert!(matches!(both.application(true), Ok(Application::Twiml(_))));
    }
}

//! A call data record such as FreeSWITCH's mod_json_cdr sends when a channel ends, for calls that never had one: at the
//! platform only a record ends a call.
//!
//! This file must not contain: I/O of any kind.

use std::time::SystemTime;

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use serde_json::{Map, Value, json};

use super::leg::CALL_SID;
use crate::platform::Unmade;

/// The body of a request: `cdr=` and JSON in base64, as mod_json_cdr writes it with `encode` set to `base64`.
pub(super) fn of(unmade: &Unmade<'_>, now: SystemTime) -> Vec<u8> {
    let now = now.duration_since(SystemTime::UNIX_EPOCH).map_or(0, |time| time.as_secs()).to_string();
    let header = format!("sip_h_{CALL_SID}");
    let mut variables: Map<String, Value> = [
        ("uuid", unmade.channel),
        ("direction", "outbound"),
        ("record_cdr", "true"),
        (header.as_str(), unmade.call_sid),
        ("hangup_cause", &unmade.end.cause),
        ("start_epoch", &now),
        ("answer_epoch", "0"),
        ("end_epoch", &now),
        ("duration", "0"),
        ("billsec", "0"),
    ]
    .map(|(name, value)| (name.to_owned(), Value::from(value)))
    .into_iter()
    .collect();
    if let Some(status) = unmade.end.sip_status {
        variables.insert("sip_invite_failure_status".to_owned(), status.to_string().into());
    }
    format!("cdr={}", BASE64_STANDARD.encode(json!({ "variables": variables }).to_string())).into_bytes()
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::call::input::HangUp;

    #[test]
    fn a_record_has_what_the_platform_wants_to_find() {
        let variables = |sip_status| {
            let end = HangUp { cause: "ORIGINATOR_CANCEL".to_owned(), sip_status };
            let unmade = Unmade { call_sid: "CA1", channel: "c-1", end: &end };
            let body = of(&unmade, SystemTime::UNIX_EPOCH + Duration::from_secs(1_700_000_000));
            let text = String::from_utf8(body).expect("text");
            let json = BASE64_STANDARD.decode(text.strip_prefix("cdr=").expect("cdr=")).expect("base64");
            serde_json::from_slice::<Value>(&json).expect("JSON")
        };
        let mut expected = json!({
            "uuid": "c-1",
            "direction": "outbound",
            "record_cdr": "true",
            "sip_h_X-Somleng-CallSid": "CA1",
            "hangup_cause": "ORIGINATOR_CANCEL",
            "start_epoch": "1700000000",
            "answer_epoch": "0",
            "end_epoch": "1700000000",
            "duration": "0",
            "billsec": "0",
        });
        assert_eq!(variables(None), json!({ "variables": expected }));
        expected["sip_invite_failure_status"] = "487".into();
        assert_eq!(variables(Some(487)), json!({ "variables": expected }));
    }
}

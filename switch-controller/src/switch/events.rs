//! Events -> what happened to a channel.

use std::path::PathBuf;
use std::time::Duration;

use esl::Event;
use twiml::Key;

use crate::call::input::{Ask, HangUp};
use crate::calls::Happened;
use crate::platform::Incoming;

/// What stands before an ask's number in `Event-UUID`.
pub(super) const ASK: &str = "ask-";

/// What happened, if it is of use.
pub(super) fn happened(event: &Event) -> Option<Happened> {
    Some(match event.name() {
        "CHANNEL_PARK" => Happened::Parked,
        "CHANNEL_ANSWER" => Happened::Answered,
        "CHANNEL_PROGRESS" | "CHANNEL_PROGRESS_MEDIA" => Happened::Ringing,
        "DTMF" => {
            let mut signs = event.header("DTMF-Digit")?.chars();
            Happened::Digit(Key::new(signs.next()?)?)
        }
        // What ends with its channel is told before the channel's own end, and nothing comes of it.
        "CHANNEL_EXECUTE_COMPLETE" if event.header("Answer-State") == Some("hangup") => return None,
        "CHANNEL_EXECUTE_COMPLETE" => {
            let number = event.application_uuid()?.strip_prefix(ASK)?.parse().ok()?;
            Happened::Played(Ask(number), event.header("Application-Response").unwrap_or_default().to_owned())
        }
        "RECORD_STOP" => Happened::RecordStopped {
            path: PathBuf::from(event.header("Record-File-Path")?),
            length: Duration::from_millis(number(event.variable("record_ms")).unwrap_or_default()),
            cause: event.header("Record-Completion-Cause").map(str::to_owned),
        },
        "CHANNEL_BRIDGE" => {
            let own = event.unique_id()?;
            let both = ["Bridge-A-Unique-ID", "Bridge-B-Unique-ID"].map(|name| event.header(name));
            Happened::Bridged(both.into_iter().flatten().find(|id| *id != own)?.to_owned())
        }
        "CHANNEL_HANGUP_COMPLETE" => Happened::HungUp(hang_up(event)),
        _ => return None,
    })
}

/// What a channel that is gone had come to know of a REFER.
pub(super) fn referred(event: &Event) -> Option<Happened> {
    let code = |name| number(event.variable(name)).and_then(|code| u16::try_from(code).ok());
    let answer = code("sip_refer_status_code").filter(|_| event.name() == "CHANNEL_HANGUP_COMPLETE")?;
    Some(Happened::Referred(Some(answer), code("sip_refer_target_status_code")))
}

pub(super) fn hang_up(event: &Event) -> HangUp {
    let cause = event.header("Hangup-Cause").unwrap_or("NORMAL_UNSPECIFIED").to_owned();
    // The failure of an INVITE says more than how what came of it was ended.
    let status = event.variable("sip_invite_failure_status").or_else(|| event.variable("sip_term_status"));
    HangUp { cause, sip_status: number(status).and_then(|status| u16::try_from(status).ok()) }
}

fn number(text: Option<&str>) -> Option<u64> {
    text?.trim().parse().ok()
}

/// Who called whom.
pub(super) fn incoming(event: &Event) -> Option<Incoming> {
    const HEADER: &str = "sip_h_";
    let headers = event
        .variables()
        .filter_map(|(name, value)| Some((name.strip_prefix(HEADER)?.to_owned(), value.to_owned())));
    let told = ["sip_from_host", "sip_to_host", "sip_network_ip", "sip_via_host"].into_iter();
    let told = told.filter_map(|name| Some((name.to_owned(), event.variable(name)?.to_owned())));
    let of = |names: [&str; 2], variable| {
        let named =
            event.variable(variable).or_else(|| names.into_iter().find_map(|name| event.header(name)));
        named.unwrap_or_default().to_owned()
    };
    Some(Incoming {
        channel: event.unique_id()?.to_owned(),
        from: of(["Caller-Caller-ID-Number", "Caller-ANI"], "sip_from_user"),
        to: of(["Caller-Destination-Number", "Caller-RDNIS"], "sip_req_user"),
        headers: headers.collect(),
        variables: told.collect(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn event(headers: &[(&str, &str)]) -> Event {
        Event::new(headers.iter().copied(), None)
    }

    #[test]
    fn asks_come_back() {
        let of = |application: &str| {
            happened(&event(&[
                ("Event-Name", "CHANNEL_EXECUTE_COMPLETE"),
                ("Application-UUID", application),
                ("Application-Response", "FILE PLAYED"),
            ]))
        };
        assert_eq!(of("ask-7"), Some(Happened::Played(Ask(7), "FILE PLAYED".to_owned())));
        assert_eq!(of("516eba12-7128-4a65-94f9-73a131dfa873"), None);
        let ends_with_its_channel = [
            ("Event-Name", "CHANNEL_EXECUTE_COMPLETE"),
            ("Application-UUID", "ask-7"),
            ("Answer-State", "hangup"),
        ];
        assert_eq!(happened(&event(&ends_with_its_channel)), None);
        assert_eq!(of("ask-x"), None);
    }

    #[test]
    fn an_end_says_why() {
        let of = |status: &[(&str, &str)]| {
            let mut headers = vec![("Event-Name", "CHANNEL_HANGUP_COMPLETE"), ("Hangup-Cause", "USER_BUSY")];
            headers.extend(status);
            happened(&event(&headers))
        };
        let end =
            |status| Some(Happened::HungUp(HangUp { cause: "USER_BUSY".to_owned(), sip_status: status }));
        assert_eq!(of(&[]), end(None));
        assert_eq!(of(&[("variable_sip_term_status", "200")]), end(Some(200)));
        assert_eq!(of(&[("variable_sip_invite_failure_status", "486")]), end(Some(486)));
        assert_eq!(of(&[("variable_sip_term_status", "99999999")]), end(None));
    }

    #[test]
    fn who_calls_whom_is_what_sip_says() {
        let event = event(&[
            ("Unique-ID", "u"),
            ("Caller-Caller-ID-Number", "anonymous"),
            ("Caller-Destination-Number", "1294"),
            ("variable_sip_from_user", "+85512345678"),
            ("variable_sip_h_X-Src-Ip", "10.0.0.9"),
        ]);
        let incoming = incoming(&event).expect("a call");
        assert_eq!((incoming.from.as_str(), incoming.to.as_str()), ("+85512345678", "1294"));
        assert_eq!(incoming.header("x-src-ip"), Some("10.0.0.9"));
    }
}

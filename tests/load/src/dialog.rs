//! The caller's end of a dialog: later requests go along the route set to the remote target.

use std::net::SocketAddr;

use sip::{Host, Message, Name, NameAddr};

use crate::message::{Later, Number};

/// The most Record-Route values that a call may collect on its way.
const MOST_ROUTES: usize = 16;

/// RFC 3261 12.1.2: the route set is the Record-Route of the answer, in reverse order. The last value, which comes first
/// then, is the caller's own: as the proxy that it stands for would, it takes that off (16.4).
///
/// `None` if there are too many or one cannot be read.
fn write_route_set(answer: &Message<'_>, own: SocketAddr, out: &mut Vec<u8>) -> Option<()> {
    let mut values: [&[u8]; MOST_ROUTES] = [b""; MOST_ROUTES];
    let mut count = 0;
    for value in answer.values(Name::RecordRoute) {
        *values.get_mut(count)? = value;
        count += 1;
    }
    for (place, value) in values.iter().take(count).rev().enumerate() {
        if place > 0 || !names(value, own)? {
            out.extend_from_slice(b"Route: ");
            out.extend_from_slice(value);
            out.extend_from_slice(b"\r\n");
        }
    }
    Some(())
}

/// Whether a Record-Route value names this address.
fn names(value: &[u8], own: SocketAddr) -> Option<bool> {
    let uri = NameAddr::parse(value).ok()?.uri().ok()?;
    let ip = uri.host.as_ref().and_then(Host::ip);
    Some(ip == Some(own.ip()) && uri.port_or_default() == own.port())
}

/// Appends a request inside the dialog that `answer` (a 200 to the INVITE) made. `None`, and nothing that could be sent,
/// if the answer makes no dialog.
pub fn write_later(
    later: &Later,
    number: &Number,
    answer: &Message<'_>,
    own: SocketAddr,
    out: &mut Vec<u8>,
) -> Option<()> {
    let contact = NameAddr::parse(answer.first(Name::Contact)?.value).ok()?;
    out.extend_from_slice(later.method);
    out.extend_from_slice(contact.raw_uri);
    later.before_routes.write(number, out);
    write_route_set(answer, own, out)?;
    write_end(later, number, answer, out)
}

/// Appends the ACK of a refusal: to where the INVITE went, without a route set (RFC 3261 17.1.1.3).
pub fn write_refused(
    later: &Later,
    number: &Number,
    uri: &str,
    refusal: &Message<'_>,
    out: &mut Vec<u8>,
) -> Option<()> {
    out.extend_from_slice(later.method);
    out.extend_from_slice(uri.as_bytes());
    later.before_routes.write(number, out);
    write_end(later, number, refusal, out)
}

fn write_end(later: &Later, number: &Number, response: &Message<'_>, out: &mut Vec<u8>) -> Option<()> {
    later.before_to.write(number, out);
    out.extend_from_slice(response.first(Name::To)?.value);
    out.extend_from_slice(b"\r\n\r\n");
    Some(())
}

#[cfg(test)]
mod tests {
    use sip::{Index, Limits, Method};

    use super::*;
    use crate::message::{Run, Script, number};
    use crate::plan::tests::plan;

    fn later(record_routes: &str) -> Option<String> {
        let answer = format!(
            "SIP/2.0 200 OK\r\n{record_routes}To: <sip:1294@127.0.0.1:5060>;tag=t\r\n\
             Contact: <sip:fs@127.0.1.2:7001;transport=udp>\r\n\r\n"
        );
        let mut index = Index::new();
        let answer = Message::parse(answer.as_bytes(), &mut index, &Limits::default()).unwrap();
        let script = Script::new(&Run::new(), plan().caller, &plan());
        let mut out = Vec::new();
        write_later(&script.bye, &number(7), &answer, plan().caller, &mut out)?;
        Some(String::from_utf8(out).unwrap())
    }

    fn routes(text: &str) -> Vec<&str> {
        text.lines().filter_map(|line| line.strip_prefix("Route: ")).collect()
    }

    #[test]
    fn the_route_set_is_the_record_route_reversed_without_the_callers_own() {
        let bye = later(
            "Record-Route: <sip:10.0.0.2;lr>, <sip:127.0.0.1:5060;lr;a=b>\r\nrecord-route: <sip:10.0.0.3;lr>\r\n\
             Record-Route: <sip:127.0.0.1:6000;lr>\r\n",
        );
        let expected = ["<sip:10.0.0.3;lr>", "<sip:127.0.0.1:5060;lr;a=b>", "<sip:10.0.0.2;lr>"];
        assert_eq!(routes(&bye.unwrap()), expected);
    }

    #[test]
    fn a_route_of_another_is_kept_where_the_callers_own_is_missing() {
        let bye = later("Record-Route: <sip:127.0.0.1:5060;lr>\r\n").unwrap();
        assert_eq!(routes(&bye), ["<sip:127.0.0.1:5060;lr>"]);
        assert!(routes(&later("").unwrap()).is_empty());
    }

    #[test]
    fn more_routes_than_any_call_collects_make_no_request() {
        assert_eq!(later(&"Record-Route: <sip:10.0.0.2;lr>\r\n".repeat(17)), None);
    }

    #[test]
    fn a_later_request_is_a_sound_message_to_the_remote_target_with_its_tag() {
        let bye = later("Record-Route: <sip:127.0.0.1:6000;lr>\r\n").unwrap();
        let mut index = Index::new();
        let msg = Message::parse(bye.as_bytes(), &mut index, &Limits::default()).unwrap();
        let line = msg.request().unwrap();
        assert_eq!((line.method, line.uri), (Method::Bye, &b"sip:fs@127.0.1.2:7001;transport=udp"[..]));
        assert_eq!((msg.defect(), msg.to().unwrap().tag()), (None, Some(&b"t"[..])));
        assert_eq!((msg.cseq().unwrap().number, msg.body().unwrap()), (2, &b""[..]));
    }

    #[test]
    fn the_ack_of_a_refusal_has_the_branch_of_its_invite() {
        let (run, plan) = (Run::new(), plan());
        let script = Script::new(&run, plan.caller, &plan);
        let (mut invite, mut ack) = (Vec::new(), Vec::new());
        script.invite.write(&number(7), &mut invite);
        let mut indexes = [Index::new(), Index::new(), Index::new()];
        let [one, two, three] = &mut indexes;
        let refusal = b"SIP/2.0 486 Busy Here\r\nTo: <sip:a@b>;tag=t\r\n\r\n";
        let refusal = Message::parse(refusal, one, &Limits::default()).unwrap();
        write_refused(&script.refused, &number(7), &script.uri, &refusal, &mut ack).unwrap();
        let invite = Message::parse(&invite, two, &Limits::default()).unwrap();
        let ack = Message::parse(&ack, three, &Limits::default()).unwrap();
        assert_eq!(ack.top_via().unwrap().branch(), invite.top_via().unwrap().branch());
        assert_eq!(ack.request().unwrap().uri, invite.request().unwrap().uri);
        assert_eq!(ack.to().unwrap().tag(), Some(&b"t"[..]));
    }
}

//! One end's state of an established call (RFC 3261 12): whom it speaks to, and by which way.

use std::net::SocketAddr;

use anyhow::{Context, Result};
use sip::{Name, NameAddr};

use super::incoming::address_of;
use super::{Draft, Incoming};

/// A dialog as one end sees it.
#[derive(Debug, Clone)]
pub struct Dialog {
    call_id: Vec<u8>,
    local: Vec<u8>,
    remote: Vec<u8>,
    target: String,
    routes: Vec<String>,
    cseq: u32,
    here: SocketAddr,
    next_hop: Option<SocketAddr>,
}

impl Dialog {
    /// The dialog of the end that answered an INVITE, with the tag that it gave.
    #[must_use]
    pub fn of_callee(invite: &Incoming, tag: &str, here: SocketAddr, cseq: u32) -> Self {
        let mut local = invite.raw_first(Name::To);
        local.extend(format!(";tag={tag}").into_bytes());
        Self {
            call_id: invite.raw_first(Name::CallId),
            local,
            remote: invite.raw_first(Name::From),
            target: invite.contact.clone().unwrap_or_default(),
            // RFC 3261 12.1.1: the Record-Routes of the request, in their order.
            routes: invite.record_routes.clone(),
            cseq,
            here,
            next_hop: None,
        }
    }

    /// The dialog of the end that sent an INVITE, by the response that made it.
    #[must_use]
    pub fn of_caller(response: &Incoming, here: SocketAddr) -> Self {
        Self {
            call_id: response.raw_first(Name::CallId),
            local: response.raw_first(Name::From),
            remote: response.raw_first(Name::To),
            target: response.contact.clone().unwrap_or_default(),
            // RFC 3261 12.1.2: the Record-Routes of the response, the other way round.
            routes: response.record_routes.iter().rev().cloned().collect(),
            cseq: response.cseq,
            here,
            next_hop: None,
        }
    }

    /// Forgets the route set and speaks to this URI at this address alone, as callers do that know no Record-Route.
    pub fn ignore_routes(&mut self, target: &str, next_hop: SocketAddr) {
        self.routes.clear();
        target.clone_into(&mut self.target);
        self.next_hop = Some(next_hop);
    }

    /// Sends everything to this address, whatever the route set says.
    pub fn send_through(&mut self, next_hop: SocketAddr) {
        self.next_hop = Some(next_hop);
    }

    /// Follows a new Contact (RFC 3261 12.2.1.2, 12.2.2: the target is refreshed, the route set is not).
    pub fn refresh(&mut self, contact: Option<&str>) {
        if let Some(contact) = contact {
            contact.clone_into(&mut self.target);
        }
    }

    /// The route set, in the order in which its requests carry it.
    #[must_use]
    pub fn routes(&self) -> &[String] {
        &self.routes
    }

    /// Takes the next CSeq number.
    pub fn next_cseq(&mut self) -> u32 {
        self.cseq += 1;
        self.cseq
    }

    /// Begins a request of this dialog. An ACK takes the CSeq number of its INVITE, others [`Dialog::next_cseq`].
    #[must_use]
    pub fn request(&self, method: &str, cseq: u32, branch: &str) -> Draft {
        let (uri, routes) = self.way();
        Draft::request(method, &uri)
            .header("Via", format!("SIP/2.0/UDP {};branch={branch};rport", self.here))
            .headers("Route", routes)
            .header("Max-Forwards", "70")
            .header("From", &self.local)
            .header("To", &self.remote)
            .header("Call-ID", &self.call_id)
            .header("CSeq", format!("{cseq} {method}"))
    }

    /// Where requests of this dialog are sent (RFC 3261 8.1.2).
    ///
    /// # Errors
    /// When the first route, or without routes the target, is no address.
    pub fn next_hop(&self) -> Result<SocketAddr> {
        if let Some(fixed) = self.next_hop {
            return Ok(fixed);
        }
        let Some(route) = self.routes.first() else {
            return address_of(self.target.as_bytes()).context("the dialog's target");
        };
        address_of(NameAddr::parse(route.as_bytes())?.raw_uri).context("the dialog's first route")
    }

    /// Request-URI and Routes. RFC 3261 12.2.1.1: a first route without lr is a strict router's, and takes the place
    /// of the target, which then goes to the end.
    fn way(&self) -> (String, Vec<String>) {
        let strict = self.routes.split_first().filter(|(first, _)| !is_loose(first));
        let Some((first, rest)) = strict else { return (self.target.clone(), self.routes.clone()) };
        let uri = NameAddr::parse(first.as_bytes())
            .map(|route| String::from_utf8_lossy(route.raw_uri).into_owned());
        let routes = rest.iter().cloned().chain([format!("<{}>", self.target)]).collect();
        (uri.unwrap_or_default(), routes)
    }
}

fn is_loose(route: &str) -> bool {
    let route = NameAddr::parse(route.as_bytes());
    route.and_then(|route| route.uri()).is_ok_and(|uri| uri.params.has("lr"))
}

#[cfg(test)]
mod tests {
    use super::*;

    const HERE: &str = "10.0.0.9:5060";

    fn message(start: &str, to: &str, routes: &str) -> Incoming {
        let text = format!(
            "{start}\r\nVia: SIP/2.0/UDP 1.1.1.1;branch=z\r\nRecord-Route: {routes}\r\nFrom: <sip:a@b>;tag=A\r\nTo: {to}\r\n\
             Call-ID: x\r\nCSeq: 7 INVITE\r\nContact: <sip:far@10.9.9.9:5070>\r\nContent-Length: 0\r\n\r\n"
        );
        Incoming::parse(text.as_bytes()).unwrap()
    }

    fn bye(dialog: &mut Dialog) -> String {
        let cseq = dialog.next_cseq();
        String::from_utf8(dialog.request("BYE", cseq, "z9hG4bKb").end()).unwrap()
    }

    #[test]
    fn the_callee_keeps_the_order_of_record_routes_and_the_caller_turns_it_round() {
        let routes = "<sip:10.0.0.1;lr>, <sip:10.0.0.2;lr>";
        let here = HERE.parse().unwrap();
        let invite = message("INVITE sip:a@b SIP/2.0", "<sip:b@c>", routes);
        let mut callee = Dialog::of_callee(&invite, "B", here, 1);
        assert_eq!(callee.next_hop().unwrap(), "10.0.0.1:5060".parse().unwrap());
        assert_eq!(
            bye(&mut callee),
            "BYE sip:far@10.9.9.9:5070 SIP/2.0\r\nVia: SIP/2.0/UDP 10.0.0.9:5060;branch=z9hG4bKb;rport\r\n\
             Route: <sip:10.0.0.1;lr>\r\nRoute: <sip:10.0.0.2;lr>\r\nMax-Forwards: 70\r\nFrom: <sip:b@c>;tag=B\r\n\
             To: <sip:a@b>;tag=A\r\nCall-ID: x\r\nCSeq: 2 BYE\r\nContent-Length: 0\r\n\r\n"
        );
        let mut caller = Dialog::of_caller(&message("SIP/2.0 200 OK", "<sip:b@c>;tag=B", routes), here);
        assert_eq!(caller.next_hop().unwrap(), "10.0.0.2:5060".parse().unwrap());
        let bye = bye(&mut caller);
        assert!(bye.contains("Route: <sip:10.0.0.2;lr>\r\nRoute: <sip:10.0.0.1;lr>\r\n"), "{bye}");
        assert!(
            bye.contains("From: <sip:a@b>;tag=A\r\nTo: <sip:b@c>;tag=B\r\n") && bye.contains("CSeq: 8 BYE"),
            "{bye}"
        );
    }

    #[test]
    fn a_strict_router_gets_the_request_uri() {
        let invite = message("INVITE sip:a@b SIP/2.0", "<sip:b@c>", "<sip:10.0.0.1>, <sip:10.0.0.2;lr>");
        let bye = bye(&mut Dialog::of_callee(&invite, "B", HERE.parse().unwrap(), 1));
        assert!(bye.starts_with("BYE sip:10.0.0.1 SIP/2.0\r\n"), "{bye}");
        assert!(bye.contains("Route: <sip:10.0.0.2;lr>\r\nRoute: <sip:far@10.9.9.9:5070>\r\nMax"), "{bye}");
    }

    #[test]
    fn routes_can_be_ignored_and_the_way_fixed() {
        let invite = message("INVITE sip:a@b SIP/2.0", "<sip:b@c>", "<sip:name.example;lr>");
        let mut dialog = Dialog::of_callee(&invite, "B", HERE.parse().unwrap(), 1);
        assert!(dialog.next_hop().is_err());
        dialog.send_through(HERE.parse().unwrap());
        assert_eq!(dialog.next_hop().unwrap(), HERE.parse().unwrap());
        dialog.ignore_routes("sip:1@10.0.0.5", "10.0.0.5:5060".parse().unwrap());
        assert!(bye(&mut dialog).starts_with("BYE sip:1@10.0.0.5 SIP/2.0\r\nVia"));
        assert!(dialog.routes().is_empty());
    }
}

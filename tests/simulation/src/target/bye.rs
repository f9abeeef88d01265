//! A target's own BYE (17.1.2).

use super::{State, Target, TargetTimer, resolve};
use crate::context::Context;
use crate::links::Toward;
use crate::message::{Bytes, Draft, Msg, authority, in_angles, param};
use crate::scenario::{SHARED, T1, TIMEOUT, proxy_address};

impl Target {
    pub(super) fn hang_up(&mut self, context: &mut Context, at: usize) {
        let address = self.address();
        let uas = &mut self.calls[at];
        let Some(invite) = Msg::read(&uas.invite) else { return };
        let routes: Vec<&str> = invite.all("Record-Route").collect();
        let uri = invite.contact();
        let to = authority(routes.first().map_or(uri, |route| in_angles(route))).to_owned();
        let by_tcp = routes.first().unwrap_or(&uri).contains("transport=tcp");
        let by = if by_tcp { "TCP" } else { "UDP" };
        let via = format!("SIP/2.0/{by} {address};branch=z9hG4bK-bye-{}", uas.tag);
        let bytes = Draft::request("BYE", uri)
            .field("Via", via)
            .fields("Route", routes.iter().copied())
            .field("Max-Forwards", 70)
            .field("From", format_args!("{};tag={}", invite.get("To"), uas.tag))
            .field("To", invite.get("From"))
            .field("Call-ID", invite.get("Call-ID"))
            .field("CSeq", "7 BYE")
            .finish();
        uas.state = State::Leaving;
        uas.bye = Some((bytes, to));
        self.after(context, 0, TargetTimer::ByeResend(at, T1 / 2));
        self.after(context, TIMEOUT, TargetTimer::ByeOver(at));
    }

    /// Again and again as a datagram; over TCP again only when its connection is gone.
    pub(super) fn send_bye(&mut self, context: &mut Context, at: usize, bytes: Bytes, to: &str) {
        if !bytes.contains("SIP/2.0/TCP 10.") {
            if let Some(to) = resolve(context, to) {
                context.send(self.address(), to, bytes);
            }
            return;
        }
        if self.calls[at].bye_link.is_some_and(|link| !context.links[link].broken) {
            return;
        }
        let proxies = context.scenario.proxies;
        let to = resolve(context, to);
        let proxy = (0..proxies).find(|proxy| Some(proxy_address(*proxy)) == to);
        let proxy =
            proxy.or_else(|| to.filter(|to| to.to_string() == SHARED).map(|_| context.rng.below(proxies)));
        let link = proxy.and_then(|proxy| context.link_to_proxy(self.number, proxy));
        if let Some(link) = link {
            context.send_on(link, Toward::Proxy, bytes);
            self.calls[at].bye_link = Some(link);
        }
    }

    /// The answer to its BYE.
    pub(super) fn response(&mut self, context: &mut Context, msg: &Msg<'_>) {
        let tag = param(msg.get("From"), "tag").unwrap_or("");
        let Some(uas) = self.calls.iter_mut().find(|uas| uas.tag == tag) else {
            return context
                .breach(msg.call(), format!("target {} got an answer of nobody's", self.number + 1));
        };
        if uas.state == State::Leaving && msg.code().is_some_and(|code| code >= 200) {
            uas.state = State::Over;
            let (call, code) = (uas.call, msg.code().unwrap_or(0));
            if !matches!(code, 200 | 481) {
                context.breach(Some(call), format!("a target's BYE was refused with {code}"));
            }
        }
    }
}

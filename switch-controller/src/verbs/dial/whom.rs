//! Whom a Dial calls, and what its noun wants beside that.

use twiml::{CallEvent, Leg, Method, StatusCallback, Url, UrlRef};

use crate::call::action::Severity;
use crate::call::desk::Desk;
use crate::call::facts::Application;

/// Somebody to be called.
#[derive(Debug)]
pub(super) struct Whom {
    /// A number, or a SIP URI with its scheme.
    pub(super) to: String,
    /// What the one who answers executes before both are connected.
    pub(super) brief: Option<Application>,
    /// Who is told how the leg gets on.
    pub(super) callback: Option<(Url, Method, Vec<CallEvent>)>,
}

impl Whom {
    /// As a noun says. What leads nowhere is left out.
    pub(super) fn new(leg: Leg, desk: &mut Desk) -> Self {
        let (to, keys, url, method, callback) = match leg {
            Leg::Number(n) => (n.number, n.send_digits, n.url, n.method, n.status_callback),
            Leg::Sip(sip) => {
                if sip.username.is_some() || sip.password.is_some() {
                    desk.log(Severity::Customer, "'username' and 'password' in <Dial> are ignored");
                }
                (sip.uri, None, sip.url, sip.method, sip.status_callback)
            }
        };
        let url = url.and_then(|url| absolute(&url, "url", desk));
        let keys = keys.as_ref().map(|keys| keys.as_str());
        Whom { to, brief: brief(keys, url, method), callback: callback.and_then(|told| told_of(told, desk)) }
    }
}

/// What the one who answers executes: the keys, then the document. Keys hold nothing that XML would read otherwise.
fn brief(keys: Option<&str>, url: Option<Url>, method: Method) -> Option<Application> {
    let Some(keys) = keys else { return url.map(|url| Application::Url { url: url.into(), method }) };
    let redirect = url.map(|url| {
        // All else that means something to XML is written with % in a URL.
        let url = url.as_str().replace('&', "&amp;").replace('\'', "&apos;");
        format!("<Redirect method=\"{}\">{url}</Redirect>", method.as_str())
    });
    let redirect = redirect.unwrap_or_default();
    Some(Application::Twiml(format!("<Response><Play digits=\"{keys}\"/>{redirect}</Response>")))
}

fn told_of(callback: StatusCallback, desk: &mut Desk) -> Option<(Url, Method, Vec<CallEvent>)> {
    let url = absolute(&callback.url, "statusCallback", desk)?;
    Some((url, callback.method, callback.events))
}

/// Where an attribute's URL leads. It is left out, and the log says so, where that is nowhere.
pub(in crate::verbs) fn absolute(url: &UrlRef, attribute: &str, desk: &mut Desk) -> Option<Url> {
    match desk.resolve(url) {
        Ok(url) => Some(url),
        Err(problem) => {
            desk.log(Severity::Customer, format!("'{attribute}' is left out: {}", problem.0));
            None
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_come_before_the_document_and_a_hostile_url_stays_in_its_place() {
        let url = Url::parse("https://a.b/?x=1&y='</Redirect><Dial>1</Dial>").expect("a URL");
        let Some(Application::Twiml(text)) = brief(Some("w1#"), Some(url.clone()), Method::Get) else {
            panic!("a document")
        };
        let document = twiml::Document::parse(text.as_bytes()).expect("TwiML");
        assert!(
            matches!(document.verb(0), Some(Ok(twiml::Verb::Play(play))) if play.digits.is_some()),
            "{text}"
        );
        let Some(Ok(twiml::Verb::Redirect(redirect))) = document.verb(1) else { panic!("{text}") };
        assert_eq!((redirect.url.resolve(None), redirect.method), (Ok(url), Method::Get));
        assert!(document.verb(2).is_none(), "{text}");
    }
}

//! `<Refer>`: hands the call back to where it came from, which shall call somebody else (SIP REFER, RFC 3515).

use super::{Method, Reading};
use crate::element::{Element, Node};
use crate::error::Fault;
use crate::url_ref::UrlRef;

/// `<Refer>`
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refer {
    /// Whom the other side shall call: a `sip:` or `sips:` URI.
    pub to: String,
    /// `action`: requested afterwards; where there is none, the next verb follows.
    pub action: Option<UrlRef>,
    /// `method` of the action.
    pub method: Method,
}

impl Refer {
    pub(super) fn read(element: &Element<'_>, reading: &mut Reading<'_>) -> Result<Refer, Fault> {
        let mut to = None;
        for node in element.content() {
            match node {
                Node::Element(sip) if sip.name == "Sip" && to.is_none() => {
                    to = Some(sip.sip_uri()?);
                    reading.ignored_attributes(sip);
                }
                Node::Element(child) if child.name == "Sip" => {
                    return Err(Fault { offset: child.offset, ..element.lacks("exactly one <Sip> noun") });
                }
                Node::Element(child) => return Err(element.refuses(child.name, child.offset)),
                Node::Text { offset, .. } => return Err(element.refuses("text", *offset)),
            }
        }
        let to = to.ok_or_else(|| element.lacks("exactly one <Sip> noun"))?;
        Ok(Refer { to, action: element.url("action")?, method: element.method("method", reading) })
    }
}

//! SIP as the ends see it: read into lines, and put together from lines. The proxy under test has a reader of its own
//! (`crates/sip`); this one shares nothing with it, so that a mistake there is not made here too.

use std::fmt::Write;
use std::rc::Rc;

/// A message on its way.
pub(crate) type Bytes = Rc<str>;

/// A message, read.
#[derive(Debug)]
pub(crate) struct Msg<'a> {
    line: &'a str,
    fields: Vec<(&'a str, &'a str)>,
}

impl<'a> Msg<'a> {
    /// Reads what this simulation's own parties and the proxy write: one value in each line, full names.
    pub(crate) fn read(text: &'a str) -> Option<Msg<'a>> {
        let mut lines = text.split("\r\n");
        let line = lines.next()?;
        let mut fields = Vec::with_capacity(16);
        for field in lines.take_while(|line| !line.is_empty()) {
            let (name, value) = field.split_once(':')?;
            fields.push((name, value.trim()));
        }
        Some(Msg { line, fields })
    }

    /// The status code of a response.
    pub(crate) fn code(&self) -> Option<u16> {
        self.line.strip_prefix("SIP/2.0 ")?.split(' ').next()?.parse().ok()
    }

    /// The method of a request.
    pub(crate) fn method(&self) -> &'a str {
        if self.line.starts_with("SIP/2.0 ") { "" } else { self.line.split(' ').next().unwrap_or("") }
    }

    /// The first value of a header field, empty if there is none.
    pub(crate) fn get(&self, name: &str) -> &'a str {
        self.all(name).next().unwrap_or("")
    }

    /// All values of a header field.
    pub(crate) fn all(&self, name: &str) -> impl Iterator<Item = &'a str> {
        self.fields.iter().filter(move |(n, _)| *n == name).map(|(_, value)| *value)
    }

    /// The CSeq's number and method.
    pub(crate) fn cseq(&self) -> (u32, &'a str) {
        let (number, method) = self.get("CSeq").split_once(' ').unwrap_or(("0", ""));
        (number.parse().unwrap_or(0), method)
    }

    pub(crate) fn to_tag(&self) -> &'a str {
        param(self.get("To"), "tag").unwrap_or("")
    }

    pub(crate) fn sender_tag(&self) -> &'a str {
        param(self.get("From"), "tag").unwrap_or("")
    }

    /// The branch of the topmost Via.
    pub(crate) fn branch(&self) -> &'a str {
        param(self.get("Via"), "branch").unwrap_or("")
    }

    /// The URI between `<` and `>` in Contact.
    pub(crate) fn contact(&self) -> &'a str {
        in_angles(self.get("Contact"))
    }

    /// The call's number, where the Call-ID is one of this simulation's callers'.
    pub(crate) fn call(&self) -> Option<usize> {
        self.get("Call-ID").strip_prefix("call-")?.split('@').next()?.parse().ok()
    }

    /// Which of a call's branches it belongs to: the number in the Via that the caller wrote.
    pub(crate) fn leg(&self) -> Option<usize> {
        self.all("Via").filter_map(|via| param(via, "branch")).find_map(leg_of)
    }
}

/// The branch that a caller gives a leg of a call.
pub(crate) fn leg_branch(call: usize, leg: usize) -> String {
    format!("z9hG4bK-call{call}-leg{leg}")
}

fn leg_of(branch: &str) -> Option<usize> {
    branch.strip_prefix("z9hG4bK-call")?.split_once("-leg")?.1.parse().ok()
}

/// A parameter's value.
pub(crate) fn param<'a>(value: &'a str, name: &str) -> Option<&'a str> {
    let params = value.rsplit('>').next()?.split(';').skip(usize::from(!value.contains('>')));
    let params = params.map(str::trim).filter_map(|param| param.split_once('='));
    params.into_iter().find(|(n, _)| *n == name).map(|(_, v)| v)
}

/// What stands between `<` and `>`.
pub(crate) fn in_angles(value: &str) -> &str {
    value.split_once('<').and_then(|(_, rest)| rest.split_once('>')).map_or(value, |(uri, _)| uri)
}

/// Host and port of a SIP URI.
pub(crate) fn authority(uri: &str) -> &str {
    let rest = uri.strip_prefix("sip:").unwrap_or(uri);
    let rest = rest.split([';', '?']).next().unwrap_or(rest);
    rest.rsplit_once('@').map_or(rest, |(_, host)| host)
}

/// Host and port of the party that wrote a Via.
pub(crate) fn sent_by(via: &str) -> &str {
    via.split(' ').nth(1).and_then(|rest| rest.split(';').next()).unwrap_or("")
}

/// A message that is being put together.
#[derive(Debug)]
pub(crate) struct Draft(String);

impl Draft {
    pub(crate) fn request(method: &str, uri: &str) -> Self {
        let mut text = String::with_capacity(700);
        let _ = write!(text, "{method} {uri} SIP/2.0\r\n");
        Draft(text)
    }

    pub(crate) fn response(code: u16) -> Self {
        let mut text = String::with_capacity(700);
        let reason = match code {
            100 => "Trying",
            180 => "Ringing",
            200 => "OK",
            481 => "Call/Transaction Does Not Exist",
            482 => "Merged",
            486 => "Busy Here",
            487 => "Request Terminated",
            503 => "Full",
            _ => "Because",
        };
        let _ = write!(text, "SIP/2.0 {code} {reason}\r\n");
        Draft(text)
    }

    pub(crate) fn field(mut self, name: &str, value: impl std::fmt::Display) -> Self {
        let _ = write!(self.0, "{name}: {value}\r\n");
        self
    }

    pub(crate) fn fields<'v>(self, name: &str, values: impl IntoIterator<Item = &'v str>) -> Self {
        values.into_iter().fold(self, |draft, value| draft.field(name, value))
    }

    pub(crate) fn finish(mut self) -> Bytes {
        self.0.push_str("Content-Length: 0\r\n\r\n");
        self.0.into()
    }
}

/// A response to a request (RFC 3261 8.2.6): all Vias, the topmost stamped with where it came from (18.2.1, RFC 3581).
pub(crate) fn respond(to: &Msg<'_>, code: u16, tag: &str, source: std::net::SocketAddr) -> Draft {
    let top = to.get("Via");
    let mut stamped = String::from(top);
    if top.split(';').any(|param| param == "rport") {
        stamped = top.replace(";rport", &format!(";rport={}", source.port()));
    }
    if sent_by(top).parse() != Ok(source) || stamped.len() > top.len() {
        let _ = write!(stamped, ";received={}", source.ip());
    }
    let draft = Draft::response(code).field("Via", stamped).fields("Via", to.all("Via").skip(1));
    let draft = draft.fields("Record-Route", to.all("Record-Route")).field("From", to.get("From"));
    let tagged = to.to_tag().is_empty() && !tag.is_empty();
    let draft = match tagged {
        true => draft.field("To", format_args!("{};tag={tag}", to.get("To"))),
        false => draft.field("To", to.get("To")),
    };
    draft.field("Call-ID", to.get("Call-ID")).field("CSeq", to.get("CSeq"))
}

/// Where a response goes, by its topmost Via (18.2.2, RFC 3581): received and rport, else sent-by.
pub(crate) fn way_back(via: &str) -> String {
    let sent_by = sent_by(via);
    let (host, port) = sent_by.split_once(':').unwrap_or((sent_by, "5060"));
    format!("{}:{}", param(via, "received").unwrap_or(host), param(via, "rport").unwrap_or(port))
}

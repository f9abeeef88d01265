//! What came of a call.

use std::fmt;
use std::time::Duration;

use crate::media::AudioReport;
use crate::signalling::Side;

/// A response, and when it came.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Response {
    /// Its code.
    pub code: u16,
    /// The method that it answers.
    pub method: String,
    /// When it came, counted from the INVITE.
    pub at: Duration,
}

/// What came of a call, as its caller saw it.
#[derive(Debug, Clone, Default)]
pub struct CallReport {
    /// The call's Call-ID.
    pub call_id: String,
    /// The final answer to the INVITE.
    pub status: Option<u16>,
    /// All of that answer, as it came.
    pub answer: String,
    /// All responses, retransmissions included, in order.
    pub responses: Vec<Response>,
    /// Methods of the requests that the other end sent, each transaction once.
    pub requests: Vec<String>,
    /// `Refer-To` of the last REFER.
    pub refer_to: Option<String>,
    /// Who ended the call, by CANCEL or BYE.
    pub hung_up_by: Option<Side>,
    /// Time from the INVITE to its final answer.
    pub set_up: Option<Duration>,
    /// Time from the INVITE to the end.
    pub duration: Duration,
    /// The answer to our BYE.
    pub bye_status: Option<u16>,
    /// The route set, in the order in which our requests carry it.
    pub routes: Vec<String>,
    /// When each step of the script was done, counted from the INVITE.
    pub steps: Vec<Duration>,
    /// What was sent and heard.
    pub audio: AudioReport,
    /// Requests that we sent again because no answer came.
    pub resent: u32,
    /// Messages of the other end that came again.
    pub repeated: u32,
    /// Why the call could not go on, if so.
    pub failure: Option<String>,
}

impl CallReport {
    /// The header fields of the final answer whose names begin so, in any case: names and values, in order.
    pub fn answer_fields(&self, beginning: &str) -> Vec<(&str, &str)> {
        let head = self.answer.split("\r\n\r\n").next().unwrap_or_default();
        let fields = head.split("\r\n").skip(1).filter_map(|line| line.split_once(':'));
        let fields = fields.map(|(name, value)| (name.trim(), value.trim()));
        fields.filter(|(name, _)| name.to_lowercase().starts_with(&beginning.to_lowercase())).collect()
    }

    /// Answered, and ended by a BYE which was answered too.
    #[must_use]
    pub fn completed(&self) -> bool {
        let ended = match self.hung_up_by {
            Some(Side::Caller) => self.bye_status == Some(200),
            Some(Side::Callee) => true,
            None => false,
        };
        self.status == Some(200) && ended && self.failure.is_none()
    }
}

impl fmt::Display for CallReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let status = self.status.map_or("no final answer".to_owned(), |status| status.to_string());
        writeln!(f, "call       {}", self.call_id)?;
        writeln!(
            f,
            "status     {status}{}",
            self.set_up.map(|time| format!(" after {time:.0?}")).unwrap_or_default()
        )?;
        let responses: Vec<_> =
            self.responses.iter().map(|r| format!("{} {} ({:.0?})", r.code, r.method, r.at)).collect();
        writeln!(f, "responses  {}", or_none(&responses.join(", ")))?;
        writeln!(f, "requests   {}", or_none(&self.requests.join(", ")))?;
        writeln!(f, "route set  {}", or_none(&self.routes.join(", ")))?;
        let by = self.hung_up_by.map_or("nobody".to_owned(), |side| format!("the {side}"));
        writeln!(f, "hung up    by {by}, after {:.2?}", self.duration)?;
        let AudioReport { sent, received, rms, rms_per_second, digits, .. } = &self.audio;
        let seconds: Vec<_> = rms_per_second.iter().map(|rms| format!("{rms:.0}")).collect();
        writeln!(f, "RTP        {sent} packets sent, {received} received")?;
        writeln!(f, "energy     RMS {rms:.0}, by second: {}", seconds.join(" "))?;
        writeln!(f, "digits     {}", or_none(digits))?;
        write!(f, "repeated   {} by us, {} by the other end", self.resent, self.repeated)?;
        match &self.failure {
            Some(failure) => write!(f, "\nfailure    {failure}"),
            None => Ok(()),
        }
    }
}

fn or_none(list: &str) -> &str {
    if list.is_empty() { "none" } else { list }
}

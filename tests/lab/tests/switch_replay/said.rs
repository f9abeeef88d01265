//! What was said: by FreeSWITCH in a recording, by the stand-in now, and whether that is the same.

use super::*;

/// Header fields that are compared, besides the event's name.
pub const FIELDS: [&str; 25] = [
    "Channel-State",
    "Channel-State-Number",
    "Channel-Call-State",
    "Answer-State",
    "Call-Direction",
    "Application",
    "Application-Data",
    "Application-Response",
    "Application-UUID",
    "Hangup-Cause",
    "DTMF-Digit",
    "DTMF-Source",
    "Playback-Status",
    "Playback-File-Path",
    "Playback-File-Type",
    "Record-File-Path",
    "Record-Completion-Cause",
    "Other-Leg-Unique-ID",
    "Bridge-A-Unique-ID",
    "Bridge-B-Unique-ID",
    "Job-UUID",
    "Job-Command",
    "Job-Command-Arg",
    "Caller-Destination-Number",
    "Caller-Caller-ID-Number",
];

/// Variables that are compared, and all whose name begins with `RECORD_` or `sip_h_`.
pub const VARIABLES: [&str; 15] = [
    "direction",
    "sip_term_status",
    "proto_specific_hangup_cause",
    "sip_invite_failure_status",
    "sip_hangup_disposition",
    "hangup_cause",
    "hangup_cause_q850",
    "endpoint_disposition",
    "current_application",
    "current_application_response",
    "park_timeout",
    "park_after_bridge",
    "last_bridge_to",
    "bridge_uuid",
    "last_bridge_hangup_cause",
];

/// Replies that tell of time and load.
pub const NOT_COMPARED: [&str; 1] = ["api status"];

/// An event as it is compared: what happened to which channel or job.
#[derive(Debug, PartialEq, Eq)]
pub struct Seen {
    pub whose: String,
    pub name: String,
    pub fields: Vec<(String, String)>,
}

/// UUIDs that FreeSWITCH makes up get names by the order in which they appear.
#[derive(Default)]
pub struct Names {
    pub known: BTreeMap<String, String>,
    /// Those that the controller chose stay as they are.
    pub chosen: String,
}

impl Names {
    pub fn of(&mut self, text: &str) -> String {
        let mut out = String::new();
        let mut rest = text;
        while let Some(at) = (0..rest.len()).find(|at| is_uuid(rest.get(*at..at + 36))) {
            let uuid = &rest[at..at + 36];
            out.push_str(&rest[..at]);
            if self.chosen.contains(uuid) {
                out.push_str(uuid);
            } else {
                let next = format!("<{}>", self.known.len());
                out.push_str(self.known.entry(uuid.to_owned()).or_insert(next));
            }
            rest = &rest[at + 36..];
        }
        out + rest
    }
}

pub fn is_uuid(text: Option<&str>) -> bool {
    text.is_some_and(|text| {
        text.char_indices().all(|(at, char)| match at {
            8 | 13 | 18 | 23 => char == '-',
            _ => char.is_ascii_hexdigit() && !char.is_ascii_uppercase(),
        })
    })
}

pub fn seen(event: &Event, names: &mut Names) -> Seen {
    let whose = event.unique_id().or(event.job_uuid()).unwrap_or_default();
    let whose = names.of(whose);
    let variable =
        |name: &str| VARIABLES.contains(&name) || name.starts_with("RECORD_") || name.starts_with("sip_h_");
    let mut fields: Vec<(String, String)> = FIELDS
        .iter()
        .filter_map(|name| Some(((*name).to_owned(), event.header(name)?.to_owned())))
        .chain(
            event
                .variables()
                .filter(|(name, _)| variable(name))
                .map(|(name, value)| (format!("${name}"), value.to_owned())),
        )
        .chain(event.body().map(|body| ("body".to_owned(), body.to_owned())))
        .collect();
    fields.sort();
    let fields = fields.into_iter().map(|(name, value)| (name, names.of(&value))).collect();
    Seen { whose, name: event.name().to_owned(), fields }
}

/// What one side said, in order.
#[derive(Debug, Default)]
pub struct Said {
    pub replies: Vec<String>,
    pub events: Vec<Seen>,
}

impl Said {
    pub fn hear(&mut self, bytes: &[u8], names: &mut Names) {
        let mut decoder = FrameDecoder::new(Limits::default());
        decoder.push(bytes);
        while let Some(frame) = decoder.next_frame().unwrap() {
            match (frame.event(), frame.reply(), frame.kind()) {
                (Some(event), ..) => {
                    let event = event.unwrap();
                    if event.name() != "HEARTBEAT" {
                        self.events.push(seen(&event, names));
                    }
                }
                (_, Some(reply), _) => self.replies.push(names.of(&reply.text)),
                (.., Kind::DisconnectNotice) => {}
                (.., kind) => self.replies.push(format!("{kind:?}")),
            }
        }
    }

    /// Names in the order of each channel.
    pub fn by_channel(&self) -> BTreeMap<&str, Vec<&Seen>> {
        let mut channels: BTreeMap<&str, Vec<&Seen>> = BTreeMap::new();
        self.events.iter().for_each(|event| channels.entry(&event.whose).or_default().push(event));
        channels
    }
}

pub fn compare(scene: &Scene, commands: &[String], real: &Said, own: &Said) {
    let recording = scene.recording;
    for (at, (theirs, ours)) in real.replies.iter().zip(&own.replies).enumerate() {
        let command = at.checked_sub(1).and_then(|at| commands.get(at)).map_or("", |command| command.trim());
        if !NOT_COMPARED.contains(&command) {
            assert_eq!(ours, theirs, "{recording}: the reply to {command:?}");
        }
    }
    assert_eq!(own.replies.len(), real.replies.len(), "{recording}: replies");
    let (theirs, ours) = (real.by_channel(), own.by_channel());
    for (channel, theirs) in &theirs {
        let ours = ours.get(channel).map(Vec::as_slice).unwrap_or_default();
        let names = |events: &[&Seen]| events.iter().map(|event| event.name.clone()).collect::<Vec<_>>();
        assert_eq!(names(ours), names(theirs), "{recording}: the order of {channel}'s events");
        for (number, (ours, theirs)) in ours.iter().zip(theirs).enumerate() {
            assert_eq!(ours.fields, theirs.fields, "{recording}: event {number} of {channel}, {}", ours.name);
        }
    }
}

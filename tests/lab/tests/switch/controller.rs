//! A connection to the event socket.

use super::*;

pub const WITHIN: Duration = Duration::from_secs(20);

pub const EVENTS: &str = "CHANNEL_CREATE CHANNEL_PARK CHANNEL_UNPARK CHANNEL_ANSWER CHANNEL_PROGRESS CHANNEL_EXECUTE \
    CHANNEL_EXECUTE_COMPLETE CHANNEL_BRIDGE CHANNEL_UNBRIDGE CHANNEL_HANGUP CHANNEL_HANGUP_COMPLETE DTMF RECORD_START \
    RECORD_STOP PLAYBACK_START PLAYBACK_STOP BACKGROUND_JOB HEARTBEAT";

/// A connection to the event socket.
pub struct Controller {
    pub stream: TcpStream,
    pub decoder: FrameDecoder,
    pub events: VecDeque<Event>,
}

/// What came.
pub enum Came {
    Event(Event),
    Reply(String),
    Other(Kind),
    Closed,
}

impl Controller {
    pub async fn connect(address: SocketAddr) -> Self {
        let stream = TcpStream::connect(address).await.unwrap();
        Self { stream, decoder: FrameDecoder::new(Limits::default()), events: VecDeque::new() }
    }

    pub async fn log_in(switch: &AnySwitch) -> Self {
        let mut controller = Self::connect(switch.event_socket()).await;
        assert!(matches!(controller.next().await, Came::Other(Kind::AuthRequest)));
        assert_eq!(controller.ask(&format!("auth {}", switch.password())).await, "+OK accepted");
        controller.ask(&format!("event json {EVENTS}")).await;
        controller
    }

    pub async fn next(&mut self) -> Came {
        timeout(WITHIN, self.read()).await.expect("nothing comes from the event socket")
    }

    pub async fn read(&mut self) -> Came {
        let mut buffer = vec![0; 65_536];
        loop {
            if let Some(frame) = self.decoder.next_frame().unwrap() {
                return match (frame.event(), frame.reply()) {
                    (Some(event), _) => Came::Event(event.unwrap()),
                    (None, Some(reply)) => Came::Reply(reply.text),
                    (None, None) => Came::Other(frame.kind()),
                };
            }
            match self.stream.read(&mut buffer).await {
                Ok(length) if length > 0 => self.decoder.push(&buffer[..length]),
                _ => return Came::Closed,
            }
        }
    }

    pub async fn ask(&mut self, command: &str) -> String {
        self.stream.write_all(format!("{command}\n\n").as_bytes()).await.unwrap();
        loop {
            match self.next().await {
                Came::Event(event) => self.events.push_back(event),
                Came::Reply(text) => return text.trim_end().to_owned(),
                Came::Other(_) => {}
                Came::Closed => panic!("closed instead of a reply to {command}"),
            }
        }
    }

    pub async fn execute(&mut self, channel: &str, application: &str, argument: &str, uuid: &str) {
        let message = format!(
            "sendmsg {channel}\ncall-command: execute\nexecute-app-name: {application}\nexecute-app-arg: {argument}\n\
             Event-UUID: {uuid}\nevent-lock: true"
        );
        assert_eq!(self.ask(&message).await, "+OK");
    }

    /// The first event of this name and channel that nobody has asked for. Others are kept: channels are threads of a
    /// real FreeSWITCH, whose events overtake each other.
    pub async fn event(&mut self, name: &str, channel: &str) -> Event {
        timeout(WITHIN, self.wait_for(name, channel))
            .await
            .unwrap_or_else(|_| panic!("no {name} of {channel:?}; there are {:?}", self.names()))
    }

    pub async fn wait_for(&mut self, name: &str, channel: &str) -> Event {
        loop {
            let right = |event: &Event| {
                event.name() == name && (channel.is_empty() || event.unique_id() == Some(channel))
            };
            if let Some(event) = self.events.iter().position(right).and_then(|at| self.events.remove(at)) {
                return event;
            }
            match self.next().await {
                Came::Event(event) => self.events.push_back(event),
                Came::Closed => panic!("closed while {name} was waited for"),
                Came::Reply(_) | Came::Other(_) => {}
            }
        }
    }

    pub fn names(&self) -> Vec<&str> {
        self.events.iter().map(Event::name).collect()
    }

    /// The end of what was executed with this Event-UUID: its Application-Response.
    pub async fn completed(&mut self, channel: &str, uuid: &str) -> String {
        loop {
            let event = self.event("CHANNEL_EXECUTE_COMPLETE", channel).await;
            if event.application_uuid() == Some(uuid) {
                return event.header("Application-Response").unwrap().to_owned();
            }
        }
    }

    /// Takes the next call that parks; its channel.
    pub async fn take(&mut self) -> String {
        let channel = self.event("CHANNEL_PARK", "").await.unique_id().unwrap().to_owned();
        assert_eq!(self.ask(&format!("api uuid_park {channel}")).await, "+OK");
        self.event("CHANNEL_PARK", &channel).await;
        channel
    }

    pub async fn take_and_answer(&mut self) -> String {
        let channel = self.take().await;
        self.execute(&channel, "answer", "", "the-answer").await;
        self.completed(&channel, "the-answer").await;
        channel
    }
}

//! The client over real sockets, against a FreeSWITCH made of this crate's other side.
#![allow(clippy::expect_used, clippy::indexing_slicing, clippy::panic, reason = "tests report by panicking")]

use std::collections::VecDeque;
use std::time::Duration;

use esl::client::{Client, Inbox, Notice, Settings, client};
use esl::server::{RequestDecoder, Sent};
use esl::{
    Api, Backoff, CallError, Event, Limits, Login, Name, Password, Reason, Subscription, Timing, Uuid,
};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

/// Generous: a busy machine is no failure.
const PATIENCE: Duration = Duration::from_secs(60);

/// One accepted connection.
struct Switch {
    stream: TcpStream,
    decoder: RequestDecoder,
    lines: VecDeque<String>,
}

impl Switch {
    async fn accept(listener: &TcpListener) -> Self {
        let (stream, _) = listener.accept().await.expect("a client");
        Switch { stream, decoder: RequestDecoder::new(Limits::default()), lines: VecDeque::new() }
    }

    /// The next command's line; `None` at the end.
    async fn line(&mut self) -> Option<String> {
        let mut buffer = vec![0; 64 << 10];
        loop {
            if let Some(line) = self.lines.pop_front() {
                return Some(line);
            }
            let count = self.stream.read(&mut buffer).await.unwrap_or(0);
            if count == 0 {
                return None;
            }
            self.decoder.push(&buffer[..count]);
            while let Some(request) = self.decoder.next_request().expect("a request") {
                self.lines.push_back(request.line().into_owned());
            }
        }
    }

    async fn send(&mut self, sent: Sent<'_>) {
        self.stream.write_all(&sent.to_bytes()).await.expect("sent");
    }

    /// Lets a client in.
    async fn log_in(&mut self, core: &str) {
        self.send(Sent::AuthRequest).await;
        assert_eq!(self.line().await.expect("a password"), "auth ClueCon");
        self.send(Sent::CommandReply("+OK accepted")).await;
        assert_eq!(self.line().await.expect("a question"), "api global_getvar core_uuid");
        self.send(Sent::ApiResponse(core)).await;
        assert_eq!(self.line().await.expect("a subscription"), "event json CHANNEL_PARK BACKGROUND_JOB");
        self.send(Sent::CommandReply("+OK event listener enabled json")).await;
    }
}

struct Setup {
    listener: TcpListener,
    client: Client,
    inbox: Inbox,
}

async fn set_up(change: impl FnOnce(&mut Settings)) -> Setup {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let names = vec![Name::new("CHANNEL_PARK").expect("a name")];
    let login = Login {
        password: Password::new("ClueCon").expect("a password"),
        subscription: Subscription { names, ..Subscription::default() },
        filters: Vec::new(),
    };
    let mut settings = Settings::new(listener.local_addr().expect("an address").to_string(), login);
    settings.timing = Timing { login: PATIENCE, ping_after: PATIENCE, silent: PATIENCE, close: PATIENCE };
    settings.backoff = Backoff { first: Duration::from_millis(1), most: Duration::from_millis(10) };
    change(&mut settings);
    let (client, inbox, driver) = client(settings, || 1 << 63);
    tokio::spawn(driver.run());
    Setup { listener, client, inbox }
}

fn event(number: usize) -> Event {
    Event::new([("Event-Name", "CHANNEL_PARK"), ("Number", &*number.to_string())], None)
}

const UP: Notice = Notice::Up { restarted: false };

#[tokio::test]
async fn two_thousand_calls_at_once_get_their_answers() {
    let Setup { listener, client, mut inbox } = set_up(|_| ()).await;
    let server = tokio::spawn(async move {
        let mut switch = Switch::accept(&listener).await;
        switch.log_in("core").await;
        while let Some(line) = switch.line().await {
            switch.send(Sent::ApiResponse(line.strip_prefix("api ").expect("a call"))).await;
        }
    });
    assert_eq!(inbox.next().await, Some(UP));
    let calls = (0..2000).map(|number| {
        let client = client.clone();
        tokio::spawn(async move {
            let name = format!("function{number}");
            let reply = client.api(Api::call(&Name::new(&*name).expect("a name"), []), PATIENCE).await;
            assert_eq!(reply.expect("an answer").text, name);
        })
    });
    for call in calls.collect::<Vec<_>>() {
        call.await.expect("the right answer");
    }
    server.abort();
}

#[tokio::test]
async fn a_lost_connection_is_made_again_and_a_restart_is_told() {
    let Setup { listener, client, mut inbox } = set_up(|_| ()).await;
    for (core, restarted) in [("one", false), ("one", false), ("two", true), ("two", false)] {
        let mut switch = Switch::accept(&listener).await;
        switch.log_in(core).await;
        assert_eq!(inbox.next().await, Some(Notice::Up { restarted }), "{core}");
        let call = tokio::spawn({
            let client = client.clone();
            async move { client.api(Api::status(), PATIENCE).await }
        });
        assert_eq!(switch.line().await.as_deref(), Some("api status"));
        drop(switch);
        assert_eq!(call.await.expect("an end"), Err(CallError::Disconnected));
        assert_eq!(inbox.next().await, Some(Notice::Down(Reason::Disconnected)));
    }
    drop(listener);
    let mut last = inbox.next().await;
    while last == Some(Notice::Down(Reason::Disconnected)) {
        last = inbox.next().await;
    }
    assert!(matches!(last, Some(Notice::Down(Reason::Unreachable(_)))), "{last:?}");
    assert_eq!(client.api(Api::status(), PATIENCE).await, Err(CallError::NotUp));
    client.close().await;
    while inbox.next().await.is_some() {}
}

#[tokio::test]
async fn a_password_that_is_wrong_is_told_and_tried_again() {
    let Setup { listener, client: _client, mut inbox } = set_up(|_| ()).await;
    let mut switch = Switch::accept(&listener).await;
    switch.send(Sent::AuthRequest).await;
    switch.line().await.expect("a password");
    switch.send(Sent::CommandReply("-ERR invalid")).await;
    assert_eq!(inbox.next().await, Some(Notice::Down(Reason::WrongPassword)));
    let mut switch = Switch::accept(&listener).await;
    switch.send(Sent::RudeRejection).await;
    assert_eq!(inbox.next().await, Some(Notice::Down(Reason::Forbidden)));
    Switch::accept(&listener).await.log_in("core").await;
    assert_eq!(inbox.next().await, Some(UP));
}

#[tokio::test]
async fn a_user_who_does_not_take_events_holds_nothing_up_and_is_told() {
    let Setup { listener, client, mut inbox } = set_up(|settings| settings.events = 100).await;
    let mut switch = Switch::accept(&listener).await;
    switch.log_in("core").await;
    for number in 0..1000 {
        switch.send(Sent::EventJson(&event(number))).await;
    }
    let server = tokio::spawn(async move {
        while switch.line().await.is_some() {
            switch.send(Sent::ApiResponse("fine")).await;
            switch.send(Sent::EventJson(&event(5000))).await;
        }
    });
    // The answer comes behind a thousand events that nobody took.
    assert_eq!(client.api(Api::status(), PATIENCE).await.expect("an answer").text, "fine");
    assert_eq!(inbox.next().await, Some(UP));
    for number in 0..100 {
        assert_eq!(inbox.next().await, Some(Notice::Event(event(number))));
    }
    let Some(Notice::Overflow { lost }) = inbox.next().await else { panic!("no overflow") };
    // The event behind the answer may have come before there was room.
    assert!(lost == 900 || lost == 901, "{lost}");
    client.api(Api::status(), PATIENCE).await.expect("an answer");
    assert_eq!(inbox.next().await, Some(Notice::Event(event(5000))));
    server.abort();
}

#[tokio::test]
async fn a_connection_that_fell_silent_is_found() {
    let Setup { listener, client, mut inbox } = set_up(|settings| {
        settings.timing.ping_after = Duration::from_millis(50);
        settings.timing.silent = Duration::from_millis(50);
    })
    .await;
    let mut switch = Switch::accept(&listener).await;
    switch.log_in("core").await;
    assert_eq!(inbox.next().await, Some(UP));
    let call = client.api(Api::status(), PATIENCE);
    assert_eq!(call.await, Err(CallError::Disconnected));
    assert!(matches!(inbox.next().await, Some(Notice::Down(Reason::Silent(_)))));
}

#[tokio::test]
async fn calls_that_get_no_answer_in_time_fail_and_others_go_on() {
    let Setup { listener, client, mut inbox } = set_up(|_| ()).await;
    let mut switch = Switch::accept(&listener).await;
    switch.log_in("core").await;
    assert_eq!(inbox.next().await, Some(UP));
    assert_eq!(client.api(Api::status(), Duration::from_millis(20)).await, Err(CallError::TimedOut));
    switch.line().await.expect("the first call");
    switch.send(Sent::ApiResponse("late")).await;
    let job = Uuid::new("job").expect("a UUID");
    let call = tokio::spawn(async move { client.bgapi(Api::status(), job, PATIENCE).await });
    assert_eq!(switch.line().await.as_deref(), Some("bgapi status"));
    switch.send(Sent::JobReply("job")).await;
    let headers = [("Event-Name", "BACKGROUND_JOB"), ("Job-UUID", "job")];
    switch.send(Sent::EventJson(&Event::new(headers, Some("+OK done\n")))).await;
    assert_eq!(call.await.expect("an end").expect("an answer").ok(), Ok("done"));
}

#[tokio::test]
async fn closing_takes_leave() {
    let Setup { listener, client, mut inbox } = set_up(|_| ()).await;
    let mut switch = Switch::accept(&listener).await;
    switch.log_in("core").await;
    assert_eq!(inbox.next().await, Some(UP));
    let server = tokio::spawn(async move {
        assert_eq!(switch.line().await.as_deref(), Some("exit"));
        switch.send(Sent::CommandReply("+OK bye")).await;
        switch.send(Sent::Disconnect).await;
        assert_eq!(switch.line().await, None);
    });
    client.close().await;
    assert_eq!(inbox.next().await, Some(Notice::Down(Reason::Closed)));
    assert_eq!(inbox.next().await, None);
    server.await.expect("it saw all of it");
    assert_eq!(client.api(Api::status(), PATIENCE).await, Err(CallError::NotUp));
}

#[tokio::test]
async fn a_client_that_nobody_holds_ends_by_itself() {
    let Setup { listener, client, mut inbox } = set_up(|_| ()).await;
    let mut switch = Switch::accept(&listener).await;
    switch.log_in("core").await;
    assert_eq!(inbox.next().await, Some(UP));
    drop(client);
    assert_eq!(switch.line().await.as_deref(), Some("exit"));
    drop(switch);
    assert_eq!(inbox.next().await, Some(Notice::Down(Reason::Closed)));
    assert_eq!(inbox.next().await, None);
}

//! Documents that mean harm: with the stand-in, or a real FreeSWITCH where there is one.

use std::net::UdpSocket;
use std::time::Duration;

use anyhow::{Context, Result};
use e2e::exchange::{CALLEES, Exchange, Page};
use e2e::wait_until;

/// What would be seen of a command that came through: a file, a call to a place where nobody is called.
const COMMANDS: [&str; 6] = [
    "1&#10;&#10;api bgapi system touch FILE",
    "a&#13;&#10;execute-app-name: system&#13;&#10;execute-app-arg: touch FILE",
    "{origination_uuid=x}sofia/nat_gateway/1@HOST",
    "[a=b],sofia/nat_gateway/1@HOST|error/busy",
    "${system(touch FILE)}",
    "'&amp;system(touch FILE)",
];

fn billion_laughs() -> String {
    let mut text = "<!DOCTYPE r [<!ENTITY a0 \"ha\">".to_owned();
    for level in 1..30 {
        let before = level - 1;
        text += &format!("<!ENTITY a{level} \"&a{before};&a{before};&a{before};&a{before};\">");
    }
    text + "]><Response><Say>&a29;</Say></Response>"
}

#[tokio::test(flavor = "multi_thread")]
async fn documents_without_end_end_the_call_with_a_line_in_the_log() -> Result<()> {
    let exchange = Exchange::start().await?;
    let pauses = "<Pause length=\"0\"/>".repeat(10_000);
    let big = format!("<Response><!--{}--></Response>", "x".repeat(10 << 20));
    for (what, body, logged) in [
        ("billion laughs", billion_laughs(), "DTD"),
        ("10 MB", big, "65536"),
        ("10,000 verbs", format!("<Response>{pauses}</Response>"), "65536"),
        ("2,000 verbs", format!("<Response>{}</Response>", "<Pause/>".repeat(2_000)), "1000"),
        ("nesting", "<Response>".repeat(5_000), "32"),
        ("no XML", "\0\u{1}".to_owned(), "line 1"),
        ("nothing", String::new(), "line 1"),
    ] {
        let before = exchange.controller.log().len();
        exchange.application.put("/voice", Page::twiml(body));
        let report = exchange.call([]).await?;
        assert!(report.duration < Duration::from_secs(15), "{what}: {report}");
        exchange.wait_nothing_left()?;
        let log = exchange.controller.log();
        let said = log.get(before..).unwrap_or_default();
        assert!(said.contains(logged), "{what}: no {logged:?} in\n{said}");
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn redirects_without_end_are_slowed_down_and_end() -> Result<()> {
    let exchange = Exchange::start_with("[webhook]\ndocuments = 22\n").await?;
    exchange.application.twiml("/voice", "<Redirect>/voice</Redirect>");
    exchange.call([]).await?;
    assert_eq!(exchange.application.asked("/voice").len(), 22);
    exchange.application.put("/voice", Page::elsewhere("/round"));
    exchange.application.put("/round", Page::elsewhere("/round"));
    exchange.call([]).await?;
    assert!(exchange.application.asked("/round").len() <= 12);
    exchange.wait_logged("redirect")?;
    exchange.wait_nothing_left()
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_document_says_is_never_a_command() -> Result<()> {
    let exchange = Exchange::start().await?;
    let directory = tempfile::tempdir()?;
    let file = directory.path().join("touched");
    let host = exchange.application.url("").replace("http://", "");
    // Where a dial string that came through would call.
    let stray = UdpSocket::bind(&host)?;
    stray.set_nonblocking(true)?;
    for command in COMMANDS {
        let bad = command.replace("FILE", &file.to_string_lossy()).replace("HOST", &host).replace('"', "");
        let verbs = [
            format!("<Play>{bad}</Play>"),
            format!("<Play loop=\"{bad}\">http://{host}/{bad}</Play>"),
            format!("<Play digits=\"{bad}\"/>"),
            format!("<Dial callerId=\"{bad}\" timeout=\"3\"><Number>85520001</Number></Dial>"),
            format!("<Dial timeout=\"{bad}\"><Number>8552{bad}</Number></Dial>"),
            format!("<Dial timeout=\"3\"><Sip>sip:{bad}@127.0.0.1:9</Sip></Dial>"),
            format!("<Gather timeout=\"1\" finishOnKey=\"{bad}\" numDigits=\"{bad}\" action=\"{bad}\"/>"),
            format!(
                "<Record action=\"/end\" timeout=\"1\" maxLength=\"1\" playBeep=\"false\" finishOnKey=\"{bad}\" recordingStatusCallback=\"{bad}\"/>"
            ),
            format!(
                "<Dial timeLimit=\"1\" ringTone=\"{bad}\" record=\"true\" recordingStatusCallback=\"{bad}\"><Number url=\"{bad}\" \
                 statusCallback=\"{bad}\" statusCallbackEvent=\"{bad}\">85550001</Number></Dial>"
            ),
            format!("<Dial timeLimit=\"1\"><Number sendDigits=\"{bad}\">85550001</Number></Dial>"),
            format!(
                "<Dial timeLimit=\"1\"><Conference waitUrl=\"{bad}\" beep=\"{bad}\" participantLabel=\"{bad}\" \
                 statusCallback=\"http://{host}/{bad}\" statusCallbackEvent=\"join {bad}\">{bad}</Conference></Dial>"
            ),
            format!("<Refer><Sip>sip:{bad}@127.0.0.1:9</Sip></Refer>"),
            format!("<Redirect>{bad}</Redirect>"),
            format!("<Reject reason=\"{bad}\"/>"),
        ];
        let calls: Vec<_> = verbs
            .into_iter()
            .enumerate()
            .map(|(number, verb)| {
                let path = format!("/v{number}");
                exchange.application.twiml(&path, &verb);
                (path, verb)
            })
            .collect();
        for (path, verb) in calls {
            exchange.application.twiml("/voice", &format!("<Redirect>{path}</Redirect>"));
            let report =
                exchange.call([]).await.with_context(|| format!("{verb}\n{}", exchange.controller.log()))?;
            assert!(report.status.is_some(), "{verb}: {report}");
        }
    }
    assert!(!file.exists(), "a document has run a command\n{}", exchange.controller.log());
    let mut message = [0; 2048];
    if let Ok(length) = stray.recv(&mut message) {
        let message = String::from_utf8_lossy(message.get(..length).unwrap_or_default());
        panic!("a document has called somebody of its own:\n{message}\n{}", exchange.controller.log());
    }
    for call in CALLEES.iter().flat_map(|(prefix, _)| exchange.carrier(prefix).calls) {
        let is_number = call.user.chars().all(|char| char.is_ascii_digit() || char == '+');
        assert!(is_number, "{:?} was called\n{}", call.user, exchange.controller.log());
    }
    exchange.wait_nothing_left()?;
    assert_eq!(exchange.controller.http("GET", "/readyz", "")?.0, 200);
    Ok(())
}

/// Counts who connects to an address of this machine that no customer has any business with.
async fn secret() -> Result<(u16, std::sync::Arc<std::sync::atomic::AtomicU32>)> {
    let listener = tokio::net::TcpListener::bind("[::]:0").await?;
    let port = listener.local_addr()?.port();
    let count = std::sync::Arc::<std::sync::atomic::AtomicU32>::default();
    let counting = std::sync::Arc::clone(&count);
    tokio::spawn(async move {
        while listener.accept().await.is_ok() {
            counting.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
        }
    });
    Ok((port, count))
}

#[tokio::test(flavor = "multi_thread")]
async fn our_own_network_is_reached_by_no_document_and_no_file() -> Result<()> {
    // The customer's own address alone is allowed.
    let exchange = Exchange::start_at(|ip| format!("[webhook]\nallow = [\"{ip}/32\"]\n")).await?;
    let (port, count) = secret().await?;
    // A listener that nobody can reach would prove nothing.
    tokio::net::TcpStream::connect(("127.0.0.1", port)).await?;
    wait_until("it counts", Duration::from_secs(10), || {
        Ok(count.load(std::sync::atomic::Ordering::Relaxed) == 1)
    })?;
    for host in ["127.0.0.1", "localhost", "[::1]", "[::ffff:127.0.0.1]", "0x7f.1", "2130706433", "0.0.0.0"] {
        let url = format!("http://{host}:{port}/secret.wav");
        exchange.application.put("/voice", Page::elsewhere(&url));
        exchange.call([]).await?;
        exchange.application.twiml("/voice", &format!("<Redirect>{url}</Redirect>"));
        exchange.call([]).await?;
        exchange.application.put("/file.wav", Page::elsewhere(&url));
        let played = exchange.application.url("/file.wav");
        exchange.application.twiml("/voice", &format!("<Play>{url}</Play><Play>{played}</Play>"));
        exchange.call([]).await?;
    }
    assert_eq!(count.load(std::sync::atomic::Ordering::Relaxed), 1, "{}", exchange.controller.log());
    exchange.wait_logged("may be reached")?;
    exchange.wait_logged("may not be reached")?;
    exchange.wait_nothing_left()
}

/// All the ways in which a document names a URL beside those of documents and files: `URL` is where it leads.
const TOLD: [&str; 9] = [
    "<Dial><Number statusCallback=\"URL\">85550001</Number></Dial>",
    "<Dial><Number url=\"URL\">85550001</Number></Dial>",
    "<Dial><Sip url=\"URL\">sip:1@CARRIER</Sip></Dial>",
    "<Dial timeLimit=\"1\"><Conference startConferenceOnEnter=\"false\" waitUrl=\"URL\">one</Conference></Dial>",
    "<Dial timeLimit=\"1\"><Conference waitUrl=\"\" statusCallbackEvent=\"join\" statusCallback=\"URL\">two</Conference></Dial>",
    "<Dial action=\"URL\">85520001</Dial>",
    "<Gather timeout=\"1\" actionOnEmptyResult=\"true\" action=\"URL\"/>",
    "<Record maxLength=\"1\" playBeep=\"false\" action=\"URL\"/>",
    // The fallback.
    "",
];

#[tokio::test(flavor = "multi_thread")]
async fn our_own_network_is_told_nothing_and_asked_for_nothing() -> Result<()> {
    // The customer's own address alone is allowed.
    let exchange = Exchange::start_at(|ip| format!("[webhook]\nallow = [\"{ip}/32\"]\n")).await?;
    let (port, count) = secret().await?;
    let count = || count.load(std::sync::atomic::Ordering::Relaxed);
    exchange.application.twiml("/told", "<Hangup/>");
    let allowed = exchange.application.url("/told");
    for verbs in TOLD {
        for (number, url) in [
            allowed.clone(),
            format!("http://127.0.0.1:{port}/"),
            format!("http://localhost:{port}/"),
            format!("http://[::ffff:127.0.0.1]:{port}/"),
        ]
        .iter()
        .enumerate()
        {
            let asked = exchange.application.asked("/told").len();
            match verbs {
                "" => fall_back(&exchange, url)?,
                _ => exchange.application.twiml(
                    "/voice",
                    &verbs.replace("URL", url).replace("CARRIER", &exchange.carrier_host("8555")),
                ),
            }
            exchange.call([]).await?;
            exchange.wait_nothing_left()?;
            match number {
                // Where it leads nowhere else, it is asked: what follows is about its address.
                0 => wait_until(verbs, Duration::from_secs(10), || {
                    Ok(exchange.application.asked("/told").len() > asked)
                })
                .with_context(|| exchange.controller.log())?,
                _ => assert_eq!(exchange.application.asked("/told").len(), asked, "{verbs}"),
            }
        }
    }
    // Whoever is to be told is told after the call.
    e2e::pause(Duration::from_secs(1));
    assert_eq!(count(), 0, "{}", exchange.controller.log());
    tokio::net::TcpStream::connect(("127.0.0.1", port)).await?;
    wait_until("whoever can be reached counts", Duration::from_secs(10), || Ok(count() == 1))
}

/// Calls to 1294 get no document, and turn to this.
fn fall_back(exchange: &Exchange, url: &str) -> Result<()> {
    let broken = Page { status: "500 Internal Server Error", ..Page::twiml("") };
    exchange.application.put("/voice", broken);
    let read = || exchange.controller.log().matches("routes: read again").count();
    let before = read();
    let file = exchange.directory().join("routes.toml");
    let text = std::fs::read_to_string(&file)?;
    let lines = text.lines().filter(|line| !line.starts_with("fallback_url"));
    let text: String = lines.map(|line| format!("{line}\n")).collect();
    let number = "match = \"1294\"\n";
    std::fs::write(&file, text.replace(number, &format!("{number}fallback_url = \"{url}\"\n")))?;
    wait_until("the routes are read", Duration::from_secs(30), || Ok(read() > before))
}

#[tokio::test(flavor = "multi_thread")]
async fn our_own_network_is_called_by_no_sip_uri() -> Result<()> {
    let exchange = Exchange::start_at(|ip| format!("[webhook]\nallow = [\"{ip}/32\"]\n")).await?;
    let customer = exchange.application.url("").replace("http://", "");
    let own = customer.split(':').next().context("an address")?;
    exchange.application.twiml("/done", "<Hangup/>");
    let mut message = [0; 2048];
    for host in ["127.0.0.1", "localhost", "0x7f.1", "2130706433", own] {
        let socket = UdpSocket::bind((if host == own { own } else { "127.0.0.1" }, 0))?;
        socket.set_nonblocking(true)?;
        let port = socket.local_addr()?.port();
        let sip = format!("<Sip>sip:alice@{host}:{port}</Sip>");
        exchange.application.twiml("/voice", &format!("<Dial timeout=\"2\" action=\"/done\">{sip}</Dial>"));
        exchange.call([]).await?;
        // The same is called where the operator allows it.
        assert_eq!(socket.recv(&mut message).is_ok(), host == own, "{host}\n{}", exchange.controller.log());
    }
    let done = exchange.application.asked("/done");
    let statuses: Vec<_> = done.iter().map(|asked| asked.parameter("DialCallStatus")).collect();
    assert_eq!(statuses, ["failed", "failed", "failed", "failed", "no-answer"]);
    exchange.wait_logged("may not be reached")?;
    exchange.wait_nothing_left()
}

#[tokio::test(flavor = "multi_thread")]
async fn h16_what_a_server_sets_as_a_cookie_comes_back_within_the_call_alone() -> Result<()> {
    let exchange = Exchange::start().await?;
    let mut page = Page::twiml("<Response><Redirect>/next</Redirect></Response>");
    page.headers = vec![("Set-Cookie".to_owned(), "session=abc; Path=/".to_owned())];
    exchange.application.put("/voice", page);
    exchange.application.twiml("/next", "<Hangup/>");
    exchange.call([]).await?;
    exchange.call([]).await?;
    let cookies = |path: &str| -> Vec<String> {
        exchange.application.asked(path).iter().map(|asked| asked.header("cookie").to_owned()).collect()
    };
    assert_eq!(cookies("/next"), ["session=abc", "session=abc"]);
    assert_eq!(cookies("/voice"), ["", ""]);
    Ok(())
}

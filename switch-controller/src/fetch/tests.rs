use std::collections::HashMap;
use std::net::{IpAddr, SocketAddr};
use std::time::Instant;

use axum::Router;
use axum::body::Body;
use axum::extract::Request as Asked;
use axum::response::{IntoResponse, Response as Answered};
use twiml::Method;

use super::*;

/// A customer's server, on a port of its own.
async fn server() -> SocketAddr {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let address = listener.local_addr().expect("an address");
    tokio::spawn(async move { axum::serve(listener, Router::new().fallback(answer)).await });
    address
}

/// `/echo` tells what it was asked; the others misbehave.
async fn answer(asked: Asked) -> Answered {
    let (head, body) = asked.into_parts();
    let body = axum::body::to_bytes(body, 1 << 20).await.expect("a body");
    let redirect =
        |code: u16, to: &str| (StatusCode::from_u16(code).expect("a code"), [(LOCATION, to.to_owned())]);
    match head.uri.path() {
        "/see-other" => redirect(303, "/echo?from=303").into_response(),
        "/keep" => redirect(307, "/echo").into_response(),
        "/moved" => redirect(302, "/echo").into_response(),
        "/loop" => redirect(302, "/loop").into_response(),
        "/gone" => (StatusCode::NOT_FOUND, "<Response/>").into_response(),
        "/slow" => {
            tokio::time::sleep(Duration::from_secs(3600)).await;
            ().into_response()
        }
        "/endless" => {
            let pieces = std::iter::repeat_with(|| Ok::<_, std::io::Error>(Bytes::from(vec![b'x'; 4096])));
            Body::from_stream(Endless(pieces)).into_response()
        }
        _ => {
            let header =
                |name: &str| head.headers.get(name).map(|value| value.to_str().unwrap_or("?").to_owned());
            format!(
                "{} {}\n{}\n{}\n{}\n{}",
                head.method,
                head.uri,
                String::from_utf8_lossy(&body),
                header("x-twilio-signature").unwrap_or_default(),
                header("user-agent").unwrap_or_default(),
                header("authorization").unwrap_or_default(),
            )
            .into_response()
        }
    }
}

/// An iterator as a stream.
struct Endless<I>(I);

impl<I: Iterator + Unpin> futures_core::Stream for Endless<I> {
    type Item = I::Item;

    fn poll_next(
        mut self: std::pin::Pin<&mut Self>,
        _: &mut std::task::Context<'_>,
    ) -> std::task::Poll<Option<I::Item>> {
        std::task::Poll::Ready(self.0.next())
    }
}

fn settings() -> WebhookSettings {
    WebhookSettings { timeout: Duration::from_secs(20), ..WebhookSettings::default() }
}

fn request(method: Method, url: String) -> webhook::Request {
    webhook::Request { url, method, parameters: vec![("From".to_owned(), "+1 2".to_owned())] }
}

async fn ask(settings: WebhookSettings, method: Method, url: String) -> Result<(String, String), String> {
    let fetcher = Fetcher::new(settings, Arc::new(Everywhere)).expect("a fetcher");
    let answer = fetcher.document(&request(method, url), &Secret::new("token"), &Cookies::default()).await;
    let answer = answer.map_err(|problem| problem.0)?;
    Ok((answer.url, String::from_utf8(answer.body).expect("text")))
}

#[tokio::test]
async fn parameters_go_into_the_body_of_a_post_and_the_query_of_a_get() {
    let server = server().await;
    let (_, said) =
        ask(settings(), Method::Post, format!("http://{server}/path?b=2")).await.expect("answered");
    let expected =
        request(Method::Post, format!("http://{server}/path?b=2")).signature(&Secret::new("token"));
    let lines: Vec<_> = said.lines().collect();
    assert_eq!(lines, ["POST /path?b=2", "From=%2B1+2", &expected, "TwilioProxy/1.1"]);
    let (url, said) =
        ask(settings(), Method::Get, format!("http://{server}/path?b=2")).await.expect("answered");
    assert!(said.starts_with("GET /path?b=2&From=%2B1+2\n\n"), "{said}");
    assert_eq!(url, format!("http://{server}/path?b=2&From=%2B1+2"));
}

#[tokio::test]
async fn h13_redirects_are_followed_and_the_last_url_is_told() {
    let server = server().await;
    let cases = HashMap::from([
        ("/see-other", ("GET /echo?from=303\n\n", "/echo?from=303")),
        ("/moved", ("GET /echo\n\n", "/echo")),
        ("/keep", ("POST /echo\nFrom=%2B1+2\n", "/echo")),
    ]);
    for (path, (said, at)) in cases {
        let (url, answer) =
            ask(settings(), Method::Post, format!("http://{server}{path}")).await.expect(path);
        assert!(answer.starts_with(said), "{path}: {answer}");
        assert_eq!(url, format!("http://{server}{at}"));
    }
}

#[tokio::test]
async fn what_cannot_be_had_is_told_in_words() {
    let server = server().await;
    let hasty = WebhookSettings { timeout: Duration::from_millis(300), ..settings() };
    let cases = [
        (settings(), format!("http://{server}/loop"), "expected 5 redirects at most, found one more"),
        (settings(), format!("http://{server}/gone"), "expected an answer of 200, found 404 Not Found"),
        (settings(), format!("http://{server}/endless"), "expected 65536 bytes at most, found more"),
        (hasty, format!("http://{server}/slow"), "expected an answer within 300ms, found none"),
        (settings(), "http://127.0.0.1:1/".to_owned(), "Connection refused"),
        (settings(), "ftp://127.0.0.1/".to_owned(), "expected http or https, found ftp"),
    ];
    for (settings, url, expected) in cases {
        let began = Instant::now();
        let error = ask(settings, Method::Post, url.clone()).await.expect_err(expected);
        assert!(error.contains(expected), "{error} is not {expected}");
        assert!(error.starts_with("POST "), "{error} says what was asked");
        assert!(began.elapsed() < Duration::from_secs(19), "{url} took {:?}", began.elapsed());
    }
}

#[tokio::test]
async fn name_and_password_of_a_url_become_a_field_and_are_not_shown() {
    let server = server().await;
    let (_, said) =
        ask(settings(), Method::Post, format!("http://me:p%40ss@{server}/x")).await.expect("answered");
    assert!(said.ends_with(&format!("Basic {}", STANDARD.encode("me:p@ss"))), "{said}");
    let error = ask(settings(), Method::Post, "http://me:secret@127.0.0.1:1/?key=secret".to_owned()).await;
    assert!(!error.as_ref().is_err_and(|error| error.contains("secret")), "{error:?}");
}

#[tokio::test]
async fn what_may_not_be_reached_is_not_by_address_nor_by_name() {
    struct Nowhere;
    impl Reach for Nowhere {
        fn permits(&self, _: IpAddr) -> bool {
            false
        }
    }
    let server = server().await;
    let fetcher = Fetcher::new(settings(), Arc::new(Nowhere)).expect("a fetcher");
    for host in ["127.0.0.1", "localhost"] {
        let request = request(Method::Get, format!("http://{host}:{}/", server.port()));
        let problem =
            fetcher.document(&request, &Secret::new("t"), &Cookies::default()).await.expect_err("refused");
        assert!(
            problem.0.contains("may be reached") || problem.0.contains("may not be reached"),
            "{problem:?}"
        );
    }
}

/// Whatever is asked for has two addresses.
fn two_faced(_: String) -> client::Addresses {
    let addresses = ["127.0.0.1:0", "127.0.0.2:0"].map(|text| text.parse().expect("an address"));
    Box::pin(async move { Ok(addresses.to_vec()) })
}

/// All but 127.0.0.1.
struct NotTheFirst;

impl Reach for NotTheFirst {
    fn permits(&self, address: IpAddr) -> bool {
        address != IpAddr::from([127, 0, 0, 1])
    }
}

#[tokio::test]
async fn a_name_with_one_address_that_may_be_reached_is_asked_there_alone_and_not_called() {
    let reach: Arc<dyn Reach> = Arc::new(NotTheFirst);
    let resolver = || Resolver::with(Arc::clone(&reach), two_faced);
    let fetcher = |settings| Fetcher::with(settings, resolver(), Arc::clone(&reach)).expect("a fetcher");
    // The same port of both addresses.
    let ours = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let port = ours.local_addr().expect("an address").port();
    let theirs = tokio::net::TcpListener::bind(("127.0.0.2", port)).await.expect("the same port");
    let at = request(Method::Post, format!("http://two.example:{port}/echo"));
    let serving = tokio::spawn(async move { axum::serve(theirs, Router::new().fallback(answer)).await });
    let told = fetcher(settings()).document(&at, &Secret::new("t"), &Cookies::default()).await;
    assert!(told.expect("answered").body.starts_with(b"POST /echo\n"));
    // Nor is it, where the other one is not there.
    serving.abort();
    let gone = fetcher(settings()).document(&at, &Secret::new("t"), &Cookies::default()).await;
    assert!(gone.is_err(), "nobody is there");
    let asked = tokio::time::timeout(Duration::from_millis(200), ours.accept()).await;
    assert!(asked.is_err(), "{asked:?}");
    // Whoever is called is called by FreeSWITCH, at any of the addresses.
    let error = fetcher(settings()).may_call(&format!("two.example:{port}")).await.expect_err("not called");
    assert_eq!(error, "two.example: 127.0.0.1 may not be reached");
}

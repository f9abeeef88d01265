//! Servers that do not do what they should.

#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, clippy::expect_used)]

use std::io::{Read as _, Write};
use std::net::TcpListener;
use std::time::{Duration, Instant};

use store::{Options, Read, Store};

/// A server that answers each connection's first request with this and no more; it ends with the process.
fn server(answer: &'static [u8], again: usize) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let mut stream = stream.unwrap();
            std::thread::spawn(move || {
                let _ = stream.read(&mut [0; 4096]);
                for _ in 0..again {
                    if stream.write_all(answer).is_err() {
                        break;
                    }
                }
                // Held open: nothing more comes.
                let _ = stream.read(&mut [0; 4096]);
            });
        }
    });
    format!("http://{address}")
}

fn open(endpoint: &str) -> Store {
    let variables = [
        ("AWS_ENDPOINT_URL", endpoint),
        ("AWS_REGION", "eu-central-1"),
        ("AWS_ACCESS_KEY_ID", "a"),
        ("AWS_SECRET_ACCESS_KEY", "b"),
    ];
    let variables = variables.map(|(name, value)| (name.to_owned(), value.to_owned())).to_vec();
    let options =
        Options { timeout: Duration::from_millis(300), most: 1000, variables, ..Options::default() };
    Store::open("s3://bucket/key", options).unwrap()
}

const HEAD: &str = "Last-Modified: Sun, 22 Nov 2026 07:00:00 GMT\r\nETag: \"x\"\r\n";

fn leak(text: String) -> &'static [u8] {
    Box::leak(text.into_bytes().into_boxed_slice())
}

#[tokio::test]
async fn an_answer_is_read_and_everything_else_is_an_error_in_time() {
    let good = server(leak(format!("HTTP/1.1 200 OK\r\n{HEAD}Content-Length: 4\r\n\r\nlist")), 1);
    match open(&good).read(None).await.unwrap() {
        Read::Content(content, _) => assert_eq!(content, b"list"),
        other => panic!("{other:?}"),
    }
    let absent = server(b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n", 1);
    assert_eq!(open(&absent).read(None).await.unwrap(), Read::Absent);
    for (what, answer, again, expected) in [
        ("silent", String::new(), 0, ""),
        ("half", format!("HTTP/1.1 200 OK\r\n{HEAD}Content-Length: 400\r\n\r\nlist"), 1, "within"),
        (
            "huge",
            format!("HTTP/1.1 200 OK\r\n{HEAD}Content-Length: 1000000000\r\n\r\nx"),
            1,
            "expected up to 1000 bytes",
        ),
        ("no HTTP", "SIP/2.0 200 OK\r\n\r\n".to_owned(), 1, ""),
        ("failing", "HTTP/1.1 503 Oops\r\nContent-Length: 0\r\n\r\n".to_owned(), 1, "503"),
        ("refusing", "HTTP/1.1 403 No\r\nContent-Length: 0\r\n\r\n".to_owned(), 1, "403"),
        ("header without end", "X: y\r\n".repeat(10), 10_000, ""),
    ] {
        let began = Instant::now();
        let error = open(&server(leak(answer), again)).read(None).await.unwrap_err().to_string();
        assert!(error.contains(expected), "{what}: {error}");
        assert!(began.elapsed() < Duration::from_secs(2), "{what}: {:?}", began.elapsed());
    }
    let error = open("http://127.0.0.1:1").read(None).await.unwrap_err().to_string();
    assert!(error.contains("refused"), "{error}");
}

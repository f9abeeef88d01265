use std::net::SocketAddr;
use std::sync::atomic::{AtomicUsize, Ordering};

use axum::Router;
use axum::extract::{Request, State};
use axum::response::{IntoResponse, Response};

use super::*;
use crate::config::WebhookSettings;
use crate::fetch::Everywhere;

/// Counts what it answers with the whole file, and what with "not modified".
#[derive(Default)]
struct Counts {
    whole: AtomicUsize,
    same: AtomicUsize,
}

async fn serve(State(counts): State<Arc<Counts>>, asked: Request) -> Response {
    tokio::time::sleep(Duration::from_millis(50)).await;
    if asked.headers().contains_key(IF_NONE_MATCH) {
        counts.same.fetch_add(1, Ordering::Relaxed);
        return StatusCode::NOT_MODIFIED.into_response();
    }
    counts.whole.fetch_add(1, Ordering::Relaxed);
    match asked.uri().path() {
        "/page" => ([(CONTENT_TYPE, "text/html")], "<html>").into_response(),
        "/large.wav" => ([(CONTENT_TYPE, "audio/wav")], vec![0; 5000]).into_response(),
        "/none.wav" => StatusCode::NOT_FOUND.into_response(),
        _ => ([(CONTENT_TYPE, "audio/wav"), (ETAG, "\"1\"")], "RIFF").into_response(),
    }
}

struct Kit {
    files: Arc<Files>,
    counts: Arc<Counts>,
    server: SocketAddr,
    directory: tempfile::TempDir,
}

async fn kit() -> Kit {
    let counts = Arc::new(Counts::default());
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let server = listener.local_addr().expect("an address");
    let router = Router::new().fallback(serve).with_state(Arc::clone(&counts));
    tokio::spawn(async move { axum::serve(listener, router).await });
    let directory = tempfile::tempdir().expect("a directory");
    let settings = SoundSettings {
        directory: directory.path().to_owned(),
        file_bytes: 4096,
        ..SoundSettings::default()
    };
    let fetcher = Fetcher::new(WebhookSettings::default(), Arc::new(Everywhere)).expect("a fetcher");
    let room = Arc::new(Room::new(settings.directory.clone(), 1 << 20).expect("room"));
    let files = Arc::new(Files::new(Arc::new(fetcher), settings, "test".to_owned(), room));
    Kit { files, counts, server, directory }
}

fn counted(counts: &Counts) -> (usize, usize) {
    (counts.whole.load(Ordering::Relaxed), counts.same.load(Ordering::Relaxed))
}

#[tokio::test]
async fn a_file_is_fetched_once_and_then_asked_about() {
    let kit = kit().await;
    let url = format!("http://{}/hello?key=1", kit.server);
    let first = kit.files.get(&url).await.expect("fetched");
    assert_eq!(std::fs::read(&first).expect("a file"), b"RIFF");
    assert_eq!(first.extension().and_then(|ending| ending.to_str()), Some("wav"));
    assert_eq!(kit.files.get(&url).await, Ok(first.clone()));
    assert_eq!(counted(&kit.counts), (1, 1));
    std::fs::remove_file(&first).expect("removed");
    assert_eq!(kit.files.get(&url).await, Ok(first));
    assert_eq!(counted(&kit.counts), (2, 1), "a file that is gone is fetched whole");
}

#[tokio::test]
async fn those_who_want_the_same_at_once_share_one_fetch() {
    let kit = kit().await;
    let url = format!("http://{}/hello.wav", kit.server);
    let all: Vec<_> = (0..20)
        .map(|_| {
            let (files, url) = (Arc::clone(&kit.files), url.clone());
            tokio::spawn(async move { files.get(&url).await })
        })
        .collect();
    for one in all {
        assert!(one.await.expect("a task").is_ok());
    }
    assert_eq!(counted(&kit.counts), (1, 0));
}

#[tokio::test]
async fn what_is_no_sound_or_too_much_leaves_nothing_behind() {
    let kit = kit().await;
    for (path, expected) in [
        ("page", "expected a sound (audio/wav, audio/mpeg, ...), found \"text/html\""),
        ("large.wav", "expected 4096 bytes at most, found more"),
        ("none.wav", "expected an answer of 200, found 404 Not Found"),
    ] {
        let Problem(why) = kit.files.get(&format!("http://{}/{path}", kit.server)).await.expect_err(path);
        assert!(why.ends_with(expected), "{why}");
    }
    assert_eq!(std::fs::read_dir(kit.directory.path()).expect("a directory").count(), 0);
}

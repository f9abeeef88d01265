//! Against a stand-in for S3 that is strict about what matters: who asks, and that nothing is written over what must not be.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "tests fail by panicking"
)]

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use axum::Router;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::{HeaderMap, Method, StatusCode, Uri, header};
use axum::response::{IntoResponse, Response};
use objects::{Created, Objects};

#[derive(Default)]
struct Bucket {
    objects: BTreeMap<String, Vec<u8>>,
    /// Requests that are answered with 500, from now on.
    failures: u32,
}

type Shared = Arc<Mutex<Bucket>>;

async fn answer(
    State(bucket): State<Shared>,
    method: Method,
    uri: Uri,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    let mut bucket = bucket.lock().unwrap();
    let signed = headers.get(header::AUTHORIZATION).and_then(|value| value.to_str().ok()).unwrap_or_default();
    if !signed.starts_with("AWS4-HMAC-SHA256 Credential=AKID/") {
        return StatusCode::FORBIDDEN.into_response();
    }
    if bucket.failures > 0 {
        bucket.failures -= 1;
        return StatusCode::INTERNAL_SERVER_ERROR.into_response();
    }
    let key = uri.path().trim_start_matches("/bucket").trim_start_matches('/').to_owned();
    let etag = [(header::ETAG, "\"1\"")];
    match (method.as_str(), key.as_str()) {
        ("PUT", key) => {
            let only_new = headers.get(header::IF_NONE_MATCH).is_some_and(|value| value == "*");
            if only_new && bucket.objects.contains_key(key) {
                return StatusCode::PRECONDITION_FAILED.into_response();
            }
            bucket.objects.insert(key.to_owned(), body.to_vec());
            etag.into_response()
        }
        ("GET", "") => {
            let query = uri.query().unwrap_or_default();
            let prefix = query.split('&').find_map(|pair| pair.strip_prefix("prefix=")).unwrap_or_default();
            let prefix = prefix.replace("%2F", "/");
            let found = bucket.objects.keys().filter(|key| key.starts_with(&prefix));
            let contents: String = found
                .map(|key| {
                    format!(
                        "<Contents><Key>{key}</Key><LastModified>2026-11-22T22:00:00.000Z</LastModified>\
                         <ETag>1</ETag><Size>1</Size></Contents>"
                    )
                })
                .collect();
            format!("<?xml version=\"1.0\"?><ListBucketResult>{contents}</ListBucketResult>").into_response()
        }
        ("GET", key) => match bucket.objects.get(key) {
            Some(bytes) => {
                let modified = (header::LAST_MODIFIED, "Sun, 22 Nov 2026 22:00:00 GMT");
                ([(header::ETAG, "\"1\""), modified], bytes.clone()).into_response()
            }
            None => StatusCode::NOT_FOUND.into_response(),
        },
        ("DELETE", key) => {
            bucket.objects.remove(key);
            StatusCode::NO_CONTENT.into_response()
        }
        ("POST", _) => {
            let text = String::from_utf8_lossy(&body).into_owned();
            let keys: Vec<_> =
                text.split("<Key>").skip(1).filter_map(|rest| rest.split("</Key>").next()).collect();
            let deleted: String =
                keys.iter().map(|key| format!("<Deleted><Key>{key}</Key></Deleted>")).collect();
            for key in keys {
                bucket.objects.remove(key);
            }
            format!("<DeleteResult>{deleted}</DeleteResult>").into_response()
        }
        _ => StatusCode::METHOD_NOT_ALLOWED.into_response(),
    }
}

async fn start() -> (Shared, Objects) {
    let bucket = Shared::default();
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let router = Router::new().fallback(answer).with_state(Arc::clone(&bucket));
    tokio::spawn(async move { axum::serve(listener, router).await });
    let variables = [
        ("AWS_ACCESS_KEY_ID", "AKID".to_owned()),
        ("AWS_SECRET_ACCESS_KEY", "secret".to_owned()),
        ("AWS_REGION", "ap-southeast-1".to_owned()),
        ("AWS_ENDPOINT_URL", format!("http://{address}")),
        ("PATH", "/bin".to_owned()),
    ];
    let variables = variables.into_iter().map(|(name, value)| (name.to_owned(), value));
    (bucket, Objects::open_with("s3://bucket/some/where", None, variables).unwrap())
}

#[tokio::test]
async fn one_creates_and_others_are_told_what_is_there() {
    let (bucket, objects) = start().await;
    assert_eq!(objects.create("calls/CA1", b"one".to_vec()).await.unwrap(), Created::New);
    assert_eq!(objects.create("calls/CA1", b"two".to_vec()).await.unwrap(), Created::There(b"one".to_vec()));
    assert_eq!(bucket.lock().unwrap().objects["some/where/calls/CA1"], b"one");
    let listed: Vec<_> = objects.list("calls").await.unwrap().into_iter().map(|(name, _)| name).collect();
    assert_eq!(listed, ["CA1"]);
    objects.delete("calls/CA1").await.unwrap();
    assert_eq!(objects.create("calls/CA1", b"two".to_vec()).await.unwrap(), Created::New);
}

#[tokio::test]
async fn what_fails_for_a_moment_is_tried_again_and_what_does_not_recover_is_told() {
    let (bucket, objects) = start().await;
    bucket.lock().unwrap().failures = 1;
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), b"sound").unwrap();
    objects.put_file("a.wav", file.path()).await.unwrap();
    assert_eq!(bucket.lock().unwrap().objects["some/where/a.wav"], b"sound");
    bucket.lock().unwrap().failures = u32::MAX;
    assert!(objects.create("calls/CA2", Vec::new()).await.is_err());
}

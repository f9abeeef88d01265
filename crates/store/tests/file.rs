//! A snapshot in a file.

#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, clippy::expect_used)]

use std::path::Path;

use store::{Options, Read, Store, StoreError};

fn open(path: &Path) -> Store {
    Store::open(&format!("file://{}", path.display()), Options { most: 100, ..Options::default() }).unwrap()
}

#[tokio::test]
async fn what_was_read_is_not_read_again_and_only_what_was_read_is_written_over() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("targets.json");
    let (one, other) = (open(&path), open(&path));
    assert_eq!(one.read(None).await.unwrap(), Read::Absent);
    let first = one.write(b"first".to_vec(), None).await.unwrap();
    assert!(matches!(other.write(b"x".to_vec(), None).await, Err(StoreError::Conflict)));
    assert_eq!(other.read(None).await.unwrap(), Read::Content(b"first".to_vec(), first.clone()));
    assert_eq!(other.read(Some(&first)).await.unwrap(), Read::Same);
    let second = other.write(b"second".to_vec(), Some(&first)).await.unwrap();
    assert!(matches!(one.write(b"x".to_vec(), Some(&first)).await, Err(StoreError::Conflict)));
    assert_eq!(one.read(Some(&first)).await.unwrap(), Read::Content(b"second".to_vec(), second.clone()));
    std::fs::remove_file(&path).unwrap();
    assert!(matches!(one.write(b"x".to_vec(), Some(&second)).await, Err(StoreError::Conflict)));
    std::fs::write(&path, [b'x'; 101]).unwrap();
    let error = one.read(None).await.unwrap_err().to_string();
    assert_eq!(error, "expected up to 100 bytes, found 101");
}

#[tokio::test(flavor = "multi_thread")]
async fn of_many_writers_at_once_none_loses_what_another_wrote() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("count");
    let count = |path: std::path::PathBuf| async move {
        let store = open(&path);
        let mut written = 0;
        while written < 20 {
            let (number, version) = match store.read(None).await.unwrap() {
                Read::Content(content, version) => {
                    (String::from_utf8(content).unwrap().parse::<u32>().unwrap(), Some(version))
                }
                _ => (0, None),
            };
            match store.write((number + 1).to_string().into_bytes(), version.as_ref()).await {
                Ok(_) => written += 1,
                Err(StoreError::Conflict) => {}
                Err(error) => panic!("{error}"),
            }
        }
    };
    let writers: Vec<_> = (0..5).map(|_| tokio::spawn(count(path.clone()))).collect();
    for writer in writers {
        writer.await.unwrap();
    }
    assert_eq!(std::fs::read_to_string(&path).unwrap(), "100");
}

#[test]
fn what_is_no_store_is_refused_with_what_was_expected() {
    for (url, why) in [
        ("targets.json", "no scheme"),
        ("file://targets.json", "names no object"),
        ("s3://bucket", "names no object"),
        ("s3://bucket/", "names no object"),
        ("s3:///key", "names no object"),
        ("ftp://host/key", "\"ftp\" is no kind of store"),
        ("", "no scheme"),
    ] {
        let error = Store::open(url, Options::default()).unwrap_err().to_string();
        assert!(error.contains("s3://bucket/key") && error.contains(why), "{error}");
    }
}

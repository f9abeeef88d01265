//! Who leaves, where tasks say how many calls they have.
#![allow(clippy::unwrap_used, reason = "tests fail by panicking")]

use std::io::{Read, Write};
use std::net::{IpAddr, TcpListener};

use fleet::State;
use scaler_lambda::facts::{Service, Stage, Task};
use scaler_lambda::load;
use scaler_lambda::plan::{Rules, plan};

fn task(id: &str, protected: Option<bool>, sessions: Option<u64>, started_at: i64) -> Task {
    Task {
        arn: format!("arn:aws:ecs:eu-central-1:1:task/main/{id}"),
        version: 1,
        revision: "switch:1".to_owned(),
        stage: Stage::Running,
        wanted: true,
        healthy: true,
        address: Some(IpAddr::from([127, 0, 0, 1])),
        started_at: Some(started_at),
        protected,
        sessions,
    }
}

/// Who stays, of four that are one or more too many.
fn stay(desired: u32, tasks: &[Task]) -> Vec<String> {
    let service = Service { desired, revision: Some("switch:1".to_owned()) };
    let list = plan(&Rules::default(), &service, tasks, None, (1_000, "now")).unwrap();
    let active = list.targets.iter().filter(|target| target.state == State::Active);
    active.map(|target| target.id.clone()).collect()
}

#[test]
fn those_with_the_fewest_calls_leave_first_and_those_that_do_not_say_last() {
    let busy = Some(true);
    let tasks = [
        task("few", busy, Some(3), 1),
        task("many", busy, Some(90), 4),
        task("some", busy, Some(40), 2),
        task("silent", busy, None, 3),
    ];
    assert_eq!(stay(3, &tasks), ["many", "silent", "some"]);
    assert_eq!(stay(2, &tasks), ["many", "silent"]);
    assert_eq!(stay(1, &tasks), ["silent"]);
    // Without calls is fewer than any, whatever an old figure says.
    let idle = [task("idle", Some(false), Some(9), 1), task("busy", busy, Some(1), 2)];
    assert_eq!(stay(1, &idle), ["busy"]);
    // Nobody says: the youngest.
    let silent = [task("old", busy, None, 1), task("young", busy, None, 2)];
    assert_eq!(stay(1, &silent), ["old"]);
}

#[tokio::test]
async fn tasks_are_asked_and_what_is_no_answer_is_none() {
    for (answer, expected) in [
        ("HTTP/1.1 200 OK\r\nContent-Length: 16\r\n\r\n{\"sessions\": 7 }", Some(7)),
        ("HTTP/1.1 200 OK\r\nContent-Length: 17\r\n\r\n{\"sessions\": -7 }", None),
        ("HTTP/1.1 503 No\r\nContent-Length: 16\r\n\r\n{\"sessions\": 7 }", None),
        ("HTTP/1.1 200 OK\r\nContent-Length: 99999\r\n\r\n", None),
        ("", None),
    ] {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let server = std::thread::spawn(move || {
            let (mut stream, _) = listener.accept().unwrap();
            let _ = stream.read(&mut [0; 1024]);
            let _ = stream.write_all(answer.as_bytes());
        });
        let mut tasks = [task("a", None, None, 1)];
        load::look(&mut tasks, port).await;
        assert_eq!(tasks[0].sessions, expected, "{answer}");
        server.join().unwrap();
    }
}

use super::*;

fn exchange(address: &str) {
    let socket = UdpSocket::bind(address.parse().unwrap(), false, 1 << 20).unwrap();
    let own = socket.socket.local_addr().unwrap().as_socket().unwrap();
    let (mut out, mut batch) = (Outgoing::default(), Received::new());
    let bytes = b"onetwothree";
    for (from, to) in [(0, 3), (3, 6), (6, 11)] {
        out.push(from, to, own);
    }
    socket.send(&mut out, bytes, |to, error| panic!("{to}: {error}"));
    assert!(out.is_empty());
    let mut got = Vec::new();
    while got.len() < 3 {
        socket.receive(&mut batch).unwrap();
        got.extend(batch.iter().map(|(bytes, source)| (bytes.to_vec(), source)));
    }
    assert_eq!(got, [&b"one"[..], b"two", b"three"].map(|bytes| (bytes.to_vec(), own)));
}

#[test]
fn datagrams_arrive_whole_in_order_and_with_their_source() {
    exchange("127.0.0.1:0");
}

#[test]
fn a_socket_of_all_addresses_says_which_was_meant_and_answers_from_it() {
    for (all, one) in [("0.0.0.0:0", "127.0.0.99:0"), ("[::]:0", "[::1]:0")] {
        if std::net::UdpSocket::bind(one).is_err() {
            continue;
        }
        let socket = UdpSocket::bind(all.parse().unwrap(), false, 1 << 20).unwrap();
        let port = socket.socket.local_addr().unwrap().as_socket().unwrap().port();
        let addressed = SocketAddr::new(one.parse::<SocketAddr>().unwrap().ip(), port);
        // Hears nothing that comes from anywhere else.
        let other = std::net::UdpSocket::bind(all).unwrap();
        other.connect(addressed).unwrap();
        other.set_read_timeout(Some(Duration::from_secs(10))).unwrap();
        let mut batch = socket.received();
        for _ in 0..2 {
            other.send(b"to whom?").unwrap();
            socket.receive(&mut batch).unwrap();
            let (source, local) = batch.with_origins().next().unwrap().1;
            assert_eq!(local, Some(addressed.ip()));
            let mut out = Outgoing::default();
            out.push(0, 1, source);
            out.push_from(1, 3, source, local);
            socket.send(&mut out, b"abc", |to, error| panic!("{to}: {error}"));
            let mut buffer = [0; 9];
            while other.recv(&mut buffer).unwrap() != 2 {}
            // An address that is not ours.
            out.push_from(
                0,
                1,
                source,
                Some(if source.is_ipv4() { [192, 0, 2, 1].into() } else { [9; 16].into() }),
            );
            let mut failures = 0;
            socket.send(&mut out, b"a", |_, _| failures += 1);
            assert_eq!(failures, 1);
        }
    }
}

#[test]
fn one_thread_waits_for_several_sockets_and_is_told_which_has_something() {
    let bind = || UdpSocket::bind("127.0.0.1:0".parse().unwrap(), false, 1 << 20).unwrap();
    let sockets = [bind(), bind()];
    let (mut poll, mut batch) = (Poll::new(&sockets), Received::new());
    poll.wait(Duration::from_millis(1)).unwrap();
    assert_eq!(poll.ready().count(), 0);
    sockets[0].receive_now(&mut batch).unwrap();
    assert_eq!(batch.iter().count(), 0);
    let mut out = Outgoing::default();
    out.push(0, 3, sockets[1].socket.local_addr().unwrap().as_socket().unwrap());
    sockets[0].send(&mut out, b"one", |to, error| panic!("{to}: {error}"));
    poll.wait(Duration::from_secs(60)).unwrap();
    let ready: Vec<_> = poll.ready().collect();
    assert_eq!(ready.iter().map(|(place, _)| *place).collect::<Vec<_>>(), [1]);
    ready[0].1.receive_now(&mut batch).unwrap();
    assert_eq!(batch.iter().map(|(bytes, _)| bytes.to_vec()).collect::<Vec<_>>(), [b"one"]);
}

#[test]
fn ipv6_too() {
    if std::net::UdpSocket::bind("[::1]:0").is_ok() {
        exchange("[::1]:0");
    }
}

#[test]
fn a_datagram_that_cannot_be_sent_is_told_and_the_others_leave() {
    let socket = UdpSocket::bind("127.0.0.1:0".parse().unwrap(), false, 1 << 20).unwrap();
    let own = socket.socket.local_addr().unwrap().as_socket().unwrap();
    let mut out = Outgoing::default();
    out.push(0, 1, own);
    out.push(1, 2, "127.0.0.1:0".parse().unwrap());
    out.push(2, 3, own);
    let mut failures = Vec::new();
    socket.send(&mut out, b"abc", |to, _| failures.push(to.port()));
    assert_eq!(failures, [0]);
    let mut batch = Received::new();
    socket.receive(&mut batch).unwrap();
    assert_eq!(batch.iter().map(|(bytes, _)| bytes.to_vec()).collect::<Vec<_>>(), [b"a", b"c"]);
}

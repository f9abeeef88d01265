use super::*;

const ALL: Able = Able { tls: true, v4: true, v6: true };
const V4: Able = Able { tls: false, v4: true, v6: false };

fn wanted(port: Option<u16>, transport: Option<Transport>, secure: bool) -> Destination {
    Destination::new(b"example.com", port, transport, secure).unwrap()
}

fn naptr(order: u16, preference: u16, service: &str, replacement: &str) -> Record {
    let (flags, service, replacement) = ("s".to_owned(), service.to_owned(), replacement.to_owned());
    Record::Naptr { order, preference, flags, service, replacement }
}

fn srv(priority: u16, weight: u16, port: u16, target: &str) -> Record {
    Record::Srv { priority, weight, port, target: target.to_owned() }
}

fn address(text: &str) -> Record {
    Record::Address(text.parse().unwrap())
}

/// Answers by a zone: what stands there, with 60 s; the rest is nothing. Tells what was asked, and the outcome.
fn run(mut lookup: Lookup, zone: &[(&str, Vec<Record>)]) -> (Vec<String>, Outcome) {
    let mut asked = Vec::new();
    while lookup.outcome().is_none() {
        let questions = lookup.questions().to_vec();
        assert!(!questions.is_empty(), "neither a question nor an outcome");
        for question in questions {
            let text = match &question {
                Question::Naptr(name) => format!("NAPTR {name}"),
                Question::Srv(name) => format!("SRV {name}"),
                Question::Address(name, Family::V4) => format!("A {name}"),
                Question::Address(name, Family::V6) => format!("AAAA {name}"),
            };
            let answer = match zone.iter().find(|(name, _)| *name == text) {
                Some((_, records)) if records.is_empty() => Answer::Failed,
                Some((_, records)) => {
                    Answer::Records { records: records.clone(), ttl: Duration::from_secs(60) }
                }
                None => Answer::Nothing,
            };
            asked.push(text);
            lookup.answer(&question, answer);
        }
    }
    assert!(lookup.questions().is_empty());
    (asked, lookup.outcome().unwrap().clone())
}

/// `transport address rank priority weight` of each.
fn shown(outcome: &Outcome) -> Vec<String> {
    let Outcome::Found { candidates, .. } = outcome else { return vec![format!("{outcome:?}")] };
    let show = |c: &Candidate| {
        format!("{} {} {} {} {}", c.transport.label(), c.address, c.rank, c.priority, c.weight)
    };
    candidates.iter().map(show).collect()
}

#[test]
fn a_name_alone_goes_by_naptr_then_srv_then_addresses() {
    let zone = [
        (
            "NAPTR example.com",
            vec![
                naptr(20, 1, "SIP+D2U", "_sip._udp.other.example"),
                naptr(10, 5, "SIP+D2T", "_sip._tcp.example.com"),
                naptr(10, 1, "SIPS+D2T", "_sips._tcp.example.com"),
                naptr(1, 1, "E2U+sip", "elsewhere.example"),
                naptr(1, 1, "SIP+D2S", "_sip._sctp.example.com"),
            ],
        ),
        ("SRV _sips._tcp.example.com", vec![srv(0, 0, 5061, "a.example.com")]),
        ("SRV _sip._tcp.example.com", vec![srv(0, 0, 5070, "a.example.com")]),
        (
            "SRV _sip._udp.other.example",
            vec![srv(1, 10, 5060, "a.example.com"), srv(2, 20, 5080, "B.example.com")],
        ),
        ("A a.example.com", vec![address("192.0.2.1")]),
        ("AAAA a.example.com", vec![address("2001:db8::1")]),
        ("A b.example.com", vec![address("192.0.2.2"), address("192.0.2.3")]),
    ];
    let (asked, outcome) = run(Lookup::new(wanted(None, None, false), ALL), &zone);
    assert_eq!(asked[0], "NAPTR example.com");
    assert_eq!(
        asked[1..4],
        ["SRV _sip._tcp.example.com", "SRV _sip._udp.other.example", "SRV _sips._tcp.example.com"]
    );
    assert_eq!(asked.len(), 8, "each address once: {asked:?}");
    assert_eq!(
        shown(&outcome),
        [
            "tls 192.0.2.1:5061 0 0 0",
            "tls [2001:db8::1]:5061 0 0 0",
            "tcp 192.0.2.1:5070 1 0 0",
            "tcp [2001:db8::1]:5070 1 0 0",
            "udp 192.0.2.1:5060 2 1 10",
            "udp [2001:db8::1]:5060 2 1 10",
            "udp 192.0.2.2:5080 2 2 20",
            "udp 192.0.2.3:5080 2 2 20",
        ]
    );
}

#[test]
fn what_we_cannot_send_is_not_asked_for() {
    let zone = [
        ("NAPTR example.com", vec![naptr(1, 1, "SIPS+D2T", "_sips._tcp.example.com")]),
        ("A example.com", vec![address("192.0.2.1")]),
    ];
    let (asked, outcome) = run(Lookup::new(wanted(None, None, false), V4), &zone);
    assert_eq!(
        asked,
        ["NAPTR example.com", "SRV _sip._tcp.example.com", "SRV _sip._udp.example.com", "A example.com"]
    );
    assert_eq!(shown(&outcome), ["udp 192.0.2.1:5060 0 0 0"]);
}

#[test]
fn a_port_skips_naptr_and_srv_and_a_transport_skips_naptr() {
    let zone = [
        ("A example.com", vec![address("192.0.2.1")]),
        ("SRV _sip._tcp.example.com", vec![srv(0, 0, 5070, "a.example.com")]),
        ("A a.example.com", vec![address("192.0.2.2")]),
    ];
    let ask = |port, transport, secure| run(Lookup::new(wanted(port, transport, secure), V4), &zone);
    for (port, transport, secure, questions, found) in [
        (Some(5090), None, false, "A example.com", "udp 192.0.2.1:5090 0 0 0"),
        (Some(5090), Some(Transport::Tcp), false, "A example.com", "tcp 192.0.2.1:5090 0 0 0"),
        (Some(5090), None, true, "A example.com", "tls 192.0.2.1:5090 0 0 0"),
        (
            None,
            Some(Transport::Tcp),
            false,
            "SRV _sip._tcp.example.com, A a.example.com",
            "tcp 192.0.2.2:5070 0 0 0",
        ),
        (
            None,
            Some(Transport::Udp),
            false,
            "SRV _sip._udp.example.com, A example.com",
            "udp 192.0.2.1:5060 0 0 0",
        ),
        (
            None,
            Some(Transport::Tls),
            false,
            "SRV _sips._tcp.example.com, A example.com",
            "tls 192.0.2.1:5061 0 0 0",
        ),
    ] {
        let (asked, outcome) = ask(port, transport, secure);
        assert_eq!((asked.join(", "), shown(&outcome)), (questions.to_owned(), vec![found.to_owned()]));
    }
}

#[test]
fn a_sips_uri_leads_over_tls_alone() {
    let zone = [
        ("NAPTR example.com", vec![naptr(1, 1, "SIP+D2U", "_sip._udp.example.com")]),
        ("SRV _sip._udp.example.com", vec![srv(0, 0, 5060, "a.example.com")]),
        ("A example.com", vec![address("192.0.2.1")]),
    ];
    let able = Able { tls: true, ..V4 };
    let (asked, outcome) = run(Lookup::new(wanted(None, None, true), able), &zone);
    assert_eq!(asked, ["NAPTR example.com", "SRV _sips._tcp.example.com", "A example.com"]);
    assert_eq!(shown(&outcome), ["tls 192.0.2.1:5061 0 0 0"]);
}

#[test]
fn a_service_that_there_decidedly_is_not_leads_nowhere() {
    let zone = [
        ("SRV _sip._tcp.example.com", vec![srv(0, 0, 0, "")]),
        ("A example.com", vec![address("192.0.2.1")]),
    ];
    let (_, outcome) = run(Lookup::new(wanted(None, Some(Transport::Tcp), false), V4), &zone);
    assert_eq!(outcome, Outcome::Nothing);
    // Over another transport there may be one.
    let zone = [
        ("SRV _sip._tcp.example.com", vec![srv(0, 0, 0, "")]),
        ("SRV _sip._udp.example.com", vec![srv(0, 0, 5080, "a.example.com")]),
        ("A a.example.com", vec![address("192.0.2.1")]),
    ];
    let (_, outcome) = run(Lookup::new(wanted(None, None, false), V4), &zone);
    assert_eq!(shown(&outcome), ["udp 192.0.2.1:5080 0 0 0"]);
}

#[test]
fn failure_is_told_from_nothing_and_one_family_is_enough() {
    let end = |zone: &[(&str, Vec<Record>)]| run(Lookup::new(wanted(None, None, false), ALL), zone).1;
    assert_eq!(end(&[]), Outcome::Nothing);
    assert_eq!(end(&[("SRV _sip._udp.example.com", vec![])]), Outcome::Failed);
    assert_eq!(end(&[("A example.com", vec![])]), Outcome::Failed);
    let one = [("AAAA example.com", vec![]), ("A example.com", vec![address("192.0.2.1")])];
    assert_eq!(shown(&end(&one)), ["udp 192.0.2.1:5060 0 0 0"]);
    // Name servers that choke on NAPTR are no reason to give up.
    let one = [("NAPTR example.com", vec![]), ("A example.com", vec![address("192.0.2.1")])];
    assert_eq!(shown(&end(&one)), ["udp 192.0.2.1:5060 0 0 0"]);
}

#[test]
fn an_address_is_known_for_what_it_is_in_any_dress() {
    let able = Able { v4: false, ..ALL };
    let zone = [("AAAA example.com", vec![address("::ffff:127.0.0.1"), address("::ffff:7f00:1")])];
    let (_, outcome) = run(Lookup::new(wanted(Some(5060), None, false), able), &zone);
    assert_eq!(shown(&outcome), ["udp 127.0.0.1:5060 0 0 0"]);
}

#[test]
fn answers_of_any_size_cost_no_more_than_so_much() {
    let many = |count: u16| {
        (0..count).map(move |i| srv(i, 1, 5060, &format!("h{i}.example.com"))).collect::<Vec<_>>()
    };
    let services = |i: u16| naptr(i, 0, "SIP+D2U", &format!("_sip._udp.s{i}.example.com"));
    let mut lookup = Lookup::new(wanted(None, None, false), V4);
    let mut asked = 0;
    while lookup.outcome().is_none() {
        for question in lookup.questions().to_vec() {
            asked += 1;
            let records = match &question {
                Question::Naptr(_) => (0..1000).map(services).collect(),
                Question::Srv(_) => many(1000),
                Question::Address(..) => {
                    (0..1000).map(|i: u32| Record::Address(IpAddr::from(i.to_be_bytes()))).collect()
                }
            };
            lookup.answer(&question, Answer::Records { records, ttl: Duration::ZERO });
        }
    }
    let Some(Outcome::Found { candidates, .. }) = lookup.outcome() else { panic!("nothing found") };
    assert!(asked <= 1 + MAX_SERVICES + MAX_SERVERS && candidates.len() == MAX_CANDIDATES, "{asked}");
}

#[test]
fn what_was_not_asked_and_what_is_no_name_changes_nothing() {
    let mut lookup = Lookup::new(wanted(None, Some(Transport::Udp), false), V4);
    lookup.answer(&Question::Naptr("example.com".to_owned()), Answer::Nothing);
    let asked = Question::Srv("_sip._udp.example.com".to_owned());
    assert_eq!(lookup.questions(), std::slice::from_ref(&asked));
    let records = vec![srv(0, 0, 5060, "a b"), srv(0, 0, 0, "a.example.com"), address("192.0.2.9")];
    lookup.answer(&asked, Answer::Records { records, ttl: Duration::ZERO });
    assert_eq!(lookup.questions(), [Question::Address("example.com".to_owned(), Family::V4)]);
}

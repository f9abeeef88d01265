use super::*;
use crate::table::Choice;

const SMALL: &str = r#"
[[listener]]
name = "main"
bind = "127.0.0.1:5060"
[targets]
list = [{ id = "a", address = "127.0.0.1", ports = { sip = 7001 } }]
[access]
sources = ["127.0.0.0/8"]
"#;

fn parse(text: &str, environment: &[(&str, &str)]) -> Result<Config, String> {
    let environment = environment.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
    Config::parse(text, "proxy.toml", environment).map_err(|error| error.to_string())
}

#[test]
fn the_example_file_is_right_and_shows_the_defaults() {
    let example = parse(include_str!("../../proxy.example.toml"), &[]).unwrap();
    let defaults = parse(SMALL, &[]).unwrap();
    assert_eq!((example.drain, example.token_hours), (defaults.drain, defaults.token_hours));
    assert_eq!((example.poll, example.refused), (defaults.poll, defaults.refused));
    assert_eq!((example.access_poll, example.limits), (defaults.access_poll, defaults.limits));
    assert_eq!(example.udp, defaults.udp);
    assert_eq!(example.health, defaults.health);
    assert_eq!((example.dispatch, example.choice), (defaults.dispatch, defaults.choice));
    assert_eq!(example.load, defaults.load);
    assert_eq!(example.tls.poll, defaults.tls.poll);
    assert_eq!((example.admin.bind, example.log.format), (defaults.admin.bind, defaults.log.format));
    assert_eq!(example.log.redact_numbers, defaults.log.redact_numbers);
    assert_eq!((example.tcp, example.fetch), (defaults.tcp, defaults.fetch));
    assert_eq!(example.shown["capture"], defaults.shown["capture"]);
    assert_eq!(example.shown["dns"], defaults.shown["dns"]);
}

#[test]
fn tls_of_a_listener_is_known_by_its_host_and_its_own_port() {
    let tls = "tls = { bind = \"127.0.0.1:5061\", certificate = \"c\", key = \"k\" }";
    let with = |further: &str| {
        let tls = tls.replace(" }", further);
        SMALL.replace("[targets]", &format!("advertise = \"proxy.example:5060\"\n{tls}\n[targets]"))
    };
    let listener = |further: &str| parse(&with(further), &[]).unwrap().listeners.remove(0).tls.unwrap();
    assert_eq!(listener(" }").advertise.to_string(), "proxy.example:5061");
    assert_eq!(listener(" }").internal.to_string(), "127.0.0.1:5061");
    assert_eq!(listener(", advertise = \"203.0.113.9\" }").advertise.to_string(), "203.0.113.9:5061");
    let error = |text: &str| parse(text, &[]).unwrap_err();
    assert!(error(&with(", advertise = \"a b\" }")).contains("tls.advertise"));
    assert!(error(&with(" }").replace("127.0.0.1:5061", "127.0.0.1:5060")).contains("two listeners bind"));
    let names = |names: &str| format!("{SMALL}[tls]\nnames = {{ {names} }}\n");
    assert!(parse(&names("\"192.0.2.1\" = \"sip.carrier.example\""), &[]).is_ok());
    assert!(
        error(&names("\"carrier\" = \"sip.carrier.example\"")).contains("tls.names: expected an address")
    );
    assert!(
        error(&SMALL.replace("[targets]", "proxy_protocol = [\"x\"]\n[targets]")).contains("proxy_protocol")
    );
}

#[test]
fn lists_may_be_at_urls_and_other_places_are_refused() {
    let sources = |url: &str| parse(&SMALL.replace("[\"127.0.0.0/8\"]", &format!("{url:?}")), &[]);
    let list = "list = [{ id = \"a\", address = \"127.0.0.1\", ports = { sip = 7001 } }]";
    let targets = |url: &str| parse(&SMALL.replace(list, &format!("url = {url:?}\ncache = \"/c\"")), &[]);
    for url in ["http://config.example/list", "https://[2001:db8::1]:8443/list?key=secret"] {
        let Sources::Url(sources) = sources(url).unwrap().access else { panic!("{url}") };
        assert!(
            !sources.shown().contains("secret") && url.starts_with(&sources.shown()),
            "{}",
            sources.shown()
        );
        let Source::Url(targets) = targets(url).unwrap().targets else { panic!("{url}") };
        assert_eq!((targets.url, targets.cache), (url.parse().unwrap(), Some("/c".into())));
    }
    for url in [
        "ftp://config.example/list",
        "https://",
        "https://user:word@config.example/list",
        "http://a b/",
        "list",
    ] {
        for error in [sources(url).map(drop).unwrap_err(), targets(url).map(drop).unwrap_err()] {
            assert!(error.contains("expected") && error.contains(url), "{error}");
        }
    }
    let fetch = |line: &str| parse(&format!("{SMALL}[fetch]\n{line}\n"), &[]).map(drop).unwrap_err();
    assert!(
        fetch("timeout = \"1ms\"").ends_with("fetch.timeout: expected \"50ms\" to \"5m\", found \"1ms\"")
    );
    assert!(fetch("jitter = 0.9").contains("fetch.jitter: expected a share"));
}

#[test]
fn what_connections_may_take_is_checked_and_shown() {
    let with = |line: &str| parse(&format!("{SMALL}[tcp]\n{line}\n"), &[]);
    let shown = with("max_per_source = 7\nidle_timeout = \"90s\"").unwrap().shown;
    assert_eq!(shown["tcp"]["max_per_source"], 7);
    assert_eq!(shown["tcp"]["idle_timeout"], "1m 30s");
    assert_eq!(shown["tcp"]["max_connections"], 10_000);
    for (line, expected) in [
        ("max_connections = 0", "tcp.max_connections: expected 1 to 1000000, found 0"),
        ("max_connections = 10\nreserved = 10", "tcp.reserved: expected 0 to 9, found 10"),
        ("max_per_source = 0", "tcp.max_per_source: expected 1 to 1000000, found 0"),
        ("max_message = 65536", "tcp.max_message: expected 1300 to 65535, found 65536"),
        ("idle_timeout = \"0s\"", "tcp.idle_timeout: expected \"1s\" to \"1day\", found \"0s\""),
        ("message_timeout = \"1ms\"", "tcp.message_timeout: expected \"100ms\" to \"1h\", found \"1ms\""),
        ("connect_timeout = \"2h\"", "tcp.connect_timeout: expected \"10ms\" to \"1h\", found \"2h\""),
    ] {
        let error = with(line).unwrap_err();
        assert!(error.ends_with(expected), "{error}");
    }
}

#[test]
fn an_unknown_key_is_refused_with_its_place() {
    let error = parse(&SMALL.replace("bind =", "bnid ="), &[]).unwrap_err();
    assert!(
        error.contains("proxy.toml") && error.contains("line 4") && error.contains("unknown field `bnid`"),
        "{error}"
    );
}

#[test]
fn a_value_of_the_wrong_kind_is_refused_with_its_place() {
    let error = parse(&format!("drain = \"soon\"\n{SMALL}"), &[]).unwrap_err();
    assert!(error.contains("line 1") && error.contains("expected a duration such as"), "{error}");
}

#[test]
fn environment_variables_override_every_kind_of_setting() {
    let environment = [
        ("SWITCHYARD_WORKERS", "3"),
        ("SWITCHYARD_DRAIN", "5s"),
        ("SWITCHYARD_ADMIN__BIND", "127.0.0.1:9999"),
        ("SWITCHYARD_SECRETS", "[\"k1:0123456789abcdef\"]"),
        ("SWITCHYARD_HEADERS__ADD", "{ X-A = \"{source_ip}\" }"),
        ("UNRELATED", "x"),
    ];
    let config = parse(SMALL, &environment).unwrap();
    assert_eq!((config.workers, config.drain, config.has_secrets), (3, Duration::from_secs(5), true));
    assert_eq!(config.admin.bind.port(), 9999);
}

#[test]
fn sources_stand_in_the_settings_or_in_a_file() {
    let file = SMALL.replace("sources = [\"127.0.0.0/8\"]", "sources = \"file:///etc/sources\"");
    assert_eq!(parse(&file, &[]).unwrap().access, Sources::File("/etc/sources".into()));
    let environment = [("SWITCHYARD_ACCESS__SOURCES", "file:///etc/others")];
    assert_eq!(parse(SMALL, &environment).unwrap().access, Sources::File("/etc/others".into()));
    let environment = [("SWITCHYARD_ACCESS__SOURCES", "[\"10.0.0.0/8\"]")];
    assert!(matches!(parse(&file, &environment).unwrap().access, Sources::Inline(_)));
}

#[test]
fn an_environment_variable_that_is_no_setting_is_refused_by_name() {
    let error = parse(SMALL, &[("SWITCHYARD_ADMIN__BNID", "x")]).unwrap_err();
    assert!(error.contains("SWITCHYARD_ADMIN__BNID") && error.contains("unknown field"), "{error}");
    let error = parse(SMALL, &[("SWITCHYARD_WORKERS", "many")]).unwrap_err();
    assert!(error.contains("SWITCHYARD_WORKERS") && error.contains("invalid type"), "{error}");
}

#[test]
fn what_makes_no_sense_is_refused_with_what_was_expected() {
    let error = |from: &str, to: &str| {
        assert!(SMALL.contains(from), "{from}");
        parse(&SMALL.replace(from, to), &[]).unwrap_err()
    };
    assert!(error("sources = [\"127.0.0.0/8\"]", "").contains("access.sources: expected the networks"));
    assert!(error("127.0.0.0/8", "127.0.0.0/40").contains("access.sources"));
    let url = |url: &str| error("sources = [\"127.0.0.0/8\"]", &format!("sources = {url}"));
    assert!(url("\"ftp://lists.example/sources\"").contains("access.sources: expected file:///"));
    assert!(url("7").contains("expected a list of networks, "));
    assert!(
        error("bind = \"127.0.0.1:5060\"", "bind = \"0.0.0.0:5060\"")
            .contains("advertise: expected the address")
    );
    let stands_in = |url: &str| error("list = [{", &format!("{url}\nlist = [{{"));
    assert!(stands_in("url = \"s3://bucket\"").contains("expected s3://bucket/key"));
    let fallback = stands_in("url = \"s3://bucket/key\"\nfallback = \"file:///x\"");
    assert!(fallback.contains("targets.fallback: expected dns+srv"), "{fallback}");
    assert!(error("list = [{", "url = \"file:///x\"\nlist = [{").contains("targets: expected either url"));
    assert!(error("[access]", "[headers]\nstrip = [\"Via\"]\n[access]").contains("Via"));
    assert!(error("[access]", "[health]\ntimeout = \"9s\"\n[access]").contains("health: expected a timeout"));
    assert!(error("[access]", "[health]\nfall = 0\n[access]").contains("health.fall: expected 1 to 100"));
    assert!(error("[access]", "[health]\njitter = 2.0\n[access]").contains("health.jitter"));
    assert!(error("[access]", "[health]\nfailing = [42]\n[access]").contains("health.failing"));
    assert!(error("[access]", "[limits]\nretry_after = \"0s\"\n[access]").contains("limits.retry_after"));
    assert!(error("[access]", "[tokens]\nlifetime = \"0s\"\n[access]").contains("tokens.lifetime"));
    assert!(error("\n[[listener]]", "secrets = [\"k1:short\"]\n[[listener]]").contains("secrets"));
}

#[test]
fn the_emptier_target_is_chosen_where_another_can_be_asked() {
    let with =
        |dispatch: &str, load: &str| parse(&format!("{SMALL}[dispatch]\n{dispatch}\n[load]\n{load}\n"), &[]);
    let seconds = |choice: Choice| (choice.slow_start.as_secs(), choice.stale.as_secs());
    let least = with("policy = \"least-loaded\"", "").unwrap().choice;
    assert_eq!((least.policy, seconds(least)), (Policy::LeastLoaded, (30, 30)));
    let hash = with("slow_start = \"20s\"", "stale = \"10s\"").unwrap().choice;
    assert_eq!((hash.policy, seconds(hash)), (Policy::Hash, (20, 10)));
    assert_eq!(with("", "").unwrap().choice.slow_start, Duration::ZERO);
    for (dispatch, load, wrong) in [
        ("policy = \"least-loaded\"\nattempts = 1", "", "dispatch.policy: expected dispatch.attempts of 2"),
        ("policy = \"emptiest\"", "", "expected `hash` or `least-loaded`"),
        ("slow_start = \"2h\"", "", "dispatch.slow_start: expected up to an hour, found 2h"),
        ("slow_start = 3", "", "expected a string"),
        ("", "poll = \"1ms\"", "load: expected poll and timeout of 50ms"),
        ("", "stale = \"1s\"", "load.stale: expected as long as a poll"),
        ("", "jitter = 0.9", "load.jitter: expected a share"),
    ] {
        let error = with(dispatch, load).unwrap_err();
        assert!(error.contains(wrong), "{error}");
    }
}

#[test]
fn settings_are_shown_with_the_environment_and_without_secrets() {
    let secret = "SWITCHYARD_SECRETS";
    let environment = [
        (secret, "[\"k2:0123456789abcdef\", \"k1:fedcba9876543210\"]"),
        ("SWITCHYARD_ADMIN__TOKEN", "31415926535897932384"),
        ("SWITCHYARD_HEALTH__INTERVAL", "90s"),
    ];
    let config = parse(SMALL, &environment).unwrap();
    let shown = config.shown.to_string();
    assert!(shown.contains(r#""secrets":["k2:[redacted]","k1:[redacted]"]"#), "{shown}");
    assert!(shown.contains(r#""token":"[redacted]""#) && shown.contains(r#""interval":"1m 30s""#), "{shown}");
    for (shown, what) in [(shown, "shown"), (format!("{config:?}"), "Debug")] {
        let is_in = |text: &&str| shown.contains(text);
        assert!(!["0123456789abcdef", "fedcba9876543210", "31415926"].iter().any(is_in), "{what}: {shown}");
    }
}

#[test]
fn a_token_that_is_refused_is_not_in_the_error() {
    let error = parse(SMALL, &[("SWITCHYARD_ADMIN__TOKEN", "hunter2")]).unwrap_err();
    assert!(error.contains("admin.token: expected 16") && !error.contains("hunter2"), "{error}");
}

#[test]
fn what_is_captured_is_known_and_cannot_be_captured_in_its_turn() {
    let with = |lines: &str| parse(&format!("{SMALL}[capture]\n{lines}\n"), &[]);
    let collector = "collector = \"10.0.9.9:9060\"";
    assert!(parse(SMALL, &[]).unwrap().capture.is_none());
    let capture = with(collector).unwrap().capture.unwrap();
    assert_eq!(
        (capture.collector.to_string().as_str(), capture.node, capture.sample),
        ("10.0.9.9:9060", 2001, 1.0)
    );
    assert!(with(&format!("{collector}\nsample = 0.0")).unwrap().capture.is_none());
    let error = |lines: &str| with(lines).unwrap_err();
    assert!(
        error("sample = 1.5").contains("capture.sample: expected a share of calls from 0 to 1, found 1.5")
    );
    assert!(error("sample = nan").contains("capture.sample"));
    assert!(error("password = \"\"").contains("capture.password: expected 1 to 255 bytes, found 0"));
    assert!(error("collector = \"127.0.0.1:5060\"").contains("that no listener has"));
    assert!(error("collector = \"homer:9060\"").contains("line"));
    let config = with(&format!("{collector}\npassword = \"hunter2\"")).unwrap();
    assert_eq!(config.capture.as_ref().unwrap().password.as_ref().unwrap().reveal(), "hunter2");
    assert!(!format!("{config:?}{}", config.shown).contains("hunter2"));
}

#[test]
fn dns_servers_are_addresses_with_or_without_a_port_and_times_and_numbers_have_bounds() {
    let dns = |lines: &str| parse(&format!("{SMALL}[dns]\n{lines}\n"), &[]);
    let servers = dns("servers = [\"10.0.0.2\", \"10.0.0.2:5353\", \"fd00::1\", \"[fd00::1]:54\"]")
        .unwrap()
        .dns
        .servers;
    let texts: Vec<String> = servers.iter().map(ToString::to_string).collect();
    assert_eq!(texts, ["10.0.0.2:53", "10.0.0.2:5353", "[fd00::1]:53", "[fd00::1]:54"]);
    for (lines, expected) in [
        (
            "servers = [\"ns.example\"]",
            "dns.servers: expected addresses such as \"10.0.0.2:53\", found \"ns.example\"",
        ),
        ("servers = [\"10.0.0.2:0\"]", "dns.servers"),
        ("timeout = \"0s\"", "dns.timeout: expected 100ms to 10s, found 0ns"),
        ("attempts = 0", "dns.attempts: expected 1 to 5, found 0"),
        ("wait = \"1h\"", "dns.wait"),
        ("waiting = 0", "dns.waiting"),
        ("cache = 100000", "dns.cache"),
        ("min_ttl = \"0s\"", "dns.min_ttl"),
        ("min_ttl = \"10m\"", "dns.max_ttl: expected 600s to 86400s, found 300s"),
        ("negative_ttl = \"0s\"", "dns.negative_ttl"),
        ("server = []", "unknown field `server`"),
    ] {
        let error = dns(lines).unwrap_err();
        assert!(error.contains(expected), "{lines}: {error}");
    }
}

#[test]
fn a_target_list_in_dns_needs_a_listener_for_its_port() {
    let list = "list = [{ id = \"a\", address = \"127.0.0.1\", ports = { sip = 7001 } }]";
    let with = |url: &str| SMALL.replace(list, &format!("url = \"{url}\""));
    let good = parse(&with("dns+srv://_sip._udp.fs.example"), &[]).unwrap().targets;
    assert!(matches!(good, Source::Dns(_)), "{good:?}");
    let error = |text: &str| parse(text, &[]).unwrap_err();
    assert!(error(&with("dns+a://fs.example")).contains("targets.url: expected dns+a://NAME:PORT"));
    assert!(error(&with("ftp://fs.example")).contains("dns+srv://_sip._udp.NAME"));
    let other = with("dns+a://fs.example:5060").replace("[targets]", "port_name = \"x\"\n[targets]");
    assert!(error(&other).contains("port_name is \"sip\""));
}

/// The files hold what terraform/modules/proxy gives to its containers; that module's tests see to it.
#[test]
fn what_terraform_sets_is_right() {
    let files = [
        include_str!("../../../terraform/modules/proxy/tests/environment.json"),
        include_str!("../../../terraform/modules/proxy/tests/environment-tls.json"),
    ];
    for file in files {
        let mut variables: BTreeMap<String, String> = serde_json::from_str(file).unwrap();
        // It names the settings file, which is empty.
        assert_eq!(variables.remove("SWITCHYARD_CONFIG").as_deref(), Some("/dev/null"));
        variables.insert("SWITCHYARD_SECRETS".to_owned(), "[\"k1:0123456789abcdef\"]".to_owned());
        variables.insert("SWITCHYARD_ADMIN__TOKEN".to_owned(), "0123456789abcdef".to_owned());
        let config = Config::parse("", "terraform", variables.into_iter()).unwrap();
        let listeners = config.listeners.iter().map(|one| (one.port_name.as_str(), one.internal.to_string()));
        let name = "proxy.exchange.internal";
        assert!(listeners.eq([("sip", format!("{name}:5060")), ("alternative", format!("{name}:5080"))]));
        assert!(config.drain < Duration::from_secs(120), "Fargate ends it after 120 s");
    }
}

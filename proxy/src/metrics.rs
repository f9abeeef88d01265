//! Metrics: every name in one place.

use std::sync::OnceLock;
use std::time::{Duration, UNIX_EPOCH};

use fleet::Snapshot;
use prometheus::{
    Encoder, GaugeVec, IntCounter, IntCounterVec, IntGauge, IntGaugeVec, Opts, Registry, TextEncoder,
    core::Collector,
};

use crate::guard::Limited;
use crate::live::Live;
use crate::pins::Counts;
use crate::route::{Cause, Check, Notes};
use crate::table::Table;

/// What the proxy counts. The names are part of its interface: dashboards and alerts know them.
#[derive(Debug)]
pub struct Metrics {
    registry: Registry,
    /// `switchyard_proxy_messages_received_total{transport}`
    pub received: IntCounterVec,
    /// `switchyard_proxy_messages_forwarded_total`
    pub forwarded: IntCounter,
    /// `switchyard_proxy_replies_total{code}`: answers of the proxy's own.
    replies: IntCounterVec,
    /// The counters of the codes that were used, by code.
    by_code: Vec<OnceLock<IntCounter>>,
    /// `switchyard_proxy_messages_dropped_total{cause}`
    pub dropped: IntCounterVec,
    /// `switchyard_proxy_invites_total{target}`: INVITEs of new calls, retransmissions among them.
    pub invites: IntCounterVec,
    /// `switchyard_proxy_pins`: INVITEs that are under way or were answered within the last 32 s.
    pub pins: IntGauge,
    /// `switchyard_proxy_pins_refused_total`: INVITEs that had no room for a pin.
    pins_refused: IntCounter,
    /// `switchyard_proxy_failovers_total{reason}`: INVITEs sent to another target.
    failovers: IntCounterVec,
    /// `switchyard_proxy_retransmissions_total`: INVITEs sent again to the same target.
    retransmissions: IntCounter,
    /// `switchyard_proxy_dialog_searches_total`: requests of dialogs sent to another target.
    dialog_searches: IntCounter,
    /// `switchyard_proxy_calls_failed_total`: calls for which all attempts failed.
    calls_failed: IntCounter,
    /// `switchyard_proxy_late_answers_total`: calls answered after their caller had been refused, and ended.
    late_answers: IntCounter,
    /// `switchyard_proxy_send_failures_total`: messages that the network would not take.
    pub send_failures: IntCounter,
    /// `switchyard_proxy_worker_messages_total{listener,worker}`: datagrams that each worker carried.
    pub carried: IntCounterVec,
    /// `switchyard_proxy_datagrams_lost_total{where}`: datagrams that came faster than they were taken, from a `socket`'s
    /// receive buffer or a worker's `mailbox`.
    pub lost: IntCounterVec,
    /// `switchyard_proxy_tokens_total{worth}`: dialog tokens that were looked at: the target list said no, or they
    /// tell where a caller behind a NAT is.
    pub tokens: IntCounterVec,
    /// `switchyard_proxy_calls_limited_total{limit}`: new calls over a limit, of their `source` or `overall`.
    pub limited: IntCounterVec,
    /// `switchyard_proxy_shared_secrets`: how many secrets are set; with none, tokens are good in this process alone.
    pub shared_secrets: IntGauge,
    /// `switchyard_proxy_datagrams_fragmented_total`: datagrams sent that are longer than `udp.mtu` allows.
    pub fragmented: IntCounter,
    /// `switchyard_proxy_captured_total`: messages sent to the collector.
    pub captured: IntCounter,
    /// `switchyard_proxy_capture_lost_total`: messages that the collector should have got.
    pub capture_lost: IntCounter,
    /// `switchyard_proxy_connections`: open TCP and TLS connections.
    pub connections: IntGauge,
    /// `switchyard_proxy_tcp_fallbacks_total`: requests that a target was to get over TCP for their size, and got as
    /// datagrams.
    pub tcp_fallbacks: IntCounter,
    /// `switchyard_proxy_connections_refused_total`: TCP connections that were one too many.
    pub connections_refused: IntCounter,
    /// `switchyard_proxy_handshakes_failed_total{kind}`: connections that came and never got to SIP.
    pub handshakes_failed: IntCounterVec,
    /// `switchyard_proxy_certificate_errors_total`: changed certificates that were refused.
    pub certificate_errors: IntCounter,
    /// `switchyard_proxy_targets{state}`
    pub targets: IntGaugeVec,
    /// `switchyard_proxy_target_list_changed_timestamp_seconds`: when the list in force was taken, Unix time.
    pub list_changed: IntGauge,
    /// `switchyard_proxy_target_list_generation`: of the list in force; 0 if it has none.
    list_generation: IntGauge,
    /// `switchyard_proxy_target_list_written_timestamp_seconds`: when the list in force was written, by its own account,
    /// Unix time; 0 if it does not say.
    list_written: IntGauge,
    /// `switchyard_proxy_target_list_errors_total`: lists that were refused.
    pub list_errors: IntCounter,
    /// `switchyard_proxy_target_up{target,port}`: 1 or 0, set when asked for.
    pub target_up: IntGaugeVec,
    /// `switchyard_proxy_target_room{target}`: the share of a target that is free by its own account, from 0 to 1; not there
    /// where that is not known. Set when asked for.
    pub target_room: GaugeVec,
    /// `switchyard_proxy_target_accepting{target}`: 1 or 0, likewise.
    pub target_accepting: IntGaugeVec,
    /// `switchyard_proxy_load_polls_total{result}`
    load_polls: IntCounterVec,
    /// `switchyard_proxy_probes_total{result}`
    pub probes: IntCounterVec,
    /// `switchyard_proxy_target_call_failures_total{target}`: calls that got nothing from a target.
    pub call_failures: IntCounterVec,
    /// `switchyard_proxy_access_networks`: ranges of addresses that may start calls.
    pub access_networks: IntGauge,
    /// `switchyard_proxy_access_list_changed_timestamp_seconds`: when they were taken from their file, Unix time.
    pub access_changed: IntGauge,
    /// `switchyard_proxy_access_list_errors_total`: lists of them that were refused.
    pub access_errors: IntCounter,
    /// `switchyard_proxy_list_fetches_total{list,result}`: requests for lists at URLs and in DNS.
    list_fetches: IntCounterVec,
    /// `switchyard_proxy_list_confirmed_timestamp_seconds{list}`: when a server last said that a list in force is the
    /// present one, Unix time.
    list_confirmed: IntGaugeVec,
    /// `switchyard_proxy_ready`: what /readyz says, 1 or 0.
    pub ready: IntGauge,
    /// `switchyard_proxy_dns_lookups_total{result}`: look-ups of next hops' names.
    pub dns_lookups: IntCounterVec,
    /// `switchyard_proxy_dns_names`: names of which it is known where they lead, or that they do not.
    pub dns_names: IntGauge,
    /// `switchyard_proxy_dns_waiting`: messages that are kept for a name's sake.
    pub dns_waiting: IntGauge,
    /// `switchyard_proxy_dns_refused_total`: messages that had no room to wait.
    pub dns_refused: IntCounter,
}

impl Metrics {
    /// All at zero.
    pub fn new() -> prometheus::Result<Self> {
        let registry = Registry::new();
        let name = |name: &str| format!("switchyard_proxy_{name}");
        let counter = |short: &str, help: &str| register(&registry, IntCounter::new(name(short), help)?);
        let gauge = |short: &str, help: &str| register(&registry, IntGauge::new(name(short), help)?);
        let counters = |short: &str, help: &str, label: &str| {
            register(&registry, IntCounterVec::new(Opts::new(name(short), help), &[label])?)
        };
        let metrics = Metrics {
            received: counters(
                "messages_received_total",
                "SIP messages and keepalives that came",
                "transport",
            )?,
            forwarded: counter("messages_forwarded_total", "Messages sent on")?,
            replies: counters("replies_total", "Answers of the proxy's own", "code")?,
            by_code: (0..700).map(|_| OnceLock::new()).collect(),
            dropped: counters("messages_dropped_total", "Messages that led to nothing", "cause")?,
            invites: counters("invites_total", "INVITEs of new calls sent to a target", "target")?,
            send_failures: counter("send_failures_total", "Messages that the network would not take")?,
            pins: gauge("pins", "INVITEs that are under way or were answered within the last 32 s")?,
            pins_refused: counter("pins_refused_total", "INVITEs that had no room for a pin")?,
            failovers: counters("failovers_total", "INVITEs sent to another target", "reason")?,
            retransmissions: counter("retransmissions_total", "INVITEs sent again to the same target")?,
            dialog_searches: counter(
                "dialog_searches_total",
                "Requests of dialogs sent to another target, because one did not know the dialog",
            )?,
            calls_failed: counter("calls_failed_total", "Calls for which all attempts failed")?,
            late_answers: counter(
                "late_answers_total",
                "Calls answered after their caller had been refused, and ended",
            )?,
            carried: register(
                &registry,
                IntCounterVec::new(
                    Opts::new(name("worker_messages_total"), "Datagrams that each worker carried"),
                    &["listener", "worker"],
                )?,
            )?,
            lost: counters(
                "datagrams_lost_total",
                "Datagrams that came faster than they were taken",
                "where",
            )?,
            tokens: counters(
                "tokens_total",
                "Dialog tokens that were looked at, by what they are worth",
                "worth",
            )?,
            limited: counters("calls_limited_total", "New calls over a limit", "limit")?,
            shared_secrets: gauge("shared_secrets", "How many secrets are set")?,
            fragmented: counter(
                "datagrams_fragmented_total",
                "Datagrams sent that do not fit into one packet",
            )?,
            captured: counter("captured_total", "Messages sent to the collector of capture")?,
            capture_lost: counter(
                "capture_lost_total",
                "Messages that the collector of capture should have got",
            )?,
            tcp_fallbacks: counter(
                "tcp_fallbacks_total",
                "Requests for targets that were sent as datagrams since TCP failed.",
            )?,
            connections_refused: counter(
                "connections_refused_total",
                "TCP connections that were one too many",
            )?,
            handshakes_failed: counters(
                "handshakes_failed_total",
                "Connections that came and never got to SIP",
                "kind",
            )?,
            certificate_errors: counter(
                "certificate_errors_total",
                "Changed certificates that were refused",
            )?,
            connections: gauge("connections", "Open TCP and TLS connections")?,
            targets: register(
                &registry,
                IntGaugeVec::new(Opts::new(name("targets"), "Targets in the list"), &["state"])?,
            )?,
            list_changed: gauge(
                "target_list_changed_timestamp_seconds",
                "When the list in force was taken, Unix time",
            )?,
            list_generation: gauge("target_list_generation", "Generation of the list in force")?,
            list_written: gauge(
                "target_list_written_timestamp_seconds",
                "When the list in force was written, by its own account",
            )?,
            list_errors: counter("target_list_errors_total", "Target lists that were refused")?,
            target_up: register(
                &registry,
                IntGaugeVec::new(
                    Opts::new(name("target_up"), "Whether a target's port is thought to be alive: 1 or 0"),
                    &["target", "port"],
                )?,
            )?,
            target_room: register(
                &registry,
                GaugeVec::new(
                    Opts::new(name("target_room"), "The share of a target that is free, by its own account"),
                    &["target"],
                )?,
            )?,
            target_accepting: register(
                &registry,
                IntGaugeVec::new(
                    Opts::new(
                        name("target_accepting"),
                        "Whether a target says that it takes new calls: 1 or 0",
                    ),
                    &["target"],
                )?,
            )?,
            load_polls: counters("load_polls_total", "Questions to targets how full they are", "result")?,
            probes: counters("probes_total", "Probes of targets", "result")?,
            call_failures: counters(
                "target_call_failures_total",
                "INVITEs that got nothing from a target",
                "target",
            )?,
            access_networks: gauge("access_networks", "Ranges of addresses that may start calls")?,
            access_changed: gauge(
                "access_list_changed_timestamp_seconds",
                "When the list of access.sources in force was taken, Unix time",
            )?,
            list_fetches: register(
                &registry,
                IntCounterVec::new(
                    Opts::new(name("list_fetches_total"), "Requests for lists at URLs and in DNS"),
                    &["list", "result"],
                )?,
            )?,
            list_confirmed: register(
                &registry,
                IntGaugeVec::new(
                    Opts::new(
                        name("list_confirmed_timestamp_seconds"),
                        "When a server last said that a list in force is the present one, Unix time",
                    ),
                    &["list"],
                )?,
            )?,
            access_errors: counter("access_list_errors_total", "Lists of access.sources that were refused")?,
            ready: gauge("ready", "What /readyz says: 1 or 0")?,
            dns_lookups: counters("dns_lookups_total", "Look-ups of next hops' names", "result")?,
            dns_names: gauge("dns_names", "Names of which it is known where they lead")?,
            dns_waiting: gauge("dns_waiting", "Messages that are kept for a name's sake")?,
            dns_refused: counter("dns_refused_total", "Messages that had no room to wait for DNS")?,
            registry,
        };
        metrics.show_all();
        Ok(metrics)
    }

    /// What can be counted shows at zero from the start: who looks at rates would not see a series' first count.
    fn show_all(&self) {
        let known: [(&IntCounterVec, &[&str]); 9] = [
            (&self.received, &["udp", "tcp", "tls"]),
            (&self.failovers, &["silent", "refused", "down"]),
            (&self.lost, &["socket", "mailbox"]),
            (&self.tokens, &["valid", "expired", "forged", "missing"]),
            (&self.limited, &["source", "overall"]),
            (&self.handshakes_failed, &["tls", "proxy_protocol"]),
            (&self.probes, &["answered", "failed"]),
            (&self.load_polls, &["answered", "failed"]),
            (&self.dns_lookups, &["found", "nothing", "failed"]),
        ];
        for (counter, values) in known {
            values.iter().for_each(|value| drop(counter.with_label_values(&[value])));
        }
        for cause in CAUSES {
            self.dropped.with_label_values(&[label(cause)]);
        }
    }

    /// Counts an answer of our own.
    pub fn reply(&self, code: u16) {
        if let Some(counter) = self.by_code.get(usize::from(code)) {
            counter.get_or_init(|| self.replies.with_label_values(&[&code.to_string()])).inc();
        }
    }

    /// Adds what pins have done.
    pub fn count_pins(&self, counts: Counts) {
        if counts == Counts::default() {
            return;
        }
        let failovers = [("silent", counts.silent), ("refused", counts.refusals), ("down", counts.down)];
        for (reason, count) in failovers.into_iter().filter(|(_, count)| *count > 0) {
            self.failovers.with_label_values(&[reason]).inc_by(count);
        }
        self.pins_refused.inc_by(counts.refused);
        self.retransmissions.inc_by(counts.retransmissions);
        self.dialog_searches.inc_by(counts.searches);
        self.calls_failed.inc_by(counts.failed);
        self.late_answers.inc_by(counts.late_answers);
    }

    /// How often we refused something ourselves: 4xx and above.
    pub fn refusals(&self) -> u64 {
        self.by_code.iter().skip(400).filter_map(|counter| counter.get()).map(IntCounter::get).sum()
    }

    /// Counts a message that led to nothing.
    pub fn drop(&self, cause: Cause) {
        self.dropped.with_label_values(&[label(cause)]).inc();
    }

    /// Brings up to date which targets are up.
    pub fn refresh_health(&self, table: &Table) {
        for (port, place, endpoint) in table.endpoints() {
            if let Some(target) = table.targets().get(usize::from(place)) {
                let up = i64::from(endpoint.mark.takes_calls());
                self.target_up.with_label_values(&[&target.id, port]).set(up);
            }
        }
    }

    /// Brings up to date how full targets are; `now` is since 1970.
    pub fn refresh_load(&self, table: &Table, now: Duration, stale: Duration) {
        for (target, gauge) in table.gauges() {
            let label = [target.id.as_str()];
            match gauge.room(now, stale) {
                Some(room) => {
                    self.target_room.with_label_values(&label).set(f64::from(room) / f64::from(u16::MAX));
                }
                None => drop(self.target_room.remove_label_values(&label)),
            }
            match gauge.is_open(now, stale) {
                Some(open) => self.target_accepting.with_label_values(&label).set(i64::from(open)),
                None => drop(self.target_accepting.remove_label_values(&label)),
            }
        }
    }

    /// A target has said how full it is, or not.
    pub fn load_polled(&self, answered: bool) {
        let result = if answered { "answered" } else { "failed" };
        self.load_polls.with_label_values(&[result]).inc();
    }

    /// What is counted of one list at a URL or in DNS.
    pub fn fetches(&self, list: &str) -> Fetches {
        let result = |result| self.list_fetches.with_label_values(&[list, result]);
        Fetches {
            changed: result("changed"),
            same: result("same"),
            refused: result("refused"),
            failed: result("failed"),
            confirmed: self.list_confirmed.with_label_values(&[list]),
        }
    }

    /// Which list is in force.
    pub fn list_written(&self, list: &Snapshot) {
        self.list_generation.set(i64::try_from(list.generation.unwrap_or_default()).unwrap_or(i64::MAX));
        let written = list.written_at.as_deref().and_then(|at| humantime::parse_rfc3339_weak(at).ok());
        let written = written.and_then(|at| at.duration_since(UNIX_EPOCH).ok()).unwrap_or_default();
        self.list_written.set(i64::try_from(written.as_secs()).unwrap_or_default());
    }

    /// Counts what routing noted of a message.
    pub fn notes(&self, notes: &Notes) {
        if let Some(check) = notes.token {
            self.token(check);
        }
        match notes.limited {
            Some(Limited::Source) => self.limited.with_label_values(&["source"]).inc(),
            Some(Limited::Overall) => self.limited.with_label_values(&["overall"]).inc(),
            None => {}
        }
    }

    fn token(&self, check: Check) {
        let worth = match check {
            Check::Valid => "valid",
            Check::Expired => "expired",
            Check::Forged => "forged",
            Check::Missing => "missing",
        };
        self.tokens.with_label_values(&[worth]).inc();
    }

    /// All of them in Prometheus' text format.
    pub fn text(&self) -> prometheus::Result<Vec<u8>> {
        let mut text = Vec::new();
        TextEncoder::new().encode(&self.registry.gather(), &mut text)?;
        Ok(text)
    }
}

/// What is counted of one list at a URL or in DNS.
#[derive(Debug)]
pub struct Fetches {
    /// Another list, which is in force now.
    pub changed: IntCounter,
    /// The list in force.
    pub same: IntCounter,
    /// One that was refused.
    pub refused: IntCounter,
    /// None.
    pub failed: IntCounter,
    confirmed: IntGauge,
}

impl Fetches {
    /// The list in force is the server's.
    pub fn confirm(&self) {
        self.confirmed.set(i64::try_from(Live::now().as_secs()).unwrap_or_default());
    }
}

fn register<M: Collector + Clone + 'static>(registry: &Registry, metric: M) -> prometheus::Result<M> {
    registry.register(Box::new(metric.clone()))?;
    Ok(metric)
}

/// All there are.
const CAUSES: [Cause; 11] = [
    Cause::Keepalive,
    Cause::Unreadable,
    Cause::Malformed,
    Cause::Refused,
    Cause::OwnAck,
    Cause::Ack,
    Cause::NotOurs,
    Cause::ForUs,
    Cause::Unsolicited,
    Cause::NoAddress,
    Cause::Absorbed,
];

/// The label of a cause.
pub fn label(cause: Cause) -> &'static str {
    match cause {
        Cause::Keepalive => "keepalive",
        Cause::Unreadable => "unreadable",
        Cause::Malformed => "malformed",
        Cause::Refused => "refused",
        Cause::OwnAck => "own_ack",
        Cause::Ack => "ack",
        Cause::NotOurs => "not_ours",
        Cause::ForUs => "for_us",
        Cause::Unsolicited => "unsolicited",
        Cause::NoAddress => "no_address",
        Cause::Absorbed => "absorbed",
    }
}

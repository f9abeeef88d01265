//! Metrics: every name in one place.

use prometheus::core::Collector;
use prometheus::{Encoder, Gauge, IntCounter, IntCounterVec, IntGauge, Opts, Registry, TextEncoder};

use crate::live::Live;

/// What the controller counts. The names are part of its interface: dashboards and alerts know them.
#[derive(Debug)]
pub struct Metrics {
    registry: Registry,
    /// `switchyard_controller_calls_total{direction}`: calls that began.
    pub calls: IntCounterVec,
    /// `switchyard_controller_calls_refused_total{reason}`: calls that came in and were not taken.
    pub refused: IntCounterVec,
    /// `switchyard_controller_calls`: calls that are here.
    active: IntGauge,
    /// `switchyard_controller_legs_total`: legs of Dials that were called.
    pub legs: IntCounter,
    /// `switchyard_controller_played_total`: sounds that were begun.
    pub played: IntCounter,
    /// `switchyard_controller_recordings_total`: recordings that were begun.
    pub recorded: IntCounter,
    /// `switchyard_controller_documents_total{result}`: requests to customers.
    documents: IntCounterVec,
    /// `switchyard_controller_sounds_total{result}`: files of Play.
    sounds: IntCounterVec,
    /// `switchyard_controller_speech_total{result}`: texts of Say.
    speech: IntCounterVec,
    /// `switchyard_controller_links_total`: connections to FreeSWITCH that came up.
    pub links: IntCounter,
    /// `switchyard_controller_link_up`: 1 or 0.
    link_up: IntGauge,
    /// `switchyard_controller_calls_taken_over_total`: calls of an earlier process that were gone on with.
    pub taken_over: IntCounter,
    /// `switchyard_controller_events_lost_total`: events of FreeSWITCH that came faster than they were taken.
    pub events_lost: IntCounter,
    /// `switchyard_controller_freeswitch_sessions`: channels, by the last heartbeat.
    sessions: IntGauge,
    /// `switchyard_controller_freeswitch_max_sessions`
    max_sessions: IntGauge,
    /// `switchyard_controller_freeswitch_idle_cpu_percent`
    idle_cpu: Gauge,
    /// What the platform is asked and told.
    pub platform: PlatformMetrics,
    /// `switchyard_controller_ready`: what /readyz says, 1 or 0.
    ready: IntGauge,
}

/// What the platform is asked and told.
#[derive(Debug, Clone)]
pub struct PlatformMetrics {
    /// `switchyard_controller_platform_requests_total{path,result}`: `ok`, `again` (tried again later), `failed`, `lost`.
    requests: IntCounterVec,
    /// `switchyard_controller_platform_waiting`: events that it was not told yet.
    pub waiting: IntGauge,
    /// `switchyard_controller_recordings_waiting`: recordings that it does not have yet.
    pub recordings_waiting: IntGauge,
}

impl PlatformMetrics {
    /// A request came to something.
    pub fn count(&self, path: &str, result: &str) {
        self.requests.with_label_values(&[path, result]).inc();
    }
}

impl Metrics {
    /// All at zero.
    pub fn new() -> prometheus::Result<Self> {
        let registry = Registry::new();
        let name = |name: &str| format!("switchyard_controller_{name}");
        let counter = |short: &str, help: &str| register(&registry, IntCounter::new(name(short), help)?);
        let gauge = |short: &str, help: &str| register(&registry, IntGauge::new(name(short), help)?);
        let counters = |short: &str, help: &str, label: &str| {
            register(&registry, IntCounterVec::new(Opts::new(name(short), help), &[label])?)
        };
        let metrics = Metrics {
            calls: counters("calls_total", "Calls that began", "direction")?,
            refused: counters("calls_refused_total", "Calls that came in and were not taken", "reason")?,
            active: gauge("calls", "Calls that are here")?,
            legs: counter("legs_total", "Legs of Dials that were called")?,
            played: counter("played_total", "Sounds that were begun")?,
            recorded: counter("recordings_total", "Recordings that were begun")?,
            documents: counters("documents_total", "Requests to customers", "result")?,
            sounds: counters("sounds_total", "Files of Play", "result")?,
            speech: counters("speech_total", "Texts of Say", "result")?,
            links: counter("links_total", "Connections to FreeSWITCH that came up")?,
            link_up: gauge("link_up", "Whether FreeSWITCH is connected")?,
            taken_over: counter(
                "calls_taken_over_total",
                "Calls of an earlier process that were gone on with",
            )?,
            events_lost: counter("events_lost_total", "Events that came faster than they were taken")?,
            sessions: gauge("freeswitch_sessions", "Channels, by FreeSWITCH's last heartbeat")?,
            max_sessions: gauge("freeswitch_max_sessions", "Channels that FreeSWITCH takes")?,
            idle_cpu: register(
                &registry,
                Gauge::new(name("freeswitch_idle_cpu_percent"), "By FreeSWITCH's last heartbeat")?,
            )?,
            platform: PlatformMetrics {
                requests: register(
                    &registry,
                    IntCounterVec::new(
                        Opts::new(name("platform_requests_total"), "Requests to the platform"),
                        &["path", "result"],
                    )?,
                )?,
                waiting: gauge("platform_waiting", "Events that the platform was not told yet")?,
                recordings_waiting: gauge(
                    "recordings_waiting",
                    "Recordings that the platform does not have yet",
                )?,
            },
            ready: gauge("ready", "What /readyz says")?,
            registry,
        };
        metrics.show_all();
        Ok(metrics)
    }

    /// What can be counted shows at zero from the start: who looks at rates would not see a series' first count.
    fn show_all(&self) {
        let results: &[&str] = &[result(true), result(false)];
        let known: [(&IntCounterVec, &[&str]); 5] = [
            (&self.calls, &["inbound", "outbound"]),
            (
                &self.refused,
                &["no_such_number", "forbidden", "unavailable", "full", "account_full", "draining"],
            ),
            (&self.documents, results),
            (&self.sounds, results),
            (&self.speech, results),
        ];
        for (counter, values) in known {
            values.iter().for_each(|value| drop(counter.with_label_values(&[value])));
        }
    }

    /// A document was asked for.
    pub fn fetched(&self, well: bool) {
        self.documents.with_label_values(&[result(well)]).inc();
    }

    /// A file was asked for.
    pub fn sound(&self, well: bool) {
        self.sounds.with_label_values(&[result(well)]).inc();
    }

    /// Speech was asked for.
    pub fn spoken(&self, well: bool) {
        self.speech.with_label_values(&[result(well)]).inc();
    }

    /// All of it as Prometheus reads it.
    pub fn text(&self, live: &Live) -> prometheus::Result<String> {
        let load = live.load();
        let gauge = |number: u64| i64::try_from(number).unwrap_or(i64::MAX);
        self.active.set(gauge(live.calls.count() as u64));
        self.link_up.set(i64::from(live.up.load(std::sync::atomic::Ordering::Relaxed)));
        self.ready.set(i64::from(live.readiness().is_ok()));
        self.sessions.set(load.as_ref().map_or(0, |load| gauge(load.sessions)));
        self.max_sessions.set(load.as_ref().map_or(0, |load| gauge(load.max_sessions)));
        self.idle_cpu.set(load.as_ref().map_or(0.0, |load| load.idle_cpu));
        let mut text = Vec::new();
        TextEncoder::new().encode(&self.registry.gather(), &mut text)?;
        Ok(String::from_utf8_lossy(&text).into_owned())
    }
}

fn result(well: bool) -> &'static str {
    if well { "ok" } else { "failed" }
}

fn register<C: Collector + Clone + 'static>(registry: &Registry, metric: C) -> prometheus::Result<C> {
    registry.register(Box::new(metric.clone()))?;
    Ok(metric)
}

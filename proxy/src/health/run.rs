//! The task around the prober: it moves probes and events, counts, and tells.

use std::hash::{BuildHasher, Hasher, RandomState};
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use super::{Change, Command, Condition, Event, Inbox, Prober};
use crate::live::Live;
use crate::route::Hop;

/// Events that are dealt with before time is looked at: answers that have come must count before they are missed.
const EVENTS: usize = 1024;

/// Pins that are looked at before their worker may go on.
const PINS: usize = 1024;

/// How often it is looked whether workers that were stopped go on: they do where a handover fails.
const STOPPED: Duration = Duration::from_millis(50);

/// Probes until the process ends. Without probes, or a second time, it ends at once.
pub async fn run(live: Arc<Live>) {
    let Some(mut inbox) = live.health.take_inbox().filter(|_| live.config.health.enabled) else { return };
    let seed = RandomState::new().build_hasher().finish();
    let mut prober = Prober::new(live.config.health.rules.clone(), seed);
    let mut bytes = Vec::new();
    loop {
        take_events(&mut prober, &mut inbox).await;
        // Nobody would receive the answers. What was asked before counts as missed once, which is no reason to go down.
        while live.stopping.load(Ordering::Relaxed) {
            tokio::time::sleep(STOPPED).await;
        }
        prober.handle_timeout(Instant::now());
        while let Some(command) = prober.next_command() {
            act(&live, command, &mut bytes);
        }
        live.health.troubled.store(prober.troubled(), Ordering::Relaxed);
    }
}

/// Waits for an event, a new list or the time of the next probe, and takes what else is there.
async fn take_events(prober: &mut Prober, inbox: &mut Inbox) {
    let next = prober.next_timeout();
    let due = async {
        match next {
            Some(at) => tokio::time::sleep_until(at.into()).await,
            None => std::future::pending().await,
        }
    };
    let mut first = None;
    tokio::select! {
        // It cannot be closed: the task itself holds the other end.
        _ = inbox.list.changed() => {
            let list = Arc::clone(&inbox.list.borrow_and_update());
            prober.handle_list(&list, Instant::now());
        }
        event = inbox.events.recv() => first = event,
        () = due => {}
    }
    let now = Instant::now();
    let further = std::iter::from_fn(|| inbox.events.try_recv().ok()).take(EVENTS);
    for event in first.into_iter().chain(further) {
        match event {
            Event::Answer(answer) => prober.handle_answer(&answer, now),
            Event::Call(address, signal) => prober.handle_call(address, signal, now),
        }
    }
}

fn act(live: &Arc<Live>, command: Command, bytes: &mut Vec<u8>) {
    match command {
        Command::Probe { listener, address, transport, slot, sequence } => {
            bytes.clear();
            // As calls to it do, a probe leaves by a listener that speaks the address's IP version.
            let sender = live.router.sender(listener, transport, address.ip());
            let listener = sender.unwrap_or(listener);
            live.router.write_probe(listener, (transport, address), slot, sequence, bytes);
            let hop = Hop { listener, local: None, transport, address, connection: None, server: None };
            live.send(&hop, bytes);
        }
        Command::Tell(change) => tell(live, &change),
        Command::CountProbe(answered) => {
            let result = if answered { "answered" } else { "failed" };
            live.metrics.probes.with_label_values(&[result]).inc();
        }
        Command::CountCall(probed) => {
            probed.mark.count_failed_call();
            live.metrics.call_failures.with_label_values(&[&probed.target]).inc();
        }
    }
}

/// Calls that a target which is down has said no more than 100 to go to another.
fn move_calls(live: &Arc<Live>, address: SocketAddr) {
    live.look_through_pins(|pins, site, from| pins.target_is_down(address, site, (from, PINS)));
}

fn tell(live: &Arc<Live>, change: &Change) {
    let Change { probed, from, to, reason } = change;
    probed.mark.changed_now();
    let (target, port, address) = (&probed.target, &probed.port_name, probed.address);
    match (from, to) {
        (_, Condition::Down) => {
            tracing::warn!(%target, port, %address, %reason, "target went down: no new calls");
            if live.table.load().as_ref().is_some_and(|targets| targets.table.all_down(port)) {
                tracing::error!(port, "every target is down");
            }
            move_calls(live, address);
        }
        (Condition::Down, _) => {
            probed.mark.begin_slowly(Live::now());
            tracing::info!(%target, port, %address, %reason, "target came up");
        }
        (_, Condition::Suspect) => tracing::debug!(%target, port, %address, %reason, "target is suspect"),
        (_, Condition::Healthy) => tracing::debug!(%target, port, %address, %reason, "target is healthy"),
    }
}

//! INVITEs to each target over time, as proxies count them.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use lab::pause;
use lab::proxy_process::ProxyProcess;

/// How often it is looked.
const EVERY: Duration = Duration::from_millis(500);

/// INVITEs to a target so far, through all of these proxies.
pub fn invites(proxies: &[ProxyProcess], id: &str) -> f64 {
    let name = format!("switchyard_proxy_invites_total{{target=\"{id}\"}}");
    proxies.iter().filter_map(|proxy| proxy.metric(&name)).sum()
}

/// INVITEs per second to each target, until it is over.
pub fn sample(
    proxies: &[ProxyProcess],
    ids: &[&str],
    began: Instant,
    over: &AtomicBool,
) -> Vec<(String, Vec<(f64, f64)>)> {
    let mut lines: BTreeMap<String, Vec<(f64, f64)>> = BTreeMap::new();
    let mut before: BTreeMap<String, f64> = BTreeMap::new();
    let mut last = 0.0;
    while !over.load(Ordering::Relaxed) {
        pause(EVERY);
        let at = began.elapsed().as_secs_f64();
        for id in ids {
            let now = invites(proxies, id);
            let known = before.insert((*id).to_owned(), now).unwrap_or_default();
            let rate = (now - known).max(0.0) / (at - last);
            lines.entry((*id).to_owned()).or_default().push((at, rate));
        }
        last = at;
    }
    lines.into_iter().collect()
}

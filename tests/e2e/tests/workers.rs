//! Several workers: what one source sends is spread over them, and each call stays in order.

use std::collections::HashMap;

use anyhow::{Context, Result};
use e2e::{
    site::{Addresses, settings},
    wire::Wire,
};
use lab::proxy_process::{ProxyProcess, Target, TargetList};

/// Enough for each worker to have some, few enough for any receive buffer.
const CALLS: usize = 40;
const REQUESTS: usize = 25;

#[test]
fn one_source_keeps_both_workers_busy_and_each_call_stays_in_order() -> Result<()> {
    let addresses = Addresses::take();
    let target = Wire::bind(addresses.target(0))?;
    let mut settings = settings(addresses);
    settings.workers = 2;
    settings.targets = TargetList::File(vec![Target::new("only", target.local())]);
    let proxy = ProxyProcess::start(settings)?;
    let caller = Wire::bind(addresses.caller(0))?;
    let mut last: HashMap<String, usize> = HashMap::new();
    for number in 1..=REQUESTS {
        for call in 0..CALLS {
            caller.send(info(&caller, call, number), proxy.sip_address())?;
        }
        for _ in 0..CALLS {
            let request = target.receive().with_context(|| proxy.log())?;
            let call = request.values("Call-ID").concat();
            let number = request.values("CSeq").concat().replace(" INFO", "").parse()?;
            let before = last.insert(call, number).unwrap_or(0);
            assert!(before < number, "{number} came after {before}");
        }
    }
    let carried = |worker: usize| {
        proxy.metric(&format!(
            "switchyard_proxy_worker_messages_total{{listener=\"main\",worker=\"{worker}\"}}"
        ))
    };
    let (one, other) = (carried(0).context("worker 0")?, carried(1).context("worker 1")?);
    let all = (CALLS * REQUESTS) as f64;
    assert_eq!(one + other, all);
    assert!(one > all / 5.0 && other > all / 5.0, "{one} and {other}");
    Ok(())
}

/// A request of a call whose caller ignores Record-Route.
fn info(caller: &Wire, call: usize, number: usize) -> String {
    format!(
        "INFO sip:1294@203.0.113.10:5060 SIP/2.0\r\nVia: SIP/2.0/UDP {};branch=z9hG4bK{call}x{number}\r\n\
         From: <sip:caller@carrier.example>;tag=caller\r\nTo: <sip:1294@203.0.113.10>;tag=target\r\nCall-ID: {call}@workers\r\n\
         CSeq: {number} INFO\r\nMax-Forwards: 70\r\nContent-Length: 0\r\n\r\n",
        caller.local()
    )
}

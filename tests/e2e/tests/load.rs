//! Many calls, by SIPp's own scenarios.

use anyhow::Result;
use e2e::site::{Addresses, Site};

/// SIPp's `uac` takes no notice of Record-Route and Contact: all that it sends is addressed to the proxy.
#[test]
fn a_thousand_calls_at_a_hundred_per_second_need_no_retransmission() -> Result<()> {
    let answering = |local| e2e::sipp::Sipp::answering("uas_answer", local).built_in("uas");
    let site = Site::start_at(Addresses::take(), 4, |settings| settings.workers = 2, answering)?;
    let calling = site.run(&site.caller("uac_call")?.built_in("uac").calls(1000, 100))?;
    let targets = site.finish()?;
    let figures = &calling.statistics;
    assert_eq!((figures.successful(), figures.failed(), figures.retransmissions()), (1000, 0, 0));
    assert_eq!(targets.iter().map(|target| target.statistics.successful()).sum::<u64>(), 1000);
    for target in targets {
        let figures = target.statistics;
        assert_eq!((figures.failed(), figures.retransmissions()), (0, 0));
        assert!(figures.successful() > 150, "a fair share: {figures:?}");
    }
    Ok(())
}

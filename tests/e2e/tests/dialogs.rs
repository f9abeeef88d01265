//! What happens within a call reaches the target that has the call.
//!
//! Every test makes several calls through three targets. A request at the wrong one fails twice: that target has a
//! message of no call of its own, and the right one waits in vain.

use std::time::Duration;

use anyhow::Result;
use e2e::{outcome::Outcome, site::Site};

/// Enough that all three targets get some: of a million runs one has a target that gets none.
const CALLS: u32 = 36;

fn calls_seen(targets: &[Outcome]) -> u64 {
    targets.iter().map(|target| target.statistics.successful()).sum()
}

#[test]
fn callers_hang_up() -> Result<()> {
    let site = Site::start("uas_answer", 3)?;
    let calling = site.run(&site.caller("uac_call")?.calls(CALLS, 50).hold(Duration::from_millis(100)))?;
    let targets = site.finish()?;
    assert_eq!(calling.statistics.retransmissions(), 0);
    assert_eq!(calls_seen(&targets), u64::from(CALLS));
    assert!(targets.iter().all(|target| target.statistics.successful() > 0), "each gets calls");
    Ok(())
}

#[test]
fn targets_hang_up() -> Result<()> {
    let site = Site::start("uas_hangup", 3)?;
    let calling = site.run(&site.caller("uac_hung_up")?.calls(CALLS, 50))?;
    let targets = site.finish()?;
    assert_eq!(calls_seen(&targets), u64::from(CALLS));
    let byes = calling.requests("BYE");
    assert_eq!(byes.len() as u32, CALLS);
    assert!(byes.iter().all(|bye| bye.values("Route").is_empty()), "both were ours: {byes:?}");
    Ok(())
}

#[test]
fn a_call_is_cancelled_while_it_rings() -> Result<()> {
    let site = Site::start("uas_ringing", 3)?;
    let calling = site.run(&site.caller("uac_cancel")?.calls(CALLS, 50))?;
    let targets = site.finish()?;
    // The CANCEL and the ACK of the 487 were expected by the target that had the INVITE, and by no other.
    assert_eq!(calls_seen(&targets), u64::from(CALLS));
    assert_eq!(calling.responses(487, "INVITE").len() as u32, CALLS);
    assert!(targets.iter().all(|target| target.statistics.retransmissions() == 0), "of the 487");
    Ok(())
}

#[test]
fn a_refusal_is_acknowledged_to_its_target_and_comes_once() -> Result<()> {
    let site = Site::start("uas_busy", 3)?;
    let calling = site.run(&site.caller("uac_refused")?.calls(CALLS, 50))?;
    let targets = site.finish()?;
    assert_eq!(calls_seen(&targets), u64::from(CALLS));
    assert_eq!(calling.responses(486, "INVITE").len() as u32, CALLS);
    assert!(targets.iter().all(|target| target.statistics.retransmissions() == 0), "of the 486");
    Ok(())
}

#[test]
fn prack_reinvite_update_and_info_reach_the_target_of_their_call() -> Result<()> {
    let site = Site::start("uas_in_dialog", 3)?;
    site.run(&site.caller("uac_in_dialog")?.calls(CALLS, 50))?;
    let targets = site.finish()?;
    assert_eq!(calls_seen(&targets), u64::from(CALLS));
    for target in &targets {
        for method in ["PRACK", "UPDATE", "INFO", "BYE", "ACK"] {
            let requests = target.requests(method);
            assert!(requests.iter().all(|request| request.values("Route").is_empty()), "{requests:?}");
            assert!(requests.iter().all(|request| request.values("Record-Route").is_empty()), "{requests:?}");
        }
        // The INVITE that starts a call is record-routed; the one within it is not (RFC 3261 16.6 step 4 allows both).
        let (first, again): (Vec<_>, Vec<_>) =
            target.requests("INVITE").into_iter().partition(|invite| !invite.header("To").contains(";tag="));
        assert_eq!(first.len(), again.len());
        assert!(first.iter().all(|invite| invite.values("Record-Route").len() == 2), "{first:?}");
        assert!(again.iter().all(|invite| invite.values("Record-Route").is_empty()), "{again:?}");
    }
    Ok(())
}

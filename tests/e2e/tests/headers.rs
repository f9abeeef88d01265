//! The headers by which targets know where a call is from and who calls whom.

use anyhow::Result;
use e2e::site::Site;

/// What a caller sends to be taken for somebody else. The target refuses a call in which `forged` comes through.
const FORGERIES: [&[&str]; 6] = [
    &["X-Src-Ip: forged", "X-Somleng-Caller-Identity: forged", "X-Somleng-Callee-Identity: forged"],
    &["x-src-ip: forged", "X-SRC-IP: forged", "X-Src-Ip: forged"],
    &["X-Src-Ip : forged", "X-Somleng-Caller-Identity\t: forged"],
    &["X-Src-Ip:\r\n forged", "X-Somleng-Anything: folded,\r\n\tforged", "x-somleng-: forged"],
    &["x-SOMLENG-caller-identity:forged", "X-Somleng-Account:forged", "X-Src-Ip:", "X-Src-Ip:forged"],
    &[],
];

#[test]
fn identity_headers_of_the_caller_are_replaced_in_every_spelling() -> Result<()> {
    let site = Site::start("uas_headers", 1)?;
    for forgery in FORGERIES {
        // Ours to be kept, above and below.
        let lines: Vec<_> = ["X-Carrier: kept"].into_iter().chain(forgery.iter().copied()).collect();
        site.run(&site.caller("uac_call")?.headers(&lines))?;
        let lines: Vec<_> = forgery.iter().copied().chain(["X-Carrier: kept"]).collect();
        site.run(&site.caller("uac_call")?.headers(&lines))?;
    }
    let source = site.addresses.caller(0).to_string();
    for target in site.finish()? {
        let invites = target.requests("INVITE");
        assert_eq!(invites.len(), 2 * FORGERIES.len());
        for invite in invites {
            assert_eq!(invite.headers("X-Src-Ip"), [source.as_str()], "{invite:?}");
            assert_eq!(invite.headers("X-Somleng-Caller-Identity"), ["855715100860"], "{invite:?}");
            assert_eq!(invite.headers("X-Somleng-Callee-Identity"), ["1294"], "{invite:?}");
        }
    }
    Ok(())
}

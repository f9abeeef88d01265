//! Kamailio from Debian's package, as the peer that everybody can install: stateless, dispatcher and rr, one worker.

use anyhow::Result;
use lab::kamailio::Kamailio;

use super::contender::{Running, Site};

pub use lab::kamailio::program;

/// Bytes of its receive buffer; it asks for a quarter of a megabyte by itself.
const RECEIVE_BUFFER: usize = 8 << 20;

/// Starts it with a configuration of its own, and waits until it answers.
pub fn start(site: &Site) -> Result<Running> {
    let list: String = site.list.iter().map(|target| format!("1 sip:{target}\n")).collect();
    let arguments = ["-b", &RECEIVE_BUFFER.to_string()];
    let kamailio = Kamailio::start(site.against, &configuration(site), &[("targets", &list)], &arguments)?;
    Ok(Running::Kamailio(kamailio))
}

/// It does what the proxy does in its way: an access list, header fields taken out and put in, Record-Route, and the
/// same target for all of a Call-ID.
fn configuration(site: &Site) -> String {
    let (own, caller) = (site.against, site.caller.ip());
    format!(
        r#"
debug=0
log_stderror=yes
children=1
disable_tcp=yes
auto_aliases=no
server_signature=no
listen=udp:{own}
loadmodule "sl.so"
loadmodule "rr.so"
loadmodule "pv.so"
loadmodule "maxfwd.so"
loadmodule "textops.so"
loadmodule "siputils.so"
loadmodule "dispatcher.so"
modparam("dispatcher", "list_file", "{{directory}}targets")
modparam("rr", "enable_full_lr", 1)

request_route {{
    if (is_method("OPTIONS")) {{
        sl_send_reply("200", "OK");
        exit;
    }}
    if (!mf_process_maxfwd_header("70")) {{
        sl_send_reply("483", "Too Many Hops");
        exit;
    }}
    if (has_totag()) {{
        loose_route();
        forward();
        exit;
    }}
    if (src_ip != {caller}) {{
        sl_send_reply("403", "Forbidden");
        exit;
    }}
    remove_hf("X-Src-Ip");
    append_hf("X-Src-Ip: $si\r\n");
    append_hf("X-Somleng-Caller-Identity: $fU\r\n");
    append_hf("X-Somleng-Callee-Identity: $tU\r\n");
    record_route();
    if (!ds_select_dst("1", "0")) {{
        sl_send_reply("500", "No Destination");
        exit;
    }}
    forward();
}}
"#
    )
}

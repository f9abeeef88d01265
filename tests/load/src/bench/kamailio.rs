//! Kamailio from Debian's package, as the peer that everybody can install: stateless, dispatcher and rr, one worker.

use std::{
    env,
    fs::{self, File},
    net::{SocketAddr, UdpSocket},
    path::{Path, PathBuf},
    process::{Command, Stdio},
    time::{Duration, Instant},
};

use anyhow::{Context, Result, bail};

use super::contender::{Process, Running, Site, pause};

/// Where packages put its modules.
const MODULES: [&str; 4] = [
    "/usr/lib/x86_64-linux-gnu/kamailio/modules",
    "/usr/lib/aarch64-linux-gnu/kamailio/modules",
    "/usr/lib64/kamailio/modules",
    "/usr/lib/kamailio/modules",
];

/// How long it may take until it answers.
const READY_WITHIN: Duration = Duration::from_secs(10);

/// How long an answer is waited for before it is asked again.
const ANSWER_WITHIN: Duration = Duration::from_millis(100);

/// Bytes of its receive buffer; it asks for a quarter of a megabyte by itself.
const RECEIVE_BUFFER: usize = 8 << 20;

/// The program, if it is installed.
pub fn program() -> Option<PathBuf> {
    let path = env::var_os("PATH").unwrap_or_default();
    let places = env::split_paths(&path).chain([PathBuf::from("/usr/sbin")]);
    modules()?;
    places.map(|place| place.join("kamailio")).find(|program| program.is_file())
}

fn modules() -> Option<&'static Path> {
    MODULES.iter().map(Path::new).find(|directory| directory.is_dir())
}

/// Starts it with a configuration of its own, and waits until it answers.
pub fn start(site: &Site) -> Result<Running> {
    let (program, modules) = program().zip(modules()).context("kamailio is not installed")?;
    let directory = tempfile::tempdir()?;
    let path = |name: &str| directory.path().join(name);
    let list: String = site.list.iter().map(|target| format!("1 sip:{target}\n")).collect();
    fs::write(path("targets"), list)?;
    fs::write(path("kamailio.cfg"), configuration(site, modules, &path("targets")))?;
    let log = File::create(path("log"))?;
    let child = Command::new(program)
        .args(["-DD", "-E", "-m", "64", "-b", &RECEIVE_BUFFER.to_string(), "-f"])
        .args([path("kamailio.cfg"), "-Y".into(), directory.path().into(), "-P".into(), path("pid")])
        .stdin(Stdio::null())
        .stdout(log.try_clone()?)
        .stderr(log)
        .spawn()?;
    let process = Process(child);
    wait_ready(site.against).with_context(|| fs::read_to_string(path("log")).unwrap_or_default())?;
    Ok(Running::Other(process, Some(directory)))
}

/// It does what the proxy does in its way: an access list, header fields taken out and put in, Record-Route, and the
/// same target for all of a Call-ID.
fn configuration(site: &Site, modules: &Path, list: &Path) -> String {
    let (own, modules, list, caller) = (site.against, modules.display(), list.display(), site.caller.ip());
    format!(
        r#"
debug=0
log_stderror=yes
children=1
disable_tcp=yes
auto_aliases=no
server_signature=no
listen=udp:{own}
mpath="{modules}/"
loadmodule "sl.so"
loadmodule "rr.so"
loadmodule "pv.so"
loadmodule "maxfwd.so"
loadmodule "textops.so"
loadmodule "siputils.so"
loadmodule "dispatcher.so"
modparam("dispatcher", "list_file", "{list}")
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

/// Asks with OPTIONS until something comes back.
fn wait_ready(address: SocketAddr) -> Result<()> {
    let socket = UdpSocket::bind((address.ip(), 0))?;
    socket.connect(address)?;
    socket.set_read_timeout(Some(ANSWER_WITHIN))?;
    let own = socket.local_addr()?;
    let options = format!(
        "OPTIONS sip:{address} SIP/2.0\r\nVia: SIP/2.0/UDP {own};branch=z9hG4bKready;rport\r\nMax-Forwards: 70\r\n\
         From: <sip:load@{own}>;tag=ready\r\nTo: <sip:{address}>\r\nCall-ID: ready@{own}\r\nCSeq: 1 OPTIONS\r\n\
         Content-Length: 0\r\n\r\n"
    );
    let deadline = Instant::now() + READY_WITHIN;
    while Instant::now() < deadline {
        // Errors mean that it does not listen yet, and come back at once.
        let sent = Instant::now();
        let answer = socket.send(options.as_bytes()).and_then(|_| socket.recv(&mut [0; 1500]));
        if answer.is_ok() {
            return Ok(());
        }
        pause(ANSWER_WITHIN.saturating_sub(sent.elapsed()));
    }
    bail!("no answer to OPTIONS within {READY_WITHIN:?}")
}

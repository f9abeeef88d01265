//! The torture messages of RFC 4475 (SIP) and RFC 5118 (IPv6): what a proxy owes each when an allowed caller sends it.
//! Left out is mpart01, whose body is a binary signature.
#![allow(clippy::unwrap_used, reason = "tests fail by panicking")]

mod support;

use std::fs;
use std::path::{Path, PathBuf};

use proxy::metrics::label;
use proxy::route::Verdict;
use support::{CARRIER, Site};

/// By what comes of them. A proxy judges what it uses and passes the rest on byte for byte (RFC 3261 16.3).
const VERDICTS: &[(&str, &[&str])] = &[
    (
        "forwarded",
        &[
            // Valid: escapes, white space, long values, unknown bodies and parameters, foreign transports further down.
            "esc01",
            "escruri",
            "invut",
            "longreq",
            "lwsdisp",
            "semiuri",
            "transports",
            // A caller of RFC 2543, and a branch that is the cookie alone: hashed by more than the branch.
            "inv2543",
            "badbranch",
            // A Date that is not GMT, a display name that wants quotes, an Accept of a type that nobody knows, semicolons
            // without parameters in a Via below the topmost: nothing that a proxy uses.
            "baddate",
            "baddn",
            "sdp01",
            "badinv01",
            // IPv6 in Via, Contact and SDP; `received` with brackets and without (RFC 5118 4.5).
            "ipv4-mapped-ipv6",
            "ipv6-correct-abnf-2-colons",
            "ipv6-in-sdp",
            "mult-ip-in-sdp",
            "via-received-param-no-delim",
        ],
    ),
    (
        "answered 400",
        &[
            // A Request-URI in angle brackets, with spaces in or around it; text behind the version.
            "ltgtruri",
            "lwsruri",
            "lwsstart",
            "trws",
            // Fewer bytes than Content-Length tells of, a negative one, two that differ.
            "clerr",
            "ncl",
            "mcl01",
            // No From; a quoted string without an end; a space in a URI; single values that are said twice.
            "insuf",
            "quotbal",
            "badaspec",
            "multi01",
            // A CSeq beyond 2^31; another method in it than in the request line.
            "scalar02",
            "mismatch01",
            "mismatch02",
            // Valid, and refused: a NUL, though quoted, ends the text for readers in C, FreeSWITCH's among them.
            "intmeth",
            // Three colons where an erratum of the grammar allowed them (RFC 5118 4.10).
            "ipv6-bug-abnf-3-colons",
        ],
    ),
    // This is no registrar: whatever else is right or wrong with a REGISTER, or with a method that nobody knows.
    (
        "answered 405",
        &[
            "cparam01",
            "cparam02",
            "dblreq",
            "escnull",
            "esc02",
            "ipv6-bad",
            "ipv6-good",
            "port-ambiguous",
            "port-unambiguous",
            "regaut01",
            "regbadct",
            "regescrt",
            "unksm2",
        ],
    ),
    // With a To tag and no Route to us: of no dialog that we know.
    ("answered 404", &["mult-ip-in-header", "via-received-param-with-delim", "wsinv"]),
    ("answered 416", &["novelsc", "unkscm"]),
    ("answered 420", &["bext01"]),
    ("answered 483", &["zeromf"]),
    // Responses to nobody's request, one of them with a Via of 255.255.255.255.
    ("dropped not_ours", &["bcast", "noreason", "scalarlg", "unreason"]),
    // A status code beyond 699; a Via of SIP/7.0, which may say in another way than ours where an answer goes.
    ("dropped unreadable", &["bigcode"]),
    ("dropped malformed", &["badvers"]),
];

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../crates/sip/tests/torture")
}

/// `forwarded`, `answered CODE` or `dropped CAUSE`.
fn verdict(site: &Site, name: &str) -> String {
    let message = fs::read(folder().join(name).with_extension("sip")).unwrap();
    match site.route_bytes(&message, CARRIER).0 {
        Verdict::Forward { .. } => "forwarded".to_owned(),
        Verdict::Reply { code, .. } => format!("answered {code}"),
        Verdict::Drop(cause, _) => format!("dropped {}", label(cause)),
        Verdict::Answer(_) => "a probe's answer".to_owned(),
        Verdict::Wait => "waits".to_owned(),
    }
}

#[test]
fn each_torture_message_gets_what_a_proxy_owes_it() {
    let site = Site::new();
    for (expected, names) in VERDICTS {
        names.iter().for_each(|name| assert_eq!(verdict(&site, name), *expected, "{name}"));
    }
}

#[test]
fn none_is_forgotten() {
    let files = fs::read_dir(folder()).unwrap().map(|file| file.unwrap().path());
    let mut there: Vec<_> = files
        .filter(|path| path.extension().is_some_and(|extension| extension == "sip"))
        .map(|path| path.file_stem().unwrap().to_string_lossy().into_owned())
        .collect();
    let mut judged: Vec<_> =
        VERDICTS.iter().flat_map(|(_, names)| names.iter().map(|name| (*name).to_owned())).collect();
    there.sort();
    judged.sort();
    assert_eq!(judged, there);
}

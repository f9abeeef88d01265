//! Text that FreeSWITCH's parsers take for something else.

use proptest::prelude::*;

/// Text made of what FreeSWITCH's parsers look at, and of other things.
pub fn nasty() -> impl Strategy<Value = String> {
    let piece = prop_oneof![
        Just("'"),
        Just("\\"),
        Just(" "),
        Just(","),
        Just("="),
        Just(";"),
        Just("{"),
        Just("}"),
        Just("${"),
        Just("$"),
        Just("^^"),
        Just(":_:"),
        Just("\""),
        Just("s"),
        Just("n"),
        Just("["),
        Just("]"),
        Just("|"),
        Just(")"),
        Just("("),
        Just("&"),
        Just("%["),
        Just("ARRAY::"),
        Just("\n"),
        Just("\r"),
        Just("\0"),
        Just("\t"),
        Just("é"),
        Just("ក"),
        Just("mod_event_socket"),
        Just("unload"),
        Just("::"),
        Just("a"),
        Just("1"),
        Just("undef"),
        Just("<"),
        Just("`"),
    ];
    prop::collection::vec(piece, 0..12).prop_map(|pieces| pieces.concat())
}

//! What FreeSWITCH makes of the text that it gets, step by step as its sources do it (1.11: switch_utils.c, switch_event.c,
//! mod_commands.c, mod_event_socket.c, switch_channel.c). Where C would read past the end of its text, this panics.
#![allow(dead_code, reason = "each test uses a part")]

/// parse_command's eye: a head in which these stand together is a command to unload.
pub fn unloads(head: &str) -> bool {
    let head = head.to_ascii_lowercase();
    head.contains("mod_event_socket") && (head.contains("unload") || head.contains("reload"))
}

/// read_packet: the first line, and name and value of each other line.
pub fn packet(bytes: &[u8]) -> (String, Vec<(String, String)>) {
    let text = std::str::from_utf8(bytes).expect("text");
    assert!(!text.contains(['\r', '\0']), "what C cuts at");
    let head = text.strip_suffix("\n\n").expect("an empty line at the end");
    assert!(!head.contains("\n\n"), "another command: {head:?}");
    assert!(!unloads(head), "{head:?}");
    let mut lines = head.split('\n');
    let line = lines.next().expect("a line").to_owned();
    let header = |line: &str| {
        let (name, value) = line.split_once(':').expect("a colon");
        (name.to_owned(), value.trim_start_matches(' ').to_owned())
    };
    (line, lines.map(header).collect())
}

/// `api` and `bgapi` up to the function: its name and its argument (switch_strip_whitespace).
pub fn api(line: &str) -> (String, String) {
    let call = line.strip_prefix("api ").or(line.strip_prefix("bgapi ")).expect("a call");
    let (function, argument) = call.split_once(' ').unwrap_or((call, ""));
    let blank = [' ', '\t', '\n', '\r', '\x0b', '\x0c'];
    (function.to_owned(), argument.trim_matches(blank).to_owned())
}

/// cleanup_separated_string.
fn cleanup(text: &[u8], separator: u8) -> Vec<u8> {
    let text: Vec<u8> = text.iter().copied().skip_while(|byte| *byte == b' ').collect();
    let (mut out, mut end, mut quoted, mut at) = (Vec::new(), None, false, 0);
    while at < text.len() {
        if text[at] == b'\\' {
            let next = text.get(at + 1).copied();
            let plain = match next {
                Some(byte @ (b'\'' | b'"' | b'\\')) => Some(byte),
                Some(byte) if separator != 0 && byte == separator => Some(byte),
                Some(b'n') => Some(b'\n'),
                Some(b'r') => Some(b'\r'),
                Some(b't') => Some(b'\t'),
                Some(b's') => Some(b' '),
                _ => None,
            };
            if let Some(plain) = plain {
                out.push(plain);
                end = Some(out.len());
                at += 2;
                continue;
            }
        }
        if text[at] == b'\'' && (quoted || text[at + 1..].contains(&b'\'')) {
            quoted = !quoted;
            if quoted {
                end = Some(out.len());
            }
        } else {
            out.push(text[at]);
            if text[at] != b' ' || quoted {
                end = Some(out.len());
            }
        }
        at += 1;
    }
    if let Some(end) = end {
        out.truncate(end);
    }
    out
}

/// switch_separate_string.
pub fn separate(text: &str, mut separator: u8, most: usize) -> Vec<String> {
    let mut text = text.as_bytes();
    if let [b'^', b'^', other, _, ..] = text {
        separator = *other;
        text = &text[3..];
    }
    let mut parts: Vec<&[u8]> = Vec::new();
    let mut at = 0;
    while at < text.len() && parts.len() < most {
        let begin = at;
        if parts.len() + 1 == most {
            // The loop ends as the last part begins: it takes all that is left.
            parts.push(&text[begin..]);
            break;
        }
        let mut quoted = false;
        if separator == b' ' {
            at += text[at..].iter().take_while(|byte| **byte == b' ').count();
        }
        let mut end = text.len();
        while at < text.len() {
            let byte = text[at];
            if byte == b'\\' {
                at += 1;
                assert!(at < text.len(), "C reads past the end");
            } else if byte == b'\'' && (separator == b' ' || quoted || text[at + 1..].contains(&b'\'')) {
                quoted = !quoted;
            } else if byte == separator && !quoted {
                end = at;
                at += 1;
                break;
            }
            at += 1;
        }
        if separator == b' ' {
            at += text[at..].iter().take_while(|byte| **byte == b' ').count();
        }
        parts.push(&text[begin..end]);
    }
    let escaped = if separator == b' ' { 0 } else { separator };
    let text = |part: &&[u8]| String::from_utf8(cleanup(part, escaped)).expect("text stays text");
    parts.iter().map(text).collect()
}

/// switch_find_end_paren.
fn end_paren(text: &str, open: u8, close: u8) -> Option<usize> {
    let mut depth = 0;
    for (at, byte) in text.bytes().enumerate() {
        if byte == open {
            depth += 1;
        } else if byte == close {
            depth -= 1;
        }
        if depth == 0 {
            return (byte == close).then_some(at);
        }
    }
    None
}

/// What `originate` is told.
#[derive(Debug, PartialEq, Eq)]
pub struct Originate {
    pub variables: Vec<(String, String)>,
    pub dial_string: String,
    pub application: (String, String),
}

/// originate_function and the beginning of switch_ivr_originate.
pub fn originate(argument: &str) -> Originate {
    let words = separate(argument, b' ', 10);
    let [leg, extension] = &words[..] else { panic!("two words, not {words:?}") };
    assert!(!leg.contains(":_:"), "an enterprise originate");
    let (variables, dial_string) = match leg.starts_with('{') {
        true => brackets(leg),
        false => (Vec::new(), leg.clone()),
    };
    assert!(!dial_string.starts_with(['{', '<', '[', ' ']) && !dial_string.contains(['|', ',']));
    let call = extension.strip_prefix('&').expect("an application");
    let call = call.split_once(')').map_or(call, |(call, _)| call);
    let (name, argument) = call.split_once('(').unwrap_or((call, ""));
    Originate { variables, dial_string, application: (name.to_owned(), argument.to_owned()) }
}

/// switch_event_create_brackets, one pair of braces. A later variable takes the place of an earlier one; one with `${` in
/// its value is not set (switch_channel_set_variable_var_check), an empty one neither.
fn brackets(text: &str) -> (Vec<(String, String)>, String) {
    let end = end_paren(text, b'{', b'}').expect("an end of the braces");
    let (inside, rest) = text.split_at(end);
    let (inside, rest) =
        (inside.strip_prefix('{').expect("a brace"), rest.strip_prefix('}').expect("a brace").to_owned());
    assert!(!rest.trim_start_matches(' ').starts_with('{'));
    let mut variables: Vec<(String, String)> = Vec::new();
    for pair in separate(inside, b',', 1024) {
        let [name, value] = &separate(&pair, b'=', 2)[..] else { continue };
        if !is_expanded(value) && !value.is_empty() {
            assert!(!value.starts_with("ARRAY::") && !name.contains('['));
            variables.retain(|(other, _)| !other.eq_ignore_ascii_case(name));
            variables.push((name.clone(), value.clone()));
        }
    }
    (variables, rest)
}

/// switch_string_var_check_const.
pub fn is_expanded(text: &str) -> bool {
    let mut dollar = false;
    for byte in text.bytes() {
        match byte {
            b'$' => dollar = true,
            b'{' if dollar => return true,
            b'\\' => (),
            _ => dollar = false,
        }
    }
    false
}

/// uuid_setvar_function: channel, name, value.
pub fn setvar(argument: &str) -> Vec<String> {
    separate(argument, b' ', 3)
}

/// uuid_setvar_multi_function: names and values.
pub fn setvar_multi(argument: &str) -> (String, Vec<(String, String)>) {
    let (channel, rest) = argument.split_once(' ').expect("variables");
    let pair = |pair: &String| {
        let (name, value) = pair.split_once('=').expect("an =");
        (name.to_owned(), value.to_owned())
    };
    (channel.to_owned(), separate(rest, b';', 64).iter().map(pair).collect())
}

/// switch_channel_expand_variables for text without variables: `None` if it expands one.
pub fn expand(text: &str) -> Option<String> {
    if is_expanded(text) {
        return None;
    }
    // switch_string_has_escaped_data: nothing happens without one of these behind a backslash.
    let escapes = text.as_bytes().windows(2).any(|pair| pair[0] == b'\\' && b"nst'\\".contains(&pair[1]));
    if !escapes {
        return Some(text.to_owned());
    }
    let (mut out, mut at, bytes) = (Vec::new(), 0, text.as_bytes());
    while at < bytes.len() {
        match (bytes[at], bytes.get(at + 1)) {
            (b'\\', Some(b'$')) => {
                out.push(b'$');
                at += 2 + usize::from(bytes.get(at + 2) == Some(&b'$'));
            }
            (b'\\', Some(b'\'')) => at += 2,
            (b'\\', Some(b'\\')) => {
                out.extend_from_slice(b"\\\\");
                at += 2;
            }
            (b'$', Some(b'$')) => {
                out.push(b'$');
                at += 2;
            }
            (byte, _) => {
                out.push(byte);
                at += 1;
            }
        }
    }
    Some(String::from_utf8(out).expect("text"))
}

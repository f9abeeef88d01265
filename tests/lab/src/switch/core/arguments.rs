//! Arguments of API functions, taken apart as FreeSWITCH does (switch_separate_string, switch_event_create_brackets).

/// Splits at a separator, into so many parts at most; the last one keeps what is left. Separators in single quotes or
/// behind a backslash do not split. Quotes and backslashes are taken away, and spaces around a part.
pub(super) fn separate(text: &str, separator: char, most: usize) -> Vec<String> {
    let mut parts = Vec::new();
    let mut part = String::new();
    let (mut quoted, mut escaped) = (false, false);
    for char in text.chars() {
        if escaped {
            escaped = false;
        } else if char == '\\' {
            escaped = true;
        } else if char == '\'' {
            quoted = !quoted;
        } else if char == separator && !quoted && parts.len() + 1 < most {
            // Spaces that follow each other are one separator.
            if separator != ' ' || !part.is_empty() {
                parts.push(clean(&std::mem::take(&mut part), separator));
            }
            continue;
        }
        part.push(char);
    }
    if separator != ' ' || !part.is_empty() {
        parts.push(clean(&part, separator));
    }
    parts
}

/// Takes quotes and backslashes away (cleanup_separated_string).
fn clean(part: &str, separator: char) -> String {
    let mut out = String::new();
    // What an escape stands for is kept, at the ends too.
    let mut kept = 0;
    let mut chars = part.trim_start_matches(' ').chars();
    while let Some(char) = chars.next() {
        match char {
            '\\' => {
                match chars.next() {
                    Some('s') => out.push(' '),
                    Some('n') => out.push('\n'),
                    Some('r') => out.push('\r'),
                    Some('t') => out.push('\t'),
                    Some(next) if matches!(next, '\\' | '\'' | '"') || next == separator => out.push(next),
                    Some(next) => out.extend(['\\', next]),
                    None => out.push('\\'),
                }
                kept = out.len();
            }
            '\'' => kept = out.len(),
            _ => {
                out.push(char);
                if char != ' ' {
                    kept = out.len();
                }
            }
        }
    }
    out.truncate(kept);
    out
}

/// What `originate` is told: variables, whom to call, and the application for the answered call.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Originate {
    pub(super) variables: Vec<(String, String)>,
    pub(super) dial_string: String,
    pub(super) application: String,
}

/// Takes the arguments of `originate` apart; `None` where there is less than two of them.
pub(super) fn originate(arguments: &str) -> Option<Originate> {
    let mut parts = separate(arguments, ' ', 10).into_iter();
    let (whom, application) = (parts.next()?, parts.next()?);
    let (variables, dial_string) = braces(&whom);
    Some(Originate { variables, dial_string: dial_string.to_owned(), application })
}

/// Variables in leading braces, whose end is found by counting, and what follows.
fn braces(text: &str) -> (Vec<(String, String)>, &str) {
    let Some(inside) = text.strip_prefix('{') else { return (Vec::new(), text) };
    let mut depth = 1;
    for (at, char) in inside.char_indices() {
        match char {
            '{' => depth += 1,
            '}' => depth -= 1,
            _ => {}
        }
        if depth == 0 {
            let (variables, rest) = inside.split_at(at);
            let pairs = separate(variables, ',', 1000);
            return (
                pairs.iter().filter_map(|pair| assignment(pair)).collect(),
                rest.trim_start_matches('}'),
            );
        }
    }
    (Vec::new(), text)
}

/// `name=value`.
pub(super) fn assignment(pair: &str) -> Option<(String, String)> {
    let mut parts = separate(pair, '=', 2).into_iter();
    Some((parts.next()?, parts.next()?))
}

#[cfg(test)]
mod tests {
    use esl::{Api, DialString, Uuid, VariableName, VariableValue};

    use super::*;

    #[test]
    fn quotes_backslashes_and_spaces_are_read_as_freeswitch_does() {
        assert_eq!(separate("a  b 'c d' e\\sf", ' ', 10), ["a", "b", "c d", "e f"]);
        assert_eq!(separate("uuid name a value of words", ' ', 3), ["uuid", "name", "a value of words"]);
        assert_eq!(separate("a,b\\,c,\\s,'d, e'", ',', 10), ["a", "b,c", " ", "d, e"]);
        assert_eq!(separate("", ' ', 3), [""; 0]);
    }

    #[test]
    fn what_the_client_writes_is_read_back() {
        let uuid = Uuid::new("a-1").unwrap();
        let dial = DialString::new("sofia/internal/855@127.0.0.1:5090").unwrap();
        let value = "it's, a \\value\\ = with; {braces} ";
        let originate_call = esl::Originate::new(&uuid, dial)
            .unwrap()
            .variable(VariableName::new("sip_h_X-A").unwrap(), VariableValue::new(value).unwrap())
            .unwrap();
        let text = Api::originate(&originate_call);
        let read = originate(text.as_str().strip_prefix("originate ").unwrap()).unwrap();
        assert_eq!(read.dial_string, "sofia/internal/855@127.0.0.1:5090");
        assert_eq!(read.application, "&park()");
        assert_eq!(read.variables[0], ("origination_uuid".to_owned(), "a-1".to_owned()));
        assert_eq!(read.variables[1], ("sip_h_X-A".to_owned(), value.to_owned()));
    }
}

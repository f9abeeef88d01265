//! Characters: which XML allows, and how they are written as references.

use std::borrow::Cow;

use crate::error::Fault;

/// What must follow an `&`. Customers forget to escape the ones in their URLs, so the message tells how.
pub(crate) const REFERENCE: &str = "one of &amp; &lt; &gt; &quot; &apos; or a character reference such as &#233; \
     (a plain & is written &amp;)";

/// XML 1.0, 2.2.
pub(crate) fn is_char(c: char) -> bool {
    matches!(c, '\t' | '\n' | '\r' | ' '..='\u{fffd}' | '\u{10000}'..)
}

/// XML 1.0, 2.3: white space.
pub(crate) fn is_blank(text: &str) -> bool {
    text.bytes().all(|b| matches!(b, b' ' | b'\t' | b'\n' | b'\r'))
}

/// XML 1.0, 2.3: Name.
pub(crate) fn is_name(name: &str) -> bool {
    let mut chars = name.chars();
    chars.next().is_some_and(is_name_start) && chars.all(is_name_char)
}

fn is_name_start(c: char) -> bool {
    matches!(c, ':' | 'A'..='Z' | '_' | 'a'..='z' | '\u{c0}'..='\u{d6}' | '\u{d8}'..='\u{f6}'
        | '\u{f8}'..='\u{2ff}' | '\u{370}'..='\u{37d}' | '\u{37f}'..='\u{1fff}' | '\u{200c}'..='\u{200d}'
        | '\u{2070}'..='\u{218f}' | '\u{2c00}'..='\u{2fef}' | '\u{3001}'..='\u{d7ff}'
        | '\u{f900}'..='\u{fdcf}' | '\u{fdf0}'..='\u{fffd}' | '\u{10000}'..='\u{effff}')
}

fn is_name_char(c: char) -> bool {
    is_name_start(c)
        || matches!(c, '-' | '.' | '0'..='9' | '\u{b7}' | '\u{300}'..='\u{36f}' | '\u{203f}'..='\u{2040}')
}

/// The character that `&name;` stands for. Only the five that XML predefines, and references to characters: there are
/// no entities of a document's own.
pub(crate) fn resolve(name: &str) -> Option<char> {
    let code = match name {
        "amp" => return Some('&'),
        "lt" => return Some('<'),
        "gt" => return Some('>'),
        "quot" => return Some('"'),
        "apos" => return Some('\''),
        _ => name.strip_prefix('#')?,
    };
    let (digits, radix) = match code.strip_prefix('x') {
        Some(hex) => (hex, 16),
        None => (code, 10),
    };
    // `from_str_radix` would take a sign.
    let all_digits = digits.chars().all(|c| c.is_digit(radix));
    let number = u32::from_str_radix(digits, radix).ok().filter(|_| all_digits)?;
    char::from_u32(number).filter(|c| is_char(*c))
}

/// Text as an application sees it: line ends are LF (XML 1.0, 2.11).
pub(crate) fn text(raw: &str) -> Cow<'_, str> {
    if raw.contains('\r') { raw.replace("\r\n", "\n").replace('\r', "\n").into() } else { raw.into() }
}

/// The value of an attribute whose text `raw` stands at `offset` of `source` (XML 1.0, 3.3.3: white space as it is
/// written becomes spaces, references to white space stay what they are).
pub(crate) fn attribute<'a>(source: &str, offset: usize, raw: &'a str) -> Result<Cow<'a, str>, Fault> {
    if !raw.contains(['&', '<', '\t', '\n', '\r']) {
        return Ok(raw.into());
    }
    let mut value = String::with_capacity(raw.len());
    let mut rest = raw;
    while let Some(c) = rest.chars().next() {
        let here = offset + raw.len() - rest.len();
        let after = rest.get(c.len_utf8()..).unwrap_or_default();
        rest = match c {
            '<' => return Err(Fault::xml(source, here, "&lt; in place of < in an attribute")),
            '&' => {
                let (name, behind) = after.split_once(';').unwrap_or_default();
                value.push(resolve(name).ok_or_else(|| Fault::xml(source, here, REFERENCE))?);
                behind
            }
            '\r' => {
                value.push(' ');
                after.strip_prefix('\n').unwrap_or(after)
            }
            '\n' | '\t' => {
                value.push(' ');
                after
            }
            _ => {
                value.push(c);
                after
            }
        };
    }
    Ok(value.into())
}

/// Writes `text` so that it reads back as itself, between tags and between double quotes.
pub(crate) fn escape_to(out: &mut String, text: &str) {
    for c in text.chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\t' => out.push_str("&#9;"),
            '\n' => out.push_str("&#10;"),
            '\r' => out.push_str("&#13;"),
            _ => out.push(c),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn references_are_the_five_of_xml_and_characters_that_xml_allows() {
        assert_eq!(resolve("amp"), Some('&'));
        assert_eq!((resolve("#233"), resolve("#xe9"), resolve("#xE9")), (Some('é'), Some('é'), Some('é')));
        assert_eq!((resolve("#10"), resolve("#x10FFFF")), (Some('\n'), Some('\u{10ffff}')));
        for bad in
            ["", "nbsp", "AMP", "#", "#x", "#X41", "#+65", "#0", "#1", "#xD800", "#xFFFE", "#99999999999"]
        {
            assert_eq!(resolve(bad), None, "{bad}");
        }
    }

    #[test]
    fn an_attribute_keeps_control_characters_only_where_they_are_references() {
        let value = |raw| attribute(raw, 0, raw).map(Cow::into_owned);
        assert_eq!(value("a\r\nb\tc\rd"), Ok("a b c d".into()));
        assert_eq!(value("a&#13;&#10;b&#9;\u{7f}"), Ok("a\r\nb\t\u{7f}".into()));
        assert_eq!(value("a&b=1").unwrap_err().offset, 1);
        assert_eq!(value("é<").unwrap_err().offset, 2);
    }

    #[test]
    fn what_is_escaped_reads_back() {
        let (all, mut written) = ("<a&\"'>\t\r\n é", String::new());
        escape_to(&mut written, all);
        assert_eq!(attribute(&written, 0, &written).unwrap(), all);
    }
}

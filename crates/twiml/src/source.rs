//! Bytes -> the text of a document.

use std::borrow::Cow;

use quick_xml::events::attributes::Attributes;

use crate::error::{Error, ErrorKind, Fault, Found};
use crate::limits::Limits;
use crate::position::Position;
use crate::reference::is_char;

/// The document's text as UTF-8, without a byte order mark. Positions in it are those in the bytes.
///
/// UTF-8 and, where the XML declaration says so, ISO-8859-1 are read; such a declaration says UTF-8 in the text that
/// comes out, padded with spaces to its length, so that reading that text again gives the same document.
pub(crate) fn decode(bytes: &[u8], limits: &Limits) -> Result<String, Error> {
    within(bytes.len(), limits)?;
    if let [0xfe, 0xff, ..] | [0xff, 0xfe, ..] | [0, b'<', ..] | [b'<', 0, ..] = bytes {
        return Err(encoding("UTF-16").at(""));
    }
    let without_mark = bytes.strip_prefix(b"\xef\xbb\xbf");
    let bytes = without_mark.unwrap_or(bytes);
    let text = match declared(bytes) {
        Some(declared) if declared.is_latin_1() => {
            // A byte order mark is stronger than the declaration (XML 1.0, F.2).
            let text = if without_mark.is_some() { utf_8(bytes)?.to_owned() } else { latin_1(bytes) };
            declared.renamed(&text)
        }
        Some(declared) if !declared.is_utf_8() => {
            return Err(Fault { offset: declared.at, ..encoding(&declared.name) }.at(&latin_1(bytes)));
        }
        _ => utf_8(bytes)?.to_owned(),
    };
    within(text.len(), limits)?;
    match text.char_indices().find(|(_, c)| !is_char(*c)) {
        Some((at, _)) => Err(Fault::xml(&text, at, "characters that XML 1.0 allows").at(&text)),
        None => Ok(text),
    }
}

fn within(bytes: usize, limits: &Limits) -> Result<(), Error> {
    if bytes <= limits.bytes {
        return Ok(());
    }
    Err(Fault::too_much(0, "bytes in a document", bytes, limits.bytes).at(""))
}

fn encoding(found: &str) -> Fault {
    let kind = ErrorKind::Xml { expected: "UTF-8 or ISO-8859-1".into(), found: Found::value(found) };
    Fault { offset: 0, kind }
}

fn utf_8(bytes: &[u8]) -> Result<&str, Error> {
    std::str::from_utf8(bytes).map_err(|error| {
        let (good, bad) = bytes.split_at_checked(error.valid_up_to()).unwrap_or_default();
        let found = format!("byte {:#04x}", bad.first().copied().unwrap_or_default());
        let kind = ErrorKind::Xml { expected: "UTF-8".into(), found: Found::Text(found) };
        let good = std::str::from_utf8(good).unwrap_or_default();
        Error { position: Position::at(good, good.len()), kind }
    })
}

/// ISO-8859-1 is the first 256 characters of Unicode.
fn latin_1(bytes: &[u8]) -> String {
    bytes.iter().copied().map(char::from).collect()
}

/// The encoding that an XML declaration names.
struct Declared {
    name: String,
    /// Where the name stands.
    at: usize,
}

fn declared(bytes: &[u8]) -> Option<Declared> {
    let start = bytes.len() - bytes.trim_ascii_start().len();
    let rest = bytes.get(start..)?.strip_prefix(b"<?xml")?;
    if !rest.first()?.is_ascii_whitespace() {
        return None;
    }
    let end = rest.windows(2).position(|pair| pair == b"?>")?;
    // A declaration is ASCII, whatever follows.
    let declaration = std::str::from_utf8(rest.get(..end)?).ok()?;
    let mut attributes = Attributes::new(declaration, 0);
    let encoding = attributes.with_checks(false).flatten().find(|a| a.key.as_ref() == "encoding")?;
    let Cow::Borrowed(name) = encoding.value else { return None };
    let at = start + b"<?xml".len() + (name.as_ptr() as usize).checked_sub(declaration.as_ptr() as usize)?;
    Some(Declared { name: name.to_owned(), at })
}

impl Declared {
    fn is_utf_8(&self) -> bool {
        ["utf-8", "utf8", "us-ascii", "ascii"].iter().any(|name| self.name.eq_ignore_ascii_case(name))
    }

    fn is_latin_1(&self) -> bool {
        ["iso-8859-1", "iso8859-1", "latin1"].iter().any(|name| self.name.eq_ignore_ascii_case(name))
    }

    /// The text, declared as UTF-8, with every character behind the declaration where it was.
    fn renamed(&self, text: &str) -> String {
        let (before, named) = text.split_at_checked(self.at).unwrap_or((text, ""));
        let (_, behind) = named.split_at_checked(self.name.len()).unwrap_or_default();
        let (quote, behind) = behind.split_at_checked(1).unwrap_or_default();
        let pad = self.name.len().saturating_sub("UTF-8".len());
        format!("{before}UTF-8{quote}{:pad$}{behind}", "")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(bytes: &[u8]) -> Result<String, String> {
        decode(bytes, &Limits::DEFAULT).map_err(|error| error.to_string())
    }

    #[test]
    fn a_byte_order_mark_is_no_part_of_the_text() {
        assert_eq!(read(b"\xef\xbb\xbf<a/>"), Ok("<a/>".into()));
    }

    #[test]
    fn latin_1_is_read_where_it_is_declared_and_says_utf_8_afterwards() {
        let text = read(b"\n<?xml version='1.0' encoding='iso-8859-1' ?><a>\xe9</a>").unwrap();
        assert_eq!(text, "\n<?xml version='1.0' encoding='UTF-8'      ?><a>é</a>");
        assert_eq!(read(text.as_bytes()), Ok(text));
        let marked = b"\xef\xbb\xbf<?xml version='1.0' encoding='latin1'?><a>\xc3\xa9</a>";
        assert_eq!(read(marked), Ok("<?xml version='1.0' encoding='UTF-8' ?><a>é</a>".into()));
    }

    #[test]
    fn another_encoding_is_refused_by_name() {
        let error =
            "line 1, column 31: Error while parsing XML: expected UTF-8 or ISO-8859-1, found \"Shift_JIS\"";
        assert_eq!(read(b"<?xml version=\"1.0\" encoding=\"Shift_JIS\"?><a>\x83\x65</a>"), Err(error.into()));
        for utf_16 in [&b"\xff\xfe<\0"[..], b"\xfe\xff\0<", b"<\0a\0", b"\0<\0a"] {
            assert!(read(utf_16).unwrap_err().ends_with("found \"UTF-16\""));
        }
    }

    #[test]
    fn bytes_that_are_no_utf_8_are_shown_where_they_stand() {
        let error = "line 2, column 3: Error while parsing XML: expected UTF-8, found \"byte 0xff\"";
        assert_eq!(read(b"<a>\n\xc3\xa9!\xff</a>"), Err(error.into()));
    }

    #[test]
    fn characters_that_xml_forbids_are_shown_where_they_stand() {
        for bad in ["\0", "\u{1}", "\u{b}", "\u{1f}", "\u{fffe}", "\u{ffff}"] {
            let error = read(format!("<a>é\n {bad}</a>").as_bytes()).unwrap_err();
            assert!(error.starts_with("line 2, column 2: "), "{error}");
        }
        assert!(read("\t\r\n \u{7f}\u{85}\u{fffd}\u{10000}".as_bytes()).is_ok());
    }

    #[test]
    fn the_limit_holds_for_bytes_that_come_and_for_the_text() {
        let limits = Limits { bytes: 60, ..Limits::DEFAULT };
        let latin = [&b"<?xml version='1.0' encoding='latin1'?>"[..], &[0xe9; 20]].concat();
        let error = decode(&latin, &limits).unwrap_err();
        assert_eq!(error.to_string(), "line 1, column 1: 79 bytes in a document: at most 60 are taken");
        assert!(decode(&[b'a'; 61], &limits).is_err() && decode(&[b'a'; 60], &limits).is_ok());
    }
}

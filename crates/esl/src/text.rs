//! Text that may stand in a command, by the place where it stands. A value of these types is safe there, whoever made the
//! text: what FreeSWITCH would read as something else is refused here, or escaped when it is written (`escape.rs`).
//!
//! In every place are refused: control characters, since a line end ends a command; more than [`MOST_BYTES`]; and
//! `mod_event_socket`, since mod_event_socket takes any command in which that and `unload` or `reload` stand, in headers
//! too, for one to unload or reload itself (parse_command).

use std::fmt;

use crate::error::Refused;

/// Bytes of one text.
pub const MOST_BYTES: usize = 64 << 10;

macro_rules! text_type {
    ($(#[$doc:meta])* $name:ident, $place:literal, $check:expr) => {
        $(#[$doc])*
        #[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
        pub struct $name(Box<str>);

        impl $name {
            /// Checks the text.
            pub fn new(text: impl Into<String>) -> Result<Self, Refused> {
                let text = text.into();
                let refused = |(found, at)| Refused { place: $place, found, at };
                anywhere(&text).map_err(refused)?;
                let check: fn(&str) -> Result<(), Fault> = $check;
                check(&text).map_err(refused)?;
                Ok($name(text.into_boxed_str()))
            }

            /// The text itself, without any escaping.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }

        impl AsRef<str> for $name {
            fn as_ref(&self) -> &str {
                &self.0
            }
        }

        impl std::str::FromStr for $name {
            type Err = Refused;

            fn from_str(text: &str) -> Result<Self, Refused> {
                $name::new(text)
            }
        }
    };
}

text_type!(
    /// The UUID of a channel, a job or an application. FreeSWITCH takes any text; here letters, digits and `-`, at most 255.
    Uuid, "a UUID", |text| {
        if text.len() > 255 {
            return Err(("more than 255 bytes", 255));
        }
        only(text, |byte| byte.is_ascii_alphanumeric() || byte == b'-')
    }
);

text_type!(
    /// A name that the program chooses: of an event, an event's subclass, a header, an API function, an application, a
    /// sofia profile. Letters, digits and `_ - . :`.
    Name, "a name", |text| only(text, |byte| byte.is_ascii_alphanumeric() || b"_-.:".contains(&byte))
);

text_type!(
    /// The name of a channel variable: letters, digits and `_ - .`. No `[`, which makes FreeSWITCH write one element of
    /// an array (switch_event_base_add_header), and no `:`, which ends a name where variables are read.
    VariableName, "a channel variable's name",
    |text| only(text, |byte| byte.is_ascii_alphanumeric() || b"_-.".contains(&byte))
);

text_type!(
    /// The value of a channel variable. Spaces, quotes, commas, semicolons and backslashes are welcome: they are escaped for
    /// the place where the value is written.
    ///
    /// Refused: `${`, since FreeSWITCH replaces `${system ...}` by what the command prints wherever a variable's value is
    /// expanded; and `ARRAY::` at the beginning, which makes an array. An empty value is the same as no variable. In an
    /// [`crate::Originate`] braces must come in pairs.
    VariableValue, "a channel variable's value", |text| {
        expansion(text)?;
        array(text)
    }
);

text_type!(
    /// One word among the arguments of an API function that splits them at spaces (switch_separate_string), as most do. It
    /// may hold spaces and quotes, which are escaped. Refused: `^^` at the beginning, which names another separator.
    Word, "a word of an API function's arguments", |text| match text.starts_with("^^") {
        true => Err(("^^ at its beginning", 0)),
        false => Ok(()),
    }
);

text_type!(
    /// The argument of a dialplan application, for instance a file to play or `name=value` to set.
    ///
    /// FreeSWITCH expands it before the application sees it (switch_channel_expand_variables). Refused is therefore what it
    /// would change: `${`, `$$`, `\$` and `\'`; `%[` and `%,[` at the beginning, which set variables; `ARRAY::` and spaces at the
    /// beginning. What the application itself makes of its argument is not looked at.
    Argument, "an application's argument", |text| {
        expansion(text)?;
        array(text)?;
        let changes = |pair: &[u8]| matches!(pair, [b'\\', b'$' | b'\''] | [b'$', b'$']);
        if let Some(at) = text.as_bytes().windows(2).position(changes) {
            return Err(("$$, or a backslash before $ or '", at));
        }
        match text.as_bytes() {
            [b' ', ..] => Err(("a space at its beginning", 0)),
            [b'%', b'[', ..] | [b'%', _, b'[', ..] => Err(("%[ at its beginning", 0)),
            _ => Ok(()),
        }
    }
);

text_type!(
    /// The rest of a line, as it is: a filter's value.
    Rest, "the rest of a line", |text| match text.is_empty() || text.starts_with(' ') {
        true => Err(("nothing, or a space, at its beginning", 0)),
        false => Ok(()),
    }
);

text_type!(
    /// Why a channel is hung up: `USER_BUSY`. FreeSWITCH takes what it does not know for NORMAL_CLEARING.
    Cause, "a hangup cause", |text| {
        only(text, |byte| byte.is_ascii_uppercase() || byte.is_ascii_digit() || byte == b'_')
    }
);

text_type!(
    /// Whom [`crate::Originate`] calls: `sofia/external/1294@198.51.100.7:5060`. One endpoint, without variables of its own.
    /// Refused is what would make several of it, or something else: spaces, quotes, backslashes, `, | < > { } ^ $`, `:_:`,
    /// and `[` at the beginning.
    ///
    /// For a number that strangers chose there is [`DialString::sofia`].
    DialString, "a dial string", |text| {
        only(text, |byte| byte.is_ascii_graphic() && !b"'\"\\,|<>{}^$`".contains(&byte))?;
        enterprise(text)?;
        if text.starts_with('[') { Err(("[ at its beginning", 0)) } else { Ok(()) }
    }
);

impl DialString {
    /// `sofia/PROFILE/USER@HOST`. The user may hold letters, digits and `+ * . _ -`, the host also `: [ ]` and `;` with
    /// parameters (`;transport=tcp`).
    pub fn sofia(profile: &Name, user: &str, host: &str) -> Result<Self, Refused> {
        let part =
            |place, found: Result<(), Fault>| found.map_err(|(found, at)| Refused { place, found, at });
        if profile.as_str().eq_ignore_ascii_case("gateway") {
            let found = "the word gateway, after which mod_sofia reads a gateway's name";
            return Err(Refused { place: "a sofia profile", found, at: 0 });
        }
        part("a SIP user", only(user, |byte| byte.is_ascii_alphanumeric() || b"+*._-".contains(&byte)))?;
        part("a SIP host", only(host, |byte| byte.is_ascii_alphanumeric() || b"._-:[];=".contains(&byte)))?;
        DialString::new(format!("sofia/{profile}/{user}@{host}"))
    }
}

/// A password, which `Debug` does not show.
#[derive(Clone, PartialEq, Eq)]
pub struct Password(Box<str>);

impl Password {
    /// Checks that it has no line end in it.
    pub fn new(text: impl Into<String>) -> Result<Self, Refused> {
        let text = text.into();
        anywhere(&text).map_err(|(found, at)| Refused { place: "a password", found, at })?;
        Ok(Password(text.into_boxed_str()))
    }

    pub(crate) fn reveal(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Password {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Password(...)")
    }
}

/// What is wrong, and where.
type Fault = (&'static str, usize);

fn anywhere(text: &str) -> Result<(), Fault> {
    const SOCKET: &[u8] = b"mod_event_socket";
    if text.len() > MOST_BYTES {
        return Err(("more than 65536 bytes", MOST_BYTES));
    }
    if let Some(at) = text.bytes().position(|byte| byte.is_ascii_control()) {
        return Err(("a line end or another control character", at));
    }
    match text.as_bytes().windows(SOCKET.len()).position(|part| part.eq_ignore_ascii_case(SOCKET)) {
        Some(at) => Err(("mod_event_socket", at)),
        None => Ok(()),
    }
}

fn only(text: &str, allowed: impl Fn(u8) -> bool) -> Result<(), Fault> {
    match text.bytes().position(|byte| !allowed(byte)) {
        Some(at) => Err(("this character", at)),
        None if text.is_empty() => Err(("nothing", 0)),
        None => Ok(()),
    }
}

/// What switch_string_var_check_const finds: `$`, any number of backslashes, `{`.
fn expansion(text: &str) -> Result<(), Fault> {
    let mut dollar = None;
    for (at, byte) in text.bytes().enumerate() {
        dollar = match byte {
            b'$' => Some(at),
            b'\\' => dollar,
            b'{' if dollar.is_some() => return Err(("${", dollar.unwrap_or(at))),
            _ => None,
        };
    }
    Ok(())
}

fn array(text: &str) -> Result<(), Fault> {
    if text.starts_with("ARRAY::") { Err(("ARRAY:: at its beginning", 0)) } else { Ok(()) }
}

/// `:_:` makes several originates of one (SWITCH_ENT_ORIGINATE_DELIM), wherever it stands.
pub(crate) fn enterprise(text: &str) -> Result<(), Fault> {
    text.find(":_:").map_or(Ok(()), |at| Err((":_:", at)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found<T>(result: Result<T, Refused>) -> (&'static str, usize) {
        result.map(|_| ("nothing wrong", 0)).unwrap_or_else(|refused| (refused.found, refused.at))
    }

    #[test]
    fn what_would_be_read_otherwise_is_refused_and_told_where() {
        let control = "a line end or another control character";
        for text in ["a\nb", "a\rb", "a\0b", "a\tb", "a\x7fb"] {
            assert_eq!(found(VariableValue::new(text)), (control, 1));
            assert_eq!(found(Word::new(text)), (control, 1));
            assert_eq!(found(Argument::new(text)), (control, 1));
            assert_eq!(found(Rest::new(text)), (control, 1));
            assert_eq!(found(Password::new(text)), (control, 1));
        }
        assert_eq!(found(VariableValue::new("unload MOD_event_Socket")), ("mod_event_socket", 7));
        assert_eq!(found(VariableValue::new("a ${system reboot}")), ("${", 2));
        assert_eq!(found(VariableValue::new("$$\\\\{")), ("${", 1));
        assert_eq!(found(VariableValue::new("ARRAY::a")), ("ARRAY:: at its beginning", 0));
        assert_eq!(
            found(VariableValue::new("a".repeat(MOST_BYTES + 1))),
            ("more than 65536 bytes", MOST_BYTES)
        );
        assert_eq!(found(Word::new("^^:a")), ("^^ at its beginning", 0));
        assert_eq!(found(Argument::new("%,[a=b]c")), ("%[ at its beginning", 0));
        assert_eq!(found(Argument::new(" a")), ("a space at its beginning", 0));
        assert_eq!(found(VariableName::new("a[1]")), ("this character", 1));
        assert_eq!(found(VariableName::new("")), ("nothing", 0));
        assert_eq!(found(Uuid::new("a b")), ("this character", 1));
        assert_eq!(found(Cause::new("busy")), ("this character", 0));
        assert_eq!(found(DialString::new("a/b:_:c/d")), (":_:", 3));
        assert_eq!(found(DialString::new("[a=b]c/d")), ("[ at its beginning", 0));
        let message = VariableValue::new("a\nb").map_err(|refused| refused.to_string());
        let expected =
            "a channel variable's value cannot hold a line end or another control character (at byte 1)";
        assert_eq!(message, Err(expected.to_owned()));
    }

    #[test]
    fn ordinary_names_and_numbers_are_taken() {
        for text in ["", "O'Brien, Pat", "a; b = \"c\" \\ {d} $5", "សួស្តី", "100%"] {
            assert_eq!(found(VariableValue::new(text)), ("nothing wrong", 0), "{text}");
        }
        for text in ["tone_stream://%(300,0,500)", "room@default", "C:\\sounds\\a.wav", "a=b c", "$5"] {
            assert_eq!(found(Argument::new(text)), ("nothing wrong", 0), "{text}");
        }
    }

    #[test]
    fn a_dialled_number_cannot_choose_another_host() {
        let profile = Name::new("external").expect("a name");
        let dial = |user, host| DialString::sofia(&profile, user, host);
        let good = dial("+85512345678", "[2001:db8::1]:5060;transport=tcp").map(|dial| dial.to_string());
        assert_eq!(good.as_deref(), Ok("sofia/external/+85512345678@[2001:db8::1]:5060;transport=tcp"));
        for user in ["", "1@evil", "1;fs_path=sip:evil", "1/2", "1,sofia/a/b", "1|2", "1 &park", "1^2"] {
            assert_eq!(dial(user, "a").map_err(|refused| refused.place), Err("a SIP user"), "{user}");
        }
        assert_eq!(dial("1", "a@b").map_err(|refused| refused.place), Err("a SIP host"));
        let gateway = Name::new("Gateway").expect("a name");
        assert!(DialString::sofia(&gateway, "1", "a").is_err());
    }

    #[test]
    fn a_password_is_not_shown() {
        assert_eq!(format!("{:?}", Password::new("secret")), "Ok(Password(...))");
    }
}

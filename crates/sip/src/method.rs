//! Methods (RFC 3261 7.1 and its extensions). They are case-sensitive.

use std::fmt;

macro_rules! methods {
    ($($(#[$doc:meta])* $name:ident = $text:literal),* $(,)?) => {
        /// The method of a request.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
        pub enum Method<'a> {
            $($(#[$doc])* $name,)*
            /// A method that this crate does not know.
            Other(&'a [u8]),
        }

        impl<'a> Method<'a> {
            /// The method that these bytes name.
            pub fn of(bytes: &'a [u8]) -> Self {
                $(if bytes == $text.as_bytes() { return Method::$name; })*
                Method::Other(bytes)
            }

            /// The name as it stands in a message.
            pub fn as_bytes(&self) -> &'a [u8] {
                match self {
                    $(Method::$name => $text.as_bytes(),)*
                    Method::Other(bytes) => bytes,
                }
            }
        }
    };
}

methods! {
    /// RFC 3261 13.
    Invite = "INVITE",
    /// RFC 3261 13.
    Ack = "ACK",
    /// RFC 3261 15.
    Bye = "BYE",
    /// RFC 3261 9.
    Cancel = "CANCEL",
    /// RFC 3261 11.
    Options = "OPTIONS",
    /// RFC 3261 10.
    Register = "REGISTER",
    /// RFC 3262.
    Prack = "PRACK",
    /// RFC 3311.
    Update = "UPDATE",
    /// RFC 6086.
    Info = "INFO",
    /// RFC 3515.
    Refer = "REFER",
    /// RFC 6665.
    Subscribe = "SUBSCRIBE",
    /// RFC 6665.
    Notify = "NOTIFY",
    /// RFC 3428.
    Message = "MESSAGE",
    /// RFC 3903.
    Publish = "PUBLISH",
}

impl fmt::Display for Method<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.as_bytes().escape_ascii())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn methods_are_case_sensitive() {
        assert_eq!(Method::of(b"INVITE"), Method::Invite);
        assert_eq!(Method::of(b"invite"), Method::Other(b"invite"));
        assert_eq!(Method::of(b"PRACK").as_bytes(), b"PRACK");
    }
}

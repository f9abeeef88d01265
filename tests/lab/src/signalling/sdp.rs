//! Session descriptions: one PCMU stream with RFC 4733 events (RFC 8866, RFC 3264).

use std::net::{IpAddr, SocketAddr};

/// Describes the media port of one side. An offer and an answer are alike, since there is nothing to choose from.
#[must_use]
pub fn describe(media: SocketAddr, session: u64) -> String {
    let (address, port) = (media.ip(), media.port());
    let family = if address.is_ipv4() { "IP4" } else { "IP6" };
    format!(
        "v=0\r\no=lab {session} 1 IN {family} {address}\r\ns=-\r\nc=IN {family} {address}\r\nt=0 0\r\n\
         m=audio {port} RTP/AVP 0 101\r\na=rtpmap:0 PCMU/8000\r\na=rtpmap:101 telephone-event/8000\r\n\
         a=fmtp:101 0-15\r\na=ptime:20\r\n"
    )
}

/// Where the described side wants its sound; `None` when it wants none, or this is no such description.
#[must_use]
pub fn audio_address(body: &[u8]) -> Option<SocketAddr> {
    let text = std::str::from_utf8(body).ok()?;
    let (session, media) = text.split_once("m=audio ")?;
    let port: u16 = media.split_whitespace().next()?.parse().ok()?;
    // RFC 8866 5.7: a connection line of the media's own stands before the session's.
    let own = media.split("\nm=").next().and_then(connection);
    let address = own.or_else(|| connection(session))?;
    (port != 0 && !address.is_unspecified()).then_some(SocketAddr::new(address, port))
}

fn connection(section: &str) -> Option<IpAddr> {
    let line = section.lines().find_map(|line| line.strip_prefix("c=IN "))?;
    line.split_whitespace().nth(1)?.split('/').next()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_described_is_what_is_read() {
        for address in ["127.0.1.3:4000", "[::1]:4000"] {
            let address = address.parse().unwrap();
            assert_eq!(audio_address(describe(address, 7).as_bytes()), Some(address));
        }
    }

    #[test]
    fn the_media_has_its_own_address_before_the_session() {
        let body =
            "v=0\r\nc=IN IP4 10.0.0.1\r\nm=audio 9 RTP/AVP 0\r\nc=IN IP4 10.0.0.2\r\nm=video 8 RTP/AVP 1\r\n";
        assert_eq!(audio_address(body.as_bytes()), Some("10.0.0.2:9".parse().unwrap()));
    }

    #[test]
    fn no_sound_is_wanted_at_port_zero_at_no_address_or_without_a_description() {
        for body in [
            "",
            "m=audio ",
            "c=IN IP4 1.2.3.4\r\nm=audio 0 RTP/AVP 0\r\n",
            "c=IN IP4 0.0.0.0\r\nm=audio 4 RTP/AVP 0",
        ] {
            assert_eq!(audio_address(body.as_bytes()), None, "{body:?}");
        }
        assert_eq!(audio_address(&[0xff, 0xfe]), None);
    }
}

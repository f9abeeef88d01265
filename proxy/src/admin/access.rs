//! Who may change things.
//!
//! With `admin.token` set, whoever has it. Without, only those on this machine, if the port is bound to loopback; and
//! no web page that somebody on this machine has open: browsers say where a request comes from (Origin), and a name
//! that was made to point at loopback shows in Host.

use std::net::{IpAddr, SocketAddr};

use axum::http::{HeaderMap, StatusCode, header};

use super::error::Refusal;
use crate::config::AdminSettings;

/// Whether a request with these header fields may change things.
pub(super) fn check(settings: &AdminSettings, headers: &HeaderMap) -> Result<(), Refusal> {
    let Some(token) = &settings.token else { return check_local(settings.bind, headers) };
    let given = headers.get(header::AUTHORIZATION).map(|value| value.as_bytes());
    let given = given.and_then(|value| match value.split_at_checked(7) {
        Some((scheme, token)) if scheme.eq_ignore_ascii_case(b"Bearer ") => Some(token.trim_ascii()),
        _ => None,
    });
    match given {
        Some(given) if token.is(given) => Ok(()),
        Some(_) => Err(Refusal::new(StatusCode::UNAUTHORIZED, "this is not the token that admin.token sets")),
        None => Err(Refusal::new(
            StatusCode::UNAUTHORIZED,
            "changes take the token that admin.token sets: expected the header field `Authorization: Bearer TOKEN`",
        )),
    }
}

fn check_local(bind: SocketAddr, headers: &HeaderMap) -> Result<(), Refusal> {
    if !bind.ip().to_canonical().is_loopback() {
        return Err(Refusal::new(
            StatusCode::FORBIDDEN,
            "changes are refused: the admin port is open to other machines and no token is set; set admin.token, \
             or bind it to 127.0.0.1",
        ));
    }
    let host = headers.get(header::HOST).and_then(|host| host.to_str().ok());
    if headers.contains_key(header::ORIGIN) || !host.is_some_and(is_loopback) {
        return Err(Refusal::new(
            StatusCode::FORBIDDEN,
            "changes are refused to web pages, and to names other than localhost, as long as no admin.token is set",
        ));
    }
    Ok(())
}

/// `localhost`, `127.0.0.1` or `[::1]`, with or without a port.
fn is_loopback(host: &str) -> bool {
    let name = match host.rsplit_once(':') {
        Some((name, port)) if port.bytes().all(|byte| byte.is_ascii_digit()) => name,
        _ => host,
    };
    let bare = name.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')).unwrap_or(name);
    name.eq_ignore_ascii_case("localhost") || bare.parse::<IpAddr>().is_ok_and(|ip| ip.is_loopback())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(bind: &str, token: Option<&str>, headers: &[(&'static str, &str)]) -> u16 {
        let token = token.map(|token| serde_json::from_value(token.into()).unwrap());
        let settings = AdminSettings { bind: bind.parse().unwrap(), token, state_file: None };
        let headers = headers.iter().map(|(name, value)| {
            (axum::http::HeaderName::from_static(name), value.parse::<axum::http::HeaderValue>().unwrap())
        });
        super::check(&settings, &headers.collect()).map_or_else(|refusal| refusal.status.as_u16(), |()| 200)
    }

    const TOKEN: Option<&str> = Some("0123456789abcdef");

    #[test]
    fn with_a_token_that_token_and_no_other() {
        for bind in ["127.0.0.1:8080", "0.0.0.0:8080"] {
            let with = |value: &str| check(bind, TOKEN, &[("authorization", value)]);
            assert_eq!(with("Bearer 0123456789abcdef"), 200);
            assert_eq!(with("bearer  0123456789abcdef"), 200);
            for wrong in
                ["Bearer 0123456789abcdeF", "Bearer ", "Bearer", "Basic 0123456789abcdef", "0123456789abcdef"]
            {
                assert_eq!(with(wrong), 401, "{wrong}");
            }
            assert_eq!(check(bind, TOKEN, &[("host", "localhost")]), 401);
        }
    }

    #[test]
    fn without_a_token_this_machine_alone_and_no_web_page() {
        let local = |headers: &[(&'static str, &str)]| check("127.0.0.1:8080", None, headers);
        for host in ["localhost:8080", "127.0.0.1:8080", "[::1]:8080", "localhost"] {
            assert_eq!(local(&[("host", host)]), 200, "{host}");
        }
        for host in ["evil.example:8080", "127.0.0.1.evil.example", "localhost.evil.example:8080", "10.0.0.1"]
        {
            assert_eq!(local(&[("host", host)]), 403, "{host}");
        }
        assert_eq!(local(&[]), 403);
        assert_eq!(local(&[("host", "localhost"), ("origin", "http://evil.example")]), 403);
        assert_eq!(check("0.0.0.0:8080", None, &[("host", "localhost")]), 403);
        assert_eq!(check("10.0.0.1:8080", None, &[("host", "localhost")]), 403);
    }
}

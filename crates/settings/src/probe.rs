//! Asking a running program whether it is well: what health checks of containers do, whose images have nothing else to
//! ask with.

use std::io::{Error, ErrorKind, Read, Result, Write};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, TcpStream};
use std::time::Duration;

/// How long connecting, asking and each part of the answer may take.
const WITHIN: Duration = Duration::from_secs(2);

/// What says that all is well, and as much as is read of an answer.
const WELL: &[u8] = b"HTTP/1.1 200 ";

/// Asks for `/healthz` where a program of this machine is bound to `bind`, a wildcard perhaps.
///
/// # Errors
///
/// Nobody listens there, nothing comes within two seconds, or another answer than 200: with its first bytes.
pub fn healthy(bind: SocketAddr) -> Result<()> {
    let address = SocketAddr::new(own(bind.ip()), bind.port());
    let mut stream = TcpStream::connect_timeout(&address, WITHIN)?;
    stream.set_read_timeout(Some(WITHIN))?;
    stream.set_write_timeout(Some(WITHIN))?;
    write!(stream, "GET /healthz HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n\r\n")?;
    let mut answer = [0; WELL.len()];
    stream.read_exact(&mut answer)?;
    if answer == WELL {
        Ok(())
    } else {
        let text = String::from_utf8_lossy(&answer).into_owned();
        Err(Error::new(ErrorKind::InvalidData, format!("expected {}, got {text:?}", "HTTP/1.1 200")))
    }
}

/// Where a program that is bound to `ip` can be reached from its own machine.
fn own(ip: IpAddr) -> IpAddr {
    match ip {
        IpAddr::V4(ip) if ip.is_unspecified() => Ipv4Addr::LOCALHOST.into(),
        IpAddr::V6(ip) if ip.is_unspecified() => Ipv6Addr::LOCALHOST.into(),
        ip => ip,
    }
}

#[cfg(test)]
mod tests {
    use std::net::TcpListener;
    use std::thread;

    use super::*;

    /// What is made of an answer; `None` is silence.
    fn made_of(answer: Option<&'static str>) -> Result<()> {
        let listener = TcpListener::bind("0.0.0.0:0")?;
        let bind = listener.local_addr()?;
        let server = thread::spawn(move || -> Result<String> {
            let (mut stream, _) = listener.accept()?;
            let mut request = [0; 21];
            stream.read_exact(&mut request)?;
            if let Some(answer) = answer {
                stream.write_all(answer.as_bytes())?;
            }
            // Until the other side has closed.
            let _ = stream.read_to_end(&mut Vec::new());
            Ok(String::from_utf8_lossy(&request).into_owned())
        });
        let made = healthy(bind);
        assert_eq!(server.join().expect("a server")?, "GET /healthz HTTP/1.1");
        made
    }

    #[test]
    fn two_hundred_is_well() {
        made_of(Some("HTTP/1.1 200 OK\r\ncontent-length: 3\r\n\r\nok\n")).expect("well");
    }

    #[test]
    fn anything_else_is_not() {
        let busy = made_of(Some("HTTP/1.1 503 Service Unavailable\r\n\r\n")).expect_err("503");
        assert!(busy.to_string().contains("HTTP/1.1 503"), "{busy}");
        made_of(Some("SIP/2.0 200 OK\r\n\r\n")).expect_err("no HTTP");
        made_of(None).expect_err("silence");
    }

    #[test]
    fn nobody_is_not_well() {
        let bind = TcpListener::bind("127.0.0.1:0").and_then(|free| free.local_addr()).expect("a port");
        healthy(bind).expect_err("nobody listens");
    }
}

//! Requests to customers' servers: documents and sounds. What they say is `webhook.rs`; here they are made, with limits on
//! everything: time, redirects, bytes.
//!
//! | file | what it holds |
//! |---|---|
//! | `client.rs` | connections: names -> addresses, TLS |
//! | `reach.rs` | which addresses customers' URLs may lead to |
//! | `cookies.rs` | what servers want to be told again in the same call |
//! | `redirect.rs` | where a redirect leads, and with which method |

mod client;
mod cookies;
mod reach;
mod redirect;
#[cfg(test)]
mod tests;

use std::sync::Arc;
use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use http_body_util::{BodyExt, Full};
use https::with_causes;
use hyper::body::{Bytes, Incoming};
use hyper::header::{AUTHORIZATION, COOKIE, LOCATION};
use hyper::{HeaderMap, Request, Response, StatusCode};
use settings::Secret;
use url::Url;

use crate::call::input::{Answer, Problem};
use crate::config::WebhookSettings;
use crate::platform::dial::name_and_port;
use crate::webhook::{self, shown};

use client::Resolver;
pub(crate) use client::{HttpClient, client};
pub use cookies::Cookies;
pub use reach::{Everywhere, Public, Reach};
pub use redirect::Hop;

/// Makes requests.
pub struct Fetcher {
    client: HttpClient,
    resolver: Resolver,
    reach: Arc<dyn Reach>,
    settings: WebhookSettings,
}

/// An answer of which the body was not read yet.
pub struct Reply {
    /// The URL that answered.
    pub url: Url,
    /// The answer; its status can be any but a redirect that was followed.
    pub response: Response<Incoming>,
}

impl Fetcher {
    /// One that reaches what `reach` lets it. The error is about trusted roots.
    pub fn new(settings: WebhookSettings, reach: Arc<dyn Reach>) -> Result<Self, String> {
        Self::with(settings, Resolver::new(Arc::clone(&reach)), reach)
    }

    fn with(settings: WebhookSettings, resolver: Resolver, reach: Arc<dyn Reach>) -> Result<Self, String> {
        let client = client::client_with(settings.ca.as_deref(), resolver.clone())
            .map_err(|what| format!("webhook.ca: {what}"))?;
        Ok(Fetcher { client, resolver, reach, settings })
    }

    /// Whether calls may go to a host, `name`, `192.0.2.1:5060` or `[2001:db8::1]`, which the customer chose: whoever calls
    /// it takes any of its addresses. The error says which is not for customers.
    pub async fn may_call(&self, host: &str) -> Result<(), String> {
        let (name, _) = name_and_port(host);
        let name = name.trim_start_matches('[').trim_end_matches(']');
        let judged = tokio::time::timeout(self.settings.timeout, self.resolver.all(name)).await;
        judged.map_err(|_| format!("{name}: expected an address in time"))?
    }

    /// A document: within the time, the redirects and the bytes that are allowed for one.
    pub async fn document(
        &self,
        request: &webhook::Request,
        token: &Secret,
        cookies: &Cookies,
    ) -> Result<Answer, Problem> {
        let limit = self.settings.timeout;
        let asked = tokio::time::timeout(limit, self.ask_document(request, token, cookies)).await;
        let asked = asked.unwrap_or_else(|_| Err(format!("expected an answer within {limit:?}, found none")));
        asked.map_err(|what| Problem(format!("{} {}: {what}", request.method.as_str(), shown(&request.url))))
    }

    async fn ask_document(
        &self,
        request: &webhook::Request,
        token: &Secret,
        cookies: &Cookies,
    ) -> Result<Answer, String> {
        let headers = request.headers(token).into_iter();
        let headers = headers.map(|(name, value)| match name {
            "User-Agent" => (name.to_owned(), self.settings.user_agent.clone()),
            _ => (name.to_owned(), value),
        });
        let hop = Hop {
            method: request.method,
            url: parse(&request.target())?,
            body: request.body(),
            // What a document is asked with may be a caller's secret: digits, for instance.
            downgrade: false,
        };
        let reply = self.follow(hop, &headers.collect::<Vec<_>>(), Some(cookies)).await?;
        let status = reply.response.status();
        if !status.is_success() {
            return Err(format!("expected an answer of 200, found {status}"));
        }
        let url = reply.url.into();
        let body = read(reply.response.into_body(), self.settings.body_bytes as u64).await?;
        Ok(Answer { url, body })
    }

    /// Asks, and follows redirects. No time limit but the caller's.
    pub async fn follow(
        &self,
        mut hop: Hop,
        headers: &[(String, String)],
        cookies: Option<&Cookies>,
    ) -> Result<Reply, String> {
        for _ in 0..=self.settings.redirects {
            let response = self.ask(&hop, headers, cookies.and_then(|all| all.of(&hop.url))).await?;
            if let Some(cookies) = cookies {
                cookies.take(&hop.url, response.headers());
            }
            let Some(location) = redirected(response.status(), response.headers()) else {
                return Ok(Reply { url: hop.url, response });
            };
            hop = hop.redirected(response.status(), &location)?;
        }
        Err(format!("expected {} redirects at most, found one more", self.settings.redirects))
    }

    async fn ask(
        &self,
        hop: &Hop,
        headers: &[(String, String)],
        cookies: Option<String>,
    ) -> Result<Response<Incoming>, String> {
        let mut url = hop.url.clone();
        let authorization = credentials(&mut url);
        if let Some(address) = literal(&url)
            && !self.reach.permits(address)
        {
            return Err(format!("{address} may not be reached"));
        }
        let mut request = Request::builder().method(hop.method.as_str()).uri(url.as_str());
        for (name, value) in headers {
            request = request.header(name, value);
        }
        if let Some(cookies) = cookies {
            request = request.header(COOKIE, cookies);
        }
        if let Some(authorization) = authorization {
            request = request.header(AUTHORIZATION, authorization);
        }
        let body = Full::new(Bytes::from(hop.body.clone()));
        let request = request.body(body).map_err(|error| error.to_string())?;
        self.client.request(request).await.map_err(|error| with_causes(&error))
    }
}

/// Where an answer leads, if it is a redirect that can be followed.
fn redirected(status: StatusCode, headers: &HeaderMap) -> Option<String> {
    let codes = [301, 302, 303, 307, 308];
    let location = headers.get(LOCATION).filter(|_| codes.contains(&status.as_u16()))?;
    Some(String::from_utf8_lossy(location.as_bytes()).into_owned())
}

/// An absolute http URL.
pub fn parse(text: &str) -> Result<Url, String> {
    let url =
        Url::parse(text).map_err(|error| format!("expected an absolute URL, found {text:?}: {error}"))?;
    match url.scheme() {
        "http" | "https" => Ok(url),
        scheme => Err(format!("expected http or https, found {scheme}")),
    }
}

/// Takes name and password out of a URL, and writes them for the Authorization field (RFC 7617).
fn credentials(url: &mut Url) -> Option<String> {
    if url.username().is_empty() && url.password().is_none() {
        return None;
    }
    let decoded = |text: &str| -> Vec<u8> { percent_decoded(text) };
    let mut plain = decoded(url.username());
    plain.push(b':');
    plain.extend(decoded(url.password().unwrap_or_default()));
    // Neither can fail with a host, which http has.
    let _ = url.set_username("");
    let _ = url.set_password(None);
    Some(format!("Basic {}", STANDARD.encode(plain)))
}

fn percent_decoded(text: &str) -> Vec<u8> {
    let mut out = Vec::new();
    let mut bytes = text.as_bytes().iter();
    while let Some(&byte) = bytes.next() {
        let rest = bytes.as_slice();
        let hex = rest.get(..2).filter(|_| byte == b'%').and_then(|two| std::str::from_utf8(two).ok());
        match hex.and_then(|two| u8::from_str_radix(two, 16).ok()) {
            Some(value) => {
                out.push(value);
                bytes.nth(1);
            }
            None => out.push(byte),
        }
    }
    out
}

/// The address, if the host is one.
fn literal(url: &Url) -> Option<std::net::IpAddr> {
    match url.host()? {
        url::Host::Ipv4(address) => Some(address.into()),
        url::Host::Ipv6(address) => Some(address.into()),
        url::Host::Domain(_) => None,
    }
}

/// A body, as long as it is no longer than that.
pub async fn read(mut body: Incoming, most: u64) -> Result<Vec<u8>, String> {
    let mut whole = Vec::new();
    while let Some(piece) = next_piece(&mut body).await? {
        if (whole.len() + piece.len()) as u64 > most {
            return Err(format!("expected {most} bytes at most, found more"));
        }
        whole.extend_from_slice(&piece);
    }
    Ok(whole)
}

/// The next bytes of a body.
pub async fn next_piece(body: &mut Incoming) -> Result<Option<Bytes>, String> {
    loop {
        match body.frame().await {
            None => return Ok(None),
            Some(Err(error)) => return Err(format!("the answer broke off: {}", with_causes(&error))),
            Some(Ok(frame)) => match frame.into_data() {
                Ok(piece) => return Ok(Some(piece)),
                // Trailers say nothing to us.
                Err(_) => continue,
            },
        }
    }
}

/// How long connections are kept for the next request.
const IDLE: Duration = Duration::from_secs(20);

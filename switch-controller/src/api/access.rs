//! User and password (RFC 7617).

use std::sync::Arc;

use axum::extract::{Request, State};
use axum::http::HeaderMap;
use axum::http::header::AUTHORIZATION;
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;

use super::refusal::Refusal;
use crate::config::ApiSettings;
use crate::live::Live;

/// Lets those in who know user and password; everybody, if there is none.
pub(super) async fn guard(State(live): State<Arc<Live>>, request: Request, next: Next) -> Response {
    match may(&live.config.api, request.headers()) {
        true => next.run(request).await,
        false => Refusal::unauthorized().into_response(),
    }
}

fn may(api: &ApiSettings, headers: &HeaderMap) -> bool {
    let Some(password) = &api.password else { return true };
    let given = headers.get(AUTHORIZATION).and_then(|value| value.to_str().ok());
    let basic = given.and_then(|value| {
        let (scheme, rest) = value.split_once(' ')?;
        scheme.eq_ignore_ascii_case("basic").then_some(rest.trim())
    });
    let plain =
        basic.and_then(|text| STANDARD.decode(text).ok()).and_then(|bytes| String::from_utf8(bytes).ok());
    plain.is_some_and(|plain| {
        plain.split_once(':').is_some_and(|(user, given)| password.is(given) & (user == api.user))
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use settings::Secret;

    #[test]
    fn w1_only_user_and_password_open() {
        let api = ApiSettings { password: Some(Secret::new("p:1")), ..ApiSettings::default() };
        let with = |text: &str| {
            let mut headers = HeaderMap::new();
            headers.insert(AUTHORIZATION, text.parse().expect("a value"));
            headers
        };
        let basic = |plain: &str| with(&format!("Basic {}", STANDARD.encode(plain)));
        assert!(may(&api, &basic("switchyard:p:1")));
        for wrong in [
            basic("switchyard:p"),
            basic("other:p:1"),
            basic("switchyard"),
            with("Basic ?"),
            HeaderMap::new(),
        ] {
            assert!(!may(&api, &wrong), "{wrong:?}");
        }
        assert!(may(&ApiSettings::default(), &HeaderMap::new()), "no password, no guard");
    }
}

//! Refusals, as JSON: `{"message": "..."}`.

use std::time::Duration;

use axum::Json;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde_json::json;

use crate::limits::Over;

/// Why something is not done.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Refusal {
    pub status: StatusCode,
    pub message: String,
    /// When to try again.
    pub after: Option<Duration>,
}

/// When to try again what cannot be done now: long enough for another controller to be asked before.
const LATER: Duration = Duration::from_secs(2);

impl Refusal {
    fn new(status: StatusCode, message: impl Into<String>) -> Self {
        Refusal { status, message: message.into(), after: None }
    }

    pub(super) fn bad_request(message: impl Into<String>) -> Self {
        Refusal::new(StatusCode::BAD_REQUEST, message)
    }

    pub(super) fn wrong_value(message: impl Into<String>) -> Self {
        Refusal::new(StatusCode::UNPROCESSABLE_ENTITY, message)
    }

    pub(super) fn unavailable(message: impl Into<String>) -> Self {
        Refusal { after: Some(LATER), ..Refusal::new(StatusCode::SERVICE_UNAVAILABLE, message) }
    }

    pub(super) fn too_many(over: Over) -> Self {
        Refusal { after: Some(over.after), ..Refusal::new(StatusCode::TOO_MANY_REQUESTS, over.what) }
    }

    pub(super) fn not_found() -> Self {
        Refusal::new(StatusCode::NOT_FOUND, "there is nothing here")
    }

    pub(super) fn wrong_method() -> Self {
        Refusal::new(StatusCode::METHOD_NOT_ALLOWED, "this method is not served here")
    }

    pub(super) fn unauthorized() -> Self {
        Refusal::new(StatusCode::UNAUTHORIZED, "expected the user and password of [api]")
    }
}

impl IntoResponse for Refusal {
    fn into_response(self) -> Response {
        let mut response = (self.status, Json(json!({ "message": self.message }))).into_response();
        if self.status == StatusCode::UNAUTHORIZED {
            let challenge = header::HeaderValue::from_static("Basic realm=\"switchyard\"");
            response.headers_mut().insert(header::WWW_AUTHENTICATE, challenge);
        }
        if let Some(after) = self.after {
            // RFC 9110 10.2.3: whole seconds.
            let seconds = after.as_millis().div_ceil(1000).max(1);
            if let Ok(value) = seconds.to_string().parse() {
                response.headers_mut().insert(header::RETRY_AFTER, value);
            }
        }
        response
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_may_be_tried_again_says_when_in_whole_seconds() {
        let after = |refusal: Refusal| {
            let response = refusal.into_response();
            response.headers().get(header::RETRY_AFTER).map(|value| value.to_str().unwrap().to_owned())
        };
        let over = |millis| Over { what: "full".to_owned(), after: Duration::from_millis(millis) };
        assert_eq!(after(Refusal::too_many(over(1_001))).as_deref(), Some("2"));
        assert_eq!(after(Refusal::too_many(over(0))).as_deref(), Some("1"));
        assert_eq!(after(Refusal::unavailable("away")).as_deref(), Some("2"));
        assert_eq!(after(Refusal::not_found()), None);
    }
}

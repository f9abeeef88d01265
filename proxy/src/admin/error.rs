//! Refusals, as JSON: `{"error": "what was expected and what came"}`.

use axum::Json;
use axum::http::{HeaderName, StatusCode, header};
use axum::response::{IntoResponse, Response};

use crate::drains::DrainError;

/// Why something is not done.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Refusal {
    pub(super) status: StatusCode,
    pub(super) error: String,
}

impl Refusal {
    pub(super) fn new(status: StatusCode, error: impl Into<String>) -> Self {
        Refusal { status, error: error.into() }
    }

    pub(super) fn not_found() -> Self {
        let error = "expected one of /, /healthz, /readyz, /metrics, /config, /status, /pins, /targets, \
                     /targets/{id}/drain and /targets/{id}/activate";
        Refusal::new(StatusCode::NOT_FOUND, error)
    }

    pub(super) fn wrong_method() -> Self {
        let error = "expected GET, or POST for /targets/{id}/drain and /targets/{id}/activate";
        Refusal::new(StatusCode::METHOD_NOT_ALLOWED, error)
    }
}

impl From<DrainError> for Refusal {
    fn from(error: DrainError) -> Self {
        let status = match error {
            DrainError::Unknown(_) => StatusCode::NOT_FOUND,
            DrainError::ByTheList(_) => StatusCode::CONFLICT,
            DrainError::NotKept { .. } => StatusCode::INTERNAL_SERVER_ERROR,
        };
        Refusal::new(status, error.to_string())
    }
}

impl IntoResponse for Refusal {
    fn into_response(self) -> Response {
        let body = Json(serde_json::json!({ "error": self.error }));
        // RFC 6750 3: says what kind of token is wanted.
        let ask: &[(HeaderName, &str)] = match self.status {
            StatusCode::UNAUTHORIZED => &[(header::WWW_AUTHENTICATE, "Bearer realm=\"switchyard\"")],
            _ => &[],
        };
        let mut response = (self.status, body).into_response();
        for (name, value) in ask {
            response.headers_mut().insert(name, axum::http::HeaderValue::from_static(value));
        }
        response
    }
}

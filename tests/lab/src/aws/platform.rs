//! The Somleng API as far as a Lambda knows it: it is told the capacity.

use axum::http::header::AUTHORIZATION;
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::Value;

/// Who may tell it, and what it was told.
#[derive(Debug, Default)]
pub struct Platform {
    /// `user:password`. Others are answered with 401.
    pub credentials: String,
    /// What it was told.
    pub told: Vec<Value>,
    /// How often somebody else has tried.
    pub refused: usize,
}

impl Platform {
    pub(super) const PATH: &str = "/call_service_capacities";

    pub(super) fn answer(&mut self, headers: &HeaderMap, body: &[u8]) -> Response {
        let expected = format!("Basic {}", STANDARD.encode(&self.credentials));
        if headers.get(AUTHORIZATION).is_none_or(|given| given.as_bytes() != expected.as_bytes()) {
            self.refused += 1;
            return StatusCode::UNAUTHORIZED.into_response();
        }
        self.told.push(super::json(body).unwrap_or_default());
        StatusCode::CREATED.into_response()
    }
}

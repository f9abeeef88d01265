//! The page at `/`: three files of ours and nothing from elsewhere, which is also all that browsers are allowed.

use std::sync::Arc;

use axum::Router;
use axum::http::{HeaderName, header};
use axum::response::{IntoResponse, Response};
use axum::routing::get;

use crate::live::Live;

/// Only what this port serves; no inline script or style, nobody's frame, no forms. The icon is an empty one.
const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src data:; \
    base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

pub(super) fn routes() -> Router<Arc<Live>> {
    Router::new()
        .route("/", get(|| async { serve("text/html; charset=utf-8", include_str!("page.html")) }))
        .route("/page.css", get(|| async { serve("text/css; charset=utf-8", include_str!("page.css")) }))
        .route("/page.js", get(|| async { serve("text/javascript; charset=utf-8", include_str!("page.js")) }))
}

fn serve(kind: &'static str, text: &'static str) -> Response {
    let headers: [(HeaderName, &str); 5] = [
        (header::CONTENT_TYPE, kind),
        (header::CONTENT_SECURITY_POLICY, POLICY),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (header::REFERRER_POLICY, "no-referrer"),
        // A proxy of another version may be behind the same address tomorrow.
        (header::CACHE_CONTROL, "no-cache"),
    ];
    (headers, text).into_response()
}

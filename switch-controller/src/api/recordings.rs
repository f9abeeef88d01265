//! Recordings as files, whole or in ranges. Their names cannot be guessed; whoever knows one may listen.

use axum::extract::{Path, Request, State};
use axum::response::{IntoResponse, Response};
use tower_http::services::ServeFile;

use super::Desk;
use super::refusal::Refusal;

/// `/recordings/RE....wav`
pub(super) async fn get(State(desk): State<Desk>, Path(file): Path<String>, request: Request) -> Response {
    let Some(sid) = file.strip_suffix(".wav").filter(|sid| is_sid(sid)) else {
        return Refusal::not_found().into_response();
    };
    match ServeFile::new(desk.live.recording(sid)).try_call(request).await {
        Ok(response) => response.into_response(),
        Err(error) => {
            tracing::warn!(sid, %error, "a recording cannot be read");
            Refusal::not_found().into_response()
        }
    }
}

/// Letters and digits alone: no way out of the directory.
fn is_sid(text: &str) -> bool {
    !text.is_empty() && text.len() <= 64 && text.bytes().all(|byte| byte.is_ascii_alphanumeric())
}

//! Secrets Manager: secrets by their ARNs.

use std::collections::BTreeMap;

use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use serde_json::{Value, json};

/// Secrets by their ARNs.
#[derive(Debug, Default)]
pub struct Secrets {
    /// Their values. What is not here may not be read.
    pub values: BTreeMap<String, String>,
    /// How often one was read.
    pub reads: usize,
}

impl Secrets {
    pub(super) fn answer(&mut self, operation: &str, body: &[u8]) -> Response {
        let request = super::json(body).unwrap_or_default();
        let arn = request.get("SecretId").and_then(Value::as_str).unwrap_or_default();
        let value = self.values.get(arn).filter(|_| operation.ends_with(".GetSecretValue"));
        let (status, said) = match value {
            Some(value) => {
                self.reads += 1;
                (StatusCode::OK, json!({"ARN": arn, "Name": "one", "SecretString": value}))
            }
            None => (
                StatusCode::BAD_REQUEST,
                json!({"__type": "AccessDeniedException", "Message": "not authorized"}),
            ),
        };
        (status, [("content-type", "application/x-amz-json-1.1")], said.to_string()).into_response()
    }
}

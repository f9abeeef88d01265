//! The gateway behind a function of AWS Lambda (N14).

use aws_sdk_lambda::Client;
use aws_sdk_lambda::error::DisplayErrorContext;
use aws_sdk_lambda::primitives::Blob;
use aws_smithy_http_client::tls::{Provider, rustls_provider::CryptoMode};
use serde::{Deserialize, Serialize};

use super::{Gateway, Registered};
use crate::platform::Soon;

/// A function that knows where clients are.
pub struct Function {
    client: Client,
    name: String,
}

/// What it is asked.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Asked<'a> {
    service_action: &'static str,
    parameters: Parameters<'a>,
}

#[derive(Debug, Serialize)]
struct Parameters<'a> {
    client_identifier: &'a str,
    destination: &'a str,
}

/// What it answers.
#[derive(Debug, Deserialize)]
struct Answer {
    destination_address: Option<String>,
    proxy_address: Option<String>,
}

impl Function {
    /// By its name or ARN, with credentials and region as AWS's own tools find them.
    pub async fn new(name: String) -> Self {
        let http = aws_smithy_http_client::Builder::new()
            .tls_provider(Provider::Rustls(CryptoMode::Ring))
            .build_https();
        let behaviour = aws_config::BehaviorVersion::latest();
        let config = aws_config::defaults(behaviour).http_client(http).load().await;
        Function { client: Client::new(&config), name }
    }

    async fn ask(&self, client: &str, destination: &str) -> Result<Option<Registered>, String> {
        let parameters = Parameters { client_identifier: client, destination };
        let asked = Asked { service_action: "BuildClientGatewayDialString", parameters };
        let payload = serde_json::to_vec(&asked).map_err(|error| error.to_string())?;
        let invoked = self.client.invoke().function_name(&self.name).payload(Blob::new(payload)).send().await;
        let invoked = invoked.map_err(|error| DisplayErrorContext(error).to_string())?;
        if let Some(error) = invoked.function_error() {
            return Err(format!("the function failed: {error}"));
        }
        let payload = invoked.payload().map(Blob::as_ref).unwrap_or_default();
        answer(payload)
    }
}

fn answer(payload: &[u8]) -> Result<Option<Registered>, String> {
    let answer: Answer = serde_json::from_slice(payload).map_err(|error| error.to_string())?;
    let filled = |text: Option<String>| text.filter(|text| !text.is_empty());
    let proxy = filled(answer.proxy_address);
    Ok(filled(answer.destination_address).map(|address| Registered { address, proxy }))
}

impl Gateway for Function {
    fn find<'a>(
        &'a self,
        client: &'a str,
        destination: &'a str,
    ) -> Soon<'a, Result<Option<Registered>, String>> {
        Box::pin(self.ask(client, destination))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn n14_the_function_is_asked_by_these_names_and_answers_by_those() {
        let parameters = Parameters { client_identifier: "user1", destination: "016701721" };
        let asked = Asked { service_action: "BuildClientGatewayDialString", parameters };
        assert_eq!(
            serde_json::to_string(&asked).expect("JSON"),
            r#"{"serviceAction":"BuildClientGatewayDialString","parameters":{"client_identifier":"user1","destination":"016701721"}}"#
        );
        let found =
            Registered { address: "016701721@1.2.3.4:5".to_owned(), proxy: Some("10.0.0.1:6".to_owned()) };
        assert_eq!(
            answer(br#"{"destination_address":"016701721@1.2.3.4:5","proxy_address":"10.0.0.1:6"}"#),
            Ok(Some(found))
        );
        assert_eq!(answer(br#"{"destination_address":null,"proxy_address":null}"#), Ok(None));
        assert!(answer(b"null").is_err() && answer(b"").is_err());
    }
}

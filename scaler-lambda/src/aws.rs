//! What every client of AWS has in common here: region, credentials of the environment, times, TLS.

use std::time::Duration;

use aws_credential_types::Credentials;
use aws_credential_types::provider::SharedCredentialsProvider;
use aws_smithy_http_client::Builder;
use aws_smithy_http_client::tls::{Provider, rustls_provider::CryptoMode};
use aws_smithy_types::retry::RetryConfig;
use aws_smithy_types::timeout::TimeoutConfig;
use aws_types::SdkConfig;
use aws_types::region::Region;

use crate::settings::Settings;

/// How long a request may take, and with all that are tried again.
const ATTEMPT: Duration = Duration::from_secs(5);
const OPERATION: Duration = Duration::from_secs(12);

/// The environment has no credentials.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("environment variable {0}: expected credentials, found nothing")]
pub struct NoCredentials(&'static str);

/// Nothing is asked yet. `variable` tells the value of a variable of the environment.
///
/// # Errors
///
/// There are no credentials.
pub fn config(
    settings: &Settings,
    variable: impl Fn(&str) -> Option<String>,
) -> Result<SdkConfig, NoCredentials> {
    let need = |name| variable(name).filter(|value| !value.is_empty()).ok_or(NoCredentials(name));
    let (id, secret) = (need("AWS_ACCESS_KEY_ID")?, need("AWS_SECRET_ACCESS_KEY")?);
    let credentials = Credentials::new(id, secret, variable("AWS_SESSION_TOKEN"), None, "environment");
    let timeouts = TimeoutConfig::builder().operation_attempt_timeout(ATTEMPT).operation_timeout(OPERATION);
    let mut config = SdkConfig::builder()
        .behavior_version(aws_sdk_ecs::config::BehaviorVersion::latest())
        .region(Region::new(settings.region.clone()))
        .credentials_provider(SharedCredentialsProvider::new(credentials))
        .retry_config(RetryConfig::standard().with_max_attempts(3))
        .timeout_config(timeouts.build())
        .http_client(Builder::new().tls_provider(Provider::Rustls(CryptoMode::Ring)).build_https());
    config.set_endpoint_url(settings.endpoint.clone());
    Ok(config.build())
}

//! The Lambda's program: settings, log, and one event after another.

use std::process::ExitCode;

use lambda_runtime::{Diagnostic, Error, LambdaEvent, service_fn};
use scaler_lambda::scaler::Scaler;
use scaler_lambda::settings::Settings;
use serde_json::Value;
use tracing_subscriber::EnvFilter;

/// EX_USAGE of sysexits.h.
const BAD_SETTINGS: u8 = 64;

fn main() -> ExitCode {
    let variable = |name: &str| std::env::var(name).ok();
    let made = Settings::read(variable).map_err(|error| error.to_string()).and_then(|settings| {
        let filter = EnvFilter::try_new(&settings.log).map_err(|error| format!("SWITCHYARD_LOG: {error}"))?;
        tracing_subscriber::fmt().json().flatten_event(true).with_env_filter(filter).init();
        Scaler::new(settings, variable).map_err(|error| error.to_string())
    });
    let scaler = match made {
        Ok(scaler) => scaler,
        Err(error) => {
            eprintln!("scaler-lambda: {error}");
            return ExitCode::from(BAD_SETTINGS);
        }
    };
    // Lambda gives one event at a time.
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    match runtime.map_err(Error::from).and_then(|runtime| runtime.block_on(serve(&scaler))) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("scaler-lambda: {error}");
            ExitCode::FAILURE
        }
    }
}

async fn serve(scaler: &Scaler) -> Result<(), Error> {
    lambda_runtime::run(service_fn(|event: LambdaEvent<Value>| async move {
        let outcome = scaler.handle(&event.payload).await;
        outcome.map_err(|error| {
            tracing::error!(%error, "failed");
            Diagnostic { error_type: error.kind().to_owned(), error_message: error.to_string() }
        })
    }))
    .await
}

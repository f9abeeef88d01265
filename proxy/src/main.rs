//! The proxy's program: settings, log, run.

use std::path::PathBuf;
use std::process::ExitCode;

use clap::Parser;
use proxy::config::Config;

/// Carries SIP calls between carriers and FreeSWITCH.
#[derive(Parser)]
#[command(
    version,
    after_help = "Every setting can be overridden by an environment variable: SWITCHYARD_DRAIN=30s, \
SWITCHYARD_ADMIN__BIND=0.0.0.0:8080. proxy.example.toml documents them all.\n\n\
SIGTERM or SIGINT: /readyz says 503 at once, datagrams are forwarded on for the drain time; a second one ends it.\n\
Exit codes: 0 ended as asked, 64 bad settings, 1 anything else (an address that is taken, for instance)."
)]
struct Arguments {
    /// The settings file.
    #[arg(long, value_name = "FILE", env = "SWITCHYARD_CONFIG")]
    config: PathBuf,
    /// Only say whether the settings are right.
    #[arg(long)]
    check: bool,
}

/// EX_USAGE of sysexits.h.
const BAD_SETTINGS: u8 = 64;

fn main() -> ExitCode {
    let arguments = match Arguments::try_parse() {
        Ok(arguments) => arguments,
        Err(error) => {
            // Also what --help and --version print.
            let _ = error.print();
            return if error.use_stderr() { ExitCode::from(BAD_SETTINGS) } else { ExitCode::SUCCESS };
        }
    };
    // The variable that names the file is not a setting itself.
    let environment = settings::environment(&["SWITCHYARD_CONFIG"]);
    let config = match Config::load(&arguments.config, environment) {
        Ok(config) => config,
        Err(error) => return bad_settings(&error.to_string()),
    };
    if let Err(error) = settings::log::start(&config.log) {
        return bad_settings(&error);
    }
    if arguments.check {
        println!("{}: settings are right", arguments.config.display());
        return ExitCode::SUCCESS;
    }
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build();
    match runtime.map_err(Into::into).and_then(|runtime| runtime.block_on(proxy::run(config))) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("proxy: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn bad_settings(error: &str) -> ExitCode {
    eprintln!("proxy: {error}");
    ExitCode::from(BAD_SETTINGS)
}

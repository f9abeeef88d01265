//! The switch-controller's program: settings, log, run.

use std::path::PathBuf;
use std::process::ExitCode;

use clap::Parser;
use controller::config::Config;

/// Executes TwiML on FreeSWITCH.
#[derive(Parser)]
#[command(
    version,
    after_help = "Every setting can be overridden by an environment variable: SWITCHYARD_DRAIN=10m, \
SWITCHYARD_API__BIND=0.0.0.0:8081. switch-controller.example.toml documents them all.\n\n\
SIGTERM or SIGINT: FreeSWITCH takes no new calls, /readyz says 503, those that are there have the drain time to end; a \
second one ends it.\n\
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
    // Neither names a setting: the file's name, and what tests and FreeSWITCH's start.sh call its binary.
    let environment = settings::environment(&["SWITCHYARD_CONFIG", "SWITCHYARD_FREESWITCH"]);
    let config = match Config::load(&arguments.config, environment) {
        Ok(config) => config,
        Err(error) => return bad_settings(&error.to_string()),
    };
    if let Err(error) = settings::log::start(&config.log) {
        return bad_settings(&error);
    }
    if arguments.check {
        if let Err(error) = controller::check(&config) {
            return bad_settings(&format!("{error:#}"));
        }
        println!("{}: settings are right", arguments.config.display());
        return ExitCode::SUCCESS;
    }
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build();
    match runtime.map_err(Into::into).and_then(|runtime| runtime.block_on(controller::run(config))) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("switch-controller: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn bad_settings(error: &str) -> ExitCode {
    eprintln!("switch-controller: {error}");
    ExitCode::from(BAD_SETTINGS)
}

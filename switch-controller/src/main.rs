//! The switch-controller's program: settings, log, run.

use std::process::ExitCode;

use controller::config::Config;
use settings::program::Program;
use tokio::runtime::Builder;

fn main() -> ExitCode {
    let program = Program {
        name: env!("CARGO_PKG_NAME"),
        version: env!("CARGO_PKG_VERSION"),
        about: "Executes TwiML on FreeSWITCH",
        help: "Every setting can be overridden by an environment variable: SWITCHYARD_DRAIN=10m, \
SWITCHYARD_API__BIND=0.0.0.0:8081. switch-controller.example.toml documents them all.\n\n\
SIGTERM or SIGINT: FreeSWITCH takes no new calls, /readyz says 503, those that are there have the drain time to end; a \
second one ends it.",
        // What tests and FreeSWITCH's start.sh call its binary.
        not_settings: &["SWITCHYARD_FREESWITCH"],
        load: |path, environment| Config::load(path, environment),
        log: |config| &config.log,
        rewrite: |config| config.log.redact_numbers.then_some(settings::log::redact::numbers),
        healthz: |config| config.api.bind,
        check: |config| controller::check(config).map_err(|error| format!("{error:#}")),
        run: |config| {
            let runtime = Builder::new_multi_thread().enable_all().build();
            let ended =
                runtime.map_err(Into::into).and_then(|runtime| runtime.block_on(controller::run(config)));
            ended.map_err(|error| format!("{error:#}"))
        },
    };
    program.main()
}

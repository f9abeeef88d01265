//! The proxy's program: settings, log, run.

use std::process::ExitCode;

use proxy::config::Config;
use settings::program::Program;
use tokio::runtime::Builder;

fn main() -> ExitCode {
    let program = Program {
        name: env!("CARGO_PKG_NAME"),
        version: env!("CARGO_PKG_VERSION"),
        about: "Carries SIP calls between carriers and FreeSWITCH",
        help: "Every setting can be overridden by an environment variable: SWITCHYARD_DRAIN=30s, \
SWITCHYARD_ADMIN__BIND=0.0.0.0:8080. proxy.example.toml documents them all.\n\n\
SIGTERM or SIGINT: /readyz says 503 at once, datagrams are forwarded on for the drain time; a second one ends it.",
        not_settings: &[],
        load: |path, environment| Config::load(path, environment),
        log: |config| &config.log,
        // Its lines have numbers in two places, which are written short.
        rewrite: |_| None,
        healthz: |config| config.admin.bind,
        check: |_| Ok(()),
        run: |config| {
            let runtime = Builder::new_multi_thread().worker_threads(2).enable_all().build();
            let ended = runtime.map_err(Into::into).and_then(|runtime| runtime.block_on(proxy::run(config)));
            ended.map_err(|error| format!("{error:#}"))
        },
    };
    program.main()
}

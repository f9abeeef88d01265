//! A program that reads its settings, starts its log and runs until it is asked to end.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::{Arg, ArgAction, Command, value_parser};

use crate::{Error, log, log::LogSettings, probe};

/// EX_USAGE of sysexits.h.
const BAD_SETTINGS: u8 = 64;

/// The variable that names the settings file.
const FILE: &str = "SWITCHYARD_CONFIG";

const EXIT_CODES: &str = "Exit codes: 0 ended as asked, 64 bad settings, 1 anything else (an address that is taken, for instance).";

/// Environment variables that are settings: names and values.
pub type Variables<'a> = &'a mut dyn Iterator<Item = (String, String)>;

/// What [`Program::main`] runs. `C` is what its settings become.
pub struct Program<C> {
    /// How it is called, in its help and in errors.
    pub name: &'static str,
    /// Its version.
    pub version: &'static str,
    /// What it is for, in a line.
    pub about: &'static str,
    /// What its help says further: how settings are named in the environment, what signals do.
    pub help: &'static str,
    /// Variables which begin like settings and are none.
    pub not_settings: &'static [&'static str],
    /// Reads the settings: the file, and variables over it.
    pub load: fn(&Path, Variables) -> Result<C, Error>,
    /// Where the settings say what is logged.
    pub log: fn(&C) -> &LogSettings,
    /// What is written of each line of the log, if not the line itself.
    pub rewrite: fn(&C) -> Option<log::Rewrite>,
    /// Where its `/healthz` is, which `--healthy` asks for.
    pub healthz: fn(&C) -> SocketAddr,
    /// What `--check` looks at beyond the settings themselves: files that they name.
    pub check: fn(&C) -> Result<(), String>,
    /// Runs until it has ended as asked.
    pub run: fn(C) -> Result<(), String>,
}

impl<C> Program<C> {
    /// The whole of a program: arguments, settings, log, run.
    pub fn main(&self) -> ExitCode {
        let arguments = match self.command().try_get_matches() {
            Ok(arguments) => arguments,
            Err(error) => {
                // Also what --help and --version print.
                let _ = error.print();
                return if error.use_stderr() { ExitCode::from(BAD_SETTINGS) } else { ExitCode::SUCCESS };
            }
        };
        let file = arguments.get_one::<PathBuf>("config").cloned().unwrap_or_default();
        if arguments.get_flag("healthy") {
            return self.healthy(&file);
        }
        let (code, error) = match self.start(&file, arguments.get_flag("check")) {
            Ok(None) => {
                println!("{}: settings are right", file.display());
                return ExitCode::SUCCESS;
            }
            Ok(Some(config)) => match (self.run)(config) {
                Ok(()) => return ExitCode::SUCCESS,
                Err(error) => (ExitCode::FAILURE, error),
            },
            Err(error) => (ExitCode::from(BAD_SETTINGS), error),
        };
        eprintln!("{}: {error}", self.name);
        code
    }

    /// The settings in force.
    fn settings(&self, file: &Path) -> Result<C, String> {
        // The variable that names the file is not a setting itself.
        let not_settings = [&[FILE], self.not_settings].concat();
        let mut environment = crate::environment(&not_settings);
        (self.load)(file, &mut environment).map_err(|error| error.to_string())
    }

    /// Whether the one that runs with these settings is well.
    fn healthy(&self, file: &Path) -> ExitCode {
        let (code, error) = match self.settings(file) {
            Ok(config) => {
                let address = (self.healthz)(&config);
                match probe::healthy(address) {
                    Ok(()) => return ExitCode::SUCCESS,
                    Err(error) => (ExitCode::FAILURE, format!("/healthz at {address}: {error}")),
                }
            }
            Err(error) => (ExitCode::from(BAD_SETTINGS), error),
        };
        eprintln!("{}: {error}", self.name);
        code
    }

    /// The settings in force, with the log started; nothing if they were only to be checked.
    fn start(&self, file: &Path, only_check: bool) -> Result<Option<C>, String> {
        let config = self.settings(file)?;
        log::start((self.log)(&config), (self.rewrite)(&config))?;
        if only_check {
            (self.check)(&config)?;
            return Ok(None);
        }
        Ok(Some(config))
    }

    fn command(&self) -> Command {
        let config = Arg::new("config").long("config").value_name("FILE").env(FILE).required(true);
        let check = Arg::new("check").long("check").action(ArgAction::SetTrue);
        let healthy = Arg::new("healthy").long("healthy").action(ArgAction::SetTrue).conflicts_with("check");
        Command::new(self.name)
            .version(self.version)
            .about(self.about)
            .after_help(format!("{}\n{EXIT_CODES}", self.help))
            .arg(config.value_parser(value_parser!(PathBuf)).help("The settings file"))
            .arg(check.help("Only say whether the settings are right"))
            .arg(healthy.help("Only ask the one that runs with these settings whether it is well"))
    }
}

//! `switchctl`: for operators. Who takes calls, who drains, and why; and to change that.

mod edit;
mod place;
mod show;

use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use anyhow::{Context, Result};
use clap::{Parser, Subcommand};
use scaler_lambda::scaler::Scaler;
use scaler_lambda::settings::Settings;
use serde_json::{Value, json};

use place::Place;

/// Who takes calls, who drains, and why.
#[derive(Parser)]
#[command(
    version,
    after_help = "Stores: file:///path, s3://bucket/key, http(s)://... (read alone). Credentials come from the environment \
(AWS_ACCESS_KEY_ID and its like, AWS_REGION).\n\nExit codes: 0 done, 1 not done, 2 not understood."
)]
struct Arguments {
    /// Where the snapshot is.
    #[arg(long, global = true, value_name = "URL", env = "SWITCHYARD_SNAPSHOT_URL")]
    snapshot: Option<String>,
    /// For programs: JSON instead of tables.
    #[arg(long, global = true)]
    json: bool,
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Those who take calls, or may.
    #[command(subcommand)]
    Targets(Targets),
    /// The list as a whole.
    #[command(subcommand)]
    Snapshot(Snapshots),
    /// Does here what the Lambda does, once, with its settings (docs/fleet.md).
    Reconcile,
    /// Lets the service want as many tasks as so many calls need, if it wants fewer.
    Prescale {
        /// How many calls.
        sessions: u32,
    },
}

#[derive(Subcommand)]
enum Targets {
    /// All of them, with their states and reasons.
    List,
    /// Lets a target end its calls, and take no new ones.
    Drain {
        /// Its id, or how it begins.
        id: String,
        /// Why, for others.
        #[arg(long)]
        note: Option<String>,
    },
    /// Gives it new calls again.
    Activate {
        /// Its id, or how it begins.
        id: String,
    },
    /// Says what changes, until it is interrupted.
    Watch {
        /// How often it is looked, in seconds.
        #[arg(long, default_value_t = 2.0)]
        poll: f64,
    },
}

#[derive(Subcommand)]
enum Snapshots {
    /// As it stands there.
    Show,
    /// What would change if a file's list were pushed.
    Diff(File),
    /// Puts a file's targets in the place of those that are there, as the next generation. Operators' drains hold on.
    Push(File),
}

#[derive(clap::Args)]
struct File {
    /// The file.
    file: PathBuf,
    /// Not the targets alone, but all that the file says, or does not say: operators' drains, and what the scaler remembers.
    #[arg(long)]
    replace: bool,
}

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    match runtime.map_err(Into::into).and_then(|runtime| runtime.block_on(run(arguments))) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("switchctl: {error:#}");
            ExitCode::FAILURE
        }
    }
}

async fn run(arguments: Arguments) -> Result<()> {
    let Arguments { snapshot, json, command } = arguments;
    let place = || {
        let url = snapshot.clone().context("expected --snapshot URL, or SWITCHYARD_SNAPSHOT_URL")?;
        Place::open(&url)
    };
    match command {
        Command::Targets(Targets::List) => show::targets(&place()?.get().await?, json),
        Command::Targets(Targets::Drain { id, note }) => edit::drain(&place()?, &id, note, json).await,
        Command::Targets(Targets::Activate { id }) => edit::activate(&place()?, &id, json).await,
        Command::Targets(Targets::Watch { poll }) => {
            let poll = Duration::try_from_secs_f64(poll).context("--poll: expected seconds")?;
            show::watch(&place()?, poll.max(Duration::from_millis(100)), json).await
        }
        Command::Snapshot(Snapshots::Show) => show::whole(&place()?.get().await?),
        Command::Snapshot(Snapshots::Diff(File { file, replace })) => {
            edit::diff(&place()?, &file, replace, json).await
        }
        Command::Snapshot(Snapshots::Push(File { file, replace })) => {
            edit::push(&place()?, &file, replace, json).await
        }
        Command::Reconcile => scaler(&json!({"action": "reconcile"}), snapshot.as_deref()).await,
        Command::Prescale { sessions } => {
            scaler(&json!({"action": "prescale", "sessions": sessions}), snapshot.as_deref()).await
        }
    }
}

async fn scaler(event: &Value, snapshot: Option<&str>) -> Result<()> {
    let named = |name: &str| snapshot.filter(|_| name == "SWITCHYARD_SNAPSHOT_URL").map(str::to_owned);
    let variable = |name: &str| named(name).or_else(|| std::env::var(name).ok());
    // Metrics are the Lambda's.
    let settings = Settings { namespace: None, ..Settings::read(variable)? };
    let scaler = Scaler::new(settings, variable)?;
    println!("{}", serde_json::to_string(&scaler.handle(event).await?)?);
    Ok(())
}

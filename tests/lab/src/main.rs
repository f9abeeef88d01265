//! `lab`: a telephone system to try the proxy with.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::{Command, ExitCode};
use std::time::Duration;

use anyhow::{Context, Result, bail};
use clap::{Args, Parser, Subcommand};
use lab::demo::line::{Line, Switches};
use lab::demo::{self, Demo, Options};
use lab::ladder::{Look, ladder};
use lab::machine::{Answering, Machine, seconds};
use lab::media::Source;
use lab::phone::{CallPlan, Phone, Step};
use lab::signalling::incoming::address_of;
use lab::trace::Trace;
use tokio::signal::unix::{SignalKind, signal};

/// Where the library looks for the proxy's path.
const PROXY_VARIABLE: &str = "SWITCHYARD_PROXY";

/// A telephone system in one process: answering machines, a telephone, and a view of their calls.
#[derive(Parser)]
#[command(version, about)]
struct Cli {
    #[command(subcommand)]
    command: Verb,
}

#[derive(Subcommand)]
enum Verb {
    /// Start a whole system, call it, show a call, and judge.
    ///
    /// Telephone, proxy, stand-ins for FreeSWITCH, a switch-controller beside each, and a customer's application that
    /// registers callers; and the proxy by itself before answering machines. Exits with 0 only if every call went as it
    /// must and every request reached the switch or machine of its INVITE.
    Demo(DemoArgs),
    /// Say a text of standard input as tones: a WAV file on standard output, as speech programs write it.
    Speak,
    /// Run answering machines until Ctrl-C, showing every message.
    Machine(MachineArgs),
    /// Place one call and report what came of it.
    ///
    /// Exits with 0 if the call was answered and ended as it must.
    Phone(PhoneArgs),
}

#[derive(Args)]
struct DemoArgs {
    /// Stay up afterwards, for calls of your own, and show them as they happen
    #[arg(long)]
    keep: bool,
    /// Calls to the registration menu: at first one that registers, one hung up by its caller, one without keys, one to a
    /// wrong number; then all register
    #[arg(long, default_value_t = 6, value_parser = clap::value_parser!(u8).range(1..=50))]
    registrations: u8,
    /// Stand-ins for FreeSWITCH, each with a controller of its own
    #[arg(long, default_value_t = 2, value_parser = clap::value_parser!(u8).range(1..=20))]
    switches: u8,
    /// The event socket of a real FreeSWITCH on this machine, which runs infrastructure/freeswitch and has no controller
    /// yet: instead of the stand-ins
    #[arg(long, value_name = "ADDRESS:PORT")]
    freeswitch: Option<SocketAddr>,
    /// The event socket's password
    #[arg(
        long,
        value_name = "PASSWORD",
        env = "FREESWITCH_ESL_PASSWORD",
        hide_env_values = true,
        default_value = ""
    )]
    freeswitch_password: String,
    /// The sofia profile to call, for a real FreeSWITCH
    #[arg(long, value_name = "NAME", default_value = "nat_gateway", requires = "freeswitch")]
    freeswitch_profile: String,
    /// Answering machines behind the proxy
    #[arg(long, default_value_t = 4, value_parser = clap::value_parser!(u8).range(1..=250))]
    machines: u8,
    /// Calls to them
    #[arg(long, default_value_t = 20)]
    calls: usize,
    /// The proxy's binary [default: `proxy` beside this program]
    #[arg(long, value_name = "PATH", env = PROXY_VARIABLE)]
    proxy: Option<PathBuf>,
}

#[derive(Args)]
struct MachineArgs {
    /// Where to receive SIP over UDP; may stand several times
    #[arg(long, required = true, value_name = "ADDRESS:PORT")]
    bind: Vec<SocketAddr>,
    /// What to do with calls: tone[:HERTZ], echo, quiet, refuse[:CODE], ring, silent, or by-user (as the user part of
    /// the Request-URI says). Behind the first four may stand `,ringing=SECONDS`, behind the first three
    /// `,hangup=SECONDS`
    #[arg(long, default_value = "by-user")]
    behaviour: Answering,
    /// Show nothing
    #[arg(long)]
    quiet: bool,
}

#[derive(Args)]
struct PhoneArgs {
    /// Whom to call: sip:user@address:port
    #[arg(long, value_name = "URI")]
    to: String,
    /// Where to send the call, if not to the URI's address
    #[arg(long, value_name = "ADDRESS:PORT")]
    proxy: Option<SocketAddr>,
    /// Where to call from
    #[arg(long, default_value = "127.0.0.1:0", value_name = "ADDRESS:PORT")]
    bind: SocketAddr,
    /// The user part of From
    #[arg(long, default_value = "+85512345678")]
    from: String,
    /// A header field for the INVITE, as `Name: value`; may stand several times
    #[arg(long, value_name = "NAME: VALUE")]
    header: Vec<String>,
    /// A Route value for the INVITE, as `<sip:...;lr>`; may stand several times
    #[arg(long, value_name = "ROUTE")]
    route: Vec<String>,
    /// Send ACK and BYE without Route to the URI of the INVITE, as SIPp's built-in caller does
    #[arg(long)]
    ignore_record_route: bool,
    /// Do not ask for answers to the port that requests come from
    #[arg(long)]
    no_rport: bool,
    /// The tone to send, in hertz; 0 sends silence
    #[arg(long, default_value_t = 440, value_name = "HERTZ", value_parser = clap::value_parser!(u16).range(..4000))]
    tone: u16,
    /// Digits to press once the call is answered
    #[arg(long, default_value = "", value_name = "DIGITS")]
    press: String,
    /// Hang up so long after the answer
    #[arg(long, default_value = "2", value_name = "SECONDS", value_parser = seconds)]
    talk: Duration,
    /// Leave hanging up to the other end
    #[arg(long)]
    wait: bool,
    /// Give up so long after the INVITE
    #[arg(long, value_name = "SECONDS", value_parser = seconds)]
    cancel_after: Option<Duration>,
    /// Show the call message by message
    #[arg(long)]
    ladder: bool,
}

fn main() -> ExitCode {
    match run(Cli::parse().command) {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("lab: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn run(verb: Verb) -> Result<bool> {
    if let Verb::Demo(DemoArgs { proxy: Some(path), .. }) = &verb
        && std::env::var_os(PROXY_VARIABLE).is_none()
    {
        return again_with(path);
    }
    tokio::runtime::Builder::new_multi_thread().enable_all().build()?.block_on(async {
        match verb {
            Verb::Demo(args) => demonstrate(args).await,
            Verb::Speak => speak(),
            Verb::Machine(args) => or_stopped(run_machines(args), true).await,
            Verb::Phone(args) => or_stopped(place_call(args), false).await,
        }
    })
}

/// Becomes the same program with the proxy's path in its environment, which a running program may not change safely.
fn again_with(proxy: &std::path::Path) -> Result<bool> {
    use std::os::unix::process::CommandExt;
    let own = std::env::current_exe().context("the path of this program")?;
    let failure = Command::new(own).args(std::env::args_os().skip(1)).env(PROXY_VARIABLE, proxy).exec();
    Err(failure.into())
}

/// Does something until its end, or until Ctrl-C or SIGTERM, which mean `otherwise`. Whatever was started stops then.
async fn or_stopped(work: impl Future<Output = Result<bool>>, otherwise: bool) -> Result<bool> {
    let mut terminate = signal(SignalKind::terminate())?;
    tokio::select! {
        outcome = work => outcome,
        interrupted = tokio::signal::ctrl_c() => Ok(interrupted.map(|()| otherwise)?),
        _ = terminate.recv() => Ok(otherwise),
    }
}

async fn demonstrate(args: DemoArgs) -> Result<bool> {
    let options = Options { machines: args.machines, calls: args.calls };
    let switches = match args.freeswitch {
        None => Switches::StandIns(args.switches),
        Some(event_socket) => Switches::Real {
            event_socket,
            password: args.freeswitch_password,
            profile: args.freeswitch_profile,
        },
    };
    let mut passed = false;
    let work = async {
        let trace = Trace::new();
        let line = Line::start(switches, &trace).await?;
        let registered = line.judge(usize::from(args.registrations)).await?;
        let demo = Demo::start(options, &trace).await?;
        passed = demo.judge().await? && registered;
        println!("\n{}", if passed { "All verdicts hold." } else { "NOT all verdicts hold." });
        if args.keep {
            println!("\nEverything stays up; Ctrl-C ends it.");
            line.invite();
            demo.invite();
            println!();
            demo::watch(&trace, Look::of_stdout()).await;
        }
        anyhow::Ok(true)
    };
    Ok(or_stopped(work, true).await? && passed)
}

fn speak() -> Result<bool> {
    use std::io::{Read, Write};
    let mut text = String::new();
    std::io::stdin().take(1 << 20).read_to_string(&mut text).context("a text on standard input")?;
    std::io::stdout().write_all(&lab::speech::speak(&text)).context("standard output")?;
    Ok(true)
}

async fn run_machines(args: MachineArgs) -> Result<bool> {
    let trace = Trace::keeping(0);
    let mut machines = Vec::new();
    for (at, bind) in args.bind.iter().enumerate() {
        let machine = Machine::start(*bind, args.behaviour, &trace).await?;
        demo::name_machine(&trace, machine.address(), at + 1);
        println!("machine {} at {}", at + 1, machine.address());
        machines.push(machine);
    }
    if args.behaviour == Answering::ByUser {
        println!("The user part chooses what a machine does: {}.", demo::USERS);
    }
    if args.quiet {
        std::future::pending::<()>().await;
    }
    demo::watch(&trace, Look::of_stdout()).await;
    Ok(true)
}

async fn place_call(args: PhoneArgs) -> Result<bool> {
    let trace = Trace::new();
    let phone = Phone::start(args.bind, &trace).await?;
    trace.name(phone.address(), "telephone");
    let show = args.ladder;
    let report = phone.call(plan(args)?).await?;
    if show {
        println!("{}", ladder(&trace, &report.call_id, Look::of_stdout()));
    }
    println!("{report}");
    Ok(report.completed())
}

fn plan(args: PhoneArgs) -> Result<CallPlan> {
    let proxy = match args.proxy {
        Some(proxy) => proxy,
        None => address_of(args.to.as_bytes()).context("where to send the call (--proxy says otherwise)")?,
    };
    let mut headers = Vec::new();
    for header in &args.header {
        let Some((name, value)) = header.split_once(':') else {
            bail!("expected `Name: value`, found {header:?}");
        };
        headers.push((name.trim().to_owned(), value.trim().to_owned()));
    }
    let mut script = vec![Step::Press(args.press)];
    if !args.wait {
        script.extend([Step::Wait(args.talk), Step::HangUp]);
    }
    Ok(CallPlan {
        to: args.to,
        from: args.from,
        headers,
        routes: args.route,
        ignore_record_route: args.ignore_record_route,
        rport: !args.no_rport,
        source: if args.tone == 0 { Source::Silence } else { Source::Tone(args.tone) },
        cancel_after: args.cancel_after,
        ..CallPlan::new(proxy, "").script(script)
    })
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;

    #[test]
    fn the_command_line_is_well_formed() {
        Cli::command().debug_assert();
    }

    #[test]
    fn a_call_is_planned_as_it_is_asked_for() {
        let args =
            "lab phone --to sip:echo@127.0.0.1:5070 --header X-A:b --press 12 --wait --no-rport --tone 0";
        let Verb::Phone(args) = Cli::parse_from(args.split(' ')).command else { panic!("not a call") };
        let plan = plan(args).unwrap();
        assert_eq!(
            (plan.proxy, plan.to.as_str()),
            ("127.0.0.1:5070".parse().unwrap(), "sip:echo@127.0.0.1:5070")
        );
        assert_eq!(plan.headers, [("X-A".to_owned(), "b".to_owned())]);
        assert_eq!(
            (plan.script, plan.rport, plan.source),
            (vec![Step::Press("12".to_owned())], false, Source::Silence)
        );
    }
}

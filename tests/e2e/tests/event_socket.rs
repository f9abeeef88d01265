//! The Event Socket client with a real FreeSWITCH: what it makes of our escapes is asked of itself. Skipped, with a message,
//! unless `SWITCHYARD_FREESWITCH` names one.

use std::net::IpAddr;
use std::time::Duration;

use anyhow::{Context, Result, bail, ensure};
use e2e::site::Addresses;
use esl::client::{Client, Inbox, Notice, Settings, client};
use esl::{
    Api, Argument, CallError, Command, DialString, Event, Execute, Format, Login, Name, Originate, Password,
    Reason, Subscription, Uuid, VariableName, VariableValue,
};
use lab::real_switch::{RealSwitch, SwitchSettings};

const PATIENCE: Duration = Duration::from_secs(60);

/// What a carrier may put into a name, and what an attacker would.
const VALUES: &[&str] = &[
    "O'Brien, Pat",
    "a=b;c=d",
    "back\\slash \\' \\\\ \\n \\s",
    " spaces at both ends ",
    "{\"json\": [1, 2], \"quoted\": \"it's\"}",
    "{nested {braces} , }",
    "100% %41 $5 $x",
    "សួស្តី é",
    "''",
    "'",
    "\\",
    "sofia/internal/1@a &park()",
    "^^:a:b",
    "[a=b]|c,d",
];

fn start() -> Result<Option<RealSwitch>> {
    match Addresses::take().target(0) {
        IpAddr::V4(ip) => RealSwitch::start(&SwitchSettings::at(ip)),
        IpAddr::V6(ip) => bail!("expected an IPv4 address, got {ip}"),
    }
}

fn connect(switch: &RealSwitch, password: &str, format: Format) -> Result<(Client, Inbox)> {
    let names = ["CHANNEL_CREATE", "CHANNEL_EXECUTE_COMPLETE", "CHANNEL_HANGUP_COMPLETE"].map(Name::new);
    let login = Login {
        password: Password::new(password)?,
        subscription: Subscription { format, names: Result::from_iter(names)?, custom: Vec::new() },
        filters: Vec::new(),
    };
    let (client, inbox, driver) = client(Settings::new(switch.event_socket().to_string(), login), || 0);
    tokio::spawn(driver.run());
    Ok((client, inbox))
}

async fn next_event(inbox: &mut Inbox, name: &str, channel: &Uuid) -> Result<Event> {
    let wait = async {
        while let Some(notice) = inbox.next().await {
            match notice {
                Notice::Event(event)
                    if event.name() == name && event.unique_id() == Some(channel.as_str()) =>
                {
                    return Ok(event);
                }
                Notice::Event(_) => (),
                other => bail!("{other:?} instead of {name}"),
            }
        }
        bail!("the end instead of {name}")
    };
    tokio::time::timeout(PATIENCE, wait).await.with_context(|| format!("no {name}"))?
}

async fn ask(client: &Client, api: Api) -> Result<String> {
    let reply = client.api(api, PATIENCE).await?;
    reply.ok().map(str::to_owned).map_err(|error| anyhow::anyhow!("FreeSWITCH said: {error}"))
}

async fn dump(client: &Client, channel: &Uuid) -> Result<Event> {
    Ok(Event::from_json(ask(client, Api::uuid_dump(channel)).await?.as_bytes())?)
}

fn names() -> Result<Vec<VariableName>> {
    (0..VALUES.len()).map(|number| Ok(VariableName::new(format!("test_{number}"))?)).collect()
}

fn check(found: &Event, what: &str) -> Result<()> {
    for (name, value) in names()?.iter().zip(VALUES) {
        let found = found.variable(name.as_str());
        ensure!(found == Some(*value), "{what}: expected {value:?}, found {found:?}");
    }
    Ok(())
}

async fn values_arrive_as_they_were(format: Format) -> Result<()> {
    let Some(switch) = start()? else { return Ok(()) };
    let (client, mut inbox) = connect(&switch, switch.password(), format)?;
    ensure!(inbox.next().await == Some(Notice::Up { restarted: false }), "{}", switch.log());

    // It calls itself, where the call is parked and rings.
    let leg = Uuid::new("11111111-2222-4333-8444-555555555555")?;
    let whom = DialString::sofia(&Name::new("internal")?, "1294", &switch.profiles().internal.to_string())?;
    let mut call = Originate::new(&leg, whom)?;
    for (name, value) in names()?.into_iter().zip(VALUES) {
        call = call.variable(name, VariableValue::new(*value)?)?;
    }
    let job = Uuid::new("66666666-2222-4333-8444-555555555555")?;
    let answer = tokio::spawn({
        let client = client.clone();
        async move { client.bgapi(Api::originate(&call), job, PATIENCE).await }
    });
    next_event(&mut inbox, "CHANNEL_CREATE", &leg).await?;
    check(&dump(&client, &leg).await?, "originate")?;

    for (name, value) in names()?.iter().zip(VALUES) {
        ask(&client, Api::uuid_setvar(&leg, name, None)).await?;
        ensure!(dump(&client, &leg).await?.variable(name.as_str()).is_none(), "{value:?} is still there");
        ask(&client, Api::uuid_setvar(&leg, name, Some(&VariableValue::new(*value)?))).await?;
    }
    check(&dump(&client, &leg).await?, "uuid_setvar")?;

    let mut pairs = Vec::new();
    for (name, value) in names()?.into_iter().zip(VALUES) {
        ask(&client, Api::uuid_setvar(&leg, &name, None)).await?;
        pairs.push((name, VariableValue::new(*value)?));
    }
    ask(&client, Api::uuid_setvar_multi(&leg, &pairs)?).await?;
    check(&dump(&client, &leg).await?, "uuid_setvar_multi")?;

    ask(&client, Api::uuid_kill(&leg, None)).await?;
    let hangup = next_event(&mut inbox, "CHANNEL_HANGUP_COMPLETE", &leg).await?;
    if format == Format::Json {
        check(&hangup, "an event")?;
    }
    let reply = answer.await??;
    ensure!(reply.ok().is_err(), "a call that was hung up: {reply:?}");
    client.close().await;
    ensure!(inbox_end(&mut inbox).await == Some(Reason::Closed));
    Ok(())
}

/// The reason at the end.
async fn inbox_end(inbox: &mut Inbox) -> Option<Reason> {
    let mut reason = None;
    while let Some(notice) = inbox.next().await {
        if let Notice::Down(down) = notice {
            reason = Some(down);
        }
    }
    reason
}

#[tokio::test]
async fn values_arrive_as_they_were_with_events_in_json() -> Result<()> {
    values_arrive_as_they_were(Format::Json).await
}

#[tokio::test]
async fn values_arrive_as_they_were_with_plain_events() -> Result<()> {
    values_arrive_as_they_were(Format::Plain).await
}

#[tokio::test]
async fn applications_get_their_arguments_and_two_thousand_calls_their_answers() -> Result<()> {
    let Some(switch) = start()? else { return Ok(()) };
    let (client, mut inbox) = connect(&switch, switch.password(), Format::Json)?;
    ensure!(inbox.next().await == Some(Notice::Up { restarted: false }), "{}", switch.log());
    let leg = Uuid::new("11111111-2222-4333-8444-555555555555")?;
    let whom = DialString::sofia(&Name::new("internal")?, "1294", &switch.profiles().internal.to_string())?;
    let call = Api::originate(&Originate::new(&leg, whom)?);
    let job = Uuid::new("66666666-2222-4333-8444-555555555555")?;
    let answer = tokio::spawn({
        let client = client.clone();
        async move { client.bgapi(call, job, PATIENCE).await }
    });
    // The other end of the call, which came in and is parked.
    let other = loop {
        match inbox.next().await {
            Some(Notice::Event(event)) if event.name() == "CHANNEL_CREATE" => match event.unique_id() {
                Some(channel) if channel != leg.as_str() => break Uuid::new(channel)?,
                _ => (),
            },
            Some(Notice::Event(_)) => (),
            other => bail!("{other:?}"),
        }
    };
    for (number, text) in ["a b, c; {d} \"e\" \\n \\s", "100% $5 (x) [y] 'z'", "សួស្តី"].into_iter().enumerate()
    {
        let argument = Some(Argument::new(format!("test_{number}={text}"))?);
        let mut execute = Execute::new(other.clone(), Name::new("set")?, argument);
        execute.event_uuid = Some(Uuid::new(format!("set-{number}"))?);
        let reply = client.call(Command::Execute(execute), PATIENCE).await?;
        ensure!(reply.ok().is_ok(), "{reply:?}");
        let complete = loop {
            let event = next_event(&mut inbox, "CHANNEL_EXECUTE_COMPLETE", &other).await?;
            if event.application_uuid() == Some(&*format!("set-{number}")) {
                break event;
            }
        };
        let found = complete.variable(&format!("test_{number}")).map(str::to_owned);
        ensure!(found.as_deref() == Some(text), "expected {text:?}, found {found:?}");
    }
    let calls = (0..2000).map(|number| {
        let client = client.clone();
        let word = esl::Word::new(format!("{number}"));
        tokio::spawn(async move {
            let word = word?;
            // Prints its argument.
            let reply = client.api(Api::call(&Name::new("escape")?, [&word]), PATIENCE).await?;
            ensure!(reply.text == word.as_str(), "{reply:?} for {word}");
            Ok(())
        })
    });
    for call in calls.collect::<Vec<_>>() {
        call.await??;
    }
    ask(&client, Api::uuid_kill(&leg, None)).await?;
    ensure!(answer.await??.ok().is_err());
    Ok(())
}

#[tokio::test]
async fn a_wrong_password_and_the_end_of_freeswitch_are_told() -> Result<()> {
    let Some(switch) = start()? else { return Ok(()) };
    let (client, mut inbox) = connect(&switch, "wrong", Format::Json)?;
    ensure!(inbox.next().await == Some(Notice::Down(Reason::WrongPassword)));
    client.close().await;
    let (client, mut inbox) = connect(&switch, switch.password(), Format::Json)?;
    ensure!(inbox.next().await == Some(Notice::Up { restarted: false }));
    drop(switch);
    ensure!(inbox.next().await == Some(Notice::Down(Reason::Disconnected)));
    ensure!(client.api(Api::status(), PATIENCE).await == Err(CallError::NotUp));
    Ok(())
}

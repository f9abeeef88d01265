//! The controller's own beginnings and ends: with the stand-in, or a real FreeSWITCH where there is one.

use std::time::Duration;

use anyhow::Result;
use e2e::exchange::{Exchange, Page, wav};
use e2e::wait_until;
use lab::signalling::Side;
use lab::switch::AnySwitch;

#[tokio::test(flavor = "multi_thread")]
async fn without_a_controller_calls_are_refused_in_time_and_with_one_again_they_are_taken() -> Result<()> {
    let mut exchange = Exchange::start().await?;
    exchange.controller.kill()?;
    let report = exchange.call([]).await?;
    assert_eq!(report.status, Some(503), "{report}");
    assert!(report.set_up < Some(Duration::from_secs(6)), "{report}");
    exchange.restart_controller()?;
    exchange.application.twiml("/voice", "<Gather timeout=\"1\"/>");
    assert_eq!(exchange.call([]).await?.status, Some(200), "{}", exchange.controller.log());
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_controller_that_is_told_to_stop_lets_nobody_in_and_its_calls_go_on() -> Result<()> {
    let mut exchange = Exchange::start().await?;
    exchange.application.twiml("/voice", "<Pause length=\"8\"/><Redirect>/late</Redirect>");
    exchange.application.twiml("/late", "<Hangup/>");
    let staying = exchange.calling([]);
    exchange.application.only("/voice")?;
    // Its answer, which the switch is told before.
    exchange.wait_logged("<Pause>")?;
    exchange.controller.terminate()?;
    exchange.wait_logged("draining")?;
    assert_eq!(exchange.controller.http("GET", "/readyz", "")?.0, 503);
    assert_eq!(exchange.call([]).await?.status, Some(503));
    assert!(exchange.controller.exit()?.is_none());
    let report = staying.await??;
    assert_eq!((report.status, report.hung_up_by), (Some(200), Some(Side::Callee)), "{report}");
    exchange.application.only("/late")?;
    let mut exit = None;
    wait_until("it leaves", Duration::from_secs(15), || {
        exit = exchange.controller.exit()?;
        Ok(exit.is_some())
    })?;
    assert!(exit.is_some_and(|status| status.success()), "{exit:?}\n{}", exchange.controller.log());
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn calls_outlive_the_link() -> Result<()> {
    let exchange = Exchange::start().await?;
    exchange.application.put("/tone.wav", Page::sound("audio/wav", wav(440, 4)));
    let sound = exchange.application.url("/tone.wav");
    let verbs = format!("<Play>{sound}</Play><Play>{sound}</Play><Redirect>/after</Redirect>");
    exchange.application.twiml("/voice", &verbs);
    exchange.application.twiml("/after", "<Hangup/>");
    let calling = exchange.calling([]);
    exchange.application.only("/tone.wav")?;
    e2e::pause(Duration::from_secs(2));
    match &exchange.switch {
        AnySwitch::StandIn(switch) => switch.close_connections(),
        // Every connection but that of who asks is ended with the module's listener.
        AnySwitch::Real(switch) => drop(switch.console()?.api("reload mod_event_socket")),
    }
    wait_until("the link is made anew", Duration::from_secs(20), || {
        Ok(exchange.controller.log().matches("FreeSWITCH is connected").count() == 2)
    })?;
    let report = calling.await??;
    let log = exchange.controller.log();
    assert_eq!((report.status, report.hung_up_by), (Some(200), Some(Side::Callee)), "{report}\n{log}");
    exchange.application.only("/after")?;
    exchange.wait_nothing_left()
}

#[tokio::test(flavor = "multi_thread")]
async fn numbers_are_kept_out_of_the_log() -> Result<()> {
    let exchange = Exchange::start_with("[log]\nlevel = \"debug\"\nredact_numbers = true\n").await?;
    exchange.application.twiml("/voice", "<Dial callerId=\"85598765432\" action=\"/no-such-page\">85520001</Dial>");
    exchange.call([]).await?;
    exchange.application.twiml("/voice", "<Dial>no number +85511112222</Dial>");
    exchange.call([]).await?;
    exchange.wait_nothing_left()?;
    let log = exchange.controller.log();
    assert!(log.contains("from=\"+***78\"") && log.contains("+***22"), "{log}");
    for number in ["5512345678", "5598765432", "5520001", "5511112222"] {
        assert!(!log.contains(number), "{number}:\n{log}");
    }
    Ok(())
}

//! A telephone and answering machines at a switch, controlled over its event socket: the stand-in, or a real FreeSWITCH
//! where `SWITCHYARD_FREESWITCH` names one.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::string_slice,
    reason = "a test fails by panicking, in its helpers too"
)]

mod calls;
mod control;
mod controller;
mod legs;
mod stand_in;

use std::collections::VecDeque;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU8, Ordering};
use std::time::Duration;

use esl::{Event, FrameDecoder, Kind, Limits};
use lab::machine::{Answering, Machine};
use lab::media::{Source, sound::share_of};
use lab::phone::{CallPlan, CallReport, Phone, Step};
use lab::signalling::Side;
use lab::switch::{AnySwitch, Switch};
use lab::trace::Trace;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::task::JoinHandle;
use tokio::time::timeout;

use controller::{Came, Controller, WITHIN};

fn ip() -> Ipv4Addr {
    static NEXT: AtomicU8 = AtomicU8::new(1);
    Ipv4Addr::new(127, 0, 3, NEXT.fetch_add(1, Ordering::Relaxed))
}

fn seconds(seconds: f32) -> Duration {
    Duration::from_secs_f32(seconds)
}

/// A switch, its controller, and a telephone.
struct Lab {
    switch: AnySwitch,
    controller: Controller,
    phone: Arc<Phone>,
}

impl Lab {
    async fn start() -> Self {
        Self::around(AnySwitch::start(ip(), 3, &Trace::new()).await.unwrap()).await
    }

    async fn stand_in() -> Self {
        Self::around(AnySwitch::stand_in(ip(), 3, &Trace::new()).await.unwrap()).await
    }

    async fn around(switch: AnySwitch) -> Self {
        let controller = Controller::log_in(&switch).await;
        let phone = Phone::start("127.0.0.1:0".parse().unwrap(), &Trace::new()).await.unwrap();
        Self { switch, controller, phone: Arc::new(phone) }
    }

    fn own(&self) -> &Switch {
        match &self.switch {
            AnySwitch::StandIn(switch) => switch,
            AnySwitch::Real(_) => panic!("only the stand-in does this"),
        }
    }

    fn call(&self, script: Vec<Step>) -> JoinHandle<CallReport> {
        self.call_with(script, Source::Tone(440))
    }

    fn call_with(&self, script: Vec<Step>, source: Source) -> JoinHandle<CallReport> {
        let plan = CallPlan { source, ..CallPlan::new(self.switch.address(), "1294").script(script) };
        let phone = Arc::clone(&self.phone);
        tokio::spawn(async move { phone.call(plan).await.unwrap() })
    }
}

/// All that was told of a channel since the last time, without the executing of applications.
fn told(controller: &mut Controller, channel: &str) -> Vec<String> {
    let of_channel = |event: &Event| event.unique_id() == Some(channel);
    let events: Vec<Event> = controller.events.iter().filter(|event| of_channel(event)).cloned().collect();
    controller.events.retain(|event| !of_channel(event));
    events.iter().map(|event| event.name().to_owned()).collect()
}

//! A leg that was answered executes an application of its own before it is connected with its caller: it has a task and a
//! queue like any call, and what happens to its channel comes by way of its caller's.

use std::pin::Pin;
use std::sync::Arc;

use esl::Uuid;

use super::drive::drive;
use crate::call::Call;
use crate::call::facts::{Application, Facts};
use crate::call::input::LegId;
use crate::calls::{Message, Queue, View};
use crate::live::Live;

/// Begins. What comes of it is told to the caller's queue; what happens to the channel is to be put into the other one.
pub(super) fn begin(
    live: Arc<Live>,
    channel: Uuid,
    facts: Facts,
    parent: String,
    application: Application,
    leg: LegId,
    caller: &Arc<Queue>,
) -> Arc<Queue> {
    let queue = Arc::new(Queue::default());
    let (own, caller) = (Arc::clone(&queue), Arc::clone(caller));
    let view = Arc::new(View::new(&facts));
    let call = Call::brief(facts.clone(), parent, application, live.config.rules, live.now());
    // A call's task can have this one, which has the same form: it has to be put somewhere.
    let driving: Pin<Box<dyn Future<Output = bool> + Send>> =
        Box::pin(drive(live, channel, Arc::new(facts), call, own, view));
    tokio::spawn(async move {
        let connect = driving.await;
        caller.push(Message::Briefed(leg, connect));
    });
    queue
}

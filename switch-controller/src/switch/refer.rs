//! What came of a REFER: FreeSWITCH tells it in variables of the channel (mod_sofia), and in no event that has both answers.

use std::sync::Arc;
use std::time::Duration;

use esl::{Api, Uuid, VariableName};

use super::commands::set;
use crate::calls::{Happened, Message, Queue};
use crate::live::Live;

/// The answer to the REFER, and the final one that the other end got to its own call.
const ANSWERS: [&str; 2] = ["sip_refer_status_code", "sip_refer_target_status_code"];

/// How often it is looked at.
const EVERY: Duration = Duration::from_millis(250);

/// So often at most: for a minute. Some that take a REFER never tell what came of it.
const LOOKS: usize = 240;

/// Forgets what came of an earlier one.
pub(super) async fn forget(live: &Live, channel: &Uuid) {
    if let Ok(api) = set(channel, &ANSWERS.map(|name| (name, ""))) {
        let _ = live.api(api).await;
    }
}

/// Looks until it is known, or the channel is gone: then its last event has told.
pub(super) async fn watch(live: Arc<Live>, channel: Uuid, queue: Arc<Queue>) {
    let mut codes = [None, None];
    for _ in 0..LOOKS {
        tokio::time::sleep(EVERY).await;
        for (name, code) in ANSWERS.iter().zip(&mut codes) {
            let Ok(name) = VariableName::new(*name) else { return };
            let Ok(reply) = live.api(Api::uuid_getvar(&channel, &name)).await else { continue };
            if reply.text.starts_with("-ERR") {
                return;
            }
            *code = reply.text.trim().parse::<u16>().ok();
        }
        let [answer, notified] = codes;
        if notified.is_some() || answer.is_some_and(|code| code >= 300) {
            break;
        }
    }
    let [answer, notified] = codes;
    queue.push(Message::Channel(Happened::Referred(answer, notified)));
}

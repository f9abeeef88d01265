//! The calls to the registration menu, and what each of them must come to.

use std::net::SocketAddr;
use std::time::Duration;

use crate::application::menu::PROVINCES;
use crate::demo::Planned;
use crate::media::Source;
use crate::phone::{CallPlan, Step};

/// The number of the line.
pub const NUMBER: &str = "1294";

/// How long a caller waits for a prompt: a busy machine may need long for its speech.
const PATIENCE: Duration = Duration::from_secs(20);

/// Silence that ends a prompt; within one there is less.
pub(super) const SILENCE: Duration = Duration::from_secs(1);

/// Where in the script of a caller who registers the province's keys are pressed.
pub(super) const KEYS: usize = 4;

/// What a call must come to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Expected {
    /// The caller interrupts the menu by keys, says a name, is thanked, and hung up.
    Registered {
        /// The keys' province.
        province: &'static str,
        /// The tone that is the caller's voice, in hertz.
        voice: u16,
    },
    /// The caller hears the menu and hangs up.
    HungUpByCaller,
    /// The caller presses nothing, and is hung up.
    NoKeys,
    /// There is no such number: 404.
    NoSuchNumber,
}

/// So many calls through a proxy: at first one of each kind, then callers who register.
#[must_use]
pub fn planned(proxy: SocketAddr, number: usize) -> Vec<Planned<Expected>> {
    (0..number).map(|at| kind(proxy, at)).collect()
}

fn kind(proxy: SocketAddr, at: usize) -> Planned<Expected> {
    let call = |number: &str, title: &str, script: Vec<Step>, expected| {
        let from = format!("+85512000{:03}", at + 1);
        let plan = CallPlan { source: Source::Silence, from, ..CallPlan::new(proxy, number) };
        Planned { title: title.to_owned(), plan: plan.script(script), expected }
    };
    let heard = || vec![Step::AwaitSound(PATIENCE), Step::AwaitSilence(SILENCE), Step::AwaitSound(PATIENCE)];
    match at {
        1 => {
            let script = [heard(), vec![Step::Wait(Duration::from_millis(500)), Step::HangUp]].concat();
            call(NUMBER, "hung up by the caller", script, Expected::HungUpByCaller)
        }
        2 => {
            let script = [heard(), vec![Step::AwaitSilence(SILENCE), Step::AwaitSound(PATIENCE)]].concat();
            call(NUMBER, "presses nothing", script, Expected::NoKeys)
        }
        3 => call("9999", "a number that nobody has", Vec::new(), Expected::NoSuchNumber),
        _ => {
            // The first call's is Phnom Penh.
            let (keys, province) = PROVINCES.iter().cycle().nth(at + 3).copied().unwrap_or_default();
            let voice = 600 + 50 * (at as u16 % 50);
            let script = registering(keys, voice);
            call(NUMBER, &format!("lives in {province}"), script, Expected::Registered { province, voice })
        }
    }
}

/// Hears the greeting, interrupts the menu, hears the question and the tone, speaks, and is thanked.
fn registering(keys: &str, voice: u16) -> Vec<Step> {
    vec![
        Step::AwaitSound(PATIENCE),
        Step::AwaitSilence(SILENCE),
        Step::AwaitSound(PATIENCE),
        Step::Wait(Duration::from_millis(500)),
        Step::Press(keys.to_owned()),
        Step::AwaitSilence(SILENCE),
        Step::AwaitSound(PATIENCE),
        Step::AwaitSilence(SILENCE),
        Step::Speak(Source::Tone(voice)),
        Step::Wait(Duration::from_secs(2)),
        Step::Speak(Source::Silence),
        Step::Press("#".to_owned()),
        Step::AwaitSound(PATIENCE),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_call_is_to_phnom_penh_and_no_two_callers_or_voices_are_alike() {
        let all = planned("127.0.0.1:5060".parse().unwrap(), 50);
        assert_eq!(all[0].expected, Expected::Registered { province: "Phnom Penh", voice: 600 });
        assert_eq!(all[0].plan.script[KEYS], Step::Press("12".to_owned()));
        let mut callers: Vec<_> = all.iter().map(|call| call.plan.from.clone()).collect();
        callers.dedup();
        assert_eq!(callers.len(), 50);
    }
}

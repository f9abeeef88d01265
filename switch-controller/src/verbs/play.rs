//! `<Play>`: a file, keys, or both in this order. One that cannot be had is left out, as Twilio does.

use twiml::Play;

use super::prompts::Prompt;
use crate::call::action::Severity;
use crate::call::desk::Desk;

pub(super) fn prompts(play: &Play, desk: &mut Desk) -> Vec<Prompt> {
    let mut prompts = Vec::new();
    if let Some(url) = &play.url {
        match desk.resolve(url) {
            Ok(url) => prompts.push(Prompt::file(url.into(), play.times)),
            Err(problem) => desk.log(Severity::Customer, format!("<Play> is left out: {}", problem.0)),
        }
    }
    if let Some(digits) = &play.digits {
        prompts.push(Prompt::keys(digits.as_str().to_owned(), play.times));
    }
    prompts
}

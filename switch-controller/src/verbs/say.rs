//! `<Say>`: a text, spoken. The platform is told how much before it is heard.

use twiml::Say;

use super::prompts::Prompt;
use crate::call::action::{Report, Speech};
use crate::call::desk::Desk;
use crate::voices;

/// What ends a sentence, so that nothing has to be put behind it for a voice to end it.
const ENDS: [char; 10] = ['.', '!', '?', '…', '。', '！', '？', '।', '។', '؟'];

/// The speech, which is reported at once.
pub(super) fn prompt(say: &Say, desk: &mut Desk) -> Prompt {
    let voice = voices::choose(say.voice.as_deref(), say.language.as_deref(), &desk.facts.default_voice);
    let mut text = say.speech.text();
    let characters = (text.chars().count() as u64).saturating_mul(say.times.into());
    desk.report(Report::Speech { voice: voice.name.clone(), characters });
    if text.is_empty() {
        return Prompt::nothing();
    }
    if !text.ends_with(ENDS) {
        text.push('.');
    }
    let ssml = say.speech.has_markup().then(|| say.speech.ssml());
    Prompt::speech(Speech { voice: voice.name, language: voice.language, text, ssml }, say.times)
}

//! `<Pause>`: silence.

use twiml::Pause;

use super::prompts::Prompt;

pub(super) fn prompt(pause: &Pause) -> Prompt {
    Prompt::silence(pause.length)
}

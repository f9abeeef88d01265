//! Speech: text -> something that FreeSWITCH can play.
//!
//! | file | what it holds |
//! |---|---|
//! | `command.rs` | a program that writes a WAV file |
//! | `polly.rs` | Amazon Polly (feature `polly`) |
//! | `wav.rs` | the header of such a file, which programs that do not know its length in advance get wrong |

mod command;
#[cfg(feature = "polly")]
mod polly;
mod wav;

use std::path::PathBuf;

use crate::call::action::Speech;
use crate::call::input::Problem;
use crate::platform::Soon;

pub use command::Program;
#[cfg(feature = "polly")]
pub use polly::Polly;

/// What makes speech.
pub trait Synthesiser: Send + Sync {
    /// What FreeSWITCH plays: a file, or what it takes for one.
    fn speak<'a>(&'a self, speech: &'a Speech) -> Soon<'a, Result<PathBuf, Problem>>;
}

/// A module of FreeSWITCH, by `playback say:TEXT`: unlike `speak` it ends no call when something is wrong.
#[derive(Debug, Clone)]
pub struct Speak {
    /// The module: `flite`.
    pub engine: String,
    /// The voice for voices that it does not know.
    pub voice: String,
}

impl Synthesiser for Speak {
    fn speak<'a>(&'a self, speech: &'a Speech) -> Soon<'a, Result<PathBuf, Problem>> {
        Box::pin(async {
            // `Basic.Slt` -> `slt`, as the platform names voices of this kind.
            let own = speech.voice.strip_prefix("Basic.").map(str::to_ascii_lowercase);
            let voice = own.filter(|voice| voice.bytes().all(|byte| byte.is_ascii_alphanumeric()));
            let voice = voice.unwrap_or_else(|| self.voice.clone());
            let text = speakable(&speech.text);
            match text.is_empty() {
                true => Err(Problem("expected a text to say, found none".to_owned())),
                false => Ok(crate::switch::spoken_path(&self.engine, &voice, &text)),
            }
        })
    }
}

/// A text on one line, without what FreeSWITCH would read as something else than text.
fn speakable(text: &str) -> String {
    let plain: String = text
        .chars()
        .map(|char| match char {
            '\\' | '$' | '{' | '}' | '|' => ' ',
            char if char.is_control() => ' ',
            char => char,
        })
        .collect();
    plain.split_whitespace().collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn what_customers_say_is_text_to_freeswitch() {
        let speak = Speak { engine: "flite".to_owned(), voice: "kal".to_owned() };
        let said = |voice: &str, text: &str| Speech {
            voice: voice.to_owned(),
            language: "en-US".to_owned(),
            text: text.to_owned(),
            ssml: None,
        };
        let file = speak.speak(&said("Basic.Slt", "One\r\ntwo ${system reboot} \\'x")).await.expect("text");
        assert_eq!(file, PathBuf::from("say:flite:slt:One two system reboot 'x"));
        assert!(esl::Argument::new(file.to_string_lossy()).is_ok());
        let file = speak.speak(&said("Polly.Joanna", "Hi")).await.expect("text");
        assert_eq!(file, PathBuf::from("say:flite:kal:Hi"));
        assert!(speak.speak(&said("Basic.Kal", " \n")).await.is_err());
    }
}

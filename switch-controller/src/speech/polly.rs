//! Amazon Polly, for the platform's voices `Polly...`; all others speak by a program. What it made is kept by text and voice.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use aws_sdk_polly::Client;
use aws_sdk_polly::error::DisplayErrorContext;
use aws_sdk_polly::types::{Engine, LanguageCode, OutputFormat, TextType, VoiceId};
use aws_smithy_http_client::tls::{Provider, rustls_provider::CryptoMode};
use tokio::sync::{OnceCell, Semaphore};

use super::{Program, Synthesiser, wav};
use crate::call::action::Speech;
use crate::call::input::Problem;
use crate::config::SpeechSettings;
use crate::files::{self, Part, Room};
use crate::platform::Soon;
use crate::voices;

/// The most characters that Polly takes at once (Amazon Polly Developer Guide, "Quotas"; what is SSML's does not count).
const AT_ONCE: usize = 3_000;

/// Polly's voices.
pub struct Polly {
    client: OnceCell<Client>,
    settings: SpeechSettings,
    directory: PathBuf,
    room: Arc<Room>,
    turns: Semaphore,
    others: Program,
}

/// What Polly is asked.
#[derive(Debug, PartialEq, Eq)]
struct Asked<'a> {
    voice: &'a str,
    engine: &'static str,
    language: &'a str,
    text: String,
    is_ssml: bool,
}

impl Polly {
    /// What it makes is kept in `directory`. Credentials and region are found as AWS's own tools find them, when the first
    /// text is to be spoken.
    pub fn new(settings: SpeechSettings, directory: PathBuf, room: Arc<Room>) -> Self {
        let others = Program::new(settings.clone(), directory.clone(), Arc::clone(&room));
        let turns = Semaphore::new(settings.at_once);
        Polly { client: OnceCell::new(), settings, directory, room, turns, others }
    }

    async fn client(&self) -> &Client {
        let find = || async {
            let http = aws_smithy_http_client::Builder::new()
                .tls_provider(Provider::Rustls(CryptoMode::Ring))
                .build_https();
            let behaviour = aws_config::BehaviorVersion::latest();
            Client::new(&aws_config::defaults(behaviour).http_client(http).load().await)
        };
        self.client.get_or_init(find).await
    }

    async fn make(&self, asked: &Asked<'_>) -> Result<PathBuf, String> {
        let Asked { voice, engine, language, text, .. } = asked;
        let identity = format!("polly\n{voice}\n{engine}\n{language}\n{text}");
        let path = self.directory.join(format!("say-{}.wav", files::name(identity.as_bytes())));
        if self.room.used(&path).await {
            return Ok(path);
        }
        let _turn = self.turns.acquire().await.map_err(|error| error.to_string())?;
        let limit = self.settings.timeout;
        let mut samples = Vec::new();
        for text in pieces(asked) {
            let piece = tokio::time::timeout(limit, self.ask(asked, text, &mut samples)).await;
            piece.unwrap_or_else(|_| Err(format!("expected speech within {limit:?}")))?;
        }
        store(&path, &samples).await.map_err(|error| format!("{}: {error}", path.display()))?;
        self.room.make(&path).await;
        Ok(path)
    }

    /// Adds samples of 16 bits at 8000 Hz: what calls have.
    async fn ask(&self, asked: &Asked<'_>, text: &str, samples: &mut Vec<u8>) -> Result<(), String> {
        let request = self.client().await.synthesize_speech();
        let request = request
            .voice_id(VoiceId::from(asked.voice))
            .engine(Engine::from(asked.engine))
            .language_code(LanguageCode::from(asked.language))
            .text_type(if asked.is_ssml { TextType::Ssml } else { TextType::Text })
            .text(text)
            .output_format(OutputFormat::Pcm)
            .sample_rate("8000");
        let mut answer = request.send().await.map_err(|error| DisplayErrorContext(error).to_string())?;
        let (before, most) = (samples.len(), self.settings.file_bytes);
        while let Some(piece) = answer.audio_stream.next().await {
            samples.extend_from_slice(&piece.map_err(|error| error.to_string())?);
            if samples.len() as u64 > most {
                return Err(format!("expected {most} bytes at most, found more"));
            }
        }
        if samples.len() == before { Err("expected speech, found none".to_owned()) } else { Ok(()) }
    }
}

impl Synthesiser for Polly {
    fn speak<'a>(&'a self, speech: &'a Speech) -> Soon<'a, Result<PathBuf, Problem>> {
        match asked(speech) {
            Some(asked) => Box::pin(async move {
                let made = self.make(&asked).await;
                made.map_err(|what| Problem(format!("Polly ({}): {what}", asked.voice)))
            }),
            None => self.others.speak(speech),
        }
    }
}

/// What Polly is asked for a text; `None` if the voice is not Polly's.
fn asked(speech: &Speech) -> Option<Asked<'_>> {
    let (voice, engine) = voices::of_polly(&speech.voice)?;
    let (text, is_ssml) = match &speech.ssml {
        Some(ssml) => (format!("<speak>{ssml}</speak>"), true),
        None => (speech.text.clone(), false),
    };
    Some(Asked { voice, engine, language: &speech.language, text, is_ssml })
}

/// What Polly takes at once of a text, one after the other: sentences, else words, that stay together as long as there is
/// room. SSML stays whole, since its elements may reach over any place.
fn pieces<'a>(asked: &'a Asked<'_>) -> Vec<&'a str> {
    let (mut rest, mut pieces) = (asked.text.as_str(), Vec::new());
    while let Some((most, _)) = rest.char_indices().nth(AT_ONCE).filter(|_| !asked.is_ssml) {
        let room = rest.get(..most).unwrap_or(rest);
        let behind_last = |ends: fn(char) -> bool| {
            room.char_indices().rfind(|(_, char)| ends(*char)).map(|(at, char)| at + char.len_utf8())
        };
        let cut = behind_last(ends_sentence).or_else(|| behind_last(char::is_whitespace)).unwrap_or(most);
        let (piece, behind) = rest.split_at(cut);
        pieces.push(piece);
        rest = behind.trim_start();
    }
    if !rest.is_empty() || pieces.is_empty() {
        pieces.push(rest);
    }
    pieces
}

/// Full stops of Latin, Chinese and Japanese, Khmer and Hindi, and what else a listener expects a pause at.
fn ends_sentence(char: char) -> bool {
    matches!(char, '.' | '!' | '?' | '\n' | '\u{3002}' | '\u{17d4}' | '\u{0964}')
}

async fn store(path: &Path, samples: &[u8]) -> std::io::Result<()> {
    let part = Part::of(path);
    let mut file = wav::header(u32::try_from(samples.len()).unwrap_or(u32::MAX));
    file.extend_from_slice(samples);
    tokio::fs::write(part.path(), file).await?;
    part.put().await
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use aws_sdk_polly::config::{BehaviorVersion, Credentials, Region};
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    use tokio::net::TcpListener;

    use super::*;

    fn speech(voice: &str, text: &str, ssml: Option<&str>) -> Speech {
        let (voice, language, text) = (voice.to_owned(), "nl-NL".to_owned(), text.to_owned());
        Speech { voice, language, text, ssml: ssml.map(str::to_owned) }
    }

    #[test]
    fn s4_a_voice_is_an_id_and_an_engine() {
        for (name, voice, engine) in [
            ("Polly.Lotte", "Lotte", "standard"),
            ("Polly.Lotte-Neural", "Lotte", "neural"),
            ("Polly.Danielle-Long-Form", "Danielle", "long-form"),
            ("Polly.Ruth-Generative", "Ruth", "generative"),
        ] {
            let speech = speech(name, "Hallo.", None);
            let asked = asked(&speech).expect("one of Polly's");
            assert_eq!((asked.voice, asked.engine, asked.language), (voice, engine, "nl-NL"), "{name}");
        }
        assert_eq!(asked(&speech("Basic.Slt", "Hello.", None)), None);
    }

    #[test]
    fn s16_ssml_is_passed_through() {
        let speech = speech("Polly.Lotte", "a b.", Some("a <break time=\"1s\"/> b &amp; c"));
        let asked = asked(&speech).expect("one of Polly's");
        assert!(asked.is_ssml);
        assert_eq!(asked.text, "<speak>a <break time=\"1s\"/> b &amp; c</speak>");
    }

    #[test]
    fn a_long_text_is_spoken_in_pieces_that_polly_takes() {
        let spoken = |text: &str, ssml: Option<&str>| {
            let speech = speech("Polly.Lotte", text, ssml);
            let asked = asked(&speech).expect("one of Polly's");
            pieces(&asked).into_iter().map(str::to_owned).collect::<Vec<_>>()
        };
        let (short, long) = ("Hallo. ".repeat(2), "\u{1798}".repeat(3_000));
        assert_eq!(spoken(&short, None), [short.as_str()]);
        assert_eq!(spoken(&long, None), [long.as_str()]);
        assert_eq!(spoken(&format!("{long}ab"), None), [&long, "ab"], "a word without end");
        let words = "aaa ".repeat(1_000);
        assert_eq!(spoken(&words, None).iter().map(String::len).collect::<Vec<_>>(), [3_000, 1_000]);
        let sentences = format!("{} {}\n", "b".repeat(2_000) + ".", "c d".repeat(500));
        assert_eq!(spoken(&sentences, None).iter().map(String::len).collect::<Vec<_>>(), [2_001, 1_501]);
        assert_eq!(spoken(&format!("{}.  ", "e".repeat(2_998)), None).len(), 1, "nothing is left to be said");
        assert_eq!(spoken("", Some(&words)), [format!("<speak>{words}</speak>")]);
        assert_eq!(spoken("", None), [""]);
    }

    /// Answers one request as Polly does, or refuses it; says what it was asked.
    async fn answer(listener: TcpListener, status: &'static str, body: Vec<u8>) -> String {
        let (mut stream, _) = listener.accept().await.expect("a connection");
        let mut request = Vec::new();
        while !String::from_utf8_lossy(&request).ends_with('}') {
            assert!(stream.read_buf(&mut request).await.expect("a request") > 0);
        }
        let kind = if status.starts_with("200") { "audio/pcm" } else { "application/json" };
        let head = format!(
            "HTTP/1.1 {status}\r\nContent-Type: {kind}\r\nContent-Length: {}\r\nConnection: close\r\n\r\n",
            body.len()
        );
        stream.write_all(head.as_bytes()).await.expect("written");
        stream.write_all(&body).await.expect("written");
        String::from_utf8_lossy(&request).into_owned()
    }

    fn polly(directory: &Path, listener: &TcpListener) -> Polly {
        let room = Room::new(directory.to_owned(), 1 << 20).expect("a room");
        let settings = SpeechSettings { timeout: Duration::from_secs(10), ..SpeechSettings::default() };
        let polly = Polly::new(settings, directory.to_owned(), Arc::new(room));
        let address = listener.local_addr().expect("an address");
        let config = aws_sdk_polly::Config::builder()
            .behavior_version(BehaviorVersion::latest())
            .region(Region::new("us-east-1"))
            .credentials_provider(Credentials::for_tests())
            .http_client(aws_smithy_http_client::Builder::new().build_http())
            .endpoint_url(format!("http://{address}"))
            .build();
        assert!(polly.client.set(Client::from_conf(config)).is_ok());
        polly
    }

    #[tokio::test]
    async fn speech_is_asked_for_once_and_is_a_wav_file() {
        let directory = tempfile::tempdir().expect("a directory");
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("an address");
        let polly = polly(directory.path(), &listener);
        let samples: Vec<u8> = (0..1600).map(|number| number as u8).collect();
        let answering = tokio::spawn(answer(listener, "200 OK", samples.clone()));
        let speech = speech("Polly.Lotte-Neural", "Hallo.", Some("<emphasis>Hallo</emphasis>"));
        let path = polly.speak(&speech).await.expect("speech");
        let asked = answering.await.expect("asked");
        let line = asked.lines().next().unwrap_or_default();
        assert!(line.starts_with("POST /v1/speech"), "{line}");
        for part in [
            r#""VoiceId":"Lotte""#,
            r#""Engine":"neural""#,
            r#""LanguageCode":"nl-NL""#,
            r#""TextType":"ssml""#,
            r#""OutputFormat":"pcm""#,
            r#""SampleRate":"8000""#,
            r#""Text":"<speak><emphasis>Hallo</emphasis></speak>""#,
        ] {
            assert!(asked.contains(part), "no {part} in {asked}");
        }
        let file = std::fs::read(&path).expect("a file");
        let found = wav::lengths(&file, file.len() as u64).expect("a WAV file");
        assert_eq!((found.samples, file.len()), (1600, 1644));
        assert!(file.ends_with(&samples));
        // Nobody answers any more.
        assert_eq!(polly.speak(&speech).await, Ok(path));
    }

    #[tokio::test]
    async fn a_refusal_is_a_problem_that_says_why() {
        let directory = tempfile::tempdir().expect("a directory");
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("an address");
        let polly = polly(directory.path(), &listener);
        let refusal = br#"{"__type":"InvalidSsmlException","message":"Invalid SSML request"}"#.to_vec();
        let answering = tokio::spawn(answer(listener, "400 Bad Request", refusal));
        let speech = speech("Polly.Lotte", "a", Some("<p>"));
        let problem = polly.speak(&speech).await.expect_err("a problem");
        answering.await.expect("asked");
        assert!(problem.0.contains("Polly (Lotte)") && problem.0.contains("Invalid SSML"), "{}", problem.0);
    }
}

//! A program that makes speech: run without a shell, with the text on its standard input, and a WAV file on its standard
//! output. What it made is kept by text and voice.

use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::sync::Arc;

use tokio::io::{AsyncReadExt, AsyncSeekExt, AsyncWriteExt};
use tokio::process::{Child, Command};
use tokio::sync::Semaphore;

use super::{Synthesiser, wav};
use crate::call::action::Speech;
use crate::call::input::Problem;
use crate::config::SpeechSettings;
use crate::files::{self, Part, Room};
use crate::platform::Soon;

/// Bytes of what a program says on standard error that are shown.
const SHOWN: usize = 300;

/// Runs programs.
pub struct Program {
    settings: SpeechSettings,
    directory: PathBuf,
    room: Arc<Room>,
    turns: Semaphore,
}

impl Program {
    /// What it makes is kept in `directory`.
    pub fn new(settings: SpeechSettings, directory: PathBuf, room: Arc<Room>) -> Self {
        let turns = Semaphore::new(settings.at_once);
        Program { settings, directory, room, turns }
    }

    async fn make(&self, speech: &Speech) -> Result<PathBuf, String> {
        let (language, voice) = (word(&speech.language), word(&speech.voice));
        let fill = |argument: &String| argument.replace("{language}", &language).replace("{voice}", &voice);
        let command: Vec<String> = self.settings.command.iter().map(fill).collect();
        // Lengths keep two lists apart that would be one text.
        let mut identity = format!("{}\n{}\n", speech.text.len(), speech.text);
        command.iter().for_each(|part| identity.push_str(&format!("{}\n{part}\n", part.len())));
        let path = self.directory.join(format!("say-{}.wav", files::name(identity.as_bytes())));
        if self.room.used(&path).await {
            return Ok(path);
        }
        let _turn = self.turns.acquire().await.map_err(|error| error.to_string())?;
        let part = Part::of(&path);
        self.run(&command, &speech.text, part.path()).await?;
        part.put().await.map_err(|error| error.to_string())?;
        self.room.make(&path).await;
        Ok(path)
    }

    async fn run(&self, command: &[String], text: &str, part: &Path) -> Result<(), String> {
        let (program, arguments) = command.split_first().ok_or("expected a program")?;
        let mut child = Command::new(program)
            .args(arguments)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .map_err(|error| format!("{program}: {error}"))?;
        let limit = self.settings.timeout;
        let run = tokio::time::timeout(limit, self.talk(&mut child, text, part)).await;
        let length = run.unwrap_or_else(|_| Err(format!("expected speech within {limit:?}")));
        let length = length.map_err(|what| format!("{program}: {what}"))?;
        mend(part, length).await.map_err(|what| format!("{program}: {what}"))
    }

    /// Writes the text and reads the file, both at once: neither side waits for the other.
    async fn talk(&self, child: &mut Child, text: &str, part: &Path) -> Result<u64, String> {
        let pipes = (child.stdin.take(), child.stdout.take(), child.stderr.take());
        let (Some(mut stdin), Some(mut stdout), Some(mut stderr)) = pipes else {
            return Err("expected pipes".to_owned());
        };
        let write = async move {
            // One that does not read all of it says by its exit whether that was right.
            let _ = stdin.write_all(text.as_bytes()).await;
            let _ = stdin.shutdown().await;
        };
        let read = async {
            let mut file = tokio::fs::File::create(part).await.map_err(|error| error.to_string())?;
            let most = self.settings.file_bytes;
            let mut limited = (&mut stdout).take(most + 1);
            let length = tokio::io::copy(&mut limited, &mut file).await.map_err(|error| error.to_string())?;
            file.flush().await.map_err(|error| error.to_string())?;
            if length > most { Err(format!("expected {most} bytes at most, found more")) } else { Ok(length) }
        };
        let complain = async {
            let (mut shown, mut buffer) = (Vec::new(), [0; 1024]);
            while let Ok(count @ 1..) = stderr.read(&mut buffer).await {
                let room = SHOWN.saturating_sub(shown.len());
                shown.extend_from_slice(buffer.get(..count.min(room)).unwrap_or_default());
            }
            String::from_utf8_lossy(&shown).trim().to_owned()
        };
        let all = async { tokio::join!(write, complain) };
        // What is read decides first: one that writes without end is not waited for.
        let (length, complaint) = {
            let (mut all, mut read) = (std::pin::pin!(all), std::pin::pin!(read));
            tokio::select! {
                length = &mut read => (length?, all.await.1),
                ((), said) = &mut all => (read.await?, said),
            }
        };
        let status = child.wait().await.map_err(|error| error.to_string())?;
        match status.success() {
            true => Ok(length),
            false => Err(format!("{status}: {}", complaint)),
        }
    }
}

impl Synthesiser for Program {
    fn speak<'a>(&'a self, speech: &'a Speech) -> Soon<'a, Result<PathBuf, Problem>> {
        Box::pin(async { self.make(speech).await.map_err(|what| Problem(format!("speech: {what}"))) })
    }
}

/// A voice or a language as a part of an argument: it cannot become an option, a path, or anything else.
fn word(text: &str) -> String {
    let plain: String =
        text.chars().filter(|char| char.is_ascii_alphanumeric() || "-_.".contains(*char)).collect();
    plain.trim_start_matches(['-', '.']).to_owned()
}

/// Puts the lengths into a file's header that its maker did not know.
async fn mend(path: &Path, length: u64) -> Result<(), String> {
    let fault = |error: std::io::Error| error.to_string();
    let mut file = tokio::fs::File::options().read(true).write(true).open(path).await.map_err(fault)?;
    let mut head = Vec::new();
    (&mut file).take(4096).read_to_end(&mut head).await.map_err(fault)?;
    let lengths = wav::lengths(&head, length)?;
    for (at, value) in [(4, lengths.whole), (lengths.at as u64, lengths.samples)] {
        file.seek(std::io::SeekFrom::Start(at)).await.map_err(fault)?;
        file.write_all(&value.to_le_bytes()).await.map_err(fault)?;
    }
    file.flush().await.map_err(fault)
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    /// A WAV file of eight samples whose lengths are wrong, as a shell prints it.
    const WAV: &str = r"printf 'RIFF\377\377\377\177WAVEfmt \020\0\0\0\001\0\001\0\100\037\0\0\200\076\0\0\002\0\020\0data\377\377\377\1771234567812345678'";

    fn program(directory: &Path, script: &str) -> Program {
        let command = ["sh", "-c", script, "sh", "{language}", "{voice}"].map(str::to_owned).to_vec();
        let timeout = Duration::from_secs(20);
        let settings = SpeechSettings { command, timeout, file_bytes: 4096, ..SpeechSettings::default() };
        program_with(directory, settings)
    }

    fn program_with(directory: &Path, settings: SpeechSettings) -> Program {
        let room = Room::new(directory.to_owned(), 1 << 20).expect("room");
        Program::new(settings, directory.to_owned(), Arc::new(room))
    }

    fn speech(text: &str, language: &str) -> Speech {
        let (text, language) = (text.to_owned(), language.to_owned());
        Speech { voice: "Basic.Slt".to_owned(), language, text, ssml: None }
    }

    #[tokio::test]
    async fn speech_is_made_once_and_its_lengths_are_right() {
        let directory = tempfile::tempdir().expect("a directory");
        let log = directory.path().join("log");
        let script = format!("cat >>{0}; echo \" $1 $2\" >>{0}; {WAV}", log.display());
        let program = program(directory.path(), &script);
        let said = speech("Hola; $(reboot)\n'\"", "--path=/etc");
        let file = program.speak(&said).await.expect("speech");
        assert_eq!(program.speak(&said).await, Ok(file.clone()));
        let bytes = std::fs::read(&file).expect("a file");
        assert_eq!((bytes[4..8].to_vec(), bytes[40..44].to_vec()), (vec![52, 0, 0, 0], vec![16, 0, 0, 0]));
        let asked = std::fs::read_to_string(log).expect("a log");
        assert_eq!(asked, "Hola; $(reboot)\n'\" pathetc Basic.Slt\n", "once, and nothing of it is an option");
    }

    #[tokio::test]
    async fn a_program_that_fails_hangs_or_never_ends_is_told_of() {
        let directory = tempfile::tempdir().expect("a directory");
        let cases = [
            ("echo 'no such voice' >&2; exit 3", 20_000, "sh: exit status: 3: no such voice"),
            ("sleep 3600", 300, "sh: expected speech within 300ms"),
            (
                "while :; do echo xxxxxxxxxxxxxxxxxxxxxxxx; done",
                20_000,
                "sh: expected 4096 bytes at most, found more",
            ),
            ("echo hello", 20_000, "sh: expected a WAV file (RIFF ... WAVE)"),
        ];
        for (script, timeout, expected) in cases {
            let command = ["sh", "-c", script].map(str::to_owned).to_vec();
            let timeout = Duration::from_millis(timeout);
            let settings = SpeechSettings { command, timeout, file_bytes: 4096, ..SpeechSettings::default() };
            let made = program_with(directory.path(), settings).speak(&speech("x", "en")).await;
            assert_eq!(made, Err(Problem(format!("speech: {expected}"))));
        }
        assert_eq!(std::fs::read_dir(directory.path()).expect("a directory").count(), 0, "nothing is left");
    }
}

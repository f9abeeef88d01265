//! Reads the recorded conversations; included by path.

use std::fs;
use std::path::Path;

/// Who sent something.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Side {
    FreeSwitch,
    Controller,
}

/// One frame or one command.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Part {
    pub side: Side,
    pub bytes: Vec<u8>,
}

/// All conversations by file name, in order.
pub fn all() -> Vec<(String, Vec<Part>)> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/transcripts");
    let entries = fs::read_dir(folder).expect("the folder of transcripts");
    let mut files: Vec<_> = entries.map(|entry| entry.expect("an entry").path()).collect();
    files.retain(|file| file.extension().is_some_and(|ext| ext == "txt"));
    files.sort();
    let name = |file: &Path| file.file_name().expect("a name").to_string_lossy().into_owned();
    files.iter().map(|file| (name(file), parse(&fs::read(file).expect("a transcript")))).collect()
}

/// One conversation.
pub fn parse(file: &[u8]) -> Vec<Part> {
    let mut parts: Vec<Part> = Vec::new();
    for line in file.split_inclusive(|byte| *byte == b'\n') {
        let side = match line {
            b"--- freeswitch\n" => Side::FreeSwitch,
            b"--- controller\n" => Side::Controller,
            _ => {
                parts.last_mut().expect("a part begins with its side").bytes.extend_from_slice(line);
                continue;
            }
        };
        parts.push(Part { side, bytes: Vec::new() });
    }
    parts.iter_mut().for_each(|part| part.bytes.truncate(length(&part.bytes)));
    parts
}

/// What a part is long without the line end that its last line got.
fn length(bytes: &[u8]) -> usize {
    let text = String::from_utf8_lossy(bytes);
    let (head, _) = text.split_once("\n\n").expect("a head");
    let body = head.lines().find_map(|line| line.strip_prefix("Content-Length: "));
    head.len() + 2 + body.map_or(0, |length| length.trim().parse().expect("a length"))
}

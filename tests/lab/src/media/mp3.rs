//! MP3 files, which FreeSWITCH plays by mod_shout.

use super::wav::telephone;

/// The samples of a file, mixed to one channel, at 8000 Hz. `None` for anything else.
pub fn read(file: &[u8]) -> Option<Vec<i16>> {
    // A decoder looks for a frame in anything; one that begins like a file of another kind is none.
    if !(file.starts_with(b"ID3") || matches!(file, [0xff, second, ..] if second & 0xe0 == 0xe0)) {
        return None;
    }
    let sound = nanomp3::decode_all::<i16>(file);
    let channels = sound.channels.map(|channels| usize::from(channels.num()))?;
    (sound.sample_rate > 0).then(|| telephone(&sound.samples, channels, sound.sample_rate as usize))
}

//! A file that is being made: nobody plays half of one.

use std::io;
use std::path::{Path, PathBuf};

/// A name beside a file's place, for whoever writes it. What is there goes away with this, unless it was [put](Part::put).
pub struct Part {
    draft: PathBuf,
    place: PathBuf,
}

impl Part {
    /// For what shall be at `place`. No other has the same name.
    pub fn of(place: &Path) -> Self {
        let draft = place.with_extension(format!("part-{}", uuid::Uuid::new_v4().simple()));
        Part { draft, place: place.to_owned() }
    }

    /// Where to write it.
    pub fn path(&self) -> &Path {
        &self.draft
    }

    /// It is whole: in one step it is at its place.
    ///
    /// # Errors
    ///
    /// Nothing was written, or the file system says no.
    pub async fn put(self) -> io::Result<()> {
        tokio::fs::rename(&self.draft, &self.place).await
    }
}

impl Drop for Part {
    fn drop(&mut self) {
        let _ = std::fs::remove_file(&self.draft);
    }
}

//! What is kept on disk of each call, so that another process can go on with it: one file a call, replaced in one step, gone
//! when the call is over. Nothing waits for the disk: a thread writes, in order.
//!
//! The files hold account tokens: they are for the controller's own user alone.

mod entry;

use std::collections::HashMap;
use std::fs::{self, DirBuilder, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::thread;

use tokio::sync::oneshot;

pub use entry::{Document, Entry, unix};

/// What ends a file's name.
const EXTENSION: &str = "call";

/// The longest file that is read: a document, whose text is longer in JSON, and the rest.
const MOST_BYTES: u64 = 1 << 20;

/// Where calls are kept.
#[derive(Debug)]
pub struct Kept {
    jobs: Option<Sender<Job>>,
}

#[derive(Debug)]
enum Job {
    Keep(Box<Entry>, Option<oneshot::Sender<()>>),
    Forget(String),
    #[cfg(test)]
    Done(Sender<()>),
}

impl Kept {
    /// Keeps calls in this directory; without one, nothing is kept. Also what an earlier process has left there.
    ///
    /// # Errors
    ///
    /// The directory cannot be made or read. A file that is of no use is logged and removed.
    pub fn open(directory: Option<&Path>) -> io::Result<(Self, Vec<Entry>)> {
        let Some(directory) = directory else { return Ok((Kept { jobs: None }, Vec::new())) };
        DirBuilder::new().recursive(true).mode(0o700).create(directory)?;
        let left = read_all(directory)?;
        let (jobs, work) = channel();
        let directory = directory.to_owned();
        thread::Builder::new().name("kept calls".to_owned()).spawn(move || write_all(&directory, &work))?;
        Ok((Kept { jobs: Some(jobs) }, left))
    }

    /// Keeps what is known of a call now.
    pub fn keep(&self, entry: Entry) {
        self.tell(Job::Keep(Box::new(entry), None));
    }

    /// The same, and waits until it has been tried: then it is there for the next process, whatever becomes of this one.
    pub async fn keep_at_once(&self, entry: Entry) {
        let (tell, told) = oneshot::channel();
        self.tell(Job::Keep(Box::new(entry), Some(tell)));
        // Where nothing is kept nobody tells.
        let _ = told.await;
    }

    /// A call is over.
    pub fn forget(&self, channel: &str) {
        self.tell(Job::Forget(channel.to_owned()));
    }

    fn tell(&self, job: Job) {
        if let Some(jobs) = &self.jobs {
            // The thread lives as long as we do.
            let _ = jobs.send(job);
        }
    }
}

/// Channels are UUIDs, which are fit for names of files; a platform cannot choose them.
fn path(directory: &Path, channel: &str) -> PathBuf {
    directory.join(format!("{channel}.{EXTENSION}"))
}

fn write_all(directory: &Path, work: &Receiver<Job>) {
    // The same error is said once for each call.
    let mut failed = HashMap::<String, io::ErrorKind>::new();
    for job in work {
        let (channel, done) = match job {
            Job::Keep(entry, tell) => {
                let done = write(directory, &entry);
                // Who waited may have gone.
                let _ = tell.map(|tell| tell.send(()));
                (entry.facts.channel, done)
            }
            Job::Forget(channel) => {
                failed.remove(&channel);
                let done = match fs::remove_file(path(directory, &channel)) {
                    Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
                    done => done,
                };
                (channel, done)
            }
            #[cfg(test)]
            Job::Done(tell) => {
                let _ = tell.send(());
                continue;
            }
        };
        if let Err(error) = done
            && failed.insert(channel.clone(), error.kind()) != Some(error.kind())
        {
            tracing::warn!(channel, %error, directory = %directory.display(), "a call cannot be kept: it would not survive this process");
        }
    }
}

/// In one step: a process that ends meanwhile leaves one content or the other.
fn write(directory: &Path, entry: &Entry) -> io::Result<()> {
    let path = path(directory, &entry.facts.channel);
    let draft = path.with_extension("new");
    let mut file = OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(&draft)?;
    file.write_all(&entry.to_json()?)?;
    fs::rename(draft, path)
}

fn read_all(directory: &Path) -> io::Result<Vec<Entry>> {
    let mut left = Vec::new();
    for item in fs::read_dir(directory)? {
        let path = item?.path();
        let is_ours = |extension: &str| path.extension().is_some_and(|found| found == extension);
        if is_ours("new") {
            let _ = fs::remove_file(&path);
        }
        if !is_ours(EXTENSION) {
            continue;
        }
        match read(&path) {
            Ok(entry) => left.push(entry),
            Err(error) => {
                tracing::warn!(file = %path.display(), %error, "what was kept of a call is of no use, and is removed");
                let _ = fs::remove_file(&path);
            }
        }
    }
    Ok(left)
}

fn read(path: &Path) -> io::Result<Entry> {
    let length = fs::metadata(path)?.len();
    if length > MOST_BYTES {
        let error = format!("expected up to {MOST_BYTES} bytes, found {length}");
        return Err(io::Error::new(io::ErrorKind::InvalidData, error));
    }
    let entry = Entry::from_json(&fs::read(path)?)?;
    match path.file_stem().is_some_and(|name| name == entry.facts.channel.as_str()) {
        true => Ok(entry),
        false => Err(io::Error::new(io::ErrorKind::InvalidData, "its name is that of another channel")),
    }
}

#[cfg(test)]
mod tests {
    use super::entry::tests::entry;
    use super::*;

    fn wait(kept: &Kept) {
        let (tell, told) = channel();
        kept.tell(Job::Done(tell));
        told.recv().unwrap();
    }

    #[test]
    fn calls_are_there_until_they_are_over() {
        let directory = tempfile::tempdir().unwrap();
        let place = directory.path().join("calls");
        let (kept, left) = Kept::open(Some(&place)).unwrap();
        assert!(left.is_empty());
        let (one, other) = (entry("one"), entry("other"));
        kept.keep(one.clone());
        kept.keep(Entry { began: 7, ..other.clone() });
        kept.keep(other.clone());
        wait(&kept);
        let mut left = Kept::open(Some(&place)).unwrap().1;
        left.sort_by(|a, b| a.facts.channel.cmp(&b.facts.channel));
        assert_eq!(
            left.iter().map(|entry| entry.to_json().unwrap()).collect::<Vec<_>>(),
            [one.to_json().unwrap(), other.to_json().unwrap()]
        );
        kept.forget("one");
        kept.forget("never");
        wait(&kept);
        assert_eq!(Kept::open(Some(&place)).unwrap().1.len(), 1);
    }

    #[test]
    fn what_is_of_no_use_is_removed() {
        let directory = tempfile::tempdir().unwrap();
        let write = |name: &str, text: &[u8]| fs::write(directory.path().join(name), text).unwrap();
        write("a.call", b"{");
        write("b.call", &entry("c").to_json().unwrap());
        write("c.call", &vec![b' '; MOST_BYTES as usize + 1]);
        write("d.new", b"");
        write("d.txt", b"somebody's own");
        assert!(Kept::open(Some(directory.path())).unwrap().1.is_empty());
        let names: Vec<_> =
            fs::read_dir(directory.path()).unwrap().map(|item| item.unwrap().file_name()).collect();
        assert_eq!(names, ["d.txt"]);
    }

    #[test]
    fn only_its_own_user_can_read_it() {
        use std::os::unix::fs::PermissionsExt;
        let directory = tempfile::tempdir().unwrap();
        let place = directory.path().join("calls");
        let (kept, _) = Kept::open(Some(&place)).unwrap();
        kept.keep(entry("one"));
        wait(&kept);
        let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
        assert_eq!((mode(&place), mode(&place.join("one.call"))), (0o700, 0o600));
    }
}

//! What changes the snapshot.

use std::path::Path;

use anyhow::{Context, Result, bail};
use fleet::{Drain, Snapshot};

use crate::place::{Place, now, pushed};
use crate::show;

pub(crate) async fn drain(place: &Place, id: &str, note: Option<String>, json: bool) -> Result<()> {
    let (before, after) = place
        .change(|list| {
            let id = whole(list, id)?;
            Ok(list.drain(&id, Drain { at: now(), note: note.clone(), ..Drain::default() })?)
        })
        .await?;
    show::changes(&before, &after, json)
}

pub(crate) async fn activate(place: &Place, id: &str, json: bool) -> Result<()> {
    let mut takes_calls = true;
    let mut named = String::new();
    let (before, after) = place
        .change(|list| {
            named = whole(list, id)?;
            takes_calls = list.activate(&named)?;
            Ok(())
        })
        .await?;
    show::changes(&before, &after, json)?;
    if !takes_calls {
        let reason = after.target(&named).and_then(|target| target.reason.clone()).unwrap_or_default();
        bail!("{named} drains on for another reason: {reason}");
    }
    Ok(())
}

pub(crate) async fn diff(place: &Place, file: &Path, all: bool, json: bool) -> Result<()> {
    let before = place.get().await?;
    show::changes(&before, &pushed(&before, &read(file)?, all), json)
}

/// The store's epoch goes on: a reader that has a later generation would not take an earlier one.
pub(crate) async fn push(place: &Place, file: &Path, all: bool, json: bool) -> Result<()> {
    let new = read(file)?;
    let (before, after) = place.push(&new, all).await?;
    show::changes(&before, &after, json)
}

fn read(file: &Path) -> Result<Snapshot> {
    let shown = || file.display().to_string();
    Snapshot::from_json(&std::fs::read(file).with_context(shown)?).with_context(shown)
}

/// The id that begins so, if there is one alone.
fn whole(list: &Snapshot, beginning: &str) -> Result<String> {
    if list.target(beginning).is_some() {
        return Ok(beginning.to_owned());
    }
    let ids: Vec<&str> = list.targets.iter().map(|target| target.id.as_str()).collect();
    let fitting: Vec<&&str> =
        ids.iter().filter(|id| id.starts_with(beginning) && !beginning.is_empty()).collect();
    match fitting.as_slice() {
        [one] => Ok((**one).to_owned()),
        [] => bail!(
            "expected the id of a target, or how it begins, found {beginning:?}; there are {}",
            ids.join(", ")
        ),
        several => bail!("{beginning:?} stands for {} targets", several.len()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use fleet::Target;

    #[test]
    fn an_id_may_be_shortened_as_far_as_it_is_one() {
        let target = |id: &str| Target::new(id, [10, 0, 0, 1].into(), Default::default());
        let list = Snapshot::of(vec![target("abc"), target("abd"), target("ab")]).unwrap();
        assert_eq!(whole(&list, "abc").unwrap(), "abc");
        assert_eq!(whole(&list, "ab").unwrap(), "ab");
        assert!(whole(&list, "a").unwrap_err().to_string().contains("3 targets"));
        assert!(whole(&list, "").is_err() && whole(&list, "x").is_err());
    }
}

//! What is printed: tables for people, JSON for programs.

use std::time::Duration;

use anyhow::Result;
use fleet::{Beside, Snapshot, differences, differences_beside};
use serde_json::{Map, json};

use crate::place::Place;

pub(crate) fn targets(list: &Snapshot, as_json: bool) -> Result<()> {
    if as_json {
        println!("{}", serde_json::to_string(&list.targets)?);
        return Ok(());
    }
    let mut rows = vec![["TARGET", "ADDRESS", "STATE", "WEIGHT", "REASON"].map(str::to_owned)];
    rows.extend(list.targets.iter().map(|target| {
        let reason = target.reason.clone().unwrap_or_default();
        [
            target.id.clone(),
            target.address.to_string(),
            target.state.to_string(),
            target.weight.to_string(),
            reason,
        ]
    }));
    print!("{}", table(&rows));
    let generation = list.generation.map_or_else(|| "none".to_owned(), |generation| generation.to_string());
    println!("generation {generation}, written {}", list.written_at.as_deref().unwrap_or("at no known time"));
    Ok(())
}

pub(crate) fn whole(list: &Snapshot) -> Result<()> {
    println!("{}", serde_json::to_string_pretty(list)?);
    Ok(())
}

pub(crate) fn changes(before: &Snapshot, after: &Snapshot, as_json: bool) -> Result<()> {
    let (changes, beside) = (differences(before, after), differences_beside(before, after));
    if as_json {
        let changes: Vec<_> = changes
            .iter()
            .map(|change| {
                let (was, is) = (before.target(change.id()), after.target(change.id()));
                json!({"id": change.id(), "before": was, "after": is})
            })
            .collect();
        let (mut drained, mut other) = (Map::new(), Map::new());
        for change in beside {
            match change {
                Beside::Drained(id, was, is) => {
                    drained.insert(id.to_owned(), json!({"before": was, "after": is}))
                }
                Beside::Other(key, was, is) => {
                    other.insert(key.to_owned(), json!({"before": was, "after": is}))
                }
            };
        }
        let generation = after.generation;
        println!(
            "{}",
            json!({"generation": generation, "changes": changes, "drained": drained, "other": other})
        );
        return Ok(());
    }
    changes.iter().for_each(|change| println!("{change}"));
    beside.iter().for_each(|change| println!("{change}"));
    if changes.is_empty() {
        println!("no target changes");
    }
    Ok(())
}

/// Says what changes, until it is interrupted. A store that is away is told of once.
pub(crate) async fn watch(place: &Place, poll: Duration, as_json: bool) -> Result<()> {
    let mut before = place.get().await?;
    targets(&before, as_json)?;
    let mut trouble = None;
    loop {
        tokio::time::sleep(poll).await;
        match place.get().await {
            Ok(after) if after != before => {
                changes(&before, &after, as_json)?;
                (before, trouble) = (after, None);
            }
            Ok(_) => trouble = None,
            Err(error) => {
                let error = format!("{error:#}");
                if trouble.as_ref() != Some(&error) {
                    eprintln!("switchctl: {error}");
                    trouble = Some(error);
                }
            }
        }
    }
}

/// Columns as wide as their widest cell.
fn table<const N: usize>(rows: &[[String; N]]) -> String {
    let mut widths = [0; N];
    for row in rows {
        for (width, cell) in widths.iter_mut().zip(row) {
            *width = (*width).max(cell.chars().count());
        }
    }
    let line = |row: &[String; N]| {
        let cells: Vec<_> = row.iter().zip(widths).map(|(cell, width)| format!("{cell:width$}")).collect();
        format!("{}\n", cells.join("  ").trim_end())
    };
    rows.iter().map(line).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_are_as_wide_as_their_widest_cell() {
        let rows = [["A", "B"], ["long", "é"], ["", "x"]].map(|row| row.map(str::to_owned));
        assert_eq!(table(&rows), "A     B\nlong  é\n      x\n");
    }
}

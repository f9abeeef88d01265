//! Environment variables over the file: `SWITCHYARD_ADMIN__BIND=127.0.0.1:9090` is `bind` in `[admin]`.

use serde::de::DeserializeOwned;
use toml::{Table, Value};

use crate::Error;

/// What names of settings in the environment begin with.
const PREFIX: &str = "SWITCHYARD_";

/// The variables of this process, but those that are no settings of their own.
pub fn environment(but: &[&str]) -> impl Iterator<Item = (String, String)> {
    std::env::vars_os()
        .filter_map(|(name, value)| Some((name.into_string().ok()?, value.into_string().ok()?)))
        .filter(move |(name, _)| !but.contains(&name.as_str()))
}

/// Puts the variables over what the file said. Each is tried by itself, so that an error can name it.
pub(crate) fn apply<S: DeserializeOwned>(
    mut settings: S,
    mut file: Table,
    environment: impl Iterator<Item = (String, String)>,
) -> Result<S, Error> {
    let ours = environment
        .filter_map(|(name, text)| Some((name.strip_prefix(PREFIX)?.to_ascii_lowercase(), name, text)));
    let mut ours: Vec<_> = ours.collect();
    ours.sort();
    for (path, name, text) in ours {
        let keys: Vec<&str> = path.split("__").collect();
        // A value that reads as TOML may also be meant as a string ("1s" is one, 5 is none): the first that fits.
        let readings = [toml_value(&text), Some(Value::String(text.clone()))];
        let mut last = String::new();
        let fits = readings.into_iter().flatten().find_map(|value| {
            let mut table = file.clone();
            put(&mut table, &keys, value).map_err(|what| last = what).ok()?;
            let read = S::deserialize(table.clone());
            read.map_err(|error| last = error.message().to_owned()).ok().map(|settings| (settings, table))
        });
        (settings, file) = fits.ok_or(Error::Environment { name, what: last })?;
    }
    Ok(settings)
}

fn toml_value(text: &str) -> Option<Value> {
    let table: Table = toml::from_str(&format!("value = {text}")).ok()?;
    table.get("value").filter(|_| table.len() == 1).cloned()
}

fn put(table: &mut Table, keys: &[&str], value: Value) -> Result<(), String> {
    match keys {
        [] | [""] => Err("expected the name of a setting behind the prefix".to_owned()),
        [key] => {
            table.insert((*key).to_owned(), value);
            Ok(())
        }
        [section, rest @ ..] => {
            let inner = table.entry((*section).to_owned()).or_insert_with(|| Value::Table(Table::new()));
            let inner = inner.as_table_mut().ok_or_else(|| format!("{section} is no section of settings"))?;
            put(inner, rest, value)
        }
    }
}

//! Which voice speaks: the platform's catalogue.

mod polly;

use polly::{Engine, POLLY};

/// A voice, and the language that it speaks.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Voice {
    /// By the platform's name: `Basic.Slt`, `Polly.Joanna-Neural`.
    pub name: String,
    /// `en-US`
    pub language: String,
}

/// The voices that every installation has: name, and language.
const BASIC: [(&str, &str); 2] = [("Kal", "en-US"), ("Slt", "en-US")];

/// The voice for a Say with these attributes, where the account's own is `default`.
///
/// A voice that is known speaks, in its own language. Otherwise the default speaks, or if it does not speak the
/// language that is asked for, one of the same provider that does.
pub fn choose(voice: Option<&str>, language: Option<&str>, default: &str) -> Voice {
    let named = voice.and_then(|name| match name {
        "man" => find("Basic.Kal"),
        "woman" => find("Basic.Slt"),
        name => find(name),
    });
    if let Some(named) = named {
        return named;
    }
    let default = find(default);
    let speaks = |voice: &Voice, language: &str| voice.language.eq_ignore_ascii_case(language);
    let other = match (&default, voice, language) {
        (Some(default), None, Some(language)) if !speaks(default, language) => {
            in_language(default.name.split_once('.').map_or("", |(provider, _)| provider), language)
        }
        _ => None,
    };
    // Every installation has this one.
    other.or(default).unwrap_or_else(|| Voice { name: "Basic.Kal".to_owned(), language: "en-US".to_owned() })
}

/// Polly's own names of one of its voices and of its engine.
#[cfg(feature = "polly")]
pub(crate) fn of_polly(name: &str) -> Option<(&str, &'static str)> {
    let (id, engine) = Engine::split(name.strip_prefix("Polly.")?);
    Some((id, engine.name()))
}

/// The voice of this name.
fn find(name: &str) -> Option<Voice> {
    let (provider, rest) = name.split_once('.')?;
    let language = match provider {
        "Basic" => BASIC.iter().find(|(id, _)| *id == rest)?.1,
        "Polly" => {
            let (id, engine) = Engine::split(rest);
            POLLY.iter().find(|row| row.id == id && row.engines.contains(&engine))?.language
        }
        _ => return None,
    };
    Some(Voice { name: name.to_owned(), language: language.to_owned() })
}

/// The provider's voice for a language: the first one of it in the table.
fn in_language(provider: &str, language: &str) -> Option<Voice> {
    match provider {
        "Basic" => {
            let (id, language) = BASIC.iter().find(|(_, l)| l.eq_ignore_ascii_case(language))?;
            Some(Voice { name: format!("Basic.{id}"), language: (*language).to_owned() })
        }
        "Polly" => {
            let row = POLLY.iter().find(|row| row.language.eq_ignore_ascii_case(language))?;
            let engine = row.engines.first()?;
            let name = format!("Polly.{}{}", row.id, engine.suffix());
            Some(Voice { name, language: row.language.to_owned() })
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn chosen(voice: Option<&str>, language: Option<&str>, default: &str) -> (String, String) {
        let voice = choose(voice, language, default);
        (voice.name, voice.language)
    }

    fn is(name: &str, language: &str) -> (String, String) {
        (name.to_owned(), language.to_owned())
    }

    #[test]
    fn s2_s3_woman_and_man() {
        assert_eq!(chosen(Some("woman"), None, "Polly.Joanna"), is("Basic.Slt", "en-US"));
        assert_eq!(chosen(Some("man"), None, "Polly.Joanna"), is("Basic.Kal", "en-US"));
    }

    #[test]
    fn s4_a_known_voice_speaks_its_own_language() {
        assert_eq!(chosen(Some("Polly.Lotte-Neural"), None, "Basic.Kal"), is("Polly.Lotte-Neural", "nl-NL"));
        let long = "Polly.Danielle-Long-Form";
        assert_eq!(chosen(Some(long), None, "Basic.Kal"), is(long, "en-US"));
    }

    #[test]
    fn s5_s6_the_default_speaks_where_none_is_known() {
        for unknown in ["alice", "Google.x", "Polly.Nobody", "Polly.Joanna-Nothing", "Polly.", "Basic.kal"] {
            assert_eq!(chosen(Some(unknown), None, "Basic.Kal"), is("Basic.Kal", "en-US"), "{unknown}");
        }
        assert_eq!(chosen(None, None, "Basic.Kal"), is("Basic.Kal", "en-US"));
        assert_eq!(chosen(None, Some("fr-FR"), "nonsense"), is("Basic.Kal", "en-US"));
    }

    #[test]
    fn s7_s9_another_of_the_provider_speaks_the_language() {
        assert_eq!(chosen(None, Some("nl-NL"), "Polly.Joanna"), is("Polly.Lotte-Neural", "nl-NL"));
        assert_eq!(chosen(None, Some("NL-nl"), "Polly.Joanna"), is("Polly.Lotte-Neural", "nl-NL"));
    }

    #[test]
    fn s8_the_default_stays_where_it_speaks_the_language() {
        assert_eq!(chosen(None, Some("pt-BR"), "Polly.Vitoria"), is("Polly.Vitoria", "pt-BR"));
    }

    #[test]
    fn s10_the_default_stays_where_its_provider_does_not_know_the_language() {
        assert_eq!(chosen(None, Some("de"), "Basic.Slt"), is("Basic.Slt", "en-US"));
    }

    #[test]
    fn s11_a_voice_that_is_named_does_not_care_for_the_language() {
        assert_eq!(chosen(Some("woman"), Some("de"), "Polly.Vicki"), is("Basic.Slt", "en-US"));
    }

    #[test]
    fn every_voice_of_the_table_is_found_by_its_name_once() {
        for (place, row) in POLLY.iter().enumerate() {
            assert!(!row.engines.is_empty());
            for engine in row.engines {
                let name = format!("Polly.{}{}", row.id, engine.suffix());
                assert_eq!(find(&name).unwrap().language, row.language, "{name}");
            }
            assert!(!POLLY[..place].iter().any(|other| other.id == row.id), "{}", row.id);
        }
    }
}

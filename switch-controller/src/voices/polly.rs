//! Amazon Polly's voices, as its `DescribeVoices` gives them.
//!
//! The first of a language is the one that speaks it where no voice is named, with the first of its engines.

use Engine::{Generative, LongForm, Neural, Standard};

/// How a voice is made.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Engine {
    Standard,
    Neural,
    LongForm,
    Generative,
}

/// A voice.
pub(super) struct Row {
    pub(super) id: &'static str,
    pub(super) language: &'static str,
    pub(super) engines: &'static [Engine],
}

impl Engine {
    /// What stands behind the voice's id in its name.
    pub(super) fn suffix(self) -> &'static str {
        match self {
            Standard => "",
            Neural => "-Neural",
            LongForm => "-Long-Form",
            Generative => "-Generative",
        }
    }

    /// Polly's name for it.
    #[cfg(feature = "polly")]
    pub(super) fn name(self) -> &'static str {
        match self {
            Standard => "standard",
            Neural => "neural",
            LongForm => "long-form",
            Generative => "generative",
        }
    }

    /// `Joanna-Neural` -> `Joanna`, and which engine that is.
    pub(super) fn split(name: &str) -> (&str, Engine) {
        [Neural, LongForm, Generative]
            .into_iter()
            .find_map(|engine| Some((name.strip_suffix(engine.suffix())?, engine)))
            .unwrap_or((name, Standard))
    }
}

const fn row(language: &'static str, id: &'static str, engines: &'static [Engine]) -> Row {
    Row { id, language, engines }
}

const S: &[Engine] = &[Standard];
const N: &[Engine] = &[Neural];
const NS: &[Engine] = &[Neural, Standard];
const NG: &[Engine] = &[Neural, Generative];
const NSG: &[Engine] = &[Neural, Standard, Generative];
const NLG: &[Engine] = &[Neural, LongForm, Generative];

#[rustfmt::skip]
pub(super) const POLLY: &[Row] = &[
    row("ar-AE", "Hala", N), row("ar-AE", "Zayd", N),
    row("arb", "Zeina", S),
    row("ca-ES", "Arlet", N),
    row("cmn-CN", "Zhiyu", NS),
    row("cs-CZ", "Jitka", N),
    row("cy-GB", "Gwyneth", S),
    row("da-DK", "Sofie", N), row("da-DK", "Naja", S), row("da-DK", "Mads", S),
    row("de-AT", "Hannah", NG),
    row("de-CH", "Sabrina", N),
    row("de-DE", "Vicki", NSG), row("de-DE", "Daniel", NG), row("de-DE", "Marlene", S), row("de-DE", "Hans", S),
    row("en-AU", "Olivia", NG), row("en-AU", "Nicole", S), row("en-AU", "Russell", S),
    row("en-GB", "Amy", NSG), row("en-GB", "Emma", NS), row("en-GB", "Brian", NS), row("en-GB", "Arthur", N),
    row("en-GB-WLS", "Geraint", S),
    row("en-IE", "Niamh", N),
    row("en-IN", "Kajal", NG), row("en-IN", "Aditi", S), row("en-IN", "Raveena", S),
    row("en-NZ", "Aria", N),
    row("en-SG", "Jasmine", N),
    row("en-US", "Joanna", NSG), row("en-US", "Danielle", NLG), row("en-US", "Gregory", &[Neural, LongForm]),
    row("en-US", "Ivy", NS), row("en-US", "Justin", NS), row("en-US", "Kendra", NS), row("en-US", "Kevin", N),
    row("en-US", "Kimberly", NS), row("en-US", "Matthew", NSG), row("en-US", "Patrick", &[LongForm]),
    row("en-US", "Ruth", NLG), row("en-US", "Salli", NSG), row("en-US", "Stephen", NG), row("en-US", "Joey", NS),
    row("en-ZA", "Ayanda", NG),
    row("es-ES", "Lucia", NSG), row("es-ES", "Sergio", NG), row("es-ES", "Alba", &[LongForm]),
    row("es-ES", "Raul", &[LongForm]), row("es-ES", "Conchita", S), row("es-ES", "Enrique", S),
    row("es-MX", "Mia", NSG), row("es-MX", "Andres", NG),
    row("es-US", "Lupe", NSG), row("es-US", "Pedro", NG), row("es-US", "Penelope", S), row("es-US", "Miguel", S),
    row("fi-FI", "Suvi", N),
    row("fr-BE", "Isabelle", NG),
    row("fr-CA", "Gabrielle", NG), row("fr-CA", "Liam", NG), row("fr-CA", "Chantal", S),
    row("fr-FR", "Lea", NSG), row("fr-FR", "Remi", NG), row("fr-FR", "Celine", S), row("fr-FR", "Mathieu", S),
    row("is-IS", "Dora", S), row("is-IS", "Karl", S),
    row("it-IT", "Bianca", NSG), row("it-IT", "Adriano", N), row("it-IT", "Carla", S), row("it-IT", "Giorgio", S),
    row("ja-JP", "Kazuha", N), row("ja-JP", "Tomoko", N), row("ja-JP", "Takumi", NS), row("ja-JP", "Mizuki", S),
    row("ko-KR", "Seoyeon", NSG), row("ko-KR", "Jihye", N),
    row("nb-NO", "Ida", N), row("nb-NO", "Liv", S),
    row("nl-BE", "Lisa", NG),
    row("nl-NL", "Lotte", NS), row("nl-NL", "Laura", NG), row("nl-NL", "Ruben", S),
    row("pl-PL", "Ola", NG), row("pl-PL", "Ewa", S), row("pl-PL", "Maja", S), row("pl-PL", "Jacek", S),
    row("pl-PL", "Jan", S),
    row("pt-BR", "Camila", NSG), row("pt-BR", "Thiago", N), row("pt-BR", "Vitoria", NS), row("pt-BR", "Ricardo", S),
    row("pt-PT", "Ines", NS), row("pt-PT", "Cristiano", S),
    row("ro-RO", "Carmen", S),
    row("ru-RU", "Tatyana", S), row("ru-RU", "Maxim", S),
    row("sv-SE", "Elin", N), row("sv-SE", "Astrid", S),
    row("tr-TR", "Burcu", N), row("tr-TR", "Filiz", S),
    row("yue-CN", "Hiujin", N),
];

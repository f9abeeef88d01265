//! `<Gather>`: collects keys, while it says and plays.

use std::num::NonZeroU32;
use std::time::Duration;

use super::{Key, Method, Pause, Play, Reading, Say};
use crate::element::{Element, Node};
use crate::error::Fault;
use crate::url_ref::UrlRef;

/// `<Gather>`. Keys only: speech is not recognised.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Gather {
    /// `action`: gets the keys; where there is none, the document's own URL.
    pub action: Option<UrlRef>,
    /// `method` of the action.
    pub method: Method,
    /// `timeout`: how long to wait for the next key, from the end of the prompts on. 5 seconds.
    pub timeout: Duration,
    /// `finishOnKey`: the key that ends the input and is no part of it. `#`; none where the attribute is empty.
    pub finish_on_key: Option<Key>,
    /// `numDigits`: how many keys end the input.
    pub num_digits: Option<NonZeroU32>,
    /// `actionOnEmptyResult`: whether the action is requested when no key came.
    pub action_on_empty_result: bool,
    /// `bargeIn`: whether a key ends the prompts. True.
    pub barge_in: bool,
    /// What is said and played meanwhile.
    pub prompts: Vec<Prompt>,
}

/// What can stand in a [`Gather`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Prompt {
    /// `<Say>`
    Say(Say),
    /// `<Play>`
    Play(Play),
    /// `<Pause>`
    Pause(Pause),
}

impl Gather {
    /// `numDigits` above this means this: a switch can hold no more.
    pub const MAX_DIGITS: u32 = 128;

    pub(super) fn read(element: &Element<'_>, reading: &mut Reading<'_>) -> Result<Gather, Fault> {
        input(element, reading)?;
        let num_digits =
            element.number("numDigits", 1..=Gather::MAX_DIGITS, "a whole number, 1 or more", reading);
        Ok(Gather {
            action: element.url("action")?,
            method: element.method("method", reading),
            timeout: element.seconds("timeout", 0, 5, reading),
            finish_on_key: finish_on_key(element, reading),
            num_digits: num_digits.and_then(NonZeroU32::new),
            action_on_empty_result: element.flag("actionOnEmptyResult", false, reading),
            barge_in: element.flag("bargeIn", true, reading),
            prompts: prompts(element, reading)?,
        })
    }
}

/// `input` must have "dtmf" in it: a call that waits for speech alone would wait in vain.
fn input(element: &Element<'_>, reading: &mut Reading<'_>) -> Result<(), Fault> {
    let Some(attribute) = element.attribute("input") else { return Ok(()) };
    let mut words = attribute.value.split([' ', ',']).filter(|word| !word.is_empty()).peekable();
    let (mut dtmf, mut other) = (words.peek().is_none(), false);
    for word in words {
        match word.eq_ignore_ascii_case("dtmf") {
            true => dtmf = true,
            false => other = true,
        }
    }
    let fault = || element.invalid(attribute, "dtmf: speech is not recognised");
    if !dtmf {
        return Err(fault());
    }
    if other {
        reading.warn(fault());
    }
    Ok(())
}

fn finish_on_key(element: &Element<'_>, reading: &mut Reading<'_>) -> Option<Key> {
    let Some(attribute) = element.attribute("finishOnKey") else { return Some(Key::HASH) };
    let mut signs = attribute.value.trim().chars();
    match (signs.next(), signs.next()) {
        (None, _) => None,
        (Some(sign), None) if Key::new(sign).is_some() => Key::new(sign),
        _ => {
            reading.warn(element.invalid(attribute, "one key (0 to 9, * or #) or empty"));
            Some(Key::HASH)
        }
    }
}

fn prompts(element: &Element<'_>, reading: &mut Reading<'_>) -> Result<Vec<Prompt>, Fault> {
    let mut prompts = Vec::new();
    for node in element.content() {
        let child = match node {
            Node::Element(child) => child,
            Node::Text { offset, .. } => return Err(element.refuses("text", *offset)),
        };
        prompts.push(match child.name {
            "Say" => Prompt::Say(Say::read(child, reading)),
            "Play" => Prompt::Play(Play::read(child, reading)?),
            "Pause" => Prompt::Pause(Pause::read(child, reading)),
            name => return Err(element.refuses(name, child.offset)),
        });
        reading.ignored_attributes(child);
    }
    Ok(prompts)
}

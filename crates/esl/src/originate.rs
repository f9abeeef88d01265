//! The arguments of `originate`: variables in braces, whom to call, and what to do with an answered call.
//!
//! FreeSWITCH splits them three times: at spaces (originate_function), inside the braces at commas, and each variable at
//! its `=` (switch_event_create_brackets). The braces themselves are found by counting, whatever is escaped.

use crate::error::Refused;
use crate::escape::escape;
use crate::text::{Argument, DialString, Name, Uuid, VariableName, VariableValue, enterprise};

/// FreeSWITCH reads so many at most (switch_event_create_brackets).
const MOST_VARIABLES: usize = 1000;

/// One outgoing call.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Originate {
    variables: Vec<(VariableName, VariableValue)>,
    dial_string: DialString,
    application: (Name, Option<Argument>),
}

impl Originate {
    /// Calls, and parks the channel when it is answered (`&park()`). The channel gets the UUID that is given, so that events
    /// can be told from the first one on.
    pub fn new(channel: &Uuid, dial_string: DialString) -> Result<Self, Refused> {
        let variables = vec![(VariableName::new("origination_uuid")?, VariableValue::new(channel.as_str())?)];
        Ok(Originate { variables, dial_string, application: (Name::new("park")?, None) })
    }

    /// Sets a channel variable before the call leaves: `originate_timeout`, `sip_h_X-...`. One of the same name, in any
    /// case, is replaced; an empty value takes it away.
    ///
    /// Refuses, besides what no value can hold: a brace without its partner, since FreeSWITCH counts them and there is no
    /// way to write one; and `:_:`, which begins another originate.
    pub fn variable(mut self, name: VariableName, value: VariableValue) -> Result<Self, Refused> {
        let refused =
            |(found, at)| Refused { place: "a channel variable's value in an originate", found, at };
        braces(value.as_str()).map_err(refused)?;
        enterprise(value.as_str()).map_err(refused)?;
        let same = |other: &VariableName| other.as_str().eq_ignore_ascii_case(name.as_str());
        match self.variables.iter().position(|(other, _)| same(other)) {
            Some(at) => self.variables.splice(at..=at, [(name, value)]).for_each(drop),
            None if self.variables.len() >= MOST_VARIABLES => {
                return Err(refused(("more than 1000 variables", MOST_VARIABLES)));
            }
            None => self.variables.push((name, value)),
        }
        Ok(self)
    }

    /// Another application than `park` for the answered call. Refuses `)` in its argument, which ends it.
    pub fn application(mut self, name: Name, argument: Argument) -> Result<Self, Refused> {
        let place = "an application's argument in an originate";
        if let Some(at) = argument.as_str().find(')') {
            return Err(Refused { place, found: ")", at });
        }
        self.application = (name, Some(argument));
        Ok(self)
    }

    pub(crate) fn write(&self, out: &mut String) {
        let mut first = true;
        for (name, value) in &self.variables {
            if value.as_str().is_empty() {
                continue;
            }
            out.push(if first { '{' } else { ',' });
            first = false;
            let (mut once, mut twice) = (String::new(), String::new());
            escape(value.as_str(), '=', &mut once);
            escape(&once, ',', &mut twice);
            out.push_str(name.as_str());
            out.push('=');
            escape(&twice, ' ', out);
        }
        if !first {
            out.push('}');
        }
        let (name, argument) = &self.application;
        out.extend([self.dial_string.as_str(), " &", name.as_str(), "("]);
        if let Some(argument) = argument {
            escape(argument.as_str(), ' ', out);
        }
        out.push(')');
    }
}

/// Whether the count of braces never falls below zero and ends there (switch_find_end_paren).
fn braces(text: &str) -> Result<(), (&'static str, usize)> {
    let mut open = Vec::new();
    for (at, byte) in text.bytes().enumerate() {
        match byte {
            b'{' => open.push(at),
            b'}' if open.pop().is_none() => return Err(("a } without its {", at)),
            _ => (),
        }
    }
    open.pop().map_or(Ok(()), |at| Err(("a { without its }", at)))
}

//! `<Redirect>`: another document.

use twiml::Redirect;

use super::{Step, Target};

pub(super) fn step(redirect: Redirect) -> Step {
    Step::Go(Target { url: Some(redirect.url), method: redirect.method, extras: Vec::new(), owed: false })
}

//! Who leaves, when more tasks can take calls than the service wants. ECS does not say: it never wants a busy task, which
//! is protected, to stop. So those who are to go drain, give their protection back when their calls have ended, and are
//! stopped then.

use fleet::State;

use super::{Draft, drains, reason};
use crate::facts::Service;

/// Lets as many drain as there are too many: those that operators drain first, then older revisions, then those that drain
/// already, then those without calls, then those with the fewest, as far as they say, then those that began last.
pub(super) fn choose(service: &Service, drafts: &mut [Draft]) {
    let mut able: Vec<&mut Draft> =
        drafts.iter_mut().filter(|draft| draft.target.state == State::Active).collect();
    let surplus = able.len().saturating_sub(usize::try_from(service.desired).unwrap_or(usize::MAX));
    let is_old =
        |draft: &Draft| service.revision.as_ref().is_some_and(|revision| draft.note.revision != *revision);
    able.sort_by_key(|draft| {
        let stays_by_revision = !is_old(draft);
        let busy = draft.protected.unwrap_or(true);
        let sessions = draft.sessions.unwrap_or(u64::MAX);
        let began = std::cmp::Reverse(draft.started_at);
        (!draft.held, stays_by_revision, !draft.note.leaves, busy, sessions, began, draft.target.id.clone())
    });
    for (place, draft) in able.into_iter().enumerate() {
        draft.note.leaves = place < surplus;
        if draft.note.leaves {
            let why = if is_old(draft) { reason::OLD } else { reason::SURPLUS };
            draft.target = drains(draft.target.clone(), why);
            draft.certain = true;
        }
    }
}

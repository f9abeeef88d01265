//! What a call costs: thousands of them live in one process.
#![allow(clippy::unwrap_used, reason = "tests fail by panicking")]

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;
use std::path::PathBuf;
use std::time::Duration;

use controller::call::Call;
use controller::call::action::Action;
use controller::call::facts::{Application, Direction, Facts};
use controller::call::input::{Answer, Input};
use controller::call::rules::Rules;
use settings::Secret;
use twiml::Method;

/// Counts what this thread has allocated and not given back.
struct Counting;

thread_local! {
    static HELD: Cell<usize> = const { Cell::new(0) };
}

// SAFETY: all work is the system allocator's.
#[allow(unsafe_code, reason = "an allocator that counts cannot be written without")]
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        HELD.with(|held| held.set(held.get().wrapping_add(layout.size())));
        // SAFETY: the caller's promise is passed on.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        HELD.with(|held| held.set(held.get().wrapping_sub(layout.size())));
        // SAFETY: the caller's promise is passed on.
        unsafe { System.dealloc(pointer, layout) }
    }
}

#[global_allocator]
static COUNTING: Counting = Counting;

fn facts() -> Facts {
    Facts {
        channel: "11b6c528-62b0-42e2-9608-aee1ec7d76df".into(),
        call_sid: "CA-11b6c528-62b0-42e2-9608-aee1ec7d76df".into(),
        account_sid: "AC-11b6c528-62b0-42e2-9608-aee1ec7d76df".into(),
        auth_token: Secret::new("a token of some length, as they have"),
        direction: Direction::Inbound,
        api_version: "2010-04-01".into(),
        from: "+85512345678".into(),
        to: "+85512456869".into(),
        default_voice: "Polly.Joanna-Neural".into(),
        fallback: None,
    }
}

/// A call that has answered, and waits in the last verb of a document.
fn waiting(document: &str) -> Call {
    let application =
        Application::Url { url: "https://example.com/twiml?tenant=12".into(), method: Method::Post };
    let mut call = Call::new(facts(), application, Rules::DEFAULT, Duration::ZERO);
    while let Some(action) = call.next_action() {
        let input = match action {
            Action::Fetch { ask, request } => {
                let answer = Answer { url: request.url, body: document.as_bytes().to_vec() };
                Input::Fetched { ask, result: Ok(answer) }
            }
            Action::Answer => Input::Answered,
            Action::Synthesise { ask, .. } | Action::GetSound { ask, .. } => Input::Sound {
                ask,
                result: Ok(PathBuf::from("/var/lib/switchyard/sounds/0123456789abcdef.wav")),
            },
            _ => continue,
        };
        call.input(input, Duration::ZERO);
    }
    call
}

#[test]
fn a_call_in_a_menu_with_its_document_of_four_kilobytes_holds_less_than_fifteen() {
    let say = format!("<Say>{}</Say>", "Press a key for whatever you like. ".repeat(14));
    let document = format!("<Response><Gather>{}</Gather></Response>", say.repeat(8));
    assert!(document.len() > 4_000, "{}", document.len());
    let before = HELD.with(Cell::get);
    let calls: Vec<Call> = (0..100).map(|_| waiting(&document)).collect();
    let each = HELD.with(Cell::get).wrapping_sub(before) / calls.len();
    assert!(each < 15_000, "{each} bytes");
    // What is counted is there.
    assert!(each > document.len() + size_of::<Call>(), "{each} bytes");
}

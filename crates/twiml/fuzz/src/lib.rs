//! What must hold for any bytes at all. The fuzz target calls this, and so do the tests, by path.

use twiml::{
    Dial, DialTo, Document, Error, Gather, Leg, Limits, Position, Prompt, Say, Severity, UrlRef, Verb,
};

/// Checks everything about one document.
pub fn document(bytes: &[u8]) {
    let narrow = Limits { bytes: 300, depth: 3, elements: 5, attributes: 2, attribute_bytes: 10 };
    for limits in [narrow, Limits::DEFAULT] {
        match Document::parse_within(bytes, &limits) {
            Ok(document) => whole(&document, &limits),
            Err(error) => lies_in(&error, &as_read(bytes)),
        }
    }
}

/// The text whose characters positions count. Bytes that are said to be ISO-8859-1 are one character each.
fn as_read(bytes: &[u8]) -> String {
    let lossy = String::from_utf8_lossy(bytes);
    match ["8859-1", "latin1"].iter().any(|name| lossy.to_ascii_lowercase().contains(name)) {
        true => bytes.iter().copied().map(char::from).collect(),
        false => lossy.into_owned(),
    }
}

fn whole(document: &Document, limits: &Limits) {
    let source = document.source();
    assert!(source.len() <= limits.bytes && document.len() < limits.elements);
    let again = Document::parse_within(source.as_bytes(), limits).expect("what was read reads again");
    assert_eq!(&again, document);
    let mut last = Position::START;
    let mut errors = Vec::new();
    for index in 0..document.len() {
        let position = document.position(index).expect("a verb stands somewhere");
        assert!(position > last);
        last = position;
        let read = document.verb(index).expect("a verb");
        assert_eq!(again.verb(index).as_ref(), Some(&read));
        match read {
            Ok(Verb::Unsupported(verb)) => {
                assert_eq!(verb.position, position);
                assert_eq!(Some(verb.name.as_str()), document.name(index));
                errors.push(verb.error());
            }
            Ok(verb) => {
                assert_eq!(Some(verb.name()), document.name(index));
                of_verb(&verb);
            }
            Err(error) => {
                assert!(error.position >= position);
                lies_in(&error, source);
                errors.push(error);
            }
        }
    }
    assert!(document.verb(document.len()).is_none());
    problems(document, &errors);
}

/// The log is told of each error, in order.
fn problems(document: &Document, errors: &[Error]) {
    let problems = document.problems();
    assert!(problems.len() <= Document::MAX_PROBLEMS);
    assert!(problems.is_sorted_by_key(|problem| problem.error.position));
    problems.iter().for_each(|problem| lies_in(&problem.error, document.source()));
    let mut told = problems.iter().filter(|problem| problem.severity == Severity::Error).map(|p| &p.error);
    for error in errors {
        match told.next() {
            Some(told) => assert_eq!(told, error),
            None => assert_eq!(problems.len(), Document::MAX_PROBLEMS),
        }
    }
    assert_eq!(told.next(), None);
}

/// The position is one that an editor could show: a line that is there, a character of it or its end.
fn lies_in(error: &Error, text: &str) {
    let text = text.replace("\r\n", "\n").replace('\r', "\n");
    let line = text.split('\n').nth(error.position.line as usize - 1).expect("a line that is there");
    assert!((1..=line.chars().count() + 1).contains(&(error.position.column as usize)), "{error}");
    let told = error.to_string();
    assert!(told.chars().count() < 1_000 && !told.chars().any(char::is_control), "{told}");
}

fn of_verb(verb: &Verb) {
    match verb {
        Verb::Say(say) => of_say(say),
        Verb::Play(play) => assert!(play.url.is_some() || play.digits.is_some()),
        Verb::Gather(gather) => of_gather(gather),
        Verb::Record(record) => assert!(record.max_length.as_secs() >= 1),
        Verb::Dial(dial) => of_dial(dial),
        Verb::Redirect(redirect) => of_url(&redirect.url),
        Verb::Refer(refer) => assert!(!refer.to.contains(char::is_control)),
        Verb::Pause(pause) => assert!(pause.length.as_secs() <= 86_400),
        Verb::Reject(_) | Verb::Hangup(_) | Verb::Unsupported(_) => {}
    }
}

fn of_gather(gather: &Gather) {
    assert!(gather.num_digits.is_none_or(|digits| digits.get() <= Gather::MAX_DIGITS));
    gather.action.iter().for_each(of_url);
    for prompt in &gather.prompts {
        if let Prompt::Say(say) = prompt {
            of_say(say);
        }
    }
}

fn of_dial(dial: &Dial) {
    assert!((1..=600).contains(&dial.timeout.as_secs()) && dial.time_limit.as_secs() >= 1);
    match &dial.to {
        DialTo::Conference(conference) => assert!(!conference.name.is_empty()),
        DialTo::Legs(legs) => {
            assert!((1..=Dial::MAX_LEGS).contains(&legs.len()));
            for leg in legs {
                let address = match leg {
                    Leg::Number(number) => &number.number,
                    Leg::Sip(sip) => &sip.uri,
                };
                assert!(!address.is_empty() && address.trim() == address);
            }
        }
    }
}

/// What is written as SSML reads back as the same.
fn of_say(say: &Say) {
    assert!((1..=1_000).contains(&say.times));
    let ssml = say.speech.ssml();
    let limits = Limits { bytes: 1 << 20, depth: 100, attribute_bytes: 1 << 20, ..Limits::DEFAULT };
    let text = format!("<Response><Say>{ssml}</Say></Response>");
    let again = Document::parse_within(text.as_bytes(), &limits).expect("SSML is well-formed");
    let Some(Ok(Verb::Say(again))) = again.verb(0) else { panic!("a verb: {text}") };
    assert_eq!((again.speech.ssml(), again.speech.text()), (ssml, say.speech.text()));
}

fn of_url(url: &UrlRef) {
    assert_eq!(UrlRef::parse(url.as_str()).as_ref(), Ok(url));
    if let Ok(resolved) = url.resolve(None) {
        assert!(["http", "https"].contains(&resolved.scheme()));
    }
}

//! What the application says: its TwiML documents.

/// The provinces that a caller can choose, by their keys.
pub const PROVINCES: [(&str, &str); 5] = [
    ("01", "Banteay Meanchey"),
    ("02", "Battambang"),
    ("03", "Kampong Cham"),
    ("12", "Phnom Penh"),
    ("17", "Siem Reap"),
];

/// The province of these keys.
#[must_use]
pub fn province(digits: &str) -> Option<&'static str> {
    PROVINCES.iter().find(|(keys, _)| *keys == digits).map(|(_, name)| *name)
}

/// To a call: a greeting, and the provinces. Who presses nothing is not kept.
#[must_use]
pub fn welcome() -> String {
    let list: Vec<_> = PROVINCES
        .iter()
        .map(|(keys, name)| {
            let keys: Vec<_> = keys.chars().map(String::from).collect();
            format!("for {name} press {}", keys.join(" "))
        })
        .collect();
    document(&format!(
        "  <Say>Welcome to the early warning line</Say>
  <Pause length=\"2\"/>
  <Gather action=\"/province\" numDigits=\"2\" timeout=\"3\">
    <Say>Choose the province that you live in, {}</Say>
  </Gather>
  <Say>No province was chosen, good bye</Say>
  <Hangup/>",
        list.join(", ")
    ))
}

/// To the keys of a province: its name, and the question for the caller's own.
#[must_use]
pub fn chosen(name: &str) -> String {
    document(&format!(
        "  <Pause length=\"2\"/>
  <Say>You live in {name}, say your name after the tone and press the hash key</Say>
  <Record action=\"/name\" maxLength=\"20\" timeout=\"10\" finishOnKey=\"#\" playBeep=\"true\"/>
  <Say>Nothing was recorded, good bye</Say>
  <Hangup/>"
    ))
}

/// To keys that are nobody's: the menu again.
#[must_use]
pub fn unknown() -> String {
    document("  <Say>There is no such province</Say>\n  <Redirect>/voice</Redirect>")
}

/// To a name.
#[must_use]
pub fn thanks() -> String {
    document("  <Say>Thank you, you will be warned of floods and storms</Say>\n  <Hangup/>")
}

fn document(verbs: &str) -> String {
    format!("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<Response>\n{verbs}\n</Response>\n")
}

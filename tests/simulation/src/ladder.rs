//! What was sent, as lines to read.

use crate::context::{Breach, Sent};
use crate::message::Msg;
use crate::scenario::Scenario;
use crate::world::name;

/// The lines of one call, or of all; the last so many.
pub(crate) fn draw(record: &[Sent], call: Option<usize>, most: usize) -> String {
    let of_call = |sent: &&Sent| call.is_none() || Msg::read(&sent.bytes).and_then(|msg| msg.call()) == call;
    let lines: Vec<String> = record.iter().filter(of_call).map(line).collect();
    let left_out = lines.len().saturating_sub(most);
    let mut text = String::new();
    if left_out > 0 {
        text += &format!("... {left_out} lines before\n");
    }
    text + &lines[left_out..].concat()
}

fn line(sent: &Sent) -> String {
    let msg = Msg::read(&sent.bytes);
    let (what, of) = msg.as_ref().map_or((String::new(), ""), |msg| match msg.code() {
        Some(code) => (format!("{code}"), msg.cseq().1),
        None => (msg.method().to_owned(), ""),
    });
    let tag =
        msg.as_ref().map_or("", |msg| if msg.method() == "BYE" { msg.sender_tag() } else { msg.to_tag() });
    let call = msg.as_ref().and_then(Msg::call).map_or("-".to_owned(), |call| call.to_string());
    let leg = msg.as_ref().and_then(Msg::leg).map_or(String::new(), |leg| format!("/{leg}"));
    let fate = match sent.arrives {
        Some(at) => format!("arrives at {}", seconds(at)),
        None => "LOST".to_owned(),
    };
    let (from, to) = (name(sent.from, None), name(sent.to, sent.taken_by));
    let over = if sent.link.is_some() { "tcp" } else { "" };
    let label = format!("{what} {of}{over}");
    let shaft = format!("{label:-<14}>");
    let call = format!("{call}{leg}");
    format!("{:>9}  call {call:5}  {from:>9} --{shaft} {to:9}  {fate:19}  {tag}\n", seconds(sent.at))
}

fn seconds(at: u64) -> String {
    format!("{}.{:03}", at / 1000, at % 1000)
}

/// What went wrong and how to see it again.
pub(crate) fn report(scenario: &Scenario, breach: &Breach, record: &[Sent]) -> String {
    let call = breach.call.map_or("no one call".to_owned(), |call| format!("call {call}"));
    format!(
        "seed {}, at {} s, {call}: {}\n\n{}\nTo see all of it: cargo run -p simulation -- --seed {} --trace\n",
        scenario.seed,
        seconds(breach.at),
        breach.what,
        draw(record, breach.call, 60),
        scenario.seed,
    )
}

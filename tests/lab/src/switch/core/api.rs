//! API functions (mod_commands): those that a controller, an operator or a test calls.

use std::time::Duration;

use serde_json::json;

use super::arguments::{assignment, separate};
use super::channel::{Channel, Direction, Message, Running, State, Task};
use super::{Action, Core, cause, clock};

const NO_CHANNEL: &str = "-ERR No such channel!\n";
const OK: &str = "+OK\n";

impl Core {
    /// Runs a function; what it prints.
    pub(super) fn api(&mut self, function: &str, arguments: &str) -> String {
        let most = match function {
            "uuid_setvar" | "uuid_broadcast" => 3,
            "uuid_setvar_multi" => 2,
            _ => 10,
        };
        let words = separate(arguments, ' ', most);
        let word = |at: usize| words.get(at).map_or("", String::as_str);
        match function {
            "status" => self.status(),
            "version" => "FreeSWITCH Version 1.11.2-stand-in~64bit\n".to_owned(),
            "show" => self.show(word(0), &words),
            "fsctl" => self.fsctl(word(0), word(1)),
            "create_uuid" => self.uuid(),
            "global_getvar" => match word(0) {
                "core_uuid" => self.core_uuid.clone(),
                "local_ip_v4" => self.settings.address.ip().to_string(),
                _ => String::new(),
            },
            "hupall" => {
                let ids: Vec<_> = self.channels.keys().cloned().collect();
                ids.iter().for_each(|id| self.hang_up(id, cause::known(word(0))));
                "+OK hangup all channels with cause MANAGER_REQUEST\n".to_owned()
            }
            "uuid_exists" => self.channels.contains_key(word(0)).to_string(),
            "uuid_record" => self.record(word(0), word(1), word(2), word(3).parse().unwrap_or(0)),
            "uuid_bridge" => self.uuid_bridge(word(0), word(1)),
            "conference" => self.conference(word(0), word(1), word(2)),
            _ if function.starts_with("uuid_") => self.of_channel(function, &words),
            _ => format!("-ERR {function} Command not found!\n"),
        }
    }

    fn of_channel(&mut self, function: &str, words: &[String]) -> String {
        let word = |at: usize| words.get(at).map_or("", String::as_str);
        let id = word(0);
        let known = [
            "answer",
            "break",
            "broadcast",
            "dump",
            "getvar",
            "kill",
            "park",
            "send_dtmf",
            "setvar",
            "setvar_multi",
        ];
        if !function.strip_prefix("uuid_").is_some_and(|name| known.contains(&name)) {
            return format!("-ERR {function} Command not found!\n");
        }
        let fresh = self.uuid();
        let Some(channel) = self.channels.get_mut(id) else { return nobody(function, id).to_owned() };
        match function {
            "uuid_kill" => self.hang_up(id, cause::known(word(1))),
            "uuid_setvar" => channel.set(word(1), word(2)),
            "uuid_setvar_multi" => {
                let pairs = separate(word(1), ';', 64);
                pairs
                    .iter()
                    .filter_map(|pair| assignment(pair))
                    .for_each(|(name, value)| channel.set(&name, &value));
            }
            "uuid_getvar" => return channel.get(word(1)).unwrap_or("_undef_").to_owned(),
            "uuid_park" => {
                channel.moved = Some(self.now + self.settings.moves_after);
                if channel.is_answered() || channel.direction == Direction::Inbound {
                    channel.state = State::Park;
                }
            }
            "uuid_break" => {
                if word(1) == "all" || word(2) == "all" {
                    channel.messages.clear();
                }
                self.break_off(id);
            }
            "uuid_answer" if channel.task.is_none() && !channel.is_answered() => {
                let (application, argument) = ("answer".to_owned(), String::new());
                let running = Running::Answer;
                channel.task =
                    Some(Task { running, application, argument, uuid: String::new(), loops: 1, told: false });
                self.out.push(Action::OpenMedia { channel: id.to_owned() });
            }
            "uuid_broadcast" => {
                let (what, _leg) =
                    word(2).rsplit_once(' ').map_or((word(1), word(2)), |_| (word(1), word(2)));
                let (application, argument) = what.split_once("::").unwrap_or(("playback", what));
                let (application, argument) =
                    (application.trim_end_matches('!').to_owned(), argument.to_owned());
                channel.messages.push_back(Message::Execute { application, argument, uuid: fresh, loops: 1 });
                return "+OK Message sent\n".to_owned();
            }
            "uuid_send_dtmf" => {
                let digits = word(1).split('@').next().unwrap_or_default().to_owned();
                if let Some(media) = &mut channel.media {
                    media.keypad.press(&digits);
                }
            }
            "uuid_dump" => {
                let Some(channel) = self.channels.get(id) else { return NO_CHANNEL.to_owned() };
                let event = self.dump(channel);
                return if word(1) == "json" { event.to_json() } else { event.to_plain() };
            }
            _ => {}
        }
        OK.to_owned()
    }

    fn fsctl(&mut self, action: &str, argument: &str) -> String {
        let (inbound, outbound) = (argument != "outbound", argument != "inbound");
        match action {
            "pause" | "resume" => {
                let paused = action == "pause";
                if inbound {
                    self.paused_inbound = paused;
                }
                if outbound {
                    self.paused_outbound = paused;
                }
            }
            "pause_check" => {
                let checked = match argument {
                    "inbound" => self.paused_inbound,
                    "outbound" => self.paused_outbound,
                    _ => self.paused_inbound && self.paused_outbound,
                };
                return checked.to_string();
            }
            "ready_check" => return "true".to_owned(),
            "max_sessions" => {
                if let Ok(most) = argument.parse() {
                    self.max_sessions = most;
                }
                return format!("+OK max sessions: {}\n", self.max_sessions);
            }
            "loglevel" => return format!("+OK log level: {argument}\n"),
            _ => return "-ERR\n".to_owned(),
        }
        OK.to_owned()
    }

    fn up_text(&self) -> String {
        let up = self.clock.up(self.now);
        let seconds = up.as_secs();
        format!(
            "0 years, {} days, {} hours, {} minutes, {} seconds, {} milliseconds, {} microseconds",
            seconds / 86_400,
            seconds / 3600 % 24,
            seconds / 60 % 60,
            seconds % 60,
            up.subsec_millis(),
            up.subsec_micros() % 1000
        )
    }

    fn status(&self) -> String {
        let (up, now) = (self.up_text(), self.channels.len());
        let (since, peak, most) = (self.sessions, self.peak, self.max_sessions);
        format!(
            "UP {up}\nFreeSWITCH (Version 1.11.2-stand-in  64bit) is ready\n{since} session(s) since startup\n\
             {now} session(s) - peak {peak}, last 5min {peak} \n\
             0 session(s) per Sec out of max 2000, peak {peak}, last 5min {peak} \n{most} session(s) max\n\
             min idle cpu 0.00/95.00\nCurrent Stack Size/Max 240K/8192K"
        )
    }

    pub(super) fn tell_heartbeat(&mut self) {
        let (up, now) = (self.up_text(), self.channels.len().to_string());
        let (most, since, peak) =
            (self.max_sessions.to_string(), self.sessions.to_string(), self.peak.to_string());
        let millis = self.clock.up(self.now).as_millis().to_string();
        self.sequence += 1;
        self.tell(
            "HEARTBEAT",
            &[
                ("Event-Info", "System Ready"),
                ("Up-Time", &up),
                ("FreeSWITCH-Version", "1.11.2-stand-in~64bit"),
                ("Uptime-msec", &millis),
                ("Session-Count", &now),
                ("Max-Sessions", &most),
                ("Session-Per-Sec", "2000"),
                ("Session-Per-Sec-Last", "0"),
                ("Session-Per-Sec-Max", "0"),
                ("Session-Per-Sec-FiveMin", "0"),
                ("Session-Since-Startup", &since),
                ("Session-Peak-Max", &peak),
                ("Session-Peak-FiveMin", &peak),
                ("Idle-CPU", "95.000000"),
            ],
            None,
        );
    }

    fn show(&self, what: &str, words: &[String]) -> String {
        if !["channels", "calls"].contains(&what) {
            return format!("-USAGE: {what} is not known here\n");
        }
        let count = self.channels.len();
        if words.get(1).is_some_and(|word| word == "count") {
            return format!("\n{count} total.\n");
        }
        if words.get(2).is_none_or(|word| word != "json") {
            let lines: String = self.channels.values().map(|channel| row(channel).to_line()).collect();
            return match count {
                0 => "\n0 total.\n".to_owned(),
                _ => format!("{COLUMNS}\n{lines}\n{count} total.\n"),
            };
        }
        let listed = |channel: &&Channel| {
            self.clock.micros(self.now) >= channel.times.created + LATE.as_micros() as u64
        };
        let known = self.channels.values().filter(listed).map(|channel| row(channel).to_json());
        let late = self.late_rows.iter().filter(|(until, _)| *until > self.now).map(|(_, row)| row.clone());
        let rows: Vec<_> = known.chain(late).collect();
        match rows.len() {
            0 => "{\"row_count\": 0}\n".to_owned(),
            count => json!({ "row_count": count, "rows": rows }).to_string() + "\n",
        }
    }

    /// FreeSWITCH's list comes out of a database, which learns a little later that a channel is there, and that it is gone.
    pub(super) fn list_late(&mut self, channel: &Channel) {
        let now = self.now;
        self.late_rows.retain(|(until, _)| *until > now);
        self.late_rows.push_back((now + LATE, row(channel).to_json()));
    }
}

/// What a function prints about a channel that there is not.
fn nobody(function: &str, id: &str) -> &'static str {
    match function {
        "uuid_kill" if id.is_empty() => "-USAGE: <uuid> [cause]\n",
        "uuid_broadcast" => "-ERR invalid uuid\n",
        "uuid_answer" => "-ERROR\n",
        "uuid_send_dtmf" => "-ERR Cannot locate session!\n",
        "uuid_setvar_multi" => "-ERR No such channel!\n-USAGE: <uuid> <var>=<value>;<var>=<value>...\n",
        _ => NO_CHANNEL,
    }
}

/// How long a channel that is gone is listed, and one that is there is not: on a real one, some hundredths of a second.
const LATE: Duration = Duration::from_millis(300);

/// The columns of `show channels`.
const COLUMNS: &str = "uuid,direction,created,created_epoch,name,state,cid_name,cid_num,ip_addr,dest,application,\
    application_data,dialplan,context,read_codec,read_rate,read_bit_rate,write_codec,write_rate,write_bit_rate,secure,\
    hostname,presence_id,presence_data,accountcode,callstate,callee_name,callee_num,callee_direction,call_uuid,\
    sent_callee_name,sent_callee_num,initial_cid_name,initial_cid_num,initial_ip_addr,initial_dest,initial_dialplan,\
    initial_context";

struct Row(Vec<(&'static str, String)>);

impl Row {
    fn to_line(&self) -> String {
        let values: Vec<_> = self.0.iter().map(|(_, value)| value.as_str()).collect();
        values.join(",") + "\n"
    }

    fn to_json(&self) -> serde_json::Value {
        self.0.iter().map(|(name, value)| ((*name).to_owned(), json!(value))).collect()
    }
}

fn row(channel: &Channel) -> Row {
    let of = |name| channel.get(name).unwrap_or_default().to_owned();
    let created = channel.times.created;
    let value = |column: &str| match column.trim_start_matches("initial_") {
        "uuid" => channel.uuid.clone(),
        "direction" => channel.direction.word().to_owned(),
        "created" => clock::stamp(created),
        "created_epoch" => (created / 1_000_000).to_string(),
        "name" => channel.name.clone(),
        "state" => channel.running.name().to_owned(),
        "cid_name" | "cid_num" => channel.caller.clone(),
        "ip_addr" => channel.network.map(|network| network.ip().to_string()).unwrap_or_default(),
        "dest" => channel.destination.clone(),
        "application" => of("current_application"),
        "application_data" => of("current_application_data"),
        "dialplan" => "XML".to_owned(),
        "context" => "inbound".to_owned(),
        "read_codec" | "write_codec" => "PCMU".to_owned(),
        "read_rate" | "write_rate" => "8000".to_owned(),
        "read_bit_rate" | "write_bit_rate" => "64000".to_owned(),
        "hostname" => "stand-in".to_owned(),
        "callstate" => channel.call_state.to_owned(),
        "call_uuid" if channel.bridged => of("bridge_uuid"),
        "callee_num" => channel.callee.clone(),
        _ => String::new(),
    };
    Row(COLUMNS.split(',').map(|column| (column, value(column))).collect())
}

//! What the system knows about processes and sockets, from /proc.

use std::{
    collections::BTreeMap,
    fs,
    net::SocketAddr,
    time::{SystemTime, UNIX_EPOCH},
};

/// Clock ticks per second in /proc/PID/stat: USER_HZ, which Linux fixes for programs whatever the kernel uses itself.
const TICKS_PER_S: f64 = 100.0;

/// How far the time of a process may lie behind that of its threads, and ahead, by counting in ticks alone.
const TICKS: f64 = 2.0;

/// The capability that lets a process have receive buffers beyond net.core.rmem_max.
const CAP_NET_ADMIN: u32 = 12;

/// What processes have used so far.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Usage {
    /// User and system time of all their threads, in seconds.
    pub cpu_s: f64,
    /// Resident memory in bytes.
    pub rss: u64,
    /// The most that it has ever been, in bytes.
    pub peak_rss: u64,
}

/// What these processes and their children have used; processes that are gone count as nothing.
pub fn usage(pids: &[u32]) -> Usage {
    let mut sum = Usage::default();
    for pid in family(pids) {
        let file = |name: &str| fs::read_to_string(format!("/proc/{pid}/{name}")).unwrap_or_default();
        let status = file("status");
        sum.cpu_s += best(cpu_s(&file("stat")).unwrap_or_default(), threads_cpu_s(pid));
        sum.rss += bytes(&status, "VmRSS:").unwrap_or_default();
        sum.peak_rss += bytes(&status, "VmHWM:").unwrap_or_default();
    }
    sum
}

/// These processes, their children, and so on.
fn family(pids: &[u32]) -> Vec<u32> {
    let (mut all, mut next) = (pids.to_vec(), 0);
    while let Some(pid) = all.get(next).copied() {
        next += 1;
        let threads = fs::read_dir(format!("/proc/{pid}/task")).into_iter().flatten().flatten();
        for thread in threads {
            let children = fs::read_to_string(thread.path().join("children")).unwrap_or_default();
            let new = children.split_whitespace().filter_map(|pid| pid.parse().ok());
            all.extend(new.filter(|pid| !pids.contains(pid)));
        }
    }
    all
}

/// The time of a process is told in steps of 10 ms and holds its ended threads' too; that of its threads is exact and
/// does not. While no thread with a time worth mentioning has ended, the exact one is the better.
fn best(process_s: f64, threads_s: f64) -> f64 {
    if (process_s - threads_s).abs() <= TICKS / TICKS_PER_S { threads_s } else { process_s }
}

/// The time that a process's threads have run, to the nanosecond; 0 where the kernel does not tell.
fn threads_cpu_s(pid: u32) -> f64 {
    let threads = fs::read_dir(format!("/proc/{pid}/task")).into_iter().flatten().flatten();
    let times = threads.filter_map(|thread| {
        let text = fs::read_to_string(thread.path().join("schedstat")).ok()?;
        text.split_whitespace().next()?.parse::<f64>().ok()
    });
    times.sum::<f64>() / 1e9
}

/// User and system time in /proc/PID/stat: the 14th and 15th field, counted behind the name, which may hold anything.
fn cpu_s(stat: &str) -> Option<f64> {
    let (_, fields) = stat.rsplit_once(')')?;
    let mut times = fields.split_whitespace().skip(11).map_while(|ticks| ticks.parse::<f64>().ok());
    Some((times.next()? + times.next()?) / TICKS_PER_S)
}

/// A line of /proc/PID/status that tells kilobytes.
fn bytes(status: &str, name: &str) -> Option<u64> {
    let line = status.lines().find_map(|line| line.strip_prefix(name))?;
    Some(line.trim().strip_suffix("kB")?.trim().parse::<u64>().ok()? * 1024)
}

/// Datagrams that the system dropped for want of room in the receive buffers of the UDP sockets at this address, since
/// they were opened; `None` if there is no such socket on this machine.
pub fn drops(address: SocketAddr) -> Option<u64> {
    let table = if address.is_ipv4() { "/proc/net/udp" } else { "/proc/net/udp6" };
    drops_in(&fs::read_to_string(table).ok()?, address)
}

fn drops_in(table: &str, address: SocketAddr) -> Option<u64> {
    let any = SocketAddr::new(if address.is_ipv4() { [0; 4].into() } else { [0; 16].into() }, address.port());
    let (own, any) = (hexadecimal(address), hexadecimal(any));
    let mut sum = None;
    for line in table.lines().skip(1) {
        let mut columns = line.split_whitespace();
        if columns.nth(1).is_some_and(|local| local == own || local == any) {
            let drops = columns.last().and_then(|drops| drops.parse::<u64>().ok()).unwrap_or_default();
            sum = Some(sum.unwrap_or_default() + drops);
        }
    }
    sum
}

/// An address as /proc/net/udp has it: words of four bytes in this machine's order.
fn hexadecimal(address: SocketAddr) -> String {
    let octets = match address {
        SocketAddr::V4(address) => address.ip().octets().to_vec(),
        SocketAddr::V6(address) => address.ip().octets().to_vec(),
    };
    let word = |word: &[u8]| word.try_into().map_or(0, u32::from_ne_bytes);
    let words: String = octets.chunks(4).map(|bytes| format!("{:08X}", word(bytes))).collect();
    format!("{words}:{:04X}", address.port())
}

/// The machine in one line: processors, their model, the kernel.
pub fn machine() -> String {
    let file = |path: &str| fs::read_to_string(path).unwrap_or_default();
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    let cpuinfo: BTreeMap<String, String> = file("/proc/cpuinfo")
        .lines()
        .filter_map(|line| line.split_once(':'))
        .map(|(name, value)| (name.trim().to_owned(), value.trim().to_owned()))
        .collect();
    let model = cpuinfo.get("model name").map_or("unknown processor", String::as_str);
    let kernel = file("/proc/sys/kernel/osrelease");
    format!("{cores} cores, {model}, Linux {}", kernel.trim())
}

/// What a process like this one gets as a receive buffer, in one line: a privileged one gets what it asks for.
pub fn buffers() -> String {
    let file = |path: &str| fs::read_to_string(path).unwrap_or_default();
    let limit = file("/proc/sys/net/core/rmem_max");
    let status = file("/proc/self/status");
    let capabilities = status.lines().find_map(|line| line.strip_prefix("CapEff:"));
    let capabilities = capabilities.and_then(|text| u64::from_str_radix(text.trim(), 16).ok()).unwrap_or(0);
    let with = if capabilities >> CAP_NET_ADMIN & 1 == 1 { "with" } else { "without" };
    format!("{with} CAP_NET_ADMIN, net.core.rmem_max {}", limit.trim())
}

/// How busy the machine is: the load averages over 1, 5 and 15 minutes.
pub fn load_average() -> String {
    let text = fs::read_to_string("/proc/loadavg").unwrap_or_default();
    text.split_whitespace().take(3).collect::<Vec<_>>().join(" ")
}

/// The date, as `2025-01-31`.
pub fn today() -> String {
    date(SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |time| time.as_secs()))
}

/// A date of this many seconds since 1970, in UTC, as `2025-01-31`.
fn date(unix_s: u64) -> String {
    let leap = |year: u64| year.is_multiple_of(4) && (!year.is_multiple_of(100) || year.is_multiple_of(400));
    let (mut days, mut year, mut month) = (unix_s / 86_400, 1970, 1);
    while days >= 365 + u64::from(leap(year)) {
        days -= 365 + u64::from(leap(year));
        year += 1;
    }
    for length in [31, 28 + u64::from(leap(year)), 31, 30, 31, 30, 31, 31, 30, 31, 30] {
        if days < length {
            break;
        }
        days -= length;
        month += 1;
    }
    format!("{year}-{month:02}-{:02}", days + 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn this_process_uses_something() {
        let usage = usage(&[std::process::id()]);
        assert!(usage.rss > 0 && usage.peak_rss >= usage.rss, "{usage:?}");
        assert_eq!(super::usage(&[]), Usage::default());
        assert!(family(&[std::process::id()]).contains(&std::process::id()));
    }

    #[test]
    fn the_exact_time_is_taken_unless_threads_have_ended() {
        assert_eq!((best(1.0, 1.015), best(1.01, 1.005)), (1.015, 1.005));
        assert_eq!((best(3.0, 1.0), best(3.0, 0.0)), (3.0, 3.0));
    }

    #[test]
    fn times_are_found_behind_any_name() {
        let stat = "7 (a) b (c)) S 1 7 7 0 -1 4194560 100 0 0 0 250 50 0 0 20 0 1 0 1 2 3";
        assert_eq!(cpu_s(stat), Some(3.0));
        assert_eq!(cpu_s("7 (a) S"), None);
    }

    #[test]
    fn drops_are_those_of_the_port_whether_bound_to_its_address_or_to_all() {
        let line = |local: &str, drops| {
            format!(
                "  75: {local} 00000000:0000 07 00000000:00000000 00:00000000 00000000 0 0 85651 2 0 {drops}\n"
            )
        };
        let table = String::from("  sl  local_address rem_address ... drops\n")
            + &line("0100007F:13C4", 3)
            + &line("00000000:13C4", 4)
            + &line("0200007F:13C4", 5)
            + &line("0100007F:13C5", 6);
        assert_eq!(drops_in(&table, "127.0.0.1:5060".parse().unwrap()), Some(7));
        assert_eq!(drops_in(&table, "127.0.0.1:5062".parse().unwrap()), None);
        let six = "[::1]:5060".parse().unwrap();
        assert_eq!(drops_in(&(table + &line("00000000000000000000000001000000:13C4", 9)), six), Some(9));
    }

    #[test]
    fn dates_are_those_of_the_calendar() {
        assert_eq!(date(0), "1970-01-01");
        assert_eq!(date(951_782_400), "2000-02-29");
        assert_eq!(date(1_735_689_599), "2024-12-31");
        assert_eq!(date(1_735_689_600), "2025-01-01");
    }
}

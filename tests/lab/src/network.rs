//! Networks inside this machine: namespaces of the kernel with links between them, so that there are real routes, real
//! NAT and real loss. For tests that run as root.
//!
//! Nothing has a name that others see, and nothing has to be cleaned up: a namespace lives as long as somebody has it
//! open or runs in it, and takes its links, routes and rules with it, also when a test is killed.

mod tap;

use std::{
    fs::{self, File},
    io::{BufRead, BufReader},
    net::Ipv4Addr,
    os::fd::{AsFd, AsRawFd},
    panic::resume_unwind,
    process::{Command, Stdio},
    thread,
};

use anyhow::{Context, Result, bail, ensure};
use rustix::thread::{LinkNameSpaceType, move_into_link_name_space};

pub use tap::{Datagram, Tap};

/// The name of each party's only link to the others.
const UPLINK: &str = "uplink";

/// Why there cannot be such networks here, if so: nobody but root may make them, and `ip` and `nft` are needed.
pub fn why_not() -> Option<String> {
    let namespace = match Namespace::new() {
        Ok(namespace) => namespace,
        Err(why) => return Some(format!("{why:#}")),
    };
    namespace.run("nft", &["list", "tables"]).err().map(|why| format!("{why:#}"))
}

/// A network of its own: links, addresses, routes, rules, ports.
pub struct Namespace {
    file: File,
}

impl Namespace {
    /// With nothing in it but a loopback.
    ///
    /// # Errors
    ///
    /// Not permitted, or `unshare` or `ip` is missing.
    pub fn new() -> Result<Self> {
        // A child makes it, and holds it until we have it open.
        let mut child = Command::new("unshare")
            .args(["--net", "sh", "-c", "echo made && read _"])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .context("`unshare` does not start")?;
        let mut line = String::new();
        let output = child.stdout.take().context("its output")?;
        let read = BufReader::new(output).read_line(&mut line);
        let opened = File::open(format!("/proc/{}/ns/net", child.id()));
        drop(child.stdin.take());
        let ended = child.wait_with_output()?;
        read?;
        ensure!(line == "made\n", "no network namespace: {}", String::from_utf8_lossy(&ended.stderr).trim());
        let namespace = Self { file: opened? };
        namespace.run("ip", &["link", "set", "lo", "up"])?;
        Ok(namespace)
    }

    /// Does something inside: sockets that it opens and processes that it starts are in this network and stay there.
    ///
    /// # Errors
    ///
    /// What it says itself, or that it is not permitted.
    pub fn enter<T: Send>(&self, work: impl FnOnce() -> Result<T> + Send) -> Result<T> {
        // In a thread that ends with it, so that there is no way back that could fail.
        let inside = || {
            move_into_link_name_space(self.file.as_fd(), Some(LinkNameSpaceType::Network))
                .context("entering a network namespace")?;
            work()
        };
        thread::scope(|scope| scope.spawn(inside).join().unwrap_or_else(|panic| resume_unwind(panic)))
    }

    /// Runs a program inside, and returns what it prints.
    ///
    /// # Errors
    ///
    /// It fails: with what it says about that.
    pub fn run(&self, program: &str, arguments: &[&str]) -> Result<String> {
        let output = self.enter(|| {
            let mut command = Command::new(program);
            // Not every PATH has what is for administrators.
            let path = std::env::var("PATH").unwrap_or_default();
            command.args(arguments).env("PATH", format!("{path}:/usr/sbin:/sbin")).stdin(Stdio::null());
            command.output().with_context(|| format!("`{program}` does not start"))
        })?;
        if !output.status.success() {
            bail!("{program} {}: {}", arguments.join(" "), String::from_utf8_lossy(&output.stderr).trim());
        }
        Ok(String::from_utf8_lossy(&output.stdout).into_owned())
    }

    /// Lets it pass on what is for others.
    fn forward(&self) -> Result<()> {
        let on = || fs::write("/proc/sys/net/ipv4/ip_forward", "1").context("ip_forward");
        self.enter(on)
    }

    /// A link to another one: its name and address on either side, as `10.0.0.1/30`.
    fn link(&self, (name, address): (&str, &str), other: (&Self, &str, &str)) -> Result<()> {
        let (there, other_name, other_address) = other;
        let path = format!("/proc/{}/fd/{}", std::process::id(), there.file.as_raw_fd());
        self.run("ip", &["link", "add", name, "type", "veth", "peer", "name", other_name, "netns", &path])?;
        for (end, name, address) in [(self, name, address), (there, other_name, other_address)] {
            end.run("ip", &["address", "add", address, "dev", name])?;
            end.run("ip", &["link", "set", "dev", name, "up"])?;
        }
        Ok(())
    }

    /// Hides a private network: what comes from there leaves here with the address `public` and a port from 40000 to
    /// 49999 that is chosen at random. `own` and `hidden` are this one's and the other's address in there.
    ///
    /// # Errors
    ///
    /// Not permitted, or the kernel has no NAT.
    pub fn hide(&self, public: Ipv4Addr, private: &Self, (own, hidden): (Ipv4Addr, Ipv4Addr)) -> Result<()> {
        private.link((UPLINK, &format!("{hidden}/24")), (self, "down", &format!("{own}/24")))?;
        private.run("ip", &["route", "add", "default", "via", &own.to_string()])?;
        self.forward()?;
        let rules = format!(
            "table ip nat {{ chain out {{ type nat hook postrouting priority srcnat; \
             oifname {UPLINK} meta l4proto {{ udp, tcp }} snat to {public}:40000-49999 random; }}; }}"
        );
        self.run("nft", &[&rules]).map(drop)
    }
}

/// What connects all others, address by address.
pub struct Internet {
    core: Namespace,
    parties: u8,
}

impl Internet {
    /// With nobody in it.
    ///
    /// # Errors
    ///
    /// Not permitted, or a program or a part of the kernel is missing.
    pub fn new() -> Result<Self> {
        let core = Namespace::new()?;
        core.forward()?;
        core.run(
            "nft",
            &["table ip loss { counter lost {}; chain forward { type filter hook forward priority 0; }; }"],
        )?;
        Ok(Self { core, parties: 0 })
    }

    /// Connects a party, which has these addresses from now on; what it sends comes from the first of them.
    ///
    /// # Errors
    ///
    /// Not permitted.
    pub fn connect(&mut self, party: &Namespace, addresses: &[Ipv4Addr]) -> Result<Party> {
        self.parties += 1;
        let number = self.parties;
        let (near, far) = (format!("10.255.{number}.1"), format!("10.255.{number}.2"));
        let ends = (format!("{near}/30"), format!("{far}/30"));
        self.core.link((&format!("to{number}"), &ends.0), (party, UPLINK, &ends.1))?;
        for address in addresses {
            party.run("ip", &["address", "add", &format!("{address}/32"), "dev", UPLINK])?;
        }
        let connected = Party { near, far };
        if let Some(first) = addresses.first() {
            connected.sends_from(party, "default", *first)?;
        }
        addresses.iter().try_for_each(|address| self.lead(*address, &connected))?;
        Ok(connected)
    }

    /// Leads what is for an address to a party, from now on.
    ///
    /// # Errors
    ///
    /// Not permitted.
    pub fn lead(&self, address: Ipv4Addr, to: &Party) -> Result<()> {
        let address = format!("{address}/32");
        self.core.run("ip", &["route", "replace", &address, "via", &to.far]).map(drop)
    }

    /// Loses so many of a hundred datagrams between any two parties, each by chance.
    ///
    /// # Errors
    ///
    /// The kernel cannot throw dice.
    pub fn lose(&self, percent: u8) -> Result<()> {
        let rule = format!(
            "add rule ip loss forward meta l4proto udp numgen random mod 100 < {percent} counter name lost drop"
        );
        self.core.run("nft", &[&rule]).map(drop)
    }

    /// How many datagrams were lost.
    ///
    /// # Errors
    ///
    /// Not permitted.
    pub fn lost(&self) -> Result<u64> {
        let text = self.core.run("nft", &["list", "counter", "ip", "loss", "lost"])?;
        let mut words = text.split_whitespace().skip_while(|word| *word != "packets");
        words.nth(1).and_then(|number| number.parse().ok()).with_context(|| text.clone())
    }
}

/// Somebody's place in the [`Internet`].
pub struct Party {
    near: String,
    far: String,
}

impl Party {
    /// What the party sends to this network (`10.10.0.0/16`) comes from this one of its addresses.
    ///
    /// # Errors
    ///
    /// Not permitted.
    pub fn sends_from(&self, party: &Namespace, network: &str, own: Ipv4Addr) -> Result<()> {
        let own = own.to_string();
        party.run("ip", &["route", "replace", network, "via", &self.near, "src", &own]).map(drop)
    }
}

#[cfg(test)]
mod tests {
    use std::net::UdpSocket;
    use std::time::Duration;

    use super::*;

    fn internet() -> Option<Internet> {
        match why_not() {
            // Where the end-to-end tests are left out too, which say so loudly.
            Some(why) => println!("not tested: {why}"),
            None => return Some(Internet::new().unwrap()),
        }
        None
    }

    #[test]
    fn what_is_hidden_is_seen_with_the_others_address_and_another_port_and_is_answered() {
        let Some(mut internet) = internet() else { return };
        let (server, nat, hidden) =
            (Namespace::new().unwrap(), Namespace::new().unwrap(), Namespace::new().unwrap());
        internet.connect(&server, &[[203, 0, 113, 1].into()]).unwrap();
        internet.connect(&nat, &[[198, 51, 100, 7].into()]).unwrap();
        nat.hide([198, 51, 100, 7].into(), &hidden, ([192, 168, 7, 1].into(), [192, 168, 7, 2].into()))
            .unwrap();
        let bound = |address: &'static str| move || Ok(UdpSocket::bind(address)?);
        let here = server.enter(bound("203.0.113.1:5060")).unwrap();
        let there = hidden.enter(bound("192.168.7.2:5060")).unwrap();
        [&here, &there].iter().for_each(|s| s.set_read_timeout(Some(Duration::from_secs(5))).unwrap());
        there.send_to(b"ping", "203.0.113.1:5060").unwrap();
        let (_, seen) = here.recv_from(&mut [0; 9]).unwrap();
        assert_eq!(seen.ip().to_string(), "198.51.100.7");
        assert!((40_000..50_000).contains(&seen.port()), "{seen}");
        here.send_to(b"pong", seen).unwrap();
        assert_eq!(there.recv_from(&mut [0; 9]).unwrap().1.to_string(), "203.0.113.1:5060");
    }

    #[test]
    fn a_tenth_is_lost_if_a_tenth_is_to_be_lost() {
        let Some(mut internet) = internet() else { return };
        let (one, other) = (Namespace::new().unwrap(), Namespace::new().unwrap());
        internet.connect(&one, &[[203, 0, 113, 1].into()]).unwrap();
        internet.connect(&other, &[[203, 0, 113, 2].into()]).unwrap();
        internet.lose(10).unwrap();
        let socket = one.enter(|| Ok(UdpSocket::bind("203.0.113.1:0")?)).unwrap();
        for _ in 0..2000 {
            // Nobody listens there, and the kernel tells: which does not matter here.
            let _ = socket.send_to(b"x", "203.0.113.2:9");
        }
        let lost = internet.lost().unwrap();
        assert!((100..300).contains(&lost), "{lost}");
    }

    #[test]
    fn a_tap_hears_what_comes_and_what_leaves_and_nothing_else() {
        let Some(mut internet) = internet() else { return };
        let (one, other) = (Namespace::new().unwrap(), Namespace::new().unwrap());
        internet.connect(&one, &[[203, 0, 113, 1].into()]).unwrap();
        internet.connect(&other, &[[203, 0, 113, 2].into()]).unwrap();
        let here = one.enter(|| Ok(UdpSocket::bind("203.0.113.1:5060")?)).unwrap();
        let there = other.enter(|| Ok(UdpSocket::bind("203.0.113.2:5060")?)).unwrap();
        [&here, &there].iter().for_each(|s| s.set_read_timeout(Some(Duration::from_secs(5))).unwrap());
        let tap = one.tap().unwrap();
        here.send_to(b"ping", "203.0.113.2:5060").unwrap();
        there.recv_from(&mut [0; 9]).unwrap();
        there.send_to(b"pong!", "203.0.113.1:5060").unwrap();
        here.recv_from(&mut [0; 9]).unwrap();
        let heard = tap.stop().unwrap();
        let told: Vec<_> =
            heard.iter().map(|d| (d.from.to_string(), d.to.to_string(), &d.bytes[..])).collect();
        let ends = ["203.0.113.1:5060".to_owned(), "203.0.113.2:5060".to_owned()];
        let expected =
            [(ends[0].clone(), ends[1].clone(), &b"ping"[..]), (ends[1].clone(), ends[0].clone(), b"pong!")];
        assert_eq!(told, expected);
    }

    #[test]
    fn a_panic_inside_is_one_outside_too() {
        if internet().is_none() {
            return;
        }
        let namespace = Namespace::new().unwrap();
        let work = || namespace.enter::<()>(|| panic!("inside"));
        assert!(std::panic::catch_unwind(std::panic::AssertUnwindSafe(work)).is_err());
        assert!(namespace.run("ip", &["link"]).unwrap().contains("lo"));
    }
}

//! The stand-in, a telephone and answering machines, in virtual time.

use super::*;

/// The stand-in with far ends around it, on a network and in a time of their own.
pub struct World {
    pub core: Core,
    pub now: Instant,
    pub phone: Option<(Uac, Stream)>,
    pub machines: Vec<(u16, Uas)>,
    pub sent: Vec<u8>,
    pub ports: BTreeMap<String, u16>,
    pub next_frame: Instant,
    pub next_port: u16,
}

pub fn address(text: &str) -> SocketAddr {
    text.parse().unwrap()
}

pub fn at_port(port: u16) -> SocketAddr {
    SocketAddr::from(([127, 0, 0, 1], port))
}

impl World {
    pub fn new(scene: &Scene) -> Self {
        let now = Instant::now();
        // A second's first tenths: calls that nobody takes end after the whole seconds of the clock.
        let epoch = Duration::from_millis(1_795_334_545_530);
        let settings = Settings {
            address: address(SWITCH),
            password: "ClueCon".to_owned(),
            profile: "internal".to_owned(),
            // The recorded ones were quick.
            moves_after: Duration::ZERO,
            ..Settings::at(address(SWITCH).ip())
        };
        let mut core = Core::new(settings, Ids::seeded(1), now, epoch);
        core.connected(LISTENER, address(PHONE).ip(), now);
        let machine = |(port, answering): &(u16, Answering)| {
            (*port, Uas::new(at_port(*port), *answering, Ids::seeded(u64::from(*port))))
        };
        let machines = scene.callees.iter().map(machine).collect();
        let (ports, sent) = (BTreeMap::new(), Vec::new());
        World { core, now, phone: None, machines, sent, ports, next_frame: now, next_port: 20_000 }
    }

    pub fn dial(&mut self, script: &[Step], source: Source) {
        let plan = CallPlan { source, ..CallPlan::new(address(SWITCH), "4001").script(script.to_vec()) };
        let mut uac = Uac::new(plan, address(PHONE), at_port(30_000), Ids::seeded(9), self.now);
        let actions = uac.start(self.now);
        self.phone = Some((uac, Stream::new(source, 7)));
        self.phone_acts(actions);
    }

    pub fn phone_acts(&mut self, actions: Vec<phone::Action>) {
        for action in actions {
            match action {
                phone::Action::Send { to, bytes } => self.deliver(address(PHONE), to, &bytes),
                phone::Action::Press { digits } => {
                    if let Some((_, stream)) = &mut self.phone {
                        stream.press(&digits);
                    }
                }
                phone::Action::Play { .. } | phone::Action::Speak { .. } | phone::Action::Stop => {}
            }
        }
    }

    pub fn machine_acts(&mut self, at: usize, actions: Vec<machine::Action>) {
        let mut actions = VecDeque::from(actions);
        while let Some(action) = actions.pop_front() {
            let port = self.machines[at].0;
            match action {
                machine::Action::Send { to, bytes } => self.deliver(at_port(port), to, &bytes),
                machine::Action::OpenAudio { call, .. } => {
                    let media = Ok(at_port(port + 10_000));
                    actions.extend(self.machines[at].1.audio_opened(&call, media, self.now));
                }
                machine::Action::RedirectAudio { .. } | machine::Action::CloseAudio { .. } => {}
            }
        }
    }

    pub fn deliver(&mut self, from: SocketAddr, to: SocketAddr, bytes: &[u8]) {
        if to == address(SWITCH) {
            self.core.sip(bytes, from, self.now);
            return self.switch_acts();
        }
        if to == address(PHONE) {
            let message = Incoming::parse(bytes).unwrap();
            let actions = self.phone.as_mut().map(|(uac, _)| uac.receive(&message, from, self.now));
            return self.phone_acts(actions.unwrap_or_default());
        }
        if let Some(at) = self.machines.iter().position(|(port, _)| at_port(*port) == to) {
            let actions = self.machines[at].1.receive(bytes, from, self.now);
            self.machine_acts(at, actions);
        }
    }

    pub fn switch_acts(&mut self) {
        let mut actions = VecDeque::from(self.core.take_actions());
        while let Some(action) = actions.pop_front() {
            match action {
                Action::Reply { bytes, .. } => self.sent.extend(bytes),
                Action::Sip { to, bytes } => self.deliver(address(SWITCH), to, &bytes),
                Action::Probe { to } if !self.machines.iter().any(|(port, _)| at_port(*port) == to) => {
                    self.core.unreachable(to, self.now);
                }
                Action::OpenMedia { channel } => {
                    self.next_port += 2;
                    self.ports.insert(channel.clone(), self.next_port);
                    self.core.media_opened(&channel, Ok(at_port(self.next_port)), self.now);
                }
                Action::ReadFile { channel, .. } => self.core.file_read(&channel, None, self.now),
                _ => {}
            }
            actions.extend(self.core.take_actions());
        }
    }

    /// The telephone's 20 ms, once it talks.
    pub fn speak(&mut self) {
        let caller = self.ports.iter().next_back().map(|(channel, _)| channel.clone());
        let inbound =
            self.ports.iter().find(|(_, port)| **port == 20_002).map(|(channel, _)| channel.clone());
        let Some((_, stream)) = &mut self.phone else { return };
        if let (Some(channel), Some(packet)) = (inbound.or(caller), stream.next_packet()) {
            self.core.rtp(&channel, &packet, at_port(30_000), self.now);
            self.switch_acts();
        }
    }

    /// Lets the next thing happen that is due, in whatever end.
    pub fn step(&mut self) {
        let phone = self.phone.as_ref().and_then(|(uac, _)| uac.next_timeout().filter(|_| !uac.is_over()));
        let machines = self.machines.iter().filter_map(|(_, uas)| uas.next_timeout());
        let next = machines.chain(phone).fold(self.core.next_timeout().min(self.next_frame), Instant::min);
        self.now = self.now.max(next);
        if self.next_frame <= self.now {
            self.next_frame = self.now + Duration::from_millis(20);
            self.speak();
        }
        self.core.timeout(self.now);
        self.switch_acts();
        if phone.is_some_and(|at| at <= self.now) {
            let actions = self.phone.as_mut().map(|(uac, _)| uac.timeout(self.now));
            self.phone_acts(actions.unwrap_or_default());
        }
        for at in 0..self.machines.len() {
            let actions = self.machines[at].1.timeout(self.now);
            self.machine_acts(at, actions);
        }
    }
}

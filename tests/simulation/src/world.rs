//! All parties, and the loop that lets one thing happen after the other.

use std::collections::HashMap;
use std::net::SocketAddr;

use crate::caller::Call;
use crate::context::{Context, Event, Sent};
use crate::ledger::{Facts, Life};
use crate::node::Node;
use crate::rng::Rng;
use crate::scenario::{
    Fault, Listed, SHARED, Scenario, TIMEOUT, Time, advertised, caller_address, is_dead_end, nat_address,
    proxy_address, stranger_address,
};
use crate::stranger;
use crate::target::{State, Target};
use crate::watch::target_at;

/// After this nothing should be happening any more: a call may ring for 185 s before a proxy ends it, a caller waits
/// for 260 s, and everything else ends within minutes.
const AT_REST: Time = 3_600_000;
/// After so long the load balancer knows that a proxy is dead.
const NOTICE: Time = 3_000;

/// All parties.
pub(crate) struct World {
    pub(crate) context: Context,
    nodes: Vec<Node>,
    targets: Vec<Target>,
    calls: Vec<Call>,
    /// What the list says at present.
    list: Vec<Listed>,
    callers: HashMap<SocketAddr, usize>,
    /// The load balancer: each caller's proxy, and when it sent last.
    flows: HashMap<SocketAddr, (usize, Time)>,
}

impl World {
    pub(crate) fn new(seed: u64) -> Self {
        let mut rng = Rng::new(seed);
        let scenario = Scenario::of(seed, &mut rng);
        let list = vec![Listed::Active; scenario.targets];
        let node = |number| Node::new(number, number as Life, &scenario, list.clone(), 0);
        let nodes = (0..scenario.proxies).map(node).collect();
        let mut context = Context::new(scenario, rng);
        let count = context.scenario.calls;
        context.ledger.calls = (0..count).map(|_| Facts::default()).collect();
        context.target_lives = vec![(0, true); list.len()];
        context.proxy_lives = (0..context.scenario.proxies).map(|number| (number as Life, true)).collect();
        let calls = (0..count).map(|number| Call::new(&mut context, number)).collect();
        for stranger in 0..context.scenario.strangers {
            let wait = context.rng.between(0, context.scenario.span);
            context.after(wait, Event::Stranger(stranger));
        }
        for (at, fault) in context.scenario.faults.clone() {
            context.after(at, Event::Fault(fault));
        }
        World {
            nodes,
            targets: (0..list.len()).map(Target::new).collect(),
            calls,
            callers: (0..count).map(|number| (caller_address(number), number)).collect(),
            flows: HashMap::new(),
            list,
            context,
        }
    }

    /// Lets everything happen.
    pub(crate) fn run(&mut self) {
        while self.context.breach.is_none()
            && let Some(event) = self.context.next()
        {
            if self.context.now > AT_REST {
                return self.context.breach(None, format!("it never comes to rest: {event:?}"));
            }
            self.happen(event);
        }
        if self.context.breach.is_none() {
            self.judge_the_end();
        }
    }

    fn happen(&mut self, event: Event) {
        let context = &mut self.context;
        match event {
            Event::Arrives(place) => self.arrive(place),
            Event::Caller(call, timer) => self.calls[call].timer(context, timer),
            Event::Target(number, life, timer) => {
                let target = &mut self.targets[number];
                if target.life == life && target.alive {
                    if target.frozen_until > context.now {
                        let wait = target.frozen_until - context.now;
                        return context.after(wait, Event::Target(number, life, timer));
                    }
                    target.timer(context, timer);
                }
            }
            Event::Look(proxy, life) => {
                if let Some(node) = self.living(proxy, life) {
                    node.0.look(node.1);
                }
            }
            Event::Reads(proxy, life, target, listed) => {
                if let Some(node) = self.living(proxy, life) {
                    node.0.read_list(node.1, target, listed);
                }
            }
            Event::Health { proxy, life, target, up } => {
                if self.targets[target].alive == up
                    && let Some(node) = self.living(proxy, life)
                {
                    node.0.learn_health(node.1, target, up);
                }
            }
            Event::CameBack { proxy, life, place, target } => {
                let sent = self.context.record[place].clone();
                if let Some(node) = self.living(proxy, life) {
                    node.0.came_back(node.1, &sent, target);
                }
            }
            Event::Connects { proxy, life, target, waited } => {
                let outcome = self.connects(target, waited);
                if let Some(node) = self.living(proxy, life) {
                    node.0.connects(node.1, target, outcome);
                }
            }
            Event::LinkGone { proxy, life, link } => {
                if let Some(node) = self.living(proxy, life) {
                    node.0.link_is_gone(node.1, link);
                }
            }
            Event::Named { proxy, life, wanted } => {
                if let Some(node) = self.living(proxy, life) {
                    node.0.learn_name(node.1, wanted);
                }
            }
            Event::DeadEnd { proxy, life, place } => {
                if let Some(node) = self.living(proxy, life) {
                    node.0.name_came_back(node.1, place);
                }
            }
            Event::Stranger(number) => stranger::send(context, number),
            Event::Fault(fault) => self.fail(fault),
        }
    }

    fn living(&mut self, proxy: usize, life: Life) -> Option<(&mut Node, &mut Context)> {
        let node = &mut self.nodes[proxy];
        (node.alive && node.life == life).then_some((node, &mut self.context))
    }

    fn arrive(&mut self, place: usize) {
        let sent = self.context.record[place].clone();
        if sent.link.is_some_and(|link| self.context.is_lost_on(link, place)) {
            return;
        }
        if let Some(number) = target_at(sent.to) {
            return self.arrive_at_target(number, place, &sent);
        }
        if let Some(call) = self.callers.get(&sent.to) {
            return self.calls[*call].receive(&mut self.context, &sent);
        }
        let Some(proxy) = self.proxy_at(&sent) else { return };
        self.context.record[place].taken_by = Some(proxy);
        let node = &mut self.nodes[proxy];
        match node.alive {
            true => node.receive(&mut self.context, &sent),
            false => self.context.record[place].arrives = None,
        }
    }

    /// What comes of a connection that a proxy makes; `None`: nothing yet.
    fn connects(&self, target: usize, waited: bool) -> Option<bool> {
        let (target, now) = (&self.targets[target], self.context.now);
        let (until, refused) = target.no_links;
        match (target.alive && until <= now, waited) {
            (true, false) => Some(true),
            (true, true) => Some(false),
            (false, _) => {
                let is_told = if target.alive { refused } else { target.icmp };
                (is_told || waited).then_some(false)
            }
        }
    }

    fn arrive_at_target(&mut self, number: usize, place: usize, sent: &Sent) {
        let context = &mut self.context;
        let target = &mut self.targets[number];
        if !target.alive {
            let call = crate::message::Msg::read(&sent.bytes).and_then(|msg| msg.call());
            if let Some(facts) = call.and_then(|call| context.ledger.calls.get_mut(call)) {
                facts.unanswered = true;
            }
            let from = (0..self.nodes.len()).find(|proxy| proxy_address(*proxy) == sent.from);
            if let Some(proxy) = from.filter(|_| target.icmp) {
                let life = self.nodes[proxy].life;
                context.after(4, Event::CameBack { proxy, life, place, target: number });
            }
        } else if target.frozen_until > context.now {
            context.after(target.frozen_until - context.now, Event::Arrives(place));
        } else {
            target.receive(context, sent);
        }
    }

    /// The proxy that a datagram comes to.
    fn proxy_at(&mut self, sent: &Sent) -> Option<usize> {
        if sent.to == advertised() {
            return self.balance(sent.from);
        }
        if sent.to.to_string() == SHARED {
            let alive: Vec<usize> = (0..self.nodes.len()).filter(|p| self.nodes[*p].alive).collect();
            return (!alive.is_empty()).then(|| self.context.rng.pick(&alive));
        }
        let is_here = |proxy: &usize| [proxy_address(*proxy), nat_address(*proxy)].contains(&sent.to);
        (0..self.nodes.len()).find(is_here)
    }

    /// The load balancer keeps a caller at its proxy for a while, and longer than it should where that is dead.
    fn balance(&mut self, from: SocketAddr) -> Option<usize> {
        let now = self.context.now;
        let believed = |node: &Node| node.alive || now < node.died + NOTICE;
        let known = self.flows.get(&from).copied();
        let proxy = match known {
            Some((proxy, used))
                if now <= used + self.context.scenario.idle && believed(&self.nodes[proxy]) =>
            {
                proxy
            }
            _ => {
                let all: Vec<usize> = (0..self.nodes.len()).filter(|p| believed(&self.nodes[*p])).collect();
                if all.is_empty() {
                    return None;
                }
                self.context.rng.pick(&all)
            }
        };
        self.flows.insert(from, (proxy, now));
        Some(proxy)
    }

    fn fail(&mut self, fault: Fault) {
        match fault {
            Fault::KillTarget { target, icmp } if self.targets[target].alive => {
                let it = &mut self.targets[target];
                (it.alive, it.icmp, it.life, it.frozen_until) = (false, icmp, it.life + 1, 0);
                for uas in it.calls.drain(..) {
                    self.context.ledger.calls[uas.call].unanswered = true;
                }
                self.context.target_lives[target] = (it.life, false);
                self.context.break_links(|link| link.target == target);
                self.tell_health(target, false, (3_000, 15_000));
            }
            Fault::RestartTarget(target) => {
                let it = &mut self.targets[target];
                if !std::mem::replace(&mut it.alive, true) {
                    self.context.target_lives[target] = (it.life, true);
                    self.tell_health(target, true, (1_000, 8_000));
                }
            }
            Fault::BreakLinks(target) => self.context.break_links(|link| link.target == target),
            Fault::NoLinks { target, refused, time } => {
                self.targets[target].no_links = (self.context.now + time, refused);
            }
            Fault::FreezeTarget(target, time) => {
                self.targets[target].frozen_until = self.context.now + time;
            }
            Fault::List(target, listed) => {
                self.list[target] = listed;
                for proxy in 0..self.nodes.len() {
                    let wait = self.context.rng.between(0, 3_000);
                    let life = self.nodes[proxy].life;
                    self.context.after(wait, Event::Reads(proxy, life, target, listed));
                }
            }
            Fault::KillProxy(proxy) if self.nodes[proxy].alive => self.kill_proxy(proxy),
            Fault::RestartProxy(proxy) if !self.nodes[proxy].alive => {
                let node = &self.nodes[proxy];
                let (life, now) = (node.life + self.nodes.len() as Life, self.context.now);
                self.nodes[proxy] = Node::new(proxy, life, &self.context.scenario, self.list.clone(), now);
                self.context.proxy_lives[proxy] = (life, true);
                // It begins with all targets up.
                self.context.ledger.table_changed = Some(now);
                for target in 0..self.targets.len() {
                    self.tell_health(target, self.targets[target].alive, (3_000, 10_000));
                }
            }
            _ => {}
        }
    }

    fn tell_health(&mut self, target: usize, up: bool, (least, most): (Time, Time)) {
        for proxy in 0..self.nodes.len() {
            let life = self.nodes[proxy].life;
            let wait = self.context.rng.between(least, most);
            self.context.after(wait, Event::Health { proxy, life, target, up });
        }
    }

    /// With the proxy go its pins. Calls that were set up have none that matters.
    fn kill_proxy(&mut self, proxy: usize) {
        let (now, node) = (self.context.now, &mut self.nodes[proxy]);
        (node.alive, node.died) = (false, now);
        self.context.proxy_lives[proxy].1 = false;
        self.context.break_links(|link| link.proxy == proxy);
        for facts in &mut self.context.ledger.calls {
            let open = |leg: usize| facts.final_at(leg).is_none_or(|at| now < at + TIMEOUT + 5_000);
            if facts.carried.iter().any(|(leg, life)| *life == node.life && open(*leg)) {
                facts.unpinned = Some("its proxy was killed");
            }
        }
    }

    /// When nothing happens any more nothing may be left.
    fn judge_the_end(&mut self) {
        let context = &mut self.context;
        for call in &self.calls {
            call.judge_the_end(context);
        }
        for node in self.nodes.iter().filter(|node| !node.pins.is_empty()) {
            let what = format!("proxy {} has {} pins left", node.number + 1, node.pins.len());
            context.breach(None, what);
        }
        for node in &mut self.nodes {
            let kept = node.kept_for_names(context);
            if kept > 0 {
                context.breach(None, format!("proxy {} still keeps {kept} messages", node.number + 1));
            }
        }
        for target in &self.targets {
            for uas in target.calls.iter().filter(|uas| uas.state != State::Over) {
                let facts = &context.ledger.calls[uas.call];
                let known = facts.dialogs.contains(&uas.tag);
                let state = uas.state;
                let what =
                    format!("target {} is left with a call: {state:?} ({})", target.number + 1, uas.tag);
                if facts.ignores_record_route && context.ledger.may_stray(uas.call) {
                    context.seen.excused += 1;
                } else if known {
                    context.breach(Some(uas.call), what);
                } else {
                    context.set_up_breach(uas.call, uas.leg, what);
                }
            }
        }
    }
}

/// What the parties are called in a ladder.
pub(crate) fn name(address: SocketAddr, taken_by: Option<usize>) -> String {
    let proxy = |number: usize| format!("proxy {}", number + 1);
    if let Some(number) = taken_by {
        return proxy(number);
    }
    if let Some(number) = target_at(address) {
        return format!("target {}", number + 1);
    }
    for number in 0..4 {
        if [proxy_address(number), nat_address(number)].contains(&address) {
            return proxy(number);
        }
    }
    match address {
        _ if address == advertised() => "proxies".to_owned(),
        _ if address.ip() == stranger_address(0).ip() || address.ip() == stranger_address(1).ip() => {
            "stranger".to_owned()
        }
        _ if address.ip().to_string().starts_with("175.100.32.") => "caller".to_owned(),
        _ if is_dead_end(address) => "dead end".to_owned(),
        _ => address.to_string(),
    }
}

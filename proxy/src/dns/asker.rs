//! Asks the DNS servers. What to ask, and what the answers mean, is said elsewhere.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use hickory_resolver::TokioResolver;
use hickory_resolver::config::{ConnectionConfig, NameServerConfig, ResolverConfig, ResolverOpts};
use hickory_resolver::net::NetError;
use hickory_resolver::net::runtime::TokioRuntimeProvider;
use hickory_resolver::proto::rr::{Name, RData, RecordType};
use hickory_resolver::system_conf::read_system_conf;
use prometheus::IntCounterVec;
use tokio::sync::Semaphore;
use tokio::task::JoinSet;

use super::{Able, Answer, Destination, Family, Lookup, Outcome, Question, Record};
use crate::config::DnsConfig;

/// Questions that one connection to a server has open at once: as many as messages may wait.
const MAX_ACTIVE: usize = 4096;

/// Questions of one look-up that are asked at once.
const AT_ONCE: usize = 64;

/// Why nobody can be asked.
#[derive(Debug, thiserror::Error)]
pub enum AskerError {
    /// The system names no servers, or in a way that is not understood.
    #[error("expected DNS servers in the system's resolv.conf (or in dns.servers): {0}")]
    System(NetError),
    /// What they are asked with cannot be made.
    #[error("cannot make a resolver: {0}")]
    Resolver(NetError),
}

/// Asks. Cheap to clone.
#[derive(Clone)]
pub struct Asker {
    resolver: TokioResolver,
    lookups: IntCounterVec,
    /// How long a whole look-up may take.
    wait: Duration,
}

impl Asker {
    /// Asks the servers of the settings, else the system's.
    pub fn new(config: &DnsConfig, lookups: IntCounterVec) -> Result<Self, AskerError> {
        let (servers, mut options) = match config.servers.as_slice() {
            [] => read_system_conf().map_err(AskerError::System)?,
            servers => {
                let servers = servers.iter().map(server).collect();
                (ResolverConfig::from_parts(None, Vec::new(), servers), ResolverOpts::default())
            }
        };
        options.timeout = config.timeout;
        options.attempts = config.attempts.saturating_sub(1);
        options.cache_size = config.rules.most as u64;
        options.positive_max_ttl = Some(config.rules.max_ttl);
        options.negative_max_ttl = Some(config.rules.negative_ttl);
        options.max_active_requests = MAX_ACTIVE;
        // What has no answer over UDP, or a mutilated one, may have one over TCP.
        options.try_tcp_on_error = true;
        // Answers that somebody forges have to guess the spelling of the question, too.
        options.case_randomization = true;
        let mut builder = TokioResolver::builder_with_config(servers, TokioRuntimeProvider::default());
        *builder.options_mut() = options;
        let resolver = builder.build().map_err(AskerError::Resolver)?;
        Ok(Asker { resolver, lookups, wait: config.wait })
    }

    /// A whole look-up, however many questions it takes.
    pub async fn look_up(&self, wanted: Destination, able: Able) -> Outcome {
        let mut lookup = Lookup::new(wanted, able);
        let all = async {
            while lookup.outcome().is_none() {
                for (question, answer) in self.ask_all(lookup.questions().to_vec()).await {
                    lookup.answer(&question, answer);
                }
            }
        };
        let _ = tokio::time::timeout(self.wait, all).await;
        let outcome = lookup.outcome().cloned().unwrap_or(Outcome::Failed);
        let result = match outcome {
            Outcome::Found { .. } => "found",
            Outcome::Nothing => "nothing",
            Outcome::Failed => "failed",
        };
        self.lookups.with_label_values(&[result]).inc();
        outcome
    }

    /// Asks all of them at once.
    pub async fn ask_all(&self, questions: Vec<Question>) -> Vec<(Question, Answer)> {
        let mut asked = JoinSet::new();
        let turns = Arc::new(Semaphore::new(AT_ONCE));
        for question in questions {
            let (asker, turns) = (self.clone(), Arc::clone(&turns));
            asked.spawn(async move {
                let _turn = turns.acquire().await;
                let answer = asker.ask(&question).await;
                (question, answer)
            });
        }
        let mut answers = Vec::new();
        while let Some(answered) = asked.join_next().await {
            answers.extend(answered.ok());
        }
        answers
    }

    async fn ask(&self, question: &Question) -> Answer {
        let (name, kind) = match question {
            Question::Naptr(name) => (name, RecordType::NAPTR),
            Question::Srv(name) => (name, RecordType::SRV),
            Question::Address(name, Family::V4) => (name, RecordType::A),
            Question::Address(name, Family::V6) => (name, RecordType::AAAA),
        };
        let Ok(mut name) = Name::from_ascii(name) else { return Answer::Nothing };
        // Names are absolute: the system's search list is for people.
        name.set_fqdn(true);
        match self.resolver.lookup(name, kind).await {
            Ok(found) => {
                let ttl = found.answers().iter().map(|record| record.ttl).min().unwrap_or(0);
                let records = found.answers().iter().filter_map(|found| record(&found.data));
                Answer::Records { records: records.collect(), ttl: Duration::from_secs(ttl.into()) }
            }
            Err(error) if error.is_no_records_found() => Answer::Nothing,
            Err(error) => {
                tracing::debug!(?question, %error, "DNS did not answer");
                Answer::Failed
            }
        }
    }
}

fn server(address: &SocketAddr) -> NameServerConfig {
    let connections = [ConnectionConfig::udp(), ConnectionConfig::tcp()].map(|mut connection| {
        connection.port = address.port();
        connection
    });
    NameServerConfig::new(address.ip(), true, connections.into())
}

fn record(found: &RData) -> Option<Record> {
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    Some(match found {
        RData::A(ip) => Record::Address(ip.0.into()),
        RData::AAAA(ip) => Record::Address(ip.0.into()),
        RData::SRV(srv) => {
            let (priority, weight, port) = (srv.priority, srv.weight, srv.port);
            Record::Srv { priority, weight, port, target: plain(&srv.target) }
        }
        RData::NAPTR(naptr) => Record::Naptr {
            order: naptr.order,
            preference: naptr.preference,
            flags: text(&naptr.flags),
            service: text(&naptr.services),
            replacement: plain(&naptr.replacement),
        },
        _ => return None,
    })
}

/// Without the dot at the end; the root is empty.
fn plain(name: &Name) -> String {
    let text = name.to_ascii();
    text.strip_suffix('.').unwrap_or(&text).to_owned()
}

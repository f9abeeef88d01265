//! The stand-in or a real FreeSWITCH, so that a test runs against either.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::PathBuf;

use anyhow::Result;

use super::{Settings, Switch};
use crate::real_switch::{BINARY, Console, RealSwitch, SwitchSettings};
use crate::trace::Trace;

/// A switch, whichever there is.
pub enum AnySwitch {
    /// The stand-in.
    StandIn(Switch),
    /// A real one.
    Real(RealSwitch),
}

impl AnySwitch {
    /// A real FreeSWITCH where `SWITCHYARD_FREESWITCH` names one, else the stand-in; both at this address of 127.0.0.0/8,
    /// and with the same limit on how long a call waits for a controller.
    ///
    /// # Errors
    /// When it does not start.
    pub async fn start(ip: Ipv4Addr, take_within: u64, trace: &Trace) -> Result<Self> {
        Self::start_with(ip, take_within, &[], trace).await
    }

    /// The same, with more variables of a real one's `start.sh`.
    ///
    /// # Errors
    /// When it does not start.
    pub async fn start_with(
        ip: Ipv4Addr,
        take_within: u64,
        variables: &[(&str, String)],
        trace: &Trace,
    ) -> Result<Self> {
        if std::env::var_os(BINARY).is_some_and(|path| !path.is_empty()) {
            let settings = SwitchSettings::at(ip).set("FREESWITCH_TAKE_WITHIN", &take_within.to_string());
            let settings =
                variables.iter().fold(settings, |settings, (name, value)| settings.set(name, value));
            let started = tokio::task::spawn_blocking(move || RealSwitch::start(&settings)).await??;
            if let Some(real) = started {
                return Ok(Self::Real(real));
            }
        }
        Self::stand_in(ip, take_within, trace).await
    }

    /// The stand-in, whatever there is.
    ///
    /// # Errors
    /// When it does not start.
    pub async fn stand_in(ip: Ipv4Addr, take_within: u64, trace: &Trace) -> Result<Self> {
        let take_within = std::time::Duration::from_secs(take_within);
        let settings = Settings { take_within, ..Settings::at(IpAddr::from(ip)) };
        Ok(Self::StandIn(Switch::start(settings, trace).await?))
    }

    /// Where calls come: the profile `nat_gateway`.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        match self {
            Self::StandIn(switch) => switch.address(),
            Self::Real(switch) => switch.profiles().nat_gateway,
        }
    }

    /// Where its event socket listens.
    #[must_use]
    pub fn event_socket(&self) -> SocketAddr {
        match self {
            Self::StandIn(switch) => switch.event_socket(),
            Self::Real(switch) => switch.event_socket(),
        }
    }

    /// The event socket's password.
    #[must_use]
    pub fn password(&self) -> &str {
        match self {
            Self::StandIn(switch) => switch.password(),
            Self::Real(switch) => switch.password(),
        }
    }

    /// Where sounds and recordings of a test can be.
    #[must_use]
    pub fn directory(&self) -> PathBuf {
        match self {
            Self::StandIn(switch) => switch.directory(),
            Self::Real(switch) => switch.directory(),
        }
    }

    /// A new connection to its event socket, logged in. It blocks: not for a task that the stand-in needs to run.
    ///
    /// # Errors
    /// It is gone, or has refused the password.
    pub fn console(&self) -> Result<Console> {
        Console::connect(self.event_socket(), self.password())
    }
}

//! Registered clients: where one is just now, which the gateway that they register with knows.

#[cfg(feature = "lambda")]
pub mod lambda;

use std::sync::Arc;
use std::time::Duration;

use esl::{DialString, Name};

use super::Soon;
use super::dial::Routing;

/// How long the gateway may take.
const WITHIN: Duration = Duration::from_secs(5);

/// FreeSWITCH's endpoint that fails, with the cause that fits.
const NOT_REGISTERED: &str = "error/USER_NOT_REGISTERED";

/// Where a client is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Registered {
    /// `user@host:port`; the user is the number that was asked with, or what the client has made of it.
    pub address: String,
    /// The proxy that reaches it, `host:port`.
    pub proxy: Option<String>,
}

/// Whoever knows where clients are.
pub trait Gateway: Send + Sync {
    /// Where this client is reached for this number. None: it is not registered.
    fn find<'a>(
        &'a self,
        client: &'a str,
        destination: &'a str,
    ) -> Soon<'a, Result<Option<Registered>, String>>;
}

/// Makes dial strings.
#[derive(Clone)]
pub struct Dialer {
    /// The sofia profile of calls that name none.
    pub profile: Name,
    /// Who knows where clients are, if anybody does.
    pub gateway: Option<Arc<dyn Gateway>>,
}

impl Dialer {
    /// What FreeSWITCH is told, without variables. A client that is not registered cannot be called, and FreeSWITCH says
    /// so. The error says what is missing or wrong, or that the gateway does not answer.
    pub async fn dial_string(&self, routing: &Routing) -> Result<DialString, String> {
        let (Some(gateway), Some((client, number))) = (&self.gateway, routing.client()) else {
            return routing.dial_string(&self.profile);
        };
        let found = tokio::time::timeout(WITHIN, gateway.find(client, &number)).await;
        match found.unwrap_or_else(|_| Err(format!("expected an answer within {WITHIN:?}, found none"))) {
            Ok(Some(found)) => routing.dial_string_to(&self.profile, &found.address, found.proxy.as_deref()),
            Ok(None) => DialString::new(NOT_REGISTERED).map_err(|error| error.to_string()),
            Err(error) => Err(format!("the gateway of {client}: {error}")),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A gateway that knows one client, and how it is asked.
    struct Knows(Option<Registered>);

    impl Gateway for Knows {
        fn find<'a>(
            &'a self,
            client: &'a str,
            destination: &'a str,
        ) -> Soon<'a, Result<Option<Registered>, String>> {
            Box::pin(async move {
                assert_eq!((client, destination), ("user1", "02092960310"));
                Ok(self.0.clone())
            })
        }
    }

    fn routing() -> Routing {
        Routing {
            username: Some("user1".to_owned()),
            destination: Some("8562092960310".to_owned()),
            national_dialing: true,
            dial_string_prefix: Some("1".to_owned()),
            ..Routing::default()
        }
    }

    async fn dial(gateway: Option<Knows>, routing: Routing) -> Result<String, String> {
        let gateway = gateway.map(|gateway| Arc::new(gateway) as Arc<dyn Gateway>);
        let dialer = Dialer { profile: Name::new("nat_gateway").expect("a name"), gateway };
        Ok(dialer.dial_string(&routing).await?.to_string())
    }

    fn at(address: &str, proxy: Option<&str>) -> Option<Knows> {
        Some(Knows(Some(Registered { address: address.to_owned(), proxy: proxy.map(str::to_owned) })))
    }

    #[tokio::test]
    async fn n6_n7_o4_a_client_is_called_where_it_is() {
        let found = || at("02092960310@45.118.77.153:1619", Some("10.10.0.20:6060"));
        assert_eq!(
            dial(found(), routing()).await.as_deref(),
            Ok("sofia/nat_gateway/102092960310@45.118.77.153:1619;fs_path=sip:10.10.0.20:6060")
        );
        let plus = Routing { plus_prefix: true, dial_string_prefix: None, ..routing() };
        assert_eq!(
            dial(at("02092960310@45.118.77.153:1619", None), plus).await.as_deref(),
            Ok("sofia/nat_gateway/+02092960310@45.118.77.153:1619")
        );
    }

    #[tokio::test]
    async fn n13_a_client_that_is_not_there_is_a_call_that_fails() {
        assert_eq!(dial(Some(Knows(None)), routing()).await.as_deref(), Ok("error/USER_NOT_REGISTERED"));
        let error = dial(None, routing()).await.expect_err("nobody knows");
        assert_eq!(error, "username: registered clients cannot be called");
    }

    #[tokio::test]
    async fn what_a_gateway_says_is_no_command() {
        for address in ["1@h,loopback/1", "1@h}x", "nobody", "1@h&system(x)"] {
            assert!(dial(at(address, None), routing()).await.is_err(), "{address}");
        }
        assert!(dial(at("1@h", Some("p,loopback/1")), routing()).await.is_err());
    }
}

//! One connection to the broker, from the first address that answers until its loss.

use std::time::Duration;

use futures_util::StreamExt;
use lapin::uri::AMQPUri;
use lapin::{Connection, ConnectionProperties, Event};
use secrecy::ExposeSecret;
use tokio::sync::watch;
use tokio::time::timeout;

use super::publisher::Lane;
use super::topology::Part;
use super::{Error, Settings};

/// Time for a connection to be made, its handshake included: the URI's own time-out ends before the handshake.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);
/// Time for a part of the topology to be declared.
const DECLARE_TIMEOUT: Duration = Duration::from_secs(10);
/// Time for a close to be answered; a blocked or dead broker never answers it.
const CLOSE_TIMEOUT: Duration = Duration::from_secs(1);

/// A connection to the broker.
#[derive(Debug)]
pub struct Link {
    connection: Connection,
    blocked: watch::Receiver<bool>,
    lost: watch::Receiver<Option<String>>,
}

impl Link {
    /// Connects to the first address that answers.
    ///
    /// # Errors
    /// When an address cannot be read, or none answers.
    pub async fn connect(settings: &Settings) -> Result<Self, Error> {
        let mut reasons = Vec::new();
        for (index, url) in settings.urls.iter().enumerate() {
            let uri =
                address(url.expose_secret()).map_err(|why| Error::Address { number: index + 1, why })?;
            let place = format!("{}:{}", uri.authority.host, uri.authority.port);
            let properties = ConnectionProperties::default().with_connection_name("countersign".into());
            match timeout(CONNECT_TIMEOUT, Connection::connect_uri(uri, properties)).await {
                Ok(Ok(connection)) => return Ok(Self::over(connection)),
                Ok(Err(error)) => reasons.push(format!("{place}: {error}")),
                Err(_) => reasons.push(format!("{place}: no answer within {} s", CONNECT_TIMEOUT.as_secs())),
            }
        }
        Err(Error::Unreachable(reasons.join("; ")))
    }

    fn over(connection: Connection) -> Self {
        let (set_blocked, blocked) = watch::channel(false);
        let (set_lost, lost) = watch::channel(None);
        let mut events = connection.events_listener();
        tokio::spawn(async move {
            while let Some(event) = events.next().await {
                match event {
                    Event::ConnectionBlocked(_) => drop(set_blocked.send(true)),
                    Event::ConnectionUnblocked => drop(set_blocked.send(false)),
                    Event::Error(error) => {
                        drop(set_lost.send(Some(error.to_string())));
                        return;
                    }
                    _ => {}
                }
            }
        });
        Self { connection, blocked, lost }
    }

    /// Whether the broker blocks publishers, and every change of that.
    pub fn blocked(&self) -> watch::Receiver<bool> {
        self.blocked.clone()
    }

    /// Waits until the connection is lost; why.
    pub async fn lost(&self) -> String {
        let mut lost = self.lost.clone();
        match lost.wait_for(Option::is_some).await {
            Ok(why) => why.clone().unwrap_or_default(),
            Err(_) => "it was closed".into(),
        }
    }

    /// Opens a channel with confirms, for one writer.
    ///
    /// # Errors
    /// When the broker does not give one.
    pub async fn lane(&self, mode: super::Mode) -> Result<Lane, Error> {
        let open = async {
            let channel = self.connection.create_channel().await?;
            channel.confirm_select(lapin::options::ConfirmSelectOptions::default()).await?;
            Ok::<_, lapin::Error>(channel)
        };
        let opened =
            timeout(CONNECT_TIMEOUT, open).await.map_err(|_| Error::Lost("no channel in time".into()))?;
        let channel = opened.map_err(|e| Error::Lost(e.to_string()))?;
        Ok(Lane::new(channel, mode, self.blocked()))
    }

    /// Declares each part of the topology on a channel of its own, so that a broken one closes no other's; what
    /// each one said.
    ///
    /// # Errors
    /// When the connection is lost meanwhile.
    pub async fn declare(&self, settings: &Settings) -> Result<Vec<(String, Result<(), String>)>, Error> {
        let mut said = Vec::new();
        for part in Part::all(settings) {
            let declare = async {
                let channel = self.connection.create_channel().await?;
                let declared = part.declare(&channel).await;
                // A channel that the broker closed cannot be closed again; either way it is done with.
                let _ = channel.close(200, "declared".into()).await;
                declared
            };
            let outcome = match timeout(DECLARE_TIMEOUT, declare).await {
                Ok(outcome) => outcome.map_err(|e| e.to_string()),
                Err(_) => Err(format!("no answer within {} s", DECLARE_TIMEOUT.as_secs())),
            };
            if let Some(why) = self.lost.borrow().clone() {
                return Err(Error::Lost(why));
            }
            said.push((part.name().to_owned(), outcome));
        }
        Ok(said)
    }

    /// Closes the connection, without waiting for a broker that does not answer.
    pub async fn close(self) {
        let _ = timeout(CLOSE_TIMEOUT, self.connection.close(200, "done".into())).await;
    }
}

/// Reads an address, past the library's traps: a trailing slash would mean the virtual host "", an IPv6 literal
/// would become `localhost`, and without `heartbeat` a dead peer would be noticed only after a minute.
fn address(text: &str) -> Result<AMQPUri, String> {
    let parsed = url::Url::parse(text).map_err(|e| e.to_string())?;
    let mut uri: AMQPUri =
        text.parse().map_err(|_| "it is no AMQP address: amqp://user:password@host:5672/%2f".to_owned())?;
    if matches!(parsed.path(), "" | "/") {
        uri.vhost = "/".into();
    }
    if let Some(url::Host::Ipv6(host)) = ipv6(&parsed) {
        uri.authority.host = format!("[{host}]");
    }
    uri.query.heartbeat.get_or_insert(10);
    Ok(uri)
}

/// The host where it is an IPv6 literal; `amqp` is no scheme whose hosts the URL library reads.
fn ipv6(url: &url::Url) -> Option<url::Host<String>> {
    let host = url.host_str()?.strip_prefix('[')?.strip_suffix(']')?;
    host.parse().ok().map(url::Host::Ipv6)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_mean_what_people_mean_by_them() {
        let host_and_vhost = |text| address(text).map(|uri| (uri.authority.host, uri.vhost)).unwrap();
        assert_eq!(host_and_vhost("amqp://localhost"), ("localhost".into(), "/".into()));
        assert_eq!(host_and_vhost("amqp://localhost:5672/"), ("localhost".into(), "/".into()));
        assert_eq!(host_and_vhost("amqp://localhost:5672/%2f"), ("localhost".into(), "/".into()));
        assert_eq!(host_and_vhost("amqp://localhost:5672/mine"), ("localhost".into(), "mine".into()));
        assert_eq!(host_and_vhost("amqp://[::1]:5672/mine").0, "[::1]");
        assert_eq!(address("amqp://localhost").unwrap().query.heartbeat, Some(10));
        assert_eq!(address("amqp://localhost?heartbeat=30").unwrap().query.heartbeat, Some(30));
    }

    #[test]
    fn a_bad_address_is_refused_without_its_password() {
        for text in ["localhost", "http://localhost", "amqp://user:s3cret@host:notaport"] {
            let why = address(text).unwrap_err();
            assert!(!why.contains("s3cret"), "{why}");
        }
    }
}

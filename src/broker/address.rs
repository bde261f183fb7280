//! A broker's address: an AMQP URI read without the traps of the library's own reading, its password never shown.

use std::fmt;
use std::path::PathBuf;

use lapin::uri::{AMQPAuthority, AMQPQueryString, AMQPScheme, AMQPUri, AMQPUserInfo, SASLMechanism};
use secrecy::{ExposeSecret as _, SecretString};
use url::{Host, Url};

use crate::base::limits;

use super::certificates::Certificates;
use super::error::ACCESS_REFUSED;
use super::{Error, Settings};

/// Where a broker is, and how to log in there. `Debug` and `Display` show it without the password.
#[derive(Clone, PartialEq, Eq)]
pub(super) struct Address {
    uri: AMQPUri,
    certificates: Certificates,
}

impl Address {
    /// Reads `amqp://USER:PASSWORD@HOST:PORT/VHOST?heartbeat=…` or `amqps://…`.
    ///
    /// The library's own reading turns an IPv6 host into `localhost`, a trailing slash into the virtual host with the
    /// empty name, and knows neither a default heartbeat nor the certificates' parameters of RabbitMQ's URI
    /// specification (`cacertfile`, and `certfile` with `keyfile`), so the parts are read here.
    ///
    /// # Errors
    /// [`Error::Address`], which tells what is wrong and never shows the text.
    pub(super) fn parse(text: &SecretString) -> Result<Self, Error> {
        let url = Url::parse(text.expose_secret().trim())
            .map_err(|why| Error::Address(format!("a broker's address cannot be read: {why}")))?;
        let scheme = match url.scheme() {
            "amqp" => AMQPScheme::AMQP,
            "amqps" => AMQPScheme::AMQPS,
            _ => return Err(wrong("is neither amqp:// nor amqps://")),
        };
        let host = match url.host() {
            Some(Host::Domain(name)) if !name.is_empty() => decoded(name)?,
            Some(Host::Ipv4(ip)) => ip.to_string(),
            Some(Host::Ipv6(ip)) => ip.to_string(),
            _ => return Err(wrong("names no host")),
        };
        let mut address = Self {
            uri: AMQPUri {
                authority: AMQPAuthority {
                    userinfo: login(&url)?,
                    host,
                    port: url.port().unwrap_or_else(|| scheme.default_port()),
                },
                vhost: vhost(&url)?,
                query: AMQPQueryString {
                    heartbeat: Some(limits::BROKER_HEARTBEAT_SECS),
                    ..AMQPQueryString::default()
                },
                scheme,
            },
            certificates: Certificates::default(),
        };
        address.read_query(&url)?;
        Ok(address)
    }

    fn read_query(&mut self, url: &Url) -> Result<(), Error> {
        let (mut certificate, mut key) = (None, None);
        let query = &mut self.uri.query;
        for (name, value) in url.query_pairs() {
            match &*name {
                "heartbeat" => query.heartbeat = Some(number(&name, &value)?),
                "frame_max" => query.frame_max = Some(number(&name, &value)?),
                "channel_max" => query.channel_max = Some(number(&name, &value)?),
                // Covered by a time limit of our own, login included; accepted because others write it.
                "connection_timeout" => query.connection_timeout = Some(number(&name, &value)?),
                "auth_mechanism" => {
                    let mechanism: SASLMechanism =
                        value.parse().map_err(|_| wrong("names an auth_mechanism that is not known"))?;
                    query.auth_mechanism = Some(mechanism);
                }
                "cacertfile" => self.certificates.ca = Some(PathBuf::from(&*value)),
                "certfile" => certificate = Some(PathBuf::from(&*value)),
                "keyfile" => key = Some(PathBuf::from(&*value)),
                other => {
                    let known = "heartbeat, frame_max, channel_max, connection_timeout, auth_mechanism, \
                                 cacertfile, certfile, keyfile";
                    return Err(wrong(&format!("has the parameter `{other}`; known are {known}")));
                }
            }
        }
        self.certificates.identity = match (certificate, key) {
            (Some(certificate), Some(key)) => Some((certificate, key)),
            (None, None) => None,
            _ => return Err(wrong("has one of certfile and keyfile: they go together")),
        };
        if self.certificates != Certificates::default() && self.uri.scheme == AMQPScheme::AMQP {
            return Err(wrong("has certificates but is amqp://: write amqps://"));
        }
        let external = self.uri.query.auth_mechanism == Some(SASLMechanism::External);
        if external && self.certificates.identity.is_none() {
            return Err(wrong("logs in by auth_mechanism=external, which takes certfile and keyfile"));
        }
        Ok(())
    }

    pub(super) fn uri(&self) -> AMQPUri {
        self.uri.clone()
    }

    pub(super) fn certificates(&self) -> &Certificates {
        &self.certificates
    }

    /// What to do about a connection that did not come about, where the address has something to do with it.
    pub(super) fn advice(&self, error: &lapin::Error) -> Option<String> {
        let refused =
            matches!(error.kind(), lapin::ErrorKind::ProtocolError(amqp) if amqp.get_id() == ACCESS_REFUSED);
        if refused && self.uri.query.auth_mechanism == Some(SASLMechanism::External) {
            let what = "RabbitMQ needs the plugin rabbitmq_auth_mechanism_ssl, EXTERNAL among its auth_mechanisms, and a \
                        user with the name in the client certificate";
            return Some(what.to_owned());
        }
        let over_tls = self.uri.scheme == AMQPScheme::AMQPS;
        over_tls.then(|| self.certificates.advice(error, &self.uri.authority.host)).flatten()
    }
}

/// Whether an address can be used, for settings.
///
/// # Errors
/// [`Error::Address`], which tells what is wrong and never shows the text.
pub fn check_address(text: &SecretString) -> Result<(), Error> {
    Address::parse(text).map(drop)
}

/// How the first address logs in, for the management API of the same broker.
#[derive(Debug, Clone)]
pub struct Login {
    /// The virtual host.
    pub vhost: String,
    /// The user's name.
    pub username: String,
    /// The user's password.
    pub password: SecretString,
    /// Who signed the broker's certificate, where the address says so.
    pub ca: Option<PathBuf>,
}

impl Settings {
    /// How the first address logs in.
    ///
    /// # Errors
    /// [`Error::Address`] where there is none, or it cannot be read.
    pub fn login(&self) -> Result<Login, Error> {
        let first = self.urls.first().ok_or_else(|| Error::Address("no broker is set".to_owned()))?;
        let Address { uri, certificates } = Address::parse(first)?;
        let AMQPUserInfo { username, password } = uri.authority.userinfo;
        Ok(Login { vhost: uri.vhost, username, password: SecretString::from(password), ca: certificates.ca })
    }
}

fn wrong(what: &str) -> Error {
    Error::Address(format!(
        "a broker's address {what}; write amqp://USER:PASSWORD@HOST:5672/%2f or amqps://…, special characters \
         percent-encoded"
    ))
}

fn decoded(text: &str) -> Result<String, Error> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes().iter().copied();
    while let Some(byte) = rest.next() {
        if byte != b'%' {
            bytes.push(byte);
            continue;
        }
        let mut digit = || rest.next().and_then(|byte| char::from(byte).to_digit(16));
        let (Some(high), Some(low)) = (digit(), digit()) else {
            return Err(wrong("has a `%` that two hexadecimal digits do not follow: a percent sign is %25"));
        };
        // Two digits of sixteen fit in a byte.
        bytes.push((high * 16 + low) as u8);
    }
    String::from_utf8(bytes).map_err(|_| wrong("has a part that is not UTF-8"))
}

/// `guest` with the password `guest` where none is told, as everywhere with RabbitMQ.
fn login(url: &Url) -> Result<AMQPUserInfo, Error> {
    let mut login = AMQPUserInfo::default();
    if !url.username().is_empty() {
        login.username = decoded(url.username())?;
    }
    if let Some(password) = url.password() {
        login.password = decoded(password)?;
    }
    Ok(login)
}

fn vhost(url: &Url) -> Result<String, Error> {
    match url.path().strip_prefix('/') {
        None => Ok("/".to_owned()),
        Some("") => Err(wrong("ends in a slash: for the virtual host `/` leave it out or write /%2f")),
        Some(path) if path.contains('/') => Err(wrong("has a virtual host with a slash in it: write it %2f")),
        Some(path) => decoded(path),
    }
}

fn number<T: std::str::FromStr>(name: &str, value: &str) -> Result<T, Error> {
    value.parse().map_err(|_| wrong(&format!("has a `{name}` that is no number in its range")))
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let AMQPAuthority { userinfo, host, port } = &self.uri.authority;
        let host = if host.contains(':') { format!("[{host}]") } else { host.clone() };
        let vhost = self.uri.vhost.replace('%', "%25").replace('/', "%2f");
        write!(f, "{}://{}@{host}:{port}/{vhost}", self.uri.scheme, userinfo.username)
    }
}

impl fmt::Debug for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Address({self})")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(text: &str) -> AMQPUri {
        Address::parse(&SecretString::from(text)).unwrap().uri()
    }

    fn fault(text: &str) -> String {
        Address::parse(&SecretString::from(text)).unwrap_err().to_string()
    }

    #[test]
    fn an_address_of_every_usual_shape_is_read() {
        let all =
            parsed("amqp://us%40er:p%2Fa%2Bs+s&=@rabbit.example.com:5673/v%2fh?heartbeat=30&frame_max=65536");
        assert_eq!(all.authority.userinfo.username, "us@er");
        assert_eq!(all.authority.userinfo.password, "p/a+s+s&=");
        assert_eq!((all.authority.host.as_str(), all.authority.port), ("rabbit.example.com", 5673));
        assert_eq!(
            (all.vhost.as_str(), all.query.heartbeat, all.query.frame_max),
            ("v/h", Some(30), Some(65536))
        );

        let bare = parsed("amqps://broker");
        assert_eq!((bare.scheme, bare.authority.port), (AMQPScheme::AMQPS, 5671));
        assert_eq!(bare.authority.userinfo, AMQPUserInfo::default());
        assert_eq!((bare.vhost.as_str(), bare.query.heartbeat), ("/", Some(10)));
    }

    #[test]
    fn ip_hosts_stay_what_they_are() {
        assert_eq!(parsed("amqp://[::1]:5672/%2f").authority.host, "::1");
        assert_eq!(parsed("amqp://[2001:db8::7]").authority.host, "2001:db8::7");
        assert_eq!(parsed("amqp://127.0.0.1:5672").authority.host, "127.0.0.1");
    }

    #[test]
    fn what_would_mean_something_else_than_meant_is_refused() {
        for (text, word) in [
            ("amqp://host:5672/", "ends in a slash"),
            ("amqp://host/a/b", "%2f"),
            ("http://host", "neither"),
            ("amqp://", "no host"),
            ("amqp://host?hartbeat=3", "hartbeat"),
            ("amqp://host?heartbeat=often", "heartbeat"),
            ("amqps://host?certfile=/a", "go together"),
            ("amqp://host?cacertfile=/a", "amqps"),
            ("amqp://host:port", "port"),
            ("amqp://a:100%@host", "%25"),
            ("amqps://host?auth_mechanism=external", "certfile"),
        ] {
            let fault = fault(text);
            assert!(fault.contains(word), "{text}: {fault}");
        }
    }

    #[test]
    fn the_password_shows_nowhere() {
        let address =
            Address::parse(&SecretString::from("amqp://user:hunter2@[::1]:5672/%2f?heartbeat=5")).unwrap();
        assert_eq!(address.to_string(), "amqp://user@[::1]:5672/%2f");
        assert!(!format!("{address:?}").contains("hunter2"));
        for text in
            ["amqp://user:hunter2@host/", "amqp://user:hunter2@ho st", "ampq://user:hunter2@host", "hunter2"]
        {
            assert!(!fault(text).contains("hunter2"), "{}", fault(text));
        }
    }
}

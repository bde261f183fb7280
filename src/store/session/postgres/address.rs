//! Where a PostgreSQL server is and how to come in: its URL, TLS, and what every session there is told first.

use std::fmt;
use std::path::{Path, PathBuf};

use rustls::RootCertStore;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject as _;
use rustls_platform_verifier::BuilderVerifierExt as _;
use secrecy::{ExposeSecret as _, SecretString};
use tokio_postgres::config::{Host, SslMode};
use tokio_postgres::{Client, Config, NoTls};
use tokio_postgres_rustls::MakeRustlsConnect;
use url::Url;

use crate::base::limits;

use super::{Error, Failed};

/// What every session is told: a commit is on disk before it is answered, and a node that is gone holds nobody up.
/// Milliseconds. `lock_timeout` bounds the wait for another node's transaction.
const OPTIONS: &str = "-c lock_timeout=5000 -c statement_timeout=30000 \
     -c idle_in_transaction_session_timeout=10000 -c tcp_keepalives_idle=5 -c tcp_keepalives_interval=2 \
     -c tcp_keepalives_count=3 -c tcp_user_timeout=10000 -c client_min_messages=error";
/// `on` at the least: where the server promises more (a synchronous standby), that stays.
const DURABLE: &str = "SELECT set_config('synchronous_commit', 'on', false) \
     WHERE current_setting('synchronous_commit') IN ('off', 'local')";

/// A server's address. `Debug` and `Display` show it without the password.
#[derive(Clone)]
pub(in crate::store) struct Address {
    config: Config,
    root: Option<PathBuf>,
    shown: String,
}

impl Address {
    /// Reads `postgres://USER:PASSWORD@HOST:PORT/DATABASE?sslmode=…&sslrootcert=FILE`, with the other parameters
    /// that libpq and the library know.
    ///
    /// Certificates are always checked where TLS is used, so `sslmode` is `disable`, or `require` and stronger words
    /// for the same. Where it is left out: none on this machine, TLS to any other.
    ///
    /// # Errors
    /// What is wrong; the address is never quoted, for the password in it.
    pub(in crate::store) fn parse(text: &SecretString) -> Result<Self, String> {
        let mut url =
            Url::parse(text.expose_secret().trim()).map_err(|why| format!("it cannot be read: {why}"))?;
        let (mut mode, mut root, mut rest) = (None, None, Vec::new());
        for (name, value) in url.query_pairs() {
            match &*name {
                "sslrootcert" => root = Some(PathBuf::from(&*value)),
                "sslmode" => {
                    mode = Some(match &*value {
                        "disable" => SslMode::Disable,
                        "prefer" => SslMode::Prefer,
                        "require" | "verify-ca" | "verify-full" => SslMode::Require,
                        _ => {
                            return Err(
                                "its sslmode is none of disable, prefer, require, verify-ca, verify-full"
                                    .into(),
                            );
                        }
                    });
                }
                "options" => return Err("it has `options`, which countersign sets itself".into()),
                _ => rest.push((name.into_owned(), value.into_owned())),
            }
        }
        url.set_query(None);
        if !rest.is_empty() {
            url.query_pairs_mut().extend_pairs(rest);
        }
        let mut config: Config = url.as_str().parse().map_err(|why: tokio_postgres::Error| {
            let source = std::error::Error::source(&why).map(|source| format!(": {source}"));
            format!("it cannot be read: {why}{}", source.unwrap_or_default())
        })?;
        if config.get_hosts().is_empty() {
            return Err("it names no host".into());
        }
        if config.get_user().is_none() {
            return Err("it names no user".into());
        }
        let near = config.get_hosts().iter().all(is_near);
        config.ssl_mode(mode.unwrap_or(if near { SslMode::Disable } else { SslMode::Require }));
        config.options(OPTIONS).application_name("countersign");
        config.connect_timeout(limits::STORE_CONNECT_TIMEOUT).tcp_user_timeout(limits::STORE_ANSWER_TIMEOUT);
        let _ = url.set_password(None);
        url.set_query(None);
        Ok(Self { config, root, shown: url.to_string() })
    }

    /// Connects, logs in, and makes sure that commits are durable.
    pub(super) async fn connect(&self) -> Result<Client, Failed> {
        let client = if self.config.get_ssl_mode() == SslMode::Disable {
            let (client, connection) = self.config.connect(NoTls).await?;
            // It ends with the connection, whose loss every request then tells.
            tokio::spawn(async move { connection.await.is_ok() });
            client
        } else {
            let (client, connection) = self.config.connect(self.tls()?).await?;
            tokio::spawn(async move { connection.await.is_ok() });
            client
        };
        client.batch_execute(DURABLE).await?;
        Ok(client)
    }

    fn tls(&self) -> Result<MakeRustlsConnect, Failed> {
        let failed = |why: String| Failed { error: Error::Unavailable(why), lost: true };
        let provider = rustls::crypto::ring::default_provider();
        let builder = rustls::ClientConfig::builder_with_provider(provider.into())
            .with_safe_default_protocol_versions()
            .map_err(|why| failed(why.to_string()))?;
        let config = match &self.root {
            Some(path) => builder.with_root_certificates(roots(path).map_err(failed)?),
            None => builder.with_platform_verifier().map_err(|why| failed(why.to_string()))?,
        };
        Ok(MakeRustlsConnect::new(config.with_no_client_auth()))
    }
}

/// The authorities of a PEM file, read anew for each connection: they are renewed under running programs.
fn roots(path: &Path) -> Result<RootCertStore, String> {
    let wrong = |why: &dyn fmt::Display| format!("sslrootcert {} cannot be used: {why}", path.display());
    let mut roots = RootCertStore::empty();
    for certificate in CertificateDer::pem_file_iter(path).map_err(|why| wrong(&why))? {
        let certificate = certificate.map_err(|why| wrong(&why))?;
        roots.add(certificate).map_err(|why| wrong(&why))?;
    }
    if roots.is_empty() {
        return Err(wrong(&"it holds no certificate"));
    }
    Ok(roots)
}

/// On this machine: what goes there passes no wire.
fn is_near(host: &Host) -> bool {
    match host {
        Host::Tcp(name) => {
            name == "localhost" || name.parse::<std::net::IpAddr>().is_ok_and(|address| address.is_loopback())
        }
        Host::Unix(_) => true,
    }
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.shown)
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

    fn parse(text: &str) -> Result<Address, String> {
        Address::parse(&SecretString::from(text))
    }

    #[test]
    fn tls_is_used_to_other_machines_and_not_on_this_one() {
        for (text, mode) in [
            ("postgres://u@127.0.0.1/d", SslMode::Disable),
            ("postgres://u@localhost:5433/d", SslMode::Disable),
            ("postgres://u@%2Frun%2Fpostgresql/d", SslMode::Disable),
            ("postgres://u@db.example.com/d", SslMode::Require),
            ("postgres://u@db.example.com/d?sslmode=disable", SslMode::Disable),
            ("postgresql://u@127.0.0.1/d?sslmode=verify-full", SslMode::Require),
        ] {
            assert_eq!(parse(text).unwrap().config.get_ssl_mode(), mode, "{text}");
        }
    }

    #[test]
    fn the_password_shows_nowhere() {
        let address = parse("postgres://me:hunter2@127.0.0.1:5433/d?connect_timeout=3").unwrap();
        assert_eq!(address.to_string(), "postgres://me@127.0.0.1:5433/d");
        assert!(!format!("{address:?}").contains("hunter2"));
        for text in
            ["postgres://me:hunter2@h/d?sslmode=off", "postgres://me:hunter2@h:x/d", "postgres:///hunter2"]
        {
            assert!(!parse(text).unwrap_err().contains("hunter2"), "{text}");
        }
    }

    #[test]
    fn what_would_mean_something_else_than_meant_is_refused() {
        for (text, word) in [
            ("postgres://u@h/d?sslmode=on", "verify-full"),
            ("postgres://u@h/d?options=-cfsync%3Doff", "options"),
            ("postgres://u@h/d?sslmod=require", "sslmod"),
            ("postgres:///d", "host"),
            ("postgres://h/d", "user"),
        ] {
            let fault = parse(text).unwrap_err();
            assert!(fault.contains(word), "{text}: {fault}");
        }
    }
}

//! Certificates of an `amqps://` address: read anew for each connection, and what a failed handshake means for whom.

use std::io;
use std::path::{Path, PathBuf};

use lapin::tcp::{OwnedIdentity, OwnedTLSConfig};
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::{AlertDescription, CertificateError};

use super::Error;

/// The files that an address names.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(super) struct Certificates {
    /// Who may have signed the broker's certificate, beside those that the machine trusts: `cacertfile`.
    pub(super) ca: Option<PathBuf>,
    /// Our own certificate and its key: `certfile` and `keyfile`.
    pub(super) identity: Option<(PathBuf, PathBuf)>,
}

impl Certificates {
    /// Reads the files: certificates are renewed under running programs. The library would take a file without any
    /// certificate for an empty list, so each is looked into.
    pub(super) async fn read(&self) -> Result<OwnedTLSConfig, Error> {
        let cert_chain = match &self.ca {
            None => None,
            // What is ASCII but for comments: those are of no use to anybody here.
            Some(path) => Some(String::from_utf8_lossy(&certificates(path).await?).into_owned()),
        };
        let identity = match &self.identity {
            None => None,
            Some((certificate, key)) => Some(OwnedIdentity::PKCS8 {
                pem: certificates(certificate).await?,
                key: private_key(key).await?,
            }),
        };
        Ok(OwnedTLSConfig { identity, cert_chain })
    }

    /// What to do about a connection over TLS to `host` that did not come about, where certificates are the reason.
    pub(super) fn advice(&self, error: &lapin::Error, host: &str) -> Option<String> {
        let lapin::ErrorKind::IOError(error) = error.kind() else { return None };
        // In TLS 1.3 the broker judges our certificate when we have spoken already, and resets the connection because
        // of what it then has not read: that can overtake its alert.
        if error.kind() == io::ErrorKind::ConnectionReset {
            return Some(format!("perhaps {}", self.about_ours(AlertDescription::CertificateRequired)?));
        }
        match error.get_ref()?.downcast_ref::<rustls::Error>()? {
            rustls::Error::InvalidCertificate(why) => Some(self.about_theirs(why, host)),
            rustls::Error::AlertReceived(alert) => self.about_ours(*alert),
            rustls::Error::InconsistentKeys(_) => {
                let (certificate, key) = self.identity.as_ref()?;
                Some(format!("{} is not the key of {}", key.display(), certificate.display()))
            }
            rustls::Error::InvalidMessage(_) => {
                Some("it does not speak TLS at this port: RabbitMQ does so at 5671 as a rule".to_owned())
            }
            _ => None,
        }
    }

    fn about_theirs(&self, why: &CertificateError, host: &str) -> String {
        match (why, &self.ca) {
            (CertificateError::UnknownIssuer, Some(ca)) => format!(
                "its certificate is signed by none of those in {}: cacertfile must name the PEM file of the CA that \
                 signed it",
                ca.display()
            ),
            (CertificateError::UnknownIssuer, None) => {
                "its certificate is signed by nobody whom this machine trusts: add cacertfile=/path/to/ca.pem to the \
                 address, with the CA that signed it"
                    .to_owned()
            }
            (CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. }, _) => {
                format!("its certificate is not for {host}: write a name into the address that the certificate has")
            }
            (CertificateError::Expired | CertificateError::ExpiredContext { .. }, _) => {
                "its certificate has expired: renew it at the broker".to_owned()
            }
            _ => "its certificate cannot be accepted".to_owned(),
        }
    }

    /// What the broker says of our certificate, or of there being none.
    fn about_ours(&self, alert: AlertDescription) -> Option<String> {
        match (&self.identity, alert) {
            // Before TLS 1.3 a missing certificate has no alert of its own.
            (None, AlertDescription::CertificateRequired | AlertDescription::HandshakeFailure) => Some(
                "it asks for a client certificate: add certfile=/path/to/cert.pem&keyfile=/path/to/key.pem to the \
                 address"
                    .to_owned(),
            ),
            (None, _) => None,
            (Some((certificate, _)), _) => Some(format!(
                "it does not accept the client certificate {}: certfile must name one that is signed by a CA which the \
                 broker knows, and that is still valid",
                certificate.display()
            )),
        }
    }
}

/// A file that holds at least one certificate.
async fn certificates(path: &Path) -> Result<Vec<u8>, Error> {
    let pem = read(path).await?;
    let mut all = CertificateDer::pem_slice_iter(&pem);
    match all.next() {
        Some(Ok(_)) if all.all(|each| each.is_ok()) => Ok(pem),
        _ => Err(wrong(
            path,
            "holds no certificates that can be read: name a PEM file with BEGIN CERTIFICATE in it",
        )),
    }
}

async fn private_key(path: &Path) -> Result<Vec<u8>, Error> {
    let pem = read(path).await?;
    if PrivateKeyDer::from_pem_slice(&pem).is_ok() {
        return Ok(pem);
    }
    let todo = "holds no private key that can be read: name a PEM file with BEGIN PRIVATE KEY in it, without a passphrase";
    Err(wrong(path, todo))
}

async fn read(path: &Path) -> Result<Vec<u8>, Error> {
    tokio::fs::read(path).await.map_err(|why| wrong(path, &format!("cannot be read: {why}")))
}

fn wrong(path: &Path, what: &str) -> Error {
    Error::Address(format!("{} {what}", path.display()))
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;

    #[test]
    fn a_reset_in_place_of_the_alert_is_told_as_what_may_be_behind_it() {
        let reset = io::Error::from_raw_os_error(104);
        let reset = lapin::Error::from(lapin::ErrorKind::IOError(Arc::new(reset)));
        let told = Certificates::default().advice(&reset, "broker").unwrap();
        assert!(told.starts_with("perhaps it asks for a client certificate: add certfile="), "{told}");
        let ours =
            Certificates { identity: Some(("a.pem".into(), "b.pem".into())), ..Certificates::default() };
        let told = ours.advice(&reset, "broker").unwrap();
        assert!(told.starts_with("perhaps it does not accept the client certificate a.pem"), "{told}");
    }
}

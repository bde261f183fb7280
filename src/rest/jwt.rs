//! The assertion of OAuth's JWT grant, signed with the integration's RSA key (RS256).

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jiff::Timestamp;
use ring::rand::SystemRandom;
use ring::signature::{RSA_PKCS1_SHA256, RsaKeyPair};
use rustls::pki_types::PrivateKeyDer;
use rustls::pki_types::pem::PemObject as _;
use secrecy::{ExposeSecret as _, SecretString};
use serde::Serialize;

use super::Error;

/// Longest life of an assertion that DocuSign takes: one hour.
const LIFE_SECONDS: i64 = 3600;

/// An RSA key that signs.
pub(super) struct Key(RsaKeyPair);

#[derive(Serialize)]
struct Claims<'a> {
    iss: &'a str,
    sub: &'a str,
    aud: &'a str,
    iat: i64,
    exp: i64,
    scope: &'a str,
}

impl Key {
    /// Reads a PEM in PKCS#1 or PKCS#8.
    pub(super) fn read(pem: &SecretString) -> Result<Self, Error> {
        let wrong = |why: &str| {
            Error::Settings(format!("docusign.private_key {why}: give the integration's RSA key as PEM"))
        };
        // An environment variable often carries a PEM on one line.
        let pem = SecretString::from(pem.expose_secret().replace("\\n", "\n"));
        let key = PrivateKeyDer::from_pem_slice(pem.expose_secret().as_bytes());
        let pair = match key.map_err(|_| wrong("holds no private key"))? {
            PrivateKeyDer::Pkcs1(der) => RsaKeyPair::from_der(der.secret_pkcs1_der()),
            PrivateKeyDer::Pkcs8(der) => RsaKeyPair::from_pkcs8(der.secret_pkcs8_der()),
            _ => return Err(wrong("is of another kind")),
        };
        // ring's words (`InvalidEncoding`, `TooSmall`) say nothing of the key itself.
        pair.map(Self).map_err(|rejected| wrong(&format!("is not usable ({rejected})")))
    }

    /// An assertion by integration `client_id` for user `user_id`, to be taken by the authorisation server named
    /// `audience` (host without scheme), good for an hour.
    pub(super) fn assertion(
        &self,
        client_id: &str,
        user_id: &str,
        audience: &str,
        now: Timestamp,
    ) -> Result<SecretString, Error> {
        let iat = now.as_second();
        let scope = "signature impersonation";
        let claims =
            Claims { iss: client_id, sub: user_id, aud: audience, iat, exp: iat + LIFE_SECONDS, scope };
        // Plain text and numbers: serde_json cannot fail on them.
        let claims = serde_json::to_vec(&claims).unwrap_or_default();
        let encode = |bytes: &[u8]| URL_SAFE_NO_PAD.encode(bytes);
        let signed = format!("{}.{}", encode(br#"{"alg":"RS256","typ":"JWT"}"#), encode(&claims));
        let mut signature = vec![0; self.0.public().modulus_len()];
        self.0
            .sign(&RSA_PKCS1_SHA256, &SystemRandom::new(), signed.as_bytes(), &mut signature)
            .map_err(|_| Error::Settings("docusign.private_key cannot sign".to_owned()))?;
        Ok(SecretString::from(format!("{signed}.{}", encode(&signature))))
    }
}

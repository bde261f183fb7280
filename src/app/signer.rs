//! The key that signs checkpoints: given by a setting, or made in the data folder at the first start.

use std::fs;
use std::io;
use std::path::PathBuf;

use secrecy::{ExposeSecret as _, SecretString};

use crate::base::Dice;
use crate::config::Settings;
use crate::evidence::{PublicKey, Signer};

use super::{Error, private};

fn path(settings: &Settings) -> PathBuf {
    settings.data_dir.join("audit-key.pem")
}

fn file_error(what: &str, settings: &Settings, why: io::Error) -> Error {
    Error::File { what: format!("the audit key {} cannot be {what}", path(settings).display()), why }
}

/// The key, made where there is none yet.
///
/// # Errors
/// When its file cannot be read or made, or holds no such key.
pub(super) fn signer(settings: &Settings, dice: &Dice) -> Result<Signer, Error> {
    if let Some(signer) = existing(settings)? {
        return Ok(signer);
    }
    let mut seed = [0; 32];
    dice.fill(&mut seed);
    let pem = SecretString::from(Signer::pem(&seed));
    private::make(&path(settings), &pem).map_err(|why| file_error("made", settings, why))?;
    let signer = parsed(settings, &pem)?;
    tracing::info!(public_key = %signer.public_key(), file = %path(settings).display(),
        "a key was made that signs checkpoints of the chain of evidence: note its public half down elsewhere");
    Ok(signer)
}

/// The public half of the key, where there is one yet.
///
/// # Errors
/// When its file cannot be read, or holds no such key.
pub fn audit_key(settings: &Settings) -> Result<Option<PublicKey>, Error> {
    Ok(existing(settings)?.map(|signer| signer.public_key()))
}

fn existing(settings: &Settings) -> Result<Option<Signer>, Error> {
    if let Some(pem) = &settings.audit_key {
        return parsed(settings, pem).map(Some);
    }
    match fs::read_to_string(path(settings)) {
        Ok(pem) => parsed(settings, &SecretString::from(pem)).map(Some),
        Err(why) if why.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(why) => Err(file_error("read", settings, why)),
    }
}

fn parsed(settings: &Settings, pem: &SecretString) -> Result<Signer, Error> {
    Signer::from_pem(pem.expose_secret())
        .map_err(|why| file_error("used", settings, io::Error::new(io::ErrorKind::InvalidData, why)))
}

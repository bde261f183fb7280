//! The text of a token: a prefix that scanners for leaked secrets can look for, its id, and 256 random bits.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use secrecy::SecretString;
use sha2::{Digest as _, Sha256};
use uuid::Uuid;

use crate::base::Dice;

/// What every token of ours begins with.
const PREFIX: &str = "cst_";

/// A new token's text.
pub(in crate::web) fn make(id: &Uuid, dice: &Dice) -> SecretString {
    let mut secret = [0; 32];
    dice.fill(&mut secret);
    SecretString::from(format!("{PREFIX}{}_{}", id.simple(), URL_SAFE_NO_PAD.encode(secret)))
}

/// The id in a text that could be a token of ours.
pub(super) fn id_of(text: &str) -> Option<Uuid> {
    let (id, _) = text.strip_prefix(PREFIX)?.split_once('_')?;
    Uuid::try_parse(id).ok()
}

/// What a token is known by where it must not be read.
pub(in crate::web) fn digest(text: &str) -> [u8; 32] {
    Sha256::digest(text).into()
}

#[cfg(test)]
mod tests {
    use secrecy::ExposeSecret as _;

    use super::*;

    #[test]
    fn a_token_tells_its_id_and_is_of_one_shape() {
        let dice = Dice::seeded(3);
        for _ in 0..100 {
            let id = dice.uuid();
            let text = make(&id, &dice);
            let text = text.expose_secret();
            assert_eq!(id_of(text), Some(id));
            let (hex, secret) = text.strip_prefix("cst_").unwrap().split_once('_').unwrap();
            assert_eq!((hex.len(), secret.len()), (32, 43), "{text}");
            assert!(text.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_' || b == b'-'), "{text}");
        }
        for other in ["", "cst_", "cst_x_y", "s3cret", "CST_0193590e7c1a7b528d2f6f2f1c0e9b44_x", "cst_é_x"] {
            assert_eq!(id_of(other), None, "{other}");
        }
    }
}

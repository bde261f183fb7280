//! Signatures that are wrong, in the ways that receivers have been seen to get wrong.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use secrecy::SecretString;

use crate::base::Dice;
use crate::simulator::connect::signatures;

/// What is wrong with a delivery's signature.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Spoilt {
    /// Signed with a key that nobody has.
    WrongKey,
    /// The end of the body was cut off after it was signed.
    CutBody,
    /// No signature at all.
    NoHeader,
    /// The right digest in hexadecimal instead of base64.
    HexDigest,
}

impl Spoilt {
    /// All of them.
    pub const ALL: [Self; 4] = [Self::WrongKey, Self::CutBody, Self::NoHeader, Self::HexDigest];

    /// One of them.
    pub(super) fn drawn(dice: &Dice) -> Self {
        Self::ALL[usize::try_from(dice.below(4)).unwrap_or(0)]
    }

    /// The signatures that go out with `body`, which may be cut.
    pub(super) fn sign(self, keys: &[SecretString], body: &mut Vec<u8>) -> Vec<(String, String)> {
        match self {
            Self::NoHeader => Vec::new(),
            Self::WrongKey => signatures(&[SecretString::from("nobody-has-this-key=")], body),
            Self::CutBody => {
                let signed = signatures(keys, body);
                body.truncate(body.len() - body.len().min(9));
                signed
            }
            Self::HexDigest => {
                let signed = signatures(keys, body).into_iter();
                signed.map(|(name, value)| (name, hexadecimal(&value))).collect()
            }
        }
    }
}

fn hexadecimal(base64: &str) -> String {
    let digest = STANDARD.decode(base64).unwrap_or_default();
    digest.iter().map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::{DeliveryId, SourceName};
    use crate::connect::signature::{Keys, verify};
    use crate::connect::{Body, Delivery};

    fn delivery(headers: Vec<(String, String)>, body: &[u8]) -> Delivery {
        Delivery {
            id: DeliveryId(uuid::Uuid::nil()),
            source: SourceName::default(),
            received_at: jiff::Timestamp::UNIX_EPOCH,
            headers: headers.into_iter().map(|(name, value)| (name.to_lowercase(), value)).collect(),
            body: Body::Inline(bytes::Bytes::copy_from_slice(body)),
            traceparent: String::new(),
        }
    }

    #[test]
    fn the_receiver_takes_our_signatures_and_none_of_the_spoilt_ones() {
        let secrets = [SecretString::from("first="), SecretString::from("second=")];
        let keys = Keys::new(&secrets[1..]);
        let whole = b"{\"event\":\"envelope-sent\"}".to_vec();
        let right = delivery(signatures(&secrets, &whole), &whole);
        assert!(verify(right, &keys.digests(&whole)).is_ok());
        for spoilt in Spoilt::ALL {
            let mut body = whole.clone();
            let headers = spoilt.sign(&secrets, &mut body);
            let wrong = delivery(headers, &body);
            assert!(verify(wrong, &keys.digests(&body)).is_err(), "{spoilt:?}");
        }
    }
}

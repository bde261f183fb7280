//! One digest of several parts.

use sha2::{Digest as _, Sha256};
use uuid::Uuid;

/// SHA-256 over the parts, each behind its length (64 bits, big-endian): no two different lists of parts run together into
/// the same bytes.
pub fn digest_of<'a>(parts: impl IntoIterator<Item = &'a [u8]>) -> [u8; 32] {
    let mut digest = Sha256::new();
    for part in parts {
        digest.update((part.len() as u64).to_be_bytes());
        digest.update(part);
    }
    digest.finalize().into()
}

/// The first half of that digest, as a UUID of version 8.
pub fn uuid_of<'a>(parts: impl IntoIterator<Item = &'a [u8]>) -> Uuid {
    let mut bytes = [0; 16];
    bytes.copy_from_slice(&digest_of(parts)[..16]);
    Uuid::new_v8(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_do_not_run_together() {
        let of = |parts: &[&str]| digest_of(parts.iter().map(|part| part.as_bytes()));
        assert_eq!(of(&["ab", "c"]), of(&["ab", "c"]));
        for other in [&["a", "bc"][..], &["abc"], &["ab", "c", ""], &["c", "ab"]] {
            assert_ne!(of(&["ab", "c"]), of(other), "{other:?}");
        }
    }
}

//! A small body on its way in: kept as it came where it came at once, else in pieces of one size.
//!
//! One buffer that grows would hold up to twice of what has come, and leave the allocator gaps of every size: so, 400
//! bodies of which 400 KiB had come took 80 to 100 MiB, and take 60 in pieces.

use bytes::Bytes;

use crate::base::limits::HELD_PIECE_BYTES;

/// What has come of a body.
#[derive(Debug, Default)]
pub(super) struct Pieces {
    /// All of it, while that is one chunk.
    only: Bytes,
    /// Else all of it; only the last one has room left.
    pieces: Vec<Vec<u8>>,
}

impl Pieces {
    /// Adds what came next.
    pub(super) fn push(&mut self, chunk: Bytes) {
        if self.only.is_empty() && self.pieces.is_empty() {
            self.only = chunk;
            return;
        }
        let only = std::mem::take(&mut self.only);
        self.copy(&only);
        self.copy(&chunk);
    }

    fn copy(&mut self, mut bytes: &[u8]) {
        while !bytes.is_empty() {
            let room = self.pieces.last().map_or(0, |last| HELD_PIECE_BYTES - last.len());
            if room == 0 {
                self.pieces.push(Vec::with_capacity(HELD_PIECE_BYTES));
                continue;
            }
            let (now, later) = bytes.split_at(bytes.len().min(room));
            if let Some(last) = self.pieces.last_mut() {
                last.extend_from_slice(now);
            }
            bytes = later;
        }
    }

    /// Bytes of memory that it takes.
    pub(super) fn held(&self) -> usize {
        self.only.len() + self.pieces.len() * HELD_PIECE_BYTES
    }

    /// All of it, in order.
    pub(super) fn iter(&self) -> impl Iterator<Item = &[u8]> {
        std::iter::once(&self.only[..]).chain(self.pieces.iter().map(|piece| &piece[..]))
    }

    /// All of it in one.
    pub(super) fn join(self) -> Bytes {
        if self.pieces.is_empty() { self.only } else { self.pieces.concat().into() }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn what_comes_at_once_is_kept_as_it_came() {
        let (mut pieces, chunk) = (Pieces::default(), Bytes::from(vec![b'x'; 3 * HELD_PIECE_BYTES]));
        pieces.push(chunk.clone());
        assert_eq!((pieces.held(), pieces.join().as_ptr()), (chunk.len(), chunk.as_ptr()));
        assert!(Pieces::default().join().is_empty());
    }

    proptest! {
        #[test]
        fn whatever_comes_is_whole_and_costs_no_more_than_a_piece_beside(lengths in prop::collection::vec(0..2 * HELD_PIECE_BYTES, 0..9)) {
            let (mut pieces, mut all) = (Pieces::default(), Vec::new());
            for (at, length) in lengths.iter().enumerate() {
                let chunk: Vec<u8> = (0..*length).map(|byte| (byte * 31 + at) as u8).collect();
                all.extend_from_slice(&chunk);
                pieces.push(chunk.into());
                prop_assert!((all.len()..all.len() + HELD_PIECE_BYTES).contains(&pieces.held()));
            }
            prop_assert_eq!(pieces.iter().flatten().copied().collect::<Vec<_>>(), all.clone());
            prop_assert_eq!(pieces.join(), all);
        }
    }
}

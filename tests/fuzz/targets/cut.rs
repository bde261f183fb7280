//! The same bytes in pieces: cuts that depend on nothing but the bytes.

/// A stream of numbers made of some bytes (SplitMix64 over FNV-1a).
pub(crate) struct Numbers(u64);

impl Numbers {
    pub(crate) fn of(bytes: &[u8], salt: u64) -> Self {
        let hash = |hash: u64, byte: &u8| (hash ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3);
        Self(bytes.iter().fold(0xcbf2_9ce4_8422_2325 ^ salt, hash))
    }

    pub(crate) fn below(&mut self, bound: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (mixed ^ (mixed >> 31)) as usize % bound.max(1)
    }
}

/// Several ways to cut `bytes`: byte by byte where they are few, and at places of all distances.
pub(crate) fn ways(bytes: &[u8]) -> Vec<Vec<&[u8]>> {
    let mut ways: Vec<_> = (0..3).map(|salt| pieces(bytes, salt)).collect();
    if bytes.len() < 4_096 {
        ways.push(bytes.chunks(1).collect());
    }
    ways
}

fn pieces(bytes: &[u8], salt: u64) -> Vec<&[u8]> {
    let mut numbers = Numbers::of(bytes, salt);
    let (mut pieces, mut rest) = (Vec::new(), bytes);
    while !rest.is_empty() {
        // Short pieces and long ones alike, and empty ones in between.
        let most = 1 << numbers.below(17);
        let (piece, after) = rest.split_at(numbers.below(most + 1).min(rest.len()));
        pieces.push(piece);
        rest = after;
    }
    pieces
}

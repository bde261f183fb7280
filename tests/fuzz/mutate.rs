//! Small changes to a text, as a fuzzer makes them: drawn from seeded dice, so that each run makes the same ones.

use countersign::base::Dice;

/// What breaks readers more often than single bytes do.
const SNIPPETS: &[&[u8]] = &[
    b"\"",
    b"\\",
    b"{",
    b"}",
    b"[",
    b"]",
    b":",
    b",",
    b"null",
    b"\"\"",
    b"\\u0000",
    b"\\ud800",
    b"-1",
    b"1e999",
    b"<",
    b">",
    b"</",
    b"<!--",
    b"-->",
    b"<![CDATA[",
    b"]]>",
    b"&x;",
    b"&#0;",
    b"<?",
    b"\0",
    b"\r\n",
    b"\n\n",
    b"\xff",
    b"\xf8\x05",
    b"\xf9\x04",
    b"\xfa\x08",
    b"\xed\xa0\x80",
    b"\xef\xbb\xbf",
    b"%00",
    b"%2B",
    b"&",
    b"=",
    b"${A}",
    b"$${",
    b"{1}",
    b"[[[[[[[[[[[[[[[[",
    b"0001-01-01T00:00:00",
    b"9999-12-31T23:59:59.999999999Z",
    b"18446744073709551616",
];

/// `seed` after a few changes; `other` lends pieces.
pub(crate) fn mutated(dice: &Dice, seed: &[u8], other: &[u8]) -> Vec<u8> {
    let mut text = seed.to_vec();
    for _ in 0..=dice.below(4) {
        change(dice, &mut text, other);
    }
    text
}

fn change(dice: &Dice, text: &mut Vec<u8>, other: &[u8]) {
    let place = |length: usize| usize::try_from(dice.below(length as u64 + 1)).unwrap();
    let at = place(text.len());
    let until = (at + place(40)).min(text.len());
    match dice.below(9) {
        0 => text.truncate(at),
        1 => drop(text.drain(at..until)),
        2 => {
            let piece = text[at..until].to_vec();
            let to = place(text.len());
            text.splice(to..to, piece);
        }
        3 => {
            let from = place(other.len());
            let piece = &other[from..(from + place(200)).min(other.len())];
            text.splice(at..at, piece.iter().copied());
        }
        4 => {
            // The rest is another's, as in a delivery that was cut and continued with the next.
            text.truncate(at);
            text.extend_from_slice(&other[place(other.len())..]);
        }
        5 | 6 => {
            let snippet = SNIPPETS[place(SNIPPETS.len() - 1)];
            text.splice(at..until.min(at + 3), snippet.iter().copied());
        }
        _ => {
            let byte = u8::try_from(dice.below(256)).unwrap();
            match text.get_mut(at) {
                Some(target) => *target = byte,
                None => text.push(byte),
            }
        }
    }
}

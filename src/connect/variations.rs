//! How keys and bodies get changed in practice, for [`super::explain`] to try.

use std::borrow::Cow;

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, STANDARD_NO_PAD, URL_SAFE};

/// A key as it may have been when the body was signed. `problem` ends the sentence "key 1 of the source …".
pub(super) struct KeyVariation {
    pub(super) word: &'static str,
    pub(super) key: Vec<u8>,
    pub(super) problem: &'static str,
    pub(super) advice: &'static str,
}

/// A body as it may have been when it was signed.
pub(super) struct BodyVariation<'a> {
    pub(super) word: &'static str,
    pub(super) body: Cow<'a, [u8]>,
    pub(super) problem: &'static str,
    pub(super) advice: &'static str,
}

/// All that `key` may have been, or may have been taken for, but what it is.
pub(super) fn keys(key: &str) -> Vec<KeyVariation> {
    const SPELLING: &str = "set hmac_keys to the key exactly as shown under Connect Keys at DocuSign";
    const SENDER: &str = "the sender must use the key's text as it stands (UTF-8), as DocuSign does: correct the sender, not the key";
    let mut all = Vec::new();
    let mut add = |word, key: Vec<u8>, problem, advice| all.push(KeyVariation { word, key, problem, advice });
    for engine in [&STANDARD, &STANDARD_NO_PAD, &URL_SAFE] {
        if let Ok(decoded) = engine.decode(key.trim()) {
            add("key_decoded", decoded, "signed it, but decoded from base64 first", SENDER);
        }
    }
    add(
        "key_encoded",
        STANDARD.encode(key).into_bytes(),
        "signed it once encoded in base64: ours is decoded",
        SPELLING,
    );
    for tail in ["=", "=="] {
        let longer = format!("{key}{tail}");
        add("key_lost_its_end", longer.into_bytes(), "signed it, but ours has lost its last =", SPELLING);
    }
    let shorter = key.trim_end_matches('=');
    add("key_cut_at_sender", shorter.as_bytes().to_vec(), "signed it without its last =", SENDER);
    add(
        "key_spaced",
        key.trim().as_bytes().to_vec(),
        "signed it, but ours has white space around it",
        SPELLING,
    );
    for end in ["\n", "\r\n", " "] {
        let longer = format!("{key}{end}");
        add("key_newline_at_sender", longer.into_bytes(), "signed it with white space after the key", SENDER);
    }
    let bare = key.trim().trim_matches(['"', '\'']);
    add("key_quoted", bare.as_bytes().to_vec(), "signed it, but ours has quotes around it", SPELLING);
    for quote in ['"', '\''] {
        let quoted = format!("{quote}{key}{quote}");
        add("key_quoted_at_sender", quoted.into_bytes(), "signed it with quotes around the key", SENDER);
    }
    all.retain(|variation| variation.key != key.as_bytes() && !variation.key.is_empty());
    // Several variations may come to the same bytes: each is tried and told once.
    let mut tried: Vec<Vec<u8>> = Vec::new();
    all.retain(|variation| {
        let new = !tried.contains(&variation.key);
        tried.push(variation.key.clone());
        new
    });
    all
}

const RAW: &str =
    "verify and pass on the bytes as they came; look for a proxy or function that rewrites bodies";

/// All that `body` may have been before it was rewritten.
pub(super) fn bodies(body: &[u8]) -> Vec<BodyVariation<'_>> {
    let mut all = Vec::new();
    let mut add = |word, body, problem| all.push(BodyVariation { word, body, problem, advice: RAW });
    for end in [&b"\n"[..], b"\r\n"] {
        match body.strip_suffix(end) {
            Some(shorter) => {
                add(
                    "body_newline_added",
                    Cow::Borrowed(shorter),
                    "a newline was added to the end of the body",
                );
            }
            None => {
                let longer = [body, end].concat();
                add(
                    "body_newline_lost",
                    Cow::Owned(longer),
                    "the newline at the end of the body was taken away",
                );
            }
        }
    }
    add("body_space_added", Cow::Borrowed(body.trim_ascii()), "white space was added around the body");
    let unix = replace(body, b"\r\n", b"\n");
    add("body_lines_to_windows", Cow::Owned(unix.clone()), "line ends were changed from LF to CRLF");
    add(
        "body_lines_to_unix",
        Cow::Owned(replace(&unix, b"\n", b"\r\n")),
        "line ends were changed from CRLF to LF",
    );
    match body.strip_prefix(b"\xef\xbb\xbf") {
        Some(bare) => {
            add("body_mark_added", Cow::Borrowed(bare), "a byte order mark was put before the body")
        }
        None => {
            let marked = [b"\xef\xbb\xbf", body].concat();
            add("body_mark_lost", Cow::Owned(marked), "the byte order mark before the body was taken away");
        }
    }
    if body.trim_ascii_start().first() == Some(&b'{') {
        let compact = compact(body);
        let again = "the JSON was parsed and written again: spaces between its tokens, or the spelling of characters, differ";
        for (slashes, ascii) in [(false, false), (true, false), (false, true), (true, true)] {
            let respelt = respell(&compact, slashes, ascii);
            add("body_written_again", Cow::Owned(respelt), again);
        }
        add("body_written_again", Cow::Owned(compact), again);
    }
    all
}

fn replace(body: &[u8], from: &[u8], to: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(body.len());
    let mut rest = body;
    while let Some(at) = rest.windows(from.len()).position(|window| window == from) {
        out.extend_from_slice(&rest[..at]);
        out.extend_from_slice(to);
        rest = &rest[at + from.len()..];
    }
    out.extend_from_slice(rest);
    out
}

/// JSON without the white space between its tokens; strings and numbers stay as they are spelt.
fn compact(json: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(json.len());
    let (mut in_text, mut escaped) = (false, false);
    for &byte in json.strip_prefix(b"\xef\xbb\xbf").unwrap_or(json) {
        if in_text {
            (in_text, escaped) = (escaped || byte != b'"', !escaped && byte == b'\\');
        } else if byte.is_ascii_whitespace() {
            continue;
        } else {
            in_text = byte == b'"';
        }
        out.push(byte);
    }
    out
}

/// JSON with `\u` escapes of characters beyond ASCII written out, or the other way about (`ascii`), and with
/// slashes escaped (`slashes`) or not: the liberties that writers of JSON take.
fn respell(json: &[u8], slashes: bool, ascii: bool) -> Vec<u8> {
    let Ok(text) = std::str::from_utf8(json) else { return json.to_vec() };
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(next) = rest.chars().next() {
        if let Some(after) = rest.strip_prefix("\\/") {
            out.push_str(if slashes { "\\/" } else { "/" });
            rest = after;
        } else if rest.starts_with("\\u") {
            let (spelt, decoded) = escapes(rest);
            match decoded.filter(|text| !ascii && !text.is_ascii()) {
                Some(decoded) => out.push_str(&decoded),
                None => out.push_str(spelt),
            }
            rest = &rest[spelt.len()..];
        } else if next == '\\' {
            let taken = rest.char_indices().nth(2).map_or(rest.len(), |(at, _)| at);
            out.push_str(&rest[..taken]);
            rest = &rest[taken..];
        } else {
            match next {
                '/' if slashes => out.push_str("\\/"),
                c if ascii && !c.is_ascii() => {
                    let mut units = [0; 2];
                    out.extend(c.encode_utf16(&mut units).iter().map(|unit| format!("\\u{unit:04x}")));
                }
                c => out.push(c),
            }
            rest = &rest[next.len_utf8()..];
        }
    }
    out.into_bytes()
}

/// The run of `\uXXXX` escapes at the beginning of `text`, and what it means.
fn escapes(text: &str) -> (&str, Option<String>) {
    let mut units = Vec::new();
    let mut end = 0;
    while let Some(hex) = text.get(end..end + 6).and_then(|escape| escape.strip_prefix("\\u")) {
        let Ok(unit) = u16::from_str_radix(hex, 16) else { break };
        units.push(unit);
        end += 6;
    }
    let end = if end == 0 { 2.min(text.len()) } else { end };
    (&text[..end], String::from_utf16(&units).ok().filter(|_| !units.is_empty()))
}

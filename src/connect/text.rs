//! Texts of a message as the parsers keep them: trimmed, bounded, and absent rather than empty.

use std::borrow::Cow;

use crate::base::limits::TEXT_BYTES_MAX;

/// A text that says something: none where it is blank, or longer than what is left of large bodies
/// ([`super::elide`]), so that a message reads the same whether it was cut or not.
pub(super) fn told(text: Cow<'_, str>) -> Option<Cow<'_, str>> {
    if text.len() > TEXT_BYTES_MAX {
        return None;
    }
    let text = match text {
        text if is_trim(&text) => text,
        Cow::Borrowed(text) => Cow::Borrowed(text.trim()),
        Cow::Owned(text) => Cow::Owned(text.trim().to_owned()),
    };
    if text.is_empty() { None } else { Some(text) }
}

/// Whether it plainly begins and ends with no white space, as nearly all texts do: where it is not plain, trimming tells.
fn is_trim(text: &str) -> bool {
    let plain = |byte: Option<&u8>| byte.is_some_and(u8::is_ascii_graphic);
    plain(text.as_bytes().first()) && plain(text.as_bytes().last())
}

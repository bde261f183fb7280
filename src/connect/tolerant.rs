//! Reading JSON that is not quite as promised: scalars of any type, lists that are objects, duplicate keys.
//!
//! Only what is asked for is decoded, borrowed where it can be; all else is skipped unread.

use std::borrow::Cow;

use crate::base::limits::TEXT_BYTES_MAX;

use super::scan::{Broken, Scan};
use super::text::told;

/// Something that can be filled from an object's entries, in whatever order and number they come.
pub(super) trait Fill<'a>: Default {
    /// Takes the value that belongs to `key`, or skips it. Of duplicate keys the last one stands.
    fn fill(&mut self, key: Cow<'a, str>, from: &mut Scan<'a>) -> Result<(), Broken>;
}

/// Fills `object` from the next value: with nothing where that is no object.
pub(super) fn fill<'a>(object: &mut impl Fill<'a>, from: &mut Scan<'a>) -> Result<(), Broken> {
    from.object(|from, key| object.fill(key, from)).map(drop)
}

/// An object, or the default where something else stands in its place.
pub(super) fn object<'a, T: Fill<'a>>(from: &mut Scan<'a>) -> Result<T, Broken> {
    let mut object = T::default();
    fill(&mut object, from).map(|()| object)
}

/// A list of objects; a single object counts as a list of one, anything else as an empty list.
///
/// Reads on past `most` elements without keeping more than one above it, so that the caller sees the excess.
pub(super) fn list<'a, T: Fill<'a>>(from: &mut Scan<'a>, most: usize) -> Result<Vec<T>, Broken> {
    let mut all = Vec::new();
    let mut one = |from: &mut Scan<'a>| {
        if all.len() > most {
            return skip(from);
        }
        all.push(T::default());
        all.last_mut().map_or(Ok(()), |last| fill(last, from))
    };
    if from.next()? == b'{' {
        one(from)?;
    } else {
        from.list(one)?;
    }
    Ok(all)
}

/// The next value as text, from any scalar; none for null, blanks, lists and objects.
///
/// What is longer as written, between its quotes, than the bound is not in what is left of a large body either.
pub(super) fn text<'a>(from: &mut Scan<'a>) -> Result<Option<Cow<'a, str>>, Broken> {
    Ok(from.scalar(TEXT_BYTES_MAX)?.and_then(told))
}

/// Skips the next value.
pub(super) fn skip(from: &mut Scan<'_>) -> Result<(), Broken> {
    from.skip().map(drop)
}

//! The name that somebody may have meant who wrote another.

/// Below this the nearest name shares little but letters, and a wrong hint is worse than none.
const ALIKE: f64 = 0.7;

/// The one of `names` that is most like `written`, where one is like it at all.
pub fn nearest<'a>(written: &str, names: impl Iterator<Item = &'a str>) -> Option<&'a str> {
    let likeness =
        |name: &str| strsim::normalized_damerau_levenshtein(&name.to_lowercase(), &written.to_lowercase());
    let scored = names.map(|name| (likeness(name), name)).filter(|(likeness, _)| *likeness > ALIKE);
    scored.max_by(|(a, _), (b, _)| a.total_cmp(b)).map(|(_, name)| name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_slip_has_its_nearest_and_nonsense_has_none() {
        let names = ["Rent", "Address", "Signature"];
        let near = |written| nearest(written, names.into_iter());
        assert_eq!([near("adress"), near("Rend"), near("zzz")], [Some("Address"), Some("Rent"), None]);
    }
}

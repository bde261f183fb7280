//! `${VAR}` inside the settings file.

use super::written::Environment;

/// Puts the environment's values in place of `${NAME}`; `$${` stands for `${` itself.
///
/// Values are put in after TOML was read, so that no value can change the file's structure, and are not looked
/// at again, so that a password with `${` in it stays what it is.
///
/// # Errors
/// What is wrong and what to do: a name that is not set, or no name at all.
pub(super) fn interpolate(text: &str, env: &Environment) -> Result<String, (String, String)> {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find("${") {
        let (before, from) = rest.split_at(at);
        if let Some(before) = before.strip_suffix('$') {
            out.push_str(before);
            out.push_str("${");
            rest = from.get(2..).unwrap_or_default();
            continue;
        }
        out.push_str(before);
        let inner = from.get(2..).unwrap_or_default();
        let name =
            inner.split_once('}').map(|(name, _)| name).filter(|name| is_name(name)).ok_or_else(|| {
                (
                    "`${` is not followed by a variable's name and `}`".to_owned(),
                    "write ${NAME}, or $${ for `${`".into(),
                )
            })?;
        let value = env.get(name).ok_or_else(|| {
            (format!("the variable {name} is not set"), format!("set {name}, or write the value here"))
        })?;
        out.push_str(value);
        rest = inner.get(name.len() + 1..).unwrap_or_default();
    }
    out.push_str(rest);
    Ok(out)
}

fn is_name(name: &str) -> bool {
    let mut chars = name.chars();
    chars.next().is_some_and(|c| c.is_ascii_alphabetic() || c == '_')
        && chars.all(|c| c.is_ascii_alphanumeric() || c == '_')
}

#[cfg(test)]
mod tests {
    use super::*;

    fn env() -> Environment {
        [("A", "1"), ("B_2", "two"), ("TRICKY", "${A}")].map(|(k, v)| (k.to_owned(), v.to_owned())).into()
    }

    #[test]
    fn variables_are_replaced_wherever_they_stand() {
        for (text, want) in [
            ("plain $ and {A}", "plain $ and {A}"),
            ("${A}", "1"),
            ("x${A}y${B_2}", "x1ytwo"),
            ("$${A}", "${A}"),
            ("$$${A}", "$${A}"),
            ("${TRICKY}", "${A}"),
            ("é${A}é", "é1é"),
        ] {
            assert_eq!(interpolate(text, &env()).as_deref(), Ok(want), "{text}");
        }
    }

    #[test]
    fn what_does_not_resolve_is_an_error_that_names_the_variable() {
        let (what, _) = interpolate("${NOT_THERE}", &env()).unwrap_err();
        assert_eq!(what, "the variable NOT_THERE is not set");
        for text in ["${", "${}", "${A", "${A:-x}", "${1A}", "${é}"] {
            assert!(interpolate(text, &env()).is_err(), "{text}");
        }
    }
}

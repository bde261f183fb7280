//! Which call of whose account a request names: an address that can lead nowhere else than below that account.

use url::{Url, form_urlencoded};

use super::keyring::Access;
use crate::base::AccountId;
use crate::docusign::is_id;

/// What every call about an account begins with.
const ACCOUNTS: &str = "restapi/v2.1/accounts/";
/// The parameter that names an account; it is ours and goes no further.
const NAMED: &str = "integrated_account_id";
/// How often a segment may be percent-encoded over itself; nobody means more.
const ENCODINGS_MAX: usize = 4;

/// A call, as a request's path and query name it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Target {
    /// The account in the path, where one stands there.
    pub account: Option<AccountId>,
    /// The account that `integrated_account_id` names.
    pub named: Option<String>,
    /// What follows the account, as it came: empty, or a path that begins with a slash.
    rest: String,
    /// The query without `integrated_account_id`, as it came.
    query: Option<String>,
}

/// Why an address is passed on nowhere.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Astray {
    /// It is not below an account of DocuSign's API.
    Elsewhere,
    /// It has segments that could lead out of the account.
    Climbs,
}

impl Target {
    /// Reads what follows `/proxy/` in a request's path, and its query, both as they came.
    ///
    /// # Errors
    /// [`Astray`] where they cannot be meant.
    pub fn read(path: &str, query: Option<&str>) -> Result<Self, Astray> {
        let (named, query) = query.map_or((None, None), without_name);
        let (account, rest) = match path.strip_prefix(ACCOUNTS) {
            Some(below) => {
                let (account, rest) = below.split_at(below.find('/').unwrap_or(below.len()));
                if !is_id(account) {
                    return Err(Astray::Elsewhere);
                }
                (Some(AccountId::new(account)), rest.to_owned())
            }
            // The short form: what lies below the account that is named.
            None if named.is_some() && !path.is_empty() && !path.starts_with("restapi") => {
                (None, format!("/{path}"))
            }
            None => return Err(Astray::Elsewhere),
        };
        let mut segments = rest.split('/').skip(1).peekable();
        while let Some(segment) = segments.next() {
            let empty = segment.is_empty() && segments.peek().is_some();
            if empty || climbs(segment) {
                return Err(Astray::Climbs);
            }
        }
        Ok(Self { account, named, rest, query })
    }

    /// A call of ours at a path below an account. Its segments are words and ids, as which nothing climbs; the query is
    /// escaped.
    ///
    /// # Errors
    /// [`Astray`] where a segment is neither.
    pub fn below(account: &AccountId, segments: &[&str], query: &[(&str, String)]) -> Result<Self, Astray> {
        let plain = |segment: &&str| segment.split('_').all(is_id);
        if !is_id(account.as_str()) || !segments.iter().all(plain) {
            return Err(Astray::Climbs);
        }
        let rest = segments.iter().map(|segment| format!("/{segment}")).collect();
        let pairs = || form_urlencoded::Serializer::new(String::new()).extend_pairs(query).finish();
        let query = (!query.is_empty()).then(pairs);
        Ok(Self { account: Some(account.clone()), named: None, rest, query })
    }

    /// The address of the call in the account's own API.
    pub(super) fn url(&self, access: &Access) -> Result<Url, Astray> {
        let account = access.url(&[]);
        let mut text = format!("{account}{}", self.rest);
        if let Some(query) = &self.query {
            text.push('?');
            text.push_str(query);
        }
        let url = Url::parse(&text).map_err(|_| Astray::Climbs)?;
        // What was read above lets nothing else come about; the token goes nowhere on the strength of that alone.
        let below = url.path().strip_prefix(account.path());
        let inside = below.is_some_and(|below| below.is_empty() || below.starts_with('/'));
        let plain = url.username().is_empty() && url.password().is_none() && url.fragment().is_none();
        if inside && plain && url.origin() == account.origin() { Ok(url) } else { Err(Astray::Climbs) }
    }

    /// The envelope that the call is about, where it is about one.
    pub(super) fn envelope(&self) -> Option<&str> {
        let mut segments = self.rest.split('/').skip(1);
        let envelope = segments.next().filter(|list| *list == "envelopes").and(segments.next())?;
        // Lists of several have words in its place (`status`).
        envelope.contains('-').then_some(envelope).filter(|id| is_id(id))
    }
}

/// The account that a query names, and the query without that.
fn without_name(query: &str) -> (Option<String>, Option<String>) {
    let mut named = None;
    let kept: Vec<_> = query
        .split('&')
        .filter(|pair| match form_urlencoded::parse(pair.as_bytes()).next() {
            Some((name, value)) if name == NAMED => {
                named.get_or_insert(value.into_owned());
                false
            }
            _ => true,
        })
        .collect();
    if named.is_none() {
        return (None, Some(query.to_owned()));
    }
    (named, (!kept.is_empty()).then(|| kept.join("&")))
}

/// Whether a segment could be read as several, or as one that leads up: as it is, or however often it is decoded.
fn climbs(segment: &str) -> bool {
    let mut bytes = segment.as_bytes().to_vec();
    for _ in 0..ENCODINGS_MAX {
        if bytes.iter().any(|b| matches!(b, b'/' | b'\\' | b'?' | b'#' | 0x7f) || b.is_ascii_control()) {
            return true;
        }
        // Some servers take `..;x` and `.. ` for `..`.
        let name = bytes.split(|b| *b == b';').next().unwrap_or_default().trim_ascii();
        if !name.is_empty() && name.iter().all(|b| *b == b'.') {
            return true;
        }
        let decoded = decoded(&bytes);
        if decoded == bytes {
            return false;
        }
        bytes = decoded;
    }
    true
}

fn decoded(bytes: &[u8]) -> Vec<u8> {
    let hex = |b: Option<&u8>| b.and_then(|b| char::from(*b).to_digit(16));
    let (mut out, mut at) = (Vec::with_capacity(bytes.len()), 0);
    while let Some(&byte) = bytes.get(at) {
        match (byte, hex(bytes.get(at + 1)), hex(bytes.get(at + 2))) {
            (b'%', Some(high), Some(low)) => {
                out.push(u8::try_from(high * 16 + low).unwrap_or_default());
                at += 3;
            }
            _ => {
                out.push(byte);
                at += 1;
            }
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use secrecy::SecretString;

    use super::*;
    use crate::rest::Token;

    const ACCOUNT: &str = "8b411bfe-54f5-47fc-bbf2-55d9a71a200f";
    const BELOW: &str = "https://eu.docusign.net/restapi/v2.1/accounts/8b411bfe-54f5-47fc-bbf2-55d9a71a200f";

    fn access() -> Access {
        Access {
            account: AccountId::new(ACCOUNT),
            base_uri: Url::parse("https://eu.docusign.net").unwrap(),
            token: Token::new(SecretString::from("t"), 1),
        }
    }

    fn reached(path: &str, query: Option<&str>) -> Result<String, Astray> {
        Ok(Target::read(path, query)?.url(&access())?.to_string())
    }

    fn below(rest: &str) -> String {
        format!("{ACCOUNTS}{ACCOUNT}{rest}")
    }

    #[test]
    fn a_call_of_the_account_keeps_its_path_and_query_as_they_came() {
        for rest in [
            "",
            "/",
            "/envelopes",
            "/envelopes/a-1/documents/combined",
            "/contacts/",
            "/templates/x%20y/documents/%C3%A4.pdf",
            "/signatures/a:b@c,d;e=f/image",
        ] {
            assert_eq!(reached(&below(rest), None).unwrap(), format!("{BELOW}{rest}"));
        }
        let query = "from_date=2026-01-01T00%3A00%3A00Z&custom_field=A%26B=c+d&empty=&x";
        assert_eq!(reached(&below("/envelopes"), Some(query)).unwrap(), format!("{BELOW}/envelopes?{query}"));
    }

    #[test]
    fn the_account_can_be_named_beside_the_path_and_that_name_goes_no_further() {
        let target = Target::read("envelopes/a-1", Some("count=2&integrated_account_id=i%2D7&x=1")).unwrap();
        assert_eq!((target.account.as_ref(), target.named.as_deref()), (None, Some("i-7")));
        assert_eq!(target.url(&access()).unwrap().as_str(), format!("{BELOW}/envelopes/a-1?count=2&x=1"));
        let both = Target::read(&below("/users"), Some("integrated%5Faccount%5Fid=i")).unwrap();
        assert_eq!((both.account, both.named.as_deref()), (Some(AccountId::new(ACCOUNT)), Some("i")));
        assert_eq!(both.query, None);
    }

    #[test]
    fn what_is_not_below_an_account_is_reached_in_no_way() {
        for path in [
            "",
            "/",
            "envelopes",
            "oauth/token",
            "restapi/v2.1/login_information",
            "restapi/v2/accounts/1/envelopes",
            "restapi/v2.1/accounts",
            "restapi/v2.1/accounts/",
            "restapi/v2.1/accounts//envelopes",
            "restapi/v2.1/accounts/../diagnostics",
            "restapi/v2.1/accounts/%2e%2e/diagnostics",
            "RESTAPI/v2.1/accounts/1/users",
            "/restapi/v2.1/accounts/1/users",
            "https://evil.example/restapi/v2.1/accounts/1",
            "//evil.example/x",
            "@evil.example/x",
        ] {
            assert_eq!(reached(path, None), Err(Astray::Elsewhere), "{path}");
        }
        assert_eq!(reached("restapi/v2.1/x", Some("integrated_account_id=1")), Err(Astray::Elsewhere));
    }

    #[test]
    fn nothing_climbs_out_of_the_account_however_it_is_written() {
        for rest in [
            "/..",
            "/../other/users",
            "/./users",
            "/%2e%2e/other",
            "/%2E./other",
            "/.%2e/other",
            "/%252e%252e/other",
            "/%25252e%25252e/x",
            "/%2525252525252e/x",
            "/..;/other",
            "/..%3Bx/other",
            "/..%20/other",
            "/...",
            "/a%2f..%2fother",
            "/a%5c..%5cother",
            "/a\\..\\other",
            "//other",
            "/a//b",
            "/a%00",
            "/a%0d%0aX-Header:%201",
            "/a%3Fb",
            "/a%23b",
        ] {
            assert_eq!(reached(&below(rest), None), Err(Astray::Climbs), "{rest}");
        }
    }

    #[test]
    fn a_call_of_ours_is_made_of_words_and_ids_alone() {
        let made = |segments: &[&str], query: &[(&str, String)]| {
            let target = Target::below(&AccountId::new(ACCOUNT), segments, query)?;
            Ok(target.url(&access())?.to_string())
        };
        assert_eq!(made(&[], &[]).unwrap(), BELOW);
        let query = [("certificate", "true".to_owned()), ("a&b", "c d/../é".to_owned())];
        let want = format!("{BELOW}/signing_groups/7-b?certificate=true&a%26b=c+d%2F..%2F%C3%A9");
        assert_eq!(made(&["signing_groups", "7-b"], &query).unwrap(), want);
        for segment in ["", ".", "..", "_", "a/b", "a?b", "a#b", "%2e", "a b", "é"] {
            assert_eq!(made(&["documents", segment], &[]), Err(Astray::Climbs), "{segment}");
        }
        assert_eq!(Target::below(&AccountId::new("../x"), &[], &[]), Err(Astray::Climbs));
    }

    #[test]
    fn a_call_about_one_envelope_is_known_by_its_path() {
        let envelope = |rest: &str| Target::read(&below(rest), None).unwrap().envelope().map(str::to_owned);
        assert_eq!(envelope("/envelopes/71799c95-8417/documents/1").as_deref(), Some("71799c95-8417"));
        for rest in ["/envelopes", "/envelopes/status", "/templates/71799c95-8417", ""] {
            assert_eq!(envelope(rest), None, "{rest}");
        }
    }

    proptest! {
        #[test]
        fn whatever_is_asked_for_the_token_goes_to_the_account_alone(
            rest in "(/|\\.|%2[eEfF]|%5[cC]|%25|%|;|:|@|#|\\?|\\\\|[a-z]|[ -~]){0,24}",
            query in proptest::option::of("[ -~]{0,24}"),
            whole in any::<bool>(),
        ) {
            let path = if whole { rest.clone() } else { below(&rest) };
            if let Ok(target) = Target::read(&path, query.as_deref())
                && let Ok(url) = target.url(&access())
            {
                prop_assert!(url.as_str().starts_with(BELOW), "{url}");
                let after = &url.as_str()[BELOW.len()..];
                prop_assert!(after.is_empty() || after.starts_with(['/', '?']), "{url}");
                prop_assert_eq!(url.host_str(), Some("eu.docusign.net"));
                prop_assert!(!url.path().contains("/../") && !url.path().ends_with("/.."), "{url}");
                // What a server that decodes once more would make of it lies below the account as well.
                let again = Url::parse(&format!(
                    "https://eu.docusign.net{}",
                    String::from_utf8_lossy(&decoded(url.path().as_bytes()))
                ));
                if let Ok(again) = again {
                    prop_assert!(again.path().starts_with(&access().url(&[]).path().to_owned()), "{again}");
                }
            }
        }
    }
}

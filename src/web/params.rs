//! Query and path parameters, read strictly: unknown, repeated and impossible ones are told apart from absent.

use actix_web::HttpRequest;
use uuid::Uuid;

use crate::base::{AccountId, AccountState, DeliveryId, Position, SigningRequestId, limits};

use super::Problem;

/// The query parameters of one request, all of them known to its path and given once.
#[derive(Debug)]
pub(super) struct Params(Vec<(&'static str, String)>);

impl Params {
    /// Reads the query string; `valid` are the names that the path knows.
    pub(super) fn read(request: &HttpRequest, valid: &'static [&'static str]) -> Result<Self, Problem> {
        Self::parse(request.query_string(), valid)
    }

    fn parse(query: &str, valid: &'static [&'static str]) -> Result<Self, Problem> {
        let mut found: Vec<(&'static str, String)> = Vec::new();
        for (name, value) in url::form_urlencoded::parse(query.as_bytes()) {
            let Some(known) = valid.iter().copied().find(|known| *known == name) else {
                return Err(Problem::ParameterUnknown { name: name.into_owned(), valid });
            };
            if found.iter().any(|(name, _)| *name == known) {
                return Err(bad(known, "is given twice"));
            }
            found.push((known, value.into_owned()));
        }
        Ok(Self(found))
    }

    fn text(&self, name: &str) -> Option<&str> {
        let found = self.0.iter().find(|(known, _)| *known == name);
        // Empty is absent: `?status=` is what forms and SDKs send for "any".
        found.map(|(_, value)| value.trim()).filter(|value| !value.is_empty())
    }

    /// A word of an id or a routing key, of a length that ids have.
    fn word(&self, name: &'static str) -> Result<Option<&str>, Problem> {
        match self.text(name) {
            Some(text) if text.len() > limits::WORD_BYTES_MAX => {
                Err(bad(name, format!("is longer than {} bytes", limits::WORD_BYTES_MAX)))
            }
            found => Ok(found),
        }
    }

    /// `limit`: from 1 to [`limits::PAGE_ROWS_MAX`], by default [`limits::PAGE_ROWS`].
    pub(super) fn limit(&self) -> Result<usize, Problem> {
        let Some(text) = self.text("limit") else { return Ok(limits::PAGE_ROWS) };
        text.parse()
            .ok()
            .filter(|limit| (1..=limits::PAGE_ROWS_MAX).contains(limit))
            .ok_or_else(|| bad("limit", format!("must be a number from 1 to {}", limits::PAGE_ROWS_MAX)))
    }

    /// `after`: a position of the feed, which is also what its cursors are.
    pub(super) fn after(&self) -> Result<Option<Position>, Problem> {
        self.text("after")
            .map(|text| {
                position(text).ok_or_else(|| bad("after", "must be a position or a cursor of this feed"))
            })
            .transpose()
    }

    /// `order`: true for newest first.
    pub(super) fn newest_first(&self) -> Result<bool, Problem> {
        match self.text("order") {
            None | Some("asc") => Ok(false),
            Some("desc") => Ok(true),
            Some(_) => Err(bad("order", "must be asc or desc")),
        }
    }

    /// `status`: the second word of a routing key.
    pub(super) fn status(&self) -> Result<Option<String>, Problem> {
        let Some(text) = self.word("status")? else { return Ok(None) };
        let word = text.to_ascii_lowercase();
        if word.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'_' || b == b'-') {
            Ok(Some(word))
        } else {
            Err(bad("status", "must be one word of a routing key, such as completed"))
        }
    }

    /// `account`.
    pub(super) fn account(&self) -> Result<Option<AccountId>, Problem> {
        Ok(self.word("account")?.map(AccountId::new))
    }

    /// `signing_request`.
    pub(super) fn signing_request(&self) -> Result<Option<SigningRequestId>, Problem> {
        Ok(self.word("signing_request")?.map(SigningRequestId::new))
    }

    /// `after`, in a list of linked accounts: one's id.
    pub(super) fn after_id(&self) -> Result<Option<String>, Problem> {
        let Some(text) = self.word("after")? else { return Ok(None) };
        let id = Uuid::parse_str(text).map_err(|_| bad("after", "must be a cursor of this list"))?;
        Ok(Some(id.to_string()))
    }

    /// `state`: a linked account's.
    pub(super) fn account_state(&self) -> Result<Option<AccountState>, Problem> {
        let Some(word) = self.text("state") else { return Ok(None) };
        AccountState::from_word(word).map(Some).ok_or_else(|| {
            let words = AccountState::ALL.map(AccountState::word);
            bad("state", format!("must be one of {}", words.join(", ")))
        })
    }

    /// `tenant_id`.
    pub(super) fn tenant(&self) -> Result<Option<String>, Problem> {
        Ok(self.word("tenant_id")?.map(str::to_owned))
    }

    /// `before`: the id of a delivery.
    pub(super) fn before(&self) -> Result<Option<DeliveryId>, Problem> {
        self.text("before")
            .map(|text| {
                Uuid::parse_str(text).map(DeliveryId).map_err(|_| bad("before", "must be a delivery's id"))
            })
            .transpose()
    }

    /// `outcome`: one of `words`.
    pub(super) fn outcome(&self, words: &[&str]) -> Result<Option<String>, Problem> {
        match self.text("outcome") {
            Some(word) if !words.contains(&word) => {
                Err(bad("outcome", format!("must be one of {}", words.join(", "))))
            }
            found => Ok(found.map(str::to_owned)),
        }
    }

    /// `public_url`: a web address, without a slash at its end.
    pub(super) fn public_url(&self) -> Result<Option<String>, Problem> {
        let Some(text) = self.text("public_url") else { return Ok(None) };
        let web = url::Url::parse(text).ok().filter(|url| matches!(url.scheme(), "http" | "https"));
        if web.is_none() || text.len() > limits::CONNECT_URL_BYTES_MAX {
            return Err(bad("public_url", "must be a web address, such as https://hooks.example.com"));
        }
        Ok(Some(text.trim_end_matches('/').to_owned()))
    }

    /// `name` as a switch: `true`, `false`, or bare.
    pub(super) fn flag(&self, name: &'static str) -> Result<bool, Problem> {
        match self.0.iter().find(|(known, _)| *known == name).map(|(_, value)| value.trim()) {
            None | Some("false" | "0") => Ok(false),
            Some("" | "true" | "1") => Ok(true),
            Some(_) => Err(bad(name, "must be true or false")),
        }
    }
}

/// A complaint about one parameter.
pub(super) fn bad(name: &'static str, why: impl Into<String>) -> Problem {
    Problem::ParameterBad { name, why: why.into() }
}

/// A position as it stands in cursors, paths and `Last-Event-ID`.
pub(super) fn position(text: &str) -> Option<Position> {
    // No sign, no white space: what we gave out comes back as it was.
    if text.is_empty() || !text.bytes().all(|b| b.is_ascii_digit()) {
        return None;
    }
    text.parse().ok().map(Position)
}

/// The delivery's id in a path.
pub(super) fn delivery_id(text: &str) -> Result<DeliveryId, Problem> {
    Uuid::parse_str(text).map(DeliveryId).map_err(|_| bad("id", "must be a delivery's id (a UUID)"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn feed(query: &str) -> Result<Params, Problem> {
        Params::parse(query, &["after", "limit", "order", "status", "account"])
    }

    #[test]
    fn an_unknown_parameter_is_answered_with_the_valid_ones() {
        let problem = feed("limit=5&stauts=completed").expect_err("a problem");
        assert_eq!(problem.status().as_u16(), 400);
        assert!(problem.message().contains("`stauts`"), "{problem}");
        assert_eq!(problem.details(), ["after", "limit", "order", "status", "account"]);
    }

    #[test]
    fn a_parameter_given_twice_is_refused_rather_than_guessed() {
        assert!(feed("limit=5&limit=6").is_err());
        assert!(feed("limit=5&%6Cimit=6").is_err(), "spelt otherwise it is the same");
    }

    #[test]
    fn limits_have_two_ends() {
        for (query, want) in
            [("", Some(100)), ("limit=", Some(100)), ("limit=1", Some(1)), ("limit=1000", Some(1000))]
        {
            assert_eq!(feed(query).expect("params").limit().ok(), want, "{query}");
        }
        for query in
            ["limit=0", "limit=1001", "limit=-1", "limit=1e3", "limit=99999999999999999999", "limit=%00"]
        {
            assert!(feed(query).expect("params").limit().is_err(), "{query}");
        }
    }

    #[test]
    fn cursors_are_whole_numbers_and_nothing_else() {
        assert_eq!(feed("after=42").expect("params").after().ok(), Some(Some(Position(42))));
        for query in
            ["after=abc", "after=-1", "after=%2B1", "after=1.0", "after=99999999999999999999", "after=1;2"]
        {
            assert!(feed(query).expect("params").after().is_err(), "{query}");
        }
    }

    #[test]
    fn a_status_is_one_word_in_any_case() {
        assert_eq!(feed("status=Completed").expect("params").status().ok(), Some(Some("completed".into())));
        assert_eq!(feed("status=").expect("params").status().ok(), Some(None));
        for query in ["status=a.b", "status=%23", "status=a%20b", "status=*"] {
            assert!(feed(query).expect("params").status().is_err(), "{query}");
        }
    }

    #[test]
    fn an_id_longer_than_any_id_is_refused() {
        let query = format!("account={}", "x".repeat(limits::WORD_BYTES_MAX + 1));
        assert!(feed(&query).expect("params").account().is_err());
    }

    #[test]
    fn a_switch_may_be_bare() {
        let flag = |query| Params::parse(query, &["raw"]).expect("params").flag("raw").ok();
        assert_eq!(
            [flag(""), flag("raw"), flag("raw=true"), flag("raw=false"), flag("raw=yes")],
            [Some(false), Some(true), Some(true), Some(false), None]
        );
    }
}

//! Users, what they consented to, and the tokens that were given in their names.

use std::collections::{HashMap, VecDeque};
use std::sync::Arc;

use jiff::{SignedDuration, Timestamp};
use uuid::Uuid;

use crate::base::limits;
use crate::simulator::life::Person;

/// Somebody who logs in, and their accounts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct User {
    /// Who it is; the address is what `login_hint` names.
    pub person: Person,
    /// The accounts that they are a member of.
    pub accounts: Vec<Uuid>,
    /// The one that they call their default.
    pub default: Uuid,
}

/// What a token is good for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) enum TokenKind {
    Access,
    Refresh,
    /// An authorization code: good once.
    Code,
}

impl TokenKind {
    pub(super) fn parse(word: &str) -> Option<Self> {
        match word {
            "access" => Some(Self::Access),
            "refresh" => Some(Self::Refresh),
            "code" => Some(Self::Code),
            _ => None,
        }
    }
}

/// In whose name a token was given, and on which terms.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Terms {
    /// The user; with none every account may be called.
    pub(super) user: Option<Uuid>,
    /// The scope as it was asked for.
    pub(super) scope: String,
    /// When the user logged in: without the scope `extended`, refresh tokens end so long after it however often
    /// they are exchanged.
    pub(super) since: Timestamp,
}

/// What was asked for with a code, and must be told again at the token call.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Asked {
    pub(super) redirect_uri: String,
    /// PKCE's challenge, by S256.
    pub(super) challenge: Option<String>,
}

/// A token that was given.
#[derive(Debug, Clone)]
pub(super) struct Given {
    pub(super) terms: Arc<Terms>,
    pub(super) asked: Option<Asked>,
    until: Timestamp,
}

/// Tokens that are alive.
#[derive(Debug, Default)]
pub(super) struct Tokens {
    alive: HashMap<(TokenKind, String), Given>,
    order: VecDeque<(TokenKind, String)>,
}

impl Tokens {
    pub(super) fn keep(&mut self, kind: TokenKind, token: String, terms: Arc<Terms>, until: Timestamp) {
        self.put(kind, token, Given { terms, asked: None, until });
    }

    pub(super) fn keep_code(&mut self, code: String, terms: Arc<Terms>, asked: Asked, until: Timestamp) {
        self.put(TokenKind::Code, code, Given { terms, asked: Some(asked), until });
    }

    fn put(&mut self, kind: TokenKind, token: String, given: Given) {
        self.alive.insert((kind, token.clone()), given);
        self.order.push_back((kind, token));
        while self.order.len() > limits::SIMULATOR_TOKENS_MAX
            && let Some(oldest) = self.order.pop_front()
        {
            self.alive.remove(&oldest);
        }
    }

    /// The terms of a token that is alive.
    pub(super) fn alive(&self, kind: TokenKind, token: &str, now: Timestamp) -> Option<Arc<Terms>> {
        let given = self.alive.get(&(kind, token.to_owned()))?;
        (given.until > now).then(|| Arc::clone(&given.terms))
    }

    /// Uses a token up; none where it was not alive. It lives on for `overlap`, where that is not zero.
    pub(super) fn take(
        &mut self,
        kind: TokenKind,
        token: &str,
        now: Timestamp,
        overlap: SignedDuration,
    ) -> Option<Given> {
        let key = (kind, token.to_owned());
        if overlap.is_zero() {
            return self.alive.remove(&key).filter(|given| given.until > now);
        }
        let given = self.alive.get_mut(&key).filter(|given| given.until > now)?;
        given.until = given.until.min(now.checked_add(overlap).unwrap_or(Timestamp::MAX));
        Some(given.clone())
    }

    /// Ends the tokens of a kind, or of all kinds, of one user, or of all.
    pub(super) fn end(&mut self, kind: Option<TokenKind>, user: Option<Uuid>) -> usize {
        let before = self.alive.len();
        self.alive.retain(|(of, _), given| {
            kind.is_some_and(|kind| kind != *of) || (user.is_some() && given.terms.user != user)
        });
        before - self.alive.len()
    }

    /// All tokens that were given out, as far back as they are remembered.
    pub(super) fn given(&self) -> Vec<String> {
        self.order.iter().map(|(_, token)| token.clone()).collect()
    }
}

/// Who let the integration act for them.
#[derive(Debug)]
pub(super) struct Consents {
    /// Those of whom nothing else is known.
    others: bool,
    told: HashMap<Uuid, bool>,
}

impl Consents {
    pub(super) fn of_all(others: bool) -> Self {
        Self { others, told: HashMap::new() }
    }

    pub(super) fn has(&self, user: Uuid) -> bool {
        self.told.get(&user).copied().unwrap_or(self.others)
    }

    pub(super) fn set(&mut self, user: Uuid, consented: bool) {
        if self.told.len() < limits::SIMULATOR_ACCOUNTS_MAX || self.told.contains_key(&user) {
            self.told.insert(user, consented);
        }
    }
}

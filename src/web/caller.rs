//! Who is asking, and what they may do: the bearer token, or this machine itself where none is configured.

use std::future::{Ready, ready};
use std::net::{IpAddr, SocketAddr};
use std::sync::{Arc, PoisonError, RwLock};

use actix_web::dev::Payload;
use actix_web::http::Version;
use actix_web::http::header::{AUTHORIZATION, HOST, HeaderMap, HeaderValue, ORIGIN};
use actix_web::{FromRequest, HttpRequest};
use secrecy::{ExposeSecret as _, SecretString};
use sha2::{Digest as _, Sha256};
use subtle::ConstantTimeEq as _;

use super::{Problem, api};

/// What a caller may do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Scope {
    /// See everything.
    Read,
    /// Replay, release and drop.
    Write,
}

impl Scope {
    /// The scope's word.
    pub fn word(self) -> &'static str {
        match self {
            Self::Read => "read",
            Self::Write => "write",
        }
    }
}

/// The configured token, as a digest: compared in constant time whatever the lengths.
#[derive(Clone)]
pub struct Token([u8; 32]);

impl std::fmt::Debug for Token {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Token")
    }
}

impl Token {
    /// The token; none for an empty text, which would let everyone in.
    pub fn new(text: &SecretString) -> Option<Self> {
        let text = text.expose_secret().trim();
        (!text.is_empty()).then(|| Self(Sha256::digest(text).into()))
    }

    fn is(&self, text: &str) -> bool {
        let told: [u8; 32] = Sha256::digest(text).into();
        self.0.ct_eq(&told).into()
    }
}

/// The token in force, which can be exchanged while requests are answered; cheap to clone.
#[derive(Debug, Clone, Default)]
pub struct TokenInForce(Arc<RwLock<Option<Token>>>);

impl TokenInForce {
    /// This one; with none the API answers this machine only.
    pub fn new(text: Option<&SecretString>) -> Self {
        Self(Arc::new(RwLock::new(text.and_then(Token::new))))
    }

    /// Puts another one in force: requests that come from now on need it.
    pub fn exchange(&self, text: Option<&SecretString>) {
        *self.0.write().unwrap_or_else(PoisonError::into_inner) = text.and_then(Token::new);
    }

    fn get(&self) -> Option<Token> {
        self.0.read().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

/// A caller that was let in. Taking one as the first argument is what guards a path.
#[derive(Debug, Clone, Copy)]
pub struct Caller {
    write: bool,
}

impl Caller {
    /// Whether this caller may do more than come in.
    ///
    /// # Errors
    /// [`Problem::ScopeMissing`] where it may not.
    pub fn require(&self, scope: Scope) -> Result<(), Problem> {
        match scope {
            Scope::Write if !self.write => Err(Problem::ScopeMissing(scope)),
            Scope::Read | Scope::Write => Ok(()),
        }
    }

    /// Lets a request in, or says why not.
    fn admit(token: Option<&Token>, head: &Head<'_>) -> Result<Self, Problem> {
        match token {
            Some(token) => match bearer(head.headers) {
                None => Err(Problem::TokenMissing),
                Some(told) if token.is(told) => Ok(Self { write: true }),
                Some(_) => Err(Problem::TokenWrong),
            },
            None => alone(head).map(|()| Self { write: true }),
        }
    }
}

impl FromRequest for Caller {
    type Error = Problem;
    type Future = Ready<Result<Self, Problem>>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        ready(api::of(request).and_then(|api| Self::admit(api.token.get().as_ref(), &Head::of(request))))
    }
}

/// Someone who may load the dashboard's page, which holds no data but must be able to ask for a token: everyone
/// where one is configured, else this machine.
#[derive(Debug, Clone, Copy)]
pub struct Visitor;

impl FromRequest for Visitor {
    type Error = Problem;
    type Future = Ready<Result<Self, Problem>>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        ready(api::of(request).and_then(|api| match api.token.get() {
            Some(_) => Ok(Self),
            None => alone(&Head::of(request)).map(|()| Self),
        }))
    }
}

/// The token of `Authorization: Bearer <token>`.
fn bearer(headers: &HeaderMap) -> Option<&str> {
    let (scheme, token) = headers.get(AUTHORIZATION)?.to_str().ok()?.trim().split_once(' ')?;
    let token = token.trim();
    (scheme.eq_ignore_ascii_case("bearer") && !token.is_empty()).then_some(token)
}

/// What tells where a request comes from.
struct Head<'a> {
    peer: Option<SocketAddr>,
    version: Version,
    headers: &'a HeaderMap,
}

impl<'a> Head<'a> {
    fn of(request: &'a HttpRequest) -> Self {
        Self { peer: request.peer_addr(), version: request.version(), headers: request.headers() }
    }
}

/// Headers by which a proxy says for whom it asks, beside all that begin with `x-forwarded-`.
const FORWARDING: [&str; 8] = [
    "forwarded",
    "via",
    "x-real-ip",
    "x-client-ip",
    "x-original-forwarded-for",
    "true-client-ip",
    "cf-connecting-ip",
    "x-envoy-external-address",
];

/// Whether a proxy stands in between, as far as that shows. One that adds no header is most often one with settings as
/// they come, and such a one speaks HTTP/1.0, which no browser and no client of ours does.
fn is_forwarded(head: &Head<'_>) -> bool {
    let forwarding = |name: &str| FORWARDING.contains(&name) || name.starts_with("x-forwarded-");
    head.version < Version::HTTP_11 || head.headers.keys().any(|name| forwarding(name.as_str()))
}

/// Without a token, only this machine is let in: by its address, through no proxy, and not by way of a page of
/// another site that happens to be open in a browser here (its `Origin` or `Sec-Fetch-Site`, or a name of its own that
/// it has made point at us in `Host`).
fn alone(head: &Head<'_>) -> Result<(), Problem> {
    let headers = head.headers;
    if !head.peer.is_some_and(|peer| is_loopback(peer.ip())) {
        return Err(Problem::LoopbackOnly);
    }
    if is_forwarded(head) {
        return Err(Problem::Forwarded);
    }
    let host = headers.get(HOST).map(|host| host.to_str().unwrap_or_default());
    if host.is_some_and(|host| !names_loopback(host)) {
        return Err(Problem::CrossSite);
    }
    let own = |origin: &str| origin.split_once("://").map(|(_, rest)| rest) == host;
    if headers.get(ORIGIN).is_some_and(|origin| !origin.to_str().is_ok_and(own)) {
        return Err(Problem::CrossSite);
    }
    // `none` is someone who wrote the address into the browser.
    let ours = |site: &HeaderValue| matches!(site.as_bytes(), b"same-origin" | b"none");
    if headers.get("sec-fetch-site").is_some_and(|site| !ours(site)) {
        return Err(Problem::CrossSite);
    }
    Ok(())
}

fn is_loopback(ip: IpAddr) -> bool {
    ip.to_canonical().is_loopback()
}

/// Whether a `Host` (with or without a port) can only be this machine.
fn names_loopback(host: &str) -> bool {
    if let Ok(socket) = host.parse::<SocketAddr>() {
        return is_loopback(socket.ip());
    }
    let name = match host.rsplit_once(':') {
        Some((name, port)) if port.bytes().all(|b| b.is_ascii_digit()) => name,
        _ => host,
    };
    let bare = name.strip_prefix('[').and_then(|n| n.strip_suffix(']')).unwrap_or(name);
    bare.eq_ignore_ascii_case("localhost") || bare.parse().is_ok_and(is_loopback)
}

#[cfg(test)]
mod tests {
    use actix_web::http::header::HeaderName;

    use super::*;

    fn headers(pairs: &[(&str, &str)]) -> HeaderMap {
        let mut map = HeaderMap::new();
        for (name, value) in pairs {
            map.append(
                HeaderName::from_bytes(name.as_bytes()).expect("a name"),
                HeaderValue::from_str(value).expect("a value"),
            );
        }
        map
    }

    fn admitted(token: Option<&str>, peer: &str, pairs: &[(&str, &str)]) -> Result<(), u16> {
        let token = token.and_then(|text| Token::new(&SecretString::from(text)));
        let head = Head { peer: peer.parse().ok(), version: Version::HTTP_11, headers: &headers(pairs) };
        Caller::admit(token.as_ref(), &head).map(drop).map_err(|p| p.status().as_u16())
    }

    const HERE: &str = "127.0.0.1:50000";

    #[test]
    fn with_a_token_only_that_token_lets_in_wherever_one_comes_from() {
        let right = ("authorization", "Bearer s3cret");
        assert_eq!(admitted(Some("s3cret"), "203.0.113.9:1", &[right]), Ok(()));
        assert_eq!(
            admitted(Some("s3cret"), "203.0.113.9:1", &[right, ("x-forwarded-for", "198.51.100.1")]),
            Ok(())
        );
        assert_eq!(admitted(Some("s3cret"), HERE, &[("authorization", "bearer  s3cret ")]), Ok(()));
        for wrong in
            ["Bearer s3cre", "Bearer s3crets", "Bearer", "Bearer ", "Basic s3cret", "s3cret", "Bearer S3CRET"]
        {
            assert_eq!(admitted(Some("s3cret"), HERE, &[("authorization", wrong)]), Err(401), "{wrong}");
        }
        assert_eq!(admitted(Some("s3cret"), HERE, &[]), Err(401), "this machine needs it as well");
    }

    #[test]
    fn an_empty_token_is_no_token() {
        assert!(Token::new(&SecretString::from("")).is_none());
        assert!(Token::new(&SecretString::from(" \n")).is_none());
    }

    #[test]
    fn without_a_token_only_this_machine_is_let_in() {
        for here in [HERE, "127.9.9.9:1", "[::1]:9", "[::ffff:127.0.0.1]:9"] {
            assert_eq!(admitted(None, here, &[]), Ok(()), "{here}");
        }
        for elsewhere in
            ["203.0.113.9:1", "10.0.0.1:80", "[2001:db8::1]:80", "[::ffff:10.0.0.1]:9", "no peer"]
        {
            assert_eq!(admitted(None, elsewhere, &[]), Err(403), "{elsewhere}");
            assert_eq!(admitted(None, elsewhere, &[("authorization", "Bearer x")]), Err(403));
        }
    }

    #[test]
    fn without_a_token_a_proxy_on_this_machine_lets_nobody_in() {
        for name in
            FORWARDING.into_iter().chain(["x-forwarded-for", "x-forwarded-proto", "X-Forwarded-Server"])
        {
            assert_eq!(admitted(None, HERE, &[(name, "127.0.0.1")]), Err(403), "{name}");
        }
        let old = Head { peer: HERE.parse().ok(), version: Version::HTTP_10, headers: &headers(&[]) };
        assert!(Caller::admit(None, &old).is_err(), "as nginx forwards by default");
    }

    #[test]
    fn without_a_token_pages_of_other_sites_are_kept_out() {
        let host = |host| admitted(None, HERE, &[("host", host)]);
        for ours in ["localhost:8080", "LOCALHOST", "127.0.0.1:8080", "[::1]:8080", "[::1]", "127.0.0.1"] {
            assert_eq!(host(ours), Ok(()), "{ours}");
        }
        for rebound in ["evil.example:8080", "evil.example", "localhost.evil.example", "", "10.0.0.1:8080"] {
            assert_eq!(host(rebound), Err(403), "{rebound}");
        }
        let origin = |origin| admitted(None, HERE, &[("host", "localhost:8080"), ("origin", origin)]);
        assert_eq!(origin("http://localhost:8080"), Ok(()));
        for foreign in ["https://evil.example", "null", "http://localhost:8081", ""] {
            assert_eq!(origin(foreign), Err(403), "{foreign}");
        }
        let site = |site| admitted(None, HERE, &[("host", "localhost:8080"), ("sec-fetch-site", site)]);
        assert_eq!((site("same-origin"), site("none")), (Ok(()), Ok(())));
        for foreign in ["cross-site", "same-site", "", "anything"] {
            assert_eq!(site(foreign), Err(403), "{foreign}");
        }
    }
}

//! Whether a request comes from this machine itself, where no token is needed because there is none.

use std::net::{IpAddr, SocketAddr};

use actix_web::HttpRequest;
use actix_web::http::Version;
use actix_web::http::header::{HOST, HeaderMap, HeaderValue, ORIGIN};

use crate::web::problem::access::Access;

/// What tells where a request comes from.
pub(super) struct Head<'a> {
    pub(super) peer: Option<SocketAddr>,
    pub(super) version: Version,
    pub(super) headers: &'a HeaderMap,
}

impl<'a> Head<'a> {
    pub(super) fn of(request: &'a HttpRequest) -> Self {
        Self { peer: request.peer_addr(), version: request.version(), headers: request.headers() }
    }
}

/// Headers by which a proxy says for whom it asks, beside all that begin with `x-forwarded-`.
pub(super) const FORWARDING: [&str; 8] = [
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
pub(super) fn alone(head: &Head<'_>) -> Result<(), Access> {
    let headers = head.headers;
    if !head.peer.is_some_and(|peer| is_loopback(peer.ip())) {
        return Err(Access::LoopbackOnly);
    }
    if is_forwarded(head) {
        return Err(Access::Forwarded);
    }
    let host = headers.get(HOST).map(|host| host.to_str().unwrap_or_default());
    if host.is_some_and(|host| !names_loopback(host)) {
        return Err(Access::CrossSite);
    }
    let own = |origin: &str| origin.split_once("://").map(|(_, rest)| rest) == host;
    if headers.get(ORIGIN).is_some_and(|origin| !origin.to_str().is_ok_and(own)) {
        return Err(Access::CrossSite);
    }
    // `none` is someone who wrote the address into the browser.
    let ours = |site: &HeaderValue| matches!(site.as_bytes(), b"same-origin" | b"none");
    if headers.get("sec-fetch-site").is_some_and(|site| !ours(site)) {
        return Err(Access::CrossSite);
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

    fn admitted(peer: &str, pairs: &[(&str, &str)]) -> Result<(), u16> {
        let head = Head { peer: peer.parse().ok(), version: Version::HTTP_11, headers: &headers(pairs) };
        alone(&head).map_err(|access| crate::web::Problem::from(access).status().as_u16())
    }

    const HERE: &str = "127.0.0.1:50000";

    #[test]
    fn without_a_token_only_this_machine_is_let_in() {
        for here in [HERE, "127.9.9.9:1", "[::1]:9", "[::ffff:127.0.0.1]:9"] {
            assert_eq!(admitted(here, &[]), Ok(()), "{here}");
        }
        for elsewhere in
            ["203.0.113.9:1", "10.0.0.1:80", "[2001:db8::1]:80", "[::ffff:10.0.0.1]:9", "no peer"]
        {
            assert_eq!(admitted(elsewhere, &[]), Err(403), "{elsewhere}");
            assert_eq!(admitted(elsewhere, &[("authorization", "Bearer x")]), Err(403));
        }
    }

    #[test]
    fn without_a_token_a_proxy_on_this_machine_lets_nobody_in() {
        for name in
            FORWARDING.into_iter().chain(["x-forwarded-for", "x-forwarded-proto", "X-Forwarded-Server"])
        {
            assert_eq!(admitted(HERE, &[(name, "127.0.0.1")]), Err(403), "{name}");
        }
        let old = Head { peer: HERE.parse().ok(), version: Version::HTTP_10, headers: &headers(&[]) };
        assert!(alone(&old).is_err(), "as nginx forwards by default");
    }

    #[test]
    fn without_a_token_pages_of_other_sites_are_kept_out() {
        let host = |host| admitted(HERE, &[("host", host)]);
        for ours in ["localhost:8080", "LOCALHOST", "127.0.0.1:8080", "[::1]:8080", "[::1]", "127.0.0.1"] {
            assert_eq!(host(ours), Ok(()), "{ours}");
        }
        for rebound in ["evil.example:8080", "evil.example", "localhost.evil.example", "", "10.0.0.1:8080"] {
            assert_eq!(host(rebound), Err(403), "{rebound}");
        }
        let origin = |origin| admitted(HERE, &[("host", "localhost:8080"), ("origin", origin)]);
        assert_eq!(origin("http://localhost:8080"), Ok(()));
        for foreign in ["https://evil.example", "null", "http://localhost:8081", ""] {
            assert_eq!(origin(foreign), Err(403), "{foreign}");
        }
        let site = |site| admitted(HERE, &[("host", "localhost:8080"), ("sec-fetch-site", site)]);
        assert_eq!((site("same-origin"), site("none")), (Ok(()), Ok(())));
        for foreign in ["cross-site", "same-site", "", "anything"] {
            assert_eq!(site(foreign), Err(403), "{foreign}");
        }
    }
}

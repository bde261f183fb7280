//! Words of settings into values: each parser says what is wrong and what to do, and none of a secret shows it.

use std::net::IpAddr;
use std::ops::RangeInclusive;
use std::path::PathBuf;
use std::time::Duration;

use jiff::fmt::temporal::DateTimeParser;
use jiff::tz::TimeZone;
use secrecy::SecretString;
use url::Url;

use crate::base::{AccountId, SourceName, limits};
use crate::docusign::is_id;
use crate::store::Place;

use super::fault::Wrong;
use super::settings::StoreSetting;

pub(super) fn listen(text: &str) -> Result<String, Wrong> {
    let wrong = || {
        Wrong::new(
            format!("`{text}` is no HOST:PORT"),
            "write an address and a port, such as 127.0.0.1:8080 or [::]:8080; port 0 takes any free one",
        )
    };
    let (host, port) = text.rsplit_once(':').ok_or_else(wrong)?;
    port.parse::<u16>().map_err(|_| wrong())?;
    let bare = host.strip_prefix('[').and_then(|host| host.strip_suffix(']'));
    let fits = match bare {
        Some(v6) => v6.parse::<std::net::Ipv6Addr>().is_ok(),
        None => !host.is_empty() && host.bytes().all(|b| b.is_ascii_alphanumeric() || b".-_".contains(&b)),
    };
    fits.then(|| text.to_owned()).ok_or_else(wrong)
}

/// True where only this machine can reach the address.
pub(super) fn is_loopback(listen: &str) -> bool {
    let host = listen.rsplit_once(':').map_or(listen, |(host, _)| host);
    let host = host.trim_start_matches('[').trim_end_matches(']');
    host.eq_ignore_ascii_case("localhost") || host.parse::<IpAddr>().is_ok_and(|ip| ip.is_loopback())
}

pub(super) fn store(text: &str) -> Result<StoreSetting, Wrong> {
    let todo = "write sqlite:PATH, such as sqlite:/var/lib/countersign/countersign.db, or \
                postgres://USER:PASSWORD@HOST:5432/DATABASE, special characters of a password percent-encoded";
    if text.starts_with("postgres://") || text.starts_with("postgresql://") {
        let url = SecretString::from(text);
        let shown = Place::check_postgres(&url);
        shown.map_err(|why| Wrong::new(format!("a PostgreSQL URL does not do: {why}"), todo))?;
        return Ok(StoreSetting::Postgres(url));
    }
    // Not shown: what is no SQLite path may well be another database's URL with a password in it.
    let path =
        text.strip_prefix("sqlite:").ok_or_else(|| Wrong::new("it names no store that is known", todo))?;
    let path = path.strip_prefix("//").unwrap_or(path);
    if path.is_empty() || path.contains(":memory:") {
        return Err(Wrong::new("it names no file, and what is kept in memory only would be lost", todo));
    }
    Ok(StoreSetting::Sqlite(PathBuf::from(path)))
}

/// One AMQP URL; never shown, for the password in it.
pub(super) fn broker_url(text: &str) -> Result<String, Wrong> {
    let todo = "write amqp://USER:PASSWORD@HOST:5672/%2f or amqps://…, several separated by commas; special \
                characters of a password percent-encoded";
    let url =
        Url::parse(text).map_err(|why| Wrong::new(format!("a broker URL cannot be read: {why}"), todo))?;
    if !matches!(url.scheme(), "amqp" | "amqps") {
        let what = match text {
            "none" => "`none` stands beside broker URLs".to_owned(),
            _ => "a broker URL is neither amqp:// nor amqps://".to_owned(),
        };
        return Err(Wrong::new(what, todo));
    }
    if url.host_str().is_none_or(str::is_empty) {
        return Err(Wrong::new("a broker URL names no host", todo));
    }
    crate::broker::check_address(&text.into()).map_err(|why| Wrong::new(why.to_string(), todo))?;
    Ok(text.to_owned())
}

/// Address of RabbitMQ's management API; a secret, for the password that may be in it.
pub(super) fn management_url(text: &str) -> Result<(), Wrong> {
    let todo = "write http://HOST:15672 or https://HOST:15671, with USER:PASSWORD@ before the host where they are \
                others than the broker's";
    let wrong = |what: String| Wrong::new(what, todo);
    let url = Url::parse(text).map_err(|why| wrong(format!("the address cannot be read: {why}")))?;
    if !matches!(url.scheme(), "http" | "https") {
        return Err(wrong("the address is neither http:// nor https://".to_owned()));
    }
    Ok(())
}

/// A web address without a slash at its end; plain http only to this machine, since tokens go there.
pub(super) fn https_url(text: &str) -> Result<String, Wrong> {
    let todo = "write an https:// address such as https://account-d.docusign.com";
    let url = Url::parse(text).map_err(|why| Wrong::new(format!("`{text}` is no address: {why}"), todo))?;
    let host = url.host_str().unwrap_or_default();
    let local = host == "localhost"
        || host.trim_matches(['[', ']']).parse::<IpAddr>().is_ok_and(|ip| ip.is_loopback());
    match url.scheme() {
        "https" => {}
        "http" if local => {}
        _ => return Err(Wrong::new(format!("`{text}` would carry tokens in the clear"), todo)),
    }
    Ok(text.trim_end_matches('/').to_owned())
}

pub(super) fn number<T>(text: &str, range: RangeInclusive<T>) -> Result<T, Wrong>
where
    T: std::str::FromStr + PartialOrd + std::fmt::Display,
{
    text.trim().parse().ok().filter(|n| range.contains(n)).ok_or_else(|| {
        let todo = format!("write a whole number from {} to {}", range.start(), range.end());
        Wrong::new(format!("`{text}` cannot be used"), todo)
    })
}

/// Bytes, with an optional unit: `33554432`, `32MiB`.
pub(super) fn bytes(text: &str, range: RangeInclusive<u64>) -> Result<u64, Wrong> {
    let digits = text.trim_end_matches(|c: char| c.is_ascii_alphabetic() || c == ' ');
    let unit = match text.get(digits.len()..).map(str::trim) {
        Some("" | "B") => Some(1),
        Some("KiB") => Some(1 << 10),
        Some("MiB") => Some(1 << 20),
        Some("GiB") => Some(1 << 30),
        _ => None,
    };
    let count = unit.zip(digits.parse::<u64>().ok()).and_then(|(unit, n)| n.checked_mul(unit));
    count.filter(|n| range.contains(n)).ok_or_else(|| {
        let todo = format!(
            "write bytes, or a number with KiB, MiB or GiB, from {} to {}",
            range.start(),
            range.end()
        );
        Wrong::new(format!("`{text}` cannot be used"), todo)
    })
}

/// A time between two looks: `15m` to `24h`, or `off`.
pub(super) fn every(text: &str) -> Result<Option<Duration>, Wrong> {
    if text.trim() == "off" {
        return Ok(None);
    }
    let (least, most) = (limits::RECONCILE_EVERY_MIN, limits::RECONCILE_EVERY_MAX);
    let read = text.parse::<jiff::SignedDuration>().ok().and_then(|every| Duration::try_from(every).ok());
    read.filter(|every| (least..=most).contains(every)).map(Some).ok_or_else(|| {
        let todo = format!("write a time from {} to {}, such as 1h, or off", in_words(least), in_words(most));
        Wrong::new(format!("`{text}` cannot be used"), todo)
    })
}

/// A time between two looks as it is written.
pub(super) fn every_in_words(every: Option<Duration>) -> String {
    every.map_or_else(|| "off".to_owned(), in_words)
}

fn in_words(every: Duration) -> String {
    jiff::SignedDuration::try_from(every)
        .map_or_else(|_| "off".to_owned(), |every| format!("{every:#}").replace(' ', ""))
}

pub(super) fn switch(text: &str) -> Result<bool, Wrong> {
    choice(text, &[("true", true), ("false", false)])
}

pub(super) fn choice<T: Copy>(text: &str, words: &[(&str, T)]) -> Result<T, Wrong> {
    words.iter().find(|(word, _)| *word == text).map(|(_, value)| *value).ok_or_else(|| {
        let words: Vec<&str> = words.iter().map(|(word, _)| *word).collect();
        Wrong::new(format!("`{text}` is not known here"), format!("write one of: {}", words.join(", ")))
    })
}

pub(super) fn source_name(text: &str) -> Result<SourceName, Wrong> {
    let fits = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'_' || b == b'-';
    if (1..=64).contains(&text.len()) && text.bytes().all(fits) {
        return Ok(SourceName::new(text));
    }
    let todo = "a name is the last word of /connect/NAME: 1 to 64 of a-z, 0-9, _ and -";
    Err(Wrong::new(format!("`{text}` is no name of a source"), todo))
}

pub(super) fn account(text: &str) -> Result<AccountId, Wrong> {
    if text.len() <= limits::WORD_BYTES_MAX && is_id(text) {
        return Ok(AccountId::new(text));
    }
    let todo = "write the API account id (a GUID), or the account number for legacy XML";
    Err(Wrong::new(format!("`{text}` is no account id"), todo))
}

/// An IANA name or a fixed offset.
pub(super) fn time_zone(text: &str) -> Result<TimeZone, Wrong> {
    let written = if matches!(text, "Z" | "utc") { "UTC" } else { text };
    DateTimeParser::new().parse_time_zone(written).map_err(|_| {
        let todo = "write an IANA name such as America/Los_Angeles, or an offset such as -07:00";
        Wrong::new(format!("`{text}` is no time zone"), todo)
    })
}

/// A level, or directives `target=level` separated by commas, as logs understand them.
pub(super) fn log_level(text: &str) -> Result<String, Wrong> {
    let level = |word: &str| {
        ["off", "error", "warn", "info", "debug", "trace"].iter().any(|l| l.eq_ignore_ascii_case(word))
    };
    let directive = |part: &str| match part.split_once('=') {
        Some((target, word)) => !target.trim().is_empty() && level(word.trim()),
        None => level(part),
    };
    if text.split(',').all(|part| directive(part.trim())) {
        return Ok(text.to_owned());
    }
    let todo =
        "write off, error, warn, info, debug or trace, or directives such as info,countersign::relay=debug";
    Err(Wrong::new(format!("`{text}` is no level of logs"), todo))
}

/// `user:password`; a secret.
pub(super) fn basic_auth(text: &str) -> Result<(), Wrong> {
    match text.split_once(':') {
        Some((user, password)) if !user.is_empty() && !password.is_empty() => Ok(()),
        _ => Err(Wrong::new("it is not of the form user:password", "write both, with a colon between them")),
    }
}

/// A bearer token; a secret.
pub(super) fn token(text: &str) -> Result<(), Wrong> {
    if text.bytes().all(|b| b.is_ascii_graphic()) {
        return Ok(());
    }
    let todo = "use ASCII letters, digits and signs only, such as the output of `openssl rand -hex 32`";
    Err(Wrong::new("it has characters that no Authorization header can carry", todo))
}

/// An RSA key in PEM; a secret.
pub(super) fn pem_key(text: &str) -> Result<(), Wrong> {
    if text.contains("-----BEGIN ") && text.contains("PRIVATE KEY-----") {
        return Ok(());
    }
    let todo = "give the RSA private key that DocuSign showed once, with its BEGIN and END lines";
    Err(Wrong::new("it is no private key in PEM", todo))
}

/// An ed25519 key in PEM; a secret.
pub(super) fn ed25519_key(text: &str) -> Result<(), Wrong> {
    let todo =
        "give a key as `openssl genpkey -algorithm ed25519` makes it, or leave it out to have one made";
    crate::evidence::Signer::from_pem(text).map(drop).map_err(|what| Wrong::new(what, todo))
}

/// A routing-key pattern that can match one of our keys, which all have three words.
pub(super) fn pattern(text: &str) -> Result<String, Wrong> {
    let todo = "a pattern is three words with dots between them, such as signing_request.completed.*; * stands \
                for one word, # for any number; words are of a-z, 0-9, _ and -";
    let wrong = |what: &str| Err(Wrong::new(format!("`{text}` {what}"), todo));
    let words: Vec<&str> = text.split('.').collect();
    let plain = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'_' || b == b'-';
    if text.len() > 255 || !words.iter().all(|w| matches!(*w, "*" | "#") || w.bytes().all(plain)) {
        return wrong("is no pattern that a routing key of ours can match");
    }
    let fixed = words.iter().filter(|word| **word != "#").count();
    if words.contains(&"") || fixed > 3 || (fixed < 3 && !words.contains(&"#")) {
        return wrong("does not have three words");
    }
    Ok(text.to_owned())
}

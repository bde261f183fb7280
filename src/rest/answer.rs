//! What an answer of DocuSign's means: its rate limits, and from status and `errorCode` what to do about it.

use std::time::Duration;

use jiff::Timestamp;
use reqwest::header::HeaderMap;

use super::{Error, Raw, Refused};
use crate::base::limits;
use crate::docusign::ErrorDetails;

/// What DocuSign tells about our calls with every answer. The hourly limit is per account, all applications
/// together.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct RateLimit {
    /// Calls per hour (`X-RateLimit-Limit`).
    pub limit: Option<u32>,
    /// Calls left in this hour (`X-RateLimit-Remaining`).
    pub remaining: Option<u32>,
    /// When the hour ends (`X-RateLimit-Reset`).
    pub reset_at: Option<Timestamp>,
    /// Calls left in these 30 seconds (`X-BurstLimit-Remaining`).
    pub burst_remaining: Option<u32>,
}

impl RateLimit {
    /// Read from an answer's headers; what is missing or unreadable is absent.
    pub(super) fn read(headers: &HeaderMap) -> Self {
        let number = |name| header(headers, name)?.parse::<u32>().ok();
        let reset = header(headers, "x-ratelimit-reset").and_then(|text| text.parse::<i64>().ok());
        Self {
            limit: number("x-ratelimit-limit"),
            remaining: number("x-ratelimit-remaining"),
            reset_at: reset.and_then(|seconds| Timestamp::from_second(seconds).ok()),
            burst_remaining: number("x-burstlimit-remaining"),
        }
    }

    /// When calls are let through again after the hourly limit: as told, else at the next full hour.
    pub(super) fn hour_ends_at(&self, now: Timestamp) -> Timestamp {
        self.reset_at.unwrap_or_else(|| next_full_hour(now))
    }
}

fn header<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
    headers.get(name)?.to_str().ok().map(str::trim)
}

fn next_full_hour(now: Timestamp) -> Timestamp {
    let into = now.as_second().rem_euclid(3600);
    later(now, Duration::from_secs(u64::try_from(3600 - into).unwrap_or(3600)))
}

/// `now` and a while; the end of time where that is beyond it.
pub(super) fn later(now: Timestamp, by: Duration) -> Timestamp {
    now.checked_add(by).unwrap_or(Timestamp::MAX)
}

/// DocuSign's trace token, which its support asks for.
pub(super) fn trace_token(headers: &HeaderMap) -> Option<String> {
    header(headers, "x-docusign-tracetoken").map(|token| word(token, limits::REST_WORDS_MAX.0))
}

/// Someone else's text for our logs and messages: bounded, and without control characters.
pub(super) fn word(text: &str, most: usize) -> String {
    text.chars().filter(|c| !c.is_control()).take(most).collect()
}

/// How far a refusal for too many calls reaches.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Scope {
    /// All calls for the account.
    Account,
    /// Only calls about this envelope.
    Envelope,
}

/// What a refusal means.
#[derive(Debug)]
pub(super) struct Meaning {
    pub(super) error: Error,
    /// Set where it was for too many calls.
    pub(super) scope: Option<Scope>,
}

/// Reads a refusal: an answer whose status is not a success. It is judged by `errorCode` before its status, for
/// DocuSign moved its limits from status 400 to 429 in 2026, and one other code the other way.
pub(super) fn refusal(status: u16, headers: &HeaderMap, body: &[u8], now: Timestamp) -> Meaning {
    let details: ErrorDetails = if body.trim_ascii_start().starts_with(b"{") {
        serde_json::from_slice(body).unwrap_or_default()
    } else {
        ErrorDetails::default()
    };
    let (word_max, message_max) = limits::REST_WORDS_MAX;
    let told = details.error_code.text().map(|code| word(code, word_max));
    let refused = Refused {
        status: Some(status),
        code: told.clone().unwrap_or_else(|| format!("HTTP_{status}")),
        message: word(details.message.text().unwrap_or_default(), message_max),
        trace_token: trace_token(headers),
        raw: Raw::new(body),
    };
    let kind = told.as_deref().map_or(Code::Other, Code::of);
    let throttled = |until: Timestamp, refused: Refused, scope| Meaning {
        error: Error::Throttled {
            until,
            code: refused.code,
            trace_token: refused.trace_token,
            raw: refused.raw,
        },
        scope: Some(scope),
    };
    let other = |error| Meaning { error, scope: None };
    match (kind, status) {
        (Code::Hourly(scope), _) => {
            let reset = RateLimit::read(headers).hour_ends_at(now);
            throttled(bounded(reset, now), refused, scope)
        }
        (Code::Burst(scope), _) => throttled(bounded(now, now), refused, scope),
        (Code::Unknown, _) => other(Error::NotFound(refused)),
        (Code::Forbidden, _) => other(Error::Forbidden(refused)),
        (Code::Refusal, _) => other(Error::Refused(refused)),
        (Code::Other, 429) => throttled(bounded(asked_wait(headers, now), now), refused, Scope::Account),
        (Code::Other, 401) => other(Error::Unauthorized(refused)),
        (Code::Other, 403) => other(Error::Forbidden(refused)),
        (Code::Other, 404 | 410) => other(Error::NotFound(refused)),
        // A redirect is not followed: something that is not DocuSign's API stands there, perhaps for a while.
        (Code::Other, 300..=399 | 408 | 425 | 500..) => other(Error::Upstream(refused)),
        (Code::Other, _) => other(Error::Refused(refused)),
    }
}

/// Codes that decide by themselves, whatever the status.
enum Code {
    Hourly(Scope),
    Burst(Scope),
    Unknown,
    Forbidden,
    Refusal,
    Other,
}

impl Code {
    fn of(code: &str) -> Self {
        match code.to_ascii_uppercase().as_str() {
            "HOURLY_APIINVOCATION_LIMIT_EXCEEDED" => Self::Hourly(Scope::Account),
            "BURST_APIINVOCATION_LIMIT_EXCEEDED" => Self::Burst(Scope::Account),
            "HOURLY_APIINVOCATION_ENVELOPE_LIMIT_EXCEEDED" | "HOURLY_ENVELOPE_POLLING_LIMIT_EXCEEDED" => {
                Self::Hourly(Scope::Envelope)
            }
            "BURST_APIINVOCATION_ENVELOPE_LIMIT_EXCEEDED" | "BURST_ENVELOPE_POLLING_LIMIT_EXCEEDED" => {
                Self::Burst(Scope::Envelope)
            }
            "ENVELOPE_DOES_NOT_EXIST" => Self::Unknown,
            // Answered with 401 as well, for calls that only an administrator may make: nothing is wrong with the token.
            "USER_LACKS_PERMISSIONS" | "ACCOUNT_LACKS_PERMISSIONS" => Self::Forbidden,
            // 429 until 2026, and no matter of time.
            "RECIPIENT_LIMIT_EXCEEDED" => Self::Refusal,
            _ => Self::Other,
        }
    }
}

/// The wait that a 429 without a code of DocuSign's asks for.
fn asked_wait(headers: &HeaderMap, now: Timestamp) -> Timestamp {
    let seconds = header(headers, "retry-after").and_then(|text| text.parse::<u64>().ok());
    let asked = seconds.map(|seconds| later(now, Duration::from_secs(seconds)));
    let rate = RateLimit::read(headers);
    let hour = (rate.remaining == Some(0)).then(|| rate.hour_ends_at(now));
    asked.max(hour).unwrap_or(now)
}

/// Neither at once, whatever a reset in the past or a wrong clock says, nor further off than the limits reach.
fn bounded(until: Timestamp, now: Timestamp) -> Timestamp {
    until.clamp(later(now, limits::REST_THROTTLE_MIN), later(now, limits::REST_THROTTLE_MAX))
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: &str = "2026-11-23T10:20:00Z";

    fn told(status: u16, headers: &[(&'static str, &str)], body: &str) -> Meaning {
        let headers = headers.iter().map(|(n, v)| (n.parse().unwrap(), v.parse().unwrap())).collect();
        refusal(status, &headers, body.as_bytes(), NOW.parse().unwrap())
    }

    fn until(meaning: &Meaning) -> String {
        match &meaning.error {
            Error::Throttled { until, .. } => until.to_string(),
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn every_limit_code_is_throttling_in_any_case_under_both_statuses() {
        for (code, want, scope) in [
            ("HOURLY_APIINVOCATION_LIMIT_EXCEEDED", "2026-11-23T11:00:00Z", Scope::Account),
            ("BURST_APIINVOCATION_LIMIT_EXCEEDED", "2026-11-23T10:20:30Z", Scope::Account),
            ("Hourly_APIInvocation_Envelope_Limit_Exceeded", "2026-11-23T11:00:00Z", Scope::Envelope),
            ("Burst_APIInvocation_Envelope_Limit_Exceeded", "2026-11-23T10:20:30Z", Scope::Envelope),
            ("Hourly_Envelope_Polling_Limit_Exceeded", "2026-11-23T11:00:00Z", Scope::Envelope),
            ("Burst_Envelope_Polling_Limit_Exceeded", "2026-11-23T10:20:30Z", Scope::Envelope),
        ] {
            for status in [400, 429] {
                for code in [code.to_owned(), code.to_uppercase(), code.to_lowercase()] {
                    let meaning =
                        told(status, &[], &format!(r#"{{"errorCode":"{code}","message":"any words"}}"#));
                    assert_eq!(until(&meaning), want, "{status} {code}");
                    assert_eq!(meaning.scope, Some(scope), "{status} {code}");
                }
            }
        }
    }

    #[test]
    fn the_hourly_limit_ends_when_docusign_says_but_within_reason() {
        let body = r#"{"errorCode":"HOURLY_APIINVOCATION_LIMIT_EXCEEDED"}"#;
        for (reset, want) in [
            ("1795429800", "2026-11-23T10:30:00Z"),
            ("1320855230", "2026-11-23T10:20:30Z"),
            ("99999999999", "2026-11-23T11:25:00Z"),
            ("9223372036854775807", "2026-11-23T11:00:00Z"),
            ("soon", "2026-11-23T11:00:00Z"),
        ] {
            assert_eq!(until(&told(429, &[("x-ratelimit-reset", reset)], body)), want, "{reset}");
        }
    }

    #[test]
    fn a_429_without_a_code_is_throttling_for_as_long_as_its_headers_ask() {
        for (headers, want) in [
            (vec![], "2026-11-23T10:20:30Z"),
            (vec![("retry-after", "120")], "2026-11-23T10:22:00Z"),
            (vec![("retry-after", "999999999999")], "2026-11-23T11:25:00Z"),
            (vec![("x-ratelimit-remaining", "0")], "2026-11-23T11:00:00Z"),
            (
                vec![("x-ratelimit-remaining", "7"), ("x-ratelimit-reset", "1795429800")],
                "2026-11-23T10:20:30Z",
            ),
        ] {
            assert_eq!(until(&told(429, &headers, "<html>")), want, "{headers:?}");
        }
    }

    #[test]
    fn a_429_that_is_no_matter_of_time_is_a_refusal() {
        let meaning = told(429, &[], r#"{"errorCode":"RECIPIENT_LIMIT_EXCEEDED"}"#);
        assert!(matches!(meaning.error, Error::Refused(_)), "{:?}", meaning.error);
    }

    #[test]
    fn each_status_has_one_meaning() {
        for (status, body, want) in [
            (301, "", "upstream"),
            (400, r#"{"errorCode":"INVALID_REQUEST_PARAMETER"}"#, "refused"),
            (400, r#"{"errorCode":"ENVELOPE_DOES_NOT_EXIST"}"#, "not_found"),
            (400, "", "refused"),
            (401, r#"{"errorCode":"AUTHORIZATION_INVALID_TOKEN"}"#, "unauthorized"),
            (401, r#"{"errorCode":"USER_LACKS_PERMISSIONS"}"#, "forbidden"),
            (403, "", "forbidden"),
            (404, "<html>", "not_found"),
            (408, "", "upstream"),
            (500, r#"{"errorCode":"UNSPECIFIED_ERROR"}"#, "upstream"),
            (502, "[\"Bad\",\"Gateway\"]", "upstream"),
            (503, "", "upstream"),
            (599, "", "upstream"),
        ] {
            assert_eq!(told(status, &[], body).error.word(), want, "{status} {body}");
        }
    }

    #[test]
    fn words_of_a_refusal_are_bounded_and_cannot_break_a_line() {
        let body = format!(r#"{{"errorCode":"A\nB{}","message":"{}"}}"#, "c".repeat(500), "m".repeat(5_000));
        let meaning = told(400, &[("x-docusign-tracetoken", "7c2b-f00d")], &body);
        assert!(meaning.error.code().starts_with("ABccc") && meaning.error.code().len() == 128);
        assert_eq!(meaning.error.message().len(), 512);
        assert_eq!(meaning.error.trace_token(), Some("7c2b-f00d"));
        assert_eq!(meaning.error.status(), Some(400));
    }
}

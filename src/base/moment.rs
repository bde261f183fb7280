//! A moment as DocuSign tells it: RFC 3339 with any fraction, or a zone-less XML time.

use jiff::{
    Timestamp, civil,
    tz::{Offset, TimeZone},
};

/// A point in time, and whether its zone was told or had to be assumed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Moment {
    /// The time in UTC.
    pub at: Timestamp,
    /// False where the message told no zone and none was configured: UTC was assumed.
    pub certain: bool,
}

impl Moment {
    /// A moment whose zone was told.
    pub fn certain(at: Timestamp) -> Self {
        Self { at, certain: true }
    }

    /// Reads `2022-12-09T18:29:29.7360000Z`, `…-07:00`, or a zone-less `2020-03-28T23:56:33.873`, which is read
    /// in `zone` where one is known (of two readings at the end of daylight saving, the earlier). Empty text,
    /// DocuSign's null date (`0001-01-01…`) and anything unreadable are `None`.
    ///
    /// Source: recorded Connect messages; fractions have 0 to 7 digits.
    pub fn parse(text: &str, zone: Option<&TimeZone>) -> Option<Self> {
        match usual(text) {
            Some((civil, _)) if civil.date() == NULL_DATE => None,
            Some((civil, b"Z")) => Offset::UTC.to_timestamp(civil).ok().map(Self::certain),
            Some((civil, b"")) => Self::within(zone, civil),
            _ => Self::parse_unusual(text.trim(), zone),
        }
    }

    fn parse_unusual(text: &str, zone: Option<&TimeZone>) -> Option<Self> {
        if text.is_empty() || text.starts_with("0001-01-01") {
            return None;
        }
        match text.parse() {
            Ok(at) => Some(Self::certain(at)),
            Err(_) => Self::within(zone, text.parse().ok()?),
        }
    }

    fn within(zone: Option<&TimeZone>, civil: civil::DateTime) -> Option<Self> {
        let at = zone.unwrap_or(&TimeZone::UTC).to_timestamp(civil).ok()?;
        Some(Self { at, certain: zone.is_some() })
    }
}

/// What DocuSign writes where there is no date.
const NULL_DATE: civil::Date = civil::date(1, 1, 1);

/// Date and time in the shape of nearly all times on the wire, and what stands behind them; none for any other shape.
/// A third of what it takes to ask for all shapes, and a message tells ten times and more.
fn usual(text: &str) -> Option<(civil::DateTime, &[u8])> {
    let (head, rest) = text.as_bytes().split_first_chunk()?;
    let &[c1, c2, y1, y2, b'-', m1, m2, b'-', d1, d2, b'T', h1, h2, b':', i1, i2, b':', s1, s2] = head else {
        return None;
    };
    let digit = |byte: u8| byte.is_ascii_digit().then(|| byte - b'0');
    let two = |tens: u8, ones: u8| Some((digit(tens)? * 10 + digit(ones)?).cast_signed());
    let year = i16::from(two(c1, c2)?) * 100 + i16::from(two(y1, y2)?);
    let (mut nanoseconds, mut rest) = (0, rest);
    if let Some((b'.', fraction)) = rest.split_first() {
        let digits = fraction.iter().map_while(|byte| digit(*byte)).map(i32::from);
        let (mut count, mut unit) = (0, 1_000_000_000);
        for digit in digits.take(9) {
            unit /= 10;
            nanoseconds += digit * unit;
            count += 1;
        }
        rest = fraction.get(count..).filter(|_| count > 0)?;
    }
    let (month, day, hour) = (two(m1, m2)?, two(d1, d2)?, two(h1, h2)?);
    let civil = civil::DateTime::new(year, month, day, hour, two(i1, i2)?, two(s1, s2)?, nanoseconds);
    civil.ok().map(|civil| (civil, rest))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(text: &str, hours: Option<i8>) -> Option<(String, bool)> {
        let zone = hours.and_then(|h| Offset::from_hours(h).ok()).map(TimeZone::fixed);
        Moment::parse(text, zone.as_ref()).map(|m| (m.at.to_string(), m.certain))
    }

    #[test]
    fn every_fraction_length_seen_on_the_wire_is_read() {
        for (text, want) in [
            ("2022-12-09T18:29:29Z", "2022-12-09T18:29:29Z"),
            ("2022-12-09T18:29:24.5Z", "2022-12-09T18:29:24.5Z"),
            ("2022-12-09T18:29:40.403Z", "2022-12-09T18:29:40.403Z"),
            ("2022-12-09T18:29:29.7360000Z", "2022-12-09T18:29:29.736Z"),
            ("2022-09-21T13:58:43.9115721Z", "2022-09-21T13:58:43.9115721Z"),
        ] {
            assert_eq!(parsed(text, None), Some((want.into(), true)), "{text}");
        }
    }

    #[test]
    fn a_time_without_a_zone_takes_the_offset_and_says_when_there_was_none() {
        assert_eq!(
            parsed("2020-03-28T23:56:33.873", Some(-7)),
            Some(("2020-03-29T06:56:33.873Z".into(), true))
        );
        assert_eq!(parsed("2020-03-28T23:56:33.873", None), Some(("2020-03-28T23:56:33.873Z".into(), false)));
    }

    #[test]
    fn a_time_in_the_usual_shape_is_read_as_any_other() {
        for fraction in ["", ".1", ".123456789", ".000000001", ".1234567890", ".", ".x"] {
            for day in ["2024-02-29", "2023-02-29", "2026-12-31", "0000-01-01", "9999-12-31", "2026-13-01"] {
                for (time, zone) in [
                    ("23:59:59", "Z"),
                    ("24:00:00", "Z"),
                    ("10:00:60", "Z"),
                    ("00:00:00", ""),
                    ("1:00:00", ""),
                ] {
                    let text = format!("{day}T{time}{fraction}{zone}");
                    assert_eq!(Moment::parse(&text, None), Moment::parse_unusual(&text, None), "{text}");
                    assert_eq!(
                        Moment::parse(&format!(" {text}\n"), None),
                        Moment::parse(&text, None),
                        "{text}"
                    );
                }
            }
        }
    }

    #[test]
    fn an_explicit_zone_wins_over_the_offset() {
        assert_eq!(parsed("2010-03-01T10:00:00-07:00", Some(3)), Some(("2010-03-01T17:00:00Z".into(), true)));
    }

    #[test]
    fn null_dates_and_noise_are_no_moment() {
        for text in ["", "  ", "0001-01-01T08:00:00.0000000Z", "6/24/2026 12:31:10 pm", "yesterday"] {
            assert_eq!(parsed(text, Some(0)), None, "{text}");
        }
    }
}

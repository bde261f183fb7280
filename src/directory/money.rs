//! Amounts of money as DocuSign writes them (`456.0000`), kept and added up by their digits: never as floats.

use serde::{Serialize, Serializer};
use serde_json::value::RawValue;

/// An amount that can be written as a number, with the digits that were told.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Amount {
    text: String,
    /// The digits as a whole number, and how many of them stand behind the point.
    digits: i128,
    places: usize,
}

impl Amount {
    /// Reads an amount; none where it is no plain decimal number.
    pub fn read(text: &str) -> Option<Self> {
        let (whole, fraction) = text.split_once('.').unwrap_or((text, "0"));
        let unsigned = whole.strip_prefix('-').unwrap_or(whole);
        let plain = |part: &str| !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_digit());
        // As numbers of JSON are written: a nought stands first by itself only.
        if !plain(unsigned) || !plain(fraction) || (unsigned.len() > 1 && unsigned.starts_with('0')) {
            return None;
        }
        let places = text.split_once('.').map_or(0, |(_, fraction)| fraction.len());
        let digits = text.replace('.', "").parse().ok()?;
        Some(Self { text: text.to_owned(), digits, places })
    }

    /// Whether it is nothing.
    pub fn is_zero(&self) -> bool {
        self.digits == 0
    }

    /// As it was told.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// The sum of all, with as many places as the one that has most; none where there are none, or it is beyond counting.
    pub fn sum(all: &[Self]) -> Option<Self> {
        let places = all.iter().map(|amount| amount.places).max()?;
        let digits = all.iter().try_fold(0_i128, |sum, amount| {
            let scale = 10_i128.checked_pow(u32::try_from(places - amount.places).ok()?)?;
            sum.checked_add(amount.digits.checked_mul(scale)?)
        })?;
        let written = format!("{:0>1$}", digits.unsigned_abs(), places + 1);
        let (whole, fraction) = written.split_at(written.len() - places);
        let sign = if digits < 0 { "-" } else { "" };
        let point = if places > 0 { "." } else { "" };
        Some(Self { text: format!("{sign}{whole}{point}{fraction}"), digits, places })
    }
}

impl Serialize for Amount {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let number = RawValue::from_string(self.text.clone()).map_err(serde::ser::Error::custom)?;
        number.serialize(serializer)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sum(all: &[&str]) -> Option<String> {
        let all: Option<Vec<_>> = all.iter().map(|text| Amount::read(text)).collect();
        Amount::sum(&all?).map(|sum| sum.text().to_owned())
    }

    #[test]
    fn amounts_keep_their_digits_and_are_added_by_them() {
        for (all, want) in [
            (vec!["42.1800"], "42.1800"),
            (vec!["0.1", "0.2"], "0.3"),
            (vec!["1", "2.50"], "3.50"),
            (vec!["0.0050", "-0.01"], "-0.0050"),
            (vec!["-0.25", "0.25"], "0.00"),
            (vec!["9007199254740993.01", "0.001"], "9007199254740993.011"),
            (vec!["7", "8"], "15"),
        ] {
            assert_eq!(sum(&all).as_deref(), Some(want), "{all:?}");
        }
        assert_eq!(sum(&[]), None);
        assert_eq!(sum(&[&"9".repeat(38), &"9".repeat(38)]), None, "beyond counting");
    }

    #[test]
    fn what_is_no_plain_number_is_no_amount() {
        for text in ["", ".", "1.", ".5", "+1", "1,000.00", "$1", "1e3", "01", "1.2.3", "--1", "-", "٣"] {
            assert_eq!(Amount::read(text), None, "{text}");
        }
    }

    #[test]
    fn an_amount_is_written_as_a_number_with_the_digits_told() {
        for text in ["456.0000", "0", "-0.50", "12345678901234567890.123456789"] {
            let amount = Amount::read(text).unwrap();
            assert_eq!(serde_json::to_string(&[amount]).unwrap(), format!("[{text}]"));
        }
        assert!(Amount::read("0.0000").unwrap().is_zero() && !Amount::read("0.0001").unwrap().is_zero());
    }
}

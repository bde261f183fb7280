//! What is read of JSON is what `serde_json` reads of it, and what that refuses is refused.

use proptest::prelude::*;
use proptest::sample::Index;
use serde_json::{Map, Number, Value, json};

use super::*;

/// All of a value, as another reader would have it. Numbers stand as they were written.
fn value(from: &mut Scan<'_>) -> Read<Value> {
    match from.next()? {
        b'{' => {
            let mut entries = Map::new();
            from.object(|from, key| {
                entries.insert(key.into_owned(), value(from)?);
                Ok(())
            })?;
            Ok(Value::Object(entries))
        }
        b'[' => {
            let mut elements = Vec::new();
            from.list(|from| {
                elements.push(value(from)?);
                Ok(())
            })?;
            Ok(Value::Array(elements))
        }
        b'"' => Ok(from.scalar(usize::MAX - 2)?.map_or(Value::Null, |text| text.into())),
        b'n' => from.skip().map(|_| Value::Null),
        _ => {
            let written = from.skip()?;
            // Null stands for a number that they find too large.
            Ok(serde_json::from_slice(from.written(written)).unwrap_or_default())
        }
    }
}

fn read(text: &[u8]) -> Option<Value> {
    let mut from = Scan::new(text);
    let read = value(&mut from).and_then(|value| from.end().map(|()| value)).ok();
    let mut from = Scan::new(text);
    let skipped = from.skip().and_then(|_| from.end());
    // What is no UTF-8 is passed over, and not read.
    let passes = skipped.is_ok() && std::str::from_utf8(text).is_ok();
    assert_eq!(passes, read.is_some(), "{}", String::from_utf8_lossy(text));
    read
}

fn agrees(text: &[u8]) -> Result<(), TestCaseError> {
    let theirs = serde_json::from_slice::<Value>(text);
    match (read(text), theirs) {
        (Some(ours), Ok(theirs)) => prop_assert_eq!(ours, theirs),
        (None, Err(_)) => {}
        // Grammar alone is asked for here: neither the size of numbers, nor halves of emojis, nor depth.
        (Some(_), Err(why)) => {
            let why = why.to_string();
            let more =
                ["number out of range", "surrogate", "unexpected end of hex escape", "recursion limit"];
            prop_assert!(
                more.iter().any(|more| why.contains(more)),
                "{}: {why}",
                String::from_utf8_lossy(text)
            );
        }
        (None, Ok(_)) => prop_assert!(false, "refused: {}", String::from_utf8_lossy(text)),
    }
    Ok(())
}

fn any_json() -> impl Strategy<Value = Value> {
    let text = "[ -~é🖋\\\\\"\u{0}\u{1f}\u{7f}\u{2028}]{0,20}";
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<f64>().prop_map(|n| Number::from_f64(n).map_or(Value::Null, Value::Number)),
        text.prop_map(Value::from),
    ];
    leaf.prop_recursive(5, 40, 6, move |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..6).prop_map(Value::from),
            prop::collection::vec((text, inner), 0..6).prop_map(|entries| entries.into_iter().collect()),
        ]
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2_000))]

    #[test]
    fn what_is_written_is_read(value in any_json(), pretty: bool) {
        let text = if pretty { format!("{value:#}") } else { value.to_string() };
        prop_assert_eq!(read(text.as_bytes()), serde_json::from_str(&text).ok());
    }

    #[test]
    fn what_is_no_json_is_refused(value in any_json(), at: Index, piece in prop::sample::select(vec![
        "", "\"", "\\", "{", "}", "[", "]", ",", ":", "0", "-", ".", "e", "E+", "1e5", "null", "tru", "\n", "\u{1}", "\\u12", "\\ud83d\\ude00",
    ]), gone in 0..3_usize) {
        let mut text = value.to_string().into_bytes();
        let at = at.index(text.len() + 1);
        let end = (at + gone).min(text.len());
        text.splice(at..end, piece.bytes());
        agrees(&text)?;
    }

    #[test]
    fn anything_is_read_or_refused(text in "[\\[\\]{}\",:0-9.eE+\\-truefalsn \\\\/u\n\u{1}é]{0,16}") {
        agrees(text.as_bytes())?;
    }

    #[test]
    fn bytes_that_are_no_text_are_passed_over_and_never_read(bytes in prop::collection::vec(0x80..0xc0_u8, 1..9)) {
        let text = [br#"{"a":""#, &bytes[..], br#"","b":"c"}"#].concat();
        let (mut from, mut read) = (Scan::new(&text), None);
        let passed = from.object(|from, key| match &*key {
            "b" => from.scalar(100).map(|b| read = b),
            _ => from.skip().map(drop),
        });
        prop_assert_eq!((passed, read.as_deref()), (Ok(true), Some("c")));
        prop_assert_eq!(Scan::new(&text).object(|from, _| from.scalar(100).map(drop)), Err(Broken));
    }
}

#[test]
fn numbers_and_words_are_held_to_the_grammar() {
    for good in ["0", "-0", "10", "-1.5e300", "1E+2", "0.0e-0", "true", "false", "null"] {
        assert_eq!(read(good.as_bytes()), Some(serde_json::from_str(good).unwrap()), "{good}");
    }
    for bad in [
        "",
        "-",
        "01",
        "1.",
        ".5",
        "1e",
        "1e+",
        "+1",
        "0x1",
        "tru",
        "nulll",
        "True",
        "1 2",
        "\"\\u12g4\"",
        "\"\t\"",
    ] {
        assert_eq!(read(bad.as_bytes()), None, "{bad}");
    }
}

#[test]
fn where_it_breaks_is_told() {
    for (text, at) in [
        ("{\"a\":x}", 5),
        ("{\"a\" 1}", 5),
        ("{,}", 1),
        ("[1,]", 3),
        ("{\"a\":\"b", 7),
        ("{} {}", 3),
        ("[tru]", 4),
    ] {
        let mut from = Scan::new(text.as_bytes());
        assert_eq!(from.skip().and_then(|_| from.end()), Err(Broken), "{text}");
        assert_eq!(from.at(), at, "{text}");
    }
}

#[test]
fn half_an_emoji_is_read_as_what_stands_for_the_unknown() {
    let mut from = Scan::new(br#""a\ud83d b\ud83d\ude00\n""#);
    assert_eq!(from.scalar(100), Ok(Some("a\u{fffd} b\u{1f600}\n".into())));
}

#[test]
fn a_string_longer_as_written_than_the_bound_is_none() {
    for (text, most, read) in [
        (r#""abc""#, 3, Some("abc")),
        (r#""abcd""#, 3, None),
        (r#""\u0041""#, 5, None),
        (r#""\u0041""#, 6, Some("A")),
    ] {
        let mut from = Scan::new(text.as_bytes());
        assert_eq!(from.scalar(most).map(|text| text.map(Cow::into_owned)), Ok(read.map(str::to_owned)));
        assert_eq!(from.end(), Ok(()));
    }
    assert_eq!(json!(null), read(b" null ").unwrap());
}

//! What eliding keeps and drops, and that it does so whatever the pieces.

use proptest::prelude::*;

use super::*;
use crate::connect::parse_bytes;

fn elide(pieces: &[&[u8]]) -> Option<Bytes> {
    let mut elider = Elider::new();
    pieces.iter().for_each(|piece| elider.push(piece));
    elider.finish()
}

fn whole(body: &str) -> String {
    String::from_utf8(elide(&[body.as_bytes()]).unwrap().to_vec()).unwrap()
}

fn long(bytes: usize) -> String {
    "JVBERi0x".repeat(bytes / 8 + 1)[..bytes].to_owned()
}

#[test]
fn a_long_string_becomes_an_empty_one_and_one_at_the_bound_stays() {
    let at = format!(r#"{{"a":"{}","b":1}}"#, long(TEXT_BYTES_MAX));
    assert_eq!(whole(&at), at);
    let over = format!(r#"{{"a":"{}","b":"kept"}}"#, long(TEXT_BYTES_MAX + 1));
    assert_eq!(whole(&over), r#"{"a":"","b":"kept"}"#);
}

#[test]
fn quotes_escaped_at_any_place_do_not_end_a_string() {
    for tail in [r#"\""#, r#"\\\""#, r#"\\"#, r#"\u0022\\"#] {
        let over = format!(r#"{{"a":"{}{tail}","b":"x\"y"}}"#, long(TEXT_BYTES_MAX));
        assert_eq!(whole(&over), r#"{"a":"","b":"x\"y"}"#, "{tail}");
    }
}

#[test]
fn long_xml_text_is_dropped_and_markup_stays() {
    let over = long(TEXT_BYTES_MAX + 1);
    let body =
        format!("\u{feff} <?xml version=\"1.0\"?>\n<a b='>'><P>{over}</P><q>short &amp; sweet</q><r/></a>\n");
    assert_eq!(
        whole(&body),
        "\u{feff} <?xml version=\"1.0\"?>\n<a b='>'><P></P><q>short &amp; sweet</q><r/></a>\n"
    );
    let cdata = format!("<a><![CDATA[]]{over}]]]></a>");
    assert_eq!(whole(&cdata), "<a><![CDATA[]]></a>");
    let comment = format!("<a><!--{over}-><--></a>");
    assert_eq!(whole(&comment), "<a><!----></a>");
}

#[test]
fn what_hides_in_cdata_and_comments_ends_nothing() {
    for body in [
        "<a><![CDATA[<b>]]></a>",
        "<a><![CDATA[]]]]]></a>",
        "<a><!-- > ' \" --- > --></a>",
        "<?x > ??><a>]]></a>",
        "<a b=\"it's > this\" c='\"'/>",
        "<!DOCTYPE a><a/>",
        "<![CDATA<a/>",
        "<!",
        "<a",
        "<?xml?",
        "<!-- --",
        "<![CDATA[]]",
    ] {
        assert_eq!(whole(body), body);
        let text = format!("{body}><t>{}</t>", "y".repeat(40));
        assert_eq!(whole(&text), text);
    }
}

#[test]
fn a_skeleton_over_the_bound_is_none() {
    let many = format!("{{{}\"z\":0}}", "\"a\":\"b\",".repeat(SKELETON_BYTES_MAX / 8));
    assert_eq!(elide(&[many.as_bytes()]), None);
    assert_eq!(elide(&[" ".repeat(SKELETON_BYTES_MAX + 1).as_bytes()]), None);
    let fits = format!("{{\"z\":\"{}\"}}", long(3 * SKELETON_BYTES_MAX));
    assert_eq!(whole(&fits), r#"{"z":""}"#);
}

/// Bodies with texts around the bound, cut short at any place now and then.
fn bodies() -> impl Strategy<Value = Vec<u8>> {
    let around = TEXT_BYTES_MAX - 2..TEXT_BYTES_MAX + 3;
    let text = prop_oneof![
        4 => "[a-z\"\\\\<>&'\\-\\]\\[!? ]{0,12}",
        1 => around.prop_map(long),
        1 => (0usize..9).prop_map(|n| format!("{}{}", long(TEXT_BYTES_MAX - 4), "\\\"]-".repeat(n))),
    ];
    let json = |texts: Vec<String>| {
        let texts: Vec<_> = texts.iter().map(|t| serde_json::to_string(t).unwrap()).collect();
        format!("{{\"list\":[{}]}}", texts.join(", "))
    };
    let xml = |texts: Vec<String>| {
        let cdata = |t: &String| t.replace("]]>", "");
        let escaped = |t: &String| t.replace('&', "&amp;").replace('<', "&lt;");
        let part = |(i, t): (usize, &String)| match i % 4 {
            0 => format!("<x>{}</x>", escaped(t)),
            1 => format!("<x><![CDATA[{}]]></x>", cdata(t)),
            2 => format!("<!--{}-->", t.replace("-", "")),
            _ => format!("<x a=\"{}\" b='>'/>", escaped(t).replace('"', "&quot;")),
        };
        format!("<r>{}</r>", texts.iter().enumerate().map(part).collect::<String>())
    };
    let texts = prop::collection::vec(text, 0..6);
    let raw = prop::collection::vec(any::<u8>(), 0..200);
    prop_oneof![
        texts.clone().prop_map(move |t| json(t).into_bytes()),
        texts.prop_map(move |t| xml(t).into_bytes()),
        "[<>{}\"\\\\'!\\-\\[\\]CDAT?/a ]{0,60}".prop_map(String::into_bytes),
        raw,
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(128))]

    #[test]
    fn any_cut_into_pieces_gives_the_same(body in bodies(), cuts in prop::collection::vec(any::<prop::sample::Index>(), 0..8), small in 1usize..5) {
        let at_once = elide(&[&body]);
        let mut at: Vec<_> = cuts.iter().map(|cut| cut.index(body.len() + 1)).chain([0, body.len()]).collect();
        at.sort_unstable();
        let pieces: Vec<_> = at.windows(2).map(|w| &body[w[0]..w[1]]).collect();
        prop_assert_eq!(&elide(&pieces), &at_once);
        let crumbs: Vec<_> = body.chunks(small).collect();
        prop_assert_eq!(&elide(&crumbs), &at_once);
        // What was elided once stays as it is.
        let again = at_once.clone().unwrap();
        prop_assert_eq!(elide(&[&again]), at_once);
    }

    #[test]
    fn a_small_body_is_its_own_skeleton(body in prop::collection::vec(any::<u8>(), 0..600), open in prop_oneof![Just("{"), Just("<"), Just("")]) {
        let body = [open.as_bytes(), &body].concat();
        prop_assert_eq!(elide(&[&body]).unwrap(), body);
    }

    #[test]
    fn a_message_with_documents_reads_the_same_without_them(sizes in prop::collection::vec(0usize..3 * TEXT_BYTES_MAX, 0..4), timed: bool, subject in "[ -~]{0,30}") {
        let subject_json = serde_json::to_string(&subject).unwrap();
        let documents: Vec<_> = sizes.iter().map(|n| format!(r#"{{"documentId":"1","PDFBytes":"{}"}}"#, long(*n))).collect();
        let time = if timed { "2026-01-02T03:04:05.678Z" } else { "" };
        let json = format!(
            r#"{{"event":"envelope-completed","generatedDateTime":"{time}","data":{{"accountId":"a","envelopeId":"e","envelopeSummary":{{"envelopeDocuments":[{}],"emailSubject":{subject_json},"status":"completed","recipients":{{"signers":[{{"recipientId":"1","status":"completed"}}]}}}}}}}}"#,
            documents.join(",")
        );
        let subject = subject.replace('&', "&amp;").replace('<', "&lt;");
        let documents: String = sizes.iter().map(|n| format!("<DocumentPDF><PDFBytes>{}</PDFBytes></DocumentPDF>", long(*n))).collect();
        let xml = format!(
            "<DocuSignEnvelopeInformation><DocumentPDFs>{documents}</DocumentPDFs><EnvelopeStatus><TimeGenerated>{time}</TimeGenerated><EnvelopeID>e</EnvelopeID><Subject>{subject}</Subject><Status>Sent</Status></EnvelopeStatus></DocuSignEnvelopeInformation>"
        );
        for body in [json, xml] {
            let skeleton = elide(&[body.as_bytes()]).unwrap();
            prop_assert!(skeleton.len() <= body.len());
            prop_assert_eq!(parse_bytes(&skeleton, None), parse_bytes(body.as_bytes(), None));
            prop_assert!(parse_bytes(&skeleton, None).is_ok());
        }
    }
}

//! Legacy XML: well formed, in the order of real messages, its times local and its zone named.

use std::collections::HashMap;

use countersign::base::Dice;
use countersign::simulator::connect::{Configuration, Format, Message, Messages};
use countersign::simulator::life::{Kind, Life, Setting};
use quick_xml::Reader;
use quick_xml::events::Event;

use super::lives::{setting, steps};

/// The elements in the order of real messages, by their parent.
const ORDER: &[(&str, &str)] = &[
    ("DocuSignEnvelopeInformation", "EnvelopeStatus DocumentPDFs TimeZone TimeZoneOffset"),
    (
        "EnvelopeStatus",
        "RecipientStatuses TimeGenerated EnvelopeID Subject UserName Email Status Created Deleted Sent Delivered \
         Signed Completed Declined TimedOut ACStatus ACStatusDate ACHolder ACHolderEmail ACHolderLocation \
         SigningLocation SenderIPAddress EnvelopePDFHash CustomFields AutoNavigation EnvelopeIdStamping \
         AuthoritativeCopy DocumentStatuses VoidReason",
    ),
    (
        "RecipientStatus",
        "Type Email UserName RoutingOrder Sent Delivered Signed Declined DeclineReason AutoRespondedReason Status \
         RecipientIPAddress ClientUserId RecipientAuthenticationStatus CustomFields TabStatuses AccountStatus \
         RecipientId",
    ),
    ("CustomField", "Name Show Required Value CustomFieldType"),
    ("DocumentStatus", "ID Name TemplateName Sequence"),
    ("DocumentPDF", "Name PDFBytes DocumentID DocumentType"),
    ("TabStatus", "TabType Status XPosition YPosition TabLabel TabName TabValue DocumentID PageNumber"),
];

fn messages(count: u64) -> Vec<Message> {
    let lives = (0..count).flat_map(|seed| Life::drawn(&setting(), Dice::seeded(seed)));
    Messages::of(lives, Format::Xml).collect()
}

fn told(message: &Message, configuration: &Configuration) -> String {
    String::from_utf8(message.body(configuration)).unwrap()
}

/// The children of each element, in order; fails where it is not well formed.
fn children(xml: &str) -> Vec<(String, Vec<String>)> {
    let mut reader = Reader::from_str(xml);
    reader.config_mut().check_end_names = true;
    let (mut open, mut done): (Vec<(String, Vec<String>)>, Vec<_>) = (Vec::new(), Vec::new());
    loop {
        match reader.read_event().unwrap() {
            Event::Start(start) => {
                let name = start.name().as_ref().to_owned();
                if let Some((_, siblings)) = open.last_mut() {
                    siblings.push(name.clone());
                }
                open.push((name, Vec::new()));
            }
            Event::Empty(empty) => {
                let name = empty.name().as_ref().to_owned();
                open.last_mut().unwrap().1.push(name);
            }
            Event::End(_) => done.push(open.pop().unwrap()),
            Event::Eof => break,
            _ => {}
        }
    }
    assert!(open.is_empty(), "it ends before it is whole");
    done
}

#[test]
fn every_message_is_well_formed_and_in_the_order_of_real_ones() {
    let order: HashMap<&str, Vec<&str>> =
        ORDER.iter().map(|(parent, names)| (*parent, names.split_whitespace().collect())).collect();
    let configuration = Configuration { document_bytes: 20, ..Configuration::new(Format::Xml) };
    for message in messages(300) {
        for (parent, found) in children(&told(&message, &configuration)) {
            let Some(order) = order.get(parent.as_str()) else { continue };
            let places: Vec<_> = found
                .iter()
                .map(|name| order.iter().position(|known| known == name).unwrap_or_else(|| panic!("{name}")))
                .collect();
            assert!(places.is_sorted_by(|a, b| a < b), "{parent}: {found:?}");
        }
    }
}

#[test]
fn the_real_samples_keep_the_same_order() {
    let folder = std::path::PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../shared/samples/connect");
    let order: HashMap<&str, Vec<&str>> =
        ORDER.iter().map(|(parent, names)| (*parent, names.split_whitespace().collect())).collect();
    for name in
        ["xml-01-completed.xml", "xml-03-declined.xml", "xml-12-voided-autoresponded-docs-synthetic.xml"]
    {
        let Ok(sample) = std::fs::read_to_string(folder.join(name)) else { return };
        for (parent, found) in children(&sample) {
            let Some(order) = order.get(parent.as_str()) else { continue };
            let known: Vec<_> =
                found.iter().filter_map(|name| order.iter().position(|known| known == name)).collect();
            assert!(known.is_sorted(), "{name} {parent}: {found:?}");
        }
    }
}

fn element<'a>(xml: &'a str, name: &str) -> Option<&'a str> {
    let (_, rest) = xml.split_once(&format!("<{name}>"))?;
    rest.split_once(&format!("</{name}>")).map(|(text, _)| text)
}

#[test]
fn times_are_pacific_without_a_zone_and_the_offset_follows_daylight_saving() {
    for (start, hours) in [("2026-01-15T08:00:00Z", "-8"), ("2026-07-15T08:00:00Z", "-7")] {
        let setting = Setting { start: start.parse().unwrap(), ..setting() };
        let life = Life::new(Kind::Sequential, &setting, Dice::seeded(1));
        let message = Messages::of(life, Format::Xml).next().unwrap();
        let xml = told(&message, &Configuration::new(Format::Xml));
        assert_eq!(element(&xml, "TimeZoneOffset"), Some(hours));
        assert_eq!(element(&xml, "TimeZone"), Some("Pacific Standard Time"));
        let created = element(&xml, "Created").unwrap();
        let hour = (8 + hours.parse::<i8>().unwrap()).to_string();
        assert!(created.contains(&format!("T0{hour}:")) && !created.ends_with('Z'), "{created}");
        let generated = element(&xml, "TimeGenerated").unwrap();
        assert!(generated.split('.').nth(1).unwrap().len() <= 7, "{generated}");
        let plain = Configuration { time_zone: false, ..Configuration::new(Format::Xml) };
        assert!(!told(&message, &plain).contains("TimeZone"));
    }
}

#[test]
fn the_account_stands_in_custom_fields_where_asked_for_alone() {
    let message = messages(5).remove(0);
    let account = &message.step.subject.account();
    let with = told(&message, &Configuration::new(Format::Xml));
    assert!(with.contains(&format!(
        "<Name>AccountId</Name><Show>false</Show><Required>false</Required><Value>{}",
        account.number
    )));
    let without = Configuration { account_fields: false, ..Configuration::new(Format::Xml) };
    assert!(!told(&message, &without).contains("AccountId"));
}

#[test]
fn an_expired_envelope_tells_when_and_a_voided_one_only_why() {
    let last = |kind| {
        let message = Messages::of(steps(kind, 1).into_iter(), Format::Xml).last().unwrap();
        told(&message, &Configuration::new(Format::Xml))
    };
    let (expired, voided) = (last(Kind::Expired), last(Kind::Voided));
    assert!(expired.contains("<VoidReason>Envelope has expired.</VoidReason>"));
    assert!(expired.contains("<TimedOut>") && !voided.contains("<TimedOut>"));
    assert!(voided.contains("<VoidReason>") && voided.contains("<Status>Voided</Status>"));
}

#[test]
fn empty_and_absent_values_are_written_as_seen() {
    let message = messages(1).remove(0);
    let xml = told(&message, &Configuration::new(Format::Xml));
    assert!(xml.starts_with("<?xml version=\"1.0\" encoding=\"utf-8\"?><DocuSignEnvelopeInformation "));
    for part in [
        "<DeclineReason xsi:nil=\"true\" />",
        "<EnvelopePDFHash />",
        "<CustomFields />",
        " </SenderIPAddress>",
    ] {
        assert!(xml.contains(part), "{part}");
    }
}

//! Holds the names of the fields that we read against DocuSign's API description and its current SDKs.
//!
//! `fixtures/docusign/fields.json` is the excerpt of both (names only) for the objects that we read, so that this
//! runs from a bare checkout; where the sources themselves lie beside the checkout, the excerpt is checked too.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::path::{Path, PathBuf};

use serde::de::value::{Error as Plain, MapDeserializer};
use serde::de::{Deserialize, Deserializer, Visitor};
use serde::forward_to_deserialize_any;

use super::*;

type Names = BTreeMap<String, BTreeSet<String>>;

/// A deserializer that only listens which fields a struct asks for.
struct Listener<'a>(&'a mut &'static [&'static str]);

impl<'de> Deserializer<'de> for Listener<'_> {
    type Error = Plain;

    fn deserialize_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        fields: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Plain> {
        *self.0 = fields;
        visitor.visit_map(MapDeserializer::<_, Plain>::new(std::iter::empty::<((), ())>()))
    }

    fn deserialize_any<V: Visitor<'de>>(self, _: V) -> Result<V::Value, Plain> {
        Err(serde::de::Error::custom("not a struct"))
    }

    forward_to_deserialize_any! {
        bool i8 i16 i32 i64 u8 u16 u32 u64 f32 f64 char str string bytes byte_buf option unit unit_struct
        newtype_struct seq tuple tuple_struct map enum identifier ignored_any
    }
}

fn read<T: for<'de> Deserialize<'de> + fmt::Debug>() -> BTreeSet<String> {
    let mut fields: &[&str] = &[];
    T::deserialize(Listener(&mut fields)).unwrap();
    assert!(!fields.is_empty());
    fields.iter().map(|field| (*field).to_owned()).collect()
}

/// What we read, and the objects of the description in one of which each name must stand.
fn ours() -> Vec<(BTreeSet<String>, &'static [&'static str])> {
    vec![
        (read::<Envelope>(), &["Envelope"]),
        (read::<EnvelopeDocument>(), &["EnvelopeDocument"]),
        (read::<CustomFields>(), &["CustomFields"]),
        (read::<CustomField>(), &["TextCustomField"]),
        (read::<CustomField>(), &["ListCustomField"]),
        (read::<Folder>(), &["Folder"]),
        (read::<UserInfo>(), &["UserInfo"]),
        (read::<ErrorDetails>(), &["ErrorDetails"]),
        (read::<Recipient>(), &["Signer", "InPersonSigner"]),
        (read::<Tab>(), &["Text", "SignHere", "RadioGroup", "List"]),
        (read::<ListItem>(), &["ListItem"]),
        (read::<Radio>(), &["Radio"]),
        (read::<Contact>(), &["Contact"]),
        (read::<ContactPhoneNumber>(), &["ContactPhoneNumber"]),
        (read::<Group>(), &["Group"]),
        (read::<SigningGroup>(), &["SigningGroup"]),
        (read::<Template>(), &["EnvelopeTemplate"]),
        (read::<users::User>(), &["UserInformation"]),
        (read::<users::Group>(), &["Group"]),
        (read::<users::Address>(), &["AddressInformation"]),
        (read::<users::UserSettings>(), &["UserSettingsInformation"]),
        (read::<users::PermissionProfile>(), &["PermissionProfile"]),
        (read::<billing::Account>(), &["AccountInformation"]),
        (read::<billing::PlanAnswer>(), &["AccountBillingPlanResponse"]),
        (read::<billing::Plan>(), &["AccountBillingPlan"]),
        (read::<billing::FeatureSet>(), &["FeatureSet"]),
        (read::<billing::ChargesAnswer>(), &["BillingChargeResponse"]),
        (read::<billing::Charge>(), &["BillingCharge"]),
        (read::<billing::Invoice>(), &["BillingInvoice"]),
        (read::<billing::InvoiceItem>(), &["BillingInvoiceItem"]),
        (read::<ConnectConfiguration>(), &["ConnectCustomConfiguration"]),
        (read::<ConnectEventData>(), &["ConnectEventData"]),
    ]
}

/// The lists in which recipients and tabs stand, and which the unified model has a word for.
const LISTS: [(&str, &[&str]); 2] = [
    (
        "Recipients",
        &[
            "agents",
            "carbonCopies",
            "certifiedDeliveries",
            "editors",
            "inPersonSigners",
            "intermediaries",
            "notaries",
            "notaryWitnesses",
            "participants",
            "seals",
            "signers",
            "witnesses",
        ],
    ),
    (
        "Tabs",
        &[
            "companyTabs",
            "dateSignedTabs",
            "emailAddressTabs",
            "emailTabs",
            "fullNameTabs",
            "initialHereTabs",
            "radioGroupTabs",
            "signHereTabs",
            "textTabs",
            "titleTabs",
        ],
    ),
];

fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

fn excerpt() -> Names {
    serde_json::from_slice(&std::fs::read(root().join("fixtures/docusign/fields.json")).unwrap()).unwrap()
}

#[test]
fn every_field_that_we_read_is_one_that_docusign_writes() {
    let names = excerpt();
    for (fields, objects) in ours() {
        for field in &fields {
            assert!(
                objects.iter().any(|o| names[*o].contains(field)),
                "{field} stands in none of {objects:?}"
            );
        }
    }
    for (object, lists) in LISTS {
        for list in lists {
            assert!(names[object].contains(*list), "{list} does not stand in {object}");
        }
    }
}

#[test]
fn the_excerpt_of_docusigns_description_is_true_to_its_sources() {
    let spec = root().join("../shared/spec");
    if !spec.is_dir() {
        return; // A bare checkout: the excerpt was checked where it was made.
    }
    let json =
        |path: &Path| -> serde_json::Value { serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap() };
    let described = json(&spec.join("esignature.rest.swagger-v2.1.json"));
    let sdk = json(&spec.join("sdk-py-6.1.0-models.json"));
    for (object, fields) in excerpt() {
        let lower = format!("{}{}", object[..1].to_lowercase(), &object[1..]);
        let definition = &described["definitions"][&lower]["properties"];
        for field in fields {
            assert!(
                definition.get(&field).is_some() || sdk[&object].get(&field).is_some(),
                "{object}.{field} is in neither the description nor the SDK"
            );
        }
    }
}

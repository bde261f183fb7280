//! Legacy XML: `DocuSignEnvelopeInformation`, its elements in the order of the real messages, zone-less times.

use jiff::Timestamp;
use jiff::tz::{Offset, TimeZone};
use quick_xml::escape::escape;

use crate::simulator::life::{Envelope, EnvelopeStatus, Recipient, RecipientStatus, Role};

use super::{Configuration, Format, Message, padding};

/// DocuSign's own zone, by the names of Windows and of IANA.
const ZONE: (&str, &str) = ("Pacific Standard Time", "America/Los_Angeles");

/// The envelope as it stands. A template has no snapshot.
pub(super) fn snapshot(message: &Message, configuration: &Configuration) -> Vec<u8> {
    let Some(envelope) = message.step.subject.envelope() else { return Vec::new() };
    let generated_at = message.generated_at(Format::Xml);
    let mut xml = Writer::new(offset(generated_at));
    xml.text.push_str("<?xml version=\"1.0\" encoding=\"utf-8\"?>");
    xml.text.push_str("<DocuSignEnvelopeInformation xmlns:xsd=\"http://www.w3.org/2001/XMLSchema\"");
    xml.text.push_str(" xmlns:xsi=\"http://www.w3.org/2001/XMLSchema-instance\"");
    xml.text.push_str(" xmlns=\"http://www.docusign.net/API/3.0\">");
    xml.within("EnvelopeStatus", |xml| {
        xml.within("RecipientStatuses", |xml| {
            for recipient in &envelope.recipients {
                xml.within("RecipientStatus", |xml| recipient_status(xml, envelope, recipient));
            }
        });
        xml.time("TimeGenerated", Some(generated_at), 7);
        envelope_status(xml, envelope);
        custom_fields(xml, envelope, configuration);
        closing(xml, envelope);
    });
    if configuration.document_bytes > 0 {
        document_pdfs(&mut xml, envelope, configuration.document_bytes);
    }
    if configuration.time_zone {
        xml.leaf("TimeZone", ZONE.0);
        let hours = xml.offset.seconds() / 3_600;
        xml.leaf("TimeZoneOffset", &hours.to_string());
    }
    xml.text.push_str("</DocuSignEnvelopeInformation>");
    xml.text.into_bytes()
}

/// Hours between UTC and DocuSign's zone, which keeps daylight saving.
fn offset(at: Timestamp) -> Offset {
    let zone = TimeZone::get(ZONE.1).unwrap_or(TimeZone::UTC);
    zone.to_offset(at)
}

fn recipient_status(xml: &mut Writer, envelope: &Envelope, recipient: &Recipient) {
    let signer = recipient.role == Role::Signer;
    xml.leaf("Type", recipient.role.xml_word());
    xml.leaf("Email", &recipient.person.email);
    xml.leaf("UserName", &recipient.person.name);
    xml.leaf("RoutingOrder", &recipient.routing_order.to_string());
    xml.time("Sent", recipient.sent_at, 3);
    xml.time("Delivered", recipient.delivered_at, 3);
    xml.time("Signed", recipient.signed_at, 3);
    xml.time("Declined", recipient.declined_at, 3);
    match &recipient.declined_reason {
        Some(reason) => xml.leaf("DeclineReason", reason),
        None => xml.text.push_str("<DeclineReason xsi:nil=\"true\" />"),
    }
    if let Some(reason) = &recipient.auto_responded_reason {
        xml.leaf("AutoRespondedReason", reason);
    }
    xml.leaf("Status", recipient_word(recipient.status));
    xml.leaf("RecipientIPAddress", recipient.ip.as_deref().unwrap_or_default());
    if let Some(id) = &recipient.client_user_id {
        xml.leaf("ClientUserId", id);
    }
    if let Some(at) = recipient.authentication_failed_at {
        xml.within("RecipientAuthenticationStatus", |xml| {
            xml.within("AccessCodeResult", |xml| {
                xml.leaf("Status", "Failed");
                xml.time("EventTimestamp", Some(at), 3);
            });
        });
    }
    xml.leaf("CustomFields", "");
    if signer && let Some(document) = envelope.documents.first() {
        xml.within("TabStatuses", |xml| {
            xml.within("TabStatus", |xml| tab_status(xml, recipient, &document.id));
        });
    }
    xml.leaf("AccountStatus", "Active");
    xml.leaf("RecipientId", &recipient.guid.to_string());
}

fn tab_status(xml: &mut Writer, recipient: &Recipient, document: &str) {
    xml.leaf("TabType", "SignHere");
    xml.leaf("Status", if recipient.signed_at.is_some() { "Signed" } else { "Active" });
    xml.leaf("XPosition", "427.5");
    xml.leaf("YPosition", "321");
    xml.leaf("TabLabel", "Sign Here");
    xml.leaf("TabName", "SignHere");
    xml.leaf("TabValue", "");
    xml.leaf("DocumentID", document);
    xml.leaf("PageNumber", "1");
}

fn envelope_status(xml: &mut Writer, envelope: &Envelope) {
    let sender = &envelope.account.sender;
    xml.leaf("EnvelopeID", &envelope.id.to_string());
    xml.leaf("Subject", &envelope.subject);
    xml.leaf("UserName", &sender.name);
    xml.leaf("Email", &sender.email);
    xml.leaf("Status", envelope_word(envelope.status));
    xml.time("Created", Some(envelope.created_at), 3);
    xml.time("Deleted", envelope.deleted_at, 3);
    // What went before is rewritten when it is completed: all four tell that moment (connect.md §2.3).
    let completed = envelope.completed_at;
    xml.time("Sent", completed.or(envelope.sent_at), 3);
    xml.time("Delivered", completed.or(envelope.delivered_at), 3);
    xml.time("Signed", completed, 3);
    xml.time("Completed", completed, 3);
    xml.time("Declined", envelope.declined_at, 3);
    xml.time("TimedOut", envelope.voided_at.filter(|_| envelope.expired), 3);
    xml.leaf("ACStatus", "Original");
    xml.time("ACStatusDate", Some(envelope.created_at), 3);
    xml.leaf("ACHolder", &sender.name);
    xml.leaf("ACHolderEmail", &sender.email);
    xml.leaf("ACHolderLocation", "DocuSign");
    xml.leaf("SigningLocation", "Online");
    // Padded with blanks, as seen.
    xml.leaf("SenderIPAddress", &format!("{} ", envelope.account.sender_ip));
    xml.leaf("EnvelopePDFHash", "");
}

fn custom_fields(xml: &mut Writer, envelope: &Envelope, configuration: &Configuration) {
    let account = &envelope.account;
    let number = account.number.to_string();
    let of_account = [
        ("AccountId", "false", number.as_str()),
        ("AccountName", "false", &account.name),
        ("AccountSite", "false", "demo"),
    ];
    let shown = configuration.account_fields.then_some(of_account).into_iter().flatten();
    let own = envelope.custom_fields.iter().map(|field| (field.name.as_str(), "True", field.value.as_str()));
    let fields: Vec<_> = own.chain(shown).collect();
    if fields.is_empty() {
        return xml.leaf("CustomFields", "");
    }
    xml.within("CustomFields", |xml| {
        for (name, show, value) in fields {
            xml.within("CustomField", |xml| {
                xml.leaf("Name", name);
                xml.leaf("Show", show);
                xml.leaf("Required", "false");
                xml.leaf("Value", value);
                xml.leaf("CustomFieldType", "Text");
            });
        }
    });
}

fn closing(xml: &mut Writer, envelope: &Envelope) {
    xml.leaf("AutoNavigation", "true");
    xml.leaf("EnvelopeIdStamping", "true");
    xml.leaf("AuthoritativeCopy", "false");
    xml.within("DocumentStatuses", |xml| {
        for document in &envelope.documents {
            xml.within("DocumentStatus", |xml| {
                xml.leaf("ID", &document.id);
                xml.leaf("Name", &document.name);
                xml.leaf("TemplateName", "");
                xml.leaf("Sequence", &document.id);
            });
        }
    });
    if let Some(reason) = &envelope.voided_reason {
        xml.leaf("VoidReason", reason);
    }
}

fn document_pdfs(xml: &mut Writer, envelope: &Envelope, bytes: usize) {
    let content = padding(bytes, envelope.id.as_u128());
    xml.within("DocumentPDFs", |xml| {
        for document in &envelope.documents {
            xml.within("DocumentPDF", |xml| {
                xml.leaf("Name", &document.name);
                xml.leaf("PDFBytes", &content);
                xml.leaf("DocumentID", &document.id);
                xml.leaf("DocumentType", "CONTENT");
            });
        }
    });
}

fn envelope_word(status: EnvelopeStatus) -> &'static str {
    match status {
        EnvelopeStatus::Created => "Created",
        EnvelopeStatus::Sent => "Sent",
        EnvelopeStatus::Delivered => "Delivered",
        EnvelopeStatus::Completed => "Completed",
        EnvelopeStatus::Declined => "Declined",
        EnvelopeStatus::Voided => "Voided",
        EnvelopeStatus::Deleted => "Deleted",
    }
}

fn recipient_word(status: RecipientStatus) -> &'static str {
    match status {
        RecipientStatus::Created => "Created",
        RecipientStatus::Sent => "Sent",
        RecipientStatus::Delivered => "Delivered",
        RecipientStatus::Completed => "Completed",
        RecipientStatus::Declined => "Declined",
        RecipientStatus::AutoResponded => "AutoResponded",
    }
}

/// Writes elements one after another, without white space between them.
struct Writer {
    text: String,
    offset: Offset,
}

impl Writer {
    fn new(offset: Offset) -> Self {
        Self { text: String::with_capacity(6 * 1_024), offset }
    }

    fn within(&mut self, name: &str, content: impl FnOnce(&mut Self)) {
        self.text.extend(["<", name, ">"]);
        content(self);
        self.text.extend(["</", name, ">"]);
    }

    fn leaf(&mut self, name: &str, content: &str) {
        if content.is_empty() {
            self.text.extend(["<", name, " />"]);
        } else {
            self.text.extend(["<", name, ">", &escape(content), "</", name, ">"]);
        }
    }

    /// A local time without its zone; `digits` of fraction at most, trailing zeros cut off as .NET does.
    fn time(&mut self, name: &str, at: Option<Timestamp>, digits: u8) {
        let Some(at) = at else { return };
        let local = self.offset.to_datetime(at);
        let kept = 10_i32.pow(9 - u32::from(digits.min(9)));
        let cut = local.with().subsec_nanosecond(local.subsec_nanosecond() / kept * kept).build();
        let text = cut.unwrap_or(local).to_string();
        self.leaf(name, &text);
    }
}

//! A Connect configuration: its shape, which are ours, and what one must be like so that nothing is lost.
//!
//! Source: DocuSign's API description and its Connect documentation. All booleans are texts, and defaults bite: a
//! configuration that says nothing sends nothing, for nobody, and never twice.

use serde::Deserialize;
use serde_json::{Map, Value, json};

use super::tolerant::{Object, Scalar, Texts};

/// A configuration, as far as it is read here.
#[derive(Debug, Clone, PartialEq, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub struct ConnectConfiguration {
    /// DocuSign's number for it.
    pub connect_id: Scalar,
    /// Its name.
    pub name: Scalar,
    /// Where its messages go.
    pub url_to_publish_to: Scalar,
    /// `custom` for webhooks of an account.
    pub configuration_type: Scalar,
    /// Whether it sends anything; false by default.
    pub allow_envelope_publish: Scalar,
    /// Whether for all users; false by default.
    pub all_users: Scalar,
    /// For which users otherwise.
    pub user_ids: Texts,
    /// For which groups otherwise.
    pub group_ids: Texts,
    /// `SIM` for a message for each event, `Aggregate` for one about the envelope as it stands.
    pub delivery_mode: Scalar,
    /// The events of `SIM`.
    pub events: Texts,
    /// What messages carry, and in which format.
    pub event_data: Object<ConnectEventData>,
    /// Whether messages are signed.
    #[serde(rename = "includeHMAC")]
    pub include_hmac: Scalar,
    /// Whether with the keys of the account that owns the integration key, and not with the account's own.
    pub integrator_managed: Scalar,
    /// Whether a delivery that failed is repeated.
    pub requires_acknowledgement: Scalar,
    /// Whether DocuSign keeps a log.
    pub enable_log: Scalar,
    /// Whether it was paused.
    pub pause_publish: Scalar,
    /// Who disabled it.
    pub disabled_by: Scalar,
    /// Whether DocuSign shows a client certificate.
    pub require_mutual_tls: Scalar,
    /// The same by another name.
    pub sign_message_with_x509_certificate: Scalar,
    /// Whether messages come in SOAP.
    pub use_soap_interface: Scalar,
    /// Whether messages carry documents, in the legacy formats.
    pub include_documents: Scalar,
}

/// What messages carry.
#[derive(Debug, Clone, PartialEq, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub struct ConnectEventData {
    /// `restv2.1` for JSON; absent or `legacy` for XML.
    pub version: Scalar,
    /// `json`.
    pub format: Scalar,
    /// What comes along: `recipients`, `custom_fields`, `documents` …
    pub include_data: Texts,
}

/// Events that tell a status: without one of them, its changes come late and only by reconciling.
pub const STATUS_EVENTS: [&str; 13] = [
    "envelope-created",
    "envelope-sent",
    "envelope-delivered",
    "envelope-completed",
    "envelope-declined",
    "envelope-voided",
    "envelope-deleted",
    "envelope-discard",
    "recipient-sent",
    "recipient-delivered",
    "recipient-completed",
    "recipient-declined",
    "recipient-autoresponded",
];

/// Events that move no status: nothing else tells of them.
pub const ACTIVITY_EVENTS: [&str; 8] = [
    "envelope-resent",
    "envelope-corrected",
    "envelope-purge",
    "recipient-resent",
    "recipient-authenticationfailed",
    "recipient-reassign",
    "recipient-delegate",
    "recipient-finish-later",
];

/// What messages should carry, so that they tell who and not only which number.
pub const INCLUDE_DATA: [&str; 2] = ["custom_fields", "recipients"];

/// Where we are reached, as far as it is known.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Here {
    /// The address under which `/connect` lies, without a slash at its end.
    pub url: Option<String>,
    /// The sources: one answers at `/connect/{name}`, and `default` at `/connect` too.
    pub sources: Vec<String>,
}

impl Here {
    /// Whether an address is one at which we take deliveries: by its whole where our own is known, else by its path.
    pub fn takes(&self, url: &str) -> bool {
        let Some(path) = self.path_of(url) else { return false };
        let path = path.trim_end_matches('/');
        let named = |name: &String| path.ends_with(&format!("/connect/{name}"));
        let ours = path.ends_with("/connect") || self.sources.iter().any(named);
        ours && (self.url.is_none() || path.trim_start_matches('/').starts_with("connect"))
    }

    /// Whether an address is on our host, whatever its path.
    pub fn is_host_of(&self, url: &str) -> bool {
        self.url.is_some() && self.path_of(url).is_some()
    }

    /// What comes after our own address, or after the host where ours is not known; none of another's address.
    fn path_of<'a>(&self, url: &'a str) -> Option<&'a str> {
        let bare = url.split(['?', '#']).next().unwrap_or(url);
        match &self.url {
            Some(own) => {
                let (start, rest) = bare.split_at_checked(own.len())?;
                (start.eq_ignore_ascii_case(own) && (rest.is_empty() || rest.starts_with('/')))
                    .then_some(rest)
            }
            None => {
                let (_, behind) = bare.split_once("://")?;
                Some(behind.find('/').map_or("", |at| &behind[at..]))
            }
        }
    }
}

/// A field that a configuration must be given another value in.
#[derive(Debug, Clone, PartialEq)]
pub struct Mend {
    /// Its name, with dots between levels.
    pub field: &'static str,
    /// What stands there; null where nothing does.
    pub from: Value,
    /// What should.
    pub to: Value,
}

/// A configuration as it should be, and what is changed for that; `existing` is left as it is in all else. A new one
/// where there is none.
pub fn mended(existing: Option<&Value>, url: &str, name: &str) -> (Value, Vec<Mend>) {
    let mut whole = existing.and_then(Value::as_object).cloned().unwrap_or_else(|| {
        let new = json!({"configurationType": "custom", "name": name});
        new.as_object().cloned().unwrap_or_default()
    });
    // DocuSign tells a hash of it, which would become the password; and who disabled it is not ours to say.
    whole.remove("password");
    whole.remove("disabledBy");
    let read: ConnectConfiguration = serde_json::from_value(Value::Object(whole.clone())).unwrap_or_default();
    let data = read.event_data.0.clone().unwrap_or_default();
    let mut mends = Mends { whole, mends: Vec::new() };
    mends.text("urlToPublishTo", &read.url_to_publish_to, url);
    mends.text("allowEnvelopePublish", &read.allow_envelope_publish, "true");
    if read.user_ids.0.is_empty() && read.group_ids.0.is_empty() {
        mends.text("allUsers", &read.all_users, "true");
    }
    mends.text("deliveryMode", &read.delivery_mode, "SIM");
    mends.text("includeHMAC", &read.include_hmac, "true");
    mends.text("requiresAcknowledgement", &read.requires_acknowledgement, "true");
    mends.text("enableLog", &read.enable_log, "true");
    for (field, told) in
        [("pausePublish", &read.pause_publish), ("useSoapInterface", &read.use_soap_interface)]
    {
        if told.flag() == Some(true) {
            mends.text(field, told, "false");
        }
    }
    let events: Vec<&str> = STATUS_EVENTS.into_iter().chain(ACTIVITY_EVENTS).collect();
    mends.list("events", &read.events, &events);
    mends.event_data(&data);
    (Value::Object(mends.whole), mends.mends)
}

struct Mends {
    whole: Map<String, Value>,
    mends: Vec<Mend>,
}

impl Mends {
    fn text(&mut self, field: &'static str, told: &Scalar, wanted: &str) {
        if !told.text().is_some_and(|text| text.eq_ignore_ascii_case(wanted)) {
            let from = self.whole.insert(field.to_owned(), json!(wanted)).unwrap_or_default();
            self.mends.push(Mend { field, from, to: json!(wanted) });
        }
    }

    fn list(&mut self, field: &'static str, told: &Texts, wanted: &[&str]) {
        if let Some(to) = extended(told, wanted) {
            let from = self.whole.insert(field.to_owned(), to.clone()).unwrap_or_default();
            self.mends.push(Mend { field, from, to });
        }
    }

    fn event_data(&mut self, told: &ConnectEventData) {
        let mut data = self.whole.get("eventData").and_then(Value::as_object).cloned().unwrap_or_default();
        let before = self.mends.len();
        for (key, field, scalar, wanted) in [
            ("version", "eventData.version", &told.version, "restv2.1"),
            ("format", "eventData.format", &told.format, "json"),
        ] {
            if !scalar.text().is_some_and(|text| text.eq_ignore_ascii_case(wanted)) {
                let from = data.insert(key.to_owned(), json!(wanted)).unwrap_or_default();
                self.mends.push(Mend { field, from, to: json!(wanted) });
            }
        }
        if let Some(to) = extended(&told.include_data, &INCLUDE_DATA) {
            let from = data.insert("includeData".to_owned(), to.clone()).unwrap_or_default();
            self.mends.push(Mend { field: "eventData.includeData", from, to });
        }
        if self.mends.len() > before {
            self.whole.insert("eventData".to_owned(), Value::Object(data));
        }
    }
}

/// A list with what it lacks; none where it lacks nothing.
fn extended(told: &Texts, wanted: &[&str]) -> Option<Value> {
    let lacking: Vec<&str> = wanted.iter().copied().filter(|text| !told.has(text)).collect();
    let all = told.0.iter().map(String::as_str).chain(lacking.iter().copied());
    (!lacking.is_empty()).then(|| json!(all.collect::<Vec<_>>()))
}

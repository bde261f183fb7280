//! What is wrong with an account's Connect configurations: what each fault costs, and how to mend it.

use super::connect_configuration::{
    ACTIVITY_EVENTS, ConnectConfiguration, Here, INCLUDE_DATA, STATUS_EVENTS,
};
use super::tolerant::Scalar;

/// How bad a finding is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Severity {
    /// Messages are lost, refused or cannot be used.
    Fault,
    /// It works, and could do better.
    Advice,
}

impl Severity {
    /// The severity's word.
    pub fn word(self) -> &'static str {
        match self {
            Self::Fault => "fault",
            Self::Advice => "advice",
        }
    }
}

/// Something wrong with a configuration, or with all of them together.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finding {
    /// A stable word.
    pub code: &'static str,
    /// How bad it is.
    pub severity: Severity,
    /// Whose; none where it is about the account.
    pub connect_id: Option<String>,
    /// What is so.
    pub what: String,
    /// What it costs.
    pub cost: &'static str,
    /// How to mend it.
    pub todo: &'static str,
}

const REGISTER: &str = "`countersign connect register` sets it";

/// What is wrong with the configurations of an account that publish here, and whether any does.
pub fn lint(configurations: &[ConnectConfiguration], here: &Here) -> Vec<Finding> {
    let url = |one: &ConnectConfiguration| one.url_to_publish_to.owned().unwrap_or_default();
    let mut findings = Vec::new();
    let ours: Vec<_> = configurations.iter().filter(|one| here.takes(&url(one))).collect();
    for one in configurations {
        let address = url(one);
        if here.takes(&address) {
            Linter { one, findings: &mut findings }.examine(&address);
        } else if here.is_host_of(&address) {
            Linter { one, findings: &mut findings }.fault(
                "url_path",
                format!("it publishes to {address}, where no source of ours takes deliveries"),
                "every message is answered 404, and DocuSign disables the configuration after some days",
                "publish to …/connect, or to …/connect/NAME of a configured source",
            );
        }
    }
    for (at, one) in ours.iter().enumerate() {
        let twin = ours[..at].iter().find(|other| url(other).eq_ignore_ascii_case(&url(one)));
        if twin.is_some() && sends(one) {
            Linter { one, findings: &mut findings }.advice(
                "doubled",
                "another configuration publishes to the same address".to_owned(),
                "each event comes twice, and the second one is a duplicate: it costs room and nothing else",
                "keep one of the two",
            );
        }
    }
    if ours.is_empty() {
        findings.push(Finding {
            code: "none",
            severity: Severity::Fault,
            connect_id: None,
            what: "no configuration of the account publishes here".to_owned(),
            cost: "nothing is told but what reconciling finds, unless envelopes name their own webhook",
            todo: "`countersign connect register` makes one",
        });
    }
    findings
}

fn sends(one: &ConnectConfiguration) -> bool {
    one.allow_envelope_publish.flag() == Some(true) && one.pause_publish.flag() != Some(true)
}

struct Linter<'a> {
    one: &'a ConnectConfiguration,
    findings: &'a mut Vec<Finding>,
}

impl Linter<'_> {
    fn add(
        &mut self,
        code: &'static str,
        severity: Severity,
        what: String,
        cost: &'static str,
        todo: &'static str,
    ) {
        let connect_id = self.one.connect_id.owned();
        self.findings.push(Finding { code, severity, connect_id, what, cost, todo });
    }

    fn fault(&mut self, code: &'static str, what: String, cost: &'static str, todo: &'static str) {
        self.add(code, Severity::Fault, what, cost, todo);
    }

    fn advice(&mut self, code: &'static str, what: String, cost: &'static str, todo: &'static str) {
        self.add(code, Severity::Advice, what, cost, todo);
    }

    fn examine(&mut self, url: &str) {
        self.standing();
        self.transport(url);
        self.messages();
        self.contents();
    }

    /// Whether it sends at all, and for whom.
    fn standing(&mut self) {
        let one = self.one;
        if let Some(who) = one.disabled_by.text() {
            let what = format!("it was disabled by {who}");
            let cost = "nothing is sent; DocuSign disables configurations that fail for days";
            self.fault("disabled", what, cost, "mend what made it fail, then `countersign connect register`");
        }
        if one.allow_envelope_publish.flag() != Some(true) {
            let what = "allowEnvelopePublish is not true".to_owned();
            self.fault("not_published", what, "it is there and sends nothing", REGISTER);
        }
        if one.pause_publish.flag() == Some(true) {
            let cost = "messages wait at DocuSign, and are dropped after some days";
            self.fault("paused", "it is paused".to_owned(), cost, REGISTER);
        }
        if one.all_users.flag() != Some(true) {
            if one.user_ids.0.is_empty() && one.group_ids.0.is_empty() {
                let what = "allUsers is not true, and no user is named".to_owned();
                self.fault("no_users", what, "it tells of nobody's envelopes", REGISTER);
            } else {
                let what = "it is for some users only".to_owned();
                let cost = "envelopes of the others are told by reconciling only";
                self.advice("some_users", what, cost, "set allUsers where all are meant");
            }
        }
        if one.requires_acknowledgement.flag() != Some(true) {
            let cost =
                "a delivery that fails is never repeated: while this server is away, messages are lost";
            self.fault(
                "no_acknowledgement",
                "requiresAcknowledgement is not true".to_owned(),
                cost,
                REGISTER,
            );
        }
        if one.enable_log.flag() == Some(false) {
            let cost = "DocuSign shows no failures of it";
            self.advice("log_off", "enableLog is false".to_owned(), cost, REGISTER);
        }
    }

    /// How messages come here, and whether they are signed.
    fn transport(&mut self, url: &str) {
        let one = self.one;
        if !url.to_ascii_lowercase().starts_with("https://") {
            let what = format!("{url} is not https");
            let cost = "DocuSign publishes to https addresses only";
            self.fault("url_not_https", what, cost, "put a proxy that ends TLS before this server");
        }
        if one.include_hmac.flag() != Some(true) {
            let cost = "messages come unsigned, and each is refused";
            self.fault("hmac_off", "includeHMAC is not true".to_owned(), cost, REGISTER);
        } else if one.integrator_managed.flag() != Some(true) {
            let what =
                "integratorManaged is not true: messages are signed with the account's own keys".to_owned();
            let cost = "each account's keys must be known here";
            let todo =
                "where the integration's own keys are in hmac_keys, set it, for one list of keys serves all";
            self.advice("integrator_managed", what, cost, todo);
        }
        let certificate = [&one.require_mutual_tls, &one.sign_message_with_x509_certificate];
        if certificate.into_iter().any(|flag| flag.flag() == Some(true)) {
            let what = "DocuSign shows a client certificate".to_owned();
            let cost = "a proxy that asks for one and does not know DocuSign's refuses every message";
            self.advice(
                "mutual_tls",
                what,
                cost,
                "let the proxy check it, or switch it off: messages are signed",
            );
        }
        if one.use_soap_interface.flag() == Some(true) {
            let cost = "every message is refused with 415, and DocuSign takes each for a time-out";
            self.fault("soap", "messages come in SOAP".to_owned(), cost, REGISTER);
        }
    }

    /// Which messages come.
    fn messages(&mut self) {
        let one = self.one;
        let is =
            |scalar: &Scalar, word: &str| scalar.text().is_some_and(|text| text.eq_ignore_ascii_case(word));
        let data = one.event_data.0.clone().unwrap_or_default();
        if !is(&data.version, "restv2.1") {
            let what = "eventData.version is not restv2.1".to_owned();
            let cost =
                "messages come as XML, which tells other ids of accounts and recipients and no single events";
            self.fault("event_version", what, cost, REGISTER);
        } else if data.format.text().is_some() && !is(&data.format, "json") {
            let what = "eventData.format is not json".to_owned();
            self.fault("event_format", what, "messages come in another format", REGISTER);
        }
        if !is(&one.delivery_mode, "SIM") {
            let what = "deliveryMode is not SIM".to_owned();
            let cost =
                "messages tell how an envelope stands and not what happened: statuses in between are missing";
            self.fault("delivery_mode", what, cost, REGISTER);
            return;
        }
        let missing = |wanted: &[&str]| {
            let lacking: Vec<_> = wanted.iter().copied().filter(|event| !one.events.has(event)).collect();
            (!lacking.is_empty()).then(|| format!("it does not tell {}", lacking.join(", ")))
        };
        if let Some(what) = missing(&STATUS_EVENTS) {
            let cost = "these changes come late, and only because reconciling finds them";
            self.fault("events_missing", what, cost, REGISTER);
        }
        if let Some(what) = missing(&ACTIVITY_EVENTS) {
            self.advice("activities_missing", what, "these activities are never told", REGISTER);
        }
    }

    /// What messages carry.
    fn contents(&mut self) {
        let data = self.one.event_data.0.clone().unwrap_or_default();
        let lacking: Vec<_> = INCLUDE_DATA.into_iter().filter(|word| !data.include_data.has(word)).collect();
        if !lacking.is_empty() {
            let what = format!("includeData lacks {}", lacking.join(", "));
            let cost = "changes name nobody until the signing request was fetched, which costs a call each";
            self.advice("data_missing", what, cost, REGISTER);
        }
        if data.include_data.has("documents") || self.one.include_documents.flag() == Some(true) {
            let what = "messages carry the documents".to_owned();
            let cost =
                "each has megabytes, and DocuSign repeats it whole: a slow line turns into failed deliveries";
            self.advice(
                "documents",
                what,
                cost,
                "leave `documents` out of includeData; fetch them over REST",
            );
        }
    }
}
